"""Each trap of companyfacts, with facts written out: what must come of it."""

from __future__ import annotations

import pytest

from evertape.formats.xbrl.cells import Figure, last_filed, subtracted
from evertape.formats.xbrl.facts import Fact, day_number, day_of, filed_of, fold
from evertape.formats.xbrl.index import FactIndex
from tests.formats.xbrl.made import cells, day, fact, filing, period, plain_year, rows_of, sheet, statements

K21 = filing(4, "10-K", "2022-02-20")
Q4_21 = ("2021-12-31", "quarter")
FY_21 = ("2021-12-31", "annual")


def _quarter(facts: list[Fact], whole: Fact, part: Fact) -> Figure | None:
    """The figure to date of `whole` less that of `part`, from the facts that are known."""
    index = FactIndex(fold(facts), filed_of(facts))
    (series,) = index.series.values()
    spans = [(day_number(f[3]) if f[3] else None, day_number(f[4])) for f in (whole, part)]
    return subtracted(series, spans[:1], spans[1:], index.reports, lambda accession: accession)


def test_q4_is_the_year_less_nine_months_and_says_that_it_is_derived() -> None:
    told = statements(plain_year(2021))
    (row,) = [r for r in rows_of(told.income) if r["fiscal_period"] == "Q4"]
    assert row["revenue"] == 100.0
    assert "revenue" in row["derived"].split()
    assert (row["period_start"], row["report_date"]) == (day("2021-10-01"), day("2021-12-31"))
    assert row["accession_number"] == K21[0]
    assert row["known_from"] == day("2022-02-20")


def test_shares_and_values_per_share_are_never_subtracted() -> None:
    by = {"0930": filing(3, "10-Q", "2021-11-01"), "1231": K21}
    facts = plain_year(2021)
    for tag, unit in (
        ("EarningsPerShareDiluted", "USD/shares"),
        ("WeightedAverageNumberOfDilutedSharesOutstanding", "shares"),
    ):
        facts.append(fact(tag, "2021-01-01", "2021-09-30", 3.0, by["0930"], unit=unit))
        facts.append(fact(tag, "2021-01-01", "2021-12-31", 4.0, by["1231"], unit=unit))
    told = statements(facts)
    assert cells(told, "income", "eps_diluted")[FY_21] == 4.0
    assert cells(told, "income", "eps_diluted")[Q4_21] is None
    assert cells(told, "income", "shares_diluted")[Q4_21] is None


def test_two_durations_with_other_starts_are_not_subtracted() -> None:
    facts = [f for f in plain_year(2021) if f[4] != day("2021-09-30")]
    other = filing(9, "10-Q", "2021-11-01")
    facts += period("2020-10-01", "2021-06-30", 7.0, other) + period("2021-08-01", "2021-09-30", 70.0, other)
    assert cells(statements(facts), "income", "revenue").get(Q4_21) is None


def test_a_figure_of_one_tag_is_not_subtracted_from_another_tags() -> None:
    facts = [f for f in plain_year(2021) if f[1] != "Revenues" or f[4] != day("2021-12-31")]
    facts.append(fact("SalesRevenueNet", "2021-01-01", "2021-12-31", 400.0, K21))
    told = statements(facts)
    assert cells(told, "income", "revenue")[FY_21] == 400.0
    assert cells(told, "income", "revenue")[Q4_21] is None


def test_a_derived_quarter_is_known_only_once_its_last_operand_was_filed() -> None:
    # PaymentsToAcquireInvestments of Snowflake's fiscal 2022; the half-year came with the next year's 10-Q.
    tag = "PaymentsToAcquireInvestments"
    nine = fact(tag, "2021-02-01", "2021-10-31", 3_042_396_000, filing(1, "10-Q", "2021-12-03"))
    year = fact(tag, "2021-02-01", "2022-01-31", 4_250_338_000, filing(2, "10-K", "2022-03-30"))
    half = fact(tag, "2021-02-01", "2021-07-31", 1_988_633_000, filing(3, "10-Q", "2022-09-01"))
    assert _quarter([nine, year], nine, half) is None
    q3 = _quarter([nine, year, half], nine, half)
    q4 = _quarter([nine, year, half], year, nine)
    assert q3 is not None
    assert q4 is not None
    assert q3.value == 1_053_763_000
    assert day_of(last_filed(q3).filed) == day("2022-09-01")
    assert q4.value == 1_207_942_000


