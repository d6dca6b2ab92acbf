"""Polygon's (Massive's) aggregates, splits, dividends and chains, as `formats.bars` and `formats.chains`.

Source of the shapes: the client's published answers, polygon-io/client-python, test_rest/mocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from evertape.clock import NEW_YORK
from evertape.formats.bars import Bar, Dividend, MalformedPrices, Split
from evertape.formats.chains import MalformedChain, Quote, Right, read_occ
from evertape.formats.typed import in_range

HOSTS = ("api.polygon.io", "api.massive.com")
_GOOD = ("OK", "DELAYED")


class _Answer(msgspec.Struct):
    status: str = ""
    next_url: str | None = None


class _Aggregate(msgspec.Struct, gc=False):
    t: int
    c: float
    o: float | None = None
    h: float | None = None
    l: float | None = None  # noqa: E741
    v: float | None = None
    vw: float | None = None
    n: int | None = None
    T: str | None = None


class _Aggregates(_Answer):
    results: list[_Aggregate] = []
    count: int | None = msgspec.field(name="resultsCount", default=None)
    adjusted: bool = False
    ticker: str | None = None


class _Divided(msgspec.Struct):
    execution_date: str
    split_from: float
    split_to: float
    ticker: str


class _Splits(_Answer):
    results: list[_Divided] = []


class _Paid(msgspec.Struct):
    cash_amount: float
    ex_dividend_date: str
    ticker: str
    dividend_type: str = ""
    currency: str | None = None


class _Dividends(_Answer):
    results: list[_Paid] = []


class _Details(msgspec.Struct):
    contract_type: str
    expiration_date: str
    strike_price: float
    ticker: str


class _Greeks(msgspec.Struct):
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None


class _Day(msgspec.Struct):
    volume: float | None = None
    close: float | None = None


class _LastQuote(msgspec.Struct):
    bid: float | None = None
    ask: float | None = None


class _LastTrade(msgspec.Struct):
    price: float | None = None
    sip_timestamp: int | None = None


class _Underlying(msgspec.Struct):
    ticker: str = ""
    price: float | None = None
    last_updated: int | None = None


class _Contract(msgspec.Struct):
    details: _Details
    day: _Day = msgspec.field(default_factory=_Day)
    greeks: _Greeks = msgspec.field(default_factory=_Greeks)
    implied_volatility: float | None = None
    last_quote: _LastQuote = msgspec.field(default_factory=_LastQuote)
    last_trade: _LastTrade = msgspec.field(default_factory=_LastTrade)
    open_interest: float | None = None
    underlying_asset: _Underlying = msgspec.field(default_factory=_Underlying)


class _Snapshot(_Answer):
    results: list[_Contract] | _Contract = []


class _Listed(msgspec.Struct):
    expiration_date: str


class _Contracts(_Answer):
    results: list[_Listed] | _Listed = []


class _Said(msgspec.Struct):
    status: str = ""
    error: str = ""
    message: str = ""


_AGGREGATES = msgspec.json.Decoder(_Aggregates)
_SPLITS = msgspec.json.Decoder(_Splits)
_DIVIDENDS = msgspec.json.Decoder(_Dividends)
_SNAPSHOT = msgspec.json.Decoder(_Snapshot)
_CONTRACTS = msgspec.json.Decoder(_Contracts)
_SAID = msgspec.json.Decoder(_Said)
_Body = TypeVar("_Body", bound=_Answer)
_Broken = type[MalformedPrices] | type[MalformedChain]


@dataclass(frozen=True, kw_only=True)
class Aggregates:
    """Bars by ticker, in the order of the answer; `adjusted` for splits, or as traded.

    Attributes:
        further: path and query of the next page, without a key; None on the last one.
    """

    bars: Mapping[str, tuple[Bar, ...]]
    adjusted: bool
    further: str | None = None


@dataclass(frozen=True, kw_only=True)
class Actions:
    """Splits and dividends by ticker."""

    splits: Mapping[str, tuple[Split, ...]]
    dividends: Mapping[str, tuple[Dividend, ...]]
    further: str | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A page of a chain: quotes, and the underlying's price in dollars a share with its time (UTC)."""

    symbol: str
    price: float | None
    priced_at: datetime | None
    quotes: tuple[Quote, ...]
    further: str | None = None


def read_said(body: bytes) -> tuple[str, str]:
    """The status that a body names ("OK", "ERROR", "NOT_AUTHORIZED"), and its words; empty without."""
    try:
        found = _SAID.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return "", ""
    return found.status, found.error or found.message


def read_aggregates(body: bytes) -> Aggregates:
    """Daily bars, of a range of one ticker or of one day of the market.

    A bar's day is the New York date of its timestamp, which is the start of its window in the one and the
    end of it in the other. Raises MalformedPrices.
    """
    answer = _decoded(_AGGREGATES.decode, body, MalformedPrices, "list of aggregates")
    if answer.count is not None and answer.count != len(answer.results):
        raise MalformedPrices(f"{answer.count} aggregates are announced, and {len(answer.results)} came")
    days: dict[int, date] = {}
    bars: dict[str, list[Bar]] = {}
    with in_range(MalformedPrices):
        for told in answer.results:
            stamp = told.t
            if stamp not in days:
                days[stamp] = datetime.fromtimestamp(stamp / 1000, NEW_YORK).date()
            ticker = told.T or answer.ticker
            if not ticker:
                raise MalformedPrices("an aggregate names no ticker")
            bar = Bar(days[stamp], told.o, told.h, told.l, told.c, told.v, told.vw, told.n)
            bars.setdefault(ticker, []).append(bar)
    found = {ticker: tuple(each) for ticker, each in bars.items()}
    return Aggregates(bars=found, adjusted=answer.adjusted, further=_further(answer, MalformedPrices))


