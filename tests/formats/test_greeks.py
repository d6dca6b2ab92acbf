"""Greeks against integrals over the lognormal density, and differences of them, without erf."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.formats.chains import Right
from evertape.formats.greeks import SHORTEST, greeks, years_to

RIGHTS: st.SearchStrategy[Right] = st.sampled_from(["call", "put"])


def integrated(
    paid: Callable[[float], float],
    right: Right,
    spot: float,
    strike: float,
    over: tuple[float, float, float],
) -> float:
    """The discounted mean of `paid`, of the stock's last price, by Simpson's rule where the option pays."""
    years, volatility, rate = over
    deviation = volatility * math.sqrt(years)
    drift = rate * years - deviation * deviation / 2
    kink = (math.log(strike / spot) - drift) / deviation
    low, high = (max(kink, -11.0), 11.0) if right == "call" else (-11.0, min(kink, 11.0))
    if low >= high:
        return 0.0
    steps = 1200
    width = (high - low) / steps
    total = 0.0
    for n in range(steps + 1):
        z = low + n * width
        weight = math.exp(-z * z / 2) * (1 if n in (0, steps) else 4 if n % 2 else 2)
        total += paid(spot * math.exp(drift + deviation * z)) * weight
    return math.exp(-rate * years) * total * width / 3 / math.sqrt(2 * math.pi)


@settings(max_examples=60, deadline=None)
@given(
    RIGHTS,
    st.floats(5, 500),
    st.floats(0.75, 1.3),
    st.floats(0.03, 2),
    st.floats(0.1, 1.2),
    st.sampled_from([0.0, 0.04]),
)
def test_greeks_are_the_integrals_and_their_differences(
    right: Right, spot: float, moneyness: float, years: float, volatility: float, rate: float
) -> None:
    strike = spot * moneyness
    found = greeks(right, spot, strike, years, volatility, rate)

    def at(spot: float = spot, years: float = years, volatility: float = volatility) -> float:
        return integrated(lambda last: abs(last - strike), right, spot, strike, (years, volatility, rate))

    # A dollar more of the stock is last / spot dollars more in the end.
    shares = integrated(lambda last: last / spot, right, spot, strike, (years, volatility, rate))
    assert found.delta == pytest.approx(shares if right == "call" else -shares, abs=1e-6)
    step = spot * 1e-4
    up, here, down = at(spot + step), at(), at(spot - step)
    assert found.gamma * spot == pytest.approx((up - 2 * here + down) / step**2 * spot, rel=1e-4, abs=1e-4)
    vega = (at(volatility=volatility + 1e-4) - at(volatility=volatility - 1e-4)) / 2e-4
    assert found.vega == pytest.approx(vega / 100, abs=1e-6 * spot)
    theta = (at(years=years - 1e-5) - at(years=years + 1e-5)) / 2e-5
    assert found.theta == pytest.approx(theta / 365, abs=1e-6 * spot)


@given(st.floats(1, 1000), st.floats(0.3, 3), st.floats(SHORTEST, 3), st.floats(0.01, 10))
def test_a_call_and_a_put_of_one_strike_differ_by_a_share(
    spot: float, moneyness: float, years: float, volatility: float
) -> None:
    call = greeks("call", spot, spot * moneyness, years, volatility)
    put = greeks("put", spot, spot * moneyness, years, volatility)
    assert call.delta - put.delta == pytest.approx(1)
    assert call[1:] == put[1:]
    assert 0 <= call.delta <= 1
    assert call.gamma >= 0
    assert call.theta <= 0 <= call.vega


def test_a_textbook_option() -> None:
    """Hull, Options, Futures, and Other Derivatives: S 49, K 50, 5 %, 20 %, 20 weeks."""
    found = greeks("call", 49, 50, 0.3846, 0.2, 0.05)
    assert found.delta == pytest.approx(0.522, abs=5e-4)
    assert found.gamma == pytest.approx(0.066, abs=5e-4)
    assert found.theta == pytest.approx(-4.31 / 365, abs=5e-5)
    assert found.vega == pytest.approx(12.1 / 100, abs=5e-4)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("place", range(4))
def test_what_cannot_be_has_no_greeks(bad: float, place: int) -> None:
    parts = [100.0, 100.0, 0.1, 0.3]
    parts[place] = bad
    with pytest.raises(ValueError, match="no greeks at"):
        greeks("call", *parts)


def test_years_end_at_the_close_of_the_last_day_and_never_at_nothing() -> None:
    friday = date(2026, 7, 17)
    assert years_to(friday, datetime(2026, 7, 10, 20, tzinfo=UTC)) == pytest.approx(7 / 365)
    assert years_to(friday, datetime(2026, 7, 17, 14, tzinfo=UTC)) == pytest.approx(6 / 24 / 365)
    for late in (datetime(2026, 7, 17, 19, 30, tzinfo=UTC), datetime(2026, 7, 20, tzinfo=UTC)):
        assert years_to(friday, late) == SHORTEST
    with pytest.raises(ValueError, match="no time zone"):
        years_to(friday, datetime(2026, 7, 10))  # noqa: DTZ001
