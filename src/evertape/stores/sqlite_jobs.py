"""Jobs and their items in SQLite."""

from __future__ import annotations

import dataclasses
import sqlite3
import zlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from evertape.errors import HomeBusy, StoreError, UserError
from evertape.model.crew import WorkerSeen
from evertape.model.job import Item, ItemState, Job, JobState, Owner, Wish, runs_already
from evertape.stores.coding import instant_of, instant_text
from evertape.stores.sqlite_file import SqliteFile

_ITEM = tuple(field.name for field in dataclasses.fields(Item))
_JOB = (
    "id", "kind", "target", "state", "wish", "owner_host", "owner_pid", "owner_started", "created_at",
    "heartbeat_at", "finished_at", "parent", "digest", "plan", "total", "done", "failed", "note",
)  # fmt: skip
_COUNTED = {
    "done": "(SELECT COUNT(*) FROM sync_items WHERE job_id = id AND state IN ('done', 'nothing', 'pending'))",
    "failed": "(SELECT COUNT(*) FROM sync_items WHERE job_id = id AND state = 'failed')",
}
# Stored when a job ends: until then, and for an owner that died, its items are what is true.
_TRUE = {
    name: f"CASE WHEN finished_at IS NULL THEN {query} ELSE {name} END" for name, query in _COUNTED.items()
}
_SELECT_JOB = f"SELECT {', '.join(_TRUE.get(name, name) for name in _JOB)} FROM sync_jobs"  # noqa: S608
_INSERT_JOB = f"INSERT INTO sync_jobs ({', '.join(_JOB)}) VALUES ({', '.join('?' * len(_JOB))})"  # noqa: S608
_UPSERT_ITEM = (
    f"INSERT INTO sync_items ({', '.join(_ITEM)}) VALUES ({', '.join('?' * len(_ITEM))}) "  # noqa: S608
    "ON CONFLICT (job_id, position) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _ITEM[2:])
)
_WORKER = tuple(field.name for field in dataclasses.fields(WorkerSeen))
_UPSERT_WORKER = (
    f"INSERT OR REPLACE INTO sync_workers ({', '.join(_WORKER)}) VALUES ({', '.join('?' * len(_WORKER))})"  # noqa: S608
)
_COUNTS = f"UPDATE sync_jobs SET {', '.join(f'{n} = {q}' for n, q in _COUNTED.items())} WHERE id = ?"  # noqa: S608
_OPEN = (JobState.RUNNING, JobState.PAUSED)


class SqliteJobs(SqliteFile):
    """The part of the store that holds jobs. Times are kept to the millisecond."""

    def create_job(self, job: Job, items: Sequence[Item], living: Callable[[Job], bool]) -> None:
        """Enter a job. Raises HomeBusy where another one is `living`."""
        with self.writing() as writer:
            _end_the_dead(writer, living)
            writer.execute(_INSERT_JOB, _row_of(job))
            write_items(writer, items)

    def take_job(self, job: Job, living: Callable[[Job], bool]) -> None:
        """Make the job's owner the owner of the stored one. Raises HomeBusy as `create_job`."""
        with self.writing() as writer:
            _end_the_dead(writer, living)
            taken = writer.execute(
                "UPDATE sync_jobs SET state = ?, wish = ?, owner_host = ?, owner_pid = ?, owner_started = ?, "
                "heartbeat_at = ?, finished_at = NULL WHERE id = ?",
                (
                    job.state.value,
                    job.wish.value,
                    job.owner.host,
                    job.owner.pid,
                    job.owner.started,
                    _text(job.heartbeat_at),
                    job.id,
                ),
            )
            _expect_one(taken, job.id)
            leased = _items(writer, "job_id = ? AND state = ?", (job.id, ItemState.LEASED.value))
            write_items(writer, [dataclasses.replace(item, state=ItemState.DUE) for item in leased])

    def beat(self, job_id: str, at: datetime) -> Wish:
        """Note that the owner lives; returns what people wish of the job."""
        with self.writing() as writer:
            _expect_one(
                writer.execute("UPDATE sync_jobs SET heartbeat_at = ? WHERE id = ?", (_text(at), job_id)),
                job_id,
            )
            (wish,) = writer.execute("SELECT wish FROM sync_jobs WHERE id = ?", (job_id,)).fetchone()
        return Wish(wish)

    def set_wish(self, job_id: str, wish: Wish) -> None:
        """Ask the owner to run, pause or cancel."""
        with self.writing() as writer:
            _expect_one(
                writer.execute("UPDATE sync_jobs SET wish = ? WHERE id = ?", (wish.value, job_id)), job_id
            )

    def set_job_state(self, job_id: str, state: JobState, at: datetime, note: str = "") -> None:
        """Write the state; an end state fills `finished_at` and the counts; no note keeps the old one."""
        finished = None if state in _OPEN else _text(at)
        with self.writing() as writer:
            updated = writer.execute(
                "UPDATE sync_jobs SET state = ?, heartbeat_at = ?, finished_at = ?, "
                "note = CASE WHEN ? = '' THEN note ELSE ? END WHERE id = ?",
                (state.value, _text(at), finished, note, note, job_id),
            )
            _expect_one(updated, job_id)
            if finished:
                writer.execute(_COUNTS, (job_id,))

    def job(self, job_id: str) -> Job | None:
        """A job by its id, or by a beginning or ending of four characters or more.

        Raises:
            UserError: several jobs fit.
        """
        with self.reading() as reader:
            rows = reader.execute(f"{_SELECT_JOB} WHERE id = ?", (job_id,)).fetchall()
            if not rows and len(job_id) >= 4:
                part = f"{_SELECT_JOB} WHERE substr(id, 1, ?) = ? OR substr(id, -?) = ? ORDER BY id LIMIT 6"
                size = len(job_id)
                rows = reader.execute(part, (size, job_id, size, job_id)).fetchall()
        if len(rows) > 1:
            found = ", ".join(row[0] for row in rows)
            raise UserError(f"{job_id} fits several jobs: {found}; give more of the id")
        return _job_of(rows[0]) if rows else None

    def jobs(self, limit: int = 50) -> list[Job]:
        """The latest first."""
        query = f"{_SELECT_JOB} ORDER BY created_at DESC, id DESC LIMIT ?"
        with self.reading() as reader:
            return [_job_of(row) for row in reader.execute(query, (limit,))]

    def items(self, job_id: str, *, states: Collection[ItemState] = (), after: int = -1) -> list[Item]:
        """Items of a job by position; of some states only; changed after a `seq` only."""
        clause, values = "job_id = ? AND seq > ?", [job_id, after]
        if states:
            clause += f" AND state IN ({', '.join('?' * len(states))})"
            values += [state.value for state in states]
        with self.reading() as reader:
            return _items(reader, clause, values)

    def set_items(self, items: Sequence[Item]) -> None:
        """Write the state of items outside a commit of rows."""
        if items:
            with self.writing() as writer:
                write_items(writer, items)

    def note_workers(self, seen: Sequence[WorkerSeen]) -> None:
        """Write how the processes of a job are doing, each over what was written of it before."""
        if seen:
            with self.writing() as writer:
                writer.executemany(
                    _UPSERT_WORKER, [tuple(map(_stored, dataclasses.astuple(worker))) for worker in seen]
                )

    def workers(self, job_id: str) -> list[WorkerSeen]:
        """How the processes of a job were doing when they were last looked at."""
        query = f"SELECT {', '.join(_WORKER)} FROM sync_workers WHERE job_id = ? ORDER BY worker"  # noqa: S608
        with self.reading() as reader:
            rows = reader.execute(query, (job_id,)).fetchall()
        return [
            WorkerSeen(**{**dict(zip(_WORKER, row, strict=True)), "at": instant_of(row[-1])}) for row in rows
        ]


