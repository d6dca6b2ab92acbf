"""Facts written out for the tests: a small company with the shape that a trap needs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from evertape.formats.xbrl import Fact, Statements, standardize
from evertape.formats.xbrl.statements import Row


def day(text: str) -> date:
    return date.fromisoformat(text)


def fact(
    tag: str,
    start: str | None,
    end: str,
    value: float,
    filing: tuple[str, str, str],
    *,
    unit: str = "USD",
    taxonomy: str = "us-gaap",
) -> Fact:
    """`filing` is (accession, form, filed)."""
    accession, form, filed = filing
    return (taxonomy, tag, unit, day(start) if start else None, day(end), value, accession, form, day(filed))


def filing(number: int, form: str, filed: str) -> tuple[str, str, str]:
    return (f"0000000001-{filed[2:4]}-{number:06d}", form, filed)


FLOWS = (
    "Revenues",
    "NetIncomeLoss",
    "IncomeTaxExpenseBenefit",
    "IncomeLossFromContinuingOperationsBeforeIncomeTaxes",
    "NetCashProvidedByUsedInOperatingActivities",
    "NetCashProvidedByUsedInInvestingActivities",
    "NetCashProvidedByUsedInFinancingActivities",
)


def period(
    start: str,
    end: str,
    amount: float,
    by: tuple[str, str, str],
    *,
    unit: str = "USD",
    taxonomy: str = "us-gaap",
) -> list[Fact]:
    """All flows of a period, each the amount."""
    return [fact(tag, start, end, amount, by, unit=unit, taxonomy=taxonomy) for tag in FLOWS]


def sheet(end: str, amount: float, by: tuple[str, str, str], *, unit: str = "USD") -> list[Fact]:
    """A balance sheet: assets, of which a quarter is equity."""
    parts = {
        "Assets": amount,
        "LiabilitiesAndStockholdersEquity": amount,
        "Liabilities": amount * 0.75,
        "StockholdersEquity": amount * 0.25,
        "CashAndCashEquivalentsAtCarryingValue": amount * 0.1,
    }
    return [fact(tag, None, end, value, by, unit=unit) for tag, value in parts.items()]


def plain_year(year: int, quarter: float = 100.0) -> list[Fact]:
    """A calendar year as 10-Qs and a 10-K report it: each quarter the same, figures to date besides."""
    facts: list[Fact] = []
    ends = [f"{year}-03-31", f"{year}-06-30", f"{year}-09-30", f"{year}-12-31"]
    starts = [f"{year}-01-01", f"{year}-04-01", f"{year}-07-01"]
    dated = [f"{year}-05-01", f"{year}-08-01", f"{year}-11-01", f"{year + 1}-02-20"]
    for number in range(3):
        by = filing(number + 1, "10-Q", dated[number])
        facts += period(starts[number], ends[number], quarter, by)
        if number:
            facts += period(starts[0], ends[number], quarter * (number + 1), by)
        facts += sheet(ends[number], 1000.0 + number, by)
    by = filing(4, "10-K", dated[3])
    return [*facts, *period(starts[0], ends[3], quarter * 4, by), *sheet(ends[3], 1003.0, by)]


def statements(facts: Iterable[Fact], as_of: str | None = None) -> Statements:
    return standardize(facts, cik=1, as_of=day(as_of) if as_of else None)


def cells(told: Statements, statement: str, column: str) -> dict[tuple[str, str], float | None]:
    """(report date, period type) to the column's value."""
    return {(str(r["report_date"]), r["period_type"]): r[column] for r in getattr(told, statement)}


def rows_of(told: Iterable[Row]) -> list[Row]:
    """Quarters and years, without the trailing twelve months."""
    return [row for row in told if row["period_type"] != "ttm"]


def shifted(facts: Iterable[Fact], days: int) -> list[Fact]:
    """The same facts, all period dates moved."""
    step = timedelta(days=days)
    return [(*f[:3], f[3] + step if f[3] else None, f[4] + step, *f[5:]) for f in facts]
