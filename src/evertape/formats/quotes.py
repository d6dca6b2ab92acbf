"""The judgement over an option quote: which of the source's values stand, and what follows from them. Pure.

A value that cannot be is null and a complaint tells what was sent; the quote itself is never dropped.
"""

from __future__ import annotations

import math
from typing import Any

from evertape.formats.chains import Quote, Right
from evertape.formats.greeks import greeks

SENTINEL = -999.0
"""What some sources send for "not known"."""
LEAST_VOLATILITY, MOST_VOLATILITY = 1e-3, 10.0
"""An implied volatility below 0.1 % or above 1000 % a year is a solver's failure.

Yahoo's solver halves its way from 1 down to 0.00001, and says 1.0000000000000003e-05 where it ends there: of
the recorded OXY chains' quotes in market hours the smallest other is 0.0625. Nothing that has options moves
as little as 0.1 % a year; funds of three-month bills come closest."""
SMALLEST, LARGEST = 1e-6, 1e12
"""No strike and no stock's price is smaller, no amount or count of a quote larger."""

Complaint = tuple[str, str, str, str, float | None]
"""The check, the column, the severity, a sentence, and the number found where it is one."""
Values = tuple[
    float | None, float | None, float | None, float | None, int | None, int | None, float | None,
    float | None, float | None, float | None, float | None, bool | None,
    float | None, float | None, float | None,
]  # fmt: skip
"""Of the quote's row, in the order of its columns: bid, ask, mid, last, volume, open_interest,
implied_volatility, delta, gamma, theta, vega, greeks_computed, stock_price, monthly_return, annual_return."""
_Greeks = tuple[float | None, float | None, float | None, float | None, bool | None]


def judged(quote: Quote, price: float | None, dte: int, years: float) -> tuple[Values, tuple[Complaint, ...]]:
    """What is kept of a quote, and the complaints about it.

    - An amount that is NaN, infinite or negative, which takes in the sentinel -999, is null.
    - A volatility below `LEAST_VOLATILITY` or above `MOST_VOLATILITY` is null.
    - `mid` is the mean of bid and ask; null where one is unknown, where both are 0 (no quote: normal out
      of hours, no complaint), and where the bid is above the ask.
    - A missing volume is noted; a missing open interest, last price or greek is not.
    - The four greeks stand together: all the source's where all four are sound, else all computed from
      the implied volatility. Where they cannot be computed, the sound ones of the source are kept.
      `greeks_computed` is True, False, or None where there are none.
    - Returns are `mid` / collateral x 30 (365) / `dte`, the collateral the strike of a put and the
      stock's price of a call; null where a part is, or where `dte` is below 1.
    - Without a strike that can be there are neither greeks nor returns.

    Args:
        price: the stock's, dollars a share.
        dte: calendar days to expiration, negative after it.
        years: the same as `greeks.years_to` counts it.
    """
    try:
        values = _plain(quote, price, dte, years)
    except TypeError:
        values = None  # A text stands for a number, which is read below.
    return (values, ()) if values is not None else _doubted(_numbers(quote), price, dte, years)


def _plain(quote: Quote, price: float | None, dte: int, years: float) -> Values | None:
    """The way of most quotes, which nothing is wrong with; None where anything is. Comparisons with NaN are
    false."""
    (
        _, right, _, strike, bid, ask, last, volume, interest, volatility, delta, gamma, theta, vega, _, _,
    ) = quote  # fmt: skip
    if (
        price is None or volatility is None
        or bid is None or ask is None or volume is None or interest is None
    ) or not (
        SMALLEST <= price < LARGEST and SMALLEST <= strike < LARGEST and dte >= 0
        and 0.0 <= bid <= ask < LARGEST and (last is None or 0.0 <= last < LARGEST)
        and 0.0 <= volume < LARGEST and 0.0 <= interest < LARGEST
        and LEAST_VOLATILITY <= volatility <= MOST_VOLATILITY
    ):  # fmt: skip
        return None
    computed = delta is None
    if delta is None and gamma is theta is vega is None:
        delta, gamma, theta, vega = greeks(right, price, strike, years, volatility)
    elif delta is None or gamma is None or theta is None or vega is None or not (
        (0.0 <= delta <= 1.0 if right == "call" else -1.0 <= delta <= 0.0)
        and 0.0 <= gamma < LARGEST and 0.0 <= vega < LARGEST and SENTINEL < theta < LARGEST
    ):  # fmt: skip
        return None
    mid = 0.5 * (bid + ask) if ask else None
    a_day = mid / (strike if right == "put" else price) / dte if mid is not None and dte else None
    return (
        bid, ask, mid, last, int(volume), int(interest), volatility,
        delta, gamma, theta, vega, computed, price,
        None if a_day is None else 30.0 * a_day, None if a_day is None else 365.0 * a_day,
    )  # fmt: skip


