"""A later filing that writes a value in a coarser unit restates nothing: the precise value stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.formats.xbrl import Fact, fold, is_rounded, standardize
from evertape.formats.xbrl.facts import filed_of
from evertape.formats.xbrl.vintages import vintages
from tests.formats.xbrl.made import cells, day, fact, filing, plain_year, sheet, statements

THOUSAND = 1_234_567.0
"""A quarter's amount in thousands; the year is four of them."""
K22, K23 = filing(8, "10-K", "2023-02-20"), filing(9, "10-K", "2024-02-20")
FY_21, Q4_21 = ("2021-12-31", "annual"), ("2021-12-31", "quarter")


def year_in_thousands() -> list[Fact]:
    return plain_year(2021, THOUSAND * 1e3)


def again(value: float, by: tuple[str, str, str], tag: str = "Revenues") -> Fact:
    return fact(tag, "2021-01-01", "2021-12-31", value, by)


@pytest.mark.parametrize(
    ("value", "later"),
    [
        (4_938_268e3, 4_938e6),
        (4_938_268e3, 4_938.3e6),
        (-4_938_268e3, -4_938e6),
        (9_890e3, 10e6),
        (554_551e3, 554e6),  # rounded down until the sum was right
        (172_631_790.0, 172_632_000.0),
    ],
)
def test_a_value_in_a_coarser_unit_is_rounded(value: float, later: float) -> None:
    assert is_rounded(value, later)
    assert not is_rounded(later, value)


@pytest.mark.parametrize(
    ("value", "later"),
    [
        (4_938_268e3, 4_939_268e3),  # as precise as before
        (4_938_268e3, 4_940e6),  # two units away
        (5_665e3, 6e6),  # one digit is left
        (12_900e3, 12e6),  # two digits, and more than half a unit
        (82_900e3, 83_000e3),  # tenths of millions come whole now and then
        (32_708e6, 32_700e6),  # and whole millions in hundreds
        (2.65, 0.0),
        (26_043.0, 26_043.5),
        (0.0, 1e6),
        (1e6, 1e6),
    ],
)
def test_any_other_value_is_a_new_one(value: float, later: float) -> None:
    assert not is_rounded(value, later)


@given(thousands=st.integers(min_value=10_001, max_value=10**9), sign=st.sampled_from([1, -1]))
def test_every_value_in_thousands_rounded_to_millions_is_rounded(thousands: int, sign: int) -> None:
    value, later = sign * thousands * 1e3, sign * round(thousands / 1e3) * 1e6
    assert is_rounded(value, later) == (thousands % 100 != 0)


def test_the_precise_value_stays_with_the_filing_that_told_it() -> None:
    told = statements([*year_in_thousands(), again(4_938e6, K22), again(4_938e6, K23)])
    revenue = cells(told, "income", "revenue")
    assert revenue[FY_21] == 4 * THOUSAND * 1e3
    assert revenue[Q4_21] == THOUSAND * 1e3
    cell = told.explain("income", day("2021-12-31"), "annual", "revenue")
    assert cell is not None
    (operand,) = cell.operands
    assert operand.accession == filing(4, "10-K", "2022-02-20")[0]


def test_a_value_that_changes_by_more_than_its_rounding_counts() -> None:
    told = statements([*year_in_thousands(), again(4_938e6, K22), again(4_950e6, K23)])
    assert cells(told, "income", "revenue")[FY_21] == 4_950e6


def test_a_precise_value_takes_the_place_of_a_rounded_one() -> None:
    year = again(4_938e6, filing(4, "10-K", "2022-02-20"))
    facts = [year if f[:5] == year[:5] else f for f in year_in_thousands()]
    told = statements([*facts, again(4_938_268e3, K22)])
    assert cells(told, "income", "revenue")[FY_21] == 4_938_268e3


def test_as_of_a_day_between_nothing_of_the_rounding_is_known() -> None:
    facts = [*year_in_thousands(), again(4_938e6, K22)]
    then = statements(facts, "2023-02-19").rows
    assert then == statements(year_in_thousands()).rows == statements(facts, "2023-02-20").rows


def test_as_first_reported_is_as_it_was() -> None:
    facts = [*year_in_thousands(), again(4_938e6, K22)]
    first = standardize(facts, cik=1, reading="first")
    assert first.rows == standardize(year_in_thousands(), cik=1, reading="first").rows


def test_a_rounding_is_no_state_of_its_own() -> None:
    facts = [*year_in_thousands(), again(4_938e6, K22)]
    found = vintages(fold(facts), filed_of(facts), 1)
    before = vintages(fold(year_in_thousands()), filed_of(year_in_thousands()), 1)
    assert found == before


def test_a_last_quarter_that_the_year_s_report_rounds_is_the_difference() -> None:
    by = filing(4, "10-K", "2022-02-20")
    alone = fact("Revenues", "2021-10-01", "2021-12-31", 1_234.6e6, by)
    assert cells(statements([*year_in_thousands(), alone]), "income", "revenue")[Q4_21] == THOUSAND * 1e3
    alone = fact("Revenues", "2021-10-01", "2021-12-31", 1_240.6e6, by)
    assert cells(statements([*year_in_thousands(), alone]), "income", "revenue")[Q4_21] == 1_240.6e6


def test_liabilities_that_a_later_sheet_alone_tells_rounded_are_the_difference() -> None:
    first, later = sheet("2021-12-31", 7_201_368e3, K22), sheet("2021-12-31", 7_201e6, K23)
    facts = [f for f in first if f[1] != "Liabilities"]
    facts += [fact(f[1], None, "2021-12-31", float(round(f[5], -6)), K23) for f in later]
    told = statements([*plain_year(2021)[:-5], *facts])
    liabilities = cells(told, "balance", "total_liabilities")
    assert liabilities[FY_21] == 7_201_368e3 * 0.75


def test_a_tag_of_annual_reports_alone_comes_first_where_the_other_but_rounds_it() -> None:
    first = "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest"
    rounded = [(*f[:5], float(round(f[5], -6)), *f[6:]) for f in year_in_thousands()]
    for year in (4_938_268e3, 4_950_268e3):
        told = statements([*rounded, again(year, filing(4, "10-K", "2022-02-20"), first)])
        is_same = year == 4_938_268e3
        assert cells(told, "income", "pretax_income")[FY_21] == (year if is_same else 4_938e6)
