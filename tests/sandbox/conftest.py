"""One market for all tests that only read it."""

from __future__ import annotations

from datetime import date

import pytest

from evertape.sandbox.market import Market
from evertape.sandbox.traps import CYCLE


@pytest.fixture(scope="session")
def market() -> Market:
    """One company for each place in the cycle of traps, as of 2026-06-30."""
    return Market(len(CYCLE), 1, date(2026, 6, 30))
