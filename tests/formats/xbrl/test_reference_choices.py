"""Which tag makes a cell, what is kept as filed, what is fresh: a case a sentence of the reference."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from evertape.clock import end_of_day
from evertape.datasets import facts as companyfacts
from evertape.formats.xbrl import Statements, standardize
from evertape.model.dataset import Asked, Evidence
from evertape.model.unit import Freshness, Holding, Outcome, Span, Unit
from tests.formats.xbrl.conftest import COMPANIES, Recorded
from tests.formats.xbrl.made import cells, day, fact, filing, plain_year, rows_of, statements

K21 = filing(4, "10-K", "2022-02-20")
FY_21 = ("2021-12-31", "annual")
CAPEX = "PaymentsToAcquirePropertyPlantAndEquipment"
shared = pytest.mark.shared


def _annual(told: Statements, column: str) -> dict[int, float | None]:
    return {r["fiscal_year"]: r[column] for r in told.income if r["period_type"] == "annual"}


@shared
def test_a_line_whose_tag_changed_three_times_has_no_hole(recorded: Recorded) -> None:
    told = recorded.statements("AAPL")
    revenue = _annual(told, "revenue")
    assert sorted(revenue) == list(range(2007, 2026))
    assert all(revenue.values())
    rows = [r for r in told.income if r["period_type"] == "annual"]
    tags = [told.explain("income", r["report_date"], "annual", "revenue") for r in rows]
    assert {cell.operands[0].tag for cell in tags if cell} == {
        "SalesRevenueNet",
        "Revenues",
        "RevenueFromContractWithCustomerExcludingAssessedTax",
    }


@shared
def test_a_tag_that_ended_does_not_shadow_the_one_in_use(recorded: Recorded) -> None:
    company = recorded.facts("NVDA")
    stale = "RevenueFromContractWithCustomerExcludingAssessedTax"
    ended = max(f[4] for f in company.facts if f[1] == stale)
    assert ended < day("2022-12-31")
    last = rows_of(recorded.statements("NVDA").income)[-1]
    assert (str(last["report_date"]), last["revenue"]) == ("2026-04-26", 81_615e6)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_whole_beats_a_slice_in_whatever_order_they_were_filed(order: tuple[int, int, int]) -> None:
    figures = [
        ("Revenues", 2.4e9),
        ("RevenueFromContractWithCustomerExcludingAssessedTax", 77.1e9),
        ("SalesRevenueServicesNet", 0.3e9),
    ]
    facts = [f for f in plain_year(2021) if f[1] != "Revenues"]
    for number, place in enumerate(order):
        tag, value = figures[place]
        by = filing(10 + number, "10-K", f"2022-02-{20 + number}")
        facts.append(fact(tag, "2021-01-01", "2021-12-31", value, by))
    assert cells(statements(facts), "income", "revenue")[FY_21] == 77.1e9


@shared
def test_no_cell_of_a_recorded_company_comes_from_a_proxy(recorded: Recorded) -> None:
    proxies = [f for f in recorded.facts("NVDA").facts if f[7] == "DEF 14A" and f[1] == "NetIncomeLoss"]
    assert proxies
    for name in COMPANIES:
        forms = {o.form for cell in recorded.statements(name).lineage.values() for o in cell.operands}
        assert not {form for form in forms if form.startswith(("DEF", "PRE", "424"))}, name


@shared
@pytest.mark.parametrize(
    ("name", "end", "equity"), [("HD", "2020-02-02", -3_116e6), ("AMD", "2015-03-28", 17e6)]
)
def test_equity_below_or_near_zero_is_a_figure(
    name: str, end: str, equity: float, recorded: Recorded
) -> None:
    assert cells(recorded.statements(name), "balance", "total_equity")[end, "quarter"] == equity


def test_a_value_of_zero_is_kept_and_a_missing_one_is_not_zero() -> None:
    for column, tag in (("dividends_paid", "PaymentsOfDividends"), ("capital_expenditures", CAPEX)):
        none = statements(plain_year(2021))
        zero = statements([*plain_year(2021), fact(tag, "2021-01-01", "2021-12-31", 0.0, K21)])
        assert cells(none, "cash_flow", column)[FY_21] is None
        assert cells(zero, "cash_flow", column)[FY_21] == 0.0


def test_payments_and_costs_are_positive_as_the_tag_has_them() -> None:
    facts = [*plain_year(2021), fact(CAPEX, "2021-01-01", "2021-12-31", 25.0, K21)]
    facts.append(fact("CostOfRevenue", "2021-01-01", "2021-12-31", 240.0, K21))
    told = statements(facts)
    assert cells(told, "cash_flow", "capital_expenditures")[FY_21] == 25.0
    assert cells(told, "income", "cost_of_revenue")[FY_21] == 240.0


@shared
def test_a_recorded_slip_of_a_thousand_is_kept_as_filed(recorded: Recorded) -> None:
    company = recorded.facts("NVDA")
    shares = {
        as_of: cells(standardize(company, as_of=as_of), "income", "shares_diluted")["2009-10-25", "quarter"]
        for as_of in (day("2009-12-31"), None)
    }
    assert shares == {day("2009-12-31"): 574_381_000.0, None: 574_381.0}


@shared
def test_what_an_insurer_does_not_report_is_unknown_and_no_gap(recorded: Recorded) -> None:
    told = recorded.statements("LMND")
    assert all(
        r["revenue"] and r["gross_profit"] is None and r["cost_of_revenue"] is None for r in told.income
    )
    assert all(r["total_assets"] and r["current_assets"] is None for r in told.balance)


@shared
def test_a_cell_filed_before_a_split_stays_as_filed(recorded: Recorded) -> None:
    company = recorded.facts("AAPL")
    before, after = standardize(company, as_of=day("2014-01-31")), recorded.statements("AAPL")
    assert (_annual(before, "eps_diluted")[2012], _annual(after, "eps_diluted")[2012]) == (44.15, 6.31)
    # Never repeated after a split, so never divided.
    assert _annual(after, "eps_diluted")[2009] == 9.08


# Freshness


@pytest.mark.parametrize("today", ["2026-07-10", "2026-10-15", "2027-04-10"])
def test_an_annual_filer_without_quarters_is_not_stale(today: str) -> None:
    now = end_of_day(day(today))
    accession = "0001193125-26-083423"
    unit = Unit("facts", "0001046179")
    held = Holding(unit=unit, outcome=Outcome.SETTLED, checked_at=end_of_day(day("2026-04-17")), source="sec")
    quarter = f"{now.year}/QTR{(now.month - 1) // 3 + 1}"
    index = Holding(
        unit=Unit("filings", f"quarter/{quarter}", Span(day(today), day(today))),
        outcome=Outcome.SETTLED,
        checked_at=now,
        source="sec",
    )
    evidence = Evidence(
        rows={"sec_filings": [(1046179, accession, day("2026-04-16"), now)]},
        holdings={"facts": {unit.key: held}, "filings": {index.unit.key: index}},
    )
    asked = Asked(companies={unit.key: "TSM"}, scope="symbols", since=day("2016-01-01"))
    (standing,) = companyfacts.due(evidence, asked, now)
    assert (standing.level, standing.unit, standing.dormant) == (Freshness.FRESH, None, False)


# Known good values


@shared
def test_known_good_values(recorded: Recorded) -> None:
    told = recorded.statements("AAPL")
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in (*told.income, *told.balance, *told.cash_flow):
        rows.setdefault((str(row["report_date"]), row["period_type"]), {}).update(row)
    quarter = rows["2024-06-29", "quarter"]
    known = {
        "revenue": 85_777e6,
        "gross_profit": 39_678e6,
        "operating_income": 25_352e6,
        "net_income": 21_448e6,
        "shares_diluted": 15_348_175_000.0,
        "total_assets": 331_612e6,
        "total_liabilities": 264_904e6,
        "total_equity": 66_708e6,
        "cash_and_equivalents": 25_565e6,
        "operating_cash_flow": 28_858e6,
        "capital_expenditures": 2_151e6,
    }
    assert {name: quarter[name] for name in known} == known
    for column, nine_months in (("operating_cash_flow", 91_443e6), ("capital_expenditures", 6_539e6)):
        cell = told.explain("cash_flow", day("2024-06-29"), "quarter", column)
        assert cell is not None
        assert cell.operands[0].value == nine_months
    year = rows["2025-09-27", "annual"]
    assert (year["revenue"], year["net_income"]) == (416_161e6, 112_010e6)
