"""status --watch: the running job and its processes, as any process sees them in the ledger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click
from rich.console import Group
from rich.live import Live
from rich.text import Text

from evertape.cli import show
from evertape.cli.columns import lines
from evertape.cli.options import duration, print_json
from evertape.model.job import ItemState, Job, JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evertape.database import Database
    from evertape.model.crew import WorkerSeen

EVERY = 1.0
"""Seconds between two looks."""
_OPEN = (JobState.RUNNING, JobState.PAUSED)


def watch(db: Database, as_json: bool) -> int:
    """Show the running job until it ends; says so where none runs."""
    job = _running(db)
    if job is None:
        click.echo("no job is running in this home", err=True)
        return 0
    if as_json:
        print_json({"job": job.id, "items": _counts(db, job), "workers": db.store.workers(job.id)})
        return 0
    console = show.answer()
    with Live("", console=console, auto_refresh=False) as live:
        while True:
            live.update(
                Group(_line(db, job), table(db.store.workers(job.id), show.room(console))), refresh=True
            )
            again = db.store.job(job.id)
            if again is None or again.state not in _OPEN or not _lives(again):
                break
            time.sleep(EVERY)
    ended = db.store.job(job.id) or job
    console.print(f"job {job.id} ended: {ended.done:,} done, {ended.failed:,} failed, {ended.state.value}")
    return 0


def _running(db: Database) -> Job | None:
    return next((job for job in db.store.jobs(20) if job.state in _OPEN and _lives(job)), None)


def _lives(job: Job) -> bool:
    from evertape.database.work import living

    return living(job)


def _counts(db: Database, job: Job) -> dict[str, int]:
    query = "SELECT state, COUNT(*) FROM sync_items WHERE job_id = ? GROUP BY state"
    counted: dict[str, int] = dict(db.store.sql(query, (job.id,))[1])
    return {state.value: counted.get(state.value, 0) for state in ItemState}


def _line(db: Database, job: Job) -> Text:
    counts = _counts(db, job)
    waiting = counts["due"] + counts["leased"]
    settled = job.total - waiting
    seconds = (db.clock.real_now() - job.created_at).total_seconds()
    rate = settled / max(seconds, 0.001)
    left = duration(waiting / rate) if settled else "?"
    return Text(
        f"{job.kind} {job.target}: {settled:,}/{job.total:,} done, {counts['failed']:,} failed, "
        f"{rate:.1f}/s, {left} left"
    )


def table(workers: Sequence[WorkerSeen], width: int | None) -> Text:
    """How each process is doing: busy, waiting for the disk, for the database, in percent of its life."""
    names = ("worker", "pid", "done", "failed", "busy %", "disk %", "database %", "at")
    body = []
    for w in workers:
        shares = [f"{100 * part / max(w.since, 0.001):.0f}" for part in (w.busy, w.disk, w.queue)]
        body.append(
            [str(w.worker), str(w.pid), show.cell(w.done), show.cell(w.failed), *shares, show.cell(w.current)]
        )
    shown = Text(no_wrap=True, overflow="ignore")
    for line in lines(names, body, width):
        shown.append(line.text + "\n", style="bold" if line.head else "")
    shown.rstrip()
    return shown
