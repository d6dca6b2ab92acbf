"""Standardized statements, computed from facts: a row a period, linked to its filing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter

from evertape.datasets.facts import FactSeries, facts_of
from evertape.datasets.filings import Filing
from evertape.errors import UserError
from evertape.formats import xbrl
from evertape.formats.xbrl.concepts import COLUMNS
from evertape.formats.xbrl.facts import accession_number, day_number
from evertape.formats.xbrl.statements import SHARED
from evertape.model.dataset import Dataset, Derived
from evertape.model.records import Batch, Record, Row, column, table_of

_FLOW = "currency"


class _Period(Record):
    """What every statement row says about its period and its filing."""

    table = ""
    key = ("cik", "report_date", "period_type")

    cik: int = column("SEC central index key")
    report_date: date = column("last day of the period")
    period_type: str = column('"quarter", "annual" or "ttm" (the twelve months to the end of a quarter)')
    fiscal_year: int | None = column("the year as the company counts it")
    fiscal_period: str | None = column("Q1, Q2, Q3, Q4 or FY")
    period_start: date | None = column("first day of the period; null on a balance sheet")
    filed_date: date = column("day of the filing the row is linked to")
    accession_number: str = column("the latest filing that supplied a value")
    form: str = column("that filing's form")
    known_from: date = column("day on which the last of the row's values was filed")
    currency: str = column("unit of the row's money values")
    derived: str | None = column("names of the columns that were computed, space between")


class IncomeStatement(_Period):
    """Income statements. Revenue and income are positive, losses negative; costs are positive."""

    table = "income_statements"

    revenue: float | None = column("net sales and other revenue", unit=_FLOW)
    cost_of_revenue: float | None = column("cost of goods and services sold", unit=_FLOW)
    gross_profit: float | None = column("revenue less cost of revenue", unit=_FLOW)
    research_and_development: float | None = column("research and development", unit=_FLOW)
    selling_general_administrative: float | None = column("selling, general and administrative", unit=_FLOW)
    operating_income: float | None = column("operating income or loss", unit=_FLOW)
    interest_expense: float | None = column("interest expense", unit=_FLOW)
    pretax_income: float | None = column("income before income tax", unit=_FLOW)
    income_tax: float | None = column("income tax expense; a benefit is negative", unit=_FLOW)
    net_income: float | None = column("net income of the parent's holders", unit=_FLOW)
    eps_basic: float | None = column("basic earnings a share, as filed", unit="currency/shares")
    eps_diluted: float | None = column("diluted earnings a share, as filed", unit="currency/shares")
    shares_basic: float | None = column("weighted average basic shares, as filed", unit="shares")
    shares_diluted: float | None = column("weighted average diluted shares, as filed", unit="shares")


class BalanceSheet(_Period):
    """Balance sheets at the end of fiscal quarters and years."""

    table = "balance_sheets"

    total_assets: float | None = column("total assets", unit=_FLOW)
    current_assets: float | None = column("current assets", unit=_FLOW)
    total_liabilities: float | None = column("total liabilities", unit=_FLOW)
    current_liabilities: float | None = column("current liabilities", unit=_FLOW)
    total_equity: float | None = column("equity of the parent's holders", unit=_FLOW)
    cash_and_equivalents: float | None = column("cash and cash equivalents", unit=_FLOW)
    short_term_investments: float | None = column("marketable securities, current", unit=_FLOW)
    receivables: float | None = column("receivables, net, current", unit=_FLOW)
    inventory: float | None = column("inventories, net", unit=_FLOW)
    property_plant_equipment: float | None = column("property, plant and equipment, net", unit=_FLOW)
    goodwill: float | None = column("goodwill", unit=_FLOW)
    short_term_debt: float | None = column("debt due within a year", unit=_FLOW)
    long_term_debt: float | None = column("debt due later", unit=_FLOW)
    total_debt: float | None = column("all debt, summed from disjoint parts only", unit=_FLOW)
    retained_earnings: float | None = column("retained earnings or accumulated deficit", unit=_FLOW)
    shares_outstanding: float | None = column("shares outstanding, as filed", unit="shares")


class CashFlowStatement(_Period):
    """Cash flow statements. Payments are positive, as in XBRL; the sections carry their sign."""

    table = "cash_flow_statements"

    operating_cash_flow: float | None = column("net cash from operations", unit=_FLOW)
    investing_cash_flow: float | None = column("net cash from investing", unit=_FLOW)
    financing_cash_flow: float | None = column("net cash from financing", unit=_FLOW)
    capital_expenditures: float | None = column("payments for property, plant and equipment", unit=_FLOW)
    depreciation_amortization: float | None = column("depreciation and amortization", unit=_FLOW)
    depreciation_expense: float | None = column("depreciation alone", unit=_FLOW)
    amortization_expense: float | None = column("amortization of intangibles alone", unit=_FLOW)
    dividends_paid: float | None = column("dividends paid", unit=_FLOW)
    share_repurchases: float | None = column("payments for own shares", unit=_FLOW)
    stock_compensation: float | None = column("share-based compensation", unit=_FLOW)
    net_cash_flow: float | None = column("change in cash, exchange effects included", unit=_FLOW)


RECORDS: tuple[type[Record], ...] = (IncomeStatement, BalanceSheet, CashFlowStatement)
STATEMENTS = {"income": IncomeStatement, "balance": BalanceSheet, "cash_flow": CashFlowStatement}
_SHARED = tuple(name for name in table_of(IncomeStatement).names if name in set(table_of(BalanceSheet).names))


def derive(batches: Sequence[Batch], _now: datetime) -> Sequence[Batch]:
    """Statements of the companies whose facts are in the batches."""
    rows: dict[type[Record], list[Row]] = {record: [] for record in RECORDS}
    filed = filed_of(row[1:4] for batch in batches if batch.record is Filing for row in batch.rows)
    for batch in batches:
        if batch.record is not FactSeries:
            continue
        if isinstance(batch.made_from, xbrl.CompanyFacts):
            _add(rows, xbrl.standardize(batch.made_from))
            continue
        for cik, group in groupby(batch.rows, key=itemgetter(0)):
            _add(rows, xbrl.standardize_series(facts_of(group), filed, cik))
    return [Batch(record=record, rows=rows[record]) for record in RECORDS]


def _add(rows: Mapping[type[Record], list[Row]], made: xbrl.Statements) -> None:
    for name, record in STATEMENTS.items():
        told = (*SHARED, *COLUMNS[name])
        order = itemgetter(*(told.index(column) for column in table_of(record).names))
        rows[record] += map(order, made.rows[name])


def filed_of(filings: Iterable[Row]) -> dict[int, tuple[int, str]]:
    """Day of filing and form by accession, of (accession, form, day) rows."""
    return {accession_number(accession): (day_number(day), form) for accession, form, day in filings}


def standardized(
    rows: Iterable[Row],
    filings: Iterable[Row],
    *,
    cik: int,
    as_of: date | None = None,
    reading: xbrl.Reading = "latest",
) -> xbrl.Statements:
    """The statements that a company's stored facts tell, as known on a day (None: now).

    Args:
        rows: of `FactSeries`. filings: (accession, form, day) of the company's filings.
    """
    return xbrl.standardize_series(facts_of(rows), filed_of(filings), cik, as_of=as_of, reading=reading)


def wanted(statement: str | None, period: str | None) -> tuple[str, ...]:
    """The period types that are meant: quarters and years where nothing is said.

    Raises:
        UserError: an unknown statement or period.
    """
    if statement is not None and statement not in STATEMENTS:
        raise UserError(f"{statement} is no statement; choose one of {', '.join(STATEMENTS)}")
    if period not in (None, "quarter", "annual", "ttm"):
        raise UserError(f"{period} is no period; choose quarter, annual or ttm")
    return (period,) if period else ("quarter", "annual")


def columns(statement: str | None) -> tuple[str, ...]:
    """A statement's columns as `query` gives them after the symbol; all three joined for None."""
    if statement is not None:
        return ("cik", *(name for name in table_of(STATEMENTS[statement]).names if name != "cik"))
    keys = ("cik", "report_date", "period_type")
    shared = [name for name in _SHARED if name not in (*keys, "derived")]
    own = [name for record in RECORDS for name in table_of(record).names if name not in _SHARED]
    return (*keys, *shared, *own, "derived")


