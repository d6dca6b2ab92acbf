"""What is said to have been known on a day is what the facts filed until then say, and nothing else."""

from __future__ import annotations

import gzip
import random
from datetime import date
from pathlib import Path

import pytest

from evertape.formats.xbrl import Statements, decode, standardize
from evertape.formats.xbrl.concepts import COLUMNS
from evertape.formats.xbrl.vintages import FILING, HEAD, as_of, vintages
from tests.conftest import SHARED
from tests.formats.xbrl.recorded import Recorded, bodies

pytestmark = pytest.mark.shared

DAYS = 50
SEED = 20260710
CELLS = 6
BODIES = bodies(SHARED)
COMPARED = [name for name in HEAD if name not in (*FILING, "known_to")]


def _cells(told: Statements, chosen: random.Random) -> list[tuple[str, date, str, str]]:
    """Some cells of the rows, null or not."""
    return [
        (statement, row[1], row[2], chosen.choice(COLUMNS[statement]))
        for statement, rows in told.rows.items()
        for row in chosen.sample(rows, min(CELLS // 3, len(rows)))
    ]


def _look_ahead(company: Recorded) -> list[str]:
    """Days on which the rows as of the day are not those of the body cut at it."""
    chosen = random.Random(SEED)
    cuts: dict[bytes, Statements] = {}
    found = []
    for day in company.days(SEED, DAYS):
        told = standardize(company.facts, as_of=day)
        body = company.cut(day)
        if body not in cuts:
            cuts[body] = standardize(decode(body))
        then = cuts[body]
        for statement, rows in then.rows.items():
            if told.rows[statement] != rows:
                differ = set(told.rows[statement]) ^ set(rows)
                found.append(f"{company.name} {day} {statement}: {sorted({r[1:3] for r in differ})}")
        found += [
            f"{company.name} {day} {cell}"
            for cell in _cells(then, chosen)
            if told.explain(*cell) != then.explain(*cell)
        ]
    return found


@pytest.fixture(scope="module", params=BODIES, ids=lambda file: f"{file.parts[-6]} {file.name[3:13]}")
def company(request: pytest.FixtureRequest) -> Recorded:
    """A recorded company; all tests of one come before those of the next."""
    return Recorded(gzip.decompress(request.param.read_bytes()))


def test_every_recorded_company_is_compared(shared: Path) -> None:
    """The comparisons below would say nothing of a company that was left out."""
    left_out = set((shared / "upstream").rglob("companyfacts/CIK*.json.gz")) - set(BODIES)
    compared = {gzip.decompress(file.read_bytes()) for file in BODIES}
    assert len(compared) == len(BODIES) > 15
    for body in (gzip.decompress(file.read_bytes()) for file in left_out):
        assert body in compared or b'"accn"' not in body


def test_rows_as_of_a_day_are_those_of_the_body_without_what_was_filed_later(company: Recorded) -> None:
    assert _look_ahead(company) == []


def test_leaving_out_the_tags_that_are_not_read_changes_nothing(company: Recorded) -> None:
    assert decode(company.cut(date.max)) == company.facts


def test_cutting_at_a_day_takes_facts_away(company: Recorded) -> None:
    """The comparison above would say nothing if the cut left everything in place."""
    days = sorted(company.days(SEED, DAYS))
    counts = [decode(company.cut(day)).count for day in days[:: DAYS // 5]]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] // 4


def test_vintages_are_the_rows_as_of_a_day(company: Recorded) -> None:
    found = []
    facts = company.facts
    every = vintages(facts.series, facts.filed, facts.cik)
    for day in company.days(SEED + 1, 4):
        told = standardize(facts, as_of=day)
        for statement, stood in as_of(every, day).items():
            names = (*HEAD, *COLUMNS[statement])
            rows = [
                {n: v for n, v in zip(names, row, strict=True) if n not in ("known_to", *FILING)}
                for row in stood
            ]
            then = [{n: v for n, v in row.items() if n not in FILING} for row in getattr(told, statement)]
            if rows != then:
                found.append(f"{day} {statement}")
    assert found == []
