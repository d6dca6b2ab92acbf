"""Quarters and the year that they belong to: under one tag, and under their own dates."""

from __future__ import annotations

import pytest

from evertape.formats.xbrl import Fact
from tests.formats.xbrl.made import cells, fact, filing, plain_year, statements

ENDS = ("2021-03-31", "2021-06-30", "2021-09-30", "2021-12-31")
STARTS = ("2021-01-01", "2021-04-01", "2021-07-01", "2021-10-01")
BY = (
    filing(1, "10-Q", "2021-05-01"),
    filing(2, "10-Q", "2021-08-01"),
    filing(3, "10-Q", "2021-11-01"),
    filing(4, "10-K", "2022-02-20"),
)
FIRST, OTHER = (
    "IncreaseDecreaseInAccruedLiabilities",
    "IncreaseDecreaseInAccruedLiabilitiesAndOtherOperatingLiabilities",
)
TAXES = "PaymentsRelatedToTaxWithholdingForShareBasedCompensation"


def to_date(tag: str, *amounts: float) -> list[Fact]:
    """Figures from the first of January to the end of each quarter, as many as there are."""
    return [fact(tag, STARTS[0], ENDS[n], amount, BY[n]) for n, amount in enumerate(amounts)]


def quarters(facts: list[Fact], line: str) -> list[float | None]:
    told = cells(statements([*plain_year(2021), *facts]), "cash_flow", line)
    return [told[end, "quarter"] for end in ENDS]


def test_the_tag_that_gives_the_year_gives_its_quarters() -> None:
    facts = [*to_date(FIRST, -7, -85, -136), *to_date(OTHER, -31, -12, -29, -135)]
    assert quarters(facts, "change_in_accruals") == [-31, 19, -17, -106]


def test_quarters_that_add_up_to_the_year_stay_under_the_first_tag() -> None:
    facts = [*to_date(FIRST, -31, -12, -29), *to_date(OTHER, -30, -11, -29, -135)]
    assert quarters(facts, "change_in_accruals") == [-31, 19, -17, -106]


def test_a_tag_that_lacks_a_quarter_gives_none() -> None:
    facts = [*to_date(FIRST, -7, -85, -136), *to_date(OTHER, -31, -12, -29, -135)[2:]]
    assert quarters(facts, "change_in_accruals") == [-7, -78, -51, -106]


@pytest.mark.parametrize(("second", "expected"), [(309.0, 23.0), (24.0, 24.0)])
def test_a_figure_to_date_under_a_quarter_s_dates_is_no_quarter(second: float, expected: float) -> None:
    facts = [*to_date(TAXES, 286, 309, 345, 430), fact(TAXES, STARTS[1], ENDS[1], second, BY[1])]
    assert quarters(facts, "share_award_taxes") == [286, expected, 36, 85]


def test_a_quarter_that_is_all_of_the_year_to_date_stands() -> None:
    facts = [*to_date(TAXES, 0, 309, 345, 430), fact(TAXES, STARTS[1], ENDS[1], 309, BY[1])]
    assert quarters(facts, "share_award_taxes") == [0, 309, 36, 85]


TAX = "IncomeTaxExpenseBenefit"


def year_of_tax(nine_months: float, *, third_alone: bool = True) -> list[float | None]:
    """Three quarters of 10 million, the nine months, and a year of 41 million."""
    facts = [f for f in plain_year(2021) if f[1] != TAX]
    facts += [fact(TAX, STARTS[n], ENDS[n], 10e6, BY[n]) for n in range(3 if third_alone else 2)]
    facts += [fact(TAX, STARTS[0], ENDS[1], 20e6, BY[1]), fact(TAX, STARTS[0], ENDS[2], nine_months, BY[2])]
    facts.append(fact(TAX, STARTS[0], ENDS[3], 41e6, BY[3]))
    told = cells(statements(facts), "income", "income_tax")
    return [told[end, "quarter"] for end in ENDS]


@pytest.mark.parametrize("nine_months", [28e6, 29e6, 30e6, 31e6, 32e6])
def test_four_quarters_are_the_year_where_nine_months_differ_by_rounding(nine_months: float) -> None:
    assert year_of_tax(nine_months) == [10e6, 10e6, 10e6, 11e6]


@pytest.mark.parametrize("nine_months", [27e6, 33e6, 30_004e3])
def test_a_last_quarter_is_the_year_less_nine_months_where_they_differ_by_more(nine_months: float) -> None:
    assert year_of_tax(nine_months) == [10e6, 10e6, 10e6, 41e6 - nine_months]


def test_a_last_quarter_is_the_year_less_nine_months_where_a_quarter_is_not_told_alone() -> None:
    assert year_of_tax(31e6, third_alone=False) == [10e6, 10e6, 11e6, 10e6]
