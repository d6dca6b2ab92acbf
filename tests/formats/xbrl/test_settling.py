"""Figures that contradict each other, facts written out: which of them counts, and when."""

from __future__ import annotations

import pytest

from evertape.formats.xbrl import Fact
from tests.formats.xbrl.made import (
    cells,
    day,
    fact,
    filing,
    period,
    plain_year,
    rows_of,
    sheet,
    statements,
)

Q1 = filing(1, "10-Q", "2021-05-01")
Q2 = filing(2, "10-Q", "2021-08-01")
Q3 = filing(3, "10-Q", "2021-11-01")
K21 = filing(4, "10-K", "2022-02-20")
NEXT_Q1 = filing(5, "10-Q", "2022-05-01")
LATER = filing(9, "10-K", "2024-02-20")
FY_21 = ("2021-12-31", "annual")
Q4_21 = ("2021-12-31", "quarter")
Q3_21 = ("2021-09-30", "quarter")
Q2_21 = ("2021-06-30", "quarter")
Q1_21 = ("2021-03-31", "quarter")
OPERATING = "NetCashProvidedByUsedInOperatingActivities"
INVESTING = "NetCashProvidedByUsedInInvestingActivities"
CHANGE = "CashAndCashEquivalentsPeriodIncreaseDecrease"
EFFECT = "EffectOfExchangeRateOnCashAndCashEquivalents"


def _without(facts: list[Fact], *tags: str) -> list[Fact]:
    return [f for f in facts if f[1] not in tags]


def _year(tag: str, value: float, by: tuple[str, str, str] = K21) -> Fact:
    return fact(tag, "2021-01-01", "2021-12-31", value, by)


def _day(tag: str, value: float, by: tuple[str, str, str] = K21) -> Fact:
    return fact(tag, None, "2021-12-31", value, by)


# Balance sheets


def test_equity_of_a_later_statement_of_changes_is_no_balance_sheet() -> None:
    facts = [*plain_year(2021), _day("StockholdersEquity", 400.0, LATER)]
    assert cells(statements(facts), "balance", "total_equity")[FY_21] == 1003.0 * 0.25
    facts.append(_day("Assets", 1200.0, LATER))
    assert cells(statements(facts), "balance", "total_equity")[FY_21] == 400.0


def test_all_cash_is_restated_without_a_balance_sheet() -> None:
    tag = "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents"
    facts = [*plain_year(2021), _day(tag, 110.0), _day(tag, 120.0, LATER)]
    assert cells(statements(facts), "balance", "cash_and_restricted_cash")[FY_21] == 120.0


def test_liabilities_are_the_difference_on_a_later_filing_without_them() -> None:
    restated = [_day("Assets", 900.0, LATER), _day("StockholdersEquity", 300.0, LATER)]
    told = statements([*plain_year(2021), *restated])
    assert cells(told, "balance", "total_liabilities")[FY_21] == 600.0
    before = statements([*plain_year(2021), *restated], as_of="2024-02-19")
    assert cells(before, "balance", "total_liabilities")[FY_21] == 1003.0 * 0.75


def test_liabilities_that_the_same_filing_tells_stay_as_filed() -> None:
    facts = _without(plain_year(2021), "StockholdersEquity")
    facts.append(_day("StockholdersEquity", 100.0))
    assert cells(statements(facts), "balance", "total_liabilities")[FY_21] == 1003.0 * 0.75


# Cash


def _cash(change: float, *more: Fact) -> list[Fact]:
    """A year with a section of 400 each; three make 1200."""
    return [*plain_year(2021), _year(CHANGE, change), *more]


def test_a_change_of_the_sections_alone_has_the_exchange_effect_added() -> None:
    told = statements(_cash(1200.0, _year(EFFECT, -45.0)))
    assert cells(told, "cash_flow", "net_cash_flow")[FY_21] == 1155.0
    cell = told.explain("cash_flow", day("2021-12-31"), "annual", "net_cash_flow")
    assert cell is not None
    assert [(o.sign, o.tag) for o in cell.operands] == [(1, CHANGE), (1, EFFECT)]


