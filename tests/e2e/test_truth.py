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
COMPANIES, FEW = 200, 100


def held(world: World) -> dict[tuple[int, str, str], dict[str, Any]]:
    """All statement cells of quarters and years by company, report date and period type."""
    rows: dict[tuple[int, str, str], dict[str, Any]] = defaultdict(dict)
    for table in TABLES:
        columns = [c[1] for c in world.sql(f"PRAGMA table_info({table})")]
        for row in world.sql(f"SELECT * FROM {table}"):
            told = dict(zip(columns, row, strict=True))
            if told["period_type"] == "ttm":
                continue
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


def expected(company: dict[str, Any]) -> dict[tuple[int, str, str], dict[str, Any] | None]:
    """True cells by row; None for a row that facts cannot tell yet.

    A scale slip that was never mended is stored as filed.
    """
    rows: dict[tuple[int, str, str], dict[str, Any] | None] = {}
    for row in company["periods"]:
        waits = row["accession"] in company["pending"]
        cells = None if waits else {**row["values"], **row.get("as_filed", {})}
        rows[int(company["cik"]), row["report_date"], row["period_type"]] = cells
    return rows


def differences(world: World) -> dict[str, list[str]]:
    """Cells that are not the truth's, by trap; and rows that no truth has."""
    rows = held(world)
    wrong: dict[str, list[str]] = defaultdict(list)
    for company in truths(world.url):
        mine = {key: row for key, row in rows.items() if key[0] == int(company["cik"])}
        true = expected(company)
        for key, cells in true.items():
            row = mine.get(key, {})
            wrong[str(company["trap"])] += [
                f"{key} {line}: {row.get(line)} is not {value}"
                for line, value in (cells or {}).items()
                if row.get(line) != value
            ]
        known = {key for key, cells in true.items() if cells is not None}
        wrong[str(company["trap"])] += [f"{key} is made up" for key in mine if key not in known]
    return {trap: cells for trap, cells in wrong.items() if cells}


def refresh_everything(world: World) -> None:
    """All listed companies, then by CIK those that have no ticker."""
    done = world.run("refresh", "financials", "--scope", "all", "--yes")
    assert done.returncode == 0, done.stderr
    unlisted = [str(company["cik"]) for company in truths(world.url) if company["symbol"] is None]
    assert unlisted
    done = world.run("refresh", "financials", "--symbols", ",".join(unlisted), "--yes")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("companies", "seed"), [(FEW, 11), (40, 2), pytest.param(COMPANIES, 11, marks=pytest.mark.soak)]
)
def test_every_cell_is_the_truth(market: Callable[..., World], companies: int, seed: int) -> None:
    world = market(companies, seed=seed)
    refresh_everything(world)
    wrong = differences(world)
    assert not wrong, {trap: (len(cells), cells[:3]) for trap, cells in wrong.items()}
