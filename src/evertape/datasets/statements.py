"""Standardized statements, computed from facts: a row a period, linked to its filing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import TypeVar, get_args

from evertape.datasets.companies import Company, sic_codes
from evertape.datasets.facts import FactSeries, facts_of
from evertape.datasets.filings import Filing
from evertape.errors import UserError
from evertape.formats import xbrl
from evertape.formats.xbrl.concepts import LINES
from evertape.formats.xbrl.facts import accession_number, day_number
from evertape.model.dataset import Dataset, Derived
from evertape.model.records import Batch, Record, Row, column, table_of


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
    industry: str | None = column("how the company reports: general, bank, insurer, reit or utility")
    derived: str | None = column("names of the columns that were computed, space between")


_Based = TypeVar("_Based", bound=Record)


def with_lines(base: type[_Based], name: str, statement: str, table: str, doc: str) -> type[_Based]:
    """A record type whose columns after those of its base are a statement's lines of the catalogue."""
    lines = [line for line in LINES if line.statement == statement]
    fields = {line.name: column(line.doc, unit=line.unit) for line in lines}
    body = {"__module__": base.__module__, "__qualname__": name, "__doc__": doc, "table": table}
    return type(name, (base,), {**body, **fields, "__annotations__": dict.fromkeys(fields, float | None)})


IncomeStatement = with_lines(
    _Period,
    "IncomeStatement",
    "income",
    "income_statements",
    "Income statements. Revenue and income are positive, losses negative; costs are positive.",
)
BalanceSheet = with_lines(
    _Period,
    "BalanceSheet",
    "balance",
    "balance_sheets",
    "Balance sheets at the end of fiscal quarters and years.",
)
CashFlowStatement = with_lines(
    _Period,
    "CashFlowStatement",
    "cash_flow",
    "cash_flow_statements",
    "Cash flow statements. Payments are positive, as in XBRL; the sections carry their sign.",
)

RECORDS: tuple[type[Record], ...] = (IncomeStatement, BalanceSheet, CashFlowStatement)
STATEMENTS = {"income": IncomeStatement, "balance": BalanceSheet, "cash_flow": CashFlowStatement}
NO_TWELVE_MONTHS = "a balance sheet is of a day and has no twelve months; choose quarter or annual"
_SHARED = tuple(name for name in table_of(IncomeStatement).names if name in set(table_of(BalanceSheet).names))


def derive(batches: Sequence[Batch], _now: datetime) -> Sequence[Batch]:
    """Statements of the companies whose facts are in the batches, with the SIC codes that are among them."""
    rows: dict[type[Record], list[Row]] = {record: [] for record in RECORDS}
    filed = filed_of(row[1:4] for batch in batches if batch.record is Filing for row in batch.rows)
    codes = sic_codes(batches)
    for batch in batches:
        if batch.record is not FactSeries:
            continue
        if isinstance(batch.made_from, xbrl.CompanyFacts):
            _add(rows, xbrl.standardize(batch.made_from, sic=codes.get(batch.made_from.cik)))
            continue
        for cik, group in groupby(batch.rows, key=itemgetter(0)):
            _add(rows, xbrl.standardize_series(facts_of(group), filed, cik, sic=codes.get(cik)))
    return [Batch(record=record, rows=rows[record]) for record in RECORDS]


def _add(rows: Mapping[type[Record], list[Row]], made: xbrl.Statements) -> None:
    # A row's values stand in the order of its record: SHARED, then the catalogue's lines.
    for name, record in STATEMENTS.items():
        rows[record] += made.rows[name]


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
    sic: str | None = None,
) -> xbrl.Statements:
    """The statements that a company's stored facts tell, as known on a day (None: now).

    Args:
        rows: of `FactSeries`. filings: (accession, form, day) of the company's filings.
        sic: of the company's profile; None where none is held.
    """
    facts, filed = facts_of(rows), filed_of(filings)
    return xbrl.standardize_series(facts, filed, cik, as_of=as_of, reading=reading, sic=sic)


def refuse_unknown(statement: str | None, period: str | None, reading: str) -> None:
    """Raise UserError where there is no such statement, period or reading."""
    wanted(statement, period)
    if reading not in get_args(xbrl.Reading):
        raise UserError(f"{reading} is no reading; choose one of {', '.join(get_args(xbrl.Reading))}")


def wanted(statement: str | None, period: str | None) -> tuple[str, ...]:
    """The period types that are meant: quarters and years where nothing is said.

    Raises:
        UserError: an unknown statement or period, or twelve months of balance sheets.
    """
    if statement is not None and statement not in STATEMENTS:
        raise UserError(f"{statement} is no statement; choose one of {', '.join(STATEMENTS)}")
    if period not in (None, "quarter", "annual", "ttm"):
        raise UserError(f"{period} is no period; choose quarter, annual or ttm")
    if (statement, period) == ("balance", "ttm"):
        raise UserError(NO_TWELVE_MONTHS)
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
    derived=Derived(parent="facts", derive=derive, version=xbrl.EXTRACTOR_VERSION, beside=(Company,)),
    goals=("financials",),
)
