"""What the parent and its worker processes say to each other: pickled values, each behind its length.

Both ends are this program; nothing else writes to the pipes.
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from evertape.model.call import Call
from evertape.model.crew import Settled
from evertape.model.job import Item
from evertape.net.bulk import Bulk, Member

PATIENCE = 60.0
"""Seconds for which a process tries a write again while somebody else writes."""
_LENGTH = struct.Struct(">I")
HEAD = _LENGTH.size


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a process needs to begin.

    Attributes:
        archive: where bodies are kept; None to keep none.
        lock: a file whose lock orders the processes' commits.
        memory: bytes of data that the process may have.
        written: when the bulk file was, aware UTC, for members that do not say.
        parent: the pid without which the process ends.
        place: the descriptor of the file in which it says where it is.
    """

    database: Path
    plugins: Path
    archive: Path | None
    lock: Path
    bulk: Bulk
    memory: int
    written: datetime
    parent: int
    place: int


@dataclass(frozen=True, kw_only=True)
class Task:
    """A company to read: its item, its call, and the member that answers it."""

    item: Item
    call: Call
    member: Member


@dataclass(frozen=True, kw_only=True)
class Committed:
    """These are committed; seconds spent since the last frame of this kind."""

    settled: tuple[Settled, ...]
    busy: float
    disk: float
    queue: float


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The batch is worked off."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The database refused; the process ends."""

    message: str


Frame = Committed | Finished | Refused


def write(pipe: BinaryIO, value: object) -> None:
    """Send a value. Raises BrokenPipeError where nobody reads any more."""
    body = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(body)) + body)
    pipe.flush()


def read(pipe: BinaryIO) -> object | None:
    """The next value; None at the end of the pipe."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = pipe.read(length)
    return None if len(body) < length else pickle.loads(body)  # noqa: S301 - our own process wrote it


def length_of(head: bytes) -> int:
    """Bytes of the value behind a head of `HEAD` bytes."""
    (length,) = _LENGTH.unpack(head)
    return int(length)


def packed(value: object) -> bytes:
    """A value as it is sent."""
    body = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body