def test_a_quarter_of_a_line_appears_when_its_operand_is_filed() -> None:
    tag, half_by = "PaymentsToAcquirePropertyPlantAndEquipment", filing(8, "10-Q", "2022-08-01")
    facts = plain_year(2021)
    facts.append(fact(tag, "2021-01-01", "2021-09-30", 30.0, filing(3, "10-Q", "2021-11-01")))
    facts.append(fact(tag, "2021-01-01", "2021-06-30", 18.0, half_by))
    key = ("2021-09-30", "quarter")
    assert cells(statements(facts, "2022-07-31"), "cash_flow", "capital_expenditures")[key] is None
    told = statements(facts, "2022-08-01")
    assert cells(told, "cash_flow", "capital_expenditures")[key] == 12.0
    (row,) = [r for r in told.cash_flow if str(r["report_date"]) == "2021-09-30"]
    assert (row["known_from"], row["accession_number"]) == (day("2022-08-01"), half_by[0])


def test_a_restated_year_is_not_mixed_with_nine_months_as_first_reported() -> None:
    # Nine months were restated by next year's 10-Q; the year not yet: the old pair holds.
    facts = plain_year(2021)
    q3_22, k22 = filing(7, "10-Q", "2022-11-01"), filing(8, "10-K", "2023-02-20")
    facts += period("2021-01-01", "2021-09-30", 330.0, q3_22) + period(
        "2022-01-01", "2022-09-30", 500.0, q3_22
    )
    facts += period("2021-01-01", "2021-12-31", 440.0, k22) + period("2022-01-01", "2022-12-31", 700.0, k22)
    assert cells(statements(facts, "2022-12-31"), "income", "revenue")[Q4_21] == 100.0
    assert cells(statements(facts), "income", "revenue")[Q4_21] == 110.0


def test_a_last_quarter_as_reported_gives_way_to_a_later_restatement() -> None:
    facts = [*plain_year(2021), fact("Revenues", "2021-10-01", "2021-12-31", 101.0, K21)]
    assert cells(statements(facts), "income", "revenue")[Q4_21] == 101.0
    amended = filing(9, "10-K/A", "2022-06-01")
    facts.append(fact("Revenues", "2021-01-01", "2021-12-31", 450.0, amended))
    assert cells(statements(facts), "income", "revenue")[Q4_21] == 150.0


def test_a_stale_tag_does_not_shadow_a_fresh_one() -> None:
    facts = plain_year(2020)
    for f in plain_year(2021):
        fresh = "RevenueFromContractWithCustomerExcludingAssessedTax"
        facts.append((f[0], fresh, *f[2:]) if f[1] == "Revenues" else f)
    told = cells(statements(facts), "income", "revenue")
    assert told["2020-12-31", "annual"] == told[FY_21] == 400.0


def test_the_consolidated_figure_beats_a_slice() -> None:
    facts = [f for f in plain_year(2021) if f[1] != "Revenues"]
    facts.append(
        fact("RevenueFromContractWithCustomerExcludingAssessedTax", "2021-01-01", "2021-12-31", 2.4, K21)
    )
    facts.append(fact("SalesRevenueNet", "2021-01-01", "2021-12-31", 77.1, K21))
    assert cells(statements(facts), "income", "revenue")[FY_21] == 77.1


def test_a_proxy_in_another_scale_is_not_asked() -> None:
    proxy = filing(9, "DEF 14A", "2022-04-01")
    facts = [*plain_year(2021), fact("NetIncomeLoss", "2021-01-01", "2021-12-31", 0.4, proxy)]
    assert cells(statements(facts), "income", "net_income")[FY_21] == 400.0


