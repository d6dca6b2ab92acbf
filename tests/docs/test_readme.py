"""The README's examples are run as they stand, and its commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape.cli import VERBS
from tests.e2e.conftest import serve, world
from tests.e2e.world import World

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
__all__ = ["serve", "world"]


@pytest.mark.shared
def test_the_examples_print_what_the_readme_says(
    world: World, serve: Callable[..., str], shared: Path
) -> None:
    found = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.DOTALL)
    assert len(found) == README.count("```python")
    # They are read one after the other: the first opens the home.
    code, expected = map("".join, zip(*found, strict=True))
    world.url = serve(data=shared / "upstream" / "2026-07-10")
    world.now = "2026-07-10"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=world.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected


def test_every_verb_is_in_the_readme_and_every_named_verb_exists() -> None:
    named = set(re.findall(r"`?evertape ([a-z]+)", README)) | set(re.findall(r"make (demo)", README))
    assert set(VERBS) - named == set()
    assert {n for n in named if n not in VERBS} <= {"is", "asks", "keeps"}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(world: World, verb: str) -> None:
    done = world.run(verb, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage:")


def test_the_refresh_command_of_the_readme_is_accepted(world: World) -> None:
    command = re.search(r"^evertape (refresh .*)$", README, re.MULTILINE)
    assert command
    world.url = "http://127.0.0.1:9"
    world.extra = {"EVERTAPE_RETRY_BASE": "0.01"}
    done = world.run(*command.group(1).split())
    assert done.returncode == 2
    assert "cannot be" in done.stderr or "could not" in done.stderr
