"""What happened, as a closed union. Progress bar, log and report fold over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from evertape.model.crew import WorkerSeen


@dataclass(frozen=True, kw_only=True)
class JobStarted:
    """A plan began to run. `at` is the true instant."""

    job_id: str
    kind: str
    total: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ItemStarted:
    """A call was handed to a worker."""

    position: int
    label: str


@dataclass(frozen=True, kw_only=True)
class ItemSettled:
    """A call's rows and coverage are committed. `fetched` in bytes on the wire."""

    position: int
    label: str
    dataset: str
    outcome: str
    stored: int
    fetched: int
    requests: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ItemFailed:
    """A call failed for good in this job; the others go on."""

    position: int
    label: str
    dataset: str
    kind: str
    message: str
    requests: int = 0


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request left for the wire."""

    source: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Arriving:
    """A large body is on its way to disk: `bytes` of it are there, of `total` where that is known."""

    label: str
    bytes: int
    total: int | None


@dataclass(frozen=True, kw_only=True)
class Retrying:
    """An attempt failed; the next follows after `wait` seconds."""

    source: str
    url: str
    attempt: int
    wait: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A whole source must be left alone for `seconds` more."""

    source: str
    seconds: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class CircuitMoved:
    """A source's circuit opened, let its probe through, or closed."""

    source: str
    state: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class WorkersSeen:
    """How the processes of a job are doing."""

    workers: tuple[WorkerSeen, ...]


@dataclass(frozen=True, kw_only=True)
class JobFinished:
    """The job ended. `state` is a JobState value."""

    job_id: str
    state: str
    at: datetime


Event = (
    JobStarted
    | ItemStarted
    | ItemSettled
    | ItemFailed
    | Sent
    | Arriving
    | Retrying
    | Waiting
    | CircuitMoved
    | WorkersSeen
    | JobFinished
)
Emit = Callable[[Event], None]
