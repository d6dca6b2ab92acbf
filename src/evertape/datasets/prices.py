"""Daily bars as traded, and the splits and dividends by which reading adjusts them.

What is due is measured against the sessions of the New York exchanges and against the rows: a session
that is not covered, and a covered span whose bars are fewer than the source sent, are due again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import msgspec

from evertape.clock import new_york_date
from evertape.datasets import universe
from evertape.datasets.price_bases import CENT, LEAST_SPLIT, SAME, on_basis, same
from evertape.datasets.price_marks import HOLES, Mark, mark_of, marked, quiet
from evertape.formats import sessions
from evertape.formats.bar_doubts import RECENT_CLOSES, Doubt, moves, out_of_range, recent, sound
from evertape.formats.bars import Bar, Series, Split, as_traded
from evertape.model.dataset import Asked, Dataset, Evidence, Wanted
from evertape.model.feed import Backoff
from evertape.model.records import Record, Row, column
from evertape.model.unit import Freshness, Holding, Outcome, Span, Standing, Unit

__all__ = [
    "CENT", "DATASET", "HOLES", "LEAST_SPLIT", "NAME", "SAME", "Answer", "CorporateAction", "DailyPrice",
    "Mark", "Read", "due", "mark_of", "quiet", "same", "settle",
]  # fmt: skip

NAME = "prices"
RECENT_SESSIONS = 2
"""Up to so many sessions behind counts as current; more is stale."""
VERY_STALE = timedelta(days=7)
MOVES_FOR = timedelta(days=30)
"""Moves beyond three deviations are doubted in sessions up to so long before the answer. Older ones have been
seen by everybody who could have corrected them, and a whole market's history has hundreds of thousands."""
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
    amount: float | None = column(
        "of a dividend: cash a share as it was paid, see split_basis", unit="currency a share"
    )
    currency: str | None = column("of the dividend; null where the source names none")
    split_basis: date | None = column(
        "the dividend is for a share as of this day, since the source adjusts for splits and does not tell "
        "them; null: as it was paid"
    )
    fetched_at: datetime = column("when the source answered, UTC")


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What is known of one listing: its coverage, and how many sessions have a bar in the rows."""

    held: Holding | None
    bars: int


def due(evidence: Evidence, asked: Asked, now: datetime) -> Sequence[Standing]:
    """One standing a listing: the sessions since `asked.since` that no source has answered for."""
    wanted = _wanted(asked, now)
    held = evidence.holdings.get(NAME, {})
    counts = {row[0]: row[-1] for row in evidence.rows.get(DailyPrice.table, ())}
    return [
        _standing(
            key, symbol, _Seen(held=held.get(key), bars=counts.get(universe.ident_of(key), 0)), wanted, now
        )
        for key, symbol in asked.listings.items()
    ]


def _wanted(asked: Asked, now: datetime) -> Span | None:
    last = sessions.last_closed(now)
    days = sessions.between(asked.since, last if asked.until is None else min(last, asked.until))
    return Span(days[0], days[-1]) if days else None


def _standing(key: str, symbol: str, seen: _Seen, wanted: Span | None, now: datetime) -> Standing:
    standing = Standing(dataset=NAME, key=key, label=symbol, level=Freshness.FRESH)
    if wanted is None:
        return standing
    held = seen.held
    if held is not None and held.outcome is Outcome.SETTLED and held.unit.span is not None:
        return _covered(standing, seen, held.unit.span, wanted, now)
    missing = replace(
        standing, level=Freshness.MISSING, missing=sessions.count(wanted.start, wanted.end),
        unit=Unit(NAME, key, wanted), reason="never fetched",
    )  # fmt: skip
    if held is None or held.outcome is Outcome.SETTLED:
        return missing
    waiting = held.not_before is not None and now < held.not_before
    unit = None if waiting else missing.unit
    return replace(
        missing, level=Freshness.PENDING, reason=held.note, unit=unit, tried=tuple(held.source.split())
    )


def _covered(standing: Standing, seen: _Seen, covered: Span, wanted: Span, now: datetime) -> Standing:
    """The part of `wanted` that is not covered, with what was lost or skipped inside of it.

    One span is asked for, so that the covered one stays in one piece: what lies between its parts is
    asked for too.
    """
    assert seen.held is not None
    mark = mark_of(seen.held)
    parts = []
    if wanted.start < covered.start:
        parts.append(Span(wanted.start, sessions.before(covered.start)))
    if wanted.end > covered.end:
        parts.append(Span(sessions.after(covered.end), wanted.end))
    again = mark.again(wanted, now - seen.held.checked_at) if mark.holes else []
    lost = max(0, mark.n - seen.bars)
    owed = mark.seeks(new_york_date(now))
    if not parts and not again and not lost and not owed:
        return standing
    missing = sum(sessions.count(part.start, part.end) for part in parts) + len(again) + lost
    reason = f"{lost} bars are missing in what is covered" if lost else f"{missing} sessions"
    parts += [Span(day, day) for day in again] + ([covered] if lost else [])
    if owed and not parts:
        # Whose answer tells them has the last session's bar beside them.
        assert mark.last is not None
        parts, reason = [Span(mark.last, mark.last)], "splits and dividends are not told"
    span = Span(min(part.start for part in parts), max(part.end for part in parts))
    reached = mark.reaches(covered) if mark.holes else covered.end
    behind = max(0, sessions.count(reached, wanted.end) - 1)
    level = _level(behind, (wanted.end - covered.end).days)
    if level is Freshness.FRESH and (lost or wanted.start < covered.start):
        level = Freshness.STALE
    elif level is Freshness.FRESH and owed:
        level = Freshness.RECENT
    after = mark.last is not None and (span.start > mark.last or owed)
    waiting = seen.held.not_before is not None and now < seen.held.not_before
    return replace(
        standing,
        level=level,
        days=(wanted.end - min(covered.end, span.start)).days if level.stale and not lost else None,
        missing=missing,
        lost=lost,
        unit=None if waiting else Unit(NAME, standing.key, span),
        reason=seen.held.note if waiting else reason,
        owed=owed,
        covered=None if lost or again else covered,
        quiet=quiet(span.end, now),
        evidence=(mark.known.isoformat(),) if mark.known and after else (),
    )


def aged(standing: Standing, held: Holding, days: Collection[date]) -> Standing:
    """With the age of the oldest session that is missing, where bars were lost and those of `days` are left.

    Sessions long ago that never had a bar are not remembered: of the sessions without one, as many as were
    lost are taken for the lost ones, the latest.
    """
    unit, covered, mark = standing.unit, held.unit.span, mark_of(held)
    if unit is None or unit.span is None or covered is None:
        return standing
    known = {*days, *map(date.fromisoformat, mark.holes)}
    absent = [day for day in sessions.between(mark.first or covered.start, covered.end) if day not in known]
    oldest = min([*absent[-standing.lost :], *([unit.span.start] if unit.span.start < covered.start else [])])
    return replace(standing, days=(unit.span.end - oldest).days)


def _level(behind: int, days: int) -> Freshness:
    if behind == 0:
        return Freshness.FRESH
    if behind <= RECENT_SESSIONS:
        return Freshness.RECENT
    return Freshness.VERY_STALE if timedelta(days=days) > VERY_STALE else Freshness.STALE


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one answer says of one listing: its span of `unit`, as `series` has it, from `source`.

    Attributes:
        since: every split and dividend from this day on is in it; None where that is not sure.
        silent: it tells no splits and dividends, not even those of its own days.
    """

    unit: Unit
    series: Series
    source: str
    at: datetime
    size: int | None = None
    since: date | None = None
    silent: bool = False


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
    source is asked; its rows are kept. So it is where the answer does not adjoin what is covered.

    Raises ValueError for a unit without a span.
    """
    span = answer.unit.span
    if span is None:
        raise ValueError(f"{answer.unit.key} was asked for without days")
    symbol, cik = universe.split_listing(answer.unit.key)
    ident, mark = universe.listing_id(symbol, cik), mark_of(was)
    traded, note, doubts = on_basis(as_traded(answer.series), mark)
    explained = not any(doubt.check == "bar_basis" for doubt in doubts)
    bars, more = _sound([bar for bar in traded.bars if span.start <= bar.day <= span.end])
    fresh = explained and mark.last is not None and bool(bars) and bars[0].day > mark.last
    before = (mark.closes, mark.last) if fresh else ((), None)
    doubts += [*more, *_moves(before, bars, traded.splits, new_york_date(answer.at) - MOVES_FOR)]
    covered = was.unit.span if was is not None and was.outcome is Outcome.SETTLED else None
    apart = covered is not None and not _adjoins(covered, span)
    notes = [note, f"{span.start} to {span.end} does not adjoin what is covered" if apart else ""]
    if covered is not None and span.covers(covered) and len(bars) < mark.n:
        notes.append(f"{len(bars)} bars came where {mark.n} had been")
    today, basis = new_york_date(answer.at), _basis(traded, answer.at)
    new = marked(mark, covered, span, bars, traded.splits, today)
    new = new.owing(mark, span, today, answer.since, silent=answer.silent)
    new = msgspec.structs.replace(new, basis=mark.basis if new.last == mark.last else basis)
    holding = _holding(answer, was, covered, new)
    return Read(
        bars=tuple((ident, bar.day, answer.source, *bar[1:], basis, answer.at) for bar in bars),
        actions=tuple(_actions(ident, traded, answer)),
        findings=tuple(_finding(symbol, cik, doubt, answer.at) for doubt in doubts),
        holding=holding if explained and not apart else None,
        notes=tuple(f"{symbol}: {said}" for said in notes if said),
    )


def _sound(sent: Sequence[Bar]) -> tuple[list[Bar], list[Doubt]]:
    """The bars that have a close, one for each session, in order, and the doubts about all that was sent."""
    bars: dict[date, Bar] = {}
    doubts: list[Doubt] = []
    for raw in sorted(sent, key=lambda bar: bar.day):
        bar, wrong = sound(raw)
        doubts += [*wrong, *out_of_range(bar)]
        if bar.empty:
            continue
        if sessions.is_session(bar.day):
            bars[bar.day] = bar
        else:
            doubts.append(Doubt("bar_day", bar.day, "day", "hard", "a bar was sent; there was no session"))
    return list(bars.values()), doubts


def _moves(
    before: tuple[Sequence[float], date | None], bars: Sequence[Bar], splits: Sequence[Split], since: date
) -> Iterator[Doubt]:
    """The doubtful moves of the sessions since a day; `before` are the closes before them all, and the last
    of their days."""
    older = [bar for bar in bars if bar.day < since]
    closes, last = before
    if older:
        closes, last = recent(closes, last, older[-RECENT_CLOSES:], splits), older[-1].day
    return moves(closes, last, bars[len(older) :], splits)


def _adjoins(covered: Span, span: Span) -> bool:
    """Whether no session lies between the two."""
    low, high = (covered, span) if covered.start <= span.start else (span, covered)
    return sessions.count(low.end, high.start) <= sessions.is_session(low.end) + sessions.is_session(
        high.start
    )


def _holding(answer: Answer, was: Holding | None, covered: Span | None, mark: Mark) -> Holding:
    span = answer.unit.span
    assert span is not None
    if covered is None and not mark.n:
        strikes = was.strikes + 1 if was is not None else 1
        return Holding(
            unit=answer.unit,
            outcome=Outcome.NOTHING,
            checked_at=answer.at,
            source=answer.source,
            strikes=strikes,
            not_before=ABSENCE.not_before(answer.at, strikes),
            size=answer.size,
            note=f"no prices from {answer.source}",
        )
    if covered is not None:
        span = Span(min(covered.start, span.start), max(covered.end, span.end))
    return Holding(
        unit=replace(answer.unit, span=span),
        outcome=Outcome.SETTLED,
        checked_at=answer.at,
        source=answer.source,
        size=answer.size,
        mark=mark.text(),
    )


def _basis(traded: Series, at: datetime) -> date | None:
    """The day whose shares the numbers still count."""
    return (traded.basis or new_york_date(at)) if traded.adjusted else None


def _actions(ident: int, traded: Series, answer: Answer) -> Iterator[Row]:
    for split in traded.splits:
        counts = (split.numerator, split.denominator)
        yield (ident, split.day, "split", answer.source, *counts, None, None, None, answer.at)
    # A special dividend goes ex with a regular one: what a share receives that day is their sum.
    amounts: dict[tuple[date, str | None], float] = {}
    for paid in traded.dividends:
        key = (paid.day, paid.currency or traded.currency)
        amounts[key] = round(amounts.get(key, 0.0) + paid.amount, 6)
    for (day, currency), amount in amounts.items():
        basis = _basis(traded, answer.at)
        yield (ident, day, "dividend", answer.source, None, None, amount, currency, basis, answer.at)


def _finding(symbol: str, cik: int, doubt: Doubt, at: datetime) -> Row:
    """A doubt as a row of `quality_findings`, filed under the symbol."""
    row = (doubt.check, DailyPrice.table, doubt.day, symbol, doubt.column, doubt.severity)
    expected, found = doubt.expected, doubt.found
    apart = abs(found - expected) / max(abs(found), abs(expected)) if found and expected else None
    return (cik, *row, expected, found, apart, f"{symbol} on {doubt.day}: {doubt.sentence}", None, at, None)


DATASET = Dataset(
    name=NAME,
    doc="daily bars as traded, splits and dividends",
    records=(DailyPrice, CorporateAction),
    needs=("universe",),
    wanted=(Wanted(record=DailyPrice, columns=("listing_id",), counting="day"),),
    due=due,
    aged=aged,
    goals=("market",),
    absence=ABSENCE,
)
