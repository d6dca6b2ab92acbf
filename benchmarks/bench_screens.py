"""All companies as known on a day: building vintages, their size, and the question in SQL.

The baselines: `standardize_series` at each filing day in place of the incremental cut, and the question
answered from facts, company by company. Companies are made of recorded ones.

    python benchmarks/bench_screens.py [companies]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import cycle, islice
from pathlib import Path

from benchmarks.made_companies import FIRST_CIK, patterns

from evertape import catalog
from evertape.database import screens
from evertape.datasets.vintages import STATEMENTS
from evertape.formats.xbrl import CompanyFacts, decode, standardize
from evertape.formats.xbrl.facts import day_of
from evertape.formats.xbrl.vintages import Vintage, vintages
from evertape.model.records import Batch
from evertape.model.store import Commit
from evertape.stores.sqlite import SqliteStore

AT = datetime(2026, 7, 10, tzinfo=UTC)
DAYS = (date(2012, 11, 1), date(2019, 11, 1), date(2025, 11, 1))
QUESTIONS = {
    "one line, quarter": ({"income": ["revenue"]}, "quarter"),
    "three statements, ttm": (
        {"income": ["revenue"], "cash_flow": ["capital_expenditures"], "balance": ["total_assets"]},
        "ttm",
    ),
}


def recorded() -> list[CompanyFacts]:
    """The recorded companies, decoded."""
    return [decode(p.before + b"1" + p.between + p.rest) for p in patterns()]


def best(run: Callable[[], object], times: int = 3) -> float:
    """Milliseconds of CPU of the quickest run."""
    took = []
    for _ in range(times):
        began = time.process_time()
        run()
        took.append(time.process_time() - began)
    return min(took) * 1000


def each_day(facts: CompanyFacts) -> None:
    """The baseline: every row of every filing day, made from all facts."""
    for number in sorted({day for day, _ in facts.filed.values()}):
        standardize(facts, as_of=day_of(number))


def fill(store: SqliteStore, built: list[dict[str, list[Vintage]]], count: int) -> None:
    """Write vintages of `count` companies."""
    for cik, found in enumerate(islice(cycle(built), count), FIRST_CIK):
        batches = [
            Batch(record=record, rows=[(cik, *row[1:]) for row in found[statement]])
            for statement, record in STATEMENTS.items()
        ]
        store.commit(Commit(at=AT, batches=batches))


def main(count: int = 500) -> None:
    """Print all figures."""
    companies = recorded()
    ours = statistics.mean(best(lambda f=f: vintages(f.series, f.filed, f.cik)) for f in companies)  # type: ignore[misc]
    slow = statistics.mean(best(lambda f=f: each_day(f), 1) for f in companies)  # type: ignore[misc]
    print(f"build, ms a company: {ours:.0f}; baseline, each day anew: {slow:.0f}; ratio {slow / ours:.2f}")
    found = catalog.find()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "evertape.db"
        store = SqliteStore(path)
        store.migrate(found.records, rebuildable=found.rebuildable)
        fill(store, [vintages(f.series, f.filed, f.cik) for f in companies], count)
        size = sum(file.stat().st_size for file in path.parent.glob("evertape.db*"))
        print(f"{count} companies: at most {size / 1e6:.0f} MB, {size / count / 1e6:.2f} MB a company")
        for name, (wanted, period) in QUESTIONS.items():
            lines = [line for named in wanted.values() for line in named]
            for day in DAYS:
                text = screens.query(wanted, lines, period)
                took, rows = [], 0
                for _ in range(5):
                    began = time.perf_counter()
                    rows = len(store.sql(text, (day.isoformat(),))[1])
                    took.append(time.perf_counter() - began)
                print(f"{name}, {day}: {rows} rows, {statistics.median(took) * 1000:.0f} ms")
        store.close()
    anew = statistics.mean(best(lambda f=f: standardize(f, as_of=DAYS[2]), 1) for f in companies)  # type: ignore[misc]
    print(f"baseline, from facts in memory: {anew * count:.0f} ms for {count} companies")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
