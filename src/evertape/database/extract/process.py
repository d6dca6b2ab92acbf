"""A worker process: reads companies' facts, derives, and commits by itself. The crew starts it."""

from __future__ import annotations

import fcntl
import gc
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import BinaryIO

from evertape import catalog
from evertape.clock import new_york_date
from evertape.database.extract import EXTRACT, frames, place
from evertape.database.extract.frames import PATIENCE, Task
from evertape.engine.settling import (
    Beside,
    commit_of,
    complaints,
    outcome_of,
    rows_beside,
    settled,
    together,
)
from evertape.errors import Busy, Malformed, StoreError, UserError
from evertape.formats.xbrl import EXTRACTOR_VERSION
from evertape.model.call import Reply
from evertape.model.crew import Settled
from evertape.model.job import Item, ItemState
from evertape.model.store import Commit
from evertape.model.unit import Holding, Outcome, Unit
from evertape.net.bulk import gzip_wrapped
from evertape.net.received import WireReply
from evertape.net.shelf import Kept, Shelf
from evertape.stores import sqlite_file
from evertape.stores.sqlite import SqliteStore

TOGETHER = 6
"""Companies of one transaction at most: some 60 ms of writing."""
CHECKPOINT = 4 * sqlite_file.CHECKPOINT
"""Pages of the write-ahead log. The parent's heartbeat moves them, while nobody waits for its turn; a process
does where that falls behind."""
_COLLECTED = 50
"""Companies between two collections of cyclic garbage; collecting while facts are read costs a fifth."""


BULK = "bulk"
"""The source by which what was extracted is held."""


@dataclass
class _Spent:
    busy: float = 0.0
    disk: float = 0.0
    queue: float = 0.0


@dataclass
class _Waiting:
    """What is read and not committed yet."""

    day: date | None = None
    commits: list[Commit] = field(default_factory=list)
    told: list[Settled] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the home holds of a batch's companies: coverage, and rows beside the facts."""

    held: Mapping[str, Holding]
    beside: Beside


