"""The rows of Robinhood's answers: every number is text."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from evertape.sandbox.contracts import Chain
from evertape.sandbox.exchange import closes_at, sessions
from evertape.sandbox.securities import Listing, last_bars
from evertape.sandbox.wire import digest
from evertape.sandbox.world import World

_BASE = "https://api.robinhood.com"
_SPANS = {"day": 1, "week": 5, "month": 21, "3month": 63, "year": 252, "5year": 1260}
"""Sessions of each span."""
_MARK = 0x5B


def _identity(kind: int, value: int) -> str:
    """A UUID that holds a number below 2**96 and a check of it."""
    check = int(digest("uuid", kind, value)[:4], 16)
    return str(uuid.UUID(int=(value << 32) | (check << 16) | (kind << 8) | _MARK))


def _content(identity: str, kind: int) -> int | None:
    try:
        whole = uuid.UUID(identity).int
    except ValueError:
        return None
    value = whole >> 32
    return value if _identity(kind, value) == str(uuid.UUID(int=whole)) else None


def instrument_id(listing: Listing) -> str:
    """The id of a stock, which is its chain's as well."""
    return _identity(1, (listing.index << 4) | listing.place)


chain_id = instrument_id


def listing_place(identity: str) -> tuple[int, int] | None:
    """The company's index and the place among its symbols that an id stands for."""
    value = _content(identity, 1)
    return None if value is None else (value >> 4, value & 15)


def option_id(chain: Chain, n: int) -> str:
    """The id of a contract, the same on every day."""
    strike = round(chain.strikes[n] * 1000)
    value = (chain.listing.index << 4) | chain.listing.place
    return _identity(
        2, (((value << 20) | chain.expiries[n].toordinal()) << 33) | (strike << 1) | chain.calls[n]
    )


def option_place(identity: str, world: World) -> tuple[Chain, int] | None:
    """The chain and the place in it that an id stands for, or None where it is not listed today."""
    value = _content(identity, 2)
    if value is None:
        return None
    strike, call = (value >> 1 & 0xFFFFFFFF) / 1000, bool(value & 1)
    owner, day = value >> 53, value >> 33 & 0xFFFFF
    listing = world.by_index("robinhood", owner >> 4, owner & 15)
    chain = world.chain(listing) if listing is not None else None
    if chain is None or day < 1:
        return None
    try:
        place = chain.places[(date.fromordinal(day), call, strike)]
    except KeyError:
        return None
    return chain, place


def _text(value: float, digits: int = 6) -> str:
    return f"{value:.{digits}f}"


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def quote_row(listing: Listing, symbol: str, world: World) -> dict[str, Any]:
    """One quote at the end of today's session."""
    bars = last_bars(listing, world.number)
    number = int(bars.number[-1])
    price = float(bars.close[-1]) / 100
    before, previous = float(bars.close[0]) / 100, sessions()[int(bars.number[0])]
    ratio = listing.factor(number) / listing.factor(int(bars.number[0]))
    at = _time(closes_at(sessions()[number]))
    identity = instrument_id(listing)
    return {
        "ask_price": _text(price + 0.01),
        "ask_size": 100,
        "venue_ask_time": at,
        "bid_price": _text(price - 0.01),
        "bid_size": 200,
        "venue_bid_time": at,
        "last_trade_price": _text(price),
        "venue_last_trade_time": at,
        "last_extended_hours_trade_price": None,
        "last_non_reg_trade_price": None,
        "previous_close": _text(before),
        "adjusted_previous_close": _text(before / ratio),
        "previous_close_date": previous.isoformat(),
        "symbol": symbol,
        "trading_halted": number != world.number,
        "has_traded": True,
        "last_trade_price_source": "consolidated",
        "updated_at": at,
        "instrument": f"{_BASE}/instruments/{identity}/",
        "instrument_id": identity,
        "state": "active",
    }


def instrument_row(listing: Listing, world: World) -> dict[str, Any]:
    """One stock."""
    identity = instrument_id(listing)
    symbol = world.name("robinhood", listing)
    return {
        "id": identity,
        "url": f"{_BASE}/instruments/{identity}/",
        "quote": f"{_BASE}/quotes/{symbol}/",
        "fundamentals": f"{_BASE}/fundamentals/{symbol}/",
        "splits": f"{_BASE}/instruments/{identity}/splits/",
        "state": "active",
        "market": f"{_BASE}/markets/{'XNAS' if listing.exchange == 'Nasdaq' else 'XNYS'}/",
        "simple_name": listing.name,
        "name": listing.name,
        "tradeable": True,
        "tradability": "tradable",
        "symbol": symbol,
        "bloomberg_unique": f"EQ{listing.cik}",
        "margin_initial_ratio": "0.5000",
        "maintenance_ratio": "0.2500",
        "country": "US",
        "day_trade_ratio": "0.2500",
        "list_date": sessions()[listing.first].isoformat(),
        "min_tick_size": None,
        "type": "stock",
        "tradable_chain_id": identity if listing.optionable else None,
        "rhs_tradability": "tradable",
        "fractional_tradability": "tradable",
        "default_collar_fraction": "0.05",
    }


