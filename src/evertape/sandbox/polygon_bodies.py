"""The rows of Polygon's answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from evertape.sandbox.contracts import Chain
from evertape.sandbox.exchange import closes_at, midnight, sessions
from evertape.sandbox.securities import Bars, Floats, Listing, day_of
from evertape.sandbox.wire import digest

_ANNOUNCED = 10
"""Sessions ahead of its day that a split or dividend is already listed."""
_MICS = {"Nasdaq": "XNAS", "NYSE": "XNYS"}


class Bar(msgspec.Struct):
    """One bar; `T` in answers that hold several tickers."""

    T: str | UnsetType
    v: float
    vw: float
    o: float
    c: float
    h: float
    l: float  # noqa: E741
    t: int
    n: int


def _rows(bars: Bars, ratios: Floats, names: list[str] | None, stamps: list[int]) -> list[Bar]:
    """Bars divided by `ratios`, sessions without a trade left out."""
    prices = [
        np.round(column / 100 / ratios, 4).tolist() for column in (bars.open, bars.high, bars.low, bars.close)
    ]
    average = np.round((bars.high + bars.low + bars.close) / 300 / ratios, 4).tolist()
    volumes = np.rint(bars.volume * ratios).tolist()
    counts = (bars.volume // 97 + 1).tolist()
    return [
        Bar(
            names[n] if names is not None else UNSET,
            volumes[n],
            average[n],
            prices[0][n],
            prices[3][n],
            prices[1][n],
            prices[2][n],
            stamps[n],
            counts[n],
        )
        for n in np.flatnonzero(~bars.halted).tolist()
    ]


def listing_bars(listing: Listing, span: tuple[int, int], today: int, *, adjusted: bool = True) -> list[Bar]:
    """One ticker's bars of the sessions from `span[0]` up to `span[1]`; `t` is New York's midnight."""
    first, stop = span
    bars = listing.bars(first, stop)
    ratios = listing.ratios(first, stop, today) if adjusted else np.ones(len(bars.number))
    stamps = [1000 * midnight(sessions()[number]) for number in bars.number.tolist()]
    return _rows(bars, ratios, None, stamps)


def day_bars(
    listings: list[Listing], number: int, today: int, named: Callable[[Listing], str], *, adjusted: bool
) -> list[Bar]:
    """One session's bars of all tickers; `t` is the session's end."""
    if not listings:
        return []
    ratios = np.ones(len(listings))
    if adjusted:
        ratios = np.array([one.factor(today) / one.factor(number) for one in listings])
    stamp = 1000 * closes_at(sessions()[number])
    names = [named(one) for one in listings]
    return _rows(day_of(listings, number), ratios, names, [stamp] * len(listings))


def split_rows(listing: Listing, ticker: str, today: int) -> list[dict[str, Any]]:
    """Splits that were executed or announced by session `today`."""
    return [
        {
            "execution_date": one.day.isoformat(),
            "id": "E" + digest("split", listing.symbol, one.number)[:40],
            "split_from": one.denominator,
            "split_to": one.numerator,
            "ticker": ticker,
        }
        for one in listing.splits
        if listing.first < one.number <= today + _ANNOUNCED
    ]


def dividend_rows(listing: Listing, ticker: str, today: int) -> list[dict[str, Any]]:
    """Dividends that were paid or announced by session `today`, as declared."""
    return [
        {
            "cash_amount": one.cents / 100,
            "currency": "USD",
            "declaration_date": (one.day - timedelta(days=21)).isoformat(),
            "dividend_type": "CD",
            "ex_dividend_date": one.day.isoformat(),
            "frequency": 4,
            "id": "E" + digest("dividend", listing.symbol, one.number)[:40],
            "pay_date": (one.day + timedelta(days=18)).isoformat(),
            "record_date": one.day.isoformat(),
            "ticker": ticker,
        }
        for one in listing.dividends
        if one.number <= today + _ANNOUNCED
    ]


def ticker_row(listing: Listing, ticker: str, day: date) -> dict[str, Any]:
    """One row of the reference."""
    figi = digest("figi", listing.symbol).upper()
    return {
        "ticker": ticker,
        "name": listing.name,
        "market": "stocks",
        "locale": "us",
        "primary_exchange": _MICS[listing.exchange],
        "type": "CS",
        "active": True,
        "currency_name": "usd",
        "cik": f"{listing.cik:010d}",
        "composite_figi": f"BBG000{figi[:6]}",
        "share_class_figi": f"BBG001{figi[6:12]}",
        "last_updated_utc": f"{day.isoformat()}T00:00:00Z",
    }


class _Day(msgspec.Struct):
    change: float
    change_percent: float
    close: float
    high: float
    last_updated: int
    low: float
    open: float
    previous_close: float
    volume: int
    vwap: float


class Details(msgspec.Struct):
    """What a contract is."""

    contract_type: str
    exercise_style: str
    expiration_date: str
    shares_per_contract: int
    strike_price: float
    ticker: str


class _Greeks(msgspec.Struct):
    delta: float
    gamma: float
    theta: float
    vega: float


class _Quote(msgspec.Struct):
    ask: float
    ask_size: int
    bid: float
    bid_size: int
    last_updated: int
    midpoint: float
    timeframe: str


class _Trade(msgspec.Struct):
    price: float
    sip_timestamp: int
    size: int
    conditions: list[int]
    exchange: int
    timeframe: str


class _Underlying(msgspec.Struct):
    change_to_break_even: float
    last_updated: int
    price: float
    ticker: str
    timeframe: str


class Snapshot(msgspec.Struct):
    """One contract's snapshot."""

    break_even_price: float
    day: _Day | dict[str, Any]
    details: Details
    greeks: _Greeks | dict[str, Any]
    implied_volatility: float | UnsetType
    last_quote: _Quote
    last_trade: _Trade | UnsetType
    open_interest: int
    underlying_asset: _Underlying


