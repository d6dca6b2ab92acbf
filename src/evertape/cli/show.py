"""Reports as a person reads them. Text from upstream is escaped before rich sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

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
    return Console(stderr=True, highlight=False)


def answer() -> Console:
    """The console for answers: stdout."""
    return Console(highlight=False)


def check(console: Console, report: CheckReport) -> None:
    """What a check found."""
    sandboxed = " (pretended)" if report.now.second == 59 and report.now.minute == 59 else ""
    console.print(
        f"[bold]{escape(report.target)}[/bold], {_scope(report.scope)}, as of {moment(report.now)}{sandboxed}"
    )
    for part in report.parts:
        console.print(f"[bold]{escape(part.target)}[/bold]")
        console.print(_counts(part))
    counts = Table.grid(padding=(0, 2)) if report.parts else _counts(report)
    for source in report.sources:
        note = f": {source.note}" if source.note else ""
        counts.add_row("source", escape(f"{source.name} {source.state}{note}"))
    if report.requests:
        counts.add_row("this check", f"{report.requests} requests, {megabytes(report.bytes)}")
    console.print(counts)


def _counts(report: CheckReport) -> Table:
    """How many are current, and what of the others is the most stale."""
    counts = Table.grid(padding=(0, 2))
    counts.add_row("companies" if report.missed == "filings" else "listings", str(report.total))
    dormant = f"  ({report.dormant} of them dormant)" if report.dormant else ""
    counts.add_row("current", f"{report.current}{dormant}")
    very = f"  ({report.very_stale} of them for long)" if report.very_stale else ""
    counts.add_row("stale", f"{report.stale}{very}")
    counts.add_row("missing", str(report.missing))
    why = "no profile published yet" if report.target == "companies" else _PENDING[report.missed]
    counts.add_row("pending", f"{report.pending}{f'  ({why})' if report.pending else ''}")
    counts.add_row("unknown", str(report.unknown))
    counts.add_row("fresh", "-" if report.freshness is None else f"{report.freshness} %")
    counts.add_row("rows held", ", ".join(f"{n} {name}" for name, n in report.rows.items()))
    counts.add_row("last update", moment(report.last_update))
    for stale in report.most_stale:
        lacks = f"{stale.missing} {report.missed} missing, the oldest for {stale.days} days"
        counts.add_row("most stale", f"{escape(stale.label)}: {lacks}")
    if report.more_stale:
        counts.add_row("", f"and {report.more_stale} more")
    return counts


def plan(console: Console, plan: Plan) -> None:
    """What would be fetched and what it costs; or that nothing is due."""
    if not plan.steps:
        return
    cost = plan.cost
    console.print(
        f"[bold]plan[/bold] {plan.digest}: {cost.requests} requests, about {megabytes(cost.bytes)}, "
        f"about {duration(cost.seconds)}"
    )
    for step in plan.steps:
        console.print(f"  {step.feed}: {len(step.calls)} calls; {escape(step.reason)}")
    for other in plan.fallbacks:
        worst = other.worst
        console.print(
            f"  what it leaves of {other.dataset} goes to {', '.join(other.feeds)}: at worst "
            f"{worst.requests} requests, about {duration(worst.seconds)}"
        )


def job(console: Console, report: JobReport) -> None:
    """What a job did."""
    finished = moment(report.finished_at)
    console.print(
        f"[bold]{report.state}[/bold]: {report.processed} processed, {report.right} right, "
        f"{report.failed} failed, {report.rows} rows, {report.requests} requests, {megabytes(report.bytes)}, "
        f"{duration(report.seconds)}, finished {finished}"
    )
    if report.nothing:
        console.print(f"  {report.nothing} had nothing; that is known now")
    if report.pending:
        console.print(f"  {report.pending} pending: they are looked at again later")
    for note in report.notes[:NOTES_SHOWN]:
        console.print(f"  note: {escape(note)}")
    if len(report.notes) > NOTES_SHOWN:
        console.print(f"  and {len(report.notes) - NOTES_SHOWN} more notes, in --json and in the log")
    if report.failed_by_kind:
        console.print(
            "  failed by kind: "
            + ", ".join(f"{kind} {n}" for kind, n in sorted(report.failed_by_kind.items()))
        )
    for failure in report.failures[:FAILURES_SHOWN]:
        console.print(f"  {escape(failure.label)}: {failure.kind}: {escape(failure.message)}")
    if len(report.failures) > FAILURES_SHOWN:
        console.print(
            f"  and {len(report.failures) - FAILURES_SHOWN} more: evertape jobs show {report.job_id}"
        )
    if report.failed:
        console.print(f"  again, failed ones only: evertape jobs retry {report.job_id}")
    if report.state in ("running", "paused"):
        console.print(f"  it goes on in its own process; watch it with: evertape jobs show {report.job_id}")
    elif report.remaining:
        console.print(f"  {report.remaining} remain; go on with: evertape jobs resume {report.job_id}")


def rows(console: Console, names: Sequence[str], values: Sequence[Sequence[object]], title: str = "") -> None:
    """A plain table."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for position, name in enumerate(names):
        table.add_column(name, overflow="fold", no_wrap=position == 0)
    for row in values:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    console.print(table)


def figures(title: str, heads: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """A table of figures as lines: names to the left, the rest to the right; nothing is folded."""
    table = [heads, *body]
    widths = [max(len(row[at]) for row in table) for at in range(len(heads))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in table
    ]
    return [printable(line.rstrip()) for line in (title, *lines)]


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
