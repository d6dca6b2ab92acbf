"""The whole command `evertape refresh options` (and prices) against a sandbox without limits.

The sandbox runs on the same cores: its share is measured and told. Each round runs in a home of its own.

Baseline, measured in the same run: one core that decodes the same bodies as plain JSON (`msgspec.json.decode`,
nothing more), fetched beforehand; and, for the limits' part, what the source's own limits dictate.

    python benchmarks/bench_market.py [--underlyings N] [--contracts C] [--large N] [--symbols N] [--vendor V]
                                      [--home FOLDER]

--underlyings (12050) chains of --contracts (20) contracts; --large (100) chains of 2,000; --symbols (12050)
latest bars through the grouped route. 0 leaves a part out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.whole_command import Ran, compiled, run
from evertape.sandbox import SandboxOptions, running

CORES = len(os.sched_getaffinity(0))
LEAST_UNDERLYINGS, LEAST_CONTRACTS, MOST_MEMORY = 60.0, 40_000.0, 500e6
MOST_REQUESTS, MOST_SECONDS, FIRST_HUNDRED = 3, 30.0, 30.0
SHARE_OPTIONABLE = 0.8
"""Of a market's listings somewhat more have options; so many companies make enough underlyings."""
_SAMPLE = 300
"""Bodies that the baseline decodes."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Watched:
    """A home looked at while it is filled: when it held how many chains, and how large the process was."""

    home: Path
    held: list[tuple[float, int]] = field(default_factory=list)


class Watch(threading.Thread):
    """Counts, twice a second, the chains that a home holds."""

    def __init__(self, home: Path, ranks: Mapping[str, int]) -> None:
        super().__init__(daemon=True)
        self.first_hundred: float | None = None
        self._home = home
        self._first = {key for key, rank in ranks.items() if rank <= 100}
        self._ended = threading.Event()

    def run(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(0.5):
            if self.first_hundred is None and self._first <= _settled(self._home):
                self.first_hundred = time.monotonic() - began

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()


def _settled(home: Path) -> set[str]:
    try:
        with closing(sqlite3.connect(f"file:{home / 'evertape.db'}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT key FROM holdings WHERE dataset = 'options'").fetchall()
    except sqlite3.Error:
        return set()
    return {key.rpartition(":")[0] for (key,) in rows}
