"""All companies as known on a day: built without a request, and told to be behind where they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from evertape.database import Selection
from evertape.database.facade import Database
from evertape.datasets import vintages as dataset
from evertape.errors import UserError
from evertape.model.events import Event, ItemSettled
from evertape.settings import load
from tests.e2e.conftest import MARKET_DAY
from tests.e2e.world import World, tables

FINANCIALS = ("refresh", "financials", "--scope", "all", "--yes")
BUILD = ("refresh", "vintages", "--yes")
TABLES = ("income_vintages", "balance_vintages", "cash_flow_vintages")


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory, serve_for_all: Callable[..., str]) -> World:
    """Six made-up companies, and no vintages. Only for copying."""
    url = serve_for_all(market=6, seed=3, today=MARKET_DAY)
    world = World(home=tmp_path_factory.mktemp("fetched") / "home", url=url, now=MARKET_DAY.isoformat())
    assert world.run(*FINANCIALS).returncode == 0
    return world


@pytest.fixture(scope="module")
def with_vintages(tmp_path_factory: pytest.TempPathFactory, fetched: World) -> World:
    """The same with vintages. Only for copying."""
    world = fetched.copied(tmp_path_factory.mktemp("built"))
    assert world.run(*BUILD).returncode == 0
    return world


@pytest.fixture
def held(tmp_path: Path, fetched: World) -> World:
    """Six made-up companies, and no vintages."""
    return fetched.copied(tmp_path)


@pytest.fixture
def built(tmp_path: Path, with_vintages: World) -> World:
    """The same with vintages."""
    return with_vintages.copied(tmp_path)


def opened(world: World) -> Database:
    return Database(load(world.environment))


def vintages(world: World) -> dict[str, Any]:
    return {name: rows for name, rows in tables(world.home).items() if name in TABLES}


def records(frame: Any) -> list[dict[str, Any]]:
    return frame.astype(object).where(frame.notna(), None).to_dict("records")  # type: ignore[no-any-return]


def test_they_are_planned_as_no_request_built_and_then_current(held: World) -> None:
    checked = held.json("refresh", "vintages", "--check", code=3)
    (step,) = checked["plan"]["steps"]
    assert (step["feed"], len(step["calls"]), step["cost"]["requests"]) == ("held.vintages", 6, 0)
    assert step["cost"]["seconds"] > 0
    told = held.json(*BUILD)
    assert (told["job"]["right"], told["job"]["failed"], told["job"]["requests"]) == (6, 0, 0)
    assert told["job"]["rows"] > 500
    assert held.json("jobs", "list")[0]["target"] == "vintages"
    assert held.json("status", "vintages")["behind"] == 0
    assert held.json("refresh", "vintages")["plan"]["steps"] == []
    assert held.stats()["requests"] == 0


def test_some_are_built_where_some_are_named(held: World) -> None:
    ((cik,),) = held.sql("SELECT MIN(cik) FROM income_statements")
    assert held.json("refresh", "vintages", "--symbols", str(cik), "--yes")["job"]["right"] == 1
    assert held.sql("SELECT DISTINCT cik FROM income_vintages") == [(cik,)]
    assert held.json("status", "vintages")["behind"] == 5
    with opened(held) as db:
        frame = db.known_on("2026-06-30", ["revenue"])
        assert frame.attrs["note"].startswith("5 companies are behind their facts, 5 of them without any")


def test_what_stands_now_is_what_the_statements_hold(built: World) -> None:
    for statement, vintage in (
        ("income_statements", "income_vintages"),
        ("balance_sheets", "balance_vintages"),
        ("cash_flow_statements", "cash_flow_vintages"),
    ):
        names = [c[1] for c in built.sql(f"PRAGMA table_info({statement})")]
        shared = [c[1] for c in built.sql(f"PRAGMA table_info({vintage})") if c[1] in names]
        own = ", ".join(
            c for c in shared if c not in ("known_from", "filed_date", "accession_number", "form")
        )
        stands = built.sql(f"SELECT {own} FROM {vintage} WHERE known_to IS NULL ORDER BY 1, 2, 3")
        assert stands == built.sql(f"SELECT {own} FROM {statement} ORDER BY 1, 2, 3")
        assert (
            built.sql(f"SELECT 1 FROM {vintage} WHERE known_to <= known_from OR filed_date > known_from")
            == []
        )


@pytest.mark.parametrize("period", ["annual", "quarter", "ttm"])
def test_a_screen_is_each_companys_own_history(built: World, period: str) -> None:
    lines = ["revenue", "operating_cash_flow", "total_assets"]
    with opened(built) as db:
        for day in ("2019-05-10", "2024-11-07", "2026-06-30"):
            screen = records(db.known_on(day, lines, period=period))
            assert len(screen) > 3
            for row in screen:
                known = records(db.statements(str(row["cik"]), period=period, as_of=day))
                income = [k for k in known if k["revenue"] is not None or k["net_income"] is not None]
                latest = max(income, key=lambda k: k["report_date"])
                assert row["report_date"] == latest["report_date"]
                assert row["revenue"] == latest["revenue"]
                assert row["operating_cash_flow"] == latest["operating_cash_flow"]
                if period != "ttm":
                    assert row["total_assets"] == latest["total_assets"]
                assert row["total_assets"] is not None
                assert row["filed_date"] <= day
                assert row["behind"] is False


@pytest.mark.parametrize("period", ["annual", "quarter", "ttm"])
def test_a_company_of_which_any_line_is_known_is_there_in_whatever_order(built: World, period: str) -> None:
    lines = ("revenue", "operating_cash_flow", "total_assets")
    with opened(built) as db:
        everybody = list(db.known_on("2026-06-30", lines, period=period)["cik"])
    without_income, balance_alone = everybody[:2]
    built.write("DELETE FROM income_vintages WHERE cik IN (?, ?)", without_income, balance_alone)
    built.write("DELETE FROM cash_flow_vintages WHERE cik = ?", balance_alone)
    with opened(built) as db:
        for order in permutations(lines):
            rows = {row["cik"]: row for row in records(db.known_on("2026-06-30", order, period=period))}
            assert list(rows) == everybody
            for cik, known in ((without_income, lines[1:]), (balance_alone, lines[2:])):
                row = rows[cik]
                assert {line for line in lines if row[line] is not None} == set(known)
                assert None not in (row["report_date"], row["filed_date"], row["accession_number"])


def test_one_line_needs_no_list(built: World) -> None:
    with opened(built) as db:
        one = db.known_on(date(2024, 11, 7), "revenue", period="quarter")
        assert records(one) == records(db.known_on("2024-11-07", ["revenue"], period="quarter"))
        assert len(one)


def test_the_documented_sql_is_the_screen(built: World) -> None:
    query = str(dataset.__doc__).split("\n\n")[1].replace(":day", "?1")
    with opened(built) as db:
        screen = records(db.known_on("2024-11-07", ["revenue"], period="quarter"))
        assert screen
        _, rows = db.store.sql(query, ("2024-11-07",))
    assert rows == [
        tuple(r[n] for n in ("cik", "report_date", "revenue", "filed_date", "accession_number"))
        for r in screen
    ]


def test_without_vintages_or_with_a_wrong_name_it_says_what_to_type(held: World) -> None:
    with opened(held) as db, pytest.raises(UserError, match="evertape refresh vintages"):
        db.known_on("2024-01-01", ["revenue"])
    assert held.run(*BUILD).returncode == 0
    with opened(held) as db:
        for lines, period, said in (
            (["profitability"], "annual", "no line of a statement"),
            ([], "annual", "no line is named"),
            (["revenue"], "monthly", "is no period"),
            (["total_assets"], "ttm", "no twelve months"),
        ):
            with pytest.raises(UserError, match=said):
                db.known_on("2024-01-01", lines, period=period)
        with pytest.raises(UserError, match="'foo' is no date"):
            db.known_on("foo", ["revenue"])


def test_facts_read_again_leave_them_behind_and_building_again_mends_it(built: World) -> None:
    before = vintages(built)
    # As after a refresh that brought new facts: another reading of the company's facts.
    with opened(built) as db:
        facts = db.store.holdings("facts")
        key, holding = sorted(facts.items())[0]
    held_by_hand = (
        "UPDATE holdings SET checked_at = '2026-07-02T00:00:00Z' WHERE dataset = 'facts' AND key = ?"
    )
    built.write(held_by_hand, key)
    assert built.json("status", "vintages")["behind"] == 1
    with opened(built) as db:
        frame = db.known_on("2026-06-30", ["revenue"])
        assert list(frame[frame["behind"]]["cik"]) == [int(key)]
        assert "1 companies are behind" in frame.attrs["note"]
    assert built.json(*BUILD)["job"]["right"] == 1
    assert built.json("status", "vintages")["behind"] == 0
    assert vintages(built) == before
    assert holding.checked_at.date() <= date(2026, 7, 1)


def test_interrupted_it_goes_on_where_it_stopped(held: World) -> None:
    with opened(held) as db:

        def stop(event: Event) -> None:
            if isinstance(event, ItemSettled):
                db.interrupt()

        db.on_event = stop
        plan = asyncio.run(db.check("vintages", Selection())).plan
        done = asyncio.run(db.apply(plan, workers=1))
        assert (done.state, done.exit_code) == ("interrupted", 130)
        assert 1 <= done.right < 6
    assert held.json("jobs", "resume")["job"]["right"] == 6
    assert held.json("status", "vintages")["behind"] == 0
    assert len(held.sql("SELECT DISTINCT cik FROM income_vintages")) == 6


def test_rebuild_builds_them_again_and_only_where_they_were_asked_for(held: World) -> None:
    assert "built" not in held.json("rebuild")
    assert held.run(*BUILD).returncode == 0
    before = vintages(held)
    held.write("DELETE FROM income_vintages")
    told = held.json("rebuild")
    assert (told["built"]["right"], told["built"]["requests"]) == (6, 0)
    assert vintages(held) == before
    assert held.stats()["requests"] == 0


@pytest.mark.shared
def test_apple_as_known_before_and_after_it_reported(
    world: World, serve: Callable[..., str], shared: Path
) -> None:
    world.url = serve(data=shared / "upstream" / "2026-07-10")
    world.now = "2026-07-10"
    assert world.run("refresh", "financials", "--symbols", "AAPL", "--yes").returncode == 0
    assert world.run(*BUILD).returncode == 0
    with opened(world) as db:
        for day, end, revenue, accession in (
            ("2021-10-28", "2020-09-26", 274_515e6, "0000320193-20-000096"),
            ("2021-10-29", "2021-09-25", 365_817e6, "0000320193-21-000105"),
        ):
            (row,) = records(db.known_on(day, ["revenue", "total_assets"]))
            assert (row["symbol"], row["report_date"], row["revenue"]) == ("AAPL", end, revenue)
            assert row["accession_number"] == accession
