"""Robinhood's market data: quotes, chains, contracts, their market data, and daily historicals.

The API is not published; the shapes follow published field lists of its clients and are not recorded.
All numbers are strings, some of them sometimes numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from evertape.formats.bars import Bar, MalformedPrices, Series
from evertape.formats.chains import MalformedChain, Quote, Right, occ_symbol, read_occ
from evertape.formats.typed import Number, decoded, known, number, price, same_symbol

_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_UNAVAILABLE = re.compile(r"available in ([0-9]{1,12}) second")


class Contract(NamedTuple):
    """A contract of a chain. `ident` is Robinhood's, `root` the chain's symbol without marks."""

    ident: str
    root: str
    expiration: date
    right: Right
    strike: float


class Stock(NamedTuple):
    """The last price of a stock in regular hours, dollars a share, and when it was told."""

    price: float | None
    at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A stock that Robinhood knows; `chain` identifies its options, None where it has none."""

    chain: str | None


class _Quote(msgspec.Struct):
    symbol: str
    last_trade_price: Number = None
    updated_at: str | None = None


class _Quotes(msgspec.Struct):
    results: list[_Quote | None]


class _Instrument(msgspec.Struct):
    symbol: str
    tradable_chain_id: str | None = None
    state: str | None = None


class _Instruments(msgspec.Struct):
    results: list[_Instrument | None]


class _Chain(msgspec.Struct):
    expiration_dates: list[str]


class _Contract(msgspec.Struct):
    id: str
    chain_symbol: str
    expiration_date: str
    strike_price: float | str
    type: Right


class _Contracts(msgspec.Struct):
    results: list[_Contract]
    next: str | None = None


class _Market(msgspec.Struct):
    instrument: str = ""
    instrument_id: str = ""
    occ_symbol: str | None = None
    bid_price: Number = None
    ask_price: Number = None
    last_trade_price: Number = None
    volume: Number = None
    open_interest: Number = None
    implied_volatility: Number = None
    delta: Number = None
    gamma: Number = None
    theta: Number = None
    vega: Number = None
    rho: Number = None


class _Markets(msgspec.Struct):
    results: list[_Market | None]


class _Bar(msgspec.Struct):
    begins_at: str
    open_price: Number = None
    close_price: Number = None
    high_price: Number = None
    low_price: Number = None
    volume: Number = None
    interpolated: bool | None = False


class _Historical(msgspec.Struct):
    symbol: str
    historicals: list[_Bar]


class _Historicals(msgspec.Struct):
    results: list[_Historical | None]


class _Fault(msgspec.Struct):
    detail: str
    results: msgspec.Raw = msgspec.Raw()


_QUOTES = msgspec.json.Decoder(_Quotes)
_INSTRUMENTS = msgspec.json.Decoder(_Instruments)
_CHAIN = msgspec.json.Decoder(_Chain)
_CONTRACTS = msgspec.json.Decoder(_Contracts)
_MARKETS = msgspec.json.Decoder(_Markets)
_HISTORICALS = msgspec.json.Decoder(_Historicals)
_FAULT = msgspec.json.Decoder(_Fault)


def robinhood_symbol(symbol: str) -> str:
    """A canonical ticker as Robinhood spells it: BRK.B."""
    return symbol.replace("-", ".")


def read_stock(body: bytes, symbol: str) -> Stock | None:
    """What the quotes say of a symbol; None where it is not among them. Raises MalformedChain."""
    told = decoded(_QUOTES, body, MalformedChain, "Robinhood's quotes")
    found = next((q for q in told.results if q is not None and same_symbol(q.symbol, symbol)), None)
    if found is None:
        return None
    return Stock(price(number(found.last_trade_price, MalformedChain)), _instant(found.updated_at))


def read_listed(body: bytes, symbol: str) -> Listed | None:
    """The instrument of a symbol, an active one first; None where there is none. Raises MalformedChain."""
    told = decoded(_INSTRUMENTS, body, MalformedChain, "Robinhood's instruments")
    found = [i for i in told.results if i is not None and same_symbol(i.symbol, symbol)]
    found.sort(key=lambda i: i.state != "active")
    if not found:
        return None
    chain = found[0].tradable_chain_id
    return Listed(chain=_ident(chain) if chain else None)


def read_expirations(body: bytes) -> tuple[date, ...]:
    """The expirations of a chain, in order. Raises MalformedChain."""
    told = decoded(_CHAIN, body, MalformedChain, "Robinhood's chain")
    return tuple(sorted({_day(text, MalformedChain) for text in told.expiration_dates}))


