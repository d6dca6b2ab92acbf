"""Recorded companyfacts, decoded and standardized once a session."""

from __future__ import annotations

import gc
import gzip
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from evertape.formats.xbrl import CompanyFacts, Statements, decode, standardize

COMPANIES = {
    "ABT": 1800,
    "NONE": 2110,
    "AMD": 2488,
    "BYI": 2491,
    "AEM": 2809,
    "APD": 2969,
    "SPIRE": 3146,
    "XOM": 34088,
    "F": 37996,
    "AAPL": 320193,
    "HD": 354950,
    "MSFT": 789019,
    "CSCO": 858877,
    "NVDA": 1045810,
    "TSM": 1046179,
    "SNOW": 1640147,
    "GOOGL": 1652044,
    "LMND": 1691421,
    "MRVL": 1835632,
}


class Recorded:
    """Companies of the recorded tree by their short name."""

    def __init__(self, shared: Path) -> None:
        folder = shared / "upstream/2026-07-10/data.sec.gov/api/xbrl/companyfacts"

        @cache
        def body(name: str) -> bytes:
            return gzip.decompress((folder / f"CIK{COMPANIES[name]:010d}.json.gz").read_bytes())

        @cache
        def facts(name: str) -> CompanyFacts:
            return decode(body(name))

        @cache
        def statements(name: str) -> Statements:
            return standardize(facts(name))

        self.body: Callable[[str], bytes] = body
        self.facts: Callable[[str], CompanyFacts] = facts
        self.statements: Callable[[str], Statements] = statements


@pytest.fixture(scope="package", autouse=True)
def _rarely_collected() -> Iterator[None]:
    """Facts are many small objects and no cycles: looking for cycles costs a sixth of these tests."""
    usual = gc.get_threshold()
    gc.set_threshold(200_000, 20, 20)
    yield
    gc.set_threshold(*usual)


@pytest.fixture(scope="session")
def recorded(shared: Path) -> Recorded:
    """All companies of the later recorded tree."""
    return Recorded(shared)
