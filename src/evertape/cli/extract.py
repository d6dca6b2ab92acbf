"""extract: a folder or zip of companyfacts into the database, by worker processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evertape.cli import show
from evertape.cli.options import Decimal, Whole, common, companies, megabytes, print_json
from evertape.cli.progress import shown
from evertape.cli.refresh import report_job
from evertape.cli.session import opened, run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from evertape.database import Database
    from evertape.database.extract import ExtractOptions
    from evertape.database.extract.job import Prepared

NAMED = 10
"""Companies or files that are named; the others are counted."""


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@companies("every company of the file")
@click.option("--workers", type=Whole(1, 64), help="Processes; one for each core where nothing is said.")
@click.option(
    "--batch-size", type=Whole(1, 1000), default=50, show_default=True,
    help="Companies that a process is given at once.",
)  # fmt: skip
@click.option(
    "--timeout", type=Decimal(1, 3600), default=30.0, show_default=True,
    help="Seconds for one company; then it has failed and the others go on.",
)  # fmt: skip
@click.option(
    "--progress-interval", type=Decimal(0.1, 3600), default=10.0, show_default=True,
    help="Seconds between two lines of progress where stderr is no terminal.",
)  # fmt: skip
@click.option(
    "--max-memory", type=Whole(64, 1_000_000), default=2048, show_default=True,
    help="MB for all processes together.",
)  # fmt: skip
@click.option("--no-archive", is_flag=True, help="Keep no bodies; `rebuild` then needs the file again.")
@common
def extract(path: Path, as_json: bool, log_level: str, **said: Any) -> int:
    """Read PATH, a folder of companyfacts files or the SEC's companyfacts.zip, without unpacking it.

    Companies that --symbols names come first; with --scope too, the scope follows. What was read from an
    equal file before, and what is held newer, is left out. One bad file never stops the rest; a stopped
    job goes on with: evertape jobs resume.
    """
    from evertape.database.extract.job import prepare

    with opened(log_level=log_level) as db:
        db.workshop.refuse_second()
        options, labels = _options(db, path, said)
        prepared = prepare(db.store, options, labels)
        talk = show.talk()
        if not as_json:
            _tell(talk, prepared, labels)
        if not prepared.plan.steps:
            if as_json:
                print_json(_told(prepared, labels))
            return 1 if prepared.rejected else 0
        with shown(db, talk, quiet=as_json, every=said["progress_interval"]):
            done = run(db, db.workshop.run("extract", prepared.plan))
        code = report_job(done, as_json, _told(prepared, labels))
        return code or (1 if prepared.rejected else 0)


def _options(db: Database, path: Path, said: dict[str, Any]) -> tuple[ExtractOptions, Mapping[str, str]]:
    """The options, and the symbols or names of the companies that are known."""
    from evertape.database.extraction import meant

    return meant(
        db.survey,
        path,
        said["symbols"] or (),
        said["scope"],
        workers=said["workers"],
        batch=said["batch_size"],
        timeout=said["timeout"],
        memory=said["max_memory"] * 1_000_000,
        keep=not said["no_archive"],
    )


def _tell(console: Console, prepared: Prepared, labels: Mapping[str, str]) -> None:
    """What is read and what is not, before it begins."""
    plan = prepared.plan
    count = len(prepared.chosen.members)
    console.print(
        f"[bold]extract[/bold] {plan.digest}: {count:,} companies, {megabytes(plan.cost.bytes)}, "
        f"about {plan.cost.seconds:.0f} s, no request"
    )
    chosen = prepared.chosen
    for keys, what in (
        (chosen.unchanged, "unchanged since they were read; left out"),
        (chosen.newer, "held newer than the file; left out"),
        (chosen.lacking, "asked for and without a file"),
    ):
        if keys:
            console.print(
                f"  {len(keys):,} {what}: {_some([labels.get(key, key) for key in keys])}", markup=False
            )
    for entry in prepared.rejected[:NAMED]:
        console.print(f"  {entry.name} is not read: {entry.reason}", markup=False)
    if len(prepared.rejected) > NAMED:
        console.print(f"  and {len(prepared.rejected) - NAMED:,} more files are not read; see --json")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _told(prepared: Prepared, labels: Mapping[str, str]) -> dict[str, object]:
    chosen = prepared.chosen
    return {
        "plan": {"digest": prepared.plan.digest, "cost": prepared.plan.cost},
        "companies": len(chosen.members),
        "unchanged": len(chosen.unchanged),
        "newer": len(chosen.newer),
        "lacking": [labels.get(key, key) for key in chosen.lacking],
        "rejected": [{"name": entry.name, "reason": entry.reason} for entry in prepared.rejected],
        "ignored": prepared.ignored,
    }
