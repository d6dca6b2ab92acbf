"""Daily bars as traded, and the splits and dividends by which reading adjusts them.

What is due is measured against the sessions of the New York exchanges and against the rows: a session
that is not covered, and a covered span whose bars are fewer than the source sent, are due again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import msgspec

from evertape.datasets import universe
from evertape.formats import sessions
from evertape.formats.bars import Bar, Series, as_traded, rescaled
from evertape.model.dataset import Asked, Dataset, Evidence, Wanted
from evertape.model.feed import Backoff
from evertape.model.records import Record, Row, column
from evertape.model.unit import Freshness, Holding, Outcome, Span, Standing, Unit

NAME = "prices"
RECENT_SESSIONS = 2
"""Up to so many sessions behind counts as current; more is stale."""
VERY_STALE = timedelta(days=7)
HOLES = 3
"""A session without a bar between two with one is asked for so often, then taken for one without trades."""
SAME = 0.005
"""Two closes of one session that differ by less than this share are the same price."""
RECENT_CLOSES = 21
RECENT_HOLES = 20
LEAST_MOVES = 10
DEVIATIONS = 3.0
ABSENCE = Backoff(first=timedelta(days=1), most=timedelta(days=30), strikes=1_000_000)
"""A symbol that no source knows is asked for again after a day, then two, four, up to thirty."""


class DailyPrice(Record):
    """A session's bar of a listing as traded, from one source; sources' bars stand beside each other."""

    table = "daily_prices"
    key = ("listing_id", "day", "source")
    indexes = (("day",),)

    listing_id: int = column("the listing, see listings")
    day: date = column("New York date of the session")
    source: str = column("the source that sent it")
    open: float | None = column("first price, as traded", unit="currency a share")
    high: float | None = column("highest price, as traded", unit="currency a share")
    low: float | None = column("lowest price, as traded", unit="currency a share")
    close: float | None = column("last price of the session, as traded", unit="currency a share")
    volume: float | None = column("shares traded, in shares of that day", unit="shares")
    vwap: float | None = column("volume-weighted average price, as traded", unit="currency a share")
    trades: int | None = column("number of trades")
    split_basis: date | None = column(
        "the numbers count shares as of this day, since the source adjusts for splits and does not tell "
        "them; null: as traded"
    )
    fetched_at: datetime = column("when the source answered, UTC")


class CorporateAction(Record):
    """A split or a cash dividend of a listing, as one source announced it."""

    table = "corporate_actions"
    key = ("listing_id", "ex_date", "kind", "source")

    listing_id: int = column("the listing, see listings")
    ex_date: date = column("first session at the new share count, or without the dividend")
    kind: str = column('"split" or "dividend"')
    source: str = column("the source that told it")
    numerator: float | None = column("of a split: shares after it ...", unit="shares")
    denominator: float | None = column("... for so many before it", unit="shares")
    amount: float | None = column("of a dividend: cash a share as it was paid", unit="currency a share")
    currency: str | None = column("of the dividend; null where the source names none")
    fetched_at: datetime = column("when the source answered, UTC")


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a holding remembers of a listing's bars, so that lost rows and rewrites are noticed.

    `n` sessions with a bar in the covered span; the latest `closes` as traded, the last of them on `last`;
    `holes`: sessions inside the span that had no bar, and how often they were looked for.
    """

    n: int = 0
    last: date | None = None
    closes: tuple[float, ...] = ()
    holes: dict[str, int] = {}


_MARK = msgspec.json.Decoder(Mark)


