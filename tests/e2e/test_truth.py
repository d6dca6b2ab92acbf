"""A generated market knows its truth; what is derived from its facts equals it, trap by trap."""

from __future__ import annotations

import json
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.world import World

TABLES = ("income_statements", "balance_sheets", "cash_flow_statements")
COMPANIES = 200


def held(world: World) -> dict[tuple[int, str, str], dict[str, Any]]:
    """All statement cells by company, report date and period type."""
    rows: dict[tuple[int, str, str], dict[str, Any]] = defaultdict(dict)
    for table in TABLES:
        columns = [c[1] for c in world.sql(f"PRAGMA table_info({table})")]
        for row in world.sql(f"SELECT * FROM {table}"):
            told = dict(zip(columns, row, strict=True))
            rows[told["cik"], told["report_date"], told["period_type"]].update(told)
    return rows


def truths(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/_sandbox/companies") as answer:
        companies = json.load(answer)
    found = []
    for company in companies:
        with urllib.request.urlopen(f"{url}/_sandbox/truth?cik={company['cik']}") as answer:
            found.append({**company, **json.load(answer)})
    return found


def differences(world: World) -> dict[str, list[str]]:
    """Cells that are not the truth's, by trap."""
    rows = held(world)
    wrong: dict[str, list[str]] = defaultdict(list)
    for company in truths(world.url):
        for true in company["periods"]:
            key = (int(company["cik"]), true["report_date"], true["period_type"])
            row = rows.get(key, {})
            for line, value in true["values"].items():
                if row.get(line) != value:
                    wrong[str(company["trap"])].append(f"{key} {line}: {row.get(line)} is not {value}")
    return wrong


def test_every_cell_of_two_hundred_companies_is_the_truth(market: Callable[..., World]) -> None:
    world = market(COMPANIES, seed=11)
    done = world.run("refresh", "financials", "--scope", "all", "--yes")
    assert done.returncode == 0, done.stderr
    wrong = differences(world)
    assert not wrong, {trap: (len(cells), cells[:3]) for trap, cells in wrong.items()}


@pytest.mark.parametrize("seed", [2])
def test_another_seed_is_as_true(market: Callable[..., World], seed: int) -> None:
    world = market(40, seed=seed)
    done = world.run("refresh", "financials", "--scope", "all", "--yes")
    assert done.returncode == 0, done.stderr
    assert not differences(world)
