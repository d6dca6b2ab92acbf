"""The judgement over quotes: what stands, what is null, what is said about it."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.formats.chains import Quote
from evertape.formats.greeks import greeks
from evertape.formats.quotes import Complaint, judged

EXPIRATION = date(2026, 8, 9)
NAMES = (
    "bid", "ask", "mid", "last", "volume", "open_interest", "implied_volatility", "delta", "gamma", "theta",
    "vega", "greeks_computed", "stock_price", "monthly_return", "annual_return",
)  # fmt: skip
SOUND = Quote(
    "AAPL260809P00190000", "put", EXPIRATION, 190.0,
    bid=2.0, ask=2.2, last=2.1, volume=10.0, open_interest=500.0, implied_volatility=0.3,
    delta=-0.3, gamma=0.02, theta=-0.08, vega=0.2,
)  # fmt: skip
GREEKS = ("delta", "gamma", "theta", "vega")
YAHOOS_NOTHING = 1.0000000000000003e-05
"""As Yahoo's recorded chains have it in place of a volatility."""
NO_GREEKS: dict[str, Any] = dict.fromkeys(GREEKS)


def judge(
    price: float | None = 200.0, dte: int = 30, **changes: Any
) -> tuple[dict[str, Any], list[Complaint]]:
    values, said = judged(SOUND._replace(**changes), price, dte, max(dte, 1) / 365)
    return dict(zip(NAMES, values, strict=True)), list(said)


def test_a_sound_quote_is_kept_and_its_returns_follow() -> None:
    found, said = judge()
    assert said == []
    assert found == {
        **{name: getattr(SOUND, name) for name in NAMES if hasattr(SOUND, name)},
        "mid": pytest.approx(2.1),
        "greeks_computed": False,
        "stock_price": 200.0,
        "monthly_return": pytest.approx(2.1 / 190, abs=1e-12),
        "annual_return": pytest.approx(2.1 / 190 * 365 / 30, abs=1e-12),
    }
    assert isinstance(found["volume"], int)
    call, _ = judge(right="call", delta=0.4, dte=7)
    assert call["monthly_return"] == pytest.approx(2.1 / 200 * 30 / 7, abs=1e-12)
    assert call["annual_return"] == pytest.approx(2.1 / 200 * 365 / 7, abs=1e-12)


BAD = [math.nan, math.inf, -math.inf, -999, -999.0, -0.01, "NaN"]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ["bid", "ask", "last", "volume", "open_interest", "gamma", "vega"])
def test_an_amount_that_cannot_be_is_null_and_told(name: str, bad: Any) -> None:
    found, said = judge(**{name: bad})
    assert [(c[1], c[2]) for c in said] == [(name, "soft")]
    if name in ("gamma", "vega"):
        assert found["greeks_computed"] is True
    else:
        assert found[name] is None
        assert found["greeks_computed"] is False
    assert (found["mid"] is None) == (name in ("bid", "ask"))


@pytest.mark.parametrize(
    "bad", [0, 0.0, YAHOOS_NOTHING, 0.00001, 9.9e-4, math.nan, -999, -999.0, 10.01, math.inf, "NaN"]
)
def test_an_implied_volatility_that_cannot_be_is_null_and_told(bad: Any) -> None:
    found, said = judge(implied_volatility=bad)
    assert [(c[0], c[1], c[2]) for c in said] == [("option_volatility", "implied_volatility", "soft")]
    assert found["implied_volatility"] is None
    assert found["delta"] == SOUND.delta
    found, _ = judge(implied_volatility=bad, **NO_GREEKS)
    assert [found[name] for name in GREEKS] == [None] * 4
    assert found["greeks_computed"] is None


def test_a_crossed_quote_keeps_both_sides_and_has_no_mid() -> None:
    found, said = judge(bid=2.3)
    assert (found["bid"], found["ask"], found["mid"], found["annual_return"]) == (2.3, 2.2, None, None)
    assert said == [("option_crossed", "bid", "hard", "the bid of 2.3 is above the ask of 2.2", 2.3)]


def test_no_quote_is_nothing_to_complain_of() -> None:
    found, said = judge(bid=0.0, ask=0.0)
    assert (found["bid"], found["ask"], found["mid"], found["monthly_return"]) == (0.0, 0.0, None, None)
    assert said == []
    found, said = judge(bid=0.0)
    assert found["mid"] == pytest.approx(1.1)
    assert said == []