def write_items(writer: sqlite3.Connection, items: Sequence[Item]) -> None:
    """Write items inside a transaction, each with the next number of the sequence."""
    # The counter is in the transaction too: a number that is seen is committed, and never given twice.
    if not items:
        return
    writer.execute("UPDATE store_state SET value = value + ? WHERE name = 'seq'", (len(items),))
    (last,) = writer.execute("SELECT value FROM store_state WHERE name = 'seq'").fetchone()
    first = last - len(items) + 1
    rows = [
        (*(_stored(getattr(item, name)) for name in _ITEM[:-1]), seq) for seq, item in enumerate(items, first)
    ]
    writer.executemany(_UPSERT_ITEM, rows)


def _end_the_dead(writer: sqlite3.Connection, living: Callable[[Job], bool]) -> None:
    query = f"{_SELECT_JOB} WHERE state IN (?, ?)"
    for row in writer.execute(query, tuple(state.value for state in _OPEN)).fetchall():
        other = _job_of(row)
        if living(other):
            raise HomeBusy(runs_already(other))
        writer.execute(
            "UPDATE sync_jobs SET state = ?, finished_at = heartbeat_at WHERE id = ?",
            (JobState.INTERRUPTED.value, other.id),
        )
        writer.execute(_COUNTS, (other.id,))


def _expect_one(cursor: sqlite3.Cursor, job_id: str) -> None:
    if cursor.rowcount != 1:
        raise StoreError(f"there is no job {job_id}; see: evertape jobs list")


def _text(at: datetime) -> str:
    return instant_text(at, "milliseconds")


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return _text(value)
    return value.value if isinstance(value, ItemState) else value


def _instant(text: str | None) -> datetime | None:
    return None if text is None else instant_of(text)


def _row_of(job: Job) -> tuple[Any, ...]:
    owner = (job.owner.host, job.owner.pid, job.owner.started)
    finished = None if job.finished_at is None else _text(job.finished_at)
    times = (_text(job.created_at), _text(job.heartbeat_at), finished)
    counts = (job.total, job.done, job.failed, job.note)
    head = (job.id, job.kind, job.target, job.state.value, job.wish.value)
    return (*head, *owner, *times, job.parent, job.digest, zlib.compress(job.plan), *counts)


def _job_of(row: tuple[Any, ...]) -> Job:
    told = dict(zip(_JOB, row, strict=True))
    owner = Owner(host=told.pop("owner_host"), pid=told.pop("owner_pid"), started=told.pop("owner_started"))
    return Job(
        **{
            **told,
            "state": JobState(told["state"]),
            "wish": Wish(told["wish"]),
            "owner": owner,
            "created_at": instant_of(told["created_at"]),
            "heartbeat_at": instant_of(told["heartbeat_at"]),
            "finished_at": _instant(told["finished_at"]),
            "plan": zlib.decompress(told["plan"]),
        }
    )


def _items(connection: sqlite3.Connection, clause: str, values: Sequence[object]) -> list[Item]:
    query = f"SELECT {', '.join(_ITEM)} FROM sync_items WHERE {clause} ORDER BY position"  # noqa: S608
    found = []
    for row in connection.execute(query, tuple(values)):
        told = dict(zip(_ITEM, row, strict=True))
        told["state"] = ItemState(told["state"])
        told["started_at"] = _instant(told["started_at"])
        told["finished_at"] = _instant(told["finished_at"])
        found.append(Item(**told))
    return found
