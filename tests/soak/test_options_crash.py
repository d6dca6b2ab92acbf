"""A refresh of chains that is killed again and again ends with the rows of an undisturbed one."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World, tables
from tests.soak import chains

MARKET = {"cboe": {"knows": 0.8}}
"""What Cboe does not know Yahoo does: a fifth of the chains are on their second way when the end comes."""
SNAPSHOT_TIMES = {"taken_at", "found_at"}


def home_of(folder: Path, url: str, rate: int) -> World:
    world = chains.world_of(folder, url, rate, EVERTAPE_SOURCES="cboe,yahoo")
    for name in chains.CREDENTIALS:
        world.extra[name] = ""
    return world


def rows(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """All that is held, the ledger and the times of fetching aside."""
    return tables(world.home, but=SNAPSHOT_TIMES)


def settled(world: World) -> set[str]:
    """Symbols whose chain is held."""
    if not (world.home / "evertape.db").exists():
        return set()
    if not world.sql("SELECT name FROM sqlite_master WHERE name = 'holdings'"):
        return set()
    found = world.sql("SELECT key FROM holdings WHERE dataset = 'options' AND outcome = 'settled'")
    return {key.rpartition(":")[0] for (key,) in found}


def killed(world: World, line: Sequence[str], requests: int) -> None:
    """Run a command, and kill it once the sandbox has seen so many requests."""
    child = world.start(*line)
    until = time.monotonic() + 60
    while child.poll() is None and world.stats()["requests"] < requests:
        assert time.monotonic() < until, "it does not come to its requests"
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    assert child.returncode == -signal.SIGKILL, "it ended before it was killed"


def asked_again(world: World, before: set[str]) -> set[str]:
    """Symbols that were held and asked for all the same."""
    asked = {
        path.rpartition("/")[2].removesuffix(".json").replace(".", "-") for path in world.stats()["paths"]
    }
    return before & asked


def deaths(folder: Path, serve: Callable[..., str], count: int, kills: int, rate: int) -> None:
    """Kill a refresh of `count` chains `kills` times, each time a share of the way further on."""
    url = serve(market=count * 3 // 2, seed=11, today=chains.DAY, vendors=MARKET)
    symbols = list(chains.truths(url))[:count]
    line = ("refresh", "options", "--symbols", ",".join(symbols), "--yes")
    whole = home_of(folder / "whole" / "home", url, rate)
    assert whole.run(*line).returncode == 0
    world = home_of(folder / "killed" / "home", url, rate)
    again: Sequence[str] = line
    for number in range(kills):
        before = settled(world)
        world.reset()
        killed(world, again, max(3, (count - len(before)) // (kills + 1 - number)))
        assert asked_again(world, before) == set()
        if world.sql("SELECT 1 FROM sync_jobs WHERE kind = 'refresh'"):
            again = ("jobs", "resume")
    before = settled(world)
    assert 0 < len(before) < count
    world.reset()
    resumed = world.run("jobs", "resume")
    assert resumed.returncode == 0, resumed.stderr
    assert asked_again(world, before) == set()
    expected, found = rows(whole), rows(world)
    assert len(settled(world)) == count
    for name, held in expected.items():
        lost, more = set(held) - set(found[name]), set(found[name]) - set(held)
        assert found[name] == held, (name, sorted(lost, key=repr)[:3], sorted(more, key=repr)[:3])
    assert set(found) == set(expected)
    print(f"{kills} kills in a refresh of {count} chains: {len(found['option_quotes'])} contracts, all equal")


def test_two_kills_in_sixty_chains(tmp_path: Path, serve: Callable[..., str]) -> None:
    deaths(tmp_path, serve, 60, 2, 40)


@pytest.mark.soak
def test_ten_kills_in_three_hundred_chains(tmp_path: Path, serve: Callable[..., str]) -> None:
    deaths(tmp_path, serve, 300, 10, 40)
