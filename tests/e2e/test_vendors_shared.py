"""Two processes of one user keep a vendor's limit together, and heed the circuit that one of them opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.e2e.world import World
from tests.soak import chains

RATE, UNDERLYINGS = 20, 40


def pair(folder: Path, url: str, circuit: str) -> list[World]:
    """Two homes of one user, who asks Cboe and then Yahoo."""
    worlds = []
    for name in ("one", "two"):
        extra = {
            "EVERTAPE_STATE": str(folder / "state"),
            "EVERTAPE_LIMITS": f"cboe={RATE}/s,yahoo=100/s",
            "EVERTAPE_SOURCES": "cboe,yahoo",
            "EVERTAPE_CIRCUIT": circuit,
        }
        worlds.append(World(home=folder / name, url=url, now=chains.DAY.isoformat(), extra=extra))
    return worlds


def test_the_limit_of_a_vendor_holds_over_processes_and_its_circuit_is_theirs_together(
    tmp_path: Path, serve: Callable[..., str]
) -> None:
    url = serve(market=60, seed=7, today=chains.DAY)
    symbols = list(chains.truths(url))[:UNDERLYINGS]
    line = ("refresh", "options", "--symbols", ",".join(symbols), "--yes")
    worlds = pair(tmp_path, url, "5,600,0.5")
    children = [world.start(*line) for world in worlds]
    for child in children:
        _, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
    stats = worlds[0].stats()
    assert stats["by_host"]["cdn.cboe.com"] == 2 * UNDERLYINGS
    assert stats["max_in_one_second"]["cdn.cboe.com"] <= RATE
    chains.posted(url, "reset")
    chains.posted(url, "vendors", {"cboe": {"down": [0, 600]}})
    again = (*line[:-1], "--max-age", "0", "--yes", "--target-dte", "60")
    for world, most in zip(worlds, (5 + RATE, 0), strict=True):
        before = world.stats()["by_host"].get("cdn.cboe.com", 0)
        done = world.run(*again)
        assert done.returncode == 0, done.stderr
        assert world.stats()["by_host"].get("cdn.cboe.com", 0) - before <= most
        found = world.sql(
            "SELECT source, COUNT(DISTINCT key) FROM holdings WHERE extent = 'dte 60' GROUP BY 1"
        )
        assert found == [("yahoo", UNDERLYINGS)]
