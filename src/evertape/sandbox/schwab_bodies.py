"""The bodies of Schwab's answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from evertape.sandbox.contracts import RATE, Chain, root_of
from evertape.sandbox.exchange import closes_at, midnight, sessions
from evertape.sandbox.securities import Listing
from evertape.sandbox.wire import digest
from evertape.sandbox.yahoo_bodies import quote_row

_FIELDS = ("quote", "fundamental", "extended", "reference", "regular")
_EXCHANGES = {"Nasdaq": ("Q", "NASDAQ"), "NYSE": ("N", "NYSE")}
_SENTINEL = -999.0
_HOUR = 3600


def quote_body(listing: Listing, symbol: str, today: int, fields: list[str]) -> dict[str, Any]:
    """One symbol of /quotes at the end of session `today`; `fields` of the answer, or all where empty."""
    row = quote_row(listing, today)
    exchange, name = _EXCHANGES[listing.exchange]
    price, at = row["regularMarketPrice"], row["regularMarketTime"] * 1000
    parts: dict[str, dict[str, Any]] = {
        "extended": _extended(price, at),
        "fundamental": {
            "avg10DaysVolume": float(row["averageDailyVolume10Day"]),
            "avg1YearVolume": float(row["averageDailyVolume3Month"]),
            "divAmount": 0.0,
            "divFreq": 4 if listing.dividends else 0,
            "divPayAmount": 0.0,
            "divYield": 0.0,
            "eps": round(price / 20, 4),
            "fundLeverageFactor": 0.0,
            "peRatio": 20.0,
        },
        "quote": _quote(row),
        "reference": {
            "cusip": digest("cusip", listing.symbol)[:9].upper(),
            "description": listing.name,
            "exchange": exchange,
            "exchangeName": name,
            "isHardToBorrow": False,
            "isShortable": True,
            "htbRate": 0.0,
        },
        "regular": {
            "regularMarketLastPrice": price,
            "regularMarketLastSize": 100,
            "regularMarketNetChange": row["regularMarketChange"],
            "regularMarketPercentChange": row["regularMarketChangePercent"],
            "regularMarketTradeTime": at,
        },
    }
    head = {
        "assetMainType": "EQUITY",
        "assetSubType": "COE",
        "quoteType": "NBBO",
        "realtime": True,
        "ssid": 1_000_000_000 + listing.index,
        "symbol": symbol,
    }
    wanted = [part for part in _FIELDS if not fields or part in fields or "all" in fields]
    return head | {part: parts[part] for part in wanted}


def _extended(price: float, at: int) -> dict[str, Any]:
    return {
        "askPrice": 0.0,
        "askSize": 0,
        "bidPrice": 0.0,
        "bidSize": 0,
        "lastPrice": price,
        "lastSize": 100,
        "mark": 0.0,
        "quoteTime": at,
        "totalVolume": 0,
        "tradeTime": at,
    }


def _quote(row: dict[str, Any]) -> dict[str, Any]:
    price, at = row["regularMarketPrice"], row["regularMarketTime"] * 1000
    change, percent = row["regularMarketChange"], row["regularMarketChangePercent"]
    return {
        "52WeekHigh": row["fiftyTwoWeekHigh"],
        "52WeekLow": row["fiftyTwoWeekLow"],
        "askMICId": "ARCX",
        "askPrice": row["ask"],
        "askSize": 2,
        "askTime": at,
        "bidMICId": "ARCX",
        "bidPrice": row["bid"],
        "bidSize": 3,
        "bidTime": at,
        "closePrice": row["regularMarketPreviousClose"],
        "highPrice": row["regularMarketDayHigh"],
        "lastMICId": "XADF",
        "lastPrice": price,
        "lastSize": 100,
        "lowPrice": row["regularMarketDayLow"],
        "mark": price,
        "markChange": change,
        "markPercentChange": percent,
        "netChange": change,
        "netPercentChange": percent,
        "openPrice": row["regularMarketOpen"],
        "postMarketChange": 0.0,
        "postMarketPercentChange": 0.0,
        "quoteTime": at,
        "securityStatus": "Normal",
        "totalVolume": row["regularMarketVolume"],
        "tradeTime": at,
    }


def history_body(listing: Listing, symbol: str, span: tuple[int, int], today: int) -> dict[str, Any]:
    """Daily candles, adjusted for splits of which the answer says nothing; stamped at Chicago's midnight."""
    first, stop = span
    bars = listing.bars(first, stop)
    ratios = listing.ratios(first, stop, today)
    columns = [
        np.round(column / 100 / ratios, 4).tolist() for column in (bars.open, bars.high, bars.low, bars.close)
    ]
    volumes = np.rint(bars.volume * ratios).astype(np.int64).tolist()
    stamps = [1000 * (midnight(sessions()[number]) + _HOUR) for number in bars.number.tolist()]
    names = ("open", "high", "low", "close", "volume", "datetime")
    rows = zip(*columns, volumes, stamps, strict=True)
    candles = [
        dict(zip(names, row, strict=True))
        for row, halted in zip(rows, bars.halted.tolist(), strict=True)
        if not halted
    ]
    body: dict[str, Any] = {"symbol": symbol, "empty": not candles}
    if first > listing.first and candles:
        before = listing.bars(first - 1, first)
        ratio = float(listing.ratios(first - 1, first, today)[0])
        body["previousClose"] = round(float(before.close[0]) / 100 / ratio, 4)
        body["previousCloseDate"] = 1000 * (midnight(sessions()[first - 1]) + _HOUR)
    return body | {"candles": candles}