def test_a_current_report_speaks_only_where_no_periodic_one_does() -> None:
    recast = filing(9, "8-K", "2022-06-01")
    facts = [
        *plain_year(2021),
        fact("NetIncomeLoss", "2021-01-01", "2021-12-31", 390.0, recast),
        fact("OperatingIncomeLoss", "2021-01-01", "2021-12-31", 500.0, recast),
    ]
    told = statements(facts)
    assert cells(told, "income", "net_income")[FY_21] == 400.0
    assert cells(told, "income", "operating_income")[FY_21] == 500.0


def test_an_amendment_overrides_only_the_cells_it_contains() -> None:
    amended = filing(9, "10-K/A", "2022-06-01")
    facts = [*plain_year(2021), fact("NetIncomeLoss", "2021-01-01", "2021-12-31", 350.0, amended)]
    told = statements(facts)
    assert cells(told, "income", "net_income")[FY_21] == 350.0
    assert cells(told, "income", "revenue")[FY_21] == 400.0
    before = statements(facts, "2022-05-31")
    assert cells(before, "income", "net_income")[FY_21] == 400.0
    (row,) = [r for r in told.income if r["period_type"] == "annual"]
    assert (row["accession_number"], row["form"]) == (amended[0], "10-K/A")
    cell = told.explain("income", day("2021-12-31"), "annual", "revenue")
    assert cell is not None
    assert [o.accession for o in cell.operands] == [K21[0]]


def test_an_unchanged_repeat_does_not_move_a_row_to_a_later_filing() -> None:
    repeated = filing(8, "10-K", "2023-02-20")
    told = statements([*plain_year(2021), *period("2021-01-01", "2021-12-31", 400.0, repeated)])
    (row,) = [r for r in told.income if r["period_type"] == "annual"]
    assert (row["accession_number"], row["filed_date"]) == (K21[0], day("2022-02-20"))


def test_zero_and_losses_are_figures() -> None:
    facts = [f if f[1] != "NetIncomeLoss" else (*f[:5], -f[5], *f[6:]) for f in plain_year(2021)]
    facts.append(fact("InterestExpense", "2021-01-01", "2021-12-31", 0.0, K21))
    told = statements(facts)
    assert cells(told, "income", "net_income")[FY_21] == -400.0
    assert cells(told, "income", "interest_expense")[FY_21] == 0.0
    assert cells(told, "income", "research_and_development")[FY_21] is None


def test_a_scale_slip_is_stored_as_filed() -> None:
    slip = filing(9, "10-K/A", "2022-06-01")
    facts = [*plain_year(2021), fact("NetIncomeLoss", "2021-01-01", "2021-12-31", 400_000.0, slip)]
    assert cells(statements(facts), "income", "net_income")[FY_21] == 400_000.0


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2018-01-01", "2021-12-31"),  # since inception
        ("2021-09-01", "2021-12-31"),  # four months
        ("2021-11-15", "2021-12-31"),  # six weeks
        ("2021-01-01", "2021-10-31"),  # ten months
    ],
)
def test_other_durations_are_set_aside(start: str, end: str) -> None:
    odd = period(start, end, 9_999.0, K21)
    assert statements([*plain_year(2021), *odd]).income == statements(plain_year(2021)).income


def test_twelve_months_to_another_day_are_not_a_fiscal_year() -> None:
    trailing = period("2020-07-01", "2021-06-30", 380.0, filing(2, "10-Q", "2021-08-01"))
    told = statements([*plain_year(2020), *plain_year(2021), *trailing])
    assert {k for k in cells(told, "income", "revenue") if k[1] == "annual"} == {
        ("2020-12-31", "annual"),
        FY_21,
    }


