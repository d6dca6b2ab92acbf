"""Cboe's delayed quotes: a whole chain in one answer, without a key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from evertape.sandbox.contracts import Chain, published
from evertape.sandbox.exchange import NEW_YORK, closes_at, sessions
from evertape.sandbox.securities import Listing, last_bars
from evertape.sandbox.wire import Call, Reply, as_json, digest, draw
from evertape.sandbox.world import World

_DELAY = 15 * 60
_TICKS = ("up", "down", "no_change")


class _Contract(msgspec.Struct):
    option: str
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    iv: float
    open_interest: float
    volume: float
    delta: float
    gamma: float
    theta: float
    rho: float
    vega: float
    theo: float
    change: float
    open: float
    high: float
    low: float
    tick: str
    last_trade_price: float
    last_trade_time: str | None
    percent_change: float
    prev_day_close: float


class Cboe:
    """Cboe's protocol. `percent` is the share of symbols whose volatility comes in percent."""

    name: str = "cboe"
    hosts: tuple[str, ...] = ("cdn.cboe.com",)

    def __init__(self, world: World) -> None:
        self._world = world
        self.percent = 0.1

    def admit(self, call: Call) -> Reply | None:
        """Everybody may ask."""
        return None

    def answer(self, call: Call) -> Reply:
        """A chain or a quote of the symbol that the path names."""
        folder, _, file = call.path.rpartition("/")
        listing = self._world.find(self.name, file.removesuffix(".json"))
        if listing is None or not file.endswith(".json"):
            return self.absent(call)
        if folder == "api/global/delayed_quotes/quotes":
            return self._wrapped(listing, {})
        chain = self._world.chain(listing)
        if folder != "api/global/delayed_quotes/options" or chain is None:
            return self.absent(call)
        in_percent = draw(listing.seed, "percent", listing.symbol) < self.percent
        return self._wrapped(listing, {"options": _contracts(chain, 100.0 if in_percent else 1.0)})

    def absent(self, call: Call) -> Reply:
        """403 with the storage's XML, as for anything that is not there."""
        reference = digest("cboe", call.path).upper()
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
            f"<Message>Access Denied</Message><RequestId>{reference[:16]}</RequestId>"
            f"<HostId>{reference[16:]}</HostId></Error>"
        )
        return Reply(status=403, content=text.encode(), content_type="application/xml")

    def refuse(self, call: Call, seconds: int) -> Reply:
        """403 with the network's HTML."""
        text = (
            "<!DOCTYPE html><html><head><title>Access denied | cdn.cboe.com</title></head><body><h1>Sorry, "
            "you have been blocked</h1><p>This page comes from a sandbox.</p></body></html>"
        )
        return Reply(status=403, content=text.encode(), content_type="text/html")

    def _wrapped(self, listing: Listing, data: dict[str, Any]) -> Reply:
        today = closes_at(sessions()[self._world.number])
        written = datetime.fromtimestamp(today + _DELAY, UTC)
        symbol = self._world.name(self.name, listing)
        data |= {"symbol": symbol} | _quote(listing, self._world.number)
        body = {"timestamp": f"{written:%Y-%m-%d %H:%M:%S}", "data": data, "symbol": symbol}
        return as_json(body, lasting=True)


def _quote(listing: Listing, today: int) -> dict[str, Any]:
    bars = last_bars(listing, today)
    number = int(bars.number[-1])
    opened, high, low, close = (float(c[-1]) / 100 for c in (bars.open, bars.high, bars.low, bars.close))
    ratio = listing.factor(number) / listing.factor(int(bars.number[0]))
    before = round(float(bars.close[0]) / 100 / ratio, 4)
    sold = datetime.fromtimestamp(closes_at(sessions()[number]) - 1, NEW_YORK)
    return {
        "security_type": "stock",
        "exchange_id": 2,
        "current_price": close,
        "price_change": round(close - before, 4),
        "price_change_percent": round(100 * (close / before - 1), 4),
        "bid": round(close - 0.01, 2),
        "ask": round(close + 0.01, 2),
        "bid_size": 8,
        "ask_size": 3,
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "prev_day_close": before,
        "volume": int(bars.volume[-1]),
        "iv30": round(100 * listing.volatility, 3),
        "iv30_change": -0.054,
        "iv30_change_percent": -0.1994,
        "seqno": 3_000_000_000 + number * 1000 + listing.index % 1000,
        "last_trade_time": f"{sold:%Y-%m-%dT%H:%M:%S}",
        "tick": "up" if close > before else "down",
    }


def _times(traded: list[int | None], close: int) -> list[str | None]:
    """Last trades in New York's wall time; one conversion serves a whole session."""
    start = datetime.fromtimestamp(close, NEW_YORK).replace(tzinfo=None)
    return [
        None if at is None else (start - timedelta(seconds=close - at)).isoformat(timespec="seconds")
        for at in traded
    ]


def _contracts(chain: Chain, scale: float) -> list[_Contract]:
    bids, asks = chain.quotes
    ivs = published(chain, chain.ivs, iv_zero=0.0, sentinel=0.0)
    if scale != 1:
        ivs = np.round(np.array(ivs) * scale, 4).tolist()
    times = _times(chain.traded, closes_at(chain.day))
    rows = []
    for n, code in enumerate(chain.codes):
        bid, last, change, volume = bids[n], chain.lasts[n], chain.changes[n], chain.volumes[n] or 0
        silent = times[n] is None
        before = last - change if last > change else last
        rows.append(
            _Contract(
                code,
                bid,
                float(1 + n % 90) if bid else 0.0,
                asks[n],
                float(1 + n % 70),
                ivs[n],
                float(chain.interests[n]),
                float(volume),
                chain.deltas[n],
                chain.gammas[n],
                chain.thetas[n],
                chain.rhos[n],
                chain.vegas[n],
                chain.theos[n],
                change if volume else 0.0,
                last - change / 2 if volume else 0.0,
                last if volume else 0.0,
                last if volume else 0.0,
                _TICKS[n % 3],
                0.0 if silent else last,
                times[n],
                round(100 * change / before, 4) if volume else 0.0,
                before,
            )
        )
    return rows
