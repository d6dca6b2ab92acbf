"""`refresh all`: every goal and every other dataset that is fetched, in one plan, one question, one job."""

from __future__ import annotations

import os
import pty
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.world import World, tables

PARTS = ("financials", "market", "companies", "options")
FETCHED = {"facts", "prices", "companies", "options"}
CHOSEN = ("--scope", "all", "--since", "2025-06-01")
LIMITS = "yahoo=500/s,cboe=500/s"
COUNTS = ("total", "current", "stale", "very_stale", "missing", "pending", "unknown")


@pytest.fixture
def listed(market: Callable[..., World]) -> World:
    """A small market whose vendors may be asked as fast as they answer."""
    world = market(6, contracts=600, seed=4)
    world.extra = {"EVERTAPE_LIMITS": LIMITS, "EVERTAPE_CIRCUIT": "1000,60,1"}
    return world


def held(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """What is held, the sources' health aside, which is of the machine and not of the market."""
    return {name: rows for name, rows in tables(world.home).items() if name != "api_rate_limits"}


def test_it_is_one_plan_whose_report_is_the_sum_of_its_parts(listed: World) -> None:
    done = listed.run("refresh", "all", *CHOSEN, "--check")
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("plan ") == 1
    assert [line for line in done.stderr.splitlines() if line in PARTS] == list(PARTS)
    told = listed.json("refresh", "all", *CHOSEN, "--check", code=3)
    check, plan = told["check"], told["plan"]
    assert [part["target"] for part in check["parts"]] == list(PARTS)
    assert {step["dataset"] for step in plan["steps"]} == FETCHED
    assert f"plan {plan['digest']}: " in done.stderr.replace("\n", " ")
    for name in COUNTS:
        assert check[name] == sum(part[name] for part in check["parts"])
    assert check["missing"] == check["total"] > 20
    assert listed.sql("SELECT COUNT(*) FROM sync_jobs WHERE kind = 'refresh'") == [(0,)]


def test_several_targets_are_one_plan_and_none_is_counted_twice(listed: World) -> None:
    told = listed.json("refresh", "options", "market", "prices", *CHOSEN, "--check", code=3)
    assert [part["target"] for part in told["check"]["parts"]] == ["options", "market"]
    assert {step["dataset"] for step in told["plan"]["steps"]} == {"prices", "options"}
    assert told["plan"]["target"] == "options market prices"
    alone = listed.json("refresh", "market", "prices", *CHOSEN, "--check", code=3)
    assert alone["check"]["parts"] == []
    assert alone["check"]["total"] == told["check"]["parts"][1]["total"]


def test_what_is_built_from_held_rows_is_no_part_of_a_fetch(listed: World) -> None:
    done = listed.run("refresh", "facts", "vintages", *CHOSEN, "--yes")
    assert done.returncode == 2
    assert "then: evertape refresh vintages" in done.stderr
    done = listed.run("refresh", "market", "mraket", *CHOSEN, "--yes")
    assert done.returncode == 2
    assert "mraket cannot be refreshed; choose one of" in done.stderr


def test_it_brings_what_its_parts_bring_one_by_one(listed: World) -> None:
    plan = listed.json("refresh", "all", *CHOSEN, "--check", code=3)["plan"]
    job = listed.json("refresh", "all", *CHOSEN, "--yes")["job"]
    assert job["failed"] == 0
    assert listed.sql("SELECT target, digest FROM sync_jobs WHERE kind = 'refresh'") == [
        ("all", plan["digest"])
    ]
    tabled = {part["target"]: set(part["rows"]) for part in listed.json("status", "all")["parts"]}
    assert tabled["companies"] == {"companies"}
    assert tabled["market"] == {"daily_prices", "corporate_actions"}
    assert tabled["options"] == {"option_quotes"}
    assert "income_statements" in tabled["financials"]
    again = listed.run("refresh", "all", *CHOSEN, "--yes")
    assert again.returncode == 0
    assert again.stderr.rstrip().endswith("All current. Nothing to fetch.")
    assert listed.run("status", "all").stdout.count("fresh") >= len(PARTS)
    other = World(
        home=listed.home.with_name("other"), url=listed.url, now=listed.now, extra=dict(listed.extra)
    )
    # Profiles first, as they are in a plan that has both: statements take the industry from them.
    for part in ("companies", "financials", "market", "options"):
        assert other.run("refresh", part, *CHOSEN, "--yes").returncode == 0
    assert held(listed) == held(other)
    assert held(listed)["option_quotes"]
    assert held(listed)["income_statements"]


def test_what_one_source_fails_is_told_and_the_rest_is_kept(listed: World) -> None:
    listed.vendors(all={"down": [0, 1e9]})
    done = listed.run("refresh", "all", *CHOSEN, "--yes")
    assert done.returncode == 1
    assert "failed by kind: transient" in done.stderr
    assert listed.sql("SELECT COUNT(*) FROM income_statements")[0][0] > 0
    assert listed.sql("SELECT COUNT(*) FROM companies")[0][0] > 0
    assert listed.sql("SELECT COUNT(*) FROM daily_prices") == [(0,)]
    listed.vendors(all={"down": [0, 0]})
    told = listed.json("refresh", "all", *CHOSEN, "--yes")
    assert {step["dataset"] for step in told["plan"]["steps"]} == {"prices", "options"}
    assert told["job"]["failed"] == 0
    assert listed.sql("SELECT COUNT(*) FROM daily_prices")[0][0] > 0


def test_without_a_terminal_and_yes_nothing_is_fetched(listed: World) -> None:
    done = listed.run("refresh", "all", *CHOSEN)
    assert done.returncode == 3
    assert "add --yes to fetch" in done.stderr
    assert listed.sql("SELECT COUNT(*) FROM sync_jobs WHERE kind = 'refresh'") == [(0,)]


@pytest.mark.parametrize(("typed", "code", "jobs"), [("y", 0, 1), ("n", 3, 0)])
def test_a_person_is_asked_once(listed: World, typed: str, code: int, jobs: int) -> None:
    ours, theirs = pty.openpty()
    try:
        child = listed.start("refresh", "all", *CHOSEN, stdin=theirs)
        os.write(ours, f"{typed}\n".encode())
        out, err = child.communicate(timeout=120)
    finally:
        os.close(ours)
        os.close(theirs)
    assert child.returncode == code, err
    assert (out + err).count("Fetch this now?") == 1
    assert listed.sql("SELECT COUNT(*) FROM sync_jobs WHERE kind = 'refresh'") == [(jobs,)]