def read_splits(body: bytes) -> Actions:
    """Splits of one ticker or of many: `split_to` shares for every `split_from`. Raises MalformedPrices."""
    answer = _decoded(_SPLITS.decode, body, MalformedPrices, "list of splits")
    splits: dict[str, list[Split]] = {}
    with in_range(MalformedPrices):
        for told in answer.results:
            if not (0 < told.split_to < math.inf and 0 < told.split_from < math.inf):
                raise MalformedPrices(f"a split of {told.split_to:g} for {told.split_from:g}")
            split = Split(date.fromisoformat(told.execution_date), told.split_to, told.split_from)
            splits.setdefault(told.ticker, []).append(split)
    found = {ticker: tuple(each) for ticker, each in splits.items()}
    return Actions(splits=found, dividends={}, further=_further(answer, MalformedPrices))


def read_dividends(body: bytes) -> Actions:
    """Cash dividends as they were paid. Raises MalformedPrices.

    Several kinds with one ex-date (a regular and a special one) are one dividend of their sum; of one kind
    the last counts.
    """
    answer = _decoded(_DIVIDENDS.decode, body, MalformedPrices, "list of dividends")
    paid: dict[tuple[str, date], dict[str, _Paid]] = {}
    with in_range(MalformedPrices):
        for told in answer.results:
            key = (told.ticker, date.fromisoformat(told.ex_dividend_date))
            paid.setdefault(key, {})[told.dividend_type] = told
    dividends: dict[str, list[Dividend]] = {}
    for (ticker, day), kinds in paid.items():
        currency = next((each.currency for each in kinds.values() if each.currency), None)
        amount = math.fsum(each.cash_amount for each in kinds.values())
        dividends.setdefault(ticker, []).append(Dividend(day, amount, currency))
    found = {ticker: tuple(each) for ticker, each in dividends.items()}
    return Actions(splits={}, dividends=found, further=_further(answer, MalformedPrices))


def read_snapshot(body: bytes) -> Snapshot:
    """A page of an underlying's options, or one of them. Greeks and quotes may be missing.

    Theta is a calendar day's and vega a percentage point's: so the formula of Black and Scholes gives both
    of the published answer. Raises MalformedChain.
    """
    answer = _decoded(_SNAPSHOT.decode, body, MalformedChain, "snapshot of options")
    results = answer.results if isinstance(answer.results, list) else [answer.results]
    known = next((told.underlying_asset for told in results), _Underlying())
    with in_range(MalformedChain):
        return Snapshot(
            symbol=known.ticker,
            price=known.price,
            priced_at=_instant(known.last_updated),
            quotes=tuple(_quote(told) for told in results),
            further=_further(answer, MalformedChain),
        )


def read_expirations(body: bytes) -> tuple[tuple[date, ...], str | None]:
    """The expirations among listed contracts, in order, and the next page. Raises MalformedChain."""
    answer = _decoded(_CONTRACTS.decode, body, MalformedChain, "list of contracts")
    with in_range(MalformedChain):
        results = answer.results if isinstance(answer.results, list) else [answer.results]
        found = {date.fromisoformat(told.expiration_date) for told in results}
    return tuple(sorted(found)), _further(answer, MalformedChain)


def _quote(told: _Contract) -> Quote:
    details, greeks = told.details, told.greeks
    contract = details.ticker.removeprefix("O:")
    read_occ(contract)
    right: Right = "call" if details.contract_type == "call" else "put"
    if details.contract_type not in ("call", "put"):
        raise MalformedChain(f"{contract} is a {details.contract_type!r}, and neither a call nor a put")
    return Quote(
        contract=contract,
        right=right,
        expiration=date.fromisoformat(details.expiration_date),
        strike=details.strike_price,
        bid=told.last_quote.bid,
        ask=told.last_quote.ask,
        last=told.day.close if told.last_trade.price is None else told.last_trade.price,
        volume=told.day.volume,
        open_interest=told.open_interest,
        implied_volatility=told.implied_volatility,
        delta=greeks.delta,
        gamma=greeks.gamma,
        theta=greeks.theta,
        vega=greeks.vega,
        traded_at=_instant(told.last_trade.sip_timestamp),
    )


def _further(answer: _Answer, broken: _Broken) -> str | None:
    """The next page, without its host and whatever key somebody put into it."""
    if not answer.next_url:
        return None
    with in_range(broken):
        parts = urlsplit(answer.next_url)
    if parts.hostname not in HOSTS:
        raise broken(f"the next page is said to be at {parts.hostname}, which is not Polygon's")
    asked = [(name, value) for name, value in parse_qsl(parts.query) if name.lower() != "apikey"]
    return f"{parts.path}?{urlencode(asked)}"


def _instant(nanoseconds: int | None) -> datetime | None:
    return None if nanoseconds is None else datetime.fromtimestamp(nanoseconds // 1000 / 1_000_000, UTC)


def _decoded(decode: Callable[[bytes], _Body], body: bytes, broken: _Broken, name: str) -> _Body:
    try:
        found = decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise broken(f"this is no {name} of Polygon's: {error}") from error
    if found.status not in _GOOD:
        raise broken(f"the {name} has the status {found.status!r}")
    return found
