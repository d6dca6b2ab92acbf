"""The bodies of Yahoo's answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET

from evertape.sandbox.contracts import Chain, published
from evertape.sandbox.exchange import (
    closes_at,
    epoch,
    midnight_utc,
    next_session,
    opens_at,
    sessions,
    utc_offset,
)
from evertape.sandbox.securities import Bars, Floats, Listing, last_bars

_VALID_RANGES = ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]
_LIVE_AFTER = 3.6 * 3600
_DECLARED = 7
"""Sessions from a dividend's declaration to its ex-date."""
_PAID = 3, 15
"""Sessions from the ex-date to the payment, from and to."""
_EQUITY = {
    "language": "en-US",
    "region": "US",
    "quoteType": "EQUITY",
    "typeDisp": "Equity",
    "quoteSourceName": "Delayed Quote",
    "triggerable": True,
    "customPriceAlertConfidence": "HIGH",
    "market": "us_market",
    "esgPopulated": False,
    "corporateActions": [],
    "sourceInterval": 15,
    "exchangeDataDelayedBy": 0,
    "hasPrePostMarketData": True,
    "priceHint": 2,
    "tradeable": False,
    "cryptoTradeable": False,
}
_PLACES = {"Nasdaq": ("NMS", "NasdaqGS"), "NYSE": ("NYQ", "NYSE")}


@dataclass(frozen=True, slots=True)
class Span:
    """Sessions from `first` up to, not including, `stop`, as seen in session `today`."""

    first: int
    stop: int
    today: int
    live: bool = False


def _single(values: Floats) -> list[float]:
    """Yahoo computes in single precision, and prints what that makes of a price."""
    singles: list[float] = values.astype(np.float32).astype(np.float64).tolist()
    return singles


def chart_result(listing: Listing, span: Span, events: str, given: str) -> dict[str, Any]:
    """One chart: bars adjusted for the splits up to today, with null for sessions without a trade."""
    bars = listing.bars(span.first, span.stop)
    ratios = listing.ratios(span.first, span.stop, span.today)
    numbers = bars.number.tolist()
    stamps = [opens_at(sessions()[number]) for number in numbers]
    columns: dict[str, list[Any]] = {
        name: _single(getattr(bars, name) / 100 / ratios) for name in ("open", "high", "low", "close")
    }
    columns["volume"] = np.rint(bars.volume * ratios).astype(np.int64).tolist()
    adjusted: list[Any] = _single(bars.close / 100 / ratios * _paid_out(listing, bars, span.today))
    for place in np.flatnonzero(bars.halted).tolist():
        for column in (*columns.values(), adjusted):
            column[place] = None
    if span.live and numbers and numbers[-1] == span.today and columns["close"][-1] is not None:
        stamps[-1] += int(_LIVE_AFTER)
        columns["close"][-1] = adjusted[-1] = columns["open"][-1]
        columns["volume"][-1] //= 2
    meta = chart_meta(listing, span, given)
    if not numbers:
        return {"meta": meta, "indicators": {"quote": [{}], "adjclose": [{}]}}
    body: dict[str, Any] = {"meta": meta, "timestamp": stamps}
    if happened := _events(listing, span, events):
        body["events"] = happened
    body["indicators"] = {"quote": [columns], "adjclose": [{"adjclose": adjusted}]}
    return body


def _paid_out(listing: Listing, bars: Bars, today: int) -> Floats:
    """What closes are multiplied by for the dividends paid after them."""
    factors = np.ones(len(bars.number))
    first = int(bars.number[0]) if len(bars.number) else today
    later = [one for one in listing.dividends if first < one.number <= today]
    closes = listing.bars(first, today + 1).close.tolist() if later else []
    for dividend in later:
        ratio = listing.factor(dividend.number) / listing.factor(dividend.number - 1)
        before = closes[dividend.number - 1 - first] / ratio
        factors[: max(0, dividend.number - first)] *= 1 - dividend.cents / before
    return factors


