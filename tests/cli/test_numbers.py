"""Amounts are shown to the digit, with separators and without an exponent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evertape.cli.numbers import change, exact, millions, share, short, summed

FILED = st.one_of(
    st.integers(-(10**15), 10**15).map(float),
    st.floats(allow_nan=False, allow_infinity=False, width=64),
)


@given(FILED)
def test_an_amount_is_shown_to_its_last_digit_and_without_an_exponent(value: float) -> None:
    shown = exact(value)
    assert float(shown.replace(",", "")) == value
    assert not {"e", "E"} & set(shown)
    assert not shown.startswith("-0") or value > -1


@given(FILED, FILED)
def test_a_change_is_what_is_between_the_amounts_shown(was: float, now: float) -> None:
    assume(max(abs(was), abs(now)) < 1e15 and all(v == round(v, 3) for v in (was, now)))
    shown = change(was, now).replace(",", "")
    assert Decimal(shown) == Decimal(exact(now).replace(",", "")) - Decimal(exact(was).replace(",", ""))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(85_777e6, "85,777,000,000"), (90_678e6, "90,678,000,000"), (0.1 + 0.2, "0.3"), (5.61 - 1.53, "4.08"),
     (-0.0, "0"), (1.4, "1.4"), (1e22, "10,000,000,000,000,000,000,000"), (1e-7, "0.0000001")],
)  # fmt: skip
def test_what_was_added_up_has_no_digit_of_the_machine(value: float, shown: str) -> None:
    assert summed(value) == shown


def test_a_restatement_shows_its_difference() -> None:
    assert (exact(90_678e6), exact(90_700e6), change(90_678e6, 90_700e6)) == (
        "90,678,000,000",
        "90,700,000,000",
        "+22,000,000",
    )
    assert change(1.53, 1.52) == "-0.01"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234.56789, "1,234.5679"),
        (700_000.0, "700,000"),
        (0.000012345, "0.00001234"),
        (0.0, "0"),
        (2.50, "2.5"),
    ],
)
def test_a_price_keeps_digits_that_say_something(value: float, shown: str) -> None:
    assert short(value) == shown


def test_a_share_s_figures_and_millions() -> None:
    assert (share(1234.5), share(0.0575), share(-2.8), share(0.0)) == ("1,234.50", "0.0575", "-2.80", "0.00")
    assert (millions(416_161e6), millions(300_000), millions(0.0)) == ("416,161", "0.30", "0")
