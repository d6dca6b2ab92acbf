"""Yahoo Finance: its manners, and how it answers for prices and options.

An unofficial service: no limit and no shape is documented. Prices are adjusted for every split up to the
day of the answer, so that a chart is always asked for through today: only then are all of those splits
in the answer, and the numbers as traded follow from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from urllib.parse import parse_qs, quote, urlsplit

from evertape.clock import NEW_YORK, new_york_date
from evertape.datasets import options, prices, universe
from evertape.errors import Denied, Malformed, Throttled, Transient
from evertape.formats import sessions, yahoo
from evertape.formats.bars import MalformedPrices
from evertape.formats.chains import MalformedChain
from evertape.model.call import Call, Reply
from evertape.model.feed import Feed, Limit, Page, Refusal, Source
from evertape.model.login import LoginState, Send, Session, Step
from evertape.model.unit import Freshness, Holding, Standing, Unit
from evertape.sources import yahoo_quotes
from evertape.sources.pages import page_of_answer, page_of_chains

_Q1 = "https://query1.finance.yahoo.com"
_Q2 = "https://query2.finance.yahoo.com"
_COOKIES = "https://fc.yahoo.com/"
_AGENT = {"User-Agent": "Mozilla/5.0 (compatible; evertape)"}
_OBSERVED = "https://github.com/ranaroussi/yfinance/issues/2128"
"""Yahoo documents no limit. There some 950 charts in a row were answered, then 429."""
FOREVER = 9_999_999_999
"""As the end of a chart: through the last bar that there is, whenever the call is sent."""
_BARE, _SESSION = 600, 38
"""Bytes on the wire of a chart and of each session in it: as recorded of single days and of two years."""
_EXPIRATIONS = 17
"""Of a whole chain: the median of recorded ones."""
_NO_SESSION = "Yahoo says: Too Many Requests, and hands out no session; try again in an hour"
_A3 = re.compile(r"\bA3=[^;,\s]+")
_CRUMB = re.compile(r"[\x21-\x3b\x3d-\x7e]{6,40}")


def refusal(reply: Reply) -> Refusal | None:
    """What an answer of Yahoo's really says. An unknown symbol is an answer, with status 404.

    The page that hands out the cookie is an error page by itself.
    """
    head = reply.body[:4096].lstrip().lower()
    if reply.status == 429 or head.startswith((b"too many requests", b"edge: too many requests")):
        reason = "Yahoo says: Too Many Requests; it says so to all but browsers: pip install evertape[yahoo]"
        return Refusal(kind="throttled", reason=reason, retry_after=reply.retry_after)
    if urlsplit(reply.call.url).hostname == "fc.yahoo.com":
        return None
    if reply.status >= 500:
        return Refusal(
            kind="transient", reason=f"Yahoo answered {reply.status}", retry_after=reply.retry_after
        )
    if reply.status == 401 or b"invalid crumb" in head:
        return Refusal(kind="expired", reason="Yahoo does not accept the session any more (Invalid Crumb)")
    if b"will be right back" in head or (reply.status == 200 and head.startswith(b"<")):
        return Refusal(kind="transient", reason="Yahoo sent a page of HTML in place of an answer")
    if reply.status == 200:
        return None
    told = yahoo.read_error(reply.body)
    if told is not None and told.unknown:
        return None
    said = "" if told is None else f": {told.code}: {told.description}"
    return Refusal(kind="malformed", reason=f"Yahoo answered {reply.status}{said}")


def login(state: LoginState) -> Step:
    """A cookie from an error page, then the crumb that belongs to it; or those of the last process, which
    Yahoo takes for months.

    Raises:
        Denied: no cookie is handed out.
        Throttled, Transient: Yahoo cannot hand one out now, or what came in place of the crumb is none.
    """
    kept = dict(state.kept)
    if state.reply is None and not state.refused and kept.keys() >= {"cookie", "crumb"}:
        return _session(kept["cookie"], kept["crumb"])
    cookie = state.state.get("cookie", "")
    if cookie and state.reply is not None:
        crumb = state.reply.body.decode("utf-8", "replace").strip()
        if state.reply.status == 429:
            raise Throttled(_NO_SESSION)
        if state.reply.status != 200 or not _CRUMB.fullmatch(crumb):
            raise Transient(f"Yahoo sent no crumb (status {state.reply.status}); try again later")
        return _session(cookie, crumb)
    if state.reply is None:
        return Send(call=Call(source="yahoo", feed="", url=_COOKIES, label="cookie"), headers=_AGENT)
    found = _A3.search(state.reply.headers.get("set-cookie", ""))
    if found is None and state.reply.status == 429:
        raise Throttled(_NO_SESSION)
    if found is None and state.reply.status >= 500:
        raise Transient(f"Yahoo answered {state.reply.status} and handed out no cookie; try again later")
    if found is None:
        raise Denied(
            "Yahoo handed out no cookie, and answers no options without; set POLYGON_API_KEY or the "
            "credentials of another source of options"
        )
    url = f"{_Q1}/v1/test/getcrumb"
    call = Call(source="yahoo", feed="", url=url, label="crumb")
    return Send(call=call, headers={**_AGENT, "Cookie": found[0]}, state={"cookie": found[0]})


def _session(cookie: str, crumb: str) -> Session:
    kept = {"cookie": cookie, "crumb": crumb}
    return Session(headers={"Cookie": cookie}, query={"crumb": crumb}, kept=kept)


def ask_chart(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a listing, from the session held last where there is one, through today."""
    calls = []
    for standing in standings:
        unit = standing.unit
        if unit is None or unit.span is None:
            continue
        symbol, _cik = universe.split_listing(unit.key)
        first = min([unit.span.start, *(date.fromisoformat(day) for day in standing.evidence)])
        since = int(datetime.combine(first, time(), NEW_YORK).timestamp())
        url = (
            f"{_Q2}/v8/finance/chart/{quote(symbol, safe='')}?period1={since}&period2={FOREVER}"
            "&interval=1d&events=div%2Csplits"
        )
        size = _BARE + _SESSION * sessions.count(first, unit.span.end)
        calls.append(
            Call(
                source="yahoo",
                feed="yahoo.chart",
                url=url,
                units=(unit,),
                size=size,
                label=standing.label,
            )
        )
    return calls


