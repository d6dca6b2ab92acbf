"""The store as the engine sees it: few methods, one short transaction a commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from evertape.model.crew import WorkerSeen
from evertape.model.job import Item, ItemState, Job, JobState, Wish
from evertape.model.records import Batch, Condition, Record, Row, Truth
from evertape.model.unit import Holding


@dataclass(frozen=True, kw_only=True)
class Commit:
    """What becomes true together: rows, absences, coverage and the state of the work.

    Attributes:
        replaced: derived rows under these conditions that the batches omit are deleted.
        at: the instant that an `absent` column is stamped with.
    """

    at: datetime
    batches: Sequence[Batch] = ()
    truths: Sequence[Truth] = ()
    replaced: Sequence[Truth] = ()
    holdings: Sequence[Holding] = ()
    items: Sequence[Item] = ()


class Ledger(Protocol):
    """Jobs and their items. `engine.runner` writes it; anybody may read it and state a wish."""

    def create_job(self, job: Job, items: Sequence[Item], living: Callable[[Job], bool]) -> None:
        """Enter a job. Raises HomeBusy, naming the job and how to watch it, where a job in state
        running or paused is `living`; others in that state are marked interrupted."""

    def take_job(self, job: Job, living: Callable[[Job], bool]) -> None:
        """Make this process the owner of an existing job (resume): same rule as `create_job`;
        its leased items become due again."""

    def beat(self, job_id: str, at: datetime) -> Wish:
        """Note that the owner lives; returns what people wish of the job."""

    def set_wish(self, job_id: str, wish: Wish) -> None:
        """Ask the owner to run, pause or cancel."""

    def set_job_state(self, job_id: str, state: JobState, at: datetime, note: str = "") -> None:
        """Written by the owner; an end state also fills `finished_at`, and keeps the counts of the items."""

    def job(self, job_id: str) -> Job | None:
        """A job by its id or a unique beginning or ending of at least four characters of it.

        `done` and `failed` are those of its items, whatever its state is.
        """

    def jobs(self, limit: int = 50) -> list[Job]:
        """The latest first."""

    def items(self, job_id: str, *, states: Collection[ItemState] = (), after: int = -1) -> list[Item]:
        """Items of a job by position; of some states only; changed after a `seq` only."""

    def set_items(self, items: Sequence[Item]) -> None:
        """Write the state of items outside a commit of rows (leases, failures)."""

    def note_workers(self, seen: Sequence[WorkerSeen]) -> None:
        """Write how the processes of a job are doing, each over what was written of it before."""

    def workers(self, job_id: str) -> list[WorkerSeen]:
        """How the processes of a job were doing when they were last looked at."""


class Store(Ledger, Protocol):
    """A database of records, coverage and jobs.

    Every method raises StoreError for the database's own trouble, ValueError for a value that does not
    fit its column, and `sql` and `rows` UserError for a bad query.

    Methods are synchronous and may be called from any thread.
    """

    def migrate(self, records: Sequence[type[Record]], *, rebuildable: Collection[str] = ()) -> Sequence[str]:
        """Bring the tables to what the record types declare, after a backup where anything is
        changed; returns what was done. Tables named `rebuildable` may be dropped and made anew.
        Raises SchemaMismatch for a newer database."""

    def commit(self, commit: Commit) -> int:
        """Write all of it or nothing; returns how many rows were new or differed."""

    def read(
        self, record: type[Record], columns: Sequence[str] = (), where: Sequence[Condition] = ()
    ) -> list[Row]:
        """Rows in key order, Python values (dates, aware instants); all columns where none is named."""

    def count(
        self, record: type[Record], by: Sequence[str], counting: str, where: Sequence[Condition] = ()
    ) -> list[Row]:
        """For each combination of the columns `by`, in their order: their values, and how many different
        values the column `counting` has there."""

    def holdings(self, dataset: str, keys: Collection[str] | None = None) -> Mapping[str, Holding]:
        """Coverage by key; where a key has several extents, of the one looked at last, with the others beside
        it."""

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> tuple[tuple[str, ...], list[Row]]:
        """Column names and rows of a query of the user's own, on a connection that cannot write."""

    def rows(self, query: str, parameters: Sequence[Any] = (), batch: int = 1000) -> Iterator[list[Row]]:
        """The rows of such a query as of one moment, at most `batch` at a time, none of them empty.

        What was given is forgotten, so that memory stays flat; the query runs from the first `next`."""

    def check(self) -> Sequence[str]:
        """Complaints of the database's own integrity check; empty where it is sound."""

    def backup(self, target: Path | None = None) -> Path:
        """A consistent copy; returns where it is."""

    def close(self) -> None:
        """Release connections."""
