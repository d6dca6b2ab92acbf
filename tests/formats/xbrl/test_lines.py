"""Lines of the wider catalogue: figures read from recorded filings by eye, and the rules of formulas."""

from __future__ import annotations

from typing import Any

import pytest

from tests.formats.xbrl.conftest import Recorded
from tests.formats.xbrl.made import cells, fact, filing, plain_year, statements

M = 1_000_000
K21 = filing(4, "10-K", "2022-02-20")
FY_21 = ("2021-12-31", "annual")
Q4_21 = ("2021-12-31", "quarter")

FIGURES = [
    ("AAPL", "income", "annual", "2024-09-28", "operating_expenses", 57_467 * M),
    ("AAPL", "income", "annual", "2024-09-28", "dividends_per_share", 0.98),
    ("AAPL", "income", "annual", "2024-09-28", "nonoperating_income", 269 * M),
    ("AAPL", "balance", "annual", "2024-09-28", "accounts_payable", 68_960 * M),
    ("AAPL", "balance", "annual", "2024-09-28", "deferred_revenue", 8_249 * M),
    ("AAPL", "balance", "annual", "2024-09-28", "other_current_liabilities", 78_304 * M),
    ("AAPL", "balance", "annual", "2024-09-28", "cash_and_restricted_cash", 29_943 * M),
    ("AAPL", "balance", "annual", "2024-09-28", "liabilities_and_equity", 364_980 * M),
    ("AAPL", "cash_flow", "annual", "2024-09-28", "net_cash_flow", -794 * M),
    ("AAPL", "cash_flow", "annual", "2024-09-28", "change_in_receivables", 3_788 * M),
    ("AAPL", "cash_flow", "annual", "2024-09-28", "change_in_inventory", 1_046 * M),
    ("AAPL", "cash_flow", "annual", "2024-09-28", "change_in_payables", 6_020 * M),
    ("AAPL", "cash_flow", "annual", "2024-09-28", "debt_repaid", 9_958 * M),
    ("AAPL", "cash_flow", "annual", "2024-09-28", "income_taxes_paid", 26_102 * M),
    # CostsAndExpenses + pretax income: no tag says what the total of the quarter's revenues is
    ("XOM", "income", "quarter", "2013-09-30", "revenue", 112_372 * M),
    # IFRS counts a decrease of inventories as positive
    ("AEM", "cash_flow", "annual", "2023-12-31", "change_in_inventory", 169_168_000),
    ("AEM", "cash_flow", "annual", "2023-12-31", "exchange_effect", 3_202_000),
    # NetCashProvidedByUsedInContinuingOperations is the change in cash of those that use it
    ("AEM", "cash_flow", "annual", "2013-12-31", "net_cash_flow", -158_967_000),
    # 3,077 - 1,483; the sections of this quarter stand under no tag
    ("F", "cash_flow", "quarter", "2013-06-30", "capital_expenditures", 1_594 * M),
    # Ford's tag for all cash with that of disposal groups says 62 million, the disposal group's own
    ("F", "balance", "annual", "2019-12-31", "cash_and_restricted_cash", 17_741 * M),
    ("TSM", "balance", "annual", "2024-12-31", "minority_interest", 35_005_100_000),
    ("TSM", "balance", "annual", "2024-12-31", "equity_with_minority", 4_279_271_600_000),
]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("company", "statement", "period_type", "end", "column", "value"),
    FIGURES,
    ids=[f"{f[0]}-{f[3]}-{f[4]}" for f in FIGURES],
)
def test_a_figure_is_as_filed(
    company: str, statement: str, period_type: str, end: str, column: str, value: float, recorded: Recorded
) -> None:
    rows: list[dict[str, Any]] = getattr(recorded.statements(company), statement)
    (row,) = [r for r in rows if (str(r["report_date"]), r["period_type"]) == (end, period_type)]
    assert row[column] == value


@pytest.mark.shared
@pytest.mark.parametrize(
    ("company", "filled"),
    [
        ("LMND", ["premiums_earned", "policyholder_benefits", "net_investment_income"]),
        ("SPIRE", ["fuel_and_purchased_power", "operating_expenses", "revenue"]),
        ("CSCO", ["selling_expense", "restructuring", "investment_gains"]),
    ],
)
def test_lines_of_an_industry_are_filled(company: str, filled: list[str], recorded: Recorded) -> None:
    annual = [r for r in recorded.statements(company).income if r["period_type"] == "annual"]
    assert annual
    assert [name for name in filled if annual[-1][name] is None] == []


def _year(tag: str, value: float) -> Any:
    return fact(tag, "2021-01-01", "2021-12-31", value, K21)


