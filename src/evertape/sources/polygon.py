"""Polygon.io, since October 2025 Massive: its manners, and how it answers for prices and options.

Bars are asked for as traded (adjusted=false). Its free plan has end-of-day bars of about two years at five
requests a minute, and no snapshots of options.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from evertape.clock import new_york_date
from evertape.datasets import options, prices, quality, universe
from evertape.errors import Malformed
from evertape.formats import polygon, sessions
from evertape.formats.bars import Bar, MalformedPrices, Series
from evertape.formats.chains import Chain, MalformedChain
from evertape.model.call import Call, Reply
from evertape.model.feed import Feed, Limit, Page, Refusal, Source
from evertape.model.records import Row
from evertape.model.unit import Holding, Outcome, Span, Standing, Unit
from evertape.sources.pages import batches, page_of_chains

_BASE = "https://api.polygon.io"
_KEYS = ("POLYGON_API_KEY", "MASSIVE_API_KEY")
_PRICING = "https://massive.com/pricing"
_GROUPED = "/v2/aggs/grouped/locale/us/market/stocks/"
_RANGE = "/v2/aggs/ticker/"
_SPLITS = "/v3/reference/splits"
_DIVIDENDS = "/v3/reference/dividends"
_CONTRACTS = "/v3/reference/options/contracts"
_SNAPSHOT = "/v3/snapshot/options/"
_FREE = timedelta(days=730)
"""How far back the free plan's bars reach; a range that starts earlier is cut off without a word."""
_BAND = 0.05
"""Strikes this near to the stock's price tell a large chain's expirations in one page."""
_LARGE = 5
"""Requests for a chain that does not fit into one page: that, the expirations, three of them."""


def refusal(reply: Reply) -> Refusal | None:
    """What an answer of Polygon's really says; an error may come with status 200."""
    status, said = polygon.read_said(reply.body)
    if reply.status == 429 or "exceeded the maximum requests" in said:
        text = reply.headers.get("retry-after", "")
        wait = float(text) if text.isdigit() else None
        reason = f"Polygon says: {said or 'too many requests'}"
        return Refusal(kind="throttled", reason=reason, retry_after=wait)
    names = " or ".join(_KEYS)
    if reply.status == 401 or said == "Unknown API Key":
        return Refusal(
            kind="denied", reason=f"Polygon does not know the key in {names} ({said or 401}); set it again"
        )
    if reply.status == 403 or status == "NOT_AUTHORIZED":
        return Refusal(
            kind="denied", reason=f"the plan of the key in {names} does not include this: {said or 403}"
        )
    if reply.status >= 500:
        return Refusal(kind="transient", reason=f"Polygon answered {reply.status}")
    if reply.status == 404:
        return None
    if reply.status != 200 or status == "ERROR":
        return Refusal(kind="malformed", reason=f"Polygon answered {reply.status}: {said or 'no words'}")
    return None


def headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """The key, which is never part of an address."""
    key = next((credentials[name] for name in _KEYS if credentials.get(name)), "")
    return {"Authorization": f"Bearer {key}"}


def spelled(symbol: str) -> str:
    """The symbol as Polygon writes it: BRK.B."""
    return symbol.replace("-", ".")


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
            url=_url(f"{_GROUPED}{day}", adjusted="false", include_otc="false"),
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
    if _path(reply) in (_SPLITS, _DIVIDENDS):
        yield _actions(reply)
        return
    calls: tuple[Call, ...] = ()
    if reply.call.carried:
        first, last = reply.call.carried
        calls = tuple(
            _child(reply, path, **{f"{name}.gte": first, f"{name}.lte": last, "limit": 1000})
            for path, name in ((_SPLITS, "execution_date"), (_DIVIDENDS, "ex_dividend_date"))
        )
    day = date.fromisoformat(_path(reply).removeprefix(_GROUPED))
    answer = _aggregates(reply)
    if not answer.bars:
        yield Page(calls=calls, notes=(f"{day}: Polygon has no bars of this session yet",))
        return
    if any(bar.day != day for bars in answer.bars.values() for bar in bars):
        raise Malformed(f"{reply.call.url} holds bars of another day")
    found = [(unit, answer.bars.get(_ticker(unit), ())) for unit in reply.call.units]
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
        path = f"{_RANGE}{quote(_ticker(unit), safe='')}/range/1/day/{first}/{unit.span.end}"
        url = _url(path, adjusted="false", sort="asc", limit=50000)
        call = Call(source="polygon", feed="polygon.range", url=url, units=(unit,), label=standing.label)
        calls.append(replace(call, expected=3))
    return calls


