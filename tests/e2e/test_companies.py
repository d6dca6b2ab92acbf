"""A company's profile, and the industry of its statements that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.bulkfiles import body
from tests.e2e.world import World, tables

FINANCIALS = ("refresh", "financials", "--scope", "all", "--yes")
BANK = "GEJA"
"""The bank among the first companies of the fourth market."""
PROFILES = ("refresh", "companies", "--scope", "all", "--yes")


def industries(world: World) -> dict[int, set[str]]:
    """By CIK, in all three statements."""
    found: dict[int, set[str]] = {}
    for table in ("income_statements", "balance_sheets", "cash_flow_statements"):
        for cik, industry in world.sql(f"SELECT DISTINCT cik, industry FROM {table}"):
            found.setdefault(cik, set()).add(industry)
    return found


def codes(world: World) -> dict[int, str]:
    return dict(world.sql("SELECT cik, sic FROM companies"))


def others(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: found for name, found in rows.items() if name != "companies"}


def test_profiles_are_fetched_once_each_and_then_current(market: Callable[..., World]) -> None:
    world = market(30, seed=4)
    job = world.json(*PROFILES)["job"]
    assert job["right"] == job["requests"] == len(codes(world)) > 20
    (row,) = world.sql("SELECT category, former_names, website, source FROM companies LIMIT 1")
    assert row == ("Non-accelerated filer; Smaller reporting company", None, None, "sec.submissions")
    again = world.json(*PROFILES)
    assert again["check"]["current"] == len(codes(world))
    assert again["plan"]["steps"] == []


def test_statements_take_the_industry_of_a_profile_that_is_held(market: Callable[..., World]) -> None:
    world = market(30, seed=4)
    assert world.run(*PROFILES).returncode == 0
    assert world.run(*FINANCIALS).returncode == 0
    found, held = industries(world), codes(world)
    expected = {"6022": {"bank"}, "6331": {"insurer"}}
    for cik, told in found.items():
        assert told == expected.get(held.get(cik, ""), {"general"}), (cik, held.get(cik))
    assert {"6022", "6331"} <= {held.get(cik) for cik in found}


def test_a_profile_that_comes_later_counts_after_rebuild_and_then_everywhere(
    market: Callable[..., World],
) -> None:
    world = market(8, seed=4)
    assert world.run(*FINANCIALS).returncode == 0
    assert world.run("refresh", "vintages", "--symbols", BANK, "--yes").returncode == 0
    before = tables(world.home)
    assert set().union(*industries(world).values()) == {"general"}
    assert world.run(*PROFILES).returncode == 0
    assert others(tables(world.home)) == others(before)
    (bank,) = [cik for cik, sic in codes(world).items() if sic == "6022"]
    # What is worked out when it is asked for knows the code at once; what is stored follows.
    assert industry_as_of(world, bank) == {"bank"}
    world.reset()
    assert world.run("rebuild").returncode == 0
    assert world.stats()["requests"] == 0
    assert industries(world)[bank] == industry_as_of(world, bank) == {"bank"}
    assert world.sql("SELECT DISTINCT industry FROM income_vintages WHERE cik = ?", bank) == [("bank",)]
    for path in world.home.glob("evertape.db*"):
        path.unlink()
    assert world.run("rebuild").returncode == 0
    assert industries(world)[bank] == {"bank"}


def industry_as_of(world: World, cik: int) -> set[str]:
    rows = world.json("statements", str(cik), "--as-of", "2026-06-30")
    return {row["industry"] for row in (rows["rows"] if isinstance(rows, dict) else rows)}


def test_an_extraction_takes_it_too_and_only_for_whom_it_is_held(
    market: Callable[..., World], tmp_path: Path
) -> None:
    world = market(8, seed=4)
    assert world.run(*PROFILES).returncode == 0
    (bank,) = [cik for cik, sic in codes(world).items() if sic == "6022"]
    folder = tmp_path / "companyfacts"
    folder.mkdir()
    for cik in (bank, 1, 2):
        (folder / f"CIK{cik:010d}.json").write_bytes(body(cik))
    assert world.run("extract", str(folder)).returncode == 0
    assert industries(world) == {bank: {"bank"}, 1: {"general"}, 2: {"general"}}