def mark_of(holding: Holding | None) -> Mark:
    """What the holding remembers; an empty mark where there is none."""
    return _MARK.decode(holding.mark) if holding is not None and holding.mark else Mark()


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What is known of one listing: its coverage, and how many sessions have a bar in the rows."""

    held: Holding | None
    bars: int

    @property
    def span(self) -> Span | None:
        return self.held.unit.span if self.held else None


def due(evidence: Evidence, asked: Asked, now: datetime) -> Sequence[Standing]:
    """One standing a listing: the sessions since `asked.since` that no source has answered for."""
    closed = sessions.last_closed(now)
    last = closed if asked.until is None else min(closed, sessions.on_or_before(asked.until))
    first = sessions.on_or_after(asked.since)
    held = evidence.holdings.get(NAME, {})
    counts = {row[0]: row[-1] for row in evidence.rows.get(DailyPrice.table, ())}
    wanted = Span(first, last) if first <= last else None
    return [
        _standing(
            key, symbol, _Seen(held=held.get(key), bars=counts.get(universe.ident_of(key), 0)), wanted, now
        )
        for key, symbol in asked.listings.items()
    ]


def _standing(key: str, symbol: str, seen: _Seen, wanted: Span | None, now: datetime) -> Standing:
    standing = Standing(dataset=NAME, key=key, label=symbol, level=Freshness.FRESH)
    if wanted is None:
        return standing
    held = seen.held
    if held is not None and held.outcome is not Outcome.SETTLED:
        waiting = held.not_before is not None and now < held.not_before
        unit = None if waiting else Unit(NAME, key, wanted)
        return replace(standing, level=Freshness.PENDING, reason=held.note, unit=unit)
    if seen.span is None:
        return replace(
            standing, level=Freshness.MISSING, unit=Unit(NAME, key, wanted), reason="never fetched"
        )
    return _covered(standing, seen, seen.span, wanted)


def _covered(standing: Standing, seen: _Seen, covered: Span, wanted: Span) -> Standing:
    """The part of `wanted` that is not covered, with what was lost or skipped inside of it."""
    mark = mark_of(seen.held)
    again = sorted(date.fromisoformat(day) for day, strikes in mark.holes.items() if strikes < HOLES)
    edges = []
    if wanted.start < covered.start:
        edges += [wanted.start, sessions.before(covered.start)]
    if wanted.end > covered.end:
        edges += [sessions.after(covered.end), wanted.end]
    lost = seen.bars < mark.n
    if lost:
        edges += [covered.start, covered.end]
    edges += [day for day in again if wanted.start <= day <= wanted.end]
    if not edges:
        return standing
    span = Span(min(edges), max(edges))
    missing = sessions.count(span.start, span.end) if not lost else mark.n - seen.bars
    behind = max(0, sessions.count(covered.end, wanted.end) - 1)
    reason = f"{mark.n - seen.bars} bars are missing in what is covered" if lost else f"{missing} sessions"
    level = _level(behind, (wanted.end - covered.end).days)
    if level is Freshness.FRESH and (lost or wanted.start < covered.start):
        level = Freshness.STALE
    overlap = (mark.last.isoformat(),) if mark.last and not lost and span.start > mark.last else ()
    days = (wanted.end - covered.end).days if level.stale else None
    return replace(
        standing,
        level=level,
        days=days,
        missing=missing,
        unit=Unit(NAME, standing.key, span),
        reason=reason,
        evidence=overlap,
    )


def _level(behind: int, days: int) -> Freshness:
    if behind == 0:
        return Freshness.FRESH
    if behind <= RECENT_SESSIONS:
        return Freshness.RECENT
    return Freshness.VERY_STALE if timedelta(days=days) > VERY_STALE else Freshness.STALE


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one answer says of one listing: its span of `unit`, as `series` has it, from `source`."""

    unit: Unit
    series: Series
    source: str
    at: datetime
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Read:
    """What an answer makes true: rows of bars, actions and findings, the coverage, and what was noticed."""

    bars: tuple[Row, ...] = ()
    actions: tuple[Row, ...] = ()
    findings: tuple[Row, ...] = ()
    holding: Holding | None
    notes: tuple[str, ...] = ()