def _numbers(quote: Quote) -> Quote:
    """The quote with the texts in it read: "NaN", and anything else that is no number, is NaN."""
    return Quote._make((*quote[:3], *(_number(value) for value in quote[3:15]), quote.traded_at))


def _number(value: Any) -> Any:
    try:
        return None if value is None else float(value)
    except ValueError:
        return math.nan


def _doubted(
    quote: Quote, price: float | None, dte: int, years: float
) -> tuple[Values, tuple[Complaint, ...]]:
    said: list[Complaint] = []
    strike, price = _strike(said, quote.strike), price if price and SMALLEST <= price < LARGEST else None
    if dte < 0:
        said.append(
            ("option_expired", "expiration", "hard", f"expired {-dte} days before it was quoted", dte)
        )
    bid, ask = _amount(said, "bid", quote.bid), _amount(said, "ask", quote.ask)
    last, interest = _amount(said, "last", quote.last), _amount(said, "open_interest", quote.open_interest)
    volume = _amount(said, "volume", quote.volume)
    if quote.volume is None:
        said.append(("option_volume", "volume", "note", "the source sent no volume", None))
    volatility = _volatility(said, quote.implied_volatility)
    mid = None
    if bid is not None and ask is not None:
        if bid > ask:
            sentence = f"the bid of {bid:g} is above the ask of {ask:g}"
            said.append(("option_crossed", "bid", "hard", sentence, bid))
        elif ask > 0.0:
            mid = 0.5 * (bid + ask)
    collateral = strike if quote.right == "put" else price
    # A strike that cannot be makes the contract unknown, also to a call's return.
    known = strike is not None and mid is not None and collateral is not None and dte > 0
    a_day = mid / collateral / dte if known and mid is not None and collateral is not None else None
    return (
        bid, ask, mid, last,
        None if volume is None else int(volume), None if interest is None else int(interest), volatility,
        *_greeks(said, quote, (strike, price, volatility), years), price,
        None if a_day is None else 30.0 * a_day, None if a_day is None else 365.0 * a_day,
    ), tuple(said)  # fmt: skip


def _greeks(
    said: list[Complaint],
    quote: Quote,
    parts: tuple[float | None, float | None, float | None],
    years: float,
) -> _Greeks:
    """The source's greeks, or computed ones, and which they are; see `judged`."""
    strike, price, volatility = parts
    delta, theta = _delta(said, quote.right, quote.delta), quote.theta
    gamma, vega = _amount(said, "gamma", quote.gamma), _amount(said, "vega", quote.vega)
    if theta is not None and not SENTINEL < theta < LARGEST:
        said.append(_bad("theta", theta))
        theta = None
    if strike is None:
        return None, None, None, None, None
    sent = (delta, gamma, theta, vega)
    if None in sent and price is not None and volatility is not None:
        return *greeks(quote.right, price, strike, years, volatility), True
    return *sent, None if sent == (None, None, None, None) else False


def _strike(said: list[Complaint], strike: float) -> float | None:
    if SMALLEST <= strike < LARGEST:
        return strike
    sentence = f"a strike of {strike:g} cannot be"
    said.append(("option_strike", "strike", "hard", sentence, _finite(strike)))
    return None


def _amount(said: list[Complaint], name: str, value: float | None) -> float | None:
    if value is None or 0.0 <= value < LARGEST:
        return value
    said.append(_bad(name, value))
    return None


def _bad(name: str, value: float) -> Complaint:
    return ("option_amount", name, "soft", f"{name} was sent as {value:g}", _finite(value))


def _volatility(said: list[Complaint], value: float | None) -> float | None:
    if value is None or LEAST_VOLATILITY <= value <= MOST_VOLATILITY:
        return value
    sentence = f"an implied volatility of {value:g} was sent"
    said.append(("option_volatility", "implied_volatility", "soft", sentence, _finite(value)))
    return None


def _delta(said: list[Complaint], right: Right, value: float | None) -> float | None:
    if value is None or (0.0 <= value <= 1.0 if right == "call" else -1.0 <= value <= 0.0):
        return value
    sentence = f"a delta of {value:g} was sent for a {right}"
    said.append(("option_delta", "delta", "soft", sentence, _finite(value)))
    return None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