def _day(tag: str, value: float) -> Any:
    return fact(tag, None, "2021-12-31", value, K21)


def test_cash_with_the_restricted_falls_back_to_cash() -> None:
    facts = plain_year(2021)
    column = "cash_and_restricted_cash"
    assert cells(statements(facts), "balance", column)[FY_21] == 1003.0 * 0.1
    facts.append(_day("CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents", 120.0))
    told = statements(facts)
    assert cells(told, "balance", column)[FY_21] == 120.0
    assert cells(told, "balance", "cash_and_equivalents")[FY_21] == 1003.0 * 0.1


def test_cash_is_all_cash_less_the_restricted_where_nothing_else_is_said() -> None:
    facts = [f for f in plain_year(2021) if f[1] != "CashAndCashEquivalentsAtCarryingValue"]
    facts.append(_day("CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents", 120.0))
    assert cells(statements(facts), "balance", "cash_and_equivalents")[FY_21] == 120.0
    facts.append(_day("RestrictedCash", 15.0))
    assert cells(statements(facts), "balance", "cash_and_equivalents")[FY_21] == 105.0


def test_equity_with_minorities_is_reported_or_summed() -> None:
    facts = [*plain_year(2021), _day("MinorityInterest", 3.0)]
    assert cells(statements(facts), "balance", "equity_with_minority")[FY_21] == 1003.0 * 0.25 + 3.0
    facts.append(_day("StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest", 260.0))
    assert cells(statements(facts), "balance", "equity_with_minority")[FY_21] == 260.0


def test_the_change_in_cash_is_the_sections_and_the_exchange_effect() -> None:
    facts = plain_year(2021)
    assert cells(statements(facts), "cash_flow", "net_cash_flow")[Q4_21] == 300.0
    facts.append(_year("EffectOfExchangeRateOnCashAndCashEquivalents", -7.0))
    told = statements(facts)
    assert cells(told, "cash_flow", "net_cash_flow")[FY_21] == 1193.0
    # The exchange effect of nine months is unknown, so the quarter's change is.
    assert cells(told, "cash_flow", "net_cash_flow")[Q4_21] is None


def test_net_cash_of_discontinued_operations_is_reported_or_summed() -> None:
    parts = {"Operating": 5.0, "Investing": -2.0}
    facts = plain_year(2021)
    facts += [
        _year(f"CashProvidedByUsedIn{name}ActivitiesDiscontinuedOperations", v) for name, v in parts.items()
    ]
    assert cells(statements(facts), "cash_flow", "net_cash_flow_discontinued")[FY_21] == 3.0
    facts.append(_year("NetCashProvidedByUsedInDiscontinuedOperations", 4.0))
    assert cells(statements(facts), "cash_flow", "net_cash_flow_discontinued")[FY_21] == 4.0


def test_a_banks_revenue_is_net_interest_and_other_income() -> None:
    facts = [f for f in plain_year(2021) if f[1] != "Revenues"]
    facts += [_year("InterestIncomeExpenseNet", 60.0), _year("NoninterestIncome", 40.0)]
    assert cells(statements(facts), "income", "revenue")[FY_21] == 100.0


def test_revenue_is_all_costs_and_the_income_below_them() -> None:
    facts = [f for f in plain_year(2021) if f[1] != "Revenues"]
    facts.append(_year("CostsAndExpenses", 900.0))
    assert cells(statements(facts), "income", "revenue")[FY_21] == 1300.0
    facts.append(_year("OperatingIncomeLoss", 450.0))
    assert cells(statements(facts), "income", "revenue")[FY_21] == 1350.0


def test_income_before_interest_and_tax_needs_interest_where_it_is_used() -> None:
    facts = plain_year(2021)
    assert cells(statements(facts), "income", "ebit")[FY_21] == 400.0
    facts.append(_year("InterestExpense", 30.0))
    told = cells(statements(facts), "income", "ebit")
    assert told[FY_21] == 430.0
    assert told[Q4_21] is None


def test_a_row_of_payments_needs_no_section() -> None:
    tags = ("PaymentsToAcquirePropertyPlantAndEquipment", "PaymentsOfDividends", "ShareBasedCompensation")
    sections = {"Operating", "Investing", "Financing"}
    facts = [
        f
        for f in plain_year(2021)
        if not any(f[1] == f"NetCashProvidedByUsedIn{s}Activities" for s in sections)
    ]
    facts += [_year(tag, 5.0) for tag in tags]
    assert cells(statements(facts), "cash_flow", "capital_expenditures")[FY_21] == 5.0
