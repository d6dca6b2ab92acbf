"""The catalogue: what a line says of itself, that no tag speaks for two, and how a company reports."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from evertape.datasets.statements import STATEMENTS
from evertape.formats.xbrl.concepts import COLUMNS, LINES, TAGS, Industry, industry_of
from evertape.model.records import table_of
from tests.formats.xbrl.conftest import Recorded

NAMES = {line.name for line in LINES}
SHARED_TAGS = {"EarningsPerShareBasicAndDiluted", "WeightedAverageNumberOfShareOutstandingBasicAndDiluted"}
"""Tags for basic and diluted at once."""
RELIED_ON = {
    "income": "operating_expenses minority_income profit_with_minority dividends_per_share interest_income "
    "net_interest_income premiums_earned revenue operating_income net_income eps_diluted",
    "balance": "minority_interest temporary_equity equity_with_minority liabilities_and_equity "
    "cash_and_restricted_cash accounts_payable deferred_revenue intangible_assets current_assets "
    "current_liabilities",
    "cash_flow": "exchange_effect net_cash_flow net_cash_flow_discontinued share_issuance debt_issued "
    "debt_repaid acquisitions change_in_receivables change_in_inventory change_in_payables "
    "income_taxes_paid interest_paid",
}


def test_a_tag_stands_at_one_line_only() -> None:
    told = Counter((tag.taxonomy, tag.name) for line in LINES for tag in line.tags)
    assert {name for (_, name), times in told.items() if times > 1} == SHARED_TAGS
    assert told.keys() == {(taxonomy, tag) for taxonomy, tags in TAGS.items() for tag in tags} - {
        ("dei", "DocumentFiscalYearFocus")
    }


def test_line_names_are_unique_and_formulas_name_lines() -> None:
    assert len(NAMES) == len(LINES)
    for line in LINES:
        assert line.tags or line.formulas, line.name
        for formula in line.formulas:
            assert formula
            assert {name for _, name, _ in formula} <= NAMES - {line.name}, line.name


def test_a_formula_adds_values_of_one_kind() -> None:
    kinds = {line.name: {"cover": "shares"}.get(line.kind, line.kind) for line in LINES}
    for line in LINES:
        for formula in line.formulas:
            assert {kinds[name] for _, name, _ in formula} == {kinds[line.name]}, line.name
            assert kinds[line.name] in ("flow", "instant") or len(formula) == 1


def test_every_line_says_what_it_is_and_where_it_exists() -> None:
    for line in LINES:
        assert line.doc
        assert line.doc == line.doc.strip()
        assert "|" not in line.doc
        assert line.industries
        assert set(line.industries) <= set(get_args(Industry))


@pytest.mark.parametrize("statement", COLUMNS)
def test_the_tables_have_the_catalogues_lines_as_columns(statement: str) -> None:
    table = table_of(STATEMENTS[statement])
    units = {"currency", "currency/shares", "shares"}
    lines = {line.name: line for line in LINES if line.statement == statement}
    columns = {column.name: column for column in table.columns if column.unit}
    assert tuple(columns) == COLUMNS[statement] == tuple(lines)
    assert table.names[-len(lines) :] == tuple(lines)
    for name, column in columns.items():
        assert (column.doc, column.unit, column.kind, column.nullable) == (
            lines[name].doc,
            lines[name].unit,
            "real",
            True,
        )
    assert {column.unit for column in columns.values()} <= units
    assert set(RELIED_ON[statement].split()) <= columns.keys()


@pytest.mark.parametrize(("statement", "least"), [("income", 40), ("balance", 45), ("cash_flow", 40)])
def test_the_statements_are_full(statement: str, least: int) -> None:
    assert len(COLUMNS[statement]) >= least


BANK = {"Deposits", "LoansAndLeasesReceivableNetReportedAmount"}
INSURER = {"PremiumsEarnedNet", "PolicyholderBenefitsAndClaimsIncurredNet"}
UTILITY = {"RegulatoryAssetsNoncurrent", "RegulatoryLiabilityNoncurrent"}
CLASSIFIED = {"AssetsCurrent", "LiabilitiesCurrent"}


@pytest.mark.parametrize(
    ("sic", "industry"),
    [
        (3674, "general"),
        ("3674", "general"),
        ("0100", "general"),
        (4911, "utility"),
        (4924, "utility"),
        (4941, "utility"),
        (4953, "general"),
        (4991, "utility"),
        (6021, "bank"),
        ("6035", "bank"),
        (6211, "bank"),
        (6282, "general"),
        (6311, "insurer"),
        (6324, "insurer"),
        (6399, "insurer"),
        (6411, "general"),
        (6500, "general"),
        (6512, "reit"),
        (6798, "reit"),
    ],
)
def test_the_sic_code_tells_the_industry_where_no_tag_speaks_against_it(
    sic: str | int, industry: str
) -> None:
    assert industry_of({"Assets", "NetIncomeLoss"}, sic) == industry


@pytest.mark.parametrize(
    ("tags", "sic", "industry"),
    [
        # One tag of the industry's bears its code out, whatever else is used.
        ({"Deposits", *CLASSIFIED}, 6021, "bank"),
        ({"PremiumsEarnedNet", *CLASSIFIED}, 6324, "insurer"),
        ({"RegulatoryAssetsNoncurrent", *BANK}, 4911, "utility"),
        ({"RealEstateInvestmentPropertyNet", *BANK}, 6512, "reit"),
        # An exchange has the code of brokers, and a balance sheet that no bank has.
        (CLASSIFIED, 6200, "general"),
        ({"CurrentAssets", "CurrentLiabilities"}, 6311, "general"),
        ({"AssetsCurrent"}, 6200, "bank"),
        # Power is made by companies that no regulator sets rates for.
        (CLASSIFIED, 4911, "utility"),
        # None of its own, and all of another.
        (INSURER, 6199, "insurer"),
        (BANK, 6311, "bank"),
        # A trust is one by law.
        (CLASSIFIED, 6798, "reit"),
        (BANK, 6798, "reit"),
        # A maker with a bank of its own, and a shell that became one.
        ({*BANK, *CLASSIFIED}, 3751, "general"),
        ({*INSURER, *CLASSIFIED}, 3600, "general"),
        (BANK, 6770, "bank"),
        (INSURER, 6282, "insurer"),
        # Its rates are regulated, whatever else it digs for.
        ({*UTILITY, *CLASSIFIED}, 1400, "utility"),
    ],
)
def test_tags_that_show_the_code_to_be_wrong_count_in_its_place(
    tags: set[str], sic: int, industry: str
) -> None:
    assert industry_of(tags, sic) == industry
    assert industry_of(tags, str(sic)) == industry


@pytest.mark.parametrize(
    ("tags", "industry"),
    [
        ({"Deposits", "LoansAndLeasesReceivableNetReportedAmount", "Assets"}, "bank"),
        ({"DepositsFromCustomers", "LoansAndAdvancesToCustomers"}, "bank"),
        ({"Deposits"}, "general"),
        ({"PremiumsEarnedNet", "PolicyholderBenefitsAndClaimsIncurredNet"}, "insurer"),
        ({"InsuranceRevenue", "InsuranceServiceExpensesFromInsuranceContractsIssued"}, "insurer"),
        ({"RealEstateInvestmentPropertyNet", "OperatingLeaseLeaseIncome"}, "reit"),
        ({"OperatingLeaseLeaseIncome"}, "general"),
        ({"RegulatoryAssetsNoncurrent", "RegulatoryLiabilityNoncurrent"}, "utility"),
        (set(), "general"),
    ],
)
@pytest.mark.parametrize("sic", [None, "", "n/a", "0000", "²", "60211"])
def test_without_a_code_the_tags_tell_it(tags: set[str], industry: str, sic: str | None) -> None:
    assert industry_of(tags, sic) == industry


SIC = {"LMND": 6331, "SPIRE": 4924, "F": 3711, "CSCO": 3576, "TSM": 3674}


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "industry"),
    [("LMND", "insurer"), ("SPIRE", "utility"), ("F", "general"), ("CSCO", "general"), ("TSM", "general")],
)
def test_a_recorded_company_reports_as_its_industry(name: str, industry: str, recorded: Recorded) -> None:
    tags = {fact[1] for fact in recorded.facts(name).facts}
    assert industry_of(tags) == industry
    assert industry_of(tags, SIC[name]) == industry
