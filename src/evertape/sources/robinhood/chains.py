"""A chain from Robinhood: quote, instrument, chain, contracts, and their market data forty at a time.

Each answer asks for the next, and what is known so far goes with it, so that the last one settles the
whole chain as one snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from evertape.clock import new_york_date
from evertape.datasets import options, universe
from evertape.errors import Malformed
from evertape.formats.chains import Chain, MalformedChain, Quote
from evertape.formats.robinhood import (
    Contract,
    read_contracts,
    read_expirations,
    read_listed,
    read_market,
    read_stock,
    robinhood_symbol,
)
from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.unit import Holding, Standing
from evertape.sources.pages import page_of_chains

API = "https://api.robinhood.com"
BATCH = 40
"""Contracts whose market data one address asks for; each has an address of its own in it."""
_PAGES = 200
"""Pages of contracts beyond which the list is taken for one that never ends."""
_NEAR, _ALL = 17, 80
"""Requests that three and all expirations take: four, a page for a hundred contracts, and a batch for
forty. Cboe's chain of Apple has 2,112 contracts in 18 expirations."""


class _Known(msgspec.Struct, array_like=True):
    """What the answers so far have told. `asked` is how many of the contracts were asked about."""

    price: float | None = None
    priced_at: datetime | None = None
    pages: int = 0
    asked: int = 0
    contracts: list[Contract] = []
    quotes: list[Quote] = []


_KNOWN = msgspec.msgpack.Decoder(_Known)
_Step = Callable[[Reply, str, _Known], "Call | Chain | None"]


def ask_options(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a chain, for the stock's price; its answer asks for the rest."""
    calls = []
    for standing in standings:
        if standing.unit is None:
            continue
        symbol, _ = universe.split_listing(standing.unit.key)
        calls.append(
            Call(
                source="robinhood",
                feed="robinhood.options",
                url=f"{API}/quotes/?{urlencode({'symbols': robinhood_symbol(symbol)})}",
                units=(standing.unit,),
                size=standing.size,
                label=standing.label,
                session=True,
                expected=_ALL if standing.unit.extent == options.ALL else _NEAR,
            )
        )
    return calls


def read_options(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """The next call, or the snapshot. A symbol that Robinhood does not know settles nothing."""
    (unit,) = reply.call.units
    symbol, _ = universe.split_listing(unit.key)
    so_far = _known(reply.call)
    try:
        step = next(s for path, s in _STEPS.items() if urlsplit(reply.call.url).path.startswith(path))
        told = step(reply, symbol, so_far) if reply.status == 200 else None
    except MalformedChain as error:
        raise Malformed(f"{reply.call.url[:200]}: {error}") from error
    if isinstance(told, Call):
        yield Page(calls=(told,))
    elif told is None:
        yield Page(notes=(f"Robinhood has no options of {symbol} (status {reply.status})",))
    else:
        page = page_of_chains(unit, (told,), reply, held.get(unit.key))
        left = len(so_far.contracts) - len(told.quotes)
        note = f"{symbol}: Robinhood has no market data of {left} of {len(so_far.contracts)} contracts"
        yield replace(page, notes=(*page.notes, note)) if left else page


def _known(call: Call) -> _Known:
    return _KNOWN.decode(call.carried[0].encode("latin-1")) if call.carried else _Known()


def _next(call: Call, url: str, known: _Known) -> Call:
    told = msgspec.msgpack.encode(known).decode("latin-1")
    return replace(call, url=url, carried=(told,), expected=1)


def _after_quote(reply: Reply, symbol: str, known: _Known) -> Call | None:
    stock = read_stock(reply.body, symbol)
    if stock is None:
        return None
    known.price, known.priced_at = stock
    return _next(reply.call, f"{API}/instruments/?{urlencode({'symbol': robinhood_symbol(symbol)})}", known)


def _after_instrument(reply: Reply, symbol: str, known: _Known) -> Call | Chain | None:
    listed = read_listed(reply.body, symbol)
    if listed is None:
        return None
    if listed.chain is None:
        return _chain(symbol, known)
    return _next(reply.call, f"{API}/options/chains/{listed.chain}/", known)


def _after_chain(reply: Reply, symbol: str, known: _Known) -> Call | Chain:
    (unit,) = reply.call.units
    wanted = options.nearest(read_expirations(reply.body), unit.extent, new_york_date(reply.at))
    if not wanted:
        return _chain(symbol, known)
    ident = urlsplit(reply.call.url).path.rstrip("/").rpartition("/")[2]
    query = {
        "chain_id": ident,
        "expiration_dates": ",".join(day.isoformat() for day in wanted),
        "state": "active",
    }
    return _next(reply.call, f"{API}/options/instruments/?{urlencode(query, safe=',')}", known)


def _after_contracts(reply: Reply, symbol: str, known: _Known) -> Call | Chain:
    contracts, address = read_contracts(reply.body)
    seen = {contract.ident for contract in known.contracts}
    known.contracts += [c for c in dict.fromkeys(contracts) if c.ident not in seen]
    known.pages += 1
    if address is None:
        return _ask_market(reply.call, symbol, known)
    if not address.startswith(f"{API}/options/instruments/?") or known.pages >= _PAGES:
        raise MalformedChain(f"page {known.pages} of the contracts is followed by {address[:200]!r}")
    return _next(reply.call, address, known)


def _ask_market(call: Call, symbol: str, known: _Known) -> Call | Chain:
    batch = known.contracts[known.asked : known.asked + BATCH]
    if not batch:
        return _chain(symbol, known)
    known.asked += len(batch)
    addresses = ",".join(f"{API}/options/instruments/{contract.ident}/" for contract in batch)
    return _next(call, f"{API}/marketdata/options/?instruments={quote(addresses, safe=',')}", known)


def _after_market(reply: Reply, symbol: str, known: _Known) -> Call | Chain:
    asked = known.contracts[max(0, known.asked - BATCH) : known.asked]
    known.quotes += read_market(reply.body, asked)
    return _ask_market(reply.call, symbol, known)


def _chain(symbol: str, known: _Known) -> Chain:
    return Chain(
        symbol=symbol,
        price=known.price,
        priced_at=known.priced_at,
        quotes=tuple(known.quotes),
        expirations=(),
    )


_STEPS: Mapping[str, _Step] = {
    "/quotes/": _after_quote,
    "/instruments/": _after_instrument,
    "/options/chains/": _after_chain,
    "/options/instruments/": _after_contracts,
    "/marketdata/options/": _after_market,
}