@pytest.mark.parametrize(("change", "effect"), [(1155.0, -45.0), (1200.0, 0.0), (700.0, -45.0)])
def test_a_change_that_is_no_sum_of_the_sections_stays_as_filed(change: float, effect: float) -> None:
    told = statements(_cash(change, _year(EFFECT, effect)))
    assert cells(told, "cash_flow", "net_cash_flow")[FY_21] == change


def test_a_sign_that_a_later_filing_turned_is_turned_back_by_the_sum() -> None:
    facts = [f for f in _cash(400.0) if f[1] != INVESTING or f[4] != day("2021-12-31")]
    facts += [_year(INVESTING, -400.0), _year(INVESTING, 400.0, LATER)]
    assert cells(statements(facts), "cash_flow", "investing_cash_flow")[FY_21] == -400.0
    unsettled = [f for f in facts if f[1] != CHANGE]
    assert cells(statements(unsettled), "cash_flow", "investing_cash_flow")[FY_21] == 400.0


def test_a_difference_of_the_last_digit_is_rounding_and_changes_nothing() -> None:
    million = 1_000_000.0
    facts = period("2021-01-01", "2021-12-31", 400 * million, K21) + sheet("2021-12-31", 9.0, K21)
    facts += [_year(INVESTING, 399 * million, LATER), _year(CHANGE, 1200 * million)]
    assert cells(statements(facts), "cash_flow", "investing_cash_flow")[FY_21] == 399 * million


def test_all_cash_of_a_mistyped_day_is_what_the_changes_have() -> None:
    facts = [*plain_year(2021), *sheet("2020-12-31", 803.0, K21)]
    facts.append(_day("CashAndCashEquivalentsAtCarryingValue", 777.0, LATER))
    assert cells(statements(facts), "balance", "cash_and_restricted_cash")[FY_21] == 777.0
    told = statements([*facts, _year(CHANGE, 20.0)])
    assert cells(told, "balance", "cash_and_restricted_cash")[FY_21] == 1003.0 * 0.1


# Gross profit


def _gross(cost: float, gross: float, *more: Fact) -> list[Fact]:
    """Revenue is 400 in the year; an interim report tells gross profit too."""
    interim = fact("GrossProfit", "2021-01-01", "2021-03-31", 40.0, Q1)
    return [*plain_year(2021), interim, _year("CostOfRevenue", cost), _year("GrossProfit", gross), *more]


def test_a_cost_that_is_a_part_of_the_costs_is_the_rest_of_revenue() -> None:
    told = statements(_gross(100.0, 160.0))
    assert cells(told, "income", "cost_of_revenue")[FY_21] == 240.0
    assert cells(told, "income", "gross_profit")[FY_21] == 160.0


def test_the_cost_tag_that_fits_comes_first() -> None:
    told = statements(_gross(200.0, 160.0, _year("CostOfGoodsAndServicesSold", 240.0)))
    cell = told.explain("income", day("2021-12-31"), "annual", "cost_of_revenue")
    assert cell is not None
    assert [o.tag for o in cell.operands] == ["CostOfGoodsAndServicesSold"]


def test_a_cost_that_nearly_fits_stays_as_filed() -> None:
    assert cells(statements(_gross(237.0, 160.0)), "income", "cost_of_revenue")[FY_21] == 237.0


def test_restated_revenue_and_cost_make_a_gross_profit_of_their_own() -> None:
    restated = [_year("Revenues", 300.0, LATER), _year("CostOfRevenue", 200.0, LATER)]
    told = statements(_gross(240.0, 160.0, *restated))
    assert cells(told, "income", "gross_profit")[FY_21] == 100.0
    assert cells(statements(_gross(240.0, 160.0)), "income", "gross_profit")[FY_21] == 160.0


def test_gross_profit_of_annual_notes_comes_after_the_statement() -> None:
    facts = [*plain_year(2021), _year("CostOfRevenue", 240.0), _year("GrossProfit", 130.0)]
    assert cells(statements(facts), "income", "gross_profit")[FY_21] == 160.0
    assert cells(statements(_without(facts, "CostOfRevenue")), "income", "gross_profit")[FY_21] == 130.0


