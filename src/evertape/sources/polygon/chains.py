"""How Polygon answers for options: snapshots of a chain, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from evertape.clock import new_york_date
from evertape.datasets import options
from evertape.errors import Malformed
from evertape.formats import polygon
from evertape.formats.chains import Chain, MalformedChain
from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.unit import Holding, Standing
from evertape.sources.pages import page_of_chains
from evertape.sources.polygon.asking import BASE, further, path_of, ticker_of, url_of

CONTRACTS = "/v3/reference/options/contracts"
_SNAPSHOT = "/v3/snapshot/options/"
_BAND = 0.05
"""Strikes this near to the stock's price tell a large chain's expirations in one page."""
_LARGE = 5
"""Requests for a chain that does not fit into one page: that, the expirations, three of them."""


def ask_options(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a listing: the first page of its chain, which for most companies is all of it."""
    calls = []
    for standing in standings:
        if standing.unit is None:
            continue
        url = url_of(f"{_SNAPSHOT}{quote(ticker_of(standing.unit), safe='')}", limit=250)
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
    none = f"{ticker_of(unit)}: Polygon has no options of it"
    if reply.status == 404:
        yield Page(notes=(none,))
        return
    try:
        if path_of(reply) == CONTRACTS:
            expirations, more = polygon.read_expirations(reply.body)
            seen = {*expirations, *(date.fromisoformat(each) for each in reply.call.carried[1:])}
            yield Page(calls=_after_listing(reply, sorted(seen), more, day))
            return
        page = polygon.read_snapshot(reply.body)
    except MalformedChain as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    if page.symbol and page.symbol != ticker_of(unit):
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
        calls = (replace(reply.call, url=f"{BASE}{page.further}", carried=(at, *left), expected=1),)
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
    asked: dict[str, Any] = {"underlying_ticker": ticker_of(unit), "contract_type": "call", "limit": 1000}
    if price is not None and price > 0:
        asked |= {
            "strike_price.gte": round(price * (1 - _BAND), 2),
            "strike_price.lte": round(price * (1 + _BAND), 2),
        }
    child = further(reply, CONTRACTS, **asked)
    return replace(child, carried=(reply.at.isoformat(),), expected=_LARGE - 1)


def _after_listing(reply: Reply, seen: Sequence[date], more: str | None, day: date) -> tuple[Call, ...]:
    """The next page of contracts; or, once all expirations are known, the first that is wanted."""
    (unit,) = reply.call.units
    at = reply.call.carried[0]
    if more:
        return (replace(reply.call, url=f"{BASE}{more}", carried=(at, *(str(each) for each in seen))),)
    wanted = [str(each) for each in options.nearest(seen, unit.extent, day)]
    return (_expiring(reply, wanted[0], (at, *wanted[1:])),) if wanted else ()


def _expiring(reply: Reply, expiration: str, carried: tuple[str, ...]) -> Call:
    (unit,) = reply.call.units
    path = f"{_SNAPSHOT}{quote(ticker_of(unit), safe='')}"
    child = further(reply, path, expiration_date=expiration, limit=250)
    return replace(child, carried=carried, expected=len(carried))
