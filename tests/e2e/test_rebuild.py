"""The archive alone is enough: everything is derived again without a request."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.world import World, tables

REFRESH = ("refresh", "financials", "--scope", "all", "--yes")


def test_rebuild_changes_nothing_and_asks_nobody(market: Callable[..., World]) -> None:
    world = market(20, seed=4)
    assert world.run(*REFRESH).returncode == 0
    before = tables(world.home)
    status = world.json("status")
    world.reset()
    told = world.json("rebuild")
    assert told["job"]["right"] == told["job"]["processed"] > 20
    assert world.stats()["requests"] == 0
    assert tables(world.home) == before
    again = world.json("status")
    assert again["current"] == status["current"]
    assert again["pending"] == status["pending"]


def test_a_lost_database_is_made_again_from_the_archive(market: Callable[..., World]) -> None:
    world = market(20, seed=4)
    assert world.run(*REFRESH).returncode == 0
    before = tables(world.home)
    for path in world.home.glob("evertape.db*"):
        path.unlink()
    world.reset()
    assert world.run("rebuild").returncode == 0
    assert world.stats()["requests"] == 0
    assert tables(world.home) == before
    world.reset()
    done = world.run(*REFRESH)
    assert done.returncode == 0, done.stderr
    assert world.stats()["by_path_kind"].get("companyfacts", 0) <= 2
