"""What is said of one listing's prices and chains: what is held of them, and why something is not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.world import World

SINCE = ("--since", "2026-06-01")
KNOWN = "GAAH"


@pytest.fixture
def filled(market: Callable[..., World]) -> World:
    """Prices of a month of all listings, and chains of some."""
    world = market(60, contracts=12)
    world.extra = {"EVERTAPE_LIMITS": "yahoo=1000/s,cboe=1000/s"}
    done = world.run("refresh", "market", "--scope", "all", *SINCE, "--yes")
    assert done.returncode == 0, done.stderr
    done = world.run("refresh", "options", "--symbols", KNOWN, "--yes")
    assert done.returncode == 0, done.stderr
    return world


def unknown(world: World) -> str:
    """A listing that no vendor knows."""
    rows = world.sql("SELECT key FROM holdings WHERE dataset = 'prices' AND outcome = 'pending' ORDER BY key")
    assert rows
    return str(rows[0][0]).partition(":")[0]


def test_status_of_a_symbol_and_the_reason_for_nothing_are_of_its_prices_and_chains(filled: World) -> None:
    days, first, last = filled.sql(
        "SELECT COUNT(*), MIN(day), MAX(day) FROM daily_prices p JOIN listings l USING (listing_id) "
        "WHERE l.symbol = ?", KNOWN,
    )[0]  # fmt: skip
    said = filled.run("status", KNOWN).stdout
    assert f"prices of {KNOWN}: {days} sessions from {first}, the last {last}" in said
    assert f"options of {KNOWN}: chains of 1 day, the last " in said
    assert "statements missing, never fetched" in said
    told = {one["dataset"]: one for one in filled.json("status", KNOWN)["market"]}
    assert (told["prices"]["days"], told["prices"]["first"], told["prices"]["last"]) == (days, first, last)
    assert told["options"]["rows"] > 0

    later = filled.run("prices", KNOWN, "--start", "2027-01-01")
    assert later.returncode == 1
    assert f"prices of {KNOWN} are held from {first} to {last}, none in the days asked for" in later.stderr
    assert "evertape refresh" not in later.stderr
    none = filled.run("options", KNOWN, "--dte", "3000-3001")
    assert none.returncode == 1
    assert f"option chains of {KNOWN} are held from 2026-" in none.stderr

    nobody = unknown(filled)
    quarantined = filled.run("prices", nobody)
    assert quarantined.returncode == 1
    assert f"no prices of {nobody} are held: unknown to yahoo.chart; it is not asked for again before 20" in (
        quarantined.stderr
    )
    assert f"no prices of {nobody} are held: unknown to yahoo" in filled.run("status", nobody).stdout
    both = filled.run("prices", f"{KNOWN},{nobody}", "--json")
    assert both.returncode == 1
    assert {row["symbol"] for row in json.loads(both.stdout)} == {KNOWN}
    assert nobody in both.stderr
    assert KNOWN not in both.stderr
    never = filled.run("options", nobody)
    assert f"no option chains of {nobody} are held; run: evertape refresh options --symbols {nobody}" in (
        never.stderr
    )

    report = filled.run("status", "market", "--scope", "all")
    assert "no source knows their prices" in report.stdout
    assert "facts not published" not in report.stdout
