"""Runs of the whole program that are cut short, crowded or failed, and what must hold after them."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from tests.e2e import forks
from tests.e2e.world import World, tables

REFRESH = ("refresh", "financials", "--scope", "all", "--yes")


@dataclass(frozen=True)
class Uninterrupted:
    """The run that the others are measured against."""

    seconds: float
    rows: dict[str, list[tuple[Any, ...]]]


def uninterrupted(world: World) -> Uninterrupted:
    """Refresh everything once, undisturbed."""
    began = time.monotonic()
    done = world.run(*REFRESH)
    assert done.returncode == 0, done.stderr
    return Uninterrupted(time.monotonic() - began, tables(world.home))


def settled(world: World) -> set[str]:
    """CIKs whose facts are covered."""
    if not (world.home / "evertape.db").exists():
        return set()
    rows = world.sql("SELECT name FROM sqlite_master WHERE name = 'holdings'")
    if not rows:
        return set()
    return {key for (key,) in world.sql("SELECT key FROM holdings WHERE dataset = 'facts'")}


def cut(world: World, number: signal.Signals, after: float) -> None:
    """A refresh that gets a signal after some seconds."""
    child = world.begin(*REFRESH)
    try:
        child.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        child.send_signal(number)
        _, err = child.communicate(timeout=30)
        if number is signal.SIGINT and child.returncode not in (0, 130):
            raise AssertionError(f"exit {child.returncode}: {err}") from None


def cut_in_commit(world: World, number: signal.Signals, nth: int) -> None:
    """A refresh that signals itself when its Nth COMMIT begins."""
    child = forks.Spoken("tests.soak.driver", (number.name, str(nth)), world.environment)
    _, err = child.communicate(timeout=120)
    assert child.returncode in (-number, 130, 0), err


def go_on(world: World, expected: Uninterrupted) -> tuple[float, float]:
    """Resume to the end; the seconds from the start of the process to its first request, and those that a
    run takes on this machine now that finds nothing to fetch.

    Nothing that was settled is asked for again, and the rows are those of the undisturbed run.
    """
    before = settled(world)
    world.reset()
    began = time.monotonic()
    resumed = world.run("jobs", "resume")
    if resumed.returncode == 2:
        resumed = world.run(*REFRESH)
    assert resumed.returncode == 0, resumed.stderr
    stats = world.stats()
    again = {path for path in stats["paths"] if any(cik in path for cik in before)}
    assert again == set()
    first = stats["first"]
    waited = float(first - began) if first else 0.0
    began = time.monotonic()
    final = world.run(*REFRESH)
    quiet = time.monotonic() - began
    assert final.returncode == 0, final.stderr
    rows = tables(world.home)
    for name, expected_rows in expected.rows.items():
        lost = set(expected_rows) - set(rows[name])
        more = set(rows[name]) - set(expected_rows)
        assert rows[name] == expected_rows, (name, sorted(lost, key=repr)[:3], sorted(more, key=repr)[:3])
    assert set(rows) == set(expected.rows)
    return waited, quiet
