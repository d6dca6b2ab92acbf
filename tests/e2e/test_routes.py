"""One file with all companies, or one request each: the same rows, and nobody is asked twice."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evertape.sandbox import SandboxOptions
from tests.e2e import forks
from tests.e2e.conftest import MARKET_DAY
from tests.e2e.world import World, tables

ALL = ("refresh", "financials", "--scope", "all", "--yes")
COMPANIES, FEW = 36, 8
BULK = "*/companyfacts.zip"


def counted(world: World, kind: str) -> tuple[int, int]:
    """Requests and bytes of a kind, as the sandbox counted them."""
    stats = world.stats()
    return stats["by_path_kind"][kind], stats["bytes"][kind]


def one_by_one(home: Path, companies: int) -> dict[str, Any]:
    """The rows of a market that is fetched one by one."""
    world = World(home=home, now=MARKET_DAY.isoformat())
    with forks.sandbox(SandboxOptions(market=companies, today=MARKET_DAY)) as world.url:
        assert world.run(*ALL, "--route", "single").returncode == 0
        assert counted(world, "bulk") == (0, 0)
    return tables(world.home)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The rows of a small market."""
    return one_by_one(tmp_path_factory.mktemp("few") / "home", FEW)


def newer(world: World) -> int:
    """Companies that the file lacks or that filed since, as the sandbox itself tells."""
    return counted(world, "companyfacts")[0]


def test_both_routes_end_with_the_same_rows(market: Callable[..., World], tmp_path: Path) -> None:
    world = market(COMPANIES)
    told = world.json(*ALL, "--route", "bulk")
    assert counted(world, "bulk") == (1, (world.home / "bulk" / "companyfacts.zip").stat().st_size)
    assert 1 <= newer(world) <= 6
    assert told["job"]["requests"] == 1 + newer(world)
    assert told["job"]["bytes"] == counted(world, "bulk")[1] + counted(world, "companyfacts")[1]
    assert (told["job"]["failed"], told["job"]["remaining"]) == (0, 0)
    (step,) = told["plan"]["steps"]
    assert (step["feed"], step["cost"]["requests"]) == ("sec.bulk", 1)
    assert "is older than is then fetched one by one" in step["reason"]
    assert tables(world.home) == one_by_one(tmp_path / "other" / "home", COMPANIES)
    world.reset()
    assert world.run(*ALL).returncode == 0
    assert (counted(world, "bulk")[0], counted(world, "companyfacts")[0]) == (0, 0)


def test_a_slow_rate_makes_the_file_the_cheaper_way_and_the_plan_says_so(
    market: Callable[..., World],
) -> None:
    world = market(FEW)
    world.extra |= {"EDGAR_RATE_LIMIT_PER_SEC": "1", "EVERTAPE_BANDWIDTH": "1000"}
    checked = world.run("refresh", "financials", "--scope", "all", "--check")
    assert checked.returncode == 3
    said = " ".join(checked.stderr.split())
    assert (
        "sec.bulk: 1 calls; 8 of facts due: 8 missing; all in one file of 1,300 MB (sec.bulk), cheaper"
        in said
    )
    assert "8 single requests of 1.2 MB (sec.companyfacts) would take about 9 s" in said
    world.extra |= {"EVERTAPE_BANDWIDTH": "1"}
    assert "all in one file of 1,300 MB (sec.bulk) would take" in " ".join(
        world.run("refresh", "financials", "--scope", "all", "--check").stderr.split()
    )
    world.extra |= {"EVERTAPE_BANDWIDTH": "fast"}
    refused = world.run("refresh", "financials", "--check")
    assert (refused.returncode, "EVERTAPE_BANDWIDTH is 'fast'" in refused.stderr) == (2, True)


