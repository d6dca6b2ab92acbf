"""Rows a second and bytes a row: coded commits of the store, against plain text rows in sqlite3.

The baseline writes the same rows in the same transactions by `executemany` of INSERT OR REPLACE,
dates and accessions as text, and does none of the store's work: no checks, no stamps, no coverage.

    python benchmarks/bench_store.py [companies]
"""

from __future__ import annotations

import gc
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from evertape.model.records import Batch, Condition, Record, Row, Truth, column
from evertape.model.store import Commit
from evertape.stores.sqlite import SqliteStore

ROWS = 5000
AT = datetime(2024, 1, 1, tzinfo=UTC)


class BenchFact(Record):
    """A fact, as the facts dataset shapes it. Values are generated."""

    table = "bench_facts"
    key = ("cik", "taxonomy", "tag", "unit", "end_date", "start_date", "filed_date", "accession_number")
    compact = True
    absent = "absent_on"

    cik: int = column("company")
    taxonomy: str = column("taxonomy", kind="coded")
    tag: str = column("element", kind="coded")
    unit: str = column("unit", kind="coded")
    start_date: date | None = column("first day")
    end_date: date = column("last day")
    value: float = column("value")
    filed_date: date = column("day of filing")
    accession_number: str = column("filing", kind="accession")
    form: str = column("form", kind="coded")
    absent_on: date | None = column("first day without it")


def company(cik: int, seed: random.Random) -> list[Row]:
    """Facts of one made-up company: 60 quarters of 84 elements, in no order."""
    rows: list[Row] = []
    for number in range(ROWS):
        quarter, tag = number % 60, number // 60
        end = date(2010, 3, 31) + timedelta(days=91 * quarter)
        start = end - timedelta(days=90) if tag % 2 else None
        value = float(seed.randint(-(10**9), 10**11))
        filed = end + timedelta(days=30)
        accession = f"{cik:010d}-{filed.year % 100:02d}-{quarter:06d}"
        row = (cik, "us-gaap", f"Element{tag}", "USD", start, end, value, filed, accession, "10-Q", None)
        rows.append(row)
    seed.shuffle(rows)
    return rows


def store_pass(store: SqliteStore, companies: Sequence[list[Row]]) -> tuple[float, float]:
    """Seconds in all, and of the slowest commit."""
    slowest = total = 0.0
    for rows in companies:
        whole = Truth(record=BenchFact, where=(Condition(column="cik", op="=", value=rows[0][0]),))
        began = time.perf_counter()
        store.commit(Commit(at=AT, batches=[Batch(record=BenchFact, rows=rows)], truths=[whole]))
        took = time.perf_counter() - began
        total, slowest = total + took, max(slowest, took)
    return total, slowest


def baseline_pass(connection: sqlite3.Connection, companies: Sequence[list[Row]]) -> tuple[float, float]:
    """The same for plain rows; turning dates into text is part of it."""
    marks = ", ".join("?" * len(companies[0][0]))
    slowest = total = 0.0
    for rows in companies:
        began = time.perf_counter()
        texts = [tuple(v.isoformat() if isinstance(v, date) else v for v in row) for row in rows]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(f"INSERT OR REPLACE INTO plain VALUES ({marks})", texts)
        connection.execute("COMMIT")
        took = time.perf_counter() - began
        total, slowest = total + took, max(slowest, took)
    return total, slowest


def report(name: str, run: Callable[[], tuple[float, float]], count: int) -> float:
    """Run a pass, print its figures, return rows a second."""
    total, slowest = run()
    print(f"{name:<34}{count / total:>12,.0f} rows/s   slowest commit {slowest * 1000:6.1f} ms")
    return count / total


def main(companies: int = 60) -> None:
    """Print both sides and their ratio."""
    seed = random.Random(7)
    generated = [company(1000 + number, seed) for number in range(companies)]
    seed.shuffle(generated)
    count = companies * ROWS
    # The generated rows are not the garbage collector's business on either side.
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        coded, plain = Path(folder) / "coded.db", Path(folder) / "plain.db"
        connection = sqlite3.connect(plain, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE plain (cik INTEGER, taxonomy TEXT, tag TEXT, unit TEXT, start_date TEXT,"
            " end_date TEXT, value REAL, filed_date TEXT, accession_number TEXT, form TEXT, absent_on TEXT,"
            " UNIQUE (cik, taxonomy, tag, unit, end_date, start_date, filed_date, accession_number))"
        )
        store = SqliteStore(coded)
        store.migrate([BenchFact])
        base = report(
            "baseline, INSERT OR REPLACE, text", lambda: baseline_pass(connection, generated), count
        )
        ours = report("store, coded, first time", lambda: store_pass(store, generated), count)
        again = report("store, coded, nothing changed", lambda: store_pass(store, generated), count)
        connection.close()
        store.close()
        print(f"store / baseline: {ours / base:.2f} (unchanged rows: {again / base:.2f})")
        sizes = [path.stat().st_size / count for path in (coded, plain)]
        print(f"bytes a row: {sizes[0]:.1f} coded, {sizes[1]:.1f} as text")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
