"""All checks over one company, and its fill."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evertape.datasets.quality import Finding
from evertape.datasets.statements import RECORDS
from evertape.engine.quality.anomalies import check_scale, check_sign, check_stale_tags
from evertape.engine.quality.company import Company, Notebook, Place, key_of
from evertape.engine.quality.identities import check_cash_change, check_identities
from evertape.engine.quality.quarters import (
    check_derived_quarters,
    check_four_quarters,
    check_quarter_difference,
)
from evertape.model.records import Row, table_of

CHECKS: tuple[Callable[[Notebook], None], ...] = (
    check_identities,
    check_cash_change,
    check_four_quarters,
    check_derived_quarters,
    check_quarter_difference,
    check_scale,
    check_sign,
    check_stale_tags,
)
LINES: Mapping[str, tuple[str, ...]] = {
    table_of(record).name: tuple(column.name for column in table_of(record).columns if column.unit)
    for record in RECORDS
}
"""The columns that are lines of a statement, by table: those with a unit."""
UNCLASSIFIED = "unclassified"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was measured of one company.

    Attributes:
        counts: of comparisons, by (check, table, column); see `Notebook`.
        rows: by (industry, table, period type).
        filled: rows with a value, by (industry, table, period type, column).
    """

    cik: int
    counts: Mapping[Place, Sequence[int]]
    findings: tuple[Finding, ...]
    rows: Mapping[tuple[str, str, str], int]
    filled: Mapping[tuple[str, str, str, str], int]

    def having(self, findings: Iterable[Finding]) -> Judgement:
        """The same with other findings."""
        return dataclasses.replace(self, findings=tuple(findings))


def judge(company: Company, now: datetime) -> Judgement:
    """Run every check over a company; `now` is when what they find is found."""
    book = Notebook(company=company, now=now)
    for check in CHECKS:
        check(book)
    rows: Counter[tuple[str, str, str]] = Counter()
    filled: Counter[tuple[str, str, str, str]] = Counter()
    industry = company.industry or UNCLASSIFIED
    for table, cells in company.rows.items():
        for row in cells:
            where = (industry, table, row["period_type"])
            rows[where] += 1
            filled.update([(*where, name) for name in LINES[table] if row.get(name) is not None])
    findings = tuple(book.findings[key] for key in sorted(book.findings))
    return Judgement(cik=company.cik, counts=book.counts, findings=findings, rows=rows, filled=filled)


def carried(findings: Iterable[Finding], since: Mapping[Row, datetime]) -> list[Finding]:
    """Findings with the instant at which they were first found.

    Args:
        since: of the findings that stand, by their key's values.
    """
    kept = []
    for new in findings:
        first = since.get(key_of(new), new.found_at)
        kept.append(new if first == new.found_at else dataclasses.replace(new, found_at=first))
    return kept