def grown(path: Path, size: int, seconds: float = 60.0) -> None:
    """Wait until a file has `size` bytes."""
    until = time.monotonic() + seconds
    while not (path.is_file() and path.stat().st_size >= size):
        assert time.monotonic() < until, f"{path} did not grow"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("death", "go_on"),
    [
        (signal.SIGKILL, ("jobs", "resume")),
        (signal.SIGKILL, (*ALL, "--route", "bulk")),
        (signal.SIGINT, ("jobs", "resume")),
    ],
    ids=["killed, resume", "killed, refresh", "interrupted, resume"],
)
def test_stopped_while_the_file_comes_only_the_rest_is_fetched(
    market: Callable[..., World], few: dict[str, Any], death: signal.Signals, go_on: tuple[str, ...]
) -> None:
    world = market(FEW, faults=({"kind": "slow_body", "match": BULK, "count": 1, "seconds": 600},))
    child = world.start(*ALL, "--route", "bulk")
    partial = world.home / "bulk" / "companyfacts.zip.partial"
    grown(partial, 200_000)
    child.send_signal(death)
    child.communicate(timeout=30)
    assert child.returncode == (-death if death is signal.SIGKILL else 130)
    came = partial.stat().st_size
    # The first answer was never sent to its end, so that the sandbox has not counted its bytes.
    assert counted(world, "bulk") == (1, 0)
    done = world.run(*go_on)
    assert done.returncode == 0, done.stderr
    whole = (world.home / "bulk" / "companyfacts.zip").stat().st_size
    assert counted(world, "bulk") == (2, whole - came)
    assert tables(world.home) == few


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut", "mode": "length"},
        {"kind": "cut", "mode": "chunked"},
        {"kind": "cut", "mode": "close"},
        {"kind": "reset"},
        {"kind": "html200"},
        {"kind": "status", "code": 503},
        {"kind": "status", "code": 429, "retry_after": 1},
        {"kind": "slow_body", "seconds": 0.2},
    ],
    ids=str,
)
def test_whatever_breaks_twice_the_rows_are_the_same(
    market: Callable[..., World], few: dict[str, Any], fault: dict[str, Any]
) -> None:
    world = market(FEW, faults=({**fault, "match": BULK, "count": 2},))
    done = world.run(*ALL, "--route", "bulk")
    assert done.returncode == 0, done.stderr
    assert tables(world.home) == few


def test_a_file_that_stays_away_is_reported_and_the_next_run_goes_on(market: Callable[..., World]) -> None:
    world = market(FEW, faults=({"kind": "cut", "mode": "length", "match": BULK, "count": 5},))
    told = world.json(*ALL, "--route", "bulk", code=1)
    assert told["job"]["failed_by_kind"] == {"transient": 1}
    assert told["job"]["bytes"] == counted(world, "bulk")[1] > 0
    assert newer(world) == 0
    assert world.run(*ALL, "--route", "bulk").returncode == 0
    assert counted(world, "bulk")[1] == (world.home / "bulk" / "companyfacts.zip").stat().st_size


def test_an_unchanged_file_is_not_sent_again(market: Callable[..., World]) -> None:
    world = market(FEW)
    assert world.run(*ALL, "--route", "bulk").returncode == 0
    before = tables(world.home)
    forgotten = "(SELECT key FROM holdings WHERE dataset = 'facts' ORDER BY key LIMIT 9)"
    with sqlite3.connect(world.home / "evertape.db") as connection:
        connection.execute(f"DELETE FROM holdings WHERE dataset = 'facts' AND key IN {forgotten}")
    connection.close()
    world.reset()
    assert world.run(*ALL, "--route", "bulk").returncode == 0
    assert counted(world, "bulk") == (1, 0)
    assert tables(world.home) == before


def test_what_is_held_is_not_replaced_out_of_an_older_file(market: Callable[..., World]) -> None:
    """Companies whose facts were looked for after the file was made, and are looked for again."""
    world = market(COMPANIES)
    assert world.run(*ALL, "--route", "single").returncode == 0
    world.now = (MARKET_DAY + timedelta(days=1)).isoformat()
    pending = world.json("status")["pending"]
    assert pending > 0
    world.reset()
    done = world.run(*ALL, "--route", "bulk")
    assert done.returncode == 0, done.stderr
    assert (counted(world, "bulk")[0], counted(world, "companyfacts")[0]) == (1, pending)
    assert world.sql("SELECT total FROM sync_jobs WHERE kind = 'extract'") == [(0,)]


@pytest.mark.shared
def test_recorded_companies_come_out_of_their_file_as_they_come_singly(
    world: World, serve: Callable[..., str], shared: Path, tmp_path: Path
) -> None:
    world.url, world.now = serve(data=shared / "upstream" / "2021-06-30"), "2021-06-30"
    other = World(home=tmp_path / "other", url=world.url, now=world.now)
    eight = ("refresh", "financials", "--symbols", "AAPL,MSFT,NVDA,CSCO,HD,XOM,F,LMND", "--yes")
    assert world.run(*eight, "--route", "single").returncode == 0
    other.reset()
    assert other.run(*eight, "--route", "bulk").returncode == 0
    assert counted(other, "bulk")[0] == 1
    assert tables(other.home) == tables(world.home)


@pytest.mark.shared
def test_where_no_zip_is_to_be_had_all_are_fetched_singly_and_that_is_told(
    world: World, serve: Callable[..., str], shared: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(shared / "upstream" / "2021-06-30", tree)
    file = tree / "www.sec.gov/Archives/edgar/daily-index/xbrl/companyfacts.zip"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("not today")
    world.url, world.now = serve(data=tree), "2021-06-30"
    told = world.json("refresh", "financials", "--symbols", "AAPL,XOM", "--yes", "--route", "bulk", code=1)
    assert told["job"]["failed_by_kind"] == {"malformed": 1}
    assert counted(world, "companyfacts")[0] == 2
    assert (world.json("status")["total"], world.json("status")["current"]) == (2, 2)
    assert not (world.home / "bulk" / "companyfacts.zip").exists()