def test_a_stray_comparative_makes_no_row() -> None:
    stray = [
        fact("Revenues", "2019-01-01", "2019-12-31", 300.0, K21),
        fact("StockholdersEquity", None, "2019-12-31", 50.0, K21),
        fact("CashAndCashEquivalentsAtCarryingValue", None, "2019-12-31", 50.0, K21),
        fact("Assets", None, "2021-10-20", 77.0, K21),
        fact("Goodwill", None, "2021-10-20", 7.0, K21),
    ]
    told, plain = statements([*plain_year(2021), *stray]), statements(plain_year(2021))
    assert (told.income, told.balance) == (plain.income, plain.balance)


def test_days_that_slip_by_one_are_one_quarter() -> None:
    facts = plain_year(2021)
    q1_22 = filing(5, "10-Q", "2022-05-01")
    facts += period("2021-01-01", "2021-03-30", 100.0, q1_22)
    facts += [
        fact("Goodwill", None, "2021-03-30", 5.0, q1_22),
        fact("Assets", None, "2021-03-30", 1000.0, q1_22),
    ]
    told = statements(facts)
    for rows in (told.income, told.balance, told.cash_flow):
        assert [r["fiscal_period"] for r in rows if r["period_type"] == "quarter"].count("Q1") == 1


def test_a_year_of_weeks_that_ends_in_january_is_named_after_december() -> None:
    ends = [
        ("2019-12-29", "2021-01-02", 2020),
        ("2021-01-03", "2022-01-01", 2021),
        ("2022-01-02", "2022-12-31", 2022),
    ]
    facts = []
    for number, (start, end, _) in enumerate(ends):
        facts += period(start, end, 100.0, filing(number, "10-K", f"{end[:4]}-02-20"))
    told = statements(facts)
    assert [(str(r["report_date"]), r["fiscal_year"]) for r in rows_of(told.income)] == [
        (e, y) for _, e, y in ends
    ]


def test_a_changed_year_end_leaves_no_row_for_the_months_between() -> None:
    transition = filing(5, "10-KT", "2022-11-20")
    facts = plain_year(2021)
    facts += period("2022-01-01", "2022-09-30", 310.0, transition) + sheet("2022-09-30", 1010.0, transition)
    facts += period("2022-10-01", "2023-09-30", 420.0, filing(6, "10-K", "2023-11-20"))
    told = cells(statements(facts), "income", "revenue")
    assert {k for k in told if k[1] == "annual"} == {FY_21, ("2023-09-30", "annual")}
    assert told["2023-09-30", "annual"] == 420.0
    assert ("2022-09-30", "quarter") not in told


def test_a_convenience_currency_is_not_the_companys() -> None:
    facts = []
    for year in (2020, 2021):
        by = filing(year, "20-F", f"{year + 1}-04-15")
        for earlier in (year - 1, year):
            facts += period(f"{earlier}-01-01", f"{earlier}-12-31", 1000.0, by, unit="TWD")
            facts += sheet(f"{earlier}-12-31", 5000.0, by, unit="TWD")
        facts += period(f"{year}-01-01", f"{year}-12-31", 30.0, by) + sheet(f"{year}-12-31", 150.0, by)
    told = statements(facts)
    assert {r["currency"] for r in (*told.income, *told.balance, *told.cash_flow)} == {"TWD"}
    assert set(cells(told, "income", "revenue").values()) == {1000.0}
    assert {k[1] for k in cells(told, "balance", "total_assets")} == {"annual"}


def test_a_filing_that_moves_to_ifrs_leaves_no_hole() -> None:
    facts = []
    for year in range(2018, 2024):
        by = filing(year, "40-F", f"{year + 1}-03-25")
        if year < 2021:
            facts += period(f"{year}-01-01", f"{year}-12-31", float(year), by)
            continue
        for tag in (
            "Revenue",
            "ProfitLossAttributableToOwnersOfParent",
            "CashFlowsFromUsedInOperatingActivities",
        ):
            facts.append(fact(tag, f"{year}-01-01", f"{year}-12-31", float(year), by, taxonomy="ifrs-full"))
        facts.append(
            fact("ProfitLossBeforeTax", f"{year}-01-01", f"{year}-12-31", 1.0, by, taxonomy="ifrs-full")
        )
    told = cells(statements(facts), "income", "revenue")
    assert told == {
        (f"{year}-12-31", p): float(year) for year in range(2018, 2024) for p in ("annual", "ttm")
    }


