"""How Polygon answers for prices: a session of the whole market, or a range of one listing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import quote

from evertape.clock import new_york_date
from evertape.datasets import prices, quality, universe
from evertape.errors import Malformed
from evertape.formats import polygon, sessions
from evertape.formats.bars import Bar, MalformedPrices, Series
from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.records import Row
from evertape.model.unit import Holding, Outcome, Span, Standing, Unit
from evertape.sources.pages import batches
from evertape.sources.polygon.asking import BASE, further, path_of, ticker_of, url_of

GROUPED = "/v2/aggs/grouped/locale/us/market/stocks/"
SPLITS = "/v3/reference/splits"
DIVIDENDS = "/v3/reference/dividends"
_RANGE = "/v2/aggs/ticker/"
_FREE = timedelta(days=730)
"""How far back the free plan's bars reach; a range that starts earlier is cut off without a word."""


def ask_grouped(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a session for all listings that lack it; the last also asks for what happened to share counts
    and dividends since the first.

    Each day must adjoin what is covered: those after it are asked for oldest first, those before it newest
    first.
    """
    due = [(s.unit, s.unit.span, s.covered) for s in standings if s.unit and s.unit.span]
    later: dict[date, list[Unit]] = {}
    before: dict[date, list[Unit]] = {}
    for unit, span, covered in due:
        for day in sessions.between(span.start, span.end):
            if covered is None or day > covered.end:
                days = later
            elif day < covered.start:
                days = before
            else:
                continue
            days.setdefault(day, []).append(Unit(unit.dataset, unit.key, Span(day, day), unit.extent))
    calls = [
        Call(
            source="polygon",
            feed="polygon.grouped",
            url=url_of(f"{GROUPED}{day}", adjusted="false", include_otc="false"),
            units=tuple(units),
            label=str(day),
        )
        for days, newest_first in ((later, False), (before, True))
        for day, units in sorted(days.items(), reverse=newest_first)
    ]
    if calls:
        told = (str(min(later.keys() | before.keys())), str(max(later.keys() | before.keys())))
        calls[-1] = replace(calls[-1], expected=3, carried=told)
    return calls


def read_grouped(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """A session of the whole market; or splits and dividends of it."""
    if path_of(reply) in (SPLITS, DIVIDENDS):
        yield _actions(reply)
        return
    calls: tuple[Call, ...] = ()
    if reply.call.carried:
        first, last = reply.call.carried
        calls = tuple(
            further(reply, path, **{f"{name}.gte": first, f"{name}.lte": last, "limit": 1000})
            for path, name in ((SPLITS, "execution_date"), (DIVIDENDS, "ex_dividend_date"))
        )
    day = date.fromisoformat(path_of(reply).removeprefix(GROUPED))
    answer = _aggregates(reply)
    if not answer.bars:
        yield Page(calls=calls, notes=(f"{day}: Polygon has no bars of this session yet",))
        return
    if any(bar.day != day for bars in answer.bars.values() for bar in bars):
        raise Malformed(f"{reply.call.url} holds bars of another day")
    found = [(unit, answer.bars.get(ticker_of(unit), ())) for unit in reply.call.units]
    # A listing that has never had a bar may be one that Polygon does not know: it is left to others.
    known = [
        (unit, bars)
        for unit, bars in found
        if bars or ((was := held.get(unit.key)) is not None and was.outcome is Outcome.SETTLED)
    ]
    yield _settled(reply, known, held, calls)


def ask_range(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a listing for its bars; its splits and dividends are asked for in turn."""
    calls = []
    for standing in standings:
        unit = standing.unit
        if unit is None or unit.span is None:
            continue
        first = min([unit.span.start, *(date.fromisoformat(day) for day in standing.evidence)])
        path = f"{_RANGE}{quote(ticker_of(unit), safe='')}/range/1/day/{first}/{unit.span.end}"
        url = url_of(path, adjusted="false", sort="asc", limit=50000)
        call = Call(source="polygon", feed="polygon.range", url=url, units=(unit,), label=standing.label)
        calls.append(replace(call, expected=3))
    return calls


def read_range(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """A listing's bars; or its splits, or its dividends.

    A plan's history is cut off without a word: of a range that began earlier than the free plan reaches
    only the days from the first bar on are settled.
    """
    if path_of(reply) in (SPLITS, DIVIDENDS):
        yield _actions(reply)
        return
    (unit,) = reply.call.units
    ticker, span = ticker_of(unit), unit.span
    assert span is not None
    none = f"{ticker}: Polygon has no bars of {span.start} to {span.end}"
    if reply.status == 404:
        yield Page(notes=(none,))
        return
    answer = _aggregates(reply)
    bars = answer.bars.get(ticker, ())
    if set(answer.bars) - {ticker}:
        raise Malformed(f"{reply.call.url} answers for {', '.join(answer.bars)}")
    was = held.get(unit.key)
    covered = was is not None and was.outcome is Outcome.SETTLED
    if not (bars or covered):
        yield Page(notes=(none,))
        return
    notes: tuple[str, ...] = ()
    inside = [bar.day for bar in bars if span.start <= bar.day <= span.end]
    if span.start < new_york_date(reply.at) - _FREE and sessions.on_or_after(span.start) not in inside:
        if not inside:
            yield Page(notes=(none,))
            return
        notes = (f"{ticker}: Polygon's bars begin on {inside[0]}; what is before is left to other sources",)
        span = Span(inside[0], span.end)
    if answer.further and inside:
        # More than a page: what lies beyond its last bar stays due.
        span = Span(span.start, inside[-1])
    calls = tuple(further(reply, path, ticker=ticker, limit=1000) for path in (SPLITS, DIVIDENDS))
    page = _settled(reply, [(replace(unit, span=span), bars)], held, calls, since=date.min)
    yield replace(page, notes=(*notes, *page.notes))


def _aggregates(reply: Reply) -> polygon.Aggregates:
    try:
        answer = polygon.read_aggregates(reply.body)
    except MalformedPrices as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    if answer.adjusted:
        raise Malformed(f"{reply.call.url} is adjusted for splits, and was asked for as traded")
    return answer


def _settled(
    reply: Reply,
    found: Sequence[tuple[Unit, tuple[Bar, ...]]],
    held: Mapping[str, Holding],
    calls: tuple[Call, ...],
    since: date | None = None,
) -> Page:
    """Bars as traded of each unit; one without is settled too, as a session without trades. All splits and
    dividends from `since` on are told by `calls`."""
    bars: list[Row] = []
    findings: list[Row] = []
    holdings: list[Holding] = []
    notes: list[str] = []
    size = reply.wire or None if len(found) == 1 else None
    for unit, each in found:
        was = held.get(unit.key)
        series = Series(symbol=unit.key, bars=each, currency="USD")
        answer = prices.Answer(
            unit=unit, series=series, source="polygon", at=reply.at, size=size, since=since
        )
        read = prices.settle(answer, was)
        bars += read.bars
        findings += read.findings
        notes += read.notes
        if read.holding is not None:
            holdings.append(read.holding)
    found_ = batches((prices.DailyPrice, bars), (quality.Finding, findings))
    return Page(batches=found_, settled=tuple(holdings), calls=calls, notes=tuple(notes))


def _actions(reply: Reply) -> Page:
    """Splits or dividends of the call's listings, and the next page of them."""
    read = polygon.read_splits if path_of(reply) == SPLITS else polygon.read_dividends
    try:
        found = read(reply.body)
    except MalformedPrices as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    idents = {ticker_of(unit): universe.ident_of(unit.key) for unit in reply.call.units}
    rows: list[Row] = []
    for ticker in idents.keys() & (found.splits.keys() | found.dividends.keys()):
        for day, new, old in found.splits.get(ticker, ()):
            rows.append((idents[ticker], day, "split", "polygon", new, old, None, None, None, reply.at))
        for day, amount, currency in found.dividends.get(ticker, ()):
            rows.append(
                (idents[ticker], day, "dividend", "polygon", None, None, amount, currency, None, reply.at)
            )
    calls = (replace(reply.call, url=f"{BASE}{found.further}"),) if found.further else ()
    return Page(batches=batches((prices.CorporateAction, rows)), calls=calls)
