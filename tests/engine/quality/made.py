"""Companies written out for the tests: every row sound, until a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from evertape.datasets.quality import Finding
from evertape.datasets.statements import STATEMENTS
from evertape.engine.quality import Company, Judgement, judge
from evertape.engine.quality.company import TABLES, Report, Series, SeriesKey
from evertape.model.records import table_of

NOW = datetime(2026, 7, 10, 12, tzinfo=UTC)
M = 1e6
Told = dict[str, Any]


def day(text: str) -> date:
    return date.fromisoformat(text)


def row(statement: str, start: str | None, end: str, period_type: str, **cells: Any) -> Told:
    """A row of a statement; lines that are not given are None, or new to the table."""
    told: Told = dict.fromkeys(table_of(STATEMENTS[statement]).names)
    told |= {
        "cik": 1,
        "report_date": day(end),
        "period_start": day(start) if start else None,
        "period_type": period_type,
        "accession_number": f"0000000001-{end[2:4]}-{int(end[5:7]):06d}",
        "currency": "USD",
    }
    return told | cells


def sheet(end: str, assets: float = 100 * M, **cells: Any) -> Told:
    """A quarter's balance sheet, three quarters of it liabilities."""
    held = {"total_assets": assets, "total_liabilities": assets * 0.75, "total_equity": assets * 0.25}
    return row("balance", None, end, "quarter", **{**held, "cash_and_equivalents": assets * 0.1, **cells})


def income(start: str, end: str, revenue: float = 40 * M, period_type: str = "quarter", **cells: Any) -> Told:
    """An income statement with a gross profit of a half."""
    held = {"revenue": revenue, "cost_of_revenue": revenue / 2, "gross_profit": revenue / 2}
    return row("income", start, end, period_type, **{**held, "net_income": revenue / 10, **cells})


def cash(start: str, end: str, operating: float = 8 * M, period_type: str = "quarter", **cells: Any) -> Told:
    """A cash flow statement; half of the operations' cash is invested, a quarter paid out."""
    held = {"operating_cash_flow": operating, "investing_cash_flow": -operating / 2}
    held |= {"financing_cash_flow": -operating / 4, "net_cash_flow": operating / 4}
    return row(
        "cash_flow", start, end, period_type, **{**held, "capital_expenditures": operating / 3, **cells}
    )


def quarters(count: int) -> list[tuple[str, str]]:
    """First and last days of calendar quarters from 2020 on."""
    starts = [date(2020 + n // 4, 1 + n % 4 * 3, 1) for n in range(count + 1)]
    return [(one.isoformat(), (other - timedelta(days=1)).isoformat()) for one, other in pairwise(starts)]


def series(reports: Mapping[tuple[str, str], Iterable[tuple[str, str, float]]]) -> Series:
    """Reported durations: (first, last day) to (filed, accession, value)."""
    return {
        (day(start), day(end)): [Report(day(filed), accession, value) for filed, accession, value in said]
        for (start, end), said in reports.items()
    }


def company(
    *rows: Told,
    flows: Mapping[SeriesKey, Series] | None = None,
    alive: Mapping[SeriesKey, date] | None = None,
) -> Company:
    """A company of these rows, each in the table whose columns it has."""
    parted: dict[str, list[Told]] = {table: [] for table in TABLES.values()}
    marks = {"revenue": "income", "total_assets": "balance", "operating_cash_flow": "cash_flow"}
    for told in rows:
        (statement,) = (name for mark, name in marks.items() if mark in told)
        parted[TABLES[statement]].append(told)
    for told_rows in parted.values():
        told_rows.sort(key=lambda told: (told["report_date"], told["period_type"]))
    return Company(cik=1, label="MADE", industry="", rows=parted, flows=flows or {}, alive=alive or {})


def found(judged: Company | Judgement, check: str) -> list[Finding]:
    """What a check finds."""
    told = judged if isinstance(judged, Judgement) else judge(judged, NOW)
    return [finding for finding in told.findings if finding.check_name == check]


def counted(judged: Company, check: str) -> list[int]:
    """The check's counts over all columns, in the order of MEASURES."""
    counts = [sums for (name, _, _), sums in judge(judged, NOW).counts.items() if name == check]
    return [sum(column) for column in zip(*counts, strict=True)]
