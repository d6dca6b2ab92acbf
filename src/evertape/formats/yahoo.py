"""Yahoo's charts, sparks and option chains, in the shapes of `formats.bars` and `formats.chains`.

Prices and volumes are adjusted for every split up to the day of the answer, and dividends too: in NVDA's
chart of 2021, recorded in 2025, the steps of the dividend-adjusted closes are those of $0.004 a share, both
before the split of July 2021 ($0.16 were paid; 4:1 and 10:1 followed) and after it ($0.04; 10:1 followed).
AAPL's $3.29 of 2014-05-08 was sent as $0.47: https://github.com/pydata/pandas-datareader/issues/651
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from evertape.formats.bars import Bar, Dividend, MalformedPrices, Series, Split
from evertape.formats.chains import Chain, MalformedChain, Quote, Right, read_occ
from evertape.formats.typed import in_range

_UNKNOWN = ("not found", "no data found")
_NONE_THERE = "data doesn't exist for startdate"
Numbers = list[float | None]


class _Error(msgspec.Struct):
    code: str | None = None
    description: str | None = None

    @property
    def said(self) -> str:
        return ": ".join(part for part in (self.code, self.description) if part) or "an error without words"

    @property
    def unknown(self) -> bool:
        """The symbol is not known, or has nothing in the days asked for."""
        said = self.said.lower()
        return said.startswith(_UNKNOWN) or _NONE_THERE in said


class _Meta(msgspec.Struct, rename="camel"):
    symbol: str
    currency: str | None = None
    first_trade_date: int | None = None
    gmtoffset: int = 0
    exchange_timezone_name: str = ""


class _Paid(msgspec.Struct):
    amount: float
    date: int


class _Divided(msgspec.Struct):
    date: int
    numerator: float
    denominator: float


class _Events(msgspec.Struct):
    dividends: dict[str, _Paid] = {}
    splits: dict[str, _Divided] = {}


class _Prices(msgspec.Struct):
    open: Numbers | None = None
    high: Numbers | None = None
    low: Numbers | None = None
    close: Numbers | None = None
    volume: Numbers | None = None


class _Indicators(msgspec.Struct):
    quote: list[_Prices] = []


class _Charted(msgspec.Struct):
    meta: _Meta
    timestamp: list[int] = []
    events: _Events | None = None
    indicators: _Indicators = msgspec.field(default_factory=_Indicators)


class _ChartAnswer(msgspec.Struct):
    result: list[_Charted] | None
    error: _Error | None = None


class _Chart(msgspec.Struct):
    chart: _ChartAnswer


class _Sparked(msgspec.Struct):
    symbol: str
    response: list[_Charted] = []


class _SparkAnswer(msgspec.Struct):
    result: list[_Sparked] | None
    error: _Error | None = None


class _Spark(msgspec.Struct):
    spark: _SparkAnswer


class _Priced(msgspec.Struct, rename="camel"):
    regular_market_price: float | None = None
    regular_market_time: int | None = None


class _Contract(msgspec.Struct, rename="camel"):
    contract_symbol: str
    strike: float
    expiration: int
    last_price: float | None = None
    volume: float | None = None
    open_interest: float | None = None
    bid: float | None = None
    ask: float | None = None
    implied_volatility: float | None = None
    last_trade_date: int | None = None


class _Expiring(msgspec.Struct, rename="camel"):
    expiration_date: int
    calls: list[_Contract] = []
    puts: list[_Contract] = []


class _Chained(msgspec.Struct, rename="camel"):
    underlying_symbol: str
    expiration_dates: list[int] = []
    quote: _Priced = msgspec.field(default_factory=_Priced)
    options: list[_Expiring] = []


class _ChainAnswer(msgspec.Struct):
    result: list[_Chained] | None
    error: _Error | None = None


class _Options(msgspec.Struct, rename="camel"):
    option_chain: _ChainAnswer


class _Finance(msgspec.Struct):
    error: _Error | None = None


class _Any(msgspec.Struct, rename="camel"):
    chart: _Finance | None = None
    spark: _Finance | None = None
    option_chain: _Finance | None = None
    quote_response: _Finance | None = None
    finance: _Finance | None = None


_CHART = msgspec.json.Decoder(_Chart)
_SPARK = msgspec.json.Decoder(_Spark)
_OPTIONS = msgspec.json.Decoder(_Options)
_ANY = msgspec.json.Decoder(_Any)
_Body = TypeVar("_Body")
_Broken = type[MalformedPrices] | type[MalformedChain]


@dataclass(frozen=True, kw_only=True)
class Told:
    """An error that Yahoo wrote into a body. `unknown`: no such symbol, or nothing in the days asked for."""

    code: str
    description: str
    unknown: bool


def read_error(body: bytes) -> Told | None:
    """The error in a body of any of Yahoo's endpoints; None where there is none, or the body is no JSON."""
    try:
        found = _ANY.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    places = (found.chart, found.spark, found.option_chain, found.quote_response, found.finance)
    error = next((place.error for place in places if place is not None and place.error is not None), None)
    if error is None:
        return None
    return Told(code=error.code or "", description=error.description or "", unknown=error.unknown)


