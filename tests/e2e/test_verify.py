"""The quality of recorded and of generated companies, measured through the command line."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evertape.database import Database
from evertape.database.quality import SLICE
from evertape.settings import load
from evertape.stores.sqlite import SqliteStore
from tests.e2e.world import World, tables

NINETEEN = "AAPL,MSFT,NVDA,CSCO,HD,XOM,F,LMND,GOOGL,MRVL,SNOW,TSM,AMD,ABT,APD,AEM,2491,3146,2110"
STANDING = "SELECT COUNT(*) FROM quality_findings WHERE resolved_at IS NULL"


@pytest.fixture(scope="module")
def fetched(
    tmp_path_factory: pytest.TempPathFactory, serve_for_all: Callable[..., str], shared: Path
) -> World:
    """All companies of the later recorded tree. Only for copying."""
    url = serve_for_all(data=shared / "upstream" / "2026-07-10")
    world = World(home=tmp_path_factory.mktemp("fetched") / "home", url=url, now="2026-07-10")
    done = world.run("refresh", "financials", "--symbols", NINETEEN, "--yes")
    assert done.returncode == 0, done.stderr
    return world


@pytest.fixture
def recorded(tmp_path: Path, fetched: World) -> World:
    """All companies of the later recorded tree."""
    return fetched.copied(tmp_path)


def verified(world: World, *arguments: str) -> Any:
    """The report; the exit code is 1 exactly where a hard finding stands."""
    done = world.run("verify", "--json", *arguments)
    told = json.loads(done.stdout)
    assert done.returncode == int(any(f["severity"] == "hard" for f in told["findings"])), done.stderr
    return told


def close(told: Any, check: str, lead: str = "") -> tuple[int, float]:
    """Rows judged by a check, and the percentage within one percent."""
    mine = [t for t in told["tallies"] if t["check"] == check]
    judged = sum(t[f"{lead}judged"] for t in mine)
    return judged, 100 * sum(t[f"{lead}close"] for t in mine) / judged


@pytest.mark.shared
def test_the_recorded_companies_pass_as_measured(recorded: World) -> None:
    told = verified(recorded)
    assert len(told["labels"]) == 19
    ((held,),) = recorded.sql("SELECT COUNT(*) FROM balance_sheets")
    assert told["rows"]["balance_sheets"] == held > 800
    floors = {
        "balance": (880, 99.9),
        "gross_profit": (840, 99.8),
        "cash_sections": (840, 99.5),
        "cash_change": (750, 99.7),
        "four_quarters": (6600, 95.0),
        # Three of 134: a quarter's figure that no sum bears out, and two that later years restate.
        "derived_quarter": (130, 97.5),
        "quarter_difference": (6600, 97.7),
    }
    for check, (rows, percent) in floors.items():
        judged, within = close(told, check)
        assert judged >= rows, (check, judged)
        assert within >= percent, (check, within)
    # Known from the filings: a share count in thousands. Signs that a later year's comparatives turned are
    # turned back by the change in cash.
    found = {(f["cik"], f["check_name"], f["report_date"], f["column_name"]) for f in told["findings"]}
    assert (2491, "scale", "2014-06-30", "shares_outstanding") in found
    assert (2488, "four_quarters", "2021-12-25", "financing_cash_flow") not in found
    assert recorded.sql(STANDING) == [(len(told["findings"]),)]


@pytest.mark.shared
def test_one_companys_figures(recorded: World) -> None:
    told = verified(recorded, "--symbols", "AAPL")
    assert told["labels"] == {"0000320193": "AAPL"}
    ((sheets,),) = recorded.sql("SELECT COUNT(*) FROM balance_sheets WHERE cik = 320193")
    (balance,) = (t for t in told["tallies"] if t["check"] == "balance")
    assert (balance["judged"], balance["exact"], balance["close"]) == (sheets, sheets, sheets)
    assert close(told, "gross_profit")[1] == 100.0
    fill = {(f["period_type"], f["column"]): f["share"] for f in told["fill"]}
    assert fill["annual", "revenue"] == 1.0
    assert fill["quarter", "goodwill"] < 1.0


@pytest.mark.shared
def test_nothing_but_findings_is_written_and_a_second_run_changes_nothing(recorded: World) -> None:
    before = tables(recorded.home)
    recorded.reset()
    first = verified(recorded)
    after = tables(recorded.home)
    assert recorded.stats()["requests"] == 0
    assert {name for name in after if after[name] != before[name]} == {"quality_findings"}
    assert first["new"] == len(first["findings"])
    recorded.now = "2026-07-11"
    again = verified(recorded)
    assert (again["new"], again["resolved"]) == (0, 0)
    assert again["findings"] == first["findings"]
    assert tables(recorded.home) == after


def test_exactly_the_standing_slips_of_a_market_are_hard(market: Callable[..., World]) -> None:
    world = market(60, seed=11)
    assert world.run("refresh", "financials", "--scope", "all", "--yes").returncode == 0
    told = verified(world)
    slips = set()
    with urllib.request.urlopen(f"{world.url}/_sandbox/companies") as answer:
        companies = json.load(answer)
    for company in companies:
        if f"{int(company['cik']):010d}" not in told["labels"]:
            continue
        with urllib.request.urlopen(f"{world.url}/_sandbox/truth?cik={company['cik']}") as answer:
            periods = json.load(answer)["periods"]
        slips |= {
            (int(company["cik"]), row["report_date"], line)
            for row in periods
            for line in row.get("as_filed", {})
        }
    hard = {
        (f["cik"], f["report_date"], f["column_name"]) for f in told["findings"] if f["severity"] == "hard"
    }
    assert hard == slips != set()
    for check in ("balance", "gross_profit", "cash_sections", "cash_change"):
        assert close(told, check)[1] == 100.0, check
    # Slips that were mended later are facts still.
    assert 99.9 < close(told, "quarter_difference")[1] < 100.0


@pytest.fixture
def small(market: Callable[..., World]) -> tuple[World, str]:
    """A market of six, and the symbol of one with statements and no finding."""
    world = market(6)
    assert world.run("refresh", "financials", "--scope", "all", "--yes").returncode == 0
    told = verified(world)
    doubted = {f["cik"] for f in told["findings"]}
    held = [cik for (cik,) in world.sql("SELECT DISTINCT cik FROM balance_sheets ORDER BY cik")]
    return world, next(told["labels"][f"{cik:010d}"] for cik in held if cik not in doubted)


def plant(world: World, symbol: str, change: str) -> None:
    connection = sqlite3.connect(world.home / "evertape.db")
    with connection:
        connection.execute(
            f"UPDATE balance_sheets SET total_assets = {change} WHERE (cik, report_date, period_type) = "
            "(SELECT cik, MAX(report_date), 'quarter' FROM balance_sheets WHERE period_type = 'quarter' "
            "AND cik = (SELECT cik FROM listings WHERE symbol = ?))",
            (symbol,),
        )
    connection.close()


def test_a_hard_finding_is_said_marked_kept_and_gone_when_mended(small: tuple[World, str]) -> None:
    world, symbol = small
    rows = world.json("statements", symbol)
    assert "doubtful" not in world.run("statements", symbol).stderr
    plant(world, symbol, "-total_assets")
    told = verified(world, "--symbols", symbol)
    (finding,) = (f for f in told["findings"] if (f["check_name"], f["severity"]) == ("sign", "hard"))
    assert told["new"] >= 1
    assert "total_assets" in finding["sentence"]

    human = world.run("verify", "--symbols", symbol)
    assert human.returncode == 1
    assert "sign" in human.stdout
    assert finding["accession_number"] in human.stdout
    shown = world.run("statements", symbol)
    assert shown.returncode == 0
    assert "doubtful: " in shown.stderr
    assert f"evertape verify --symbols {symbol}" in shown.stderr
    doubted = world.run("statements", symbol, "--json")
    assert "doubtful: " in doubted.stderr
    assert len(json.loads(doubted.stdout)) == len(rows)

    plant(world, symbol, "-total_assets")
    mended = verified(world, "--symbols", symbol)
    assert mended["resolved"] >= 1
    assert not [f for f in mended["findings"] if f["severity"] == "hard"]
    stamped = world.sql(
        "SELECT resolved_at IS NOT NULL FROM quality_findings WHERE check_name = 'sign' AND severity = 'hard'"
    )
    assert stamped == [(1,)]
    assert "doubtful" not in world.run("statements", symbol).stderr
    assert world.json("statements", symbol) == rows


def test_quality_has_a_status_and_is_no_target(small: tuple[World, str]) -> None:
    world, _ = small
    told = world.json("status", "quality")
    assert told["rows"] == {"quality_findings": world.sql("SELECT COUNT(*) FROM quality_findings")[0][0]}
    assert (
        told["units"]["settled"] == world.sql("SELECT COUNT(*) FROM holdings WHERE dataset = 'facts'")[0][0]
    )
    done = world.run("refresh", "quality", "--yes")
    assert (done.returncode, "cannot be refreshed" in done.stderr) == (2, True)


def test_of_nothing_held_it_says_what_to_type(market: Callable[..., World]) -> None:
    world = market(3)
    done = world.run("verify")
    assert done.returncode == 2
    assert "evertape refresh financials" in done.stderr


def test_findings_are_committed_a_few_companies_at_a_time(market: Callable[..., World]) -> None:
    world = market(45)
    assert world.run("refresh", "financials", "--scope", "all", "--yes").returncode == 0
    begun: list[str] = []
    store = SqliteStore(
        world.home / "evertape.db",
        trace=lambda text: begun.append(text) if text.startswith("BEGIN") else None,
    )
    settings = replace(load({}), home=world.home)
    with Database(settings, store=store) as db:
        companies = len(db.verify().labels)
    assert companies > 2 * SLICE
    assert len(begun) == -(-companies // SLICE)


def test_doubts_about_prices_are_not_taken_back_by_a_verify(market: Callable[..., World]) -> None:
    world = market(2)
    assert world.run("refresh", "financials", "--scope", "all", "--yes").returncode == 0
    verified(world)
    (cik,) = world.sql("SELECT MIN(cik) FROM listings")[0]
    row = (cik, "bar_move", "daily_prices", world.now, "X", "close", "hard", 1.0, 2.0, 0.5, "jumped", None)
    marks = ", ".join("?" * (len(row) + 2))
    world.write(f"INSERT INTO quality_findings VALUES ({marks})", *row, f"{world.now}T20:00:00Z", None)
    told = verified(world)
    assert (told["new"], told["resolved"]) == (0, 0)
    assert world.sql("SELECT resolved_at FROM quality_findings WHERE check_name = 'bar_move'") == [(None,)]
    shown = world.run("statements", str(cik))
    assert (shown.returncode, "jumped" in shown.stderr + shown.stdout) == (0, False)