def read_contracts(body: bytes) -> tuple[tuple[Contract, ...], str | None]:
    """A page of contracts, and the address of the next page. Raises MalformedChain."""
    told = decoded(_CONTRACTS, body, MalformedChain, "Robinhood's list of contracts")
    contracts = []
    for sent in told.results:
        strike = known(sent.strike_price, MalformedChain)
        if strike is None:
            raise MalformedChain(f"contract {sent.id!r} has no strike")
        root = re.sub(r"[^A-Z0-9]", "", sent.chain_symbol.upper())
        expiration = _day(sent.expiration_date, MalformedChain)
        contracts.append(Contract(_ident(sent.id), root, expiration, sent.type, strike))
    return tuple(contracts), told.next or None


def read_market(body: bytes, asked: Sequence[Contract]) -> tuple[Quote, ...]:
    """The market data of some of the contracts that were asked for; those without any are left out.

    Raises:
        MalformedChain: another shape, or a contract that was not asked for.
    """
    told = decoded(_MARKETS, body, MalformedChain, "Robinhood's market data")
    by_ident = {contract.ident: contract for contract in asked}
    return tuple(_quote(sent, by_ident) for sent in told.results if sent is not None)


def read_historicals(body: bytes, basis: date) -> tuple[Series, ...]:
    """Daily bars of several symbols, adjusted for splits up to `basis` that Robinhood does not tell.

    Bars that it has made up between two sessions ("interpolated") are left out. Raises MalformedPrices.
    """
    told = decoded(_HISTORICALS, body, MalformedPrices, "Robinhood's historicals")
    return tuple(
        Series(
            symbol=sent.symbol,
            bars=tuple(
                sorted((_bar(b) for b in sent.historicals if not b.interpolated), key=lambda b: b.day)
            ),
            currency="USD",
            adjusted=True,
            basis=basis,
            tells_splits=False,
        )
        for sent in told.results
        if sent is not None
    )


def fault_of(body: bytes) -> str | None:
    """The words of an error that Robinhood wrote as JSON; None for anything else."""
    try:
        told = _FAULT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return told.detail if not bytes(told.results) else None


def seconds_of(words: str) -> float | None:
    """After how many seconds Robinhood says that it is available again."""
    found = _UNAVAILABLE.search(words)
    return float(found.group(1)) if found else None


def _quote(sent: _Market, asked: Mapping[str, Contract]) -> Quote:
    ident = sent.instrument_id or sent.instrument.rstrip("/").rpartition("/")[2]
    if ident not in asked:
        raise MalformedChain(f"market data of {ident!r}, which was not asked for")
    _, root, expiration, right, strike = asked[ident]
    try:
        if sent.occ_symbol:
            root, expiration, right, strike = read_occ(sent.occ_symbol)
        name = occ_symbol(root, expiration, right, strike)
    except ValueError as error:
        raise MalformedChain(str(error)) from error
    return Quote(
        contract=name,
        right=right,
        expiration=expiration,
        strike=strike,
        bid=number(sent.bid_price, MalformedChain),
        ask=number(sent.ask_price, MalformedChain),
        last=number(sent.last_trade_price, MalformedChain),
        volume=number(sent.volume, MalformedChain),
        open_interest=number(sent.open_interest, MalformedChain),
        implied_volatility=number(sent.implied_volatility, MalformedChain),
        delta=number(sent.delta, MalformedChain),
        gamma=number(sent.gamma, MalformedChain),
        theta=number(sent.theta, MalformedChain),
        vega=number(sent.vega, MalformedChain),
        rho=number(sent.rho, MalformedChain),
    )


def _bar(sent: _Bar) -> Bar:
    told = (sent.open_price, sent.high_price, sent.low_price, sent.close_price, sent.volume)
    opened, high, low, close, volume = (known(value, MalformedPrices) for value in told)
    return Bar(_day(sent.begins_at, MalformedPrices), opened, high, low, close, volume)


def _ident(text: str) -> str:
    """An identifier that goes into addresses."""
    if not _ID.fullmatch(text):
        raise MalformedChain(f"{text!r} is no identifier of Robinhood's")
    return text


def _day(text: str, error: type[ValueError]) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError as fault:
        raise error(f"{text!r} is no day such as 2026-01-16") from fault


def _instant(text: str | None) -> datetime | None:
    try:
        told = datetime.fromisoformat(text) if text else None
        return told.astimezone(UTC) if told is not None and told.tzinfo is not None else None
    except (ValueError, OverflowError) as error:
        raise MalformedChain(f"{text!r} is no time such as 2026-04-27T20:14:59Z") from error