def query(
    cik: int, label: str, *, statement: str | None, period: str | None
) -> tuple[str, tuple[object, ...]]:
    """SQL and parameters for a company's statements, the latest period first.

    Raises:
        UserError: an unknown statement or period.
    """
    periods = wanted(statement, period)
    marks = ", ".join("?" * len(periods))
    if statement is not None:
        name = table_of(STATEMENTS[statement]).name
        text = (
            f"SELECT ? AS symbol, {', '.join(columns(statement))} FROM {name} "  # noqa: S608
            f"WHERE cik = ? AND period_type IN ({marks}) ORDER BY report_date DESC, period_type"
        )
        return text, (label, cik, *periods)
    return _joined(marks), (label, cik, *periods, cik, cik, cik)


def _joined(marks: str) -> str:
    """All three statements on one line a period; the income statement's filing is the row's."""
    tables = [table_of(record) for record in RECORDS]
    alias = {table.name: letter for table, letter in zip(tables, "ibc", strict=True)}
    keys = ("report_date", "period_type")
    union = " UNION ".join(f"SELECT cik, report_date, period_type FROM {t.name}" for t in tables)  # noqa: S608
    shared = ", ".join(
        f"COALESCE({', '.join(f'{alias[t.name]}.{name}' for t in tables)}) AS {name}"
        for name in _SHARED
        if name not in ("cik", "derived", *keys)
    )
    own = ", ".join(f"{alias[t.name]}.{name}" for t in tables for name in t.names if name not in _SHARED)
    derived = " || ' ' || ".join(f"COALESCE({alias[t.name]}.derived, '')" for t in tables)
    joins = " ".join(
        f"LEFT JOIN {t.name} {alias[t.name]} ON {alias[t.name]}.cik = ? "
        f"AND {alias[t.name]}.report_date = p.report_date AND {alias[t.name]}.period_type = p.period_type"
        for t in tables
    )
    # The parameters of the joins stand after those of the common table in the text.
    return (
        f"WITH p AS (SELECT DISTINCT ? AS symbol, cik, report_date, period_type FROM ({union}) "  # noqa: S608
        f"WHERE cik = ? AND period_type IN ({marks})) "
        f"SELECT p.symbol, p.cik, p.report_date, p.period_type, {shared}, {own}, "
        f"NULLIF(TRIM(REPLACE({derived}, '  ', ' ')), '') AS derived FROM p {joins} "
        "ORDER BY p.report_date DESC, p.period_type"
    )


DATASET = Dataset(
    name="statements",
    doc="standardized income statements, balance sheets and cash flow statements",
    records=RECORDS,
    needs=("facts",),
    derived=Derived(parent="facts", derive=derive, version=xbrl.EXTRACTOR_VERSION),
    goals=("financials",),
)
