"""One company as the quality checks see it, and what a check says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypeAlias

from evertape.datasets.quality import Finding
from evertape.datasets.statements import STATEMENTS
from evertape.formats.xbrl import periods
from evertape.formats.xbrl.concepts import LINES, Line
from evertape.formats.xbrl.index import is_foreign_to_statements
from evertape.model.records import Record, Row, table_of

Severity = Literal["hard", "soft", "note"]
Cells: TypeAlias = Mapping[str, Any]
"""A statement's row by column; a column that the table does not have yet is not there."""
Series: TypeAlias = Mapping[tuple[date, date], Sequence["Report"]]
"""What filings reported under one tag and unit, by first and last day."""
SeriesKey: TypeAlias = tuple[str, str, str]
"""(taxonomy, tag, unit)."""

TABLES: Mapping[str, str] = {name: table_of(record).name for name, record in STATEMENTS.items()}
STATEMENT_LINES: Mapping[str, Mapping[str, Line]] = {
    TABLES[statement]: {line.name: line for line in LINES if line.statement == statement}
    for statement in STATEMENTS
}
"""The catalogue's lines by table and column."""
SLIP = timedelta(days=periods.SLIP)
"""Two dates this close name the same end of a fiscal period."""
FLOW_TAGS: tuple[str, ...] = tuple(
    sorted(
        {t.name for ls in STATEMENT_LINES.values() for e in ls.values() if e.kind == "flow" for t in e.tags}
    )
)
"""Tags whose quarters may be a difference of two longer periods."""
FACT_COLUMNS = (
    "cik", "taxonomy", "tag", "unit", "start_date", "end_date", "value", "filed_date",
    "accession_number", "form",
)  # fmt: skip
REPORTED_PERIODS = ("quarter", "annual")
"""Period types that are judged: a row summed from others repeats their doubts."""

EXACT = 0.5
"""Units of a currency: statements are filed in whole ones, and a sum of floats may miss by less."""
CLOSE = 0.01


class Report(NamedTuple):
    """One filing's figure. Tuples of it sort by filing order."""

    filed: date
    accession: str
    value: float


class Difference(NamedTuple):
    """An expected and a found amount; `relative` is against the largest amount that went in."""

    expected: float
    found: float
    relative: float

    @property
    def exact(self) -> bool:
        """Whether the two agree to the unit."""
        return abs(self.found - self.expected) <= EXACT

    @property
    def close(self) -> bool:
        """Whether the two agree within one percent."""
        return self.exact or self.relative <= CLOSE


def difference(expected: float, found: float, parts: Iterable[float] = ()) -> Difference:
    """Compare two amounts. A total near zero is measured against its parts: their rounding is its error."""
    largest = max(abs(expected), abs(found), *map(abs, parts))
    return Difference(expected, found, abs(found - expected) / largest if largest else 0.0)


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What a check says of one cell."""

    check: str
    column: str
    severity: Severity
    sentence: str
    told: Difference | None = None


@dataclass(frozen=True, kw_only=True)
class Company:
    """What is held of one company.

    Attributes:
        label: symbol or name, for sentences. industry: "" where none is known.
        rows: by table, in order of report date.
        flows: reported durations of the lines' tags. alive: the last day each tag is reported for.
    """

    cik: int
    label: str
    industry: str
    rows: Mapping[str, Sequence[Cells]]
    flows: Mapping[SeriesKey, Series]
    alive: Mapping[SeriesKey, date]

    def judged(self, table: str) -> list[Cells]:
        """The rows of a table that checks look at."""
        return [row for row in self.rows.get(table, ()) if row["period_type"] in REPORTED_PERIODS]


Place: TypeAlias = tuple[str, str, str]
"""(check, table, column)."""
MEASURES = ("judged", "exact", "close", "reported_judged", "reported_exact", "reported_close")
"""What is counted of a comparison; reported_*: where no compared amount was computed."""


@dataclass
class Notebook:
    """Where checks write: counts by place in the order of MEASURES, and findings by key."""

    company: Company
    now: datetime
    counts: dict[Place, list[int]] = field(default_factory=dict)
    findings: dict[Row, Finding] = field(default_factory=dict)

    def count(self, place: Place, told: Difference, *, reported: bool) -> None:
        """Enter one comparison."""
        sums = self.counts.get(place)
        if sums is None:
            sums = self.counts[place] = [0] * len(MEASURES)
        exact, close = told.exact, told.close
        sums[0] += 1
        sums[1] += exact
        sums[2] += close
        if reported:
            sums[3] += 1
            sums[4] += exact
            sums[5] += close

    def doubt(self, table: str, row: Cells, doubt: Doubt) -> None:
        """Enter a finding about a row."""
        told = doubt.told
        made = Finding(
            cik=self.company.cik,
            check_name=doubt.check,
            table_name=table,
            report_date=row["report_date"],
            period_type=row["period_type"],
            column_name=doubt.column,
            severity=doubt.severity,
            expected=told.expected if told else None,
            found=told.found if told else None,
            relative_difference=told.relative if told else None,
            sentence=doubt.sentence,
            accession_number=row["accession_number"],
            found_at=self.now,
            resolved_at=None,
        )
        self.findings[key_of(made)] = made


_KEY = attrgetter(*Finding.key)


def key_of(finding: Finding) -> Row:
    """The values that identify a finding."""
    key: Row = _KEY(finding)
    return key


def derived_in(row: Cells) -> frozenset[str]:
    """Names of a row's computed columns."""
    return frozenset((row.get("derived") or "").split())


def place(row: Cells) -> str:
    """How a sentence names a row's period."""
    return f"the {row['period_type'].replace('annual', 'year')} to {row['report_date']}"


def company_of(
    who: tuple[int, str, str],
    statements: Mapping[type[Record], Sequence[Row]],
    facts: Iterable[Row],
    alive: Mapping[SeriesKey, date],
) -> Company:
    """A company from stored rows.

    Args:
        who: CIK, label and industry; a row's own industry comes first.
        statements: whole rows of each statement's record.
        facts: rows of FACT_COLUMNS with a first day.
    """
    cik, label, industry = who
    rows: dict[str, list[Cells]] = {}
    for record, tuples in statements.items():
        names = table_of(record).names
        cells = [dict(zip(names, row, strict=True)) for row in tuples]
        rows[table_of(record).name] = sorted(cells, key=lambda c: (c["report_date"], c["period_type"]))
    own = next((r["industry"] for cells in rows.values() for r in reversed(cells) if r.get("industry")), None)
    flows: dict[SeriesKey, dict[tuple[date, date], list[Report]]] = {}
    for _, taxonomy, tag, unit, start, end, value, filed, accession, form in facts:
        if not is_foreign_to_statements(form):
            series = flows.setdefault((taxonomy, tag, unit), {})
            series.setdefault((start, end), []).append(Report(filed, accession, value))
    return Company(cik=cik, label=label, industry=own or industry, rows=rows, flows=flows, alive=alive)
