"""Figures of one period on several bases: none is added on one and subtracted on another."""

from __future__ import annotations

from typing import Any

import pytest

from evertape.formats.xbrl import Fact
from tests.formats.xbrl.made import fact, filing, period, plain_year, statements

INVESTING = "NetCashProvidedByUsedInInvestingActivities"
DIVIDENDS = "PaymentsOfDividends"
OLD, NEW = "IncreaseDecreaseInDeferredRevenue", "IncreaseDecreaseInContractWithCustomerLiability"
MILLION = 1e6


def rows(facts: list[Fact]) -> dict[tuple[str, str], dict[str, Any]]:
    """Cash flow rows by last day and period type."""
    return {(str(r["report_date"]), r["period_type"]): r for r in statements(facts).cash_flow}


@pytest.mark.parametrize(
    ("alone", "difference", "shown"),
    [
        # A note says "$1.4 billion".
        (1400, 1425, 1425),
        (1500, 1470, 1470),
        # What is rounded in the statement itself is at most two of the last digit apart.
        (1500, 1501, 1500),
        # Told to the million.
        (1432, 1425, 1432),
        # No rounding is as large as that.
        (1400, 1460, 1400),
        # Tenths of a billion are too coarse a unit to tell by.
        (500, 480, 500),
    ],
)
def test_a_quarter_told_in_tenths_of_billions_is_the_difference_to_date(
    alone: float, difference: float, shown: float
) -> None:
    by, note = filing(2, "10-Q", "2021-08-01"), filing(2, "10-Q", "2022-08-01")
    facts = [
        *plain_year(2021),
        fact(DIVIDENDS, "2021-01-01", "2021-03-31", 1436 * MILLION, filing(1, "10-Q", "2021-05-01")),
        fact(DIVIDENDS, "2021-01-01", "2021-06-30", (1436 + difference) * MILLION, by),
        fact(DIVIDENDS, "2021-04-01", "2021-06-30", alone * MILLION, note),
    ]
    assert rows(facts)["2021-06-30", "quarter"]["dividends_paid"] == shown * MILLION


def test_twelve_months_take_no_quarter_on_two_bases() -> None:
    by = filing(1, "10-Q", "2022-05-01")
    restated = [
        *period("2022-01-01", "2022-03-31", 100.0, by),
        fact(INVESTING, "2021-01-01", "2021-03-31", 130.0, by),
    ]
    told = statements([*plain_year(2020), *_to_date(2021), *restated])
    found = {(str(r["report_date"]), r["period_type"]): r for r in told.cash_flow}
    assert found["2021-03-31", "quarter"]["investing_cash_flow"] == 130.0
    assert found["2021-06-30", "quarter"]["investing_cash_flow"] == 100.0
    half = found["2021-06-30", "ttm"]
    assert half["investing_cash_flow"] == 400.0 - 200.0 + 200.0
    cell = told.explain("cash_flow", half["report_date"], "ttm", "investing_cash_flow")
    assert cell is not None
    assert [(o.sign, o.value) for o in cell.operands] == [(1, 400.0), (-1, 200.0), (1, 200.0)]
    assert told.filing_of("cash_flow", half["report_date"], "ttm", "investing_cash_flow") is not None
    # The quarter that was restated is added alone, nothing of it is subtracted.
    assert found["2021-03-31", "ttm"]["investing_cash_flow"] == 100.0 * 3 + 130.0


def test_twelve_months_on_two_bases_are_unknown_without_figures_to_date() -> None:
    by = filing(1, "10-Q", "2022-05-01")
    restated = [
        *period("2022-01-01", "2022-03-31", 100.0, by),
        fact(INVESTING, "2021-01-01", "2021-03-31", 130.0, by),
    ]
    year = ("2020-01-01", "2020-12-31")
    lacking = [f for f in plain_year(2020) if f[1] != INVESTING or (str(f[3]), str(f[4])) != year]
    # The fourth quarter is told alone, so that all four are known.
    fourth = fact(INVESTING, "2020-10-01", "2020-12-31", 100.0, filing(4, "10-K", "2021-02-20"))
    found = rows([*lacking, fourth, *_to_date(2021), *restated])["2021-06-30", "ttm"]
    assert found["investing_cash_flow"] is None
    assert "investing_cash_flow" not in found["derived"].split()
    assert found["operating_cash_flow"] == 400.0


def test_a_fourth_quarter_follows_the_tag_that_restated_its_year() -> None:
    ends = ("2016-03-31", "2016-06-30", "2016-09-30")
    starts = ("2016-01-01", "2016-04-01", "2016-07-01")
    days = ("05-01", "08-01", "11-01")
    facts = [*plain_year(2016), *plain_year(2017)]
    for n, (start, end, day) in enumerate(zip(starts, ends, days, strict=True)):
        facts.append(fact(OLD, start, end, 5000.0, filing(n + 1, "10-Q", f"2016-{day}")))
        by = filing(n + 1, "10-Q", f"2017-{day}")
        facts.append(fact(OLD, start, end, -10.0, by))
        facts.append(fact(NEW, start.replace("2016", "2017"), end.replace("2016", "2017"), 20.0, by))
    facts.append(fact(OLD, "2016-01-01", "2016-12-31", 24000.0, filing(4, "10-K", "2017-02-20")))
    assert rows(facts)["2016-12-31", "quarter"]["change_in_deferred_revenue"] == 24000.0 - 3 * 5000.0
    facts.append(fact(NEW, "2016-01-01", "2016-12-31", 300.0, filing(4, "10-K", "2018-02-20")))
    found = rows(facts)
    assert found["2016-12-31", "annual"]["change_in_deferred_revenue"] == 300.0
    assert found["2016-12-31", "quarter"]["change_in_deferred_revenue"] == 300.0 + 3 * 10.0


def _to_date(year: int) -> list[Fact]:
    """A plain year whose investing cash flow is told to date alone, as cash flow statements do."""
    first = (f"{year}-01-01", f"{year}-03-31")
    return [
        f
        for f in plain_year(year)
        if f[1] != INVESTING or str(f[3]) == f"{year}-01-01" or (str(f[3]), str(f[4])) == first
    ]
