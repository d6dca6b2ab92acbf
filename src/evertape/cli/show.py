"""Reports as a person reads them. Text from upstream is escaped before rich sees it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from evertape.cli.columns import Line, lines
from evertape.cli.options import duration, megabytes, moment

if TYPE_CHECKING:
    from evertape.engine.report import CheckReport, JobReport
    from evertape.model.plan import Plan

NOTES_SHOWN = 12
FAILURES_SHOWN = 20
_PENDING = {
    "filings": "filed, facts not published yet",
    "sessions": "no source knows their prices; asked for again later",
    "snapshots": "no source knows their options; asked for again later",
}
"""What is waited for, by what is counted as missing."""


def talk() -> Console:
    """The console for talk: stderr."""
    return _console(stderr=True)


def answer() -> Console:
    """The console for answers: stdout."""
    return _console(stderr=False)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    console.soft_wrap = not console.is_terminal
    return console


def check(console: Console, report: CheckReport) -> None:
    """What a check found."""
    sandboxed = " (pretended)" if report.now.second == 59 and report.now.minute == 59 else ""
    console.print(
        f"[bold]{escape(report.target)}[/bold], {_scope(report.scope)}, as of {moment(report.now)}{sandboxed}"
    )
    for part in report.parts:
        console.print(f"[bold]{escape(part.target)}[/bold]")
        pairs(console, _counts(part))
    counts = [] if report.parts else _counts(report)
    for source in report.sources:
        note = f": {source.note}" if source.note else ""
        counts.append(("source", f"{source.name} {source.state}{note}"))
    if report.requests:
        counts.append(("this check", f"{report.requests:,} requests, {megabytes(report.bytes)}"))
    pairs(console, counts)


def _counts(report: CheckReport) -> list[tuple[str, str]]:
    """How many are current, and what of the others is the most stale."""
    dormant = f"  ({report.dormant:,} of them dormant)" if report.dormant else ""
    very = f"  ({report.very_stale:,} of them for long)" if report.very_stale else ""
    why = "no profile published yet" if report.target == "companies" else _PENDING.get(report.missed, "")
    pending = f"  ({why})" if report.pending and why else ""
    counts = [
        ("companies" if report.missed == "filings" else "listings", f"{report.total:,}"),
        ("current", f"{report.current:,}{dormant}"),
        ("stale", f"{report.stale:,}{very}"),
        ("missing", f"{report.missing:,}"),
        ("pending", f"{report.pending:,}{pending}"),
        ("unknown", f"{report.unknown:,}"),
        ("fresh", "-" if report.freshness is None else f"{report.freshness} %"),
        ("rows held", ", ".join(f"{n:,} {name}" for name, n in report.rows.items())),
        ("last update", moment(report.last_update)),
    ]
    for stale in report.most_stale:
        lacks = f"{stale.missing} {report.missed} missing, the oldest for {stale.days} days"
        counts.append(("most stale", f"{stale.label}: {lacks}"))
    if report.more_stale:
        counts.append(("", f"and {report.more_stale:,} more"))
    return counts


def plan(console: Console, plan: Plan) -> None:
    """What would be fetched and what it costs; or that nothing is due."""
    if not plan.steps:
        return
    cost = plan.cost
    console.print(
        f"[bold]plan[/bold] {plan.digest}: {cost.requests:,} requests, about {megabytes(cost.bytes)}, "
        f"about {duration(cost.seconds)}"
    )
    for step in plan.steps:
        console.print(f"  {step.feed}: {len(step.calls):,} calls; {escape(step.reason)}")
    for other in plan.fallbacks:
        worst = other.worst
        console.print(
            f"  what it leaves of {other.dataset} goes to {', '.join(other.feeds)}: at worst "
            f"{worst.requests:,} requests, about {duration(worst.seconds)}"
        )


def job(console: Console, report: JobReport) -> None:
    """What a job did."""
    finished = moment(report.finished_at)
    console.print(
        f"[bold]{report.state}[/bold]: {report.processed:,} processed, {report.right:,} right, "
        f"{report.failed:,} failed, {report.rows:,} rows, {report.requests:,} requests, "
        f"{megabytes(report.bytes)}, {duration(report.seconds)}, finished {finished}"
    )
    if report.nothing:
        console.print(f"  {report.nothing:,} had nothing; that is known now")
    if report.pending:
        console.print(f"  {report.pending:,} pending: they are looked at again later")
    for note in report.notes[:NOTES_SHOWN]:
        console.print(f"  note: {escape(note)}")
    if len(report.notes) > NOTES_SHOWN:
        console.print(f"  and {len(report.notes) - NOTES_SHOWN:,} more notes, in --json and in the log")
    if report.failed_by_kind:
        console.print(
            "  failed by kind: "
            + ", ".join(f"{kind} {n:,}" for kind, n in sorted(report.failed_by_kind.items()))
        )
    for failure in report.failures[:FAILURES_SHOWN]:
        console.print(f"  {escape(failure.label)}: {failure.kind}: {escape(failure.message)}")
    if len(report.failures) > FAILURES_SHOWN:
        console.print(
            f"  and {len(report.failures) - FAILURES_SHOWN:,} more: evertape jobs show {report.job_id}"
        )
    if report.failed:
        console.print(f"  again, failed ones only: evertape jobs retry {report.job_id}")
    if report.state in ("running", "paused"):
        console.print(f"  it goes on in its own process; watch it with: evertape jobs show {report.job_id}")
    elif report.remaining:
        console.print(f"  {report.remaining:,} remain; go on with: evertape jobs resume {report.job_id}")


def rows(
    console: Console,
    names: Sequence[str],
    values: Sequence[Sequence[object]],
    title: str = "",
    keys: int = 0,
) -> None:
    """A table; a row is one line unless a terminal is too narrow for it. See `columns.lines`.

    Whole numbers are shown with separators. With `keys`, what does not fit follows as a table of its own
    with so many first columns again.
    """
    if title:
        console.print(Text(printable(title)))
    _print(console, lines(names, [list(map(cell, row)) for row in values], room(console), keys))


def pairs(console: Console, values: Sequence[tuple[str, str]]) -> None:
    """What each is, and what is said of it."""
    _print(console, lines(None, [list(map(cell, row)) for row in values], room(console)))


def _print(console: Console, made: Sequence[Line]) -> None:
    for head, same in groupby(made, lambda line: line.head):
        text = Text("\n".join(line.text for line in same), style="bold" if head else "")
        console.print(text, soft_wrap=True)


def room(console: Console) -> int | None:
    """Columns of a terminal; None where it is none: whoever reads a pipe wants a row in one line."""
    return console.width if console.is_terminal else None


def cell(value: object) -> str:
    """A value as text: whole numbers with separators, nothing for the unknown."""
    if value is None:
        return ""
    return printable(f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value))


def printable(text: str) -> str:
    """Text without what a terminal would take for a command."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _scope(scope: str) -> str:
    return {
        "symbols": "the companies named",
        "sp500": "S&P 500",
        "all": "all listed companies",
        "held": "the companies held",
    }.get(scope, scope)