def test_a_quarter_restated_in_a_note_is_told_by_the_note() -> None:
    facts = plain_year(2021)
    facts += [fact("CostOfRevenue", "2021-01-01", "2021-03-31", 60.0, by) for by in (Q1, NEXT_Q1)]
    facts += [
        fact("Revenues", "2021-01-01", "2021-03-31", 80.0, LATER),
        fact("GrossProfit", "2021-01-01", "2021-03-31", 30.0, LATER),
    ]
    told = statements(facts)
    assert cells(told, "income", "gross_profit")[Q1_21] == 30.0
    assert cells(told, "income", "cost_of_revenue")[Q1_21] == 50.0


# Which tag, which form


def test_a_tag_of_annual_notes_comes_after_the_one_of_interim_reports() -> None:
    note, face = "DepreciationDepletionAndAmortization", "DepreciationAmortizationAndAccretionNet"
    facts = [*plain_year(2021), _year(note, 70.0), _year(face, 90.0)]
    assert cells(statements(facts), "cash_flow", "depreciation_amortization")[FY_21] == 70.0
    facts.append(fact(face, "2021-01-01", "2021-09-30", 60.0, Q3))
    assert cells(statements(facts), "cash_flow", "depreciation_amortization")[FY_21] == 90.0
    facts.append(fact(note, "2021-01-01", "2021-09-30", 50.0, Q3))
    assert cells(statements(facts), "cash_flow", "depreciation_amortization")[FY_21] == 70.0


def test_the_unit_of_older_bodies_is_the_same_series() -> None:
    early = fact("EarningsPerShareDiluted", "2021-01-01", "2021-12-31", 4.0, K21)
    again = fact("EarningsPerShareDiluted", "2021-01-01", "2021-12-31", 4.0, LATER, unit="USD/shares")
    split = fact("EarningsPerShareDiluted", "2021-01-01", "2021-12-31", 1.0, LATER, unit="USD/shares")
    for later, value, form_filed in ((again, 4.0, K21[2]), (split, 1.0, LATER[2])):
        told = statements([*plain_year(2021), early, later])
        cell = told.explain("income", day("2021-12-31"), "annual", "eps_diluted")
        assert cell is not None
        assert (cell.value, str(cell.known_from)) == (value, form_filed)


def test_a_quarter_of_a_current_report_is_no_match_for_the_year_less_nine_months() -> None:
    current = filing(7, "8-K", "2022-03-10")
    facts = [*plain_year(2021), *period("2021-10-01", "2021-12-31", 55.0, current)]
    facts.append(fact("EarningsPerShareDiluted", "2021-10-01", "2021-12-31", 1.0, K21, unit="USD/shares"))
    assert cells(statements(facts), "income", "revenue")[Q4_21] == 100.0
    alone = [f for f in facts if f[4] != day("2021-09-30")]
    assert cells(statements(alone), "income", "revenue")[Q4_21] == 55.0


# Quarters


def test_a_year_less_three_quarters_reported_alone_is_the_fourth() -> None:
    starts = {day("2021-04-01"), day("2021-07-01")}
    facts = [
        f
        for f in plain_year(2021)
        if f[1] != "Revenues" or f[3] in starts or f[4] in {day("2021-03-31"), day("2021-12-31")}
    ]
    told = statements(facts)
    assert cells(told, "income", "revenue")[Q4_21] == 100.0
    cell = told.explain("income", day("2021-12-31"), "quarter", "revenue")
    assert cell is not None
    assert sorted(o.sign for o in cell.operands) == [-1, -1, -1, 1]
    missing = [f for f in facts if f[1] != "Revenues" or f[3] != day("2021-04-01")]
    assert cells(statements(missing), "income", "revenue")[Q4_21] is None


def test_the_year_and_its_quarters_are_of_one_basis() -> None:
    facts = [f for f in plain_year(2021) if f[1] != OPERATING]
    months = ["2021-01-01..2021-03-31", "2021-04-01..2021-06-30", "2021-07-01..2021-09-30"]
    for span, by in zip(months, (Q1, Q2, Q3), strict=True):
        start, _, end = span.partition("..")
        facts.append(fact(OPERATING, start, end, 100.0, by))
    facts.append(fact(OPERATING, "2021-01-01", "2021-03-31", 90.0, NEXT_Q1))
    facts += [_year(OPERATING, 400.0)]
    # The quarter restated in a report about the next year does not go with the year as first reported.
    facts += period("2022-01-01", "2022-03-31", 1.0, NEXT_Q1) + sheet("2022-03-31", 1.0, NEXT_Q1)
    assert cells(statements(facts), "cash_flow", "operating_cash_flow")[Q4_21] == 100.0