def test_debt_sums_disjoint_parts_only() -> None:
    debt = {
        "ShortTermBorrowings": 10.0,
        "CommercialPaper": 8.0,  # within short-term borrowings
        "LongTermDebtCurrent": 5.0,
        "LongTermDebt": 105.0,  # the current part and the rest
        "LongTermDebtNoncurrent": 100.0,
    }
    by_quarter = filing(3, "10-Q", "2021-11-01")
    facts = plain_year(2021)
    for tag, value in debt.items():
        facts += [fact(tag, None, "2021-12-31", value, K21), fact(tag, None, "2021-09-30", value, by_quarter)]
    told = statements(facts)
    assert cells(told, "balance", "short_term_debt")[FY_21] == 15.0
    assert cells(told, "balance", "total_debt")[FY_21] == 115.0
    fewer = [f for f in facts if f[1] != "LongTermDebtNoncurrent"]
    assert cells(statements(fewer), "balance", "long_term_debt")[FY_21] == 100.0


def test_liabilities_that_are_not_reported_leave_out_all_equity() -> None:
    facts = [f for f in plain_year(2021) if f[1] != "Liabilities"]
    facts.append(fact("MinorityInterest", None, "2021-12-31", 3.0, K21))
    facts.append(fact("TemporaryEquityCarryingAmountAttributableToParent", None, "2021-12-31", 7.0, K21))
    told = cells(statements(facts), "balance", "total_liabilities")
    assert told[FY_21] == 1003.0 * 0.75 - 10.0


def test_a_restated_equity_is_not_taken_from_assets_as_first_reported() -> None:
    """An amendment may tell some cells alone, and overrides those."""
    facts = [f for f in plain_year(2021) if f[1] != "Liabilities"]
    facts.append(fact("StockholdersEquity", None, "2021-12-31", 400.75, filing(9, "10-K/A", "2022-03-20")))
    told = statements(facts)
    assert cells(told, "balance", "total_equity")[FY_21] == 400.75
    assert cells(told, "balance", "total_liabilities")[FY_21] == 1003.0 * 0.75


def test_a_note_to_the_annual_report_is_not_the_balance_sheet() -> None:
    facts = [*plain_year(2021), fact("LongTermDebtNoncurrent", None, "2021-12-31", 3.0, K21)]
    assert cells(statements(facts), "balance", "total_debt")[FY_21] is None


def test_gross_profit_and_cost_complete_each_other() -> None:
    cost = [*plain_year(2021), fact("CostOfRevenue", "2021-01-01", "2021-12-31", 240.0, K21)]
    gross = [*plain_year(2021), fact("GrossProfit", "2021-01-01", "2021-12-31", 160.0, K21)]
    assert cells(statements(cost), "income", "gross_profit")[FY_21] == 160.0
    assert cells(statements(gross), "income", "cost_of_revenue")[FY_21] == 240.0
    assert cells(statements(plain_year(2021)), "income", "gross_profit")[FY_21] is None


def test_the_covers_share_count_stands_in_for_the_balance_sheets() -> None:
    cover = fact(
        "EntityCommonStockSharesOutstanding", None, "2022-02-10", 55.0, K21, unit="shares", taxonomy="dei"
    )
    facts = [*plain_year(2021), cover]
    assert cells(statements(facts), "balance", "shares_outstanding")[FY_21] == 55.0
    facts.append(fact("CommonStockSharesOutstanding", None, "2021-12-31", 54.0, K21, unit="shares"))
    assert cells(statements(facts), "balance", "shares_outstanding")[FY_21] == 54.0