def settle(answer: Answer, was: Holding | None) -> Read:
    """An answer as rows and coverage. Pure.

    A series adjusted for splits that the source tells is given back as it was traded. Where the session
    that is held already comes out at another price by exactly a known split, the source has rewritten its
    history on another basis than it says: its bars before that split are put right by the ratio, and a
    note says so. Where nothing explains the other price the unit is left unsettled, so that the next
    source is asked; its rows are kept.
    """
    symbol, cik = universe.split_listing(answer.unit.key)
    span = answer.unit.span
    if span is None:
        raise ValueError(f"{answer.unit.key} was asked for without days")
    mark = mark_of(was)
    traded, notes, explained = _on_basis(as_traded(answer.series), mark, symbol)
    bars = [bar for bar in traded.bars if span.start <= bar.day <= span.end and not bar.empty]
    covered = was.unit.span if was is not None and was.outcome is Outcome.SETTLED else None
    strikes = was.strikes + 1 if was is not None and covered is None else 1
    nothing = covered is None and not bars
    ident = universe.listing_id(symbol, cik)
    basis = traded.basis if traded.adjusted else None
    holding = Holding(
        unit=replace(answer.unit, span=_hull(covered, span)),
        outcome=Outcome.NOTHING if nothing else Outcome.SETTLED,
        checked_at=answer.at,
        source=answer.source,
        strikes=strikes if nothing else 0,
        not_before=ABSENCE.not_before(answer.at, strikes) if nothing else None,
        size=answer.size,
        mark="" if nothing else msgspec.json.encode(_marked(mark, covered, span, bars)).decode(),
        note=f"no prices from {answer.source}" if nothing else "",
    )
    return Read(
        bars=tuple((ident, b.day, answer.source, *b[1:], basis, answer.at) for b in bars),
        actions=tuple(_actions(ident, traded, answer)),
        findings=tuple(_findings(symbol, cik, bars, mark, traded, answer.at)),
        holding=holding if explained else None,
        notes=notes,
    )


def _hull(covered: Span | None, span: Span) -> Span:
    if covered is None:
        return span
    return Span(min(covered.start, span.start), max(covered.end, span.end))


def _marked(mark: Mark, covered: Span | None, span: Span, bars: Sequence[Bar]) -> Mark:
    """What to remember once `span` is covered too."""
    days = {bar.day for bar in bars}
    whole = covered is None or span.covers(covered)
    fresh = [d for d in days if whole or covered is None or not covered.start <= d <= covered.end]
    filled = 0 if whole else sum(day.isoformat() in mark.holes for day in days)
    holes = {} if whole and covered is None else dict(mark.holes)
    first = mark.last is None or whole
    start = min(days, default=span.end) if first else span.start
    for day in sessions.between(start, span.end):
        known = day.isoformat()
        if day in days:
            holes.pop(known, None)
        elif known in holes or covered is None or whole or not covered.start <= day <= covered.end:
            holes[known] = holes.get(known, 0) + 1
    last = mark.last
    closes = mark.closes
    newer = [bar for bar in bars if last is None or bar.day > last]
    if newer:
        last = newer[-1].day
        closes = (*closes, *(b.close for b in newer if b.close is not None))[-RECENT_CLOSES:]
    n = len(days) if whole else mark.n + len(fresh) + filled
    kept = sorted(holes)[-RECENT_HOLES:]
    return Mark(n=n, last=last, closes=closes, holes={day: holes[day] for day in kept})


def _on_basis(traded: Series, mark: Mark, symbol: str) -> tuple[Series, tuple[str, ...], bool]:
    """Check the session that is held already against its close; see `settle`."""
    again = next((bar.close for bar in traded.bars if bar.day == mark.last), None)
    if again is None or mark.last is None or not mark.closes or not mark.closes[-1] or not again:
        return traded, (), True
    ratio = again / mark.closes[-1]
    if abs(ratio - 1.0) <= SAME:
        return traded, (), True
    for split in traded.splits:
        for factor in (split.ratio, 1.0 / split.ratio):
            if split.day > mark.last and abs(ratio / factor - 1.0) <= SAME:
                mended = tuple(
                    rescaled(bar, 1.0 / factor) if bar.day < split.day else bar for bar in traded.bars
                )
                note = (
                    f"{symbol}: the source's prices before the split of {split.day} are {factor:g} times "
                    "what was traded; put right by that ratio"
                )
                return replace(traded, bars=mended), (note,), True
    note = f"{symbol}: {mark.last} closed at {mark.closes[-1]:g}, and the source now says {again:g}"
    return traded, (note,), False


