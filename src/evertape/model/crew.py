"""Processes that read, derive and commit local answers by themselves, beside the runner."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evertape.model.call import Call
from evertape.model.job import Item


@dataclass(frozen=True, kw_only=True)
class Settled:
    """An item that a process has worked off and committed, rows or failure."""

    item: Item
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WorkerSeen:
    """How one process of a job is doing.

    Attributes:
        current: label of the company it is at; empty while it waits for work.
        busy, disk, queue: seconds spent reading facts, waiting for the disk, and waiting for the database.
        since: seconds since it was started.
        at: true instant, aware UTC.
    """

    job_id: str
    worker: int
    pid: int
    done: int
    failed: int
    current: str
    busy: float
    disk: float
    queue: float
    since: float
    at: datetime


class Crew(Protocol):
    """A pool of processes. The items it is given are leased; it writes what becomes of them."""

    @property
    def size(self) -> int:
        """How many processes there are."""

    def share(self, waiting: int) -> int:
        """How many of the items that wait one process is given at once."""

    def takes(self, call: Call) -> bool:
        """Whether a call is one of the crew's."""

    def settle(self, batch: Sequence[tuple[Item, Call]]) -> AsyncGenerator[Settled]:
        """Work a batch off in one process, which is ended where the generator is closed early.

        Raises:
            StoreError: the database refuses. UserError: no process can be started.
        """

    def seen(self, job_id: str) -> Sequence[WorkerSeen]:
        """How each process is doing."""

    async def close(self) -> None:
        """Stop all processes; what is not committed is lost and still due."""