def _events(listing: Listing, span: Span, asked: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    stop = min(span.stop, span.today + 1)
    whole = listing.factor(span.today)
    if "div" in asked:
        paid = [one for one in listing.dividends if span.first <= one.number < stop]
        rows = [
            {
                "amount": round(one.cents / 100 / (whole / listing.factor(one.number)), 6),
                "date": opens_at(one.day),
            }
            for one in paid
        ]
        found |= {"dividends": {str(row["date"]): row for row in rows}} if rows else {}
    if "split" in asked:
        splits = [
            {
                "date": opens_at(one.day),
                "numerator": one.numerator,
                "denominator": one.denominator,
                "splitRatio": f"{one.numerator}:{one.denominator}",
            }
            for one in listing.splits
            if span.first <= one.number < stop
        ]
        found |= {"splits": {str(row["date"]): row for row in splits}} if splits else {}
    return found


def chart_meta(listing: Listing, span: Span, given: str) -> dict[str, Any]:
    """The head of a chart."""
    place, full = _PLACES[listing.exchange]
    day = sessions()[span.today]
    row = quote_row(listing, span.today)
    offset, zone = utc_offset(day), "EDT" if utc_offset(day) == -14400 else "EST"
    before = max(listing.first, span.first - 1)
    ratio = listing.factor(span.today) / listing.factor(before)
    coming = next_session(day)
    start, end = opens_at(coming), closes_at(coming)
    periods = {
        name: {"timezone": zone, "start": low, "end": high, "gmtoffset": offset}
        for name, low, high in (
            ("pre", epoch(coming, time(4)), start),
            ("regular", start, end),
            ("post", end, epoch(coming, time(20))),
        )
    }
    return {
        "currency": "USD",
        "symbol": listing.symbol,
        "exchangeName": place,
        "fullExchangeName": full,
        "instrumentType": "EQUITY",
        "firstTradeDate": opens_at(sessions()[listing.first]),
        "regularMarketTime": row["regularMarketTime"],
        "hasPrePostMarketData": True,
        "gmtoffset": offset,
        "timezone": zone,
        "exchangeTimezoneName": "America/New_York",
        "regularMarketPrice": row["regularMarketPrice"],
        "fiftyTwoWeekHigh": row["fiftyTwoWeekHigh"],
        "fiftyTwoWeekLow": row["fiftyTwoWeekLow"],
        "regularMarketDayHigh": row["regularMarketDayHigh"],
        "regularMarketDayLow": row["regularMarketDayLow"],
        "regularMarketVolume": row["regularMarketVolume"],
        "longName": listing.name,
        "shortName": listing.name[:31],
        "chartPreviousClose": round(float(listing.bars(before, before + 1).close[0]) / 100 / ratio, 3),
        "priceHint": 2,
        "currentTradingPeriod": periods,
        "dataGranularity": "1d",
        "range": given,
        "validRanges": _VALID_RANGES,
    }


def spark_row(listing: Listing, span: Span, given: str) -> dict[str, Any]:
    """One symbol's closes."""
    bars = listing.bars(span.first, span.stop)
    closes: list[Any] = _single(bars.close / 100 / listing.ratios(span.first, span.stop, span.today))
    for place in np.flatnonzero(bars.halted).tolist():
        closes[place] = None
    response = {
        "meta": chart_meta(listing, span, given),
        "timestamp": [opens_at(sessions()[number]) for number in bars.number.tolist()],
        "indicators": {"quote": [{"close": closes}]},
    }
    return {"symbol": listing.symbol, "response": [response]}


def quote_row(listing: Listing, today: int, *, live: bool = False) -> dict[str, Any]:
    """A flat quote at the end of session `today`; where `live`, of the middle of it."""
    bar = last_bars(listing, today)
    number = int(bar.number[-1])
    ratio = listing.factor(number) / listing.factor(int(bar.number[0]))
    price, before = float(bar.close[-1]) / 100, float(bar.close[0]) / 100 / ratio
    day_high, day_low, opened = (float(column[-1]) / 100 for column in (bar.high, bar.low, bar.open))
    day = sessions()[number]
    under_way = live and number == today
    at = opens_at(day) + int(_LIVE_AFTER) if under_way else closes_at(day) + 1
    if under_way:
        price = opened
    place, full = _PLACES[listing.exchange]
    shares = 20_000_000 + int(listing.share(54) * 3e9)
    return {
        **_EQUITY,
        "shortName": listing.name[:31],
        "longName": listing.name,
        "marketState": "REGULAR" if under_way else "CLOSED",
        "regularMarketChangePercent": round(100 * (price / before - 1), 6),
        "regularMarketPrice": price,
        "currency": "USD",
        "exchange": place,
        "messageBoardId": f"finmb_{listing.index}",
        "exchangeTimezoneName": "America/New_York",
        "exchangeTimezoneShortName": "EDT" if utc_offset(day) == -14400 else "EST",
        "gmtOffSetMilliseconds": utc_offset(day) * 1000,
        "regularMarketTime": at,
        "regularMarketChange": round(price - before, 4),
        "regularMarketDayHigh": day_high,
        "regularMarketDayRange": f"{day_low} - {day_high}",
        "regularMarketDayLow": day_low,
        "regularMarketVolume": int(bar.volume[-1]) // (2 if under_way else 1),
        "regularMarketPreviousClose": round(before, 4),
        "bid": round(price - 0.01, 2),
        "ask": round(price + 0.01, 2),
        "bidSize": 2,
        "askSize": 1,
        "fullExchangeName": full,
        "financialCurrency": "USD",
        "regularMarketOpen": opened,
        **_payout(listing, today, price),
        **_year(listing, today),
        "sharesOutstanding": shares,
        "marketCap": int(shares * price),
        "firstTradeDateMilliseconds": opens_at(sessions()[listing.first]) * 1000,
        "symbol": listing.symbol,
    }


def _payout(listing: Listing, today: int, price: float) -> dict[str, Any]:
    """What a quote says of dividends: the day on which the latest declared one is paid, never its ex-date."""
    declared = [one for one in listing.dividends if one.number - _DECLARED <= today]
    if not declared:
        return {}
    last, whole = declared[-1], listing.factor(today)
    rate = 4 * last.cents / 100 * listing.factor(last.number) / whole
    past = [one for one in declared if today - 252 < one.number <= today]
    trailing = sum(one.cents / 100 * listing.factor(one.number) / whole for one in past)
    paid = _PAID[0] + int(listing.share(56) * (_PAID[1] - _PAID[0] + 1))
    return {
        "dividendDate": midnight_utc(sessions()[last.number + paid]),
        "dividendRate": round(rate, 4),
        "dividendYield": round(100 * rate / price, 2),
        "trailingAnnualDividendRate": round(trailing, 4),
        "trailingAnnualDividendYield": round(trailing / price, 8),
    }


def _year(listing: Listing, today: int) -> dict[str, Any]:
    """What a quote says of the last 252 sessions."""
    bars = listing.bars(today - 251, today + 1)
    ratios = listing.ratios(today - 251, today + 1, today)
    high, low = float((bars.high / ratios).max()) / 100, float((bars.low / ratios).min()) / 100
    closes, volumes = bars.close / ratios / 100, bars.volume * ratios
    return {
        "averageDailyVolume3Month": int(volumes[-63:].mean()),
        "averageDailyVolume10Day": int(volumes[-10:].mean()),
        "fiftyTwoWeekRange": f"{low:.2f} - {high:.2f}",
        "fiftyTwoWeekLow": round(low, 4),
        "fiftyTwoWeekHigh": round(high, 4),
        "fiftyDayAverage": round(float(closes[-50:].mean()), 4),
        "twoHundredDayAverage": round(float(closes[-200:].mean()), 4),
    }


class _Contract(msgspec.Struct, rename="camel"):
    contract_symbol: str
    strike: float
    currency: str
    last_price: float
    change: float
    percent_change: float
    volume: int | msgspec.UnsetType
    open_interest: int
    bid: float
    ask: float
    contract_size: str
    expiration: int
    last_trade_date: int | msgspec.UnsetType
    implied_volatility: float
    in_the_money: bool


def option_result(
    symbol: str, quote: dict[str, Any], chain: Chain | None, day: date | None
) -> dict[str, Any]:
    """One expiration of a chain: `day`'s, or the nearest."""
    body: dict[str, Any] = {
        "underlyingSymbol": symbol,
        "expirationDates": [],
        "strikes": [],
        "hasMiniOptions": False,
        "quote": quote,
        "options": [],
    }
    if chain is None:
        return body
    dates = chain.dates()
    expiry = dates[0] if day is None else day
    rows = _rows(chain, expiry)
    body["expirationDates"] = [midnight_utc(date) for date in dates]
    body["strikes"] = sorted({row.strike for side in rows for row in side})
    body["options"] = [
        {"expirationDate": midnight_utc(expiry), "hasMiniOptions": False, "calls": rows[0], "puts": rows[1]}
    ]
    return body


def _rows(chain: Chain, expiry: date) -> tuple[list[_Contract], list[_Contract]]:
    """Calls and puts of one expiration; absent volumes and trades are left out."""
    bids, asks = chain.quotes
    ivs = published(chain, chain.ivs, iv_zero=0.0, sentinel=1.0000000000000003e-05)
    sides: tuple[list[_Contract], list[_Contract]] = ([], [])
    stamp = midnight_utc(expiry)
    for n in chain.of_expiry(expiry):
        call, strike, last, change = chain.calls[n], chain.strikes[n], chain.lasts[n], chain.changes[n]
        moved = round(100 * change / (last - change), 4) if last > change else 0.0
        row = _Contract(
            chain.codes[n],
            strike,
            "USD",
            last,
            change,
            moved,
            UNSET if (volume := chain.volumes[n]) is None else volume,
            chain.interests[n],
            bids[n],
            asks[n],
            "REGULAR",
            stamp,
            UNSET if (traded := chain.traded[n]) is None else traded,
            ivs[n],
            (strike < chain.spot) == call,
        )
        sides[0 if call else 1].append(row)
    return sides