def history_row(listing: Listing, symbol: str, span: str, world: World) -> dict[str, Any]:
    """One symbol's daily bars, adjusted for splits, at midnight UTC."""
    stop = world.number + 1
    first = stop - _SPANS.get(span, 252)
    bars = listing.bars(first, stop)
    ratios = listing.ratios(first, stop, world.number)
    columns = [(column / 100 / ratios).tolist() for column in (bars.open, bars.close, bars.high, bars.low)]
    volumes = np.rint(bars.volume * ratios).astype(np.int64).tolist()
    historicals = [
        {
            "begins_at": f"{sessions()[number].isoformat()}T00:00:00Z",
            "open_price": _text(columns[0][n]),
            "close_price": _text(columns[1][n]),
            "high_price": _text(columns[2][n]),
            "low_price": _text(columns[3][n]),
            "volume": volumes[n],
            "session": "reg",
            "interpolated": False,
        }
        for n, number in enumerate(bars.number.tolist())
        if not bars.halted[n]
    ]
    identity = instrument_id(listing)
    return {
        "quote": f"{_BASE}/quotes/{identity}/",
        "symbol": symbol,
        "interval": "day",
        "span": span,
        "bounds": "regular",
        "previous_close_price": None,
        "previous_close_time": None,
        "open_price": None,
        "open_time": None,
        "instrument": f"{_BASE}/instruments/{identity}/",
        "historicals": historicals,
        "InstrumentID": identity,
    }


def chain_row(listing: Listing, world: World) -> dict[str, Any]:
    """One chain with its expirations."""
    chain = world.chain(listing)
    identity = chain_id(listing)
    return {
        "id": identity,
        "symbol": world.name("robinhood", listing),
        "can_open_position": True,
        "cash_component": None,
        "expiration_dates": [day.isoformat() for day in chain.dates()] if chain is not None else [],
        "trade_value_multiplier": "100.0000",
        "underlying_instruments": [
            {
                "id": digest("underlying", listing.symbol)[:32],
                "instrument": f"{_BASE}/instruments/{identity}/",
                "quantity": 100,
            }
        ],
        "min_ticks": {"above_tick": "0.05", "below_tick": "0.01", "cutoff_price": "3.00"},
    }


def option_row(chain: Chain, n: int) -> dict[str, Any]:
    """What one contract is."""
    identity = option_id(chain, n)
    day = chain.expiries[n]
    return {
        "chain_id": chain_id(chain.listing),
        "chain_symbol": chain.listing.symbol.replace("-", "."),
        "created_at": "2026-01-02T04:00:00.000000Z",
        "expiration_date": day.isoformat(),
        "id": identity,
        "issue_date": "2026-01-02",
        "min_ticks": {"above_tick": "0.05", "below_tick": "0.01", "cutoff_price": "3.00"},
        "rhs_tradability": "tradable",
        "state": "active",
        "strike_price": _text(chain.strikes[n], 4),
        "tradability": "tradable",
        "type": "call" if chain.calls[n] else "put",
        "updated_at": "2026-01-02T04:00:00.000000Z",
        "url": f"{_BASE}/options/instruments/{identity}/",
        "sellout_datetime": _time(closes_at(day) - 1800),
        "long_strategy_code": f"{identity}_L1",
        "short_strategy_code": f"{identity}_S1",
        "underlying_type": "equity",
    }


def market_row(chain: Chain, n: int) -> dict[str, Any]:
    """One contract's quote; null where there is no volatility."""
    bids, asks = chain.quotes
    identity = option_id(chain, n)
    bad, last, change = chain.bad[n], chain.lasts[n], chain.changes[n]
    blind = bad == "sentinel"
    bid, ask, code = bids[n], asks[n], chain.codes[n]
    mark = (bid + ask) / 2
    greeks = {
        "delta": chain.deltas[n],
        "gamma": chain.gammas[n],
        "rho": chain.rhos[n],
        "theta": chain.thetas[n],
        "vega": chain.vegas[n],
        "implied_volatility": 0.0 if bad == "iv-zero" else chain.ivs[n],
        "chance_of_profit_long": max(0.0, abs(chain.deltas[n]) - 0.05),
        "chance_of_profit_short": 1 - max(0.0, abs(chain.deltas[n]) - 0.05),
    }
    root = code[:-15]
    return {
        "adjusted_mark_price": _text(mark),
        "adjusted_mark_price_round_down": _text(mark),
        "ask_price": _text(ask),
        "ask_size": 1 + n % 70,
        "bid_price": _text(bid),
        "bid_size": n % 90,
        "break_even_price": _text(chain.strikes[n] + (last if chain.calls[n] else -last)),
        "high_price": _text(last),
        "instrument": f"{_BASE}/options/instruments/{identity}/",
        "instrument_id": identity,
        "last_trade_price": _text(last),
        "last_trade_size": 1,
        "low_price": _text(last),
        "mark_price": _text(mark),
        "open_interest": chain.interests[n],
        "previous_close_date": chain.day.isoformat(),
        "previous_close_price": _text(last - change),
        "updated_at": _time(closes_at(chain.day)),
        "volume": chain.volumes[n],
        "symbol": chain.listing.symbol.replace("-", "."),
        "occ_symbol": f"{root:<6}{code[-15:]}",
        "state": "active",
        **{name: None if blind else _text(value) for name, value in greeks.items()},
    }
