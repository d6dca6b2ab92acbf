"""Every value ends in facts that stand, as they are told, in the archived body."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from evertape.database import history
from evertape.database.facade import Database
from evertape.datasets.facts import key_of
from evertape.datasets.statements import STATEMENTS
from evertape.formats.xbrl import Statements
from evertape.formats.xbrl.concepts import COLUMNS
from evertape.model.records import table_of
from evertape.net.archive import Shelf
from evertape.settings import load
from tests.e2e.world import World

pytestmark = pytest.mark.shared

ROWS = 200
SEED = 6
FEED = "sec.companyfacts"
TREE = "upstream/2026-07-10"


@pytest.fixture
def recorded(world: World, serve: Callable[..., str], shared: Path) -> World:
    """A home with all companies of the recorded tree."""
    world.url = serve(data=shared / TREE)
    world.now = "2026-07-10"
    names = (shared / TREE / "data.sec.gov/api/xbrl/companyfacts").glob("CIK*.json.gz")
    ciks = ",".join(sorted(name.name[3:13] for name in names))
    done = world.run("refresh", "financials", "--symbols", ciks, "--yes")
    assert done.returncode == 0, done.stderr
    return world


@dataclass
class Company:
    """A company's statements, and the facts of its archived body."""

    statements: Statements
    facts: set[tuple[Any, ...]]


@dataclass
class Archive:
    """Companies, each read once."""

    db: Database
    shelf: Shelf
    read: dict[int, Company] = field(default_factory=dict)

    def company(self, cik: int) -> Company:
        if cik not in self.read:
            url = f"https://data.sec.gov/api/xbrl/companyfacts/CIK{key_of(cik)}.json"
            kept = self.shelf.find(url, FEED)
            assert kept is not None
            facts = set(_facts(json.loads(self.shelf.body(kept))))
            self.read[cik] = Company(statements=history.known(self.db.store, cik, None), facts=facts)
        return self.read[cik]


def _facts(body: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for taxonomy, tags in body["facts"].items():
        for tag, told in tags.items():
            for unit, values in told["units"].items():
                for v in values:
                    yield (
                        f"{taxonomy}:{tag}",
                        unit,
                        v.get("start"),
                        v["end"],
                        v["val"],
                        v["accn"],
                        v["form"],
                        v["filed"],
                    )


def _rows(db: Database) -> list[tuple[str, dict[str, Any]]]:
    """Random rows of the three tables."""
    every = []
    for statement, record in STATEMENTS.items():
        names, rows = db.store.sql(f"SELECT * FROM {table_of(record).name} ORDER BY 1, 2, 3")
        every += [(statement, dict(zip(names, row, strict=True))) for row in rows]
    return random.Random(SEED).sample(every, ROWS)


def _wrong(told: history.Explanation, value: float, row: dict[str, Any], facts: set[Any]) -> list[str]:
    """What does not hold of an explanation of a row's value."""
    found = []
    total = sum(o.sign * o.value for o in told.operands)
    if told.value != value or total != pytest.approx(value, rel=1e-12, abs=1e-9):
        found.append(f"{value} is told as {told.value}, the operands' sum is {total}")
    if told.known_from.isoformat() > row["filed_date"]:
        found.append(f"known from {told.known_from}, the row was filed {row['filed_date']}")
    for o in told.operands:
        start = o.start.isoformat() if o.start else None
        fact = (o.tag, o.unit, start, o.end.isoformat(), o.value, o.accession, o.form, o.filed.isoformat())
        if fact not in facts:
            found.append(f"{fact} is not in the archive")
    return found


def test_every_value_of_random_rows_ends_in_archived_facts(recorded: World) -> None:
    settings = load(recorded.environment)
    found, cells = [], 0
    shelf = Shelf(settings.archive)
    kinds: Counter[tuple[str, str]] = Counter()
    with Database(settings, read_only=True) as db:
        archive = Archive(db, shelf)
        for statement, row in _rows(db):
            company = archive.company(row["cik"])
            day, period = date.fromisoformat(row["report_date"]), row["period_type"]
            kinds[statement, period] += 1
            for column in COLUMNS[statement]:
                if row[column] is None:
                    continue
                (told,) = history.explained(company.statements, row["cik"], column, day, period)
                wrong = _wrong(told, row[column], row, company.facts)
                found += [f"{row['cik']} {day} {period} {column}: {what}" for what in wrong]
                cells += 1
    shelf.close()
    assert found == []
    assert cells > 10 * ROWS
    assert len(kinds) == 8  # twelve months have no balance sheet


def test_the_command_explains_twelve_months_by_their_four_quarters(recorded: World) -> None:
    (told,) = recorded.json("explain", "AAPL", "operating_cash_flow", "2024-06-29", "--period", "ttm")
    assert told["period_type"] == "ttm"
    assert sum(o["sign"] * o["value"] for o in told["operands"]) == told["value"]
    assert len(told["operands"]) > 4
    done = recorded.run("explain", "AAPL", "total_assets", "2024-06-29", "--period", "ttm")
    assert (done.returncode, "has no twelve months" in done.stderr) == (2, True)
