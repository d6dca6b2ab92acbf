"""The next trading day of somebody without a key: quotes in place of a chart a listing, and no less true."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from evertape.sandbox import SandboxOptions, running
from tests.e2e import bazaar
from tests.e2e.bazaar import Traded, asked, differences, go_to, held, may_ask, read, refresh, spans
from tests.e2e.world import World

COMPANIES, SEED = 60, 31
SINCE = "2024-01-02"
SPLIT, PAYER = "GRKA", "GRKD"
"""Of this seed: 4 for 1, and a dividend, both on 2024-04-10."""
LATE = "GRKL"
"""Its dividend went ex on 2024-02-20."""
EVE, DAY = date(2024, 4, 9), date(2024, 4, 10)
NO_CRUMB = {
    "kind": "status",
    "code": 429,
    "match": "query1.finance.yahoo.com/v1/test/getcrumb",
    "permanent": True,
}


def options(*faults: dict[str, Any]) -> SandboxOptions:
    return SandboxOptions(market=COMPANIES, seed=SEED, today=date(2024, 6, 28), faults=faults)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One sandbox for all tests of this file; each sets its day."""
    with running(options()) as address:
        yield address


@pytest.fixture(scope="module")
def true(url: str) -> dict[str, Traded]:
    """What the market traded."""
    return bazaar.truths(url)


def begun(home: Path, url: str, day: date) -> World:
    """A home without a key on a day."""
    world = World(home=home / "home", url=url)
    go_to(world, day)
    may_ask(world)
    return world


@pytest.fixture
def home(tmp_path: Path, url: str) -> Callable[[date], World]:
    return lambda day: begun(tmp_path, url, day)


def all_of(true: dict[str, Traded], day: date) -> tuple[str, ...]:
    """The arguments that ask for every listing that has traded by a day."""
    listed = [
        s for s, one in true.items() if one.bars and min(one.bars) <= day.isoformat() and not one.delisted
    ]
    return ("--symbols", ",".join(listed), "--since", SINCE)


def test_the_next_session_takes_a_fifth_of_the_requests_and_a_holiday_none(
    home: Callable[[date], World], true: dict[str, Traded]
) -> None:
    world = home(date(2024, 2, 16))
    chosen = all_of(true, date(2024, 2, 16))
    full = refresh(world, *chosen)
    sent = asked(world)["yahoo"]
    assert [step["feed"] for step in full["plan"]["steps"]] == ["yahoo.chart"]
    assert sent == full["job"]["requests"] == len(held(world)) >= 55
    for day in (date(2024, 2, 18), date(2024, 2, 19)):
        go_to(world, day)
        assert "job" not in refresh(world, *chosen)
        assert asked(world) == {}
    # Beside the requests of the job: a cookie and its crumb; nothing, where those of the process before are
    # still taken; where they are not, the refusal and new ones.
    for number, beside in ((20, 2), (21, 0), (22, 3)):
        go_to(world, date(2024, 2, number))
        if beside == 3:
            kept = world.home.parent / "state" / "sessions.json"
            kept.write_text(
                json.dumps({"yahoo": {**json.loads(kept.read_text())["yahoo"], "crumb": "worn.out.11"}})
            )
        told = refresh(world, *chosen)
        assert told["plan"]["steps"][0]["feed"] == "yahoo.quotes"
        assert asked(world)["yahoo"] == told["job"]["requests"] + beside
        assert asked(world)["yahoo"] <= sent / 5
        assert {span for each in spans(told).values() for span in each} == {(world.now, world.now)}
    assert not differences(held(world), true, SINCE, world.now, chosen[1].split(","))
    assert not bazaar.actions_differ(world, true, SINCE, world.now)
    assert "job" not in refresh(world, *chosen)

    # As if Yahoo had told a dividend only after its day, and quotes alone had followed for 25 sessions.
    ((key, mark),) = world.sql(
        "SELECT key, mark FROM holdings WHERE dataset = 'prices' AND key LIKE ?", f"{LATE}:%"
    )
    told = json.dumps({**json.loads(mark), "told": "2024-01-17"})
    world.write("UPDATE holdings SET mark = ? WHERE dataset = 'prices' AND key = ?", told, key)
    world.write("DELETE FROM corporate_actions WHERE ex_date = '2024-02-20' AND kind = 'dividend'")
    assert bazaar.actions_differ(world, true, SINCE, world.now)
    go_to(world, date(2024, 2, 23))
    refresh(world, *chosen)
    assert not bazaar.actions_differ(world, true, SINCE, world.now)
    ((mark,),) = world.sql("SELECT mark FROM holdings WHERE dataset = 'prices' AND key = ?", key)
    assert "told" not in json.loads(mark)


def rows(world: World, table: str) -> list[tuple[Any, ...]]:
    """A table's rows without the time they were fetched at."""
    columns = [row[1] for row in world.sql(f"PRAGMA table_info({table})") if row[1] != "fetched_at"]
    return sorted(world.sql(f"SELECT {', '.join(columns)} FROM {table}"), key=repr)


def test_a_split_and_a_dividend_of_the_next_session_are_caught_and_no_byte_differs_from_charts_alone(
    tmp_path: Path, home: Callable[[date], World], true: dict[str, Traded]
) -> None:
    """Where Yahoo hands out no crumb, charts answer: what they say is what quotes must come to."""
    world = home(EVE)
    chosen = all_of(true, EVE)
    with running(options(NO_CRUMB)) as refusing:
        alone = begun(tmp_path / "alone", refusing, EVE)
        for one in (world, alone):
            refresh(one, *chosen)
        sent = asked(world)["yahoo"]
        for day in (DAY, date(2024, 4, 11), date(2024, 4, 12)):
            charts = 0
            for one in (world, alone):
                go_to(one, day)
                told = refresh(one, *chosen)
                assert told["plan"]["steps"][0]["feed"] == "yahoo.quotes"
                charts = asked(one)["yahoo"]
                if one is world:
                    # In the season of dividends more of them are ahead.
                    assert charts <= sent / 4
                    notes = told["job"]["notes"]
                    assert ("after another close" in " ".join(notes)) is (day == DAY)
                else:
                    # Five times a cookie and the crumb that is refused, for all quotes together.
                    assert charts == len(held(one)) + 10
                    (note,) = {note.partition(": ")[2] for note in told["job"]["notes"]}
                    assert note.startswith("yahoo.chart was asked, since yahoo.quotes failed: Yahoo says")
            for table in ("daily_prices", "corporate_actions", "quality_findings"):
                assert rows(world, table) == rows(alone, table), table
    actions = world.sql(
        "SELECT symbol, kind, numerator, denominator FROM corporate_actions JOIN listings USING (listing_id) "
        "WHERE ex_date = ? ORDER BY symbol", DAY.isoformat(),
    )  # fmt: skip
    assert actions == [(SPLIT, "split", 4.0, 1.0), (PAYER, "dividend", None, None)]
    symbols = chosen[1].split(",")
    assert not differences(held(world), true, SINCE, world.now, symbols)
    assert not bazaar.actions_differ(world, true, SINCE, world.now)
    adjusted = read(world, symbols)
    assert not bazaar.jumps(adjusted, true, world.now)
    assert adjusted[SPLIT]["2024-04-09"][3] == pytest.approx(true[SPLIT].bars["2024-04-09"][3] / 4, rel=1e-3)
    assert {row[5] for days in held(world).values() for row in days.values()} == {"yahoo"}
