"""Figures read from the recorded filings by eye, each with the filing and the tag it stands under."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import pytest

from tests.formats.xbrl.conftest import Recorded

pytestmark = pytest.mark.shared


class Known(NamedTuple):
    """A cell and the accession of each operand, the longer one first."""

    company: str
    statement: str
    period_type: str
    end: str
    column: str
    value: float
    accessions: tuple[str, ...]


M = 1_000_000

FIGURES = [
    # RevenueFromContractWithCustomerExcludingAssessedTax
    Known("MSFT", "income", "quarter", "2021-03-31", "revenue", 41_706 * M, ("0001564590-21-020891",)),
    Known("MSFT", "income", "annual", "2020-06-30", "revenue", 143_015 * M, ("0001564590-20-034944",)),
    # the same; the annual report gives its last quarter, 143,015 - 104,982
    Known("MSFT", "income", "quarter", "2020-06-30", "revenue", 38_033 * M, ("0001564590-20-034944",)),
    # NetIncomeLoss
    Known("MSFT", "income", "quarter", "2020-12-31", "net_income", 15_463 * M, ("0001564590-21-002316",)),
    Known("MSFT", "income", "annual", "2015-06-30", "net_income", 12_193 * M, ("0001193125-15-272806",)),
    # GrossProfit
    Known("MSFT", "income", "quarter", "2020-09-30", "gross_profit", 26_152 * M, ("0001564590-20-047996",)),
    # NetCashProvidedByUsedInOperatingActivities, of the quarter alone: 54,030 - 31,851
    Known(
        "MSFT",
        "cash_flow",
        "quarter",
        "2021-03-31",
        "operating_cash_flow",
        22_179 * M,
        ("0001564590-21-020891",),
    ),
    # PaymentsToAcquirePropertyPlantAndEquipment
    Known(
        "MSFT",
        "cash_flow",
        "annual",
        "2020-06-30",
        "capital_expenditures",
        15_441 * M,
        ("0001564590-20-034944",),
    ),
    # Assets, StockholdersEquity, CashAndCashEquivalentsAtCarryingValue
    Known("MSFT", "balance", "annual", "2020-06-30", "total_assets", 301_311 * M, ("0001564590-20-034944",)),
    Known("MSFT", "balance", "quarter", "2021-03-31", "total_equity", 134_505 * M, ("0001564590-21-020891",)),
    Known(
        "MSFT",
        "balance",
        "quarter",
        "2019-06-30",
        "cash_and_equivalents",
        11_356 * M,
        ("0001564590-19-027952",),
    ),
    # Revenues
    Known("NVDA", "income", "annual", "2025-01-26", "revenue", 130_497 * M, ("0001045810-25-000023",)),
    Known("NVDA", "income", "quarter", "2026-04-26", "revenue", 81_615 * M, ("0001045810-26-000052",)),
    Known("NVDA", "income", "quarter", "2016-10-30", "revenue", 2_004 * M, ("0001045810-16-000353",)),
    # Revenues: 215,938 - 147,811
    Known(
        "NVDA",
        "income",
        "quarter",
        "2026-01-25",
        "revenue",
        68_127 * M,
        ("0001045810-26-000021", "0001045810-25-000230"),
    ),
    # NetIncomeLoss: 120,067 - 77,107; a proxy repeats the year and is not asked
    Known(
        "NVDA",
        "income",
        "quarter",
        "2026-01-25",
        "net_income",
        42_960 * M,
        ("0001045810-26-000021", "0001045810-25-000230"),
    ),
    # Assets
    Known("NVDA", "balance", "quarter", "2026-04-26", "total_assets", 259_474 * M, ("0001045810-26-000052",)),
    Known(
        "NVDA", "balance", "annual", "2009-01-25", "total_assets", 3_350_727_000, ("0001045810-09-000024",)
    ),
    # InventoryNet
    Known("NVDA", "balance", "annual", "2025-01-26", "inventory", 10_080 * M, ("0001045810-25-000023",)),
    # NetCashProvidedByUsedInOperatingActivities; then 42,779 - 27,414
    Known(
        "NVDA",
        "cash_flow",
        "annual",
        "2025-01-26",
        "operating_cash_flow",
        64_089 * M,
        ("0001045810-25-000023",),
    ),
    Known(
        "NVDA",
        "cash_flow",
        "quarter",
        "2025-07-27",
        "operating_cash_flow",
        15_365 * M,
        ("0001045810-25-000209", "0001045810-25-000116"),
    ),
    # PaymentsForRepurchaseOfCommonStock
    Known(
        "NVDA",
        "cash_flow",
        "annual",
        "2025-01-26",
        "share_repurchases",
        33_706 * M,
        ("0001045810-25-000023",),
    ),
    # Revenues; then 402,836 - 90,234 - 96,428 - 102,346, which are nine months of 289,007 but for rounding
    Known("GOOGL", "income", "annual", "2025-12-31", "revenue", 402_836 * M, ("0001652044-26-000018",)),
    Known(
        "GOOGL",
        "income",
        "quarter",
        "2025-12-31",
        "revenue",
        113_828 * M,
        ("0001652044-26-000018", "0001652044-26-000048", "0001652044-25-000062", "0001652044-25-000091"),
    ),
    # NetIncomeLoss
    Known("GOOGL", "income", "quarter", "2026-03-31", "net_income", 62_578 * M, ("0001652044-26-000048",)),
    Known("GOOGL", "income", "annual", "2024-12-31", "net_income", 100_118 * M, ("0001652044-25-000014",)),
    # OperatingIncomeLoss, EarningsPerShareDiluted
    Known(
        "GOOGL", "income", "quarter", "2025-06-30", "operating_income", 31_271 * M, ("0001652044-25-000062",)
    ),
    Known("GOOGL", "income", "annual", "2024-12-31", "eps_diluted", 8.04, ("0001652044-25-000014",)),
    # NetCashProvidedByUsedInOperatingActivities: 63,897 - 36,150
    Known(
        "GOOGL",
        "cash_flow",
        "quarter",
        "2025-06-30",
        "operating_cash_flow",
        27_747 * M,
        ("0001652044-25-000062", "0001652044-25-000043"),
    ),
    # PaymentsToAcquirePropertyPlantAndEquipment: 91,447 - 63,596
    Known(
        "GOOGL",
        "cash_flow",
        "quarter",
        "2025-12-31",
        "capital_expenditures",
        27_851 * M,
        ("0001652044-26-000018", "0001652044-25-000091"),
    ),
    # Assets: the second was 130,426 in the first 10-Q, restated by the 10-K
    Known("GOOGL", "balance", "annual", "2025-12-31", "total_assets", 595_281 * M, ("0001652044-26-000018",)),
    Known("GOOGL", "balance", "annual", "2014-12-31", "total_assets", 129_187 * M, ("0001652044-16-000012",)),
    # StockholdersEquity
    Known(
        "GOOGL", "balance", "quarter", "2026-03-31", "total_equity", 478_746 * M, ("0001652044-26-000048",)
    ),
    # Revenues; then 181,502 - 134,962
    Known("XOM", "income", "annual", "2020-12-31", "revenue", 181_502 * M, ("0000034088-21-000012",)),
    Known(
        "XOM",
        "income",
        "quarter",
        "2020-12-31",
        "revenue",
        46_540 * M,
        ("0000034088-21-000012", "0000034088-20-000090"),
    ),
    Known("XOM", "income", "quarter", "2021-03-31", "revenue", 59_147 * M, ("0000034088-21-000024",)),
    # NetIncomeLoss: a loss; then -22,440 + 2,370
    Known("XOM", "income", "annual", "2020-12-31", "net_income", -22_440 * M, ("0000034088-21-000012",)),
    Known(
        "XOM",
        "income",
        "quarter",
        "2020-12-31",
        "net_income",
        -20_070 * M,
        ("0000034088-21-000012", "0000034088-20-000090"),
    ),
    Known("XOM", "income", "annual", "2014-12-31", "net_income", 32_520 * M, ("0000034088-15-000013",)),
    # LongTermDebtAndCapitalLeaseObligations + DebtCurrent: 47,182 + 20,458
    Known(
        "XOM",
        "balance",
        "annual",
        "2020-12-31",
        "total_debt",
        67_640 * M,
        ("0000034088-21-000012", "0000034088-21-000012"),
    ),
    # Assets, StockholdersEquity
    Known("XOM", "balance", "annual", "2019-12-31", "total_assets", 362_597 * M, ("0000034088-20-000016",)),
    Known("XOM", "balance", "quarter", "2021-03-31", "total_equity", 156_974 * M, ("0000034088-21-000024",)),
    # NetCashProvidedByUsedInOperatingActivities; then 6,274 - 6,274: zero is a figure
    Known(
        "XOM",
        "cash_flow",
        "annual",
        "2019-12-31",
        "operating_cash_flow",
        29_716 * M,
        ("0000034088-20-000016",),
    ),
    Known(
        "XOM",
        "cash_flow",
        "quarter",
        "2020-06-30",
        "operating_cash_flow",
        0,
        ("0000034088-20-000073", "0000034088-20-000037"),
    ),
    # Revenues; the annual report gives its last quarter, 127,144 - 91,192
    Known("F", "income", "annual", "2020-12-31", "revenue", 127_144 * M, ("0000037996-21-000012",)),
    Known("F", "income", "quarter", "2020-12-31", "revenue", 35_952 * M, ("0000037996-21-000012",)),
    Known("F", "income", "quarter", "2021-03-31", "revenue", 36_228 * M, ("0000037996-21-000026",)),
    # NetIncomeLoss: an 8-K said 3,724; a periodic report wins
    Known("F", "income", "annual", "2009-12-31", "net_income", 2_717 * M, ("0001157523-10-001218",)),
    # ProfitLoss - NetIncomeLossAttributableToNoncontrollingInterest: -1,276 - 3
    Known(
        "F",
        "income",
        "annual",
        "2020-12-31",
        "net_income",
        -1_279 * M,
        ("0000037996-21-000012", "0000037996-21-000012"),
    ),
    # Assets, Liabilities, StockholdersEquity, InventoryNet
    Known("F", "balance", "annual", "2020-12-31", "total_assets", 267_261 * M, ("0000037996-21-000012",)),
    Known(
        "F", "balance", "quarter", "2021-03-31", "total_liabilities", 226_845 * M, ("0000037996-21-000026",)
    ),
    Known("F", "balance", "quarter", "2020-12-31", "total_equity", 30_690 * M, ("0000037996-21-000012",)),
    Known("F", "balance", "annual", "2020-12-31", "inventory", 10_808 * M, ("0000037996-21-000012",)),
    # NetCashProvidedByUsedInOperatingActivities: 8,642 + 473
    Known(
        "F",
        "cash_flow",
        "quarter",
        "2020-06-30",
        "operating_cash_flow",
        9_115 * M,
        ("0000037996-20-000057", "0000037996-20-000041"),
    ),
    # PaymentsToAcquireProductiveAssets: 5,742 - 4,211
    Known(
        "F",
        "cash_flow",
        "quarter",
        "2020-12-31",
        "capital_expenditures",
        1_531 * M,
        ("0000037996-21-000012", "0000037996-20-000071"),
    ),
    # Revenue, in TWD; the same filings say 70,598.8 and 88,268.0 million USD for convenience
    Known("TSM", "income", "annual", "2023-12-31", "revenue", 2_161_735_800_000, ("0001193125-24-099840",)),
    Known("TSM", "income", "annual", "2024-12-31", "revenue", 2_894_307_700_000, ("0001193125-25-083423",)),
    # ProfitLossAttributableToOwnersOfParent, GrossProfit, DilutedEarningsLossPerShare
    Known(
        "TSM", "income", "annual", "2024-12-31", "net_income", 1_158_380_200_000, ("0001193125-25-083423",)
    ),
    Known(
        "TSM", "income", "annual", "2022-12-31", "gross_profit", 1_348_354_800_000, ("0001193125-23-107214",)
    ),
    Known("TSM", "income", "annual", "2024-12-31", "eps_diluted", 44.67, ("0001193125-25-083423",)),
    # Assets, EquityAttributableToOwnersOfParent, CashAndCashEquivalents
    Known(
        "TSM", "balance", "annual", "2024-12-31", "total_assets", 6_691_764_700_000, ("0001193125-25-083423",)
    ),
    Known(
        "TSM", "balance", "annual", "2023-12-31", "total_equity", 3_429_522_400_000, ("0001193125-24-099840",)
    ),
    Known(
        "TSM",
        "balance",
        "annual",
        "2022-12-31",
        "cash_and_equivalents",
        1_342_814_100_000,
        ("0001193125-23-107214",),
    ),
    # NoncurrentPortionOfNoncurrentBondsIssued + ShorttermBorrowings + CurrentPortionOfLongtermBorrowings:
    # 56,900.0 + 88,754.7 + 34,900.0
    Known(
        "TSM",
        "balance",
        "annual",
        "2018-12-31",
        "total_debt",
        180_554_700_000,
        ("0001193125-19-108390", "0001193125-19-108390", "0001193125-19-108390"),
    ),
    # CashFlowsFromUsedInOperatingActivities,
    # PurchaseOfPropertyPlantAndEquipmentClassifiedAsInvestingActivities
    Known(
        "TSM",
        "cash_flow",
        "annual",
        "2024-12-31",
        "operating_cash_flow",
        1_826_177_100_000,
        ("0001193125-25-083423",),
    ),
    Known(
        "TSM",
        "cash_flow",
        "annual",
        "2021-12-31",
        "capital_expenditures",
        839_195_700_000,
        ("0001193125-22-104891",),
    ),
]

APPLE = [
    ("income", "quarter", "2024-06-29", "revenue", 85_777 * M),
    ("income", "quarter", "2024-06-29", "gross_profit", 39_678 * M),
    ("income", "quarter", "2024-06-29", "operating_income", 25_352 * M),
    ("income", "quarter", "2024-06-29", "net_income", 21_448 * M),
    ("income", "quarter", "2024-06-29", "shares_diluted", 15_348_175_000),
    ("balance", "quarter", "2024-06-29", "total_assets", 331_612 * M),
    ("balance", "quarter", "2024-06-29", "total_liabilities", 264_904 * M),
    ("balance", "quarter", "2024-06-29", "total_equity", 66_708 * M),
    ("balance", "quarter", "2024-06-29", "cash_and_equivalents", 25_565 * M),
    ("cash_flow", "quarter", "2024-06-29", "operating_cash_flow", 28_858 * M),
    ("cash_flow", "quarter", "2024-06-29", "capital_expenditures", 2_151 * M),
    ("income", "annual", "2025-09-27", "revenue", 416_161 * M),
    ("income", "annual", "2025-09-27", "net_income", 112_010 * M),
]


def _row(recorded: Recorded, company: str, statement: str, end: str, period_type: str) -> dict[str, object]:
    rows = getattr(recorded.statements(company), statement)
    (row,) = [r for r in rows if (str(r["report_date"]), r["period_type"]) == (end, period_type)]
    assert isinstance(row, dict)
    return row


@pytest.mark.parametrize("known", FIGURES, ids=lambda k: f"{k.company}-{k.end}-{k.period_type}-{k.column}")
def test_a_figure_is_as_filed_and_names_its_filings(known: Known, recorded: Recorded) -> None:
    row = _row(recorded, known.company, known.statement, known.end, known.period_type)
    assert row[known.column] == known.value
    cell = recorded.statements(known.company).explain(
        known.statement, date.fromisoformat(known.end), known.period_type, known.column
    )
    assert cell is not None
    assert cell.value == known.value
    assert tuple(o.accession for o in cell.operands) == known.accessions
    assert (known.column in str(row["derived"]).split()) == (len(known.accessions) > 1)


@pytest.mark.parametrize(("statement", "period_type", "end", "column", "value"), APPLE)
def test_apple_is_right_to_the_dollar(
    statement: str, period_type: str, end: str, column: str, value: float, recorded: Recorded
) -> None:
    assert _row(recorded, "AAPL", statement, end, period_type)[column] == value


@pytest.mark.parametrize("company", ["MSFT", "NVDA", "GOOGL", "XOM", "F", "TSM"])
def test_each_company_has_ten_figures(company: str) -> None:
    assert len([k for k in FIGURES if k.company == company]) >= 10


@pytest.mark.parametrize(
    ("company", "end", "named"),
    [
        ("NVDA", "2025-01-26", 2025),
        ("HD", "2021-01-31", 2020),
        ("AAPL", "2024-09-28", 2024),
        ("TSM", "2024-12-31", 2024),
    ],
)
def test_a_fiscal_year_is_called_as_the_company_calls_it(
    company: str, end: str, named: int, recorded: Recorded
) -> None:
    assert _row(recorded, company, "income", end, "annual")["fiscal_year"] == named


def test_nvidias_cover_years_that_are_wrong_by_one_do_not_count(recorded: Recorded) -> None:
    annual = [r for r in recorded.statements("NVDA").income if r["period_type"] == "annual"]
    assert [r["fiscal_year"] for r in annual] == list(range(2008, 2027))


def test_taiwan_semiconductor_is_in_its_own_currency_and_annual(recorded: Recorded) -> None:
    told = recorded.statements("TSM")
    rows = [*told.income, *told.balance, *told.cash_flow]
    assert {r["currency"] for r in rows} == {"TWD"}
    assert {r["period_type"] for r in rows} == {"annual", "ttm"}


def test_agnico_moves_from_us_gaap_to_ifrs_without_a_hole(recorded: Recorded) -> None:
    told = recorded.statements("AEM")
    annual = {r["fiscal_year"]: r for r in told.income if r["period_type"] == "annual"}
    # No filing about 2014 or 2015 is in the body; the first 40-F in IFRS compares with 2016.
    assert sorted(annual) == [*range(2007, 2014), *range(2016, 2024)]
    spoken = {
        year: told.explain("income", r["report_date"], "annual", "net_income") for year, r in annual.items()
    }
    assert {c.operands[0].taxonomy for y, c in spoken.items() if c and y < 2014} == {"us-gaap"}
    assert {c.operands[0].taxonomy for y, c in spoken.items() if c and y > 2015} == {"ifrs-full"}
    assert all(r["revenue"] and r["currency"] == "USD" for r in annual.values())


def test_a_transition_period_is_neither_a_quarter_nor_a_year(recorded: Recorded) -> None:
    told = recorded.statements("SPIRE")
    annual = [str(r["report_date"]) for r in told.income if r["period_type"] == "annual"]
    assert annual == ["2012-12-31", "2013-12-31"]
    assert all(
        (r["report_date"] - r["period_start"]).days < 120
        for r in told.income
        if r["period_type"] == "quarter"
    )


def test_fords_note_on_a_part_of_its_debt_is_not_its_debt(recorded: Recorded) -> None:
    annual = [r for r in recorded.statements("F").balance if r["period_type"] == "annual"]
    assert {r["total_debt"] for r in annual} == {None}


def test_a_company_without_facts_has_no_rows(recorded: Recorded) -> None:
    facts, told = recorded.facts("NONE"), recorded.statements("NONE")
    assert (facts.cik, facts.facts, facts.filings) == (2110, [], {})
    assert not (told.income)
    assert not (told.balance)
    assert not (told.cash_flow)
