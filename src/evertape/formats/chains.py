"""Option chains as vendors send them, in one shape, and the OCC's contract symbols."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple

Right = Literal["call", "put"]
_OCC = re.compile(r"([A-Z0-9]{1,6}?) *(\d{2})(\d{2})(\d{2})([CP])(\d{8})")


class MalformedChain(ValueError):
    """The body is not the answer that the vendor promises; says what is wrong."""


class Quote(NamedTuple):
    """One contract as the source quotes it, unjudged: None where the source says nothing.

    Amounts are dollars a share. `implied_volatility` is a fraction a year (0.25), `theta` dollars a
    calendar day, `vega` and `rho` dollars for one percentage point. Sentinels (-999, NaN, "NaN") are
    passed on as they came, so that the judgement over them stands in one place (`datasets.options`).
    `quoted_at` and `traded_at` are aware UTC.
    """

    contract: str
    right: Right
    expiration: date
    strike: float
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    volume: float | None = None
    open_interest: float | None = None
    implied_volatility: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    rho: float | None = None
    traded_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What a source says of one underlying's options, or of some expirations of them.

    Attributes:
        symbol: the underlying, as the source spells it.
        price: of the underlying in the same answer, dollars a share.
        priced_at: when the source last saw that price, aware UTC.
        expirations: all that there are, where the source lists them, also those not quoted here.
    """

    symbol: str
    price: float | None
    priced_at: datetime | None
    quotes: tuple[Quote, ...]
    expirations: tuple[date, ...] = ()


def occ_symbol(root: str, expiration: date, right: Right, strike: float) -> str:
    """The OCC's name of a contract without padding: AAPL260116C00150000.

    Source: the Options Symbology Initiative: root, yymmdd, C or P, strike in thousandths of a dollar.
    Raises ValueError for a strike that it cannot write.
    """
    thousandths = round(strike * 1000)
    if not 0 <= thousandths < 100_000_000:
        raise ValueError(f"a strike of {strike} does not fit an OCC symbol")
    return f"{root}{expiration:%y%m%d}{right[0].upper()}{thousandths:08d}"


def read_occ(symbol: str) -> tuple[str, date, Right, float]:
    """Root, expiration, right and strike of an OCC symbol, padded with spaces or not.

    An adjusted contract's root ends in a digit (AAPL1). Raises ValueError for anything else.
    """
    found = _OCC.fullmatch(symbol.removeprefix("O:"))
    if found is None:
        raise ValueError(f"{symbol!r} is no OCC symbol such as AAPL260116C00150000")
    root, year, month, day, right, strike = found.groups()
    expiration = date(2000 + int(year), int(month), int(day))
    return root, expiration, "call" if right == "C" else "put", int(strike) / 1000
