"""Verifying a home: its rows are read, judged company by company, and what is found is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter

from evertape.clock import Clock
from evertape.database.doubts import OF_STATEMENTS, STANDING
from evertape.database.survey import Selection, Survey
from evertape.datasets.facts import FactSeries, facts_of
from evertape.datasets.quality import Finding
from evertape.datasets.statements import RECORDS
from evertape.datasets.universe import Membership
from evertape.engine import quality
from evertape.engine.quality.company import SeriesKey
from evertape.engine.quality.report import Measured
from evertape.engine.selection import DEFAULT_SINCE
from evertape.errors import UserError
from evertape.formats.xbrl import FoldedFact
from evertape.formats.xbrl.facts import accession_text, day_of
from evertape.formats.xbrl.periods import PERIODIC_FORMS
from evertape.model.dataset import Asked
from evertape.model.records import Batch, Condition, Row, Truth
from evertape.model.store import Commit, Store
from evertape.model.unit import Holding, Outcome, Unit

SLICE = 20
"""Companies that are read and judged together."""
AT_ONCE = 500
"""Findings a commit, so that it takes some milliseconds."""


@dataclass(frozen=True)
class _Judged:
    """A slice's judgements, and how many findings are new and gone since the last run."""

    judgements: Sequence[quality.Judgement]
    new: int
    resolved: int


def verify(store: Store, survey: Survey, clock: Clock, chosen: Selection | None) -> quality.Report:
    """Judge the companies chosen (None: all held), keep the findings, and report.

    The rows judged are not changed. A finding that is not raised again is stamped as resolved.

    Raises:
        UserError: an unknown ticker or scope, or nothing of the companies is held.
    """
    asked = survey.asked(chosen) if chosen else survey.held(DEFAULT_SINCE)
    held = store.holdings("facts", list(asked.companies))
    labels = {cik: label for cik, label in asked.companies.items() if cik in held}
    if not labels:
        raise UserError(_nothing(asked))
    now = clock.now()
    sectors: dict[int, str] = dict(store.read(Membership, ("cik", "sector")))
    keys = list(labels)
    parts = []
    for first in range(0, len(keys), SLICE):
        some = {int(key): (labels[key], sectors.get(int(key), "")) for key in keys[first : first + SLICE]}
        parts.append(_judge_slice(store, some, now))
    measured = Measured(
        scope=asked.scope,
        now=now,
        labels=labels,
        new=sum(part.new for part in parts),
        resolved=sum(part.resolved for part in parts),
    )
    return quality.report_of([j for part in parts for j in part.judgements], measured)


def _nothing(asked: Asked) -> str:
    of = "" if asked.scope == "held" else " of these companies"
    how = "--scope sp500" if asked.scope != "symbols" else f"--symbols {','.join(asked.companies.values())}"
    return f"nothing{of} is held that could be verified; run: evertape refresh financials {how}"


def _judge_slice(store: Store, some: Mapping[int, tuple[str, str]], now: datetime) -> _Judged:
    """Judge a few companies (CIK to label and sector) and commit what is found.

    Raises:
        StoreError: the database refused; the companies of earlier commits are kept.
    """
    mine = (Condition(column="cik", op="in", value=list(some)),)
    statements = {record: _by_cik(store.read(record, (), mine)) for record in RECORDS}
    facts, alive = _facts_of(store.read(FactSeries, (), mine))
    judgements = [
        quality.judge(
            quality.company_of(
                (cik, label, sector),
                {record: rows.get(cik, []) for record, rows in statements.items()},
                facts.get(cik, []),
                alive.get(cik, {}),
            ),
            now,
        )
        for cik, (label, sector) in some.items()
    ]
    standing = store.read(Finding, (*Finding.key, "found_at"), (*mine, STANDING, OF_STATEMENTS))
    since = {row[:-1]: row[-1] for row in standing}
    kept = [judgement.having(quality.carried(judgement.findings, since)) for judgement in judgements]
    for part in _parted(kept):
        store.commit(_commit(part, now))
    found = {quality.key_of(finding) for judgement in kept for finding in judgement.findings}
    return _Judged(kept, len(found - since.keys()), len(since.keys() - found))


def _parted(judgements: Sequence[quality.Judgement]) -> Iterator[list[quality.Judgement]]:
    """Companies in groups of a few hundred findings; one company is never parted."""
    part: list[quality.Judgement] = []
    for judgement in judgements:
        if part and sum(len(j.findings) for j in (*part, judgement)) > AT_ONCE:
            yield part
            part = []
        part.append(judgement)
    if part:
        yield part


def _commit(judgements: Sequence[quality.Judgement], now: datetime) -> Commit:
    """All that stands of some companies; what they had and is not there is stamped."""
    found = [finding for judgement in judgements for finding in judgement.findings]
    ciks = [judgement.cik for judgement in judgements]
    mine = (Condition(column="cik", op="in", value=ciks), OF_STATEMENTS)
    return Commit(
        at=now,
        batches=[Batch.of(found)] if found else [],
        truths=[Truth(record=Finding, where=mine)],
        holdings=[_looked(cik, now) for cik in ciks],
    )


def _looked(cik: int, now: datetime) -> Holding:
    unit = Unit("quality", f"{cik:010d}")
    return Holding(unit=unit, outcome=Outcome.SETTLED, checked_at=now, source="verify")


def _by_cik(rows: Sequence[Row]) -> dict[int, list[Row]]:
    parted: dict[int, list[Row]] = {}
    for row in rows:
        parted.setdefault(row[0], []).append(row)
    return parted


def _facts_of(
    rows: Sequence[Row],
) -> tuple[dict[int, list[Row]], dict[int, dict[SeriesKey, date]]]:
    """By company: flows as rows of FACT_COLUMNS, and each tag's last day in periodic reports."""
    flows: dict[int, list[Row]] = {}
    alive: dict[int, dict[SeriesKey, date]] = {}
    for cik, mine in groupby(rows, key=itemgetter(0)):
        for key, series in facts_of(mine).items():
            ends = [fact.end for fact in series if fact.form in PERIODIC_FORMS]
            if ends:
                alive.setdefault(cik, {})[key] = day_of(max(ends))
            if key[1] in quality.FLOW_TAGS:
                flows.setdefault(cik, []).extend(_dated(cik, key, f) for f in series if f.start is not None)
    return flows, alive


def _dated(cik: int, key: SeriesKey, f: FoldedFact) -> Row:
    dates = (day_of(f.start or 0), day_of(f.end))
    return (cik, *key, *dates, f.value, day_of(f.filed), accession_text(f.accession), f.form)