def _actions(ident: int, traded: Series, answer: Answer) -> Iterator[Row]:
    for split in traded.splits:
        counts = (split.numerator, split.denominator)
        yield (ident, split.day, "split", answer.source, *counts, None, None, answer.at)
    for paid in traded.dividends:
        amount = (paid.amount, paid.currency or traded.currency)
        yield (ident, paid.day, "dividend", answer.source, None, None, *amount, answer.at)


def _findings(
    symbol: str, cik: int, bars: Sequence[Bar], mark: Mark, traded: Series, at: datetime
) -> Iterator[Row]:
    """Doubts about bars: outside their own range, or a move beyond three deviations without a split."""
    split_days = {split.day for split in traded.splits}
    closes = list(mark.closes) if mark.last and bars and bars[0].day > mark.last else []
    for bar in bars:
        for name, said, found in _contradictions(bar):
            row = ("bar_range", DailyPrice.table, bar.day, symbol, name, "hard", None, found, None, said)
            yield (cik, *row, None, at, None)
        move = _surprise(closes, bar.close) if bar.day not in split_days else None
        if move is not None and bar.close is not None:
            expected, size = move
            said = (
                f"{symbol} closed at {bar.close:g} on {bar.day}, {size:.1f} standard deviations of the "
                f"{len(closes) - 1} sessions before from {expected:g}, and no split is known"
            )
            row = ("bar_move", DailyPrice.table, bar.day, symbol, "close", "soft", expected, bar.close)
            yield (cik, *row, abs(bar.close / expected - 1.0), said, None, at, None)
        if bar.day in split_days:
            closes = []
        if bar.close is not None and bar.close > 0:
            closes = [*closes[-RECENT_CLOSES + 1 :], bar.close]


def _contradictions(bar: Bar) -> Iterator[tuple[str, str, float | None]]:
    for name, value in (("open", bar.open), ("high", bar.high), ("low", bar.low), ("close", bar.close)):
        if value is not None and not 0 < value < math.inf:
            yield name, f"{bar.day}: {name} is {value}, which is no price", value
        elif value is not None and bar.low is not None and bar.high is not None:
            if not bar.low * (1 - 1e-6) <= value <= bar.high * (1 + 1e-6):
                said = f"{bar.day}: {name} {value:g} is outside the day's range {bar.low:g} to {bar.high:g}"
                yield name, said, value
    if bar.volume is not None and bar.volume < 0:
        yield "volume", f"{bar.day}: volume is {bar.volume:g}", bar.volume


def _surprise(closes: Sequence[float], close: float | None) -> tuple[float, float] | None:
    """The close before, and how many standard deviations of the moves before this one is; None where it is
    within three, or fewer than ten moves are known."""
    if close is None or close <= 0 or len(closes) <= LEAST_MOVES:
        return None
    moves = [math.log(b / a) for a, b in itertools.pairwise(closes)]
    mean = sum(moves) / len(moves)
    deviation = math.sqrt(sum((m - mean) ** 2 for m in moves) / (len(moves) - 1))
    size = abs(math.log(close / closes[-1]) - mean) / deviation if deviation > 0 else 0.0
    return (closes[-1], size) if size > DEVIATIONS else None


DATASET = Dataset(
    name=NAME,
    doc="daily bars as traded, splits and dividends",
    records=(DailyPrice, CorporateAction),
    needs=("universe",),
    wanted=(Wanted(record=DailyPrice, columns=("listing_id",), counting="day"),),
    due=due,
    goals=("market",),
    absence=ABSENCE,
)
