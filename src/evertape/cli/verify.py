"""verify: the quality of what is held, measured. Makes no request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evertape.cli import show
from evertape.cli.options import common, companies, moment, print_json
from evertape.cli.session import opened

if TYPE_CHECKING:
    from rich.console import Console

    from evertape.engine.quality import Report

WORST = 10
LEAST_FILLED = 3
INDUSTRIES = 12


@click.command()
@companies("all that are held")
@common
def verify(symbols: tuple[str, ...] | None, scope: str | None, as_json: bool, log_level: str) -> int:
    """Measure the quality of what is held, without a request.

    Identities that must hold, quarters against years, fill, and figures that stand out in scale or sign.
    Rows are never changed: what is doubtful is kept in quality_findings. Ends with 1 where a hard
    finding stands.
    """
    from evertape.database import Selection

    with opened() as db:
        chosen = Selection(symbols=symbols or (), scope=scope) if symbols or scope else None
        told = db.verify(chosen)
    if as_json:
        print_json(told)
    else:
        report(show.answer(), told)
    return told.exit_code


def report(console: Console, told: Report) -> None:
    """The report as a person reads it; JSON has all of it."""
    rows = ", ".join(f"{count:,} {table}" for table, count in told.rows.items())
    console.print(f"[bold]quality[/bold] of {len(told.labels):,} companies, {moment(told.now)}: {rows}")
    _identities(console, told)
    _least_filled(console, told)
    _findings(console, told)


def _identities(console: Console, told: Report) -> None:
    from evertape.engine.quality import by_check

    names = (
        "check",
        "table",
        "with all parts",
        "exact %",
        "within 1 %",
        "none computed",
        "exact %",
        "within 1 %",
    )
    body = [
        (
            t.check, t.table, t.judged, _percent(t.exact, t.judged), _percent(t.close, t.judged),
            t.reported_judged, _percent(t.reported_exact, t.reported_judged),
            _percent(t.reported_close, t.reported_judged),
        )
        for t in by_check(told.tallies)
    ]  # fmt: skip
    console.print()
    show.rows(console, names, body)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def _least_filled(console: Console, told: Report) -> None:
    """The lines that the fewest annual rows of an industry have; the largest industries only."""
    rows: dict[str, int] = {}
    for fill in told.fill:
        if fill.period_type == "annual":
            rows[fill.industry] = max(rows.get(fill.industry, 0), fill.rows)
    largest = sorted(rows, key=lambda industry: (-rows[industry], industry))[:INDUSTRIES]
    body: list[tuple[object, ...]] = []
    for industry in largest:
        least = sorted(
            (f for f in told.fill if f.industry == industry and f.period_type == "annual"),
            key=lambda f: (f.share, f.column),
        )
        body += [
            (industry, f.table, f.column, f.rows, _percent(f.filled, f.rows)) for f in least[:LEAST_FILLED]
        ]
    console.print()
    show.rows(console, ("industry", "table", "least filled in years", "rows", "filled %"), body)


def _findings(console: Console, told: Report) -> None:
    console.print()
    if not told.findings:
        console.print(f"no findings; {told.resolved:,} resolved")
        return
    counts = [(c.severity, c.check, c.findings, c.companies) for c in told.counts]
    show.rows(console, ("severity", "check", "findings", "companies"), counts)
    console.print(f"{len(told.findings):,} findings, {told.new:,} of them new, {told.resolved:,} resolved")
    worst = [
        (told.labels[f"{f.cik:010d}"], f.severity, f.check_name, f.accession_number, f.sentence)
        for f in told.findings[:WORST]
    ]
    console.print()
    show.rows(console, ("worst", "severity", "check", "accession", "what"), worst)
    click.echo(
        "all of them: evertape verify --json, or SELECT * FROM quality_findings WHERE resolved_at IS NULL",
        err=True,
    )