@pytest.mark.parametrize("strike", [0.0, -5.0, math.nan])
@pytest.mark.parametrize("right", ["call", "put"])
def test_a_strike_that_cannot_be_leaves_neither_greeks_nor_returns(right: str, strike: float) -> None:
    found, said = judge(strike=strike, right=right, delta=0.0)
    assert [(c[0], c[1], c[2]) for c in said] == [("option_strike", "strike", "hard")]
    assert [found[name] for name in (*GREEKS, "greeks_computed", "monthly_return", "annual_return")] == [
        None
    ] * 7
    assert found["mid"] == pytest.approx(2.1)


def test_a_missing_volume_is_noted_and_a_missing_open_interest_is_not() -> None:
    found, said = judge(volume=None, open_interest=None)
    assert (found["volume"], found["open_interest"]) == (None, None)
    assert [(c[1], c[2]) for c in said] == [("volume", "note")]
    assert found["annual_return"] is not None


@pytest.mark.parametrize("changes", [{"delta": -1.01}, {"delta": 0.3}, {"right": "call"}, {"delta": -999.0}])
def test_an_impossible_delta_is_told_and_the_greeks_are_computed(changes: dict[str, Any]) -> None:
    found, said = judge(**changes)
    assert [(c[0], c[1]) for c in said] == [("option_delta", "delta")]
    expected = greeks(changes.get("right", "put"), 200.0, 190.0, 30 / 365, 0.3)
    assert tuple(found[name] for name in GREEKS) == expected
    assert found["greeks_computed"] is True


def test_where_greeks_cannot_be_computed_the_sources_sound_ones_stay() -> None:
    found, _ = judge(theta=None, implied_volatility=None)
    assert tuple(found[name] for name in GREEKS) == (-0.3, 0.02, None, 0.2)
    assert found["greeks_computed"] is False
    found, said = judge(price=None, theta=math.nan)
    assert (found["theta"], found["greeks_computed"], found["stock_price"]) == (None, False, None)
    assert [(c[1], c[2]) for c in said] == [("theta", "soft")]


def test_missing_greeks_are_computed_without_a_complaint() -> None:
    found, said = judge(**NO_GREEKS)
    assert tuple(found[name] for name in GREEKS) == greeks("put", 200.0, 190.0, 30 / 365, 0.3)
    assert found["greeks_computed"] is True
    assert said == []


def test_an_expired_contract_is_told_and_returns_nothing() -> None:
    found, said = judge(dte=-1)
    assert [(c[0], c[2], c[4]) for c in said] == [("option_expired", "hard", -1.0)]
    assert found["monthly_return"] is None
    found, said = judge(dte=0)
    assert (found["monthly_return"], found["annual_return"], said) == (None, None, [])


ANY = st.one_of(st.none(), st.floats(), st.sampled_from([0, -999, -999.0, "NaN", "", 1e308, 5e-324]))


@given(
    st.sampled_from(["call", "put"]),
    st.floats(),
    st.lists(ANY, min_size=10, max_size=10),
    st.one_of(st.none(), st.floats()),
    st.integers(-10, 900),
)
def test_nothing_that_a_source_sends_stops_the_judgement(
    right: Any, strike: float, sent: list[Any], price: float | None, dte: int
) -> None:
    quote = Quote("X", right, EXPIRATION, strike, *sent)
    values, said = judged(quote, price, dte, max(dte, 0.01) / 365)
    assert len(values) == len(NAMES)
    assert all(value is None or math.isfinite(value) for value in values)
    assert all(found is None or math.isfinite(found) for *_, found in said)
    found = dict(zip(NAMES, values, strict=True))
    told = {column for _, column, *_ in said}
    for name in ("bid", "ask", "last", "open_interest", "implied_volatility", "volume"):
        if found[name] is None and (getattr(quote, name) is not None or name == "volume"):
            assert name in told


ROUGH = st.one_of(st.none(), st.sampled_from([0.0, -999.0, math.nan]), st.floats(0.01, 5))


@given(st.lists(ROUGH, min_size=10, max_size=10), st.sampled_from(["call", "put"]), st.integers(-2, 60))
def test_the_way_of_most_quotes_says_what_the_long_way_says(sent: list[Any], right: Any, dte: int) -> None:
    """A strike that was sent as a text takes the long way."""
    quote = Quote("X", right, EXPIRATION, 100.0, *sent)
    texts = quote._replace(strike="100.0")  # type: ignore[arg-type]
    assert repr(judged(quote, 101.0, dte, 0.1)) == repr(judged(texts, 101.0, dte, 0.1))
