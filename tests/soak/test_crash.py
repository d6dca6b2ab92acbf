"""Whatever the moment of a death, resuming ends with the rows of an undisturbed run."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.world import World
from tests.soak import runs

COMPANIES, FEW = 60, 12
DEAD_PERMITS = 2.0
START_UP = 1.5
"""Seconds that a process needs to start, before it can wait for anything; on a busy machine twice those of
a whole run that has nothing to fetch."""


def moments(count: int, seconds: float) -> list[float]:
    """`count` moments spread over a run."""
    return [seconds * (i + 0.5) / count for i in range(count)]


def goes_on(world: World, expected: runs.Uninterrupted) -> None:
    """Resumed, it ends as the undisturbed run, and what died holds no permits for long."""
    waited, quiet = runs.go_on(world, expected)
    assert waited <= DEAD_PERMITS + max(START_UP, 2 * quiet)


def deaths(
    make: Callable[[str], World], expected: runs.Uninterrupted, number: signal.Signals, count: int
) -> None:
    """Signals spread over the whole run."""
    for i, after in enumerate(moments(count, expected.seconds)):
        world = make(f"{number.name}-at-{i}")
        runs.cut(world, number, after)
        goes_on(world, expected)


def commits(
    make: Callable[[str], World], expected: runs.Uninterrupted, number: signal.Signals, which: list[int]
) -> None:
    """Signals when the Nth COMMIT begins: the rows are written and not yet there."""
    for nth in which:
        world = make(f"{number.name}-commit-{nth}")
        runs.cut_in_commit(world, number, nth)
        goes_on(world, expected)


def bodies(
    make: Callable[[str], World], expected: runs.Uninterrupted, number: signal.Signals, count: int
) -> None:
    """Signals while answers are half sent: the sandbox holds every tenth body back."""
    for i in range(count):
        world = make(f"{number.name}-body-{i}")
        runs.cut(world, number, 1.0 + expected.seconds * (i + 0.5) / count)
        goes_on(world, expected)


@pytest.fixture
def companies(request: pytest.FixtureRequest) -> int:
    """Many in the long form, few in the short one."""
    return COMPANIES if request.node.get_closest_marker("soak") else FEW


@pytest.fixture
def homes(tmp_path: Path, serve: Callable[..., str], companies: int) -> Callable[[str], World]:
    """Fresh homes, each with a server of its own: some facts appear after a number of requests."""
    return lambda name: World(
        home=tmp_path / name / "home", url=serve(market=companies, seed=3), now="2026-06-30"
    )


@pytest.fixture
def slow_homes(tmp_path: Path, serve: Callable[..., str], companies: int) -> Callable[[str], World]:
    """The same market, where the half of some bodies comes two seconds late."""
    match = "data.sec.gov/api/xbrl/companyfacts/*"
    rule = {"kind": "slow_body", "match": match, "share": 0.1, "seconds": 2.0}
    return lambda name: World(
        home=tmp_path / name / "home",
        url=serve(market=companies, seed=3, faults=(rule,)),
        now="2026-06-30",
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_few_deaths(homes: Callable[[str], World], number: signal.Signals) -> None:
    expected = runs.uninterrupted(homes("whole"))
    deaths(homes, expected, number, 2)
    commits(homes, expected, number, [40])


def test_a_death_inside_a_body(homes: Callable[[str], World], slow_homes: Callable[[str], World]) -> None:
    expected = runs.uninterrupted(homes("whole"))
    bodies(slow_homes, expected, signal.SIGKILL, 1)


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_twenty_five_deaths(
    homes: Callable[[str], World], slow_homes: Callable[[str], World], number: signal.Signals
) -> None:
    expected = runs.uninterrupted(homes("whole"))
    deaths(homes, expected, number, 15)
    commits(homes, expected, number, [12, 36, 60, 84, 108])
    bodies(slow_homes, expected, number, 5)