def _stamp(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.000+00:00"


class _Contract(msgspec.Struct, rename="camel"):
    put_call: str
    symbol: str
    description: str
    bid: float
    ask: float
    last: float
    mark: float
    bid_size: int
    ask_size: int
    bid_ask_size: str
    high_price: float
    low_price: float
    close_price: float
    total_volume: int
    trade_time_in_long: int
    quote_time_in_long: int
    net_change: float
    volatility: float | str
    delta: float | str
    gamma: float | str
    theta: float | str
    vega: float | str
    rho: float | str
    open_interest: int
    time_value: float
    theoretical_option_value: float
    option_deliverables_list: list[dict[str, Any]]
    strike_price: float
    expiration_date: str
    days_to_expiration: int
    expiration_type: str
    last_trading_day: int
    deliverable_note: str
    percent_change: float
    mark_change: float
    mark_percent_change: float
    intrinsic_value: float
    extrinsic_value: float
    option_root: str
    in_the_money: bool
    exchange_name: str = "OPR"
    last_size: int = 0
    open_price: float = 0.0
    theoretical_volatility: float = 29.0
    multiplier: float = 100.0
    settlement_type: str = "P"
    exercise_type: str = "A"
    non_standard: bool = False
    mini: bool = False
    penny_pilot: bool = True


def chain_body(
    chain: Chain | None, symbol: str, days: tuple[str, str], kind: str, strikes: int
) -> dict[str, Any]:
    """A chain from day to day; `kind` CALL, PUT or ALL; the `strikes` nearest to the money."""
    maps: dict[str, dict[str, dict[str, list[_Contract]]]] = {"CALL": {}, "PUT": {}}
    count = 0
    if chain is not None:
        bids, asks = chain.quotes
        for expiry in chain.dates():
            if not days[0] <= expiry.isoformat() <= days[1]:
                continue
            ends = closes_at(expiry)
            frame = _Expiry(chain, symbol, expiry.isoformat(), (expiry - chain.day).days, ends, _stamp(ends))
            here = chain.of_expiry(expiry)
            near = sorted({chain.strikes[n] for n in here}, key=lambda strike: abs(strike - chain.spot))
            kept = set(near[:strikes])
            for n in here:
                side = "CALL" if chain.calls[n] else "PUT"
                if kind in (side, "ALL") and chain.strikes[n] in kept:
                    rows = maps[side].setdefault(f"{frame.day}:{frame.left}", {})
                    rows[str(chain.strikes[n])] = [frame.contract(n, bids[n], asks[n])]
                    count += 1
    return {
        "symbol": symbol,
        "status": "SUCCESS" if count else "FAILED",
        "underlying": None,
        "strategy": "SINGLE",
        "interval": 0.0,
        "isDelayed": False,
        "isIndex": False,
        "interestRate": 100 * RATE,
        "underlyingPrice": chain.spot if chain is not None else 0.0,
        "volatility": 29.0,
        "daysToExpiration": 0.0,
        "dividendYield": 0.0,
        "numberOfContracts": count,
        "assetMainType": "EQUITY",
        "assetSubType": "COE",
        "isChainTruncated": False,
        "callExpDateMap": maps["CALL"],
        "putExpDateMap": maps["PUT"],
    }


@dataclass(frozen=True, slots=True)
class _Expiry:
    """What the contracts of one expiration share: its day, the days left, its end in seconds since 1970."""

    chain: Chain
    symbol: str
    day: str
    left: int
    ends: int
    stamp: str

    def contract(self, n: int, bid: float, ask: float) -> _Contract:
        """The `n`th contract of the chain."""
        chain, code, root = self.chain, self.chain.codes[n], root_of(self.chain.listing.symbol)
        call, strike, last, change = chain.calls[n], chain.strikes[n], chain.lasts[n], chain.changes[n]
        inside = max(0.0, chain.spot - strike if call else strike - chain.spot)
        mark, traded = round((bid + ask) / 2, 3), chain.traded[n]
        before = round(last - change, 2) if last > change else last
        volatility, delta, gamma, theta, vega, rho = _greeks(chain, n)
        return _Contract(
            "CALL" if call else "PUT",
            f"{root:<6}{code[len(root) :]}",
            f"{root} {self.day} {strike:g} {'Call' if call else 'Put'}",
            bid,
            ask,
            last,
            mark,
            n % 90,
            1 + n % 70,
            f"{n % 90}X{1 + n % 70}",
            last,
            last,
            before,
            chain.volumes[n] or 0,
            0 if traded is None else traded * 1000,
            closes_at(chain.day) * 1000,
            change,
            volatility,
            delta,
            gamma,
            theta,
            vega,
            rho,
            chain.interests[n],
            round(max(0.0, mark - inside), 3),
            chain.theos[n],
            [{"symbol": self.symbol, "assetType": "STOCK", "deliverableUnits": 100.0}],
            strike,
            self.stamp,
            self.left,
            "S" if 15 <= int(self.day[8:]) <= 21 else "W",
            self.ends * 1000,
            f"100 {self.symbol}",
            *_moved(change, mark, before),
            round(inside, 3),
            round(max(0.0, mark - inside), 3),
            root,
            inside > 0,
        )


def _greeks(chain: Chain, n: int) -> list[float | str]:
    """Volatility in percent and the greeks. What is missing is -999, or the word NaN: both are seen."""
    if chain.bad[n] == "sentinel":
        return [_SENTINEL, *[_SENTINEL if n % 2 == 0 else "NaN"] * 5]
    volatility = 0.0 if chain.bad[n] == "iv-zero" else round(100 * chain.ivs[n], 3)
    return [volatility, chain.deltas[n], chain.gammas[n], chain.thetas[n], chain.vegas[n], chain.rhos[n]]


def _moved(change: float, mark: float, before: float) -> tuple[float, float, float]:
    """The day's change in percent, and the mark's in dollars and percent."""
    if not before:
        return 0.0, 0.0, 0.0
    return round(100 * change / before, 2), round(mark - before, 2), round(100 * (mark / before - 1), 2)
