"""Yahoo's flat quotes: the last session of many symbols in one answer.

After the close a quote tells the session's bar, the close before it (adjusted for a split of the session)
and, of a payer, when the latest declared dividend is paid. It tells neither splits nor ex-dividend dates.
Symbols that Yahoo does not know are left out without a word.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import msgspec

from evertape.formats.bars import Bar, MalformedPrices
from evertape.formats.typed import decoded, in_range
from evertape.formats.yahoo import read_error


class _Flat(msgspec.Struct, rename="camel"):
    symbol: str = ""
    quote_type: str = ""
    currency: str | None = None
    regular_market_time: int | None = None
    regular_market_open: float | None = None
    regular_market_day_high: float | None = None
    regular_market_day_low: float | None = None
    regular_market_price: float | None = None
    regular_market_volume: float | None = None
    regular_market_previous_close: float | None = None
    dividend_date: int | None = None
    dividend_rate: float | None = None
    dividend_yield: float | None = None
    trailing_annual_dividend_rate: float | None = None
    trailing_annual_dividend_yield: float | None = None


class _Answer(msgspec.Struct):
    result: list[_Flat] | None
    error: object = None


class _Quotes(msgspec.Struct, rename="camel"):
    quote_response: _Answer


_QUOTES = msgspec.json.Decoder(_Quotes)


@dataclass(frozen=True, kw_only=True)
class Quoted:
    """What Yahoo says of one symbol. Prices in `currency` a share, volume in shares.

    Attributes:
        kind: Yahoo's type of it: EQUITY, ETF, MUTUALFUND and others.
        at: of the last trade in the regular session, aware UTC.
        open, high, low, volume: of the session of that trade. `close` is that trade's price.
        previous: the close of the session before, in shares of this one.
        pays: whether some rate, yield or date of dividends is told.
        paid_on: the day on which the latest declared dividend is paid; its ex-date lies before.
    """

    symbol: str
    kind: str
    currency: str | None
    at: datetime | None
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    previous: float | None
    pays: bool
    paid_on: date | None

    def bar(self, day: date) -> Bar:
        """As the chart of `day` has it: charts send prices in single precision."""
        prices = [_single(price) for price in (self.open, self.high, self.low, self.close)]
        return Bar(day, prices[0], prices[1], prices[2], prices[3], self.volume)


def read_quotes(body: bytes) -> Mapping[str, Quoted]:
    """By symbol, those that Yahoo knows; of two of one symbol the first.

    Raises:
        MalformedPrices: the body is no list of quotes, or holds an error.
    """
    told = read_error(body)
    if told is not None:
        raise MalformedPrices(f"the quotes hold an error: {told.code}: {told.description}")
    answer = decoded(_QUOTES, body, MalformedPrices, "Yahoo's list of quotes").quote_response
    if answer.result is None:
        raise MalformedPrices("the quotes have neither a result nor an error")
    with in_range(MalformedPrices):
        return {flat.symbol: _quoted(flat) for flat in reversed(answer.result) if flat.symbol}


def _quoted(flat: _Flat) -> Quoted:
    rates = (
        flat.dividend_rate, flat.dividend_yield, flat.trailing_annual_dividend_rate,
        flat.trailing_annual_dividend_yield,
    )  # fmt: skip
    paid_on = flat.dividend_date
    return Quoted(
        symbol=flat.symbol,
        kind=flat.quote_type,
        currency=flat.currency,
        at=None
        if flat.regular_market_time is None
        else datetime.fromtimestamp(flat.regular_market_time, UTC),
        open=flat.regular_market_open,
        high=flat.regular_market_day_high,
        low=flat.regular_market_day_low,
        close=flat.regular_market_price,
        volume=flat.regular_market_volume,
        previous=flat.regular_market_previous_close,
        pays=paid_on is not None or any(rate is not None and rate != 0 for rate in rates),
        paid_on=None if paid_on is None else datetime.fromtimestamp(paid_on, UTC).date(),
    )


def _single(value: float | None) -> float | None:
    """The nearest number of single precision; one that is too large for that as it is."""
    if value is None:
        return None
    try:
        (single,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        return value
    return float(single)
