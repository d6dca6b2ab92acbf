"""Cboe: delayed option chains without a key, a whole chain an answer.

Quotes are about a quarter of an hour old. The address serves the delayed-quote pages of cboe.com and is
not documented; no limit is published either, so that the one held here is a cautious choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evertape.clock import new_york_date
from evertape.datasets import options, universe
from evertape.errors import Malformed
from evertape.formats.cboe import cboe_symbol, read_chain
from evertape.formats.chains import MalformedChain
from evertape.formats.typed import same_symbol
from evertape.model.call import Call, Reply
from evertape.model.feed import Feed, Limit, Page, Refusal, Source
from evertape.model.unit import Holding, Standing
from evertape.sources.pages import page_of_chains

_BASE = "https://cdn.cboe.com/api/global/delayed_quotes/options"
_PAGE = "https://www.cboe.com/delayed_quotes/"
_HTML = (b"<!doctype html", b"<html")


def refusal(reply: Reply) -> Refusal | None:
    """A 403 or 404 with the storage's XML says that there is no such chain, which is an answer; a page
    for people refuses, whatever its status."""
    head = reply.body[:400].lstrip().lower()
    if reply.status == 429:
        return Refusal(kind="throttled", reason="Cboe answered 429", retry_after=reply.retry_after)
    if reply.status >= 500:
        return Refusal(kind="transient", reason=f"Cboe answered {reply.status}")
    if reply.status == 404 or (reply.status == 403 and head.startswith(b"<?xml")):
        return None
    if reply.status == 403:
        reason = "Cboe refuses this computer's address (403 with a page for people); try again tomorrow"
        return Refusal(kind="denied", reason=reason)
    if reply.status in (200, 304):
        if head.startswith(_HTML):
            return Refusal(kind="transient", reason="Cboe sent a page of HTML in place of the chain")
        return None
    return Refusal(kind="malformed", reason=f"Cboe answered {reply.status}, which is no answer of its files")


def ask(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a chain: all expirations come at once, whatever is asked of it."""
    return [
        Call(
            source="cboe",
            feed="cboe.options",
            url=f"{_BASE}/{cboe_symbol(universe.split_listing(s.unit.key)[0])}.json",
            units=(s.unit,),
            size=s.size,
            label=s.label,
            archive=True,
        )
        for s in standings
        if s.unit
    ]


def read(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """The expirations that the unit asks for. A chain that Cboe does not have settles nothing."""
    (unit,) = reply.call.units
    symbol, _ = universe.split_listing(unit.key)
    if reply.status != 200:
        yield Page(notes=(f"Cboe has no options of {symbol} (status {reply.status})",))
        return
    day = new_york_date(reply.at)
    try:
        chain = read_chain(reply.body, lambda there: options.nearest(there, unit.extent, day))
    except MalformedChain as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    if chain.symbol and not same_symbol(chain.symbol, symbol):
        raise Malformed(f"{reply.call.url} holds the options of {chain.symbol}, not of {symbol}")
    yield page_of_chains(unit, (chain,), reply, held.get(unit.key))


SOURCE = Source(
    name="cboe",
    hosts=("cdn.cboe.com",),
    limits=(Limit(count=60, seconds=60.0, page=_PAGE),),
    refusal=refusal,
    headers=lambda _credentials: {"User-Agent": "evertape"},
)
FEEDS = (
    Feed(
        name="cboe.options",
        source="cboe",
        dataset="options",
        ask=ask,
        read=read,
        size=130_000,
        rank=30,
        partial=True,
    ),
)
