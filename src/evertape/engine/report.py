"""Reports: what a check found and what a job did, as values folded from standings and items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from evertape.model.job import Item, ItemState, Job
from evertape.model.plan import Plan
from evertape.model.unit import Freshness, Standing

MOST_STALE = 5
_MISSED = {"prices": "sessions", "options": "snapshots"}


@dataclass(frozen=True, kw_only=True)
class Stale:
    """A company that lacks filings, and for how many days."""

    key: str
    label: str
    days: int
    missing: int


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """What the check learned about one source or list."""

    name: str
    state: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What a check found.

    Attributes:
        freshness: share of companies that are current, in percent, one decimal; None of no company.
        rows: statement rows held for the companies asked for, by table.
        most_stale: the five that have lacked a filing longest; `more_stale` counts the others.
        requests, bytes: what the check itself cost.
        missed: what is counted as missing: "filings", "sessions", "snapshots".
        parts: of a target that spans several, what was found of each; the counts are their sums then, and
            a company is counted once in each of them.
    """

    target: str
    scope: str
    now: datetime
    total: int
    current: int
    dormant: int
    stale: int
    very_stale: int
    missing: int
    pending: int
    unknown: int
    freshness: float | None
    rows: Mapping[str, int]
    last_update: datetime | None
    most_stale: tuple[Stale, ...]
    more_stale: int
    sources: tuple[SourceState, ...]
    requests: int = 0
    bytes: int = 0
    notes: tuple[str, ...] = ()
    missed: str = "filings"
    parts: tuple[CheckReport, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Check:
    """A report, every company's standing behind it, and the plan that would mend what is due."""

    report: CheckReport
    standings: tuple[Standing, ...]
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One failed item."""

    label: str
    key: str
    kind: str
    message: str


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """What a job did.

    Attributes:
        right: settled items, with rows or with the knowledge that there are none.
        remaining: items still due (interrupted, cancelled, over budget).
        failed_by_kind: counts by error kind.
    """

    job_id: str
    state: str
    processed: int
    right: int
    nothing: int
    pending: int
    failed: int
    remaining: int
    failed_by_kind: Mapping[str, int]
    failures: tuple[Failure, ...]
    rows: int
    requests: int
    bytes: int
    seconds: float
    finished_at: datetime | None
    notes: tuple[str, ...] = field(default=())

    @property
    def exit_code(self) -> int:
        """0 all right (or still going on elsewhere), 1 failed items, 130 interrupted."""
        if self.state in ("running", "paused"):
            return 0
        if self.state in ("interrupted", "cancelled"):
            return 130
        return 1 if self.failed or self.remaining else 0


def count(standings: Sequence[Standing]) -> Counter[Freshness]:
    """Distinct keys by level."""
    return Counter({s.key: s.level for s in standings}.values())


def most_stale(standings: Sequence[Standing]) -> list[Stale]:
    """Stale companies, the longest first; ties by label, so that two reports agree."""
    stale = [
        Stale(key=s.key, label=s.label, days=s.days, missing=s.missing)
        for s in standings
        if s.level.stale and s.days is not None
    ]
    return sorted(stale, key=lambda s: (-s.days, s.label))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a report says besides the standings: see `CheckReport` for each."""

    target: str
    scope: str
    now: datetime
    rows: Mapping[str, int] = field(default_factory=dict)
    last_update: datetime | None = None
    sources: tuple[SourceState, ...] = ()
    requests: int = 0
    bytes: int = 0
    notes: tuple[str, ...] = ()


def check_report(standings: Sequence[Standing], seen: Seen) -> CheckReport:
    """Fold standings into the report's counts."""
    levels = count(standings)
    total = sum(levels.values())
    current = sum(n for level, n in levels.items() if level.current)
    stale = most_stale(standings)
    return CheckReport(
        target=seen.target,
        scope=seen.scope,
        now=seen.now,
        total=total,
        current=current,
        dormant=len({s.key for s in standings if s.dormant}),
        stale=levels[Freshness.STALE] + levels[Freshness.VERY_STALE],
        very_stale=levels[Freshness.VERY_STALE],
        missing=levels[Freshness.MISSING],
        pending=levels[Freshness.PENDING],
        unknown=levels[Freshness.UNKNOWN],
        freshness=round(100 * current / total, 1) if total else None,
        rows=dict(seen.rows),
        last_update=seen.last_update,
        most_stale=tuple(stale[:MOST_STALE]),
        more_stale=max(0, len(stale) - MOST_STALE),
        sources=seen.sources,
        requests=seen.requests,
        bytes=seen.bytes,
        notes=seen.notes,
        missed=next((_MISSED[s.dataset] for s in standings if s.dataset in _MISSED), "filings"),
    )


def together(target: str, parts: Sequence[CheckReport]) -> CheckReport:
    """The reports of a target's parts as one; of a single part that one.

    Args:
        parts: without what the check itself learned and cost.
    """
    first, *others = parts
    if not others:
        return first
    total, current = sum(p.total for p in parts), sum(p.current for p in parts)
    stale = sorted((s for p in parts for s in p.most_stale), key=lambda s: (-s.days, s.label))
    updates = [p.last_update for p in parts if p.last_update is not None]
    return replace(
        first,
        target=target,
        total=total,
        current=current,
        dormant=sum(p.dormant for p in parts),
        stale=sum(p.stale for p in parts),
        very_stale=sum(p.very_stale for p in parts),
        missing=sum(p.missing for p in parts),
        pending=sum(p.pending for p in parts),
        unknown=sum(p.unknown for p in parts),
        freshness=round(100 * current / total, 1) if total else None,
        rows={name: count for p in parts for name, count in p.rows.items()},
        last_update=max(updates, default=None),
        most_stale=tuple(stale[:MOST_STALE]),
        more_stale=len(stale[MOST_STALE:]) + sum(p.more_stale for p in parts),
        missed=", ".join(dict.fromkeys(p.missed for p in parts)),
        parts=tuple(parts),
    )


def job_report(job: Job, items: Sequence[Item]) -> JobReport:
    """Fold a job's items into its final report; the ledger is the only input."""
    states = Counter(item.state for item in items)
    failures = [
        Failure(label=i.label, key=i.key, kind=i.error_kind or "unknown", message=i.error or "")
        for i in items
        if i.state is ItemState.FAILED
    ]
    right = states[ItemState.DONE] + states[ItemState.NOTHING] + states[ItemState.PENDING]
    return JobReport(
        job_id=job.id,
        state=job.state.value,
        processed=right + len(failures),
        right=right,
        nothing=states[ItemState.NOTHING],
        pending=states[ItemState.PENDING],
        failed=len(failures),
        remaining=states[ItemState.DUE] + states[ItemState.LEASED],
        failed_by_kind=dict(Counter(f.kind for f in failures)),
        failures=tuple(failures),
        rows=sum(i.stored for i in items),
        requests=sum(i.requests for i in items),
        bytes=sum(i.fetched for i in items),
        seconds=round(((job.finished_at or job.heartbeat_at) - job.created_at).total_seconds(), 2),
        finished_at=job.finished_at,
        notes=tuple(note for note in job.note.split("\n") if note),
    )


def failed(job_id: str, failure: Failure) -> JobReport:
    """A part of a job's work that failed before it became a job of its own."""
    return JobReport(
        job_id=job_id,
        state="failed",
        processed=1,
        right=0,
        nothing=0,
        pending=0,
        failed=1,
        remaining=0,
        failed_by_kind={failure.kind: 1},
        failures=(failure,),
        rows=0,
        requests=0,
        bytes=0,
        seconds=0.0,
        finished_at=None,
    )


_WORST = ("running", "paused", "interrupted", "cancelled", "failed", "done")


def summed(parts: Sequence[JobReport]) -> JobReport:
    """Jobs that followed each other in one command, as one report.

    The state is the worst; the id is of the last job with something left to do, else of the first;
    each further job has a note of its own.
    """
    first, *others = parts
    if not others:
        return first
    unfinished = [part.job_id for part in parts if part.failed or part.remaining]
    kinds: Counter[str] = Counter()
    for part in parts:
        kinds.update(part.failed_by_kind)
    return JobReport(
        job_id=unfinished[-1] if unfinished else first.job_id,
        state=min((part.state for part in parts), key=_WORST.index),
        processed=sum(part.processed for part in parts),
        right=sum(part.right for part in parts),
        nothing=sum(part.nothing for part in parts),
        pending=sum(part.pending for part in parts),
        failed=sum(part.failed for part in parts),
        remaining=sum(part.remaining for part in parts),
        failed_by_kind=dict(kinds),
        failures=tuple(failure for part in parts for failure in part.failures),
        rows=sum(part.rows for part in parts),
        requests=sum(part.requests for part in parts),
        bytes=sum(part.bytes for part in parts),
        seconds=round(sum(part.seconds for part in parts), 2),
        finished_at=max((part.finished_at for part in parts if part.finished_at), default=None),
        notes=tuple(note for part in parts for note in part.notes)
        + tuple(f"job {p.job_id} followed: {p.right} right, {p.failed} failed" for p in others),
    )
