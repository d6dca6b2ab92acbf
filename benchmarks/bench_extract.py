"""The whole command `evertape extract FILE.zip`, from start to exit, against reading the same JSON alone.

The file holds made companies: recorded ones under other CIKs. Each round runs in a home of its own.

Baselines, measured in the same run:
- one core's `orjson.loads` over the same bodies, and no more than that; the mean of one pass just before
  the command and one just after, because a shared machine's speed changes from minute to minute;
- with --edgartools PYTHON, that interpreter's edgartools on some of the same companies.

    python benchmarks/bench_extract.py [COUNT] [--rounds N] [--home FOLDER] [--edgartools PYTHON]

COUNT 5000 shows that memory does not grow with the file. --home keeps the last round's home, in a folder
that must not be there yet.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from benchmarks import by_edgartools
from benchmarks.made_companies import make_folder, make_zip
from benchmarks.whole_command import Ran, compiled, evertape_run, run

HERE = Path(__file__).parent
CORES = len(os.sched_getaffinity(0))
SAMPLE = 20
"""Companies that edgartools is given."""
MOST_RATIO, MOST_DISK, MOST_MEMORY, LEAST_FASTER = 1.3, 350e6, 600e6, 20
"""What is hoped for, of 500 companies on two cores."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """The command once. `baseline`: of orjson before and after, the wall and the processor time."""

    ran: Ran
    baseline: tuple[tuple[float, float], ...]

    @property
    def ratio(self) -> float:
        """Of the command's seconds to the baseline's."""
        return self.ran.seconds / mean(wall for wall, _ in self.baseline)

    @property
    def alone(self) -> float:
        """The ratio that processor times tell, as if nothing else ran and all cores were kept busy."""
        return self.ran.busy / CORES / mean(busy for _, busy in self.baseline)


def by_orjson(path: Path) -> tuple[float, float]:
    """One pass of the baseline: wall and processor time."""
    wall, busy = map(float, run([sys.executable, str(HERE / "by_orjson.py"), str(path)]).out.split())
    return wall, busy


def one_round(path: Path, home: Path) -> Round:
    """The command in a fresh home, a pass of the baseline on either side."""
    shutil.rmtree(home, ignore_errors=True)
    before = by_orjson(path)
    ran = evertape_run(home, "extract", str(path))
    return Round(ran=ran, baseline=(before, by_orjson(path)))


def told(one: Round, count: int) -> str:
    """A round in a line."""
    ran = one.ran
    cores = ran.busy / ran.seconds
    return (
        f"{count / ran.seconds:6.1f} companies/s   {ran.seconds:6.2f} s   {cores:.2f} cores   "
        f"{ran.memory / 1e6:4.0f} MB   orjson {one.baseline[0][0]:.2f} and {one.baseline[1][0]:.2f} s   "
        f"{one.ratio:.2f} x baseline, {one.alone:.2f} x by processor time"
    )


def disk(home: Path) -> tuple[int, int]:
    """Bytes of the database, its log moved into it, and of the archive."""
    path = home / "evertape.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = sum(f.stat().st_size for f in (home / "archive").rglob("*") if f.is_file())
    return path.stat().st_size, kept


def rows(home: Path) -> Mapping[str, int]:
    """Rows by table, the largest first; of facts also the reports that they hold."""
    with closing(sqlite3.connect(home / "evertape.db")) as db:
        tables = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        counted = {name: int(db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]) for name in tables}
        counted["reports in facts"] = int(db.execute("SELECT count(*) FROM facts").fetchone()[0])
    return {name: n for name, n in sorted(counted.items(), key=lambda item: -item[1]) if n}


def edgartools(python: Path, place: Path, ours: float, busy: float) -> None:
    """Print what edgartools needs for some of the same companies.

    Args:
        ours: seconds a company of the whole command. busy: of processor time.
    """
    folder = place / "sample"
    make_folder(folder, SAMPLE, packed=False)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = run([str(python), "-W", "ignore", str(HERE / "by_edgartools.py"), str(folder)], env).out
    read = json.loads(said.splitlines()[-1])
    theirs = mean(read["wall"])
    print(
        f"edgartools {read['version']}, parse and {by_edgartools.PERIODS} quarters of three statements, "
        f"{SAMPLE} companies, nothing stored: {1 / theirs:.2f} companies/s"
    )
    alone = mean(read["busy"]) * CORES / busy
    print(
        f"whole command / edgartools: {theirs / ours:.0f} x as fast, {alone:.0f} x by processor time "
        f"(hoped for: {LEAST_FASTER})"
    )


def main(count: int, rounds: int, home: Path | None, python: Path | None) -> None:
    """Print every round, the median, and what is left on disk."""
    if home is not None and home.exists():
        sys.exit(f"{home} is there already, and each round starts with an empty home; name another folder")
    compiled()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        path, kept = place / "companyfacts.zip", home or place / "home"
        size = make_zip(path, count)
        print(f"{count} made companies, {path.stat().st_size / 1e6:,.0f} MB, {size / 1e6:,.0f} MB decoded")
        print(f"Python {sys.version}; without profile-guided optimisation it is a tenth to a third slower")
        print("a shared machine's speed wanders by up to a half: the baseline is run just before and after;")
        print(
            f"by processor time: as if nothing else ran on the {CORES} cores and the command kept them busy"
        )
        done = []
        for number in range(rounds):
            done.append(one_round(path, kept))
            print(f"round {number + 1}: {told(done[-1], count)}", flush=True)
        seconds = median(one.ran.seconds for one in done)
        ratio, alone = median(one.ratio for one in done), median(one.alone for one in done)
        print(f"{'median':<26}{count / seconds:>10,.1f} companies/s of the whole command")
        print(f"{'command / orjson':<26}{ratio:>10.2f} x baseline (hoped for: at most {MOST_RATIO})")
        print(f"{'by processor time':<26}{alone:>10.2f} x baseline")
        database, archive = disk(kept)
        print(f"{'database':<26}{database / 1e6:>10,.1f} MB (hoped for: at most {MOST_DISK / 1e6:.0f})")
        print(f"{'archive, beside it':<26}{archive / 1e6:>10,.1f} MB")
        memory = max(one.ran.memory for one in done)
        print(
            f"{'memory of all processes':<26}{memory / 1e6:>10,.0f} MB (hoped for: {MOST_MEMORY / 1e6:.0f})"
        )
        for table, n in rows(kept).items():
            print(f"{table:<26}{n:>10,} rows")
        if python is None:
            print(f"edgartools is no part of this environment; to compare: {by_edgartools.HOW}")
        else:
            edgartools(python, place, seconds / count, median(one.ran.busy for one in done) / count)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the whole bulk extraction.")
    parser.add_argument("count", nargs="?", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--edgartools", type=Path, metavar="PYTHON")
    said = parser.parse_args()
    main(said.count, said.rounds, said.home, said.edgartools)
