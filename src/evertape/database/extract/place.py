"""Where a worker process is: two numbers in a file, which it writes over and over and the parent looks at.

A frame for each company would wake the parent, which takes a hundred times longer than the write.
"""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass

_NUMBERS = struct.Struct("=qd")


@dataclass(frozen=True)
class Place:
    """The last company that was begun, by its item's position.

    Attributes:
        since: on the monotonic clock, which all processes of a boot share.
        writing: whether it is read, and the process writes or waits for its turn to: no company is to blame
            for how long that takes.
    """

    position: int
    since: float
    writing: bool


def mark(file: int, position: int, *, writing: bool = False) -> None:
    """Say where this process is, from now on."""
    os.pwrite(file, _NUMBERS.pack(~position if writing else position, time.monotonic()), 0)


def look(file: int) -> Place | None:
    """Where the process is that writes a file; None before its first company."""
    said = os.pread(file, _NUMBERS.size, 0)
    if len(said) < _NUMBERS.size:
        return None
    position, since = _NUMBERS.unpack(said)
    return Place(position=max(position, ~position), since=since, writing=position < 0)
