"""Quarters against years, and computed quarters against reported ones."""

from __future__ import annotations

from datetime import date

import pytest

from evertape.engine.quality import Company
from tests.engine.quality.made import M, Told, company, counted, found, income, quarters, row, series

YEAR = ("2020-01-01", "2020-12-31")
REVENUE = ("us-gaap", "Revenues", "USD")
FOURTH = {"derived": "revenue cost_of_revenue gross_profit net_income"}


def year(*, fourth: float = 40 * M, total: float = 160 * M) -> list[Told]:
    *three, last = quarters(4)
    rows = [income(*span) for span in three]
    return [*rows, income(*last, fourth, **FOURTH), income(*YEAR, total, period_type="annual")]


def test_four_quarters_that_add_up_are_counted_line_by_line() -> None:
    assert counted(company(*year()), "four_quarters") == [4, 4, 4, 0, 0, 0]
    assert found(company(*year()), "four_quarters") == []


def test_a_year_that_is_not_its_quarters_is_doubted_on_its_own_row() -> None:
    told = found(company(*year(fourth=80 * M)), "four_quarters")
    revenue = next(f for f in told if f.column_name == "revenue")
    assert (revenue.period_type, revenue.report_date) == ("annual", date(2020, 12, 31))
    assert (revenue.severity, revenue.expected, revenue.found) == ("soft", 200 * M, 160 * M)


@pytest.mark.parametrize("change", [{"currency": "EUR"}, {"revenue": None, "net_income": None}, None])
def test_a_year_without_its_four_quarters_is_not_judged(change: Told | None) -> None:
    rows = year(fourth=80 * M)
    rows[1:2] = [] if change is None else [{**rows[1], **change}]
    columns = {f.column_name for f in found(company(*rows), "four_quarters")}
    assert not columns & {"revenue", "net_income"}


def test_four_quarters_of_two_years_are_not_a_year() -> None:
    rows = [income(*span) for span in quarters(5)[1:]]
    assert counted(company(*rows, income(*YEAR, period_type="annual")), "four_quarters") == []


def test_shares_and_values_a_share_are_not_added_up() -> None:
    rows = [{**told, "eps_basic": 1.0, "shares_basic": 10.0} for told in year()]
    columns = {f.column_name for f in found(company(*rows), "four_quarters")}
    assert columns == set()


NINE = ("2020-01-01", "2020-09-30")
LAST = ("2020-10-01", "2020-12-31")
ANNUAL = ("2021-02-20", "0000000001-21-000004")
AMENDED = ("2021-08-01", "0000000001-21-000009")
INTERIM = ("2020-11-01", "0000000001-20-000003")


def fourth(*, alone: float, cell: float = 40 * M, tag: str = "Revenues") -> Company:
    """A fourth quarter computed as 160 less 120, which the annual report also gives alone."""
    flows = {
        ("us-gaap", tag, "USD"): series(
            {YEAR: [(*ANNUAL, 160 * M)], NINE: [(*INTERIM, 120 * M)], LAST: [(*ANNUAL, alone)]}
        )
    }
    told = row("income", *LAST, "quarter", revenue=cell, derived="revenue")
    return company(told, flows=flows)


def test_a_computed_quarter_that_a_filing_also_reports_is_compared() -> None:
    assert counted(fourth(alone=40 * M), "derived_quarter") == [1, 1, 1, 0, 0, 0]
    (finding,) = found(fourth(alone=44 * M), "derived_quarter")
    assert (finding.severity, finding.expected, finding.found) == ("soft", 44 * M, 40 * M)
    assert ANNUAL[1] in finding.sentence


def test_a_cell_that_the_tag_does_not_give_is_not_compared_with_it() -> None:
    assert counted(fourth(alone=44 * M, cell=55 * M), "derived_quarter") == []
    assert counted(fourth(alone=44 * M, tag="NetIncomeLoss"), "derived_quarter") == []


def test_the_rule_of_subtraction_is_tried_on_every_quarter_reported_alone() -> None:
    assert counted(fourth(alone=40 * M), "quarter_difference") == [1] * 6
    assert counted(fourth(alone=44 * M), "quarter_difference") == [1, 0, 0, 1, 0, 0]
    assert found(fourth(alone=44 * M), "quarter_difference") == []


def test_the_rule_is_tried_on_what_was_known_when_the_quarter_was_reported() -> None:
    flows = {
        REVENUE: series(
            {
                YEAR: [(*ANNUAL, 160 * M), (*AMENDED, 200 * M)],
                NINE: [(*INTERIM, 120 * M), (*AMENDED, 150 * M)],
                LAST: [(*ANNUAL, 40 * M)],
            }
        )
    }
    told = company(income(*LAST), flows=flows)
    assert counted(told, "quarter_difference") == [1] * 6
