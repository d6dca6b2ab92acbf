"""What a verification says of all companies together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evertape.datasets.quality import SEVERITIES, Finding
from evertape.engine.quality.company import MEASURES, Place
from evertape.engine.quality.judgement import LINES, Judgement


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How often a comparison came out, of a column or (column "") of a whole check.

    Attributes:
        judged: rows with all parts. exact: equal to the unit. close: within one percent, the exact ones
            included. reported_*: the same over rows in which no compared amount was computed.
    """

    check: str
    table: str
    column: str
    judged: int = 0
    exact: int = 0
    close: int = 0
    reported_judged: int = 0
    reported_exact: int = 0
    reported_close: int = 0


@dataclass(frozen=True, kw_only=True)
class Fill:
    """How many rows of an industry have a value in a column; `share` is of 1."""

    industry: str
    table: str
    period_type: str
    column: str
    rows: int
    filled: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Count:
    """Standing findings of a check at a severity."""

    severity: str
    check: str
    findings: int
    companies: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was measured, and every standing finding, the worst first.

    Attributes:
        labels: symbol or name by ten-digit CIK, of the companies measured.
        rows: statement rows by table. new, resolved: findings since the last run.
    """

    scope: str
    now: datetime
    labels: Mapping[str, str]
    rows: Mapping[str, int]
    tallies: tuple[Tally, ...]
    fill: tuple[Fill, ...]
    counts: tuple[Count, ...]
    new: int
    resolved: int
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 where a hard finding stands, else 0."""
        return int(any(count.severity == "hard" for count in self.counts))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a report says besides the judgements: see `Report` for each."""

    scope: str
    now: datetime
    labels: Mapping[str, str]
    new: int = 0
    resolved: int = 0


def report_of(judgements: Sequence[Judgement], measured: Measured) -> Report:
    """The report over some companies."""
    findings = [finding for judgement in judgements for finding in judgement.findings]
    return Report(
        scope=measured.scope,
        now=measured.now,
        labels=measured.labels,
        rows=_rows(judgements),
        tallies=tuple(_tallies(judgements)),
        fill=tuple(_fill(judgements)),
        counts=tuple(_counts(findings)),
        new=measured.new,
        resolved=measured.resolved,
        findings=tuple(sorted(findings, key=_worst_first)),
    )


def by_check(tallies: Iterable[Tally]) -> list[Tally]:
    """The tallies of all columns of a check and table together."""
    sums: dict[Place, list[int]] = {}
    for tally in tallies:
        _add(sums, (tally.check, tally.table, ""), [getattr(tally, name) for name in MEASURES])
    return _tallied(sums)


def _add(sums: dict[Place, list[int]], place: Place, more: Sequence[int]) -> None:
    held = sums.get(place, [0] * len(MEASURES))
    sums[place] = [one + other for one, other in zip(held, more, strict=True)]


def _tallied(sums: Mapping[Place, Sequence[int]]) -> list[Tally]:
    return [
        Tally(check=check, table=table, column=column, **dict(zip(MEASURES, counted, strict=True)))
        for (check, table, column), counted in sorted(sums.items())
    ]


def _rows(judgements: Sequence[Judgement]) -> dict[str, int]:
    rows = Counter(dict.fromkeys(LINES, 0))
    for judgement in judgements:
        for (_, table, _), count in judgement.rows.items():
            rows[table] += count
    return dict(rows)


def _tallies(judgements: Sequence[Judgement]) -> list[Tally]:
    sums: dict[Place, list[int]] = {}
    for judgement in judgements:
        for place, counted in judgement.counts.items():
            _add(sums, place, counted)
    return _tallied(sums)


def _fill(judgements: Sequence[Judgement]) -> list[Fill]:
    rows: Counter[tuple[str, str, str]] = Counter()
    filled: Counter[tuple[str, str, str, str]] = Counter()
    for judgement in judgements:
        rows.update(judgement.rows)
        filled.update(judgement.filled)
    return [
        Fill(
            industry=industry,
            table=table,
            period_type=period_type,
            column=column,
            rows=count,
            filled=filled[industry, table, period_type, column],
            share=filled[industry, table, period_type, column] / count,
        )
        for (industry, table, period_type), count in sorted(rows.items())
        for column in LINES[table]
    ]


def _counts(findings: Sequence[Finding]) -> list[Count]:
    companies: dict[tuple[str, str], Counter[int]] = {}
    for finding in findings:
        where = (finding.severity, finding.check_name)
        companies.setdefault(where, Counter())[finding.cik] += 1
    return [
        Count(severity=severity, check=check, findings=of.total(), companies=len(of))
        for (severity, check), of in sorted(
            companies.items(), key=lambda item: (SEVERITIES.index(item[0][0]), -item[1].total())
        )
    ]


def _worst_first(finding: Finding) -> tuple[object, ...]:
    return (
        SEVERITIES.index(finding.severity),
        -(finding.relative_difference or 0.0),
        -finding.report_date.toordinal(),
        finding.cik,
        finding.check_name,
        finding.column_name,
        finding.period_type,
    )
