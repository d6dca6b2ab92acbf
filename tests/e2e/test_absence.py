"""What was asked for and is not there ends with 1 and a sentence, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from evertape.database.facade import Database
from evertape.settings import load
from tests.e2e.conftest import MARKET_DAY
from tests.e2e.world import World

NEVER = "it was never fetched; run: evertape refresh financials --symbols OTHER"
EARLY = "was filed by 1990-01-01; the first filing that is held is of "


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory, serve_for_all: Callable[..., str]) -> World:
    """Two made-up companies, of which one was fetched; only read."""
    url = serve_for_all(market=2, seed=3, today=MARKET_DAY)
    world = World(home=tmp_path_factory.mktemp("half") / "home", url=url, now=MARKET_DAY.isoformat())
    assert world.run("refresh", "universe", "--yes").returncode == 0
    held = names(world)["HELD"]
    assert world.run("refresh", "financials", "market", "--symbols", held, "--yes").returncode == 0
    return world


def names(world: World) -> dict[str, str]:
    """The listings by what the tests call them."""
    listed = world.sql("SELECT symbol FROM listings ORDER BY rank")
    return dict(zip(("HELD", "OTHER"), (symbol for (symbol,) in listed), strict=False))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("statements OTHER", NEVER),
        ("statements HELD --as-of 1990-01-01", EARLY),
        ("ratios OTHER", NEVER),
        ("ratios HELD --as-of 1990-01-01", EARLY),
        ("explain OTHER revenue 2024-06-30", NEVER),
        ("explain HELD revenue 1999-12-31", "the nearest report dates at which it is are "),
        ("restatements OTHER", NEVER),
        ("prices OTHER", "no prices of OTHER are held; run: evertape refresh prices --symbols OTHER"),
        ("prices HELD --end 1990-01-01", "none in the days asked for"),
        (
            "options OTHER",
            "no option chains of OTHER are held; run: evertape refresh options --symbols OTHER",
        ),
    ],
)
def test_nothing_found_is_one_and_a_sentence(half: World, command: str, said: str) -> None:
    for name, symbol in names(half).items():
        command, said = command.replace(name, symbol), said.replace(name, symbol)
    plain = half.run(*command.split())
    assert (plain.returncode, plain.stdout) == (1, "")
    assert said in plain.stderr
    told = half.run(*command.split(), "--json")
    assert (told.returncode, json.loads(told.stdout), told.stderr) == (1, [], plain.stderr)


def test_an_empty_home_lists_no_company(world: World) -> None:
    Database(load(world.environment)).close()
    done = world.run("universe", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (1, [])
    assert "run: evertape refresh universe" in done.stderr


def test_of_several_symbols_those_that_are_there_are_shown(half: World) -> None:
    held, other = names(half).values()
    done = half.run("prices", f"{held},{other}", "--json")
    assert done.returncode == 1
    assert {row["symbol"] for row in json.loads(done.stdout)} == {held}
    assert f"no prices of {other} are held" in done.stderr


@pytest.mark.parametrize(
    ("target", "dataset"),
    [("statements", "facts"), ("facts", "facts"), ("financials", "facts"), ("companies", "companies")],
)
def test_a_status_of_companies_says_which_of_them_is_not_current(
    half: World, target: str, dataset: str
) -> None:
    held, other = names(half).values()
    told = half.json("status", target, "--symbols", f"{held},{other}")
    assert (told["target"], told["scope"], told["total"]) == (target, "symbols", 2)
    behind = {one["label"]: one for one in told["not_current"]}
    assert (behind[other]["dataset"], behind[other]["level"]) == (dataset, "missing")
    assert (held in behind) == (target == "companies")
    shown = half.run("status", target, "--symbols", f"{held},{other}").stdout
    assert f"{other}: {dataset} missing, " in shown


def test_what_is_measured_is_never_due(half: World) -> None:
    done = half.run("status", "quality", "--symbols", names(half)["HELD"])
    assert (done.returncode, "run: evertape verify" in done.stderr) == (2, True)


def test_twelve_months_of_balance_sheets_are_refused(half: World) -> None:
    done = half.run("statements", names(half)["HELD"], "--statement", "balance", "--period", "ttm")
    assert (done.returncode, "a balance sheet is of a day" in done.stderr) == (2, True)