def ask_rest(call: Call, left: Sequence[Unit]) -> Sequence[Call]:
    """The charts of listings whose quotes did not settle them."""
    since = dict(zip((unit.key for unit in call.units), call.carried, strict=True))
    return ask_chart(
        [
            Standing(
                dataset=unit.dataset,
                key=unit.key,
                label=universe.split_listing(unit.key)[0],
                level=Freshness.STALE,
                unit=unit,
                evidence=(since[unit.key],),
            )
            for unit in left
        ]
    )


def read_chart(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """Bars as traded, splits and dividends. A symbol that Yahoo does not know is left to the next feed."""
    (unit,) = reply.call.units
    symbol, _cik = universe.split_listing(unit.key)
    basis, closed = new_york_date(reply.at), sessions.last_closed(reply.at)
    whole = f"period2={FOREVER}&" in reply.call.url
    try:
        series = yahoo.read_chart(reply.body, closed=closed, basis=basis, whole=whole)
    except MalformedPrices as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    if series is None:
        yield Page(notes=(f"{symbol}: unknown to Yahoo",))
        return
    _meant(series.symbol, symbol, reply)
    answer = prices.Answer(
        unit=unit, series=series, source="yahoo", at=reply.at, size=reply.wire or None,
        since=_asked_from(reply.call) if whole else None,
    )  # fmt: skip
    yield page_of_answer(answer, held.get(unit.key))


def _asked_from(call: Call) -> date:
    """The New York date from which a chart was asked for."""
    epoch = parse_qs(urlsplit(call.url).query)["period1"][0]
    return new_york_date(datetime.fromtimestamp(int(epoch), UTC))


def ask_options(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a listing: the nearest expiration and the list of all. The others are asked for in turn."""
    calls = []
    for standing in standings:
        unit = standing.unit
        if unit is None:
            continue
        symbol, _cik = universe.split_listing(unit.key)
        more = _EXPIRATIONS if unit.extent == options.ALL else options.NEAREST + 1
        calls.append(
            Call(
                source="yahoo",
                feed="yahoo.options",
                url=f"{_Q2}/v7/finance/options/{quote(symbol, safe='')}",
                units=(unit,),
                label=standing.label,
                size=standing.size,
                session=True,
                expected=more,
            )
        )
    return calls


def read_options(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """One expiration of a snapshot; each answer's reader asks for the next that is wanted.

    Carried along: the first answer's time, which is the whole snapshot's, the bytes so far, and the
    expirations that are left. A symbol without options is settled as such; one that Yahoo does not know
    is left to the next feed.
    """
    (unit,) = reply.call.units
    symbol, _cik = universe.split_listing(unit.key)
    try:
        chain = yahoo.read_options(reply.body)
    except MalformedChain as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    if chain is None:
        yield Page(notes=(f"{symbol}: unknown to Yahoo",))
        return
    _meant(chain.symbol, symbol, reply)
    at, size, left = reply.at, reply.wire, [e.isoformat() for e in chain.expirations]
    wanted: Sequence[date] = chain.expirations
    if reply.call.carried:
        taken, before, *left = reply.call.carried
        at, size = datetime.fromisoformat(taken), size + int(before)
    else:
        wanted = options.nearest(chain.expirations, unit.extent, new_york_date(at))
        here = {quoted.expiration for quoted in chain.quotes}
        left = [expiration.isoformat() for expiration in wanted if expiration not in here]
    quotes = tuple(quoted for quoted in chain.quotes if quoted.expiration in wanted)
    calls: tuple[Call, ...] = ()
    if left:
        calls = (_next(reply.call, left[0], (at.isoformat(), str(size), *left[1:])),)
    if not quotes and (wanted or reply.call.carried):
        yield Page(calls=calls)
        return
    page = page_of_chains(unit, [replace(chain, quotes=quotes)], reply, held.get(unit.key), at, size)
    yield replace(page, calls=calls)


def _next(call: Call, expiration: str, carried: tuple[str, ...]) -> Call:
    """The same underlying's chain of another expiration, which Yahoo counts in seconds at midnight UTC."""
    epoch = int(datetime.combine(date.fromisoformat(expiration), time(), UTC).timestamp())
    url = f"{call.url.partition('?')[0]}?date={epoch}"
    return replace(call, url=url, size=None, expected=1 + len(carried) - 2, carried=carried)


def _meant(told: str, asked: str, reply: Reply) -> None:
    """Raises Malformed where the answer is about another symbol."""
    if told.upper() != asked.upper():
        raise Malformed(f"{reply.call.url} answers for {told!r} and not for {asked}")


SOURCE = Source(
    name="yahoo",
    hosts=("query1.finance.yahoo.com", "query2.finance.yahoo.com", "fc.yahoo.com"),
    limits=(Limit(count=30, seconds=60.0, page=_OBSERVED), Limit(count=2000, seconds=3600.0, page=_OBSERVED)),
    refusal=refusal,
    login=login,
    browser=True,
    headers=lambda _credentials: _AGENT,
)
FEEDS = (
    Feed(
        name=yahoo_quotes.FEED,
        source="yahoo",
        dataset="prices",
        ask=yahoo_quotes.ask_quotes,
        read=yahoo_quotes.read,
        size=40_000,
        rank=35,
        partial=True,
        untelling=True,
        rest=ask_rest,
    ),
    Feed(
        name="yahoo.chart",
        source="yahoo",
        dataset="prices",
        ask=ask_chart,
        read=read_chart,
        size=30_000,
        rank=40,
        partial=True,
    ),
    Feed(
        name="yahoo.options",
        source="yahoo",
        dataset="options",
        ask=ask_options,
        read=read_options,
        size=60_000,
        rank=40,
        partial=True,
    ),
)