def test_the_cover_names_the_fiscal_year() -> None:
    facts = []
    for year in (2021, 2022, 2023):
        by = filing(year, "10-K", f"{year}-03-20")
        facts += period(f"{year - 1}-02-01", f"{year}-01-31", 400.0, by)
        called = year - 1 if year != 2022 else 2022  # one cover is wrong
        facts.append(
            fact("DocumentFiscalYearFocus", None, f"{year}-01-31", called, by, unit="gYear", taxonomy="dei")
        )
    assert [r["fiscal_year"] for r in rows_of(statements(facts).income)] == [2020, 2021, 2022]


def test_the_first_filing_alone_gives_its_quarters_and_the_last_year_end() -> None:
    by = filing(2, "10-Q", "2021-08-01")
    facts = period("2021-04-01", "2021-06-30", 50.0, by) + period("2021-01-01", "2021-06-30", 90.0, by)
    facts += period("2020-04-01", "2020-06-30", 40.0, by) + period("2020-01-01", "2020-06-30", 80.0, by)
    facts += sheet("2021-06-30", 1000.0, by) + sheet("2020-12-31", 900.0, by)
    told = statements(facts)
    assert cells(told, "income", "revenue") == {
        ("2020-06-30", "quarter"): 40.0,
        ("2021-06-30", "quarter"): 50.0,
    }
    assert cells(told, "balance", "total_assets") == {
        ("2020-12-31", "annual"): 900.0,
        ("2020-12-31", "quarter"): 900.0,
        ("2021-06-30", "quarter"): 1000.0,
    }
    assert [r["fiscal_period"] for r in rows_of(told.income)] == ["Q2", "Q2"]


def test_the_longer_and_the_shorter_start_on_the_same_day() -> None:
    year = fact("Revenues", "2021-01-01", "2021-12-31", 400.0, K21)
    nine = fact("Revenues", "2021-01-03", "2021-09-30", 300.0, filing(3, "10-Q", "2021-11-01"))
    assert _quarter([year, nine], year, nine) is None


def test_what_only_a_proxy_says_is_unknown() -> None:
    proxy = filing(9, "DEF 14A", "2022-04-01")
    facts = [*plain_year(2021), fact("OperatingIncomeLoss", "2021-01-01", "2021-12-31", 0.4, proxy)]
    assert cells(statements(facts), "income", "operating_income")[FY_21] is None


def test_each_year_is_in_the_currency_it_was_reported_in() -> None:
    facts = []
    for year in range(2018, 2022):
        by = filing(year, "40-F", f"{year + 1}-03-25")
        facts += period(f"{year}-01-01", f"{year}-12-31", 10.0, by, unit="CAD" if year < 2020 else "USD")
    told = statements(facts)
    assert [r["currency"] for r in rows_of(told.income)] == ["CAD", "CAD", "USD", "USD"]
    assert set(cells(told, "income", "revenue").values()) == {10.0}


def test_twelve_months_of_an_interim_report_are_never_a_year() -> None:
    by = filing(2, "10-Q", "2021-08-01")
    facts = period("2021-04-01", "2021-06-30", 50.0, by) + period("2021-01-01", "2021-06-30", 90.0, by)
    facts += period("2020-07-01", "2021-06-30", 190.0, by)
    assert {k[1] for k in cells(statements(facts), "income", "revenue")} == {"quarter"}


@pytest.mark.parametrize(
    "tags",
    [
        ["Revenues", "NetIncomeLoss"],  # two lines of quarterly data
        ["ShareBasedCompensation", "Depreciation", "PaymentsOfDividends"],  # notes, no section of cash flows
    ],
)
def test_a_quarter_with_stray_lines_makes_no_row(tags: list[str]) -> None:
    stray = [fact(tag, "2020-10-01", "2020-12-31", 5.0, K21) for tag in tags]
    told, plain = statements([*plain_year(2021), *stray]), statements(plain_year(2021))
    assert (told.income, told.cash_flow) == (plain.income, plain.cash_flow)
