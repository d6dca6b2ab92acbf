"""Schwab's market data: chains with greeks, their expirations, and daily candles.

The shapes follow published field lists of the Trader API and of its clients; they are not recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date

import msgspec

from evertape.clock import new_york_date
from evertape.formats.bars import Bar, MalformedPrices, Series
from evertape.formats.chains import Chain, MalformedChain, Quote, read_occ
from evertape.formats.typed import Number, decoded, instant, known, number, price

UNKNOWN = -999.0
"""What Schwab writes for a greek or a volatility that it does not know."""

Pick = Callable[[Sequence[date]], Collection[date]]


class _Contract(msgspec.Struct, rename="camel"):
    symbol: str
    bid: Number = None
    bid_price: Number = None
    ask: Number = None
    ask_price: Number = None
    last: Number = None
    last_price: Number = None
    total_volume: Number = None
    open_interest: Number = None
    volatility: Number = None
    delta: Number = None
    gamma: Number = None
    theta: Number = None
    vega: Number = None
    rho: Number = None
    trade_time_in_long: float | None = None


class _Underlying(msgspec.Struct, rename="camel"):
    last: Number = None
    mark: Number = None
    trade_time: float | None = None
    quote_time: float | None = None


_Map = dict[str, dict[str, list[_Contract]]] | None


class _Chain(msgspec.Struct, rename="camel"):
    call_exp_date_map: _Map
    put_exp_date_map: _Map
    symbol: str = ""
    underlying: _Underlying | None = None
    underlying_price: Number = None


class _Expiration(msgspec.Struct, rename="camel"):
    expiration_date: str = ""
    expiration: str = ""


class _Expirations(msgspec.Struct, rename="camel"):
    expiration_list: list[_Expiration]


class _Candle(msgspec.Struct):
    datetime: float
    open: Number = None
    high: Number = None
    low: Number = None
    close: Number = None
    volume: Number = None


class _History(msgspec.Struct):
    candles: list[_Candle]
    symbol: str = ""


class _Fault(msgspec.Struct):
    status: int | str | None = None
    title: str | None = None
    detail: str | None = None
    message: str | None = None


class _Faults(msgspec.Struct):
    errors: list[_Fault] | None = None
    error: str | None = None
    message: str | None = None


_CHAIN = msgspec.json.Decoder(_Chain)
_EXPIRATIONS = msgspec.json.Decoder(_Expirations)
_HISTORY = msgspec.json.Decoder(_History)
_FAULTS = msgspec.json.Decoder(_Faults)


def schwab_symbol(symbol: str) -> str:
    """A canonical ticker as Schwab spells it: BRK/B, and $SPX for the index ^SPX."""
    return symbol.replace("-", "/").replace("^", "$")


def read_expirations(body: bytes) -> tuple[date, ...]:
    """All expirations of an underlying, in order. Raises MalformedChain."""
    told = decoded(_EXPIRATIONS, body, MalformedChain, "Schwab's list of expirations")
    return tuple(sorted({_day(e.expiration_date or e.expiration) for e in told.expiration_list}))


def read_chain(body: bytes, pick: Pick | None = None) -> Chain:
    """A chain, or those of its expirations that `pick` chooses; without contracts where there are none.

    Volatilities are in percent (25.3) and come out as fractions; -999 and NaN, as a number or as a
    string, are passed on as they came. Bids, asks and last prices go by the short names that are seen,
    and by the long ones of the published schema.

    Raises:
        MalformedChain: no JSON, another shape, or a contract that is not named by the OCC's rule.
    """
    told = decoded(_CHAIN, body, MalformedChain, "Schwab's chain")
    sent = [_quote(c) for side in (told.call_exp_date_map, told.put_exp_date_map) for c in _contracts(side)]
    expirations = tuple(sorted({quote.expiration for quote in sent}))
    kept = frozenset(expirations if pick is None else pick(expirations))
    stock = told.underlying or _Underlying()
    prices = (stock.last, stock.mark, told.underlying_price)
    return Chain(
        symbol=told.symbol,
        price=next((p for p in (price(number(p, MalformedChain)) for p in prices) if p is not None), None),
        priced_at=instant(stock.trade_time or stock.quote_time, MalformedChain),
        quotes=tuple(quote for quote in sent if quote.expiration in kept),
        expirations=expirations,
    )


def read_history(body: bytes, basis: date) -> Series:
    """Daily candles, adjusted for splits up to `basis` that Schwab does not tell; none where it has none.

    A candle's time is midnight of its session in Chicago. Raises MalformedPrices.
    """
    told = decoded(_HISTORY, body, MalformedPrices, "Schwab's price history")
    return Series(
        symbol=told.symbol,
        bars=tuple(sorted((_bar(candle) for candle in told.candles), key=lambda bar: bar.day)),
        currency="USD",
        adjusted=True,
        basis=basis,
        tells_splits=False,
    )


def fault_of(body: bytes) -> tuple[int | None, str] | None:
    """Status and words of an error that Schwab wrote as JSON; None for anything else."""
    try:
        told = _FAULTS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if told.errors:
        first = told.errors[0]
        status = str(first.status or "")
        words = first.detail or first.message or first.title or "an error without words"
        return (int(status) if status.isdecimal() and len(status) == 3 else None), words
    if told.error or (told.errors is None and told.message):
        return None, told.error or told.message or ""
    return None


def _contracts(side: Mapping[str, Mapping[str, Sequence[_Contract]]] | None) -> Iterator[_Contract]:
    for strikes in (side or {}).values():
        for contracts in strikes.values():
            yield from contracts


def _quote(sent: _Contract) -> Quote:
    try:
        _, expiration, right, strike = read_occ(sent.symbol)
    except ValueError as error:
        raise MalformedChain(str(error)) from error
    percent = _told(sent.volatility)
    bid, ask, last = (
        _told(_first(*pair))
        for pair in ((sent.bid, sent.bid_price), (sent.ask, sent.ask_price), (sent.last, sent.last_price))
    )
    return Quote(
        contract=sent.symbol.replace(" ", ""),
        right=right,
        expiration=expiration,
        strike=strike,
        bid=bid,
        ask=ask,
        last=last,
        volume=_told(sent.total_volume),
        open_interest=_told(sent.open_interest),
        implied_volatility=percent if percent is None or percent == UNKNOWN else percent / 100.0,
        delta=_told(sent.delta),
        gamma=_told(sent.gamma),
        theta=_told(sent.theta),
        vega=_told(sent.vega),
        rho=_told(sent.rho),
        traded_at=instant(sent.trade_time_in_long, MalformedChain),
    )


def _told(value: Number) -> float | None:
    return number(value, MalformedChain)


def _first(one: Number, other: Number) -> Number:
    return other if one is None else one


def _bar(candle: _Candle) -> Bar:
    at = instant(candle.datetime, MalformedPrices)
    if at is None:
        raise MalformedPrices("a candle of Schwab's has no time")
    sent = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    opened, high, low, close, volume = (known(value, MalformedPrices) for value in sent)
    try:
        return Bar(new_york_date(at), opened, high, low, close, volume)
    except OverflowError as error:
        raise MalformedPrices(f"{candle.datetime} is no session") from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise MalformedChain(f"{text!r} is no expiration such as 2026-09-18") from error