def read_range(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """A listing's bars; or its splits, or its dividends.

    A plan's history is cut off without a word: of a range that began earlier than the free plan reaches
    only the days from the first bar on are settled.
    """
    if _path(reply) in (_SPLITS, _DIVIDENDS):
        yield _actions(reply)
        return
    (unit,) = reply.call.units
    ticker, span = _ticker(unit), unit.span
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
    calls = tuple(_child(reply, path, ticker=ticker, limit=1000) for path in (_SPLITS, _DIVIDENDS))
    page = _settled(reply, [(replace(unit, span=span), bars)], held, calls)
    yield replace(page, notes=(*notes, *page.notes))


def ask_options(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a listing: the first page of its chain, which for most companies is all of it."""
    calls = []
    for standing in standings:
        if standing.unit is None:
            continue
        url = _url(f"{_SNAPSHOT}{quote(_ticker(standing.unit), safe='')}", limit=250)
        call = Call(source="polygon", feed="polygon.options", url=url, units=(standing.unit,))
        calls.append(replace(call, label=standing.label, size=standing.size, expected=_LARGE))
    return calls


def read_options(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """A page of a chain.

    Where the nearest expirations to a number of days are wanted, today decides which: known once the first
    answer is there. If that answer is the whole chain, they are picked from it. If not, the contracts near
    the stock's price tell all expirations in one page, and then each wanted one is asked for by itself.
    Carried along: the first answer's time, which is the whole snapshot's, and the expirations that are left.
    """
    (unit,) = reply.call.units
    day = new_york_date(reply.at)
    none = f"{_ticker(unit)}: Polygon has no options of it"
    if reply.status == 404:
        yield Page(notes=(none,))
        return
    try:
        if _path(reply) == _CONTRACTS:
            expirations, further = polygon.read_expirations(reply.body)
            seen = {*expirations, *(date.fromisoformat(each) for each in reply.call.carried[1:])}
            yield Page(calls=_after_listing(reply, sorted(seen), further, day))
            return
        page = polygon.read_snapshot(reply.body)
    except MalformedChain as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    if page.symbol and page.symbol != _ticker(unit):
        raise Malformed(f"{reply.call.url} answers for {page.symbol}")
    if not reply.call.carried:
        if not page.quotes:
            yield Page(notes=(none,))
            return
        if unit.extent != options.ALL and page.further:
            yield Page(calls=(_listing(reply, page.price),))
            return
    at, *left = reply.call.carried or (reply.at.isoformat(),)
    quotes = page.quotes
    if not reply.call.carried:
        wanted = options.nearest([q.expiration for q in quotes], unit.extent, day)
        quotes = tuple(q for q in quotes if unit.extent == options.ALL or q.expiration in wanted)
    calls: tuple[Call, ...] = ()
    if page.further:
        calls = (replace(reply.call, url=f"{_BASE}{page.further}", carried=(at, *left), expected=1),)
    elif left:
        calls = (_expiring(reply, left[0], (at, *left[1:])),)
    if not quotes:
        yield Page(calls=calls)
        return
    chain = Chain(symbol=page.symbol, price=page.price, priced_at=page.priced_at, quotes=quotes)
    page_ = page_of_chains(unit, [chain], reply, held.get(unit.key), datetime.fromisoformat(at))
    yield replace(page_, calls=calls)


def _listing(reply: Reply, price: float | None) -> Call:
    """Asks for the contracts near the stock's price, or for all calls where the plan tells no price."""
    (unit,) = reply.call.units
    asked: dict[str, Any] = {"underlying_ticker": _ticker(unit), "contract_type": "call", "limit": 1000}
    if price is not None and price > 0:
        asked |= {
            "strike_price.gte": round(price * (1 - _BAND), 2),
            "strike_price.lte": round(price * (1 + _BAND), 2),
        }
    child = _child(reply, _CONTRACTS, **asked)
    return replace(child, carried=(reply.at.isoformat(),), expected=_LARGE - 1)


def _after_listing(reply: Reply, seen: Sequence[date], further: str | None, day: date) -> tuple[Call, ...]:
    """The next page of contracts; or, once all expirations are known, the first that is wanted."""
    (unit,) = reply.call.units
    at = reply.call.carried[0]
    if further:
        return (replace(reply.call, url=f"{_BASE}{further}", carried=(at, *(str(each) for each in seen))),)
    wanted = [str(each) for each in options.nearest(seen, unit.extent, day)]
    return (_expiring(reply, wanted[0], (at, *wanted[1:])),) if wanted else ()


def _expiring(reply: Reply, expiration: str, carried: tuple[str, ...]) -> Call:
    (unit,) = reply.call.units
    path = f"{_SNAPSHOT}{quote(_ticker(unit), safe='')}"
    child = _child(reply, path, expiration_date=expiration, limit=250)
    return replace(child, carried=carried, expected=len(carried))


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
) -> Page:
    """Bars as traded of each unit; one without is settled too, as a session without trades."""
    bars: list[Row] = []
    findings: list[Row] = []
    holdings: list[Holding] = []
    notes: list[str] = []
    size = reply.wire or None if len(found) == 1 else None
    for unit, each in found:
        was = held.get(unit.key)
        series = Series(symbol=unit.key, bars=each, currency="USD")
        read = prices.settle(
            prices.Answer(unit=unit, series=series, source="polygon", at=reply.at, size=size), was
        )
        bars += read.bars
        findings += read.findings
        notes += read.notes
        if read.holding is not None:
            holdings.append(read.holding)
    found_ = batches((prices.DailyPrice, bars), (quality.Finding, findings))
    return Page(batches=found_, settled=tuple(holdings), calls=calls, notes=tuple(notes))


def _actions(reply: Reply) -> Page:
    """Splits or dividends of the call's listings, and the next page of them."""
    read = polygon.read_splits if _path(reply) == _SPLITS else polygon.read_dividends
    try:
        found = read(reply.body)
    except MalformedPrices as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    idents = {_ticker(unit): universe.ident_of(unit.key) for unit in reply.call.units}
    rows: list[Row] = []
    for ticker in idents.keys() & (found.splits.keys() | found.dividends.keys()):
        for day, new, old in found.splits.get(ticker, ()):
            rows.append((idents[ticker], day, "split", "polygon", new, old, None, None, None, reply.at))
        for day, amount, currency in found.dividends.get(ticker, ()):
            rows.append(
                (idents[ticker], day, "dividend", "polygon", None, None, amount, currency, None, reply.at)
            )
    calls = (replace(reply.call, url=f"{_BASE}{found.further}"),) if found.further else ()
    return Page(batches=batches((prices.CorporateAction, rows)), calls=calls)


def _ticker(unit: Unit) -> str:
    return spelled(universe.split_listing(unit.key)[0])


def _path(reply: Reply) -> str:
    return urlsplit(reply.call.url).path


def _url(path: str, **asked: object) -> str:
    return f"{_BASE}{path}?{urlencode(asked)}"


def _child(reply: Reply, path: str, **asked: object) -> Call:
    """A call that the reader of this answer needs in turn, for the same units."""
    return replace(reply.call, url=_url(path, **asked), size=None, carried=(), expected=1)


SOURCE = Source(
    name="polygon",
    hosts=polygon.HOSTS,
    limits=(Limit(count=5, seconds=60.0, page=_PRICING), Limit(count=300, seconds=3600.0, page=_PRICING)),
    refusal=refusal,
    credentials=_KEYS,
    credential_help="Polygon asks for a key, which is free for end-of-day bars: export POLYGON_API_KEY=...",
    headers=headers,
)
FEEDS = (
    Feed(
        name="polygon.grouped",
        source="polygon",
        dataset="prices",
        ask=ask_grouped,
        read=read_grouped,
        size=500_000,
        rank=30,
        ordered=True,
        partial=True,
    ),
    Feed(
        name="polygon.range",
        source="polygon",
        dataset="prices",
        ask=ask_range,
        read=read_range,
        size=20_000,
        rank=60,
        partial=True,
    ),
    Feed(
        name="polygon.options",
        source="polygon",
        dataset="options",
        ask=ask_options,
        read=read_options,
        size=60_000,
        rank=20,
        partial=True,
    ),
)