def test_nine_months_less_a_half_need_no_first_quarter() -> None:
    facts = period("2021-01-01", "2021-06-30", 190.0, Q2) + period("2021-01-01", "2021-09-30", 300.0, Q3)
    assert cells(statements(facts), "income", "revenue") == {Q3_21: 110.0}


def test_two_tags_that_agree_are_subtracted_from_one_another() -> None:
    other = f"{OPERATING}ContinuingOperations"
    facts = [f for f in plain_year(2021) if f[1] != OPERATING]
    facts += [
        fact(OPERATING, "2021-01-01", "2021-03-31", 100.0, Q1),
        fact(other, "2021-01-01", "2021-06-30", 190.0, Q2),
    ]
    assert cells(statements(facts), "cash_flow", "operating_cash_flow").get(Q2_21) is None
    facts.append(fact("PaymentsOfDividends", "2021-04-01", "2021-06-30", 5.0, Q2))
    before = [fact(tag, "2020-01-01", "2020-12-31", 350.0, K21) for tag in (OPERATING, other)]
    assert cells(statements([*facts, *before]), "cash_flow", "operating_cash_flow")[Q2_21] == 90.0
    apart = [fact(OPERATING, "2020-01-01", "2020-12-31", 390.0, K21), before[1]]
    assert cells(statements([*facts, *apart]), "cash_flow", "operating_cash_flow").get(Q2_21) is None


# Formulas and rows


def test_a_formula_is_proven_by_a_companys_own_line() -> None:
    facts: list[Fact] = []
    for year in (2018, 2019, 2020, 2021):
        span = (f"{year}-01-01", f"{year}-12-31")
        facts += [*plain_year(year), fact("CostsAndExpenses", *span, 370.0, K21)]
        if year < 2021:
            facts.append(fact("OperatingIncomeLoss", *span, 30.0, K21))
    assert cells(statements(facts), "income", "operating_income")[FY_21] == 30.0
    twice = [f for f in facts if f[1] != "OperatingIncomeLoss" or f[3] != day("2018-01-01")]
    assert cells(statements(twice), "income", "operating_income")[FY_21] is None
    unlike = [*twice, fact("OperatingIncomeLoss", "2018-01-01", "2018-12-31", 45.0, K21)]
    assert cells(statements(unlike), "income", "operating_income")[FY_21] is None


def test_lines_that_copy_one_fact_are_no_statement() -> None:
    stray = [
        fact("NetIncomeLoss", "2020-10-01", "2020-12-31", 5.0, K21),
        fact("IncomeTaxExpenseBenefit", "2020-10-01", "2020-12-31", 1.0, K21),
    ]
    assert rows_of(statements([*plain_year(2021), *stray]).income) == rows_of(
        statements(plain_year(2021)).income
    )


def test_a_cash_flow_row_beside_an_income_statement_needs_no_total() -> None:
    totals = [f"NetCashProvidedByUsedIn{name}Activities" for name in ("Operating", "Investing", "Financing")]
    facts = _without(plain_year(2021), *totals)
    tags = ("ShareBasedCompensation", "Depreciation", "PaymentsOfDividends")
    facts += [_year(tag, 5.0) for tag in tags]
    assert cells(statements(facts), "cash_flow", "dividends_paid")[FY_21] == 5.0


def test_one_line_makes_no_quarter() -> None:
    facts = [f for f in plain_year(2021) if f[4] == day("2021-12-31")]
    facts.append(fact("CommonStockDividendsPerShareDeclared", "2021-01-01", "2021-03-31", 1.0, Q1))
    facts += sheet("2021-03-31", 900.0, Q1)
    told = statements(facts)
    assert {r["period_type"] for r in told.balance} == {"annual"}
