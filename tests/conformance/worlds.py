"""Made-up rows and holdings of any dataset, from its own declaration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from evertape.catalog import Catalog, find
from evertape.model.dataset import Asked, Dataset, Evidence
from evertape.model.records import Column, Record, table_of
from evertape.model.unit import Holding, Outcome, Standing, Unit

CATALOG: Catalog = find(Path(__file__).parent / "plugins")
"""Everything that ships, and the made-up pair."""
NOW = datetime(2026, 7, 10, 12, tzinfo=UTC)
ASKED = Asked(
    companies={"0000320193": "AAPL", "0000037996": "F", "0001067983": "BRK-B"},
    scope="symbols",
    since=date(2016, 1, 1),
    listings={
        "AAPL:320193": "AAPL",
        "F:37996": "F",
        "BRK-B:1067983": "BRK-B",
        "GE:40545": "GE",
        "IBM:51143": "IBM",
    },
)
_ROWS = 12
_MOST_ROUNDS = 6


def value(column: Column, number: int) -> Any:
    """The `number`th made-up value of a column; every third is null where that may be."""
    if column.nullable and number % 3 == 1:
        return None
    if column.name == "cik":
        return int(list(ASKED.companies)[number % len(ASKED.companies)])
    made: dict[str, Any] = {
        "integer": number,
        "real": 1.5 * number,
        "text": f"text-{number}",
        "coded": f"code {number % 3}",
        "date": NOW.date() - timedelta(days=number),
        "instant": NOW - timedelta(days=number, hours=number),
        "boolean": number % 2 == 0,
        "accession": f"{number:010d}-26-{number:06d}",
        "packed": "[]",
    }
    return made[column.kind]


def row(record: type[Record], number: int) -> tuple[Any, ...]:
    """A made-up row of a record."""
    return tuple(value(column, number) for column in table_of(record).columns)


def rows_for(dataset: Dataset) -> dict[str, list[tuple[Any, ...]]]:
    """What the freshness rule wants to see."""
    found = {}
    for wanted in dataset.wanted:
        table = table_of(wanted.record)
        columns = [table.columns[table.position(name)] for name in wanted.columns]
        rows = [tuple(value(column, n) for column in columns) for n in range(_ROWS)]
        found[table.name] = [(*made, n) for n, made in enumerate(rows)] if wanted.counting else rows
    return found


def evidence(dataset: Dataset, held: Mapping[str, Holding], *, rows: bool) -> Evidence:
    """Evidence with these holdings of the dataset, and none of the others, its parent's apart.

    What is built on request is due where its parent is held.
    """
    tables = rows_for(dataset)
    holdings: dict[str, Mapping[str, Holding]] = {name: {} for name in CATALOG.datasets}
    if dataset.derived is not None:
        holdings[dataset.derived.parent] = {
            key: Holding(
                unit=Unit(dataset.derived.parent, key),
                outcome=Outcome.SETTLED,
                checked_at=NOW,
                source="made up",
            )
            for key in ASKED.companies
        }
    holdings[dataset.name] = dict(held)
    return Evidence(rows=tables if rows else {name: [] for name in tables}, holdings=holdings)


def settled(standings: list[Standing], at: datetime, **changes: Any) -> dict[str, Holding]:
    """Holdings that settle what is due; their mark is the evidence that was answered for."""
    holding = {
        s.unit.key: Holding(
            unit=s.unit,
            outcome=Outcome.SETTLED,
            checked_at=at,
            source="made up",
            mark=" ".join(s.evidence),
        )
        for s in standings
        if s.unit
    }
    return {key: replace(held, **changes) for key, held in holding.items()}


def rounds(dataset: Dataset, *, rows: bool) -> Iterator[list[Standing]]:
    """What is due in an empty home, then after that was settled, and so on to the end.

    Raises:
        AssertionError: there is no end.
    """
    assert dataset.due is not None
    held: dict[str, Holding] = {}
    for _ in range(_MOST_ROUNDS):
        standings = list(dataset.due(evidence(dataset, held, rows=rows), ASKED, NOW))
        yield standings
        if not any(standing.unit for standing in standings):
            return
        held |= settled(standings, NOW)
    raise AssertionError(f"{dataset.name} is due again and again: {list(held)}")


def states(dataset: Dataset) -> Iterator[Evidence]:
    """Homes in many states: empty, fresh, old, waiting, given up; with rows and without."""
    for rows in (False, True):
        every: list[Standing] = [s for standings in rounds(dataset, rows=rows) for s in standings]
        yield evidence(dataset, {}, rows=rows)
        for age in (0, 1, 8, 40, 2000):
            at = NOW - timedelta(days=age)
            yield evidence(dataset, settled(every, at), rows=rows)
            yield evidence(dataset, settled(every, at, mark="", size=10), rows=rows)
            for hours in (-1, 1):
                later = NOW + timedelta(hours=hours)
                waiting = settled(
                    every, at, outcome=Outcome.PENDING, strikes=2, not_before=later, note="later"
                )
                yield evidence(dataset, waiting, rows=rows)
            yield evidence(dataset, settled(every, at, outcome=Outcome.NOTHING, size=10), rows=rows)