class Process:
    """One worker: its own connection, its own descriptor of the bulk file."""

    def __init__(self, setup: frames.Setup, out: BinaryIO) -> None:
        self._setup = setup
        self._out = out
        self._catalog = catalog.find(setup.plugins)
        self._store = SqliteStore(setup.database, pragmas={"wal_autocheckpoint": CHECKPOINT})
        self._shelf = Shelf(setup.archive) if setup.archive else None
        self._lock = os.open(setup.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._spent = _Spent()
        self._seen = 0

    def work(self, tasks: Sequence[Task]) -> None:
        """Work a batch off."""
        waiting = _Waiting()
        units = [task.call.units[0] for task in tasks]
        known = _Known(
            held=self._store.holdings("facts", [unit.key for unit in units]),
            beside=rows_beside(self._store, self._catalog.datasets, units),
        )
        for task in tasks:
            day = new_york_date(task.member.modified or self._setup.written)
            # A commit has one day on which it sees what of the facts held is gone.
            if len(waiting.commits) >= TOGETHER or (known.held and day != waiting.day):
                self._commit(waiting)
                waiting = _Waiting(day=day)
            place.mark(self._setup.place, task.item.position)
            self._one(task, known, waiting)
        self._commit(waiting)
        frames.write(self._out, frames.Finished())

    def close(self) -> None:
        """Give back what is open, the bulk file aside."""
        self._store.close()
        if self._shelf is not None:
            self._shelf.close()
        os.close(self._lock)

    def _one(self, task: Task, known: _Known, waiting: _Waiting) -> None:
        started = time.perf_counter()
        disk = self._spent.disk
        try:
            reply = self._reply(task)
            commit, told = self._derived(task, reply, known)
            if self._shelf is not None and reply.status == 200:
                with self._timed():
                    waiting.kept.append(self._shelf.keep(reply))
        except MemoryError:
            commit, told = _failed(task, *self._too_much(task.member.name))
            gc.collect()
        except (Malformed, ValueError) as error:
            commit, told = _failed(task, Malformed.kind, str(error))
        waiting.commits.append(commit)
        waiting.told.append(told)
        self._spent.busy += time.perf_counter() - started - (self._spent.disk - disk)
        self._seen += 1
        if self._seen % _COLLECTED == 0:
            gc.collect()

    def _too_much(self, name: str) -> tuple[str, str]:
        limit = f"{self._setup.memory / 1e6:.0f} MB"
        return "memory", f"{name} needs more than {limit}; give more with --max-memory"

    def _reply(self, task: Task) -> WireReply:
        """The member as the answer that the source gave when the file was written."""
        with self._timed():
            read = self._setup.bulk.read(task.member)
        return WireReply(
            call=replace(task.call, url=task.call.url.removeprefix("bulk:")),
            status=200,
            headers={"content-encoding": "gzip", "content-type": "application/json"},
            body=read.body,
            wire=task.member.packed,
            at=task.member.modified or self._setup.written,
            origin=BULK,
            raw=gzip_wrapped(task.member, read.wire),
        )

    def _derived(self, task: Task, reply: Reply, known: _Known) -> tuple[Commit, Settled]:
        pages = list(self._catalog.feeds[task.call.feed].read(reply, known.held))
        commit = commit_of(self._catalog.datasets, reply.call, pages, reply, known.beside)
        notes = tuple(note for page in pages for note in page.notes)
        notes += complaints(self._catalog.datasets, commit, task.item.label)
        item = replace(task.item, fetched=reply.wire)
        done = settled(item, outcome_of(pages), commit, datetime.now(UTC))
        read = Holding(
            unit=Unit(EXTRACT, task.call.units[0].key),
            outcome=Outcome.SETTLED,
            checked_at=reply.at,
            source=BULK,
            version=EXTRACTOR_VERSION,
            mark=task.member.mark,
        )
        covered = [replace(holding, source=BULK) for holding in commit.holdings]
        whole = replace(commit, holdings=(*covered, read), items=(done,))
        return whole, Settled(item=done, notes=notes)

    def _commit(self, waiting: _Waiting) -> None:
        """Archive first, then the rows: what is settled stands in the archive."""
        if waiting.commits:
            place.mark(self._setup.place, waiting.told[-1].item.position, writing=True)
            if self._shelf is not None and waiting.kept:
                with self._locked():
                    self._shelf.enter(waiting.kept)
            started = time.perf_counter()
            told = self._write(waiting)
            self._spent.queue += time.perf_counter() - started
            spent, self._spent = self._spent, _Spent()
            frames.write(
                self._out,
                frames.Committed(settled=tuple(told), busy=spent.busy, disk=spent.disk, queue=spent.queue),
            )

    def _write(self, waiting: _Waiting) -> list[Settled]:
        """All in one transaction; one by one where one of them is too much, or does not fit its columns."""
        try:
            self._persist(together(waiting.commits))
            return waiting.told
        except (ValueError, MemoryError):
            pass
        told = []
        for commit, one in zip(waiting.commits, waiting.told, strict=True):
            try:
                self._persist(commit)
                told.append(one)
                continue
            except MemoryError:
                failed = _fail(one.item, *self._too_much(one.item.label))
            except ValueError as error:
                failed = _fail(
                    one.item, Malformed.kind, f"holds a value that does not fit its column: {error}"
                )
            self._persist(Commit(at=commit.at, items=(failed,)))
            told.append(Settled(item=failed))
        return told

    def _persist(self, commit: Commit) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with self._locked():
                    self._store.commit(commit)
                return
            except Busy:
                if time.monotonic() > until:
                    raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The processes' turn: a lock that wakes the next waiter, where the database's own is polled."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            # Looked at when it is our turn: the job may have another owner since.
            if os.getppid() != self._setup.parent:
                raise SystemExit(1)
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._spent.disk += time.perf_counter() - started


def _failed(task: Task, kind: str, message: str) -> tuple[Commit, Settled]:
    item = _fail(replace(task.item), kind, message)
    return Commit(at=datetime.now(UTC), items=(item,)), Settled(item=item)


def _fail(item: Item, kind: str, message: str) -> Item:
    return replace(
        item, state=ItemState.FAILED, error_kind=kind, error=message, stored=0, finished_at=datetime.now(UTC)
    )


def main() -> None:
    """Work until the parent closes the pipe."""
    inward, outward = sys.stdin.buffer, sys.stdout.buffer
    # Whatever prints must not garble the frames.
    sys.stdout = sys.stderr
    setup = frames.read(inward)
    if not isinstance(setup, frames.Setup):
        return
    resource.setrlimit(resource.RLIMIT_DATA, (setup.memory, setup.memory))
    try:
        process = Process(setup, outward)
        gc.collect()
        gc.freeze()
        gc.disable()
        while (tasks := frames.read(inward)) is not None:
            process.work(tasks)  # type: ignore[arg-type]
    except BrokenPipeError:
        # At once: leaving in order would write what the pipe has not taken.
        os._exit(1)
    except (StoreError, UserError) as error:
        frames.write(outward, frames.Refused(message=str(error)))
    except MemoryError:
        said = f"a worker process needs more than {setup.memory / 1e6:.0f} MB"
        frames.write(outward, frames.Refused(message=f"{said}; give more with --max-memory"))


if __name__ == "__main__":
    main()
