"""export, as a person types it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World


@pytest.fixture
def apple(world: World, serve: Callable[..., str], shared: Path) -> World:
    """The facts of Apple and Microsoft as recorded in July 2026."""
    world.url = serve(data=shared / "upstream" / "2026-07-10")
    world.now = "2026-07-10"
    done = world.run("refresh", "financials", "--symbols", "AAPL,MSFT", "--yes")
    assert done.returncode == 0, done.stderr
    return world


def rows_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def refused(done: subprocess.CompletedProcess[str], *says: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    for words in says:
        assert words in done.stderr


def stored(world: World, *columns: str) -> list[tuple[Any, ...]]:
    return world.sql(
        f"SELECT {', '.join(columns)} FROM income_statements "
        "WHERE cik = 320193 ORDER BY report_date, period_type"
    )


@pytest.mark.shared
def test_most_recent_is_what_is_stored_and_as_first_reported_is_what_was_said_then(apple: World) -> None:
    export = ("export", "income_statements", "--symbols", "AAPL", "--dimension")
    latest = rows_of(apple.run(*export, "MRQ"))
    first = rows_of(apple.run(*export, "ARQ"))
    told = stored(apple, "report_date", "eps_diluted", "period_type")
    assert [(r["report_date"], r["eps_diluted"]) for r in latest] == [
        (day, "" if eps is None else str(eps)) for day, eps, period in told if period == "quarter"
    ]
    assert rows_of(apple.run(*export, "arq")) == first
    assert list(first[0]) == list(latest[0])
    assert [r["report_date"] for r in first] == [r["report_date"] for r in latest]
    # 10-Q for the quarter, before the split of seven for one; the report for 2015 counts after it.
    (then,) = [r for r in first if r["report_date"] == "2014-03-29"]
    (now,) = [r for r in latest if r["report_date"] == "2014-03-29"]
    assert (then["eps_diluted"], then["filed_date"]) == ("11.62", "2014-04-24")
    assert (now["eps_diluted"], then["revenue"] == now["revenue"]) == ("1.66", True)
    (year,) = [
        r
        for r in rows_of(
            apple.run("export", "cash_flow_statements", "--dimension", "ARY", "--symbols", "AAPL")
        )
        if r["report_date"] == "2016-09-24"
    ]
    assert (year["operating_cash_flow"], year["form"]) == ("65824000000.0", "10-K")
    year_2020 = ("--since", "2020-01-01", "--until", "2020-12-31")
    both = rows_of(apple.run("export", "income_statements", "--dimension", "ARY", *year_2020))
    assert [(r["symbol"], r["report_date"]) for r in both] == [
        ("AAPL", "2020-09-26"),
        ("MSFT", "2020-06-30"),
    ]


@pytest.mark.shared
@pytest.mark.parametrize("reading", ["AR", "MR"])
def test_twelve_months_have_the_balance_sheet_of_their_last_day(apple: World, reading: str) -> None:
    def told(table: str, dimension: str) -> dict[tuple[str, str], dict[str, str]]:
        rows = rows_of(apple.run("export", table, "--dimension", f"{reading}{dimension}"))
        found = {(r["symbol"], r["report_date"]): r for r in rows}
        assert len(found) == len(rows)
        assert list(found) == sorted(found)
        return found

    sheets, flows = told("balance_sheets", "T"), told("income_statements", "T")
    assert {r["period_type"] for r in (*sheets.values(), *flows.values())} == {"ttm"}
    quarters, years = told("balance_sheets", "Q"), told("balance_sheets", "Y")
    assert set(sheets) == set(quarters) | set(years)
    both = set(sheets) & set(flows)
    assert len(both) > 60
    assert all(sheets[key]["fiscal_period"] == flows[key]["fiscal_period"] for key in both)
    for key, row in sheets.items():
        of_the_day = years.get(key) or quarters[key]
        assert {**row, "period_type": ""} == {**of_the_day, "period_type": ""}


@pytest.mark.shared
def test_the_ending_of_the_file_says_the_format_and_json_tells_what_was_written(
    apple: World, tmp_path: Path
) -> None:
    target = tmp_path / "apple.jsonl"
    told = apple.json(
        "export", "income_statements", "--symbols", "AAPL", "--period", "annual", "--out", str(target)
    )
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert (told["format"], told["rows"], told["size"]) == ("jsonl", len(rows), target.stat().st_size)
    assert [(r["report_date"], r["net_income"]) for r in rows] == [
        (day, income)
        for day, income, period in stored(apple, "report_date", "net_income", "period_type")
        if period == "annual"
    ]
    parquet = apple.run("export", "facts", "--out", str(tmp_path / "facts.parquet"))
    assert (parquet.returncode, parquet.stdout) == (0, "")
    assert (tmp_path / "facts.parquet").read_bytes()[:4] == b"PAR1"
    refused(apple.run("export", "facts", "--out", str(target)), "apple.jsonl is there already", "--force")


def test_what_needs_a_file_says_so_and_reads_nothing(world: World) -> None:
    refused(world.run("export", "facts", "--format", "xlsx"), "--out FILE.xlsx")
    refused(
        world.run("export", "facts", "--format", "parquet"), "not written to stdout", "--out FILE.parquet"
    )
    refused(world.run("export", "facts", "--json"), "--out", "jsonl")
    refused(world.run("export", "facts"), "evertape refresh financials")
    assert not world.home.exists()


def test_every_table_of_the_catalogue_can_be_exported(market: Callable[..., World]) -> None:
    world = market(4)
    assert world.run("refresh", "financials", "--scope", "all", "--yes").returncode == 0
    refused(world.run("export", "balance_sheets", "--period", "ttm"), "no twelve months", "--dimension MRT")
    refused(world.run("export", "balance_vintages", "--period", "ttm"), "no twelve months")
    done = world.run("export", "prices_of_tulips")
    refused(done, "prices_of_tulips is no table")
    tables = done.stderr.rpartition("choose one of ")[2].strip().split(", ")
    assert {"income_statements", "facts", "stocks", "index_membership"} <= set(tables)
    for table in tables:
        (count,) = world.sql(f"SELECT COUNT(*) FROM {table}")[0]
        assert len(rows_of(world.run("export", table))) == count
