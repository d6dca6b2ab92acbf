"""The SEC's limit holds over processes, and little of it is left unused."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.world import World
from tests.soak import runs

RATE = {"EDGAR_RATE_LIMIT_PER_SEC": "10", "EVERTAPE_SEND_JITTER": "0.15", "EVERTAPE_RETRY_BASE": "2"}


def pair(url: str, folder: Path) -> list[World]:
    """Two homes of one user."""
    return [
        World(
            home=folder / name,
            url=url,
            now="2026-06-30",
            extra={**RATE, "EVERTAPE_STATE": str(folder / "state")},
        )
        for name in ("one", "two")
    ]


def together(url: str, folder: Path) -> None:
    worlds = pair(url, folder)
    children = [world.begin(*runs.REFRESH) for world in worlds]
    for child in children:
        _, err = child.communicate(timeout=600)
        assert child.returncode == 0, err
    stats = worlds[0].stats()
    most = stats["max_in_one_second"]
    print(f"two processes: {stats['requests']} requests, most in one second {most}, {stats['rate']:.2f}/s")
    assert stats["max_in_one_second"]["sec.gov"] <= 10
    assert stats["rate"] >= 9.0


def alone(url: str, folder: Path) -> None:
    world = World(
        home=folder / "alone",
        url=url,
        now="2026-06-30",
        extra={**RATE, "EVERTAPE_STATE": str(folder / "state")},
    )
    world.reset()
    began = time.monotonic()
    told = world.json(*runs.REFRESH)
    seconds = time.monotonic() - began
    stats = world.stats()
    requests = stats["requests"]
    planned = told["plan"]["steps"][0]["cost"]["seconds"]
    print(f"one process: {requests} requests in {seconds:.1f} s, {stats['rate']:.2f}/s")
    print(f"planned {planned} s, the job took {told['job']['seconds']} s")
    assert stats["max_in_one_second"]["sec.gov"] <= 10
    assert seconds <= 1.15 * requests / 9
    assert abs(planned - told["job"]["seconds"]) <= 0.2 * told["job"]["seconds"]


def test_two_processes_share_ten_a_second(tmp_path: Path, serve: Callable[..., str]) -> None:
    together(serve(market=60, seed=5), tmp_path)


@pytest.mark.soak
def test_five_hundred_companies_two_processes_then_one(tmp_path: Path, serve: Callable[..., str]) -> None:
    together(serve(market=500, seed=5), tmp_path / "together")
    alone(serve(market=500, seed=5), tmp_path / "alone")
