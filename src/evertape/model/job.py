"""A job: a plan being run, as the ledger holds it."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobState(StrEnum):
    """Written by the owner only. INTERRUPTED is also what a dead owner's job is read as."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Wish(StrEnum):
    """What anybody may ask of a job; its owner looks for it."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class ItemState(StrEnum):
    """DUE and LEASED are open; the others are settled for this job."""

    DUE = "due"
    LEASED = "leased"
    DONE = "done"
    NOTHING = "nothing"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Who runs a job: enough to tell whether that process still lives.

    Attributes:
        started: the process's start in clock ticks since boot, so that a reused pid is noticed.
    """

    host: str
    pid: int
    started: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """One row of `sync_jobs`. Times are true instants, aware UTC, never pretended."""

    id: str
    kind: str
    target: str
    state: JobState
    wish: Wish
    owner: Owner
    created_at: datetime
    heartbeat_at: datetime
    finished_at: datetime | None = None
    parent: str | None = None
    digest: str = ""
    plan: bytes = b""
    total: int = 0
    done: int = 0
    failed: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One row of `sync_items`: one call of a plan and what became of it.

    Attributes:
        seq: grows with every change of any item, so that others can watch `seq > n`.
        position: the call's place in the plan.
        label: the symbol or name it is shown as.
        fetched: bytes on the wire. stored: rows committed.
    """

    job_id: str
    position: int
    step: int
    dataset: str
    key: str
    label: str
    state: ItemState = ItemState.DUE
    attempt: int = 0
    feed: str = ""
    requests: int = 0
    fetched: int = 0
    stored: int = 0
    error_kind: str | None = None
    error: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seq: int = 0


def runs_already(job: Job) -> str:
    """The sentence for a person who wants a home that this job holds."""
    return (
        f"job {job.id} ({job.target}) is running in this home, started by process {job.owner.pid}; "
        f"watch it with: evertape jobs show {job.id}"
    )


def new_job_id() -> str:
    """A UUIDv7 (RFC 9562): sorts by creation time."""
    stamp = time.time_ns() // 1_000_000
    value = (stamp << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    # Not by `uuid`, whose import takes longer than all of a job's other modules.
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def this_owner() -> Owner:
    """The running process as an owner."""
    return Owner(host=os.uname().nodename, pid=os.getpid(), started=process_start(os.getpid()) or 0)


def process_start(pid: int) -> int | None:
    """When a process of this machine started, in clock ticks since boot; None where none lives.

    Where the system has no /proc, 0 for a living process.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123
            fields = stat.read().rsplit(b")", 1)[1].split()
            return None if fields[0] in (b"Z", b"X") else int(fields[19])
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):  # noqa: PTH112
            return None
    except (IndexError, ValueError):
        return 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 0
    return 0


def alive(owner: Owner) -> bool:
    """Whether an owner of this machine still lives; owners of other machines are taken to live."""
    if owner.host != os.uname().nodename:
        return True
    started = process_start(owner.pid)
    return started is not None and (not owner.started or not started or started == owner.started)
