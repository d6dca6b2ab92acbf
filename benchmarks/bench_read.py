"""Reading a home of 500 made companies: whole commands from start to exit, and queries over all of them.

The home is made by `evertape extract` where --home does not hold one yet, and stays there.

Baselines, measured in the same run:
- of a command: an interpreter that starts, loads the company's recorded JSON with `orjson.loads`, keeps the
  facts filed until the day in a plain loop, and exits. It makes no statement of them;
- of the query "now": the same loop over all bodies, without a start, for 20 of them and scaled up.

    python benchmarks/bench_read.py [--home FOLDER] [--rounds N]
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.made_companies import FIRST_CIK, made, make_zip
from benchmarks.whole_command import compiled, environment, evertape_run, run

COMPANIES = 500
DAY = "2021-11-01"
SAMPLE = 20
MOST = 0.5
"""Seconds hoped for, of the statements as of a day."""
NOW = """
    SELECT cik, report_date, revenue, MAX(report_date) FROM income_statements
    WHERE period_type = 'quarter' AND revenue IS NOT NULL GROUP BY cik
"""
KNOWN = """
    SELECT cik, MAX(report_date) AS report_date, revenue, filed_date, accession_number
      FROM income_vintages
     WHERE period_type = 'quarter' AND known_from <= :day AND (known_to IS NULL OR known_to > :day)
     GROUP BY cik
"""
"""As the documentation of the vintages gives it."""
PLAIN = """
import sys
import orjson
body, day = open(sys.argv[1], "rb").read(), sys.argv[2]
kept = [
    (tag, unit, v)
    for tags in orjson.loads(body)["facts"].values()
    for tag, told in tags.items()
    for unit, values in told["units"].items()
    for v in values
    if v["filed"] <= day
]
"""


def middle(rounds: int, act: Callable[[], float]) -> float:
    """The median of some measurements, in seconds, the first left out: it warms the disk's cache."""
    act()
    return median(act() for _ in range(rounds))


def timed(act: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def line(what: str, seconds: float, rest: str = "") -> None:
    """Print one figure."""
    print(f"{what:<46}{seconds * 1000:>8,.0f} ms   {rest}", flush=True)


def commands(home: Path, body: Path, rounds: int) -> None:
    """Whole commands, each beside the baseline measured just before it."""
    script = body.with_suffix(".py")
    script.write_text(PLAIN)
    plain = [sys.executable, str(script), str(body), DAY]
    cik = str(FIRST_CIK)
    for arguments, hoped in (
        (("statements", cik, "--as-of", DAY), f"hoped for: under {MOST * 1000:.0f} ms"),
        (("statements", cik), ""),
        (("status",), ""),
        (("--help",), ""),
    ):
        base = middle(rounds, lambda: run(plain, environment(home)).seconds)
        took = middle(rounds, lambda said=arguments: evertape_run(home, *said).seconds)  # type: ignore[misc]
        line(
            f"evertape {' '.join(arguments)}",
            took,
            f"{took / base:.2f} x baseline ({base * 1000:.0f} ms)  {hoped}",
        )


def queries(home: Path, rounds: int) -> None:
    """Queries over all companies."""
    import orjson

    bodies = [company.body for company in made(SAMPLE)]
    base = timed(lambda: [orjson.loads(body) for body in bodies]) * COMPANIES / SAMPLE
    line(f"baseline, orjson.loads of {COMPANIES} bodies", base, f"from {SAMPLE} of them")
    with closing(sqlite3.connect(home / "evertape.db")) as db:
        found = len(db.execute(NOW).fetchall())
        took = middle(rounds, lambda: timed(lambda: db.execute(NOW).fetchall()))
        line("SQL, latest revenue of each", took, f"{found} companies, {took / base:.4f} x baseline")
        there = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'income_vintages'").fetchone()
        found = len(db.execute(KNOWN, {"day": DAY}).fetchall()) if there else 0
        if not found:
            print("no vintages are held; to time revenue as of a day: evertape refresh vintages in that home")
            return
        took = middle(rounds, lambda: timed(lambda: db.execute(KNOWN, {"day": DAY}).fetchall()))
        line(
            f"SQL, revenue of each as known on {DAY}",
            took,
            f"{found} companies, {took / base:.4f} x baseline",
        )


def main(home: Path | None, rounds: int) -> None:
    """Print every figure."""
    compiled()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        home = home or place / "home"
        if not (home / "evertape.db").exists():
            path = place / "companyfacts.zip"
            make_zip(path, COMPANIES)
            evertape_run(home, "extract", str(path), "--no-archive")
        body = place / "company.json"
        body.write_bytes(next(iter(made(1))).body)
        size = body.stat().st_size / 1e6
        print(f"a home of {COMPANIES} made companies; baseline of a command: start, orjson.loads of one")
        print(f"company's JSON ({size:.1f} MB), the facts filed until {DAY}, exit")
        commands(home, body, rounds)
        queries(home, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure reading.")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    said = parser.parse_args()
    main(said.home, said.rounds)
