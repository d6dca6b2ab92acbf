"""Cboe's delayed option chains: one file an underlying, all expirations in it.

https://cdn.cboe.com/api/global/delayed_quotes/options/AAPL.json; the shape is observed, not documented.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from evertape.formats.chains import Chain, MalformedChain, Quote, Right, read_occ
from evertape.formats.typed import decoded, price

Pick = Callable[[Sequence[date]], Collection[date]]
"""Of the expirations that there are, those to read."""

_NEW_YORK = ZoneInfo("America/New_York")
_RIGHTS: Mapping[str, Right] = {"C": "call", "P": "put"}
_PERCENT = 0.1
"""A chain's volatilities in percent are about its 30-day volatility, fractions about a hundredth of it."""
_HIGHEST = 3.0
"""Without a 30-day volatility: a chain whose middle contract is above it is in percent."""


class _Option(msgspec.Struct, gc=False):
    option: str
    bid: float | None = None
    ask: float | None = None
    iv: float | None = None
    open_interest: float | None = None
    volume: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    rho: float | None = None
    last_trade_price: float | None = None
    last_trade_time: str | None = None


class _Data(msgspec.Struct):
    options: list[_Option]
    symbol: str = ""
    current_price: float | None = None
    iv30: float | None = None
    last_trade_time: str | None = None


class _Answer(msgspec.Struct):
    timestamp: str
    data: _Data


_DECODER = msgspec.json.Decoder(_Answer)


def cboe_symbol(symbol: str) -> str:
    """A canonical ticker as Cboe's addresses spell it: BRK.B, and _SPX for the index ^SPX."""
    return symbol.replace("-", ".").replace("^", "_")


def read_chain(body: bytes, pick: Pick | None = None) -> Chain:
    """All contracts, or those of the expirations that `pick` chooses; `expirations` lists all.

    `timestamp` is UTC; the times of trades are New York's, without a zone. A contract that never traded
    has no last price: Cboe sends 0 with a trade time of null. Volatilities come as fractions in some
    chains and in percent in others, see `in_percent`; a volatility of 0 is passed on as it came.

    Raises:
        MalformedChain: no JSON, another shape, or a contract that is not named by the OCC's rule.
    """
    answer = decoded(_DECODER, body, MalformedChain, "Cboe's chain")
    told = answer.data
    series = _series(told.options)
    expirations = tuple(sorted({expiration for _, expiration in series.values()}))
    kept = frozenset(expirations if pick is None else pick(expirations))
    scale = 100.0 if in_percent([o.iv for o in told.options if o.iv], told.iv30) else 1.0
    quotes = []
    for sent in told.options:
        name = sent.option
        root, expiration = series[name[:-9]]
        if expiration not in kept:
            continue
        letter, digits = name[-9], name[-8:]
        if letter not in _RIGHTS or not (digits.isascii() and digits.isdecimal()):
            raise MalformedChain(f"{name!r} is no OCC symbol such as AAPL260116C00150000")
        traded = _local(sent.last_trade_time)
        last = sent.last_trade_price if traded or sent.last_trade_price else None
        said = (
            root + name[-15:], _RIGHTS[letter], expiration, int(digits) / 1000, sent.bid, sent.ask, last,
            sent.volume, sent.open_interest, sent.iv / scale if sent.iv else sent.iv,
            sent.delta, sent.gamma, sent.theta, sent.vega, sent.rho, traded,
        )  # fmt: skip
        quotes.append(Quote._make(said))
    return Chain(
        symbol=told.symbol,
        price=price(told.current_price),
        priced_at=_local(told.last_trade_time) or _utc(answer.timestamp),
        quotes=tuple(quotes),
        expirations=expirations,
    )


def in_percent(volatilities: Sequence[float], iv30: float | None) -> bool:
    """Whether a chain's volatilities are in percent (31.0), not fractions (0.31).

    Cboe's own 30-day volatility of the underlying is in percent (27.028 beside a chain of fractions whose
    middle is 0.310, 2024-07-22), and the middle contract is of the same size: their quotient is about 1
    for percent, 0.01 for fractions, and 0.1 divides them. Where it is missing, or below 1 and so perhaps
    a fraction itself, the middle contract decides: no chain's lies above 300 percent, none's below three.
    """
    ordered = sorted(abs(v) for v in volatilities)
    if not ordered:
        return False
    middle = ordered[len(ordered) // 2]
    return middle > (_PERCENT * iv30 if iv30 is not None and iv30 >= 1.0 else _HIGHEST)


def _series(options: Sequence[_Option]) -> dict[str, tuple[str, date]]:
    """Root and expiration by what stands before the right and the strike: a chain has few of them."""
    found: dict[str, tuple[str, date]] = {}
    for sent in options:
        head = sent.option[:-9]
        if head not in found:
            try:
                root, expiration, _, _ = read_occ(sent.option)
            except ValueError as error:
                raise MalformedChain(str(error)) from error
            found[head] = (root, expiration)
    return found


def _local(text: str | None) -> datetime | None:
    """A New York time without a zone as an aware UTC instant."""
    if not text:
        return None
    try:
        # A chain's trades share few hours, and converting each time costs as much as reading the contract.
        return datetime.fromisoformat(f"{text}+00:00") + _behind(text[:13])
    except (ValueError, OverflowError) as error:
        raise MalformedChain(f"{text!r} is no time such as 2024-07-22T15:16:17") from error


@lru_cache(maxsize=10_000)
def _behind(hour: str) -> timedelta:
    """How far New York's clock is behind UTC in an hour such as 2024-07-22T15."""
    local = datetime.fromisoformat(f"{hour}:00")
    return local.replace(tzinfo=_NEW_YORK) - local.replace(tzinfo=UTC)


def _utc(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedChain(f"{text!r} is no time such as 2024-07-22T15:16:17") from error
