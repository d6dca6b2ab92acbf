"""What is true of a generated company, from the model itself and not from the facts it publishes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evertape.sandbox.books import FLOWS, INSTANTS
from evertape.sandbox.reported import INSTANT, PER_SHARE, Company, Span
from evertape.sandbox.schedule import Filing
from evertape.sandbox.tags import lines_not_reported

_CASH = FLOWS[FLOWS.index("operating_cash_flow") :]
_INCOME = FLOWS[: FLOWS.index("operating_cash_flow")]


def truth_of(company: Company, pending: Sequence[Filing]) -> dict[str, Any]:
    """All periods of a company with their latest values; `pending` are filings that its facts still lack."""
    profile = company.profile
    newest = _Newest(company)
    expected = "ok"
    if "empty-facts" in profile.traps:
        expected = "no facts"
    elif "no-companyfacts" in profile.traps:
        expected = "absent"
    elif pending:
        expected = "pending"
    return {
        "cik": profile.cik,
        "symbol": profile.symbols[0] if profile.symbols else None,
        "name": profile.name,
        "trap": profile.trap,
        "traps": list(profile.traps),
        "expected": expected,
        "pending": [filing.accession for filing in pending],
        "periods": [*_years(company, newest), *_quarters(company, newest)] if profile.has_facts else [],
    }


def _reporting(company: Company, quarter: int) -> Filing | None:
    """The filing that reports the period ended with a quarter first: its 10-Q or 10-K."""
    return next((f for f in company.filings if f.quarter == quarter and f.reports), None)


class _Newest:
    """Finds the last filing that carries a cell."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._filings: dict[tuple[str, Span], list[Filing]] = {}
        for filing in reversed(company.filings):
            for statement in ("income", "cash", "balance"):
                for span in set(company.spans(filing, statement)):
                    self._filings.setdefault((statement, span), []).append(filing)

    def value(self, statement: str, span: Span, line: str) -> int | float | None:
        """The cell's value in that filing, or None where no filing carries it."""
        for filing in self._filings.get((statement, span), ()):
            if self._company.carries(filing, line, span):
                return self._company.value(filing, line, span)
        return None


def _years(company: Company, newest: _Newest) -> list[dict[str, Any]]:
    rows = []
    for year in company.years:
        filing = _reporting(company, year.last)
        if not year.transition and filing is not None:
            span = (year.first, year.last)
            flows = {line: newest.value("income", span, line) for line in (*_INCOME, *PER_SHARE)}
            flows |= {line: newest.value("cash", span, line) for line in _CASH}
            rows.append(_row(company, filing, span, flows, newest))
    return rows


def _quarters(company: Company, newest: _Newest) -> list[dict[str, Any]]:
    if company.profile.annual_only:
        return []
    rows = []
    for filing in company.filings:
        if filing.reports:
            flows = {line: _alone(company, filing, "income", line, newest) for line in (*_INCOME, *PER_SHARE)}
            flows |= {line: _alone(company, filing, "cash", line, newest) for line in _CASH}
            rows.append(_row(company, filing, (filing.quarter, filing.quarter), flows, newest))
    return rows


def _alone(
    company: Company, filing: Filing, statement: str, line: str, newest: _Newest
) -> int | float | None:
    """A quarter's figure: as reported, or the longer span less the shorter of the same start."""
    number, first = filing.quarter, company.years[filing.year].first
    # Shares, averages and per-share figures are never subtracted.
    direct = newest.value(statement, (number, number), line)
    if direct is not None or line in PER_SHARE:
        return direct
    longer = newest.value(statement, (first, number), line)
    shorter = newest.value(statement, (first, number - 1), line)
    return None if longer is None or shorter is None else int(longer) - int(shorter)


def _row(
    company: Company,
    filing: Filing,
    span: Span,
    flows: dict[str, int | float | None],
    newest: _Newest,
) -> dict[str, Any]:
    missing = lines_not_reported(company.profile)
    year, last = company.years[filing.year], company.quarters[span[1]]
    period_type = "quarter" if span[0] == span[1] else "annual"
    instants = {line: newest.value("balance", (INSTANT, span[1]), line) for line in INSTANTS}
    values = {**flows, **instants}
    row: dict[str, Any] = {
        "cik": company.profile.cik,
        "period_type": period_type,
        "period_start": company.quarters[span[0]].start.isoformat(),
        "report_date": last.end.isoformat(),
        "fiscal_year": year.label,
        "fiscal_period": "FY" if period_type == "annual" else f"Q{last.position + 1}",
        "currency": company.profile.currency,
        "filed_date": filing.filed.isoformat(),
        "accession": filing.accession,
        "values": {line: value for line, value in values.items() if line not in missing},
    }
    if company.slip() is not None and period_type == "quarter":
        wrong = [line for line in values if company.slipped(filing, line, span)]
        if wrong and "scale-slip-standing" in company.profile.traps:
            row["as_filed"] = {line: (values[line] or 0) * 1000 for line in wrong}
    return row
