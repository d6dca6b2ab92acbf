"""jobs: what ran, what runs, and going on with it."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING

import click

from evertape.cli import show
from evertape.cli.options import Whole, common, megabytes, moment, print_json, workers
from evertape.cli.progress import shown
from evertape.cli.refresh import report_job
from evertape.cli.session import opened, run
from evertape.errors import UserError
from evertape.formats.spreadsheet import cell
from evertape.model.job import Item, Job, JobState, Wish

if TYPE_CHECKING:
    from evertape.database import Database

_COLUMNS = (
    "position", "dataset", "key", "label", "state", "attempt", "feed", "requests",
    "fetched", "stored", "error_kind", "error", "started_at", "finished_at",
)  # fmt: skip


@click.group()
def jobs() -> None:
    """List, show, resume, retry, pause or cancel jobs."""


def _state(db: Database, job: Job) -> str:
    from evertape.database.work import living

    open_ = job.state in (JobState.RUNNING, JobState.PAUSED)
    return JobState.INTERRUPTED.value if open_ and not living(job) else job.state.value


@jobs.command("list")
@click.option("--limit", type=Whole(1, 1000), default=20, show_default=True)
@common
def list_(limit: int, as_json: bool, log_level: str) -> None:
    """The latest jobs."""
    with opened(read_only=True) as db:
        found = db.store.jobs(limit)
        if as_json:
            print_json([_told(db, job) for job in found])
            return
        rows = [
            (j.id, j.kind, j.target, _state(db, j), f"{j.done:,}/{j.total:,}", j.failed, moment(j.created_at))
            for j in found
        ]
        show.rows(show.answer(), ("job", "kind", "target", "state", "done", "failed", "started"), rows)


def _told(db: Database, job: Job) -> dict[str, object]:
    return {
        "id": job.id, "kind": job.kind, "target": job.target, "state": _state(db, job), "total": job.total,
        "done": job.done, "failed": job.failed, "created_at": job.created_at, "finished_at": job.finished_at,
        "parent": job.parent, "digest": job.digest, "note": job.note,
    }  # fmt: skip


@jobs.command("show")
@click.argument("job_id", metavar="JOB")
@click.option("--csv", "as_csv", is_flag=True, help="All items as CSV.")
@common
def show_(job_id: str, as_csv: bool, as_json: bool, log_level: str) -> None:
    """One job and its items. JOB may be a part of its id."""
    with opened(read_only=True) as db:
        job = db.find_job(job_id)
        items = db.store.items(job.id)
        if as_csv:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows([cell(getattr(item, name)) for name in _COLUMNS] for item in items)
        elif as_json:
            print_json({**_told(db, job), "items": items})
        else:
            _print(db, job, items)


def _print(db: Database, job: Job, items: list[Item]) -> None:
    console = show.answer()
    owner = f"process {job.owner.pid} on {job.owner.host}"
    console.print(f"job {job.id}: {job.kind} {job.target}, {_state(db, job)}, {owner}")
    rows = [
        (i.label, i.state.value, i.attempt, i.requests, megabytes(i.fetched), i.stored, i.error_kind, i.error)
        for i in items
    ]
    show.rows(console, ("company", "state", "attempts", "requests", "bytes", "rows", "error", "what"), rows)


@jobs.command()
@click.argument("job_id", metavar="[JOB]", required=False)
@workers
@common
def resume(job_id: str | None, workers: int, as_json: bool, log_level: str) -> int:
    """Go on with an interrupted or paused job; the latest one where none is named."""
    with opened(log_level=log_level) as db:
        with shown(db, show.talk(), quiet=as_json):
            done = run(db, db.workshop.resume(job_id, workers))
        return report_job(done, as_json)


@jobs.command()
@click.argument("job_id", metavar="[JOB]", required=False)
@workers
@click.option("--same-source", is_flag=True, help="Begin with the source that was asked first before.")
@common
def retry(job_id: str | None, workers: int, same_source: bool, as_json: bool, log_level: str) -> int:
    """Run a job's failed items again, as a new job; where there are several sources, through the next.

    The latest job with failed items that were not tried again, where none is named.
    """
    from evertape.database.work import unmended

    with opened(log_level=log_level) as db:
        if job_id is None:
            job = unmended(db.store.jobs(200))
            job_id = job.id
            items = "item" if job.failed == 1 else "items"
            click.echo(
                f"again {job.failed:,} failed {items} of job {job.id}: {job.kind} {job.target}", err=True
            )
        with shown(db, show.talk(), quiet=as_json):
            done = run(db, db.workshop.retry(job_id, workers, same_source=same_source))
        return report_job(done, as_json)


def _wish(job_id: str, wish: Wish, said: str) -> None:
    from evertape.database.work import living

    with opened() as db:
        job = db.find_job(job_id)
        if job.state not in (JobState.RUNNING, JobState.PAUSED) or not living(job):
            raise UserError(f"job {job.id} does not run (it is {_state(db, job)}); see: evertape jobs list")
        db.store.set_wish(job.id, wish)
        click.echo(said, err=True)


@jobs.command()
@click.argument("job_id", metavar="JOB")
def cancel(job_id: str) -> None:
    """Stop a running job; what is done stays."""
    _wish(job_id, Wish.CANCEL, "asked to stop; what is done stays")


@jobs.command()
@click.argument("job_id", metavar="JOB")
def pause(job_id: str) -> None:
    """Let a running job rest; resume it with: evertape jobs resume JOB."""
    _wish(job_id, Wish.PAUSE, f"asked to pause; go on with: evertape jobs resume {job_id}")
