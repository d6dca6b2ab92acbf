"""Runs a whole command in a home of its own: wall time from start to exit, memory of all its processes."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import evertape

_EVERY = 0.05
"""Seconds between two looks at the memory."""
_PAGE = os.sysconf("SC_PAGESIZE")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A command that has ended.

    Attributes:
        seconds: of wall time from its start to its exit.
        busy: seconds of processor time, its children's included.
        memory: bytes, the largest sum of resident memory of all its processes that was seen.
        course: the same sum from its start to its end, as it was seen.
    """

    seconds: float
    busy: float
    memory: int
    out: str
    course: tuple[int, ...] = ()


def compiled() -> None:
    """Byte-compile the package, as installing it does, so that no run pays for it."""
    compileall.compile_dir(str(Path(evertape.__file__).parent), quiet=2)


def environment(home: Path) -> Mapping[str, str]:
    """This process's environment with another home, and nothing else of evertape's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("EVERTAPE_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**kept, "EVERTAPE_HOME": str(home), "EVERTAPE_STATE": str(home / "state")}


def evertape_run(home: Path, *arguments: str) -> Ran:
    """Run `evertape ARGUMENTS` to its end. Raises RuntimeError with what it said where it fails."""
    return run([sys.executable, "-m", "evertape", *arguments], environment(home))


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Ran:
    """Run a command to its end. Raises RuntimeError with what it said where it fails."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as out:
        before = os.times()
        began = time.perf_counter()
        process = subprocess.Popen(command, env=env, stdout=out, stderr=said, stdin=subprocess.DEVNULL)
        peak = _Peak(process.pid)
        peak.start()
        code = process.wait()
        seconds = time.perf_counter() - began
        after = os.times()
        peak.stop()
        said.seek(0)
        out.seek(0)
        if code:
            raise RuntimeError(f"{' '.join(command)} ended with {code}: {said.read().decode()[-2000:]}")
        busy = after.children_user + after.children_system - before.children_user - before.children_system
        return Ran(
            seconds=seconds, busy=busy, memory=peak.bytes, out=out.read().decode(), course=tuple(peak.course)
        )


class _Peak(threading.Thread):
    """Adds up, every few milliseconds, the resident memory of a process and all below it.

    Pages that processes share count once for each of them: the sum is never too small.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.course: list[int] = []
        self._pid = pid
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_EVERY):
            self.course.append(sum(map(_resident, _family(self._pid))))

    @property
    def bytes(self) -> int:
        """The most that was seen."""
        return max(self.course, default=0)

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    found, at = [pid], 0
    while at < len(found):
        for task in _read(Path(f"/proc/{found[at]}/task")):
            try:
                found += map(int, (task / "children").read_text().split())
            except OSError:
                continue
        at += 1
    return found


def _read(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