def read_chart(body: bytes, *, closed: date, basis: date, whole: bool) -> Series | None:
    """Daily bars of one symbol; None where Yahoo knows no such symbol, or nothing of it in these days.

    A bar's day is the date of its timestamp where the exchange is. Of two rows of one day the first counts:
    the second is the live price beside the session's bar.

    Args:
        closed: the last session that has closed; later rows are live prices and no bars.
        basis: New York date of the answer, up to which Yahoo has adjusted for splits.
        whole: the answer was asked through to `basis`, so that it tells every split since its first day.

    Raises:
        MalformedPrices: the body is no chart.
    """
    answer = _decoded(_CHART.decode, body, MalformedPrices, "chart").chart
    if answer.error is not None:
        if answer.error.unknown:
            return None
        raise MalformedPrices(f"the chart holds an error: {answer.error.said}")
    if not answer.result:
        raise MalformedPrices("the chart has neither a result nor an error")
    with in_range(MalformedPrices):
        return _series(answer.result[0], closed, basis, whole=whole)


def read_spark(body: bytes, *, closed: date, basis: date) -> Mapping[str, Series]:
    """Closes of several symbols by symbol, in whatever order Yahoo sends them; unknown ones are left out.

    No split is told, so that the series stay adjusted up to `basis`. Raises MalformedPrices.
    """
    answer = _decoded(_SPARK.decode, body, MalformedPrices, "spark").spark
    if answer.error is not None or answer.result is None:
        raise MalformedPrices(f"the spark holds an error: {(answer.error or _Error()).said}")
    with in_range(MalformedPrices):
        return {
            told.symbol: _series(charted, closed, basis, whole=False)
            for told in answer.result
            for charted in told.response[:1]
        }


def read_options(body: bytes) -> Chain | None:
    """The contracts of one expiration, and all expirations; None where Yahoo knows no such symbol.

    Raises:
        MalformedChain: the body is no chain.
    """
    answer = _decoded(_OPTIONS.decode, body, MalformedChain, "option chain").option_chain
    if answer.error is not None and not answer.error.unknown:
        raise MalformedChain(f"the option chain holds an error: {answer.error.said}")
    if answer.error is not None or not answer.result:
        return None
    (chained, *_) = answer.result
    with in_range(MalformedChain):
        return Chain(
            symbol=chained.underlying_symbol,
            price=chained.quote.regular_market_price,
            priced_at=_instant(chained.quote.regular_market_time),
            quotes=tuple(_contracts(chained.options)),
            expirations=tuple(_utc(epoch).date() for epoch in chained.expiration_dates),
        )


def _series(charted: _Charted, closed: date, basis: date, *, whole: bool) -> Series:
    meta = charted.meta
    zone = _zone(meta)
    events = charted.events or _Events()
    bars: dict[date, Bar] = {}
    for bar in _bars(charted, zone):
        known = bars.get(bar.day)
        if bar.day <= closed and (known is None or known.empty):
            bars[bar.day] = bar
    divided = sorted(events.splits.values(), key=lambda split: split.date)
    paid = sorted(events.dividends.values(), key=lambda dividend: dividend.date)
    for split in divided:
        if not (0 < split.numerator < math.inf and 0 < split.denominator < math.inf):
            raise MalformedPrices(f"a split of {split.numerator:g} for {split.denominator:g}")
    first = meta.first_trade_date
    return Series(
        symbol=meta.symbol,
        bars=tuple(bars[day] for day in sorted(bars)),
        splits=tuple(Split(_day(s.date, zone), s.numerator, s.denominator) for s in divided),
        dividends=tuple(Dividend(_day(d.date, zone), d.amount, meta.currency) for d in paid),
        currency=meta.currency,
        adjusted=True,
        basis=basis,
        tells_splits=whole,
        first_day=None if first is None else _day(first, zone),
    )


def _bars(charted: _Charted, zone: tzinfo) -> Iterator[Bar]:
    stamps = charted.timestamp
    if not stamps:
        return
    if not charted.indicators.quote:
        raise MalformedPrices(f"{len(stamps)} timestamps and no prices")
    told = charted.indicators.quote[0]
    columns = []
    for name in ("open", "high", "low", "close", "volume"):
        column = getattr(told, name)
        if column is None and name == "close":
            raise MalformedPrices(f"{len(stamps)} timestamps and no closes")
        if column is not None and len(column) != len(stamps):
            raise MalformedPrices(f"{len(stamps)} timestamps and {len(column)} of {name}")
        columns.append(column if column is not None else [None] * len(stamps))
    for stamp, *values in zip(stamps, *columns, strict=True):
        yield Bar(_day(stamp, zone), *values)


def _contracts(expiring: list[_Expiring]) -> Iterator[Quote]:
    for each in expiring:
        rights: tuple[tuple[Right, list[_Contract]], ...] = (("call", each.calls), ("put", each.puts))
        for right, contracts in rights:
            for told in contracts:
                read_occ(told.contract_symbol)
                yield Quote(
                    contract=told.contract_symbol,
                    right=right,
                    expiration=_utc(told.expiration).date(),
                    strike=told.strike,
                    bid=told.bid,
                    ask=told.ask,
                    last=told.last_price,
                    volume=told.volume,
                    open_interest=told.open_interest,
                    implied_volatility=told.implied_volatility,
                    traded_at=_instant(told.last_trade_date),
                )


def _zone(meta: _Meta) -> tzinfo:
    """The exchange's: by name where it is one, since the offset told is today's and not the bar's."""
    try:
        return ZoneInfo(meta.exchange_timezone_name)
    except (ValueError, LookupError, OSError):
        return timezone(timedelta(seconds=meta.gmtoffset))


def _day(epoch: int, zone: tzinfo) -> date:
    return datetime.fromtimestamp(epoch, zone).date()


def _utc(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _instant(epoch: int | None) -> datetime | None:
    return None if epoch is None else _utc(epoch)


def _decoded(decode: Callable[[bytes], _Body], body: bytes, broken: _Broken, name: str) -> _Body:
    try:
        return decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise broken(f"this is no {name} of Yahoo's: {error}") from error