def option_rows(chain: Chain, ticker: str) -> list[Snapshot]:
    """The chain's snapshots, ordered by ticker. Where there is no volatility there are no greeks."""
    bids, asks = chain.quotes
    closed = closes_at(chain.day) * 1_000_000_000
    days = {day: day.isoformat() for day in chain.dates()}
    rows = []
    for n, code in enumerate(chain.codes):
        last, strike, bad, traded = chain.lasts[n], chain.strikes[n], chain.bad[n], chain.traded[n]
        even = round(strike + last if chain.calls[n] else strike - last, 4)
        detail = Details(
            "call" if chain.calls[n] else "put",
            "american",
            days[chain.expiries[n]],
            100,
            strike,
            "O:" + code,
        )
        blind = bad == "sentinel"
        rows.append(
            Snapshot(
                even,
                _day(chain, n, closed),
                detail,
                {} if blind else _Greeks(chain.deltas[n], chain.gammas[n], chain.thetas[n], chain.vegas[n]),
                UNSET if blind else (0.0 if bad == "iv-zero" else chain.ivs[n]),
                _Quote(asks[n], 1 + n % 70, bids[n], n % 90, closed, (asks[n] + bids[n]) / 2, "DELAYED"),
                UNSET if traded is None else _Trade(last, traded * 1_000_000_000, 1, [209], 309, "DELAYED"),
                chain.interests[n],
                _Underlying(round(even - chain.spot, 4), closed, chain.spot, ticker, "DELAYED"),
            )
        )
    rows.sort(key=lambda row: row.details.ticker)
    return rows


def _day(chain: Chain, n: int, closed: int) -> _Day | dict[str, Any]:
    """The day's bar of a contract, empty where the volume is not known."""
    volume, last, change = chain.volumes[n], chain.lasts[n], chain.changes[n]
    if volume is None:
        return {}
    before = round(last - change, 2) if last > change else last
    moved = round(100 * change / before, 4) if before else 0.0
    return _Day(change, moved, last, last, closed, min(last, before), before, before, volume, last)
