"""Wrong input and broken surroundings: one clear sentence, the right exit code, nothing half-written."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.world import World, tables

ALL = ("refresh", "financials", "--scope", "all", "--yes")


def sentence(done: subprocess.CompletedProcess[str], code: int, *says: str) -> None:
    """The last line of the talk says it; there is no traceback; the exit code is right."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    for words in says:
        assert words in last


def test_no_identity_names_the_variable_and_sends_nothing(market: Callable[..., World]) -> None:
    world = market(3)
    world.extra = {"EDGAR_IDENTITY": ""}
    sentence(world.run(*ALL), 2, "EDGAR_IDENTITY", "export")
    assert world.stats()["by_host"].get("www.sec.gov", 0) == 0


def test_an_identity_that_the_sec_refuses_is_said_to_be_refused(market: Callable[..., World]) -> None:
    world = market(3)
    world.extra = {"EDGAR_IDENTITY": "nobody"}
    sentence(world.run(*ALL), 2, "undeclared", "EDGAR_IDENTITY")


def test_an_unknown_ticker_is_answered_with_near_ones(market: Callable[..., World]) -> None:
    world = market(30)
    known = world.json("universe") if world.run(*ALL).returncode == 0 else []
    wrong = known[0]["symbol"] + "X"
    world.reset()
    sentence(world.run("refresh", "financials", "--symbols", wrong, "--yes"), 2, wrong, known[0]["symbol"])
    assert world.stats()["by_path_kind"].get("companyfacts", 0) == 0


def test_without_a_network_it_says_so_and_keeps_what_it_has(market: Callable[..., World]) -> None:
    world = market(3)
    assert world.run(*ALL).returncode == 0
    before = tables(world.home)
    world.url, world.now = "http://127.0.0.1:9", "2026-07-20"
    world.extra = {"EVERTAPE_RETRY_BASE": "0.01"}
    sentence(world.run(*ALL), 2, "network", "nothing was fetched")
    assert tables(world.home) == before


@pytest.mark.parametrize("place", ["/proc/evertape", "file"])
def test_a_home_that_cannot_be_written(market: Callable[..., World], tmp_path: Path, place: str) -> None:
    world = market(3)
    (tmp_path / "file").touch()
    world.home = tmp_path / "file" if place == "file" else Path(place)
    world.extra = {"EVERTAPE_STATE": str(tmp_path / "state")}
    sentence(world.run(*ALL), 2, str(world.home), "EVERTAPE_HOME")
    assert (tmp_path / "file").read_bytes() == b""


def test_a_full_disk_loses_nothing(market: Callable[..., World], tmp_path: Path) -> None:
    world = market(8, seed=2)
    assert world.run(*ALL).returncode == 0
    expected = tables(world.home)
    full = World(home=tmp_path / "full" / "home", url=world.url, now=world.now)

    def little_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    child = full.start(*ALL, preexec_fn=little_space)
    out, err = child.communicate(timeout=60)
    sentence(subprocess.CompletedProcess([], child.returncode, out, err), 2, "disk")
    assert full.sql("PRAGMA integrity_check") == [("ok",)]
    done = full.run(*ALL)
    assert done.returncode == 0, done.stderr
    assert tables(full.home) == expected


def damage(path: Path, start: int, step: int) -> None:
    """Overwrite half a page at each `step`."""
    with path.open("r+b") as file:
        for at in range(start, path.stat().st_size, step):
            file.seek(at)
            file.write(os.urandom(2000))


@pytest.mark.parametrize(("start", "step"), [(0, 1 << 40), (4096 * 3, 8192)])
def test_a_damaged_database_is_left_alone_and_the_way_out_works(
    market: Callable[..., World], start: int, step: int
) -> None:
    world = market(6)
    assert world.run(*ALL).returncode == 0
    rows = tables(world.home)
    path = world.home / "evertape.db"
    damage(path, start, step)
    before = path.read_bytes()
    sentence(world.run(*ALL), 2, str(path), "evertape rebuild")
    assert path.read_bytes() == before
    for stale in world.home.glob("evertape.db*"):
        shutil.move(stale, stale.with_name("aside-" + stale.name))
    assert world.run("rebuild").returncode == 0
    assert tables(world.home) == rows


def test_a_home_of_a_newer_version_is_not_touched(market: Callable[..., World]) -> None:
    world = market(3)
    assert world.run(*ALL).returncode == 0
    connection = sqlite3.connect(world.home / "evertape.db")
    connection.execute("INSERT INTO schema_versions VALUES (99, 'later', '2099-01-01T00:00:00Z')")
    connection.commit()
    connection.close()
    before = tables(world.home)
    sentence(world.run(*ALL), 2, "newer evertape", "upgrade")
    sentence(world.run("status"), 2, "newer evertape")
    assert tables(world.home) == before


def test_nobody_to_ask_fetches_nothing(market: Callable[..., World]) -> None:
    world = market(3)
    sentence(world.run("refresh", "financials", "--scope", "all"), 3, "--yes")
    sentence(world.run("refresh", "financials", "--scope", "all", "--check"), 3)
    assert world.stats()["by_path_kind"].get("companyfacts", 0) == 0


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"EVERTAPE_NOW": "yesterday"}, "EVERTAPE_NOW"),
        ({"EDGAR_RATE_LIMIT_PER_SEC": "abc"}, "EDGAR_RATE_LIMIT_PER_SEC"),
        ({"EVERTAPE_SANDBOX_URL": "ftp://x"}, "EVERTAPE_SANDBOX_URL"),
        ({"EVERTAPE_DATABASE_URL": "postgresql://x"}, "EVERTAPE_DATABASE_URL"),
        ({"EVERTAPE_TIMEOUT": "soon"}, "EVERTAPE_TIMEOUT"),
    ],
)
def test_a_wrong_setting_is_named(world: World, setting: dict[str, str], says: str) -> None:
    world.extra = setting
    sentence(world.run("status"), 2, says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("refrsh",), "refrsh"),
        (("refresh", "bonds", "--yes"), "financials"),
        (("refresh", "financials", "--symbols", ""), "at least one"),
        (("refresh", "financials", "--symbols", "AAPL", "--scope", "all"), "exclude"),
        (("refresh", "financials", "--since", "nonsense"), "2024-06-29"),
        (("refresh", "financials", "--workers", "0"), "workers"),
        (("sandbox",), "--data"),
        (("sandbox", "--data", "/nowhere"), "/nowhere"),
    ],
)
def test_a_wrong_command_line_is_told_what_to_type(
    world: World, arguments: tuple[str, ...], says: str
) -> None:
    sentence(world.run(*arguments), 2, says)


@pytest.mark.parametrize("verb", [("status",), ("statements", "AAPL"), ("jobs", "list"), ("universe",)])
def test_reading_before_anything_exists_says_what_to_run_and_makes_nothing(
    world: World, verb: tuple[str, ...]
) -> None:
    sentence(world.run(*verb), 2, "evertape refresh financials")
    assert not world.home.exists()


def test_what_was_never_fetched_is_said(market: Callable[..., World]) -> None:
    world = market(5)
    assert world.run("refresh", "universe").returncode in (0, 3)
    symbol = world.json("universe")[0]["symbol"]
    sentence(world.run("statements", symbol), 1, "never fetched")
    sentence(world.run("jobs", "show", "12345678"), 2, "evertape jobs list")
    sentence(world.run("jobs", "resume"), 2, "no job")
    assert json.loads(world.run("statements", symbol, "--json").stdout) == []
