"""A home and a sandbox for whole-program tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from evertape.sandbox import SandboxOptions
from tests.e2e import forks
from tests.e2e.world import World

MARKET_DAY = date(2026, 6, 30)


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start sandboxes that end with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(forks.sandbox(SandboxOptions(**options)))


@pytest.fixture(scope="module")
def serve_for_all() -> Iterator[Callable[..., str]]:
    """Start sandboxes that end with the module."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(forks.sandbox(SandboxOptions(**options)))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A home that does not exist yet."""
    return World(home=tmp_path / "home")


@pytest.fixture
def market(world: World, serve: Callable[..., str]) -> Callable[..., World]:
    """A world with a generated market."""

    def make(companies: int, **options: Any) -> World:
        world.url = serve(market=companies, today=MARKET_DAY, **options)
        world.now = MARKET_DAY.isoformat()
        return world

    return make
