"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.keyrings import BACKEND, NOWHERE

# Before anything asks: the library chooses once a process, and children inherit it.
os.environ[BACKEND] = NOWHERE
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded answers beside the checkout."""
    if not (SHARED / "upstream").is_dir():
        pytest.skip(f"no recorded answers at {SHARED}: put the recorded upstream beside the checkout")
    return SHARED
