"""An option's greeks by Black and Scholes, from its implied volatility. Pure.

Source: Black and Scholes, "The Pricing of Options and Corporate Liabilities" (1973), for an option that is
exercised at its end only and a stock that pays nothing meanwhile. American puts and calls before a dividend
are worth more than this; their greeks differ accordingly.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from evertape.clock import NEW_YORK
from evertape.formats.chains import Right

YEAR = 365 * 86_400
"""Seconds of a year, as volatility counts it here."""
SHORTEST = 3600 / YEAR
"""An option's last hour, and what is left of it after the close, counts as one hour."""
_ENDS = time(16)
_ROOT_2 = math.sqrt(2.0)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)


class Greeks(NamedTuple):
    """Sensitivities of one option's price, in dollars a share.

    `delta` and `gamma` are for one dollar of the stock, `theta` for one calendar day that passes (mostly
    negative), `vega` for one percentage point of volatility.
    """

    delta: float
    gamma: float
    theta: float
    vega: float


def years_to(expiration: date, at: datetime) -> float:
    """Years of 365 days from `at` to 16:00 in New York on the day of expiration, at least `SHORTEST`.

    Raises ValueError for a naive instant.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone; give an aware instant")
    end = datetime.combine(expiration, _ENDS, NEW_YORK).astimezone(UTC)
    return max(SHORTEST, (end - at).total_seconds() / YEAR)


def greeks(
    right: Right, spot: float, strike: float, years: float, volatility: float, rate: float = 0.0
) -> Greeks:
    """The greeks of a call or a put.

    Args:
        spot, strike: dollars a share, above 0.
        years: to expiration, above 0, see `years_to`.
        volatility: a year, as a fraction (0.25), above 0.
        rate: of interest a year, continuously compounded, as a fraction.

    Raises:
        ValueError: an amount that must lie above 0 does not, or is infinite or NaN.
    """
    if not (0.0 < spot < math.inf and 0.0 < strike < math.inf and 0.0 < years < math.inf):
        raise ValueError(f"no greeks at a price of {spot}, a strike of {strike}, {years} years to go")
    if not 0.0 < volatility < math.inf:
        raise ValueError(f"no greeks at a volatility of {volatility}")
    root = math.sqrt(years)
    deviation = volatility * root
    d1 = (math.log(spot) - math.log(strike)) / deviation + rate * root / volatility + 0.5 * deviation
    density = _DENSITY * math.exp(-0.5 * d1 * d1)
    below = 0.5 * (1.0 + math.erf(d1 / _ROOT_2))
    decay = -0.5 * spot * density * volatility / root
    if rate:
        paid = rate * strike * math.exp(-rate * years)
        d2 = d1 - deviation
        exercised = 0.5 * (1.0 + math.erf((d2 if right == "call" else -d2) / _ROOT_2))
        decay += -paid * exercised if right == "call" else paid * exercised
    return Greeks(
        below if right == "call" else below - 1.0,
        density / (spot * deviation),
        decay / 365.0,
        spot * density * root / 100.0,
    )
