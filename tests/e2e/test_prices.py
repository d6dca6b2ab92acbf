"""Prices by the command line: as traded whatever the source, only what is missing, no jump at a split."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from evertape.sandbox import SandboxOptions, running
from tests.e2e import bazaar
from tests.e2e.bazaar import Traded, asked, differences, go_to, held, may_ask, read, refresh, spans
from tests.e2e.world import World

COMPANIES = 60
TUESDAY = date(2026, 6, 30)
LATEST = date(2026, 7, 10)
EARLIER, SINCE = "2020-01-02", "2026-01-01"
SPLIT, RESTLESS, HALTED, UNKNOWN = "GABX", "GAAH", "GACA", "GABU"
"""Of this seed: 4 for 1 on 2025-04-17; split in each quarter, on 2026-07-02 again; without trades on
2026-06-02; not listed yet."""
QUIET = ("GAAA", "GABQ")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One sandbox for all tests of this file; each sets its day and its vendors."""
    with running(SandboxOptions(market=COMPANIES, today=LATEST)) as address:
        yield address


@pytest.fixture(scope="module")
def true(url: str) -> dict[str, Traded]:
    """What the market traded."""
    return bazaar.truths(url)


@pytest.fixture
def home(tmp_path: Path, url: str) -> Callable[..., World]:
    """Homes on a day, with the sources they may ask, in order."""

    def make(*sources: str, day: date = TUESDAY) -> World:
        world = World(home=tmp_path / "-".join(("home", *sources)) / "home", url=url)
        go_to(world, day)
        bazaar.post(world, "vendors", {"all": {"knows": 1.0}})
        may_ask(world, *sources)
        return world

    return make


def findings(world: World) -> list[tuple[Any, ...]]:
    """What stands against bars: symbol, day, check, severity, the value found, and the sentence."""
    return world.sql(
        "SELECT period_type, report_date, check_name, severity, found, sentence FROM quality_findings "
        "WHERE table_name = 'daily_prices' AND resolved_at IS NULL ORDER BY 1, 2"
    )


def known(true: dict[str, Traded], day: str) -> set[str]:
    """Listings that have traded by a day."""
    return {symbol for symbol, one in true.items() if one.bars and min(one.bars) <= day}


def test_all_of_yahoo_is_the_truth_and_each_day_after_asks_for_that_day(
    home: Callable[..., World], true: dict[str, Traded]
) -> None:
    world = home("yahoo", day=date(2026, 6, 2))
    chosen = ("--scope", "all", "--since", EARLIER)
    full = refresh(world, *chosen)
    assert asked(world) == {"yahoo": len(true)}
    planned = sum(step["cost"]["bytes"] for step in full["plan"]["steps"])
    assert full["job"]["bytes"] / 2 < planned < 2 * full["job"]["bytes"]
    now = world.now
    listed = known(true, now)
    assert held(world).keys() == listed
    assert (full["job"]["pending"], len(true) - len(listed)) == (4, 4)
    assert not differences(held(world), true, EARLIER, now)
    assert not bazaar.actions_differ(world, true, EARLIER, now)
    some = (RESTLESS, SPLIT, HALTED, *QUIET)
    assert not bazaar.jumps(read(world, some), true, now)

    # The next day one session is asked for; of one without trades the day before again, twice, then no more.
    # Unknown symbols are asked for after a day, then after two.
    for day, again, unknown in ((3, "06-02", 4), (4, "06-02", 0), (5, "", 4)):
        go_to(world, date(2026, 6, day))
        told = refresh(world, *chosen)
        sent = asked(world)["yahoo"]
        assert sent <= len(true) / 5 + unknown
        # A cookie and its crumb are no requests of the job's, and are kept for the next.
        assert sent == told["job"]["requests"] + (2 if day == 3 else 0)
        # A chart of one day is mostly its head.
        assert told["job"]["bytes"] < full["job"]["bytes"] / 10
        today = f"2026-06-{day:02}"
        mine = {symbol: days for symbol, days in spans(told).items() if symbol in listed}
        assert mine.pop(HALTED) == {(f"2026-{again}" if again else today, today)}
        assert set(map(tuple, mine.values())) == {((today, today),)}
    assert not differences(held(world), true, EARLIER, world.now)
    assert not bazaar.actions_differ(world, true, EARLIER, world.now)


def test_nothing_is_asked_for_on_a_holiday_and_a_weekend_and_polygon_is_asked_for_days(
    home: Callable[..., World], true: dict[str, Traded]
) -> None:
    world = home("polygon", day=date(2026, 7, 1))
    listed = sorted(known(true, world.now))
    chosen = ("--symbols", ",".join(listed), "--since", SINCE)
    full = refresh(world, *chosen)
    assert [step["feed"] for step in full["plan"]["steps"]] == ["polygon.range"]
    assert not differences(held(world), true, SINCE, world.now, listed)
    assert not bazaar.actions_differ(world, true, SINCE, world.now)
    ranges = asked(world)
    # Doubts are looked up at Yahoo, a request each.
    assert ranges == {"polygon": 3 * len(listed), "yahoo": len(findings(world))}
    assert full["job"]["requests"] == sum(ranges.values())

    go_to(world, date(2026, 7, 2))
    told = refresh(world, *chosen)
    (step,) = told["plan"]["steps"]
    assert (step["feed"], step["cost"]["requests"], asked(world)["polygon"]) == ("polygon.grouped", 3, 3)
    assert set(map(tuple, spans(told).values())) == {((world.now, world.now),)}
    assert told["job"]["requests"] <= sum(ranges.values()) / 5
    before = world.sql("SELECT * FROM daily_prices")
    for day in (3, 5):
        go_to(world, date(2026, 7, day))
        assert "job" not in refresh(world, *chosen)
        assert asked(world) == {}
    assert world.sql("SELECT * FROM daily_prices") == before
    assert not differences(held(world), true, SINCE, world.now, listed)
    assert not bazaar.actions_differ(world, true, SINCE, world.now)
    # The split of that day, which Polygon tells after the bars, is a jump no more and no doubt.
    assert (RESTLESS, "2026-07-02") in world.sql(
        "SELECT symbol, ex_date FROM corporate_actions JOIN listings USING (listing_id) WHERE kind = 'split'"
    )
    some = (RESTLESS, HALTED, *QUIET)
    assert not bazaar.jumps(read(world, some), true, world.now)
    assert not world.sql(
        "SELECT sentence FROM quality_findings WHERE period_type = ? AND resolved_at IS NULL", RESTLESS
    )


def test_a_first_load_by_days_of_the_whole_market_is_the_truth(
    home: Callable[..., World], true: dict[str, Traded]
) -> None:
    world = home("polygon")
    world.extra["EVERTAPE_BANDWIDTH"] = "10000"
    told = refresh(world, "--scope", "all", "--since", "2026-05-01")
    assert [step["feed"] for step in told["plan"]["steps"]] == ["polygon.grouped"]
    sessions = len([day for day in true[RESTLESS].bars if "2026-05-01" <= day <= world.now])
    assert asked(world) == {"polygon": sessions + 2, "yahoo": 4 + len(findings(world))}
    assert not differences(held(world), true, "2026-05-01", world.now)
    assert not bazaar.actions_differ(world, true, "2026-05-01", world.now)


def test_listings_that_nobody_answers_for_keep_no_other_from_its_days(
    home: Callable[..., World], true: dict[str, Traded]
) -> None:
    world = home("polygon")
    world.extra |= {
        "EVERTAPE_BANDWIDTH": "10000",
        "EVERTAPE_RETRY_BASE": "0.05",
        "EVERTAPE_CIRCUIT": "1000,60,1",
    }
    bazaar.post(world, "vendors", {"yahoo": {"refuses": 1.0}})
    first, since = "2026-06-26", known(true, world.now)
    world.reset()
    told = world.json("refresh", "prices", "--scope", "all", "--since", first, "--yes", code=1)
    assert told["job"]["failed"] == 3
    assert not differences(held(world), true, first, world.now, sorted(since))
    said = [failure["message"] for failure in told["job"]["failures"]]
    assert all(text.startswith("4 of 61 stay due") for text in said), said
    assert [text.count("http") for text in said] == [1, 0, 0]
    bazaar.post(world, "vendors", {"yahoo": {"refuses": 0.0}})
    world.reset()
    again = world.json("jobs", "retry", told["job"]["job_id"])["job"]
    assert (again["failed"], again["right"], asked(world)) == (0, 4, {"yahoo": 4, "polygon": 4})
    assert not world.json("refresh", "prices", "--scope", "all", "--since", first, "--yes").get("job")


@pytest.mark.parametrize(("source", "requests"), [("schwab", 61), ("robinhood", 4)])
def test_numbers_adjusted_for_splits_not_told_are_as_traded_once_another_source_tells_them(
    home: Callable[..., World], true: dict[str, Traded], source: str, requests: int
) -> None:
    world = home(source)
    bazaar.post(world, "vendors", {"yahoo": {"knows": 0}})
    refresh(world, "--scope", "all", "--since", SINCE)
    # The login is asked for a token once more.
    assert asked(world)[source] in (requests, requests + 1)
    assert set(world.sql("SELECT source, split_basis FROM daily_prices")) == {(source, world.now)}
    assert not bazaar.actions_differ(world, {}, SINCE, world.now)
    wrong = differences(held(world), true, SINCE, world.now)
    shown = world.json("prices", SPLIT, "--raw")
    assert {row["split_basis"] for row in shown if row["day"] < world.now} == {world.now}
    split = {symbol for symbol, one in true.items() if any(SINCE < day <= world.now for day in one.splits)}
    assert {line.partition(" ")[0] for line in wrong} == split
    world.extra["EVERTAPE_SOURCES"] = "yahoo"
    bazaar.post(world, "vendors", {"yahoo": {"knows": 1}})
    refresh(world, "--symbols", ",".join(split), "--since", "2025-12-01")
    assert not bazaar.jumps(read(world, split), true, world.now, off=1e-3, told=world)
    raw = read(world, known(true, world.now), "--raw")
    assert not differences(raw, true, "2025-12-01", world.now, sorted(split))
    assert not differences(raw, true, SINCE, world.now, sorted(known(true, world.now) - split))


@pytest.mark.parametrize("source", ["schwab", "robinhood"])
def test_what_a_source_does_not_tell_of_splits_and_dividends_is_asked_of_another(
    home: Callable[..., World], true: dict[str, Traded], source: str
) -> None:
    world, since = home(source, day=date(2026, 7, 2)), "2025-01-02"
    some = (RESTLESS, SPLIT, "GAAC", *QUIET)
    chosen = ("--symbols", ",".join(some), "--since", since)
    told = refresh(world, *chosen)
    assert f"{source} tells no splits and dividends of its 5 listings" in " ".join(told["job"]["notes"])
    rows_of = "SELECT * FROM daily_prices WHERE source = ?"
    sent = world.sql(rows_of, source)
    (step,) = (told := refresh(world, *chosen))["plan"]["steps"]
    assert (step["feed"], step["cost"]["requests"], asked(world)) == ("yahoo.chart", 5, {"yahoo": 5})
    assert "splits and dividends" not in " ".join(told["job"]["notes"])
    assert set(map(tuple, spans(told).values())) == {((world.now, world.now),)}
    assert not bazaar.actions_differ(world, true, since, world.now, some)
    # The rows of the first source stand as they were sent; reading makes of them what was traded.
    assert world.sql(rows_of, source) == sent
    rows = world.json("prices", ",".join(some), "--raw")
    assert {(row["source"], row["split_basis"]) for row in rows} == {(source, None)}
    assert not differences(read(world, some, "--raw"), true, since, world.now, some)
    assert not bazaar.jumps(read(world, some), true, world.now, off=1e-3)
    assert "job" not in refresh(world, *chosen)
    assert asked(world) == {}
    # From here on it is asked alone.
    go_to(world, date(2026, 7, 6))
    refresh(world, *chosen)
    assert asked(world).keys() == {source}


@pytest.mark.parametrize("source", ["schwab", "robinhood"])
def test_closes_before_and_after_a_split_that_a_source_adjusts_for_are_no_move(
    home: Callable[..., World], true: dict[str, Traded], source: str
) -> None:
    """The session of 1 July comes in shares of after the split of the second; the one before does not, or
    comes again."""
    world = home(source)
    chosen = ("--symbols", ",".join((RESTLESS, *QUIET)), "--since", SINCE)
    refresh(world, *chosen)
    refresh(world, *chosen)
    go_to(world, date(2026, 7, 6))
    told = refresh(world, *chosen)
    assert "1 explained by a split" in " ".join(told["job"]["notes"])
    assert [found for found in findings(world) if found[0] == RESTLESS] == []
    assert not bazaar.jumps(read(world, (RESTLESS,)), true, world.now, off=1e-3)


@pytest.mark.parametrize("source", ["schwab", "robinhood"])
def test_splits_that_no_source_tells_are_not_asked_for_again_at_once(
    home: Callable[..., World], source: str
) -> None:
    world = home(source)
    bazaar.post(world, "vendors", {"yahoo": {"knows": 0}})
    chosen = ("--symbols", ",".join(QUIET), "--since", SINCE)
    refresh(world, *chosen)
    refresh(world, *chosen)
    assert asked(world).keys() == {"yahoo", source}
    assert "job" not in refresh(world, *chosen)
    rows = world.json("prices", QUIET[0], "--raw")
    assert {row["split_basis"] for row in rows if row["day"] < world.now} == {world.now}


def test_a_gap_in_the_middle_is_seen_and_filled_and_nothing_else_is_asked_for(
    home: Callable[..., World], true: dict[str, Traded]
) -> None:
    world = home("yahoo")
    refresh(world, "--symbols", f"{RESTLESS},{QUIET[0]},{UNKNOWN}", "--since", SINCE)
    before = held(world)
    world.write(
        "DELETE FROM daily_prices WHERE day BETWEEN '2026-03-03' AND '2026-03-06' "
        "AND listing_id = (SELECT listing_id FROM listings WHERE symbol = ?)",
        RESTLESS,
    )
    shown = world.json("status", "prices", "--symbols", f"{RESTLESS},{QUIET[0]}", "--since", SINCE)
    assert (shown["stale"], shown["current"]) == (1, 1)
    assert [(one["label"], one["missing"]) for one in shown["most_stale"]] == [(RESTLESS, 4)]
    # From 3 March to 30 June.
    assert shown["most_stale"][0]["days"] == 119
    told = world.run("status", "prices", "--symbols", f"{RESTLESS},{QUIET[0]}", "--since", SINCE)
    assert "4 sessions missing, the oldest for 119 days" in " ".join(told.stdout.split())
    told = refresh(world, "--symbols", f"{RESTLESS},{QUIET[0]},{UNKNOWN}", "--since", SINCE)
    assert asked(world) == {"yahoo": 1}
    assert spans(told).keys() == {RESTLESS}
    assert held(world) == before
    assert "job" not in refresh(world, "--symbols", f"{RESTLESS},{QUIET[0]},{UNKNOWN}", "--since", SINCE)
    assert asked(world) == {}


@pytest.mark.parametrize("sources", [("yahoo",), ("polygon",), ("schwab", "yahoo")], ids=" then ".join)
def test_a_split_between_two_runs_leaves_the_bars_as_traded_and_no_jump(
    home: Callable[..., World], true: dict[str, Traded], sources: tuple[str, ...]
) -> None:
    eve, since = date(2025, 4, 16), "2025-01-02"
    world = home(*sources, day=eve)
    chosen = ("--symbols", ",".join((SPLIT, *QUIET)), "--since", since)
    refresh(world, *chosen)
    before = held(world)
    assert not differences(before, true, since, world.now, (SPLIT, *QUIET))
    go_to(world, date(2025, 4, 17))
    told = refresh(world, *chosen)
    assert set(map(tuple, spans(told).values())) == {((world.now, world.now),)}
    assert asked(world).get("yahoo", 0) == {("yahoo",): 3, ("polygon",): 0, ("schwab", "yahoo"): 3}[sources]
    after = held(world)
    assert {day: row for day, row in after[SPLIT].items() if day < world.now} == before[SPLIT]
    assert world.sql(
        "SELECT ex_date, numerator, denominator FROM corporate_actions WHERE kind = 'split'"
    ) == [("2025-04-17", 4.0, 1.0)]
    raw = read(world, (SPLIT, *QUIET), "--raw") if "schwab" in sources else after
    assert not differences(raw, true, since, world.now, (SPLIT, *QUIET))
    adjusted = read(world, (SPLIT, *QUIET))
    # Schwab tells neither splits nor dividends, and Yahoo is asked for all since the first bar.
    assert not bazaar.jumps(adjusted, true, world.now)
    assert adjusted[SPLIT]["2025-04-16"][3] == pytest.approx(true[SPLIT].bars["2025-04-16"][3] / 4, rel=1e-3)


def test_a_doubtful_move_is_kept_and_a_second_source_confirms_it(
    home: Callable[..., World], true: dict[str, Traded]
) -> None:
    alone = home("yahoo")
    refresh(alone, "--scope", "all", "--since", "2026-03-01")
    assert asked(alone) == {"yahoo": len(true)}
    moved = findings(alone)
    assert {found[2:4] for found in moved} == {("bar_move", "soft")}
    # Of four months only the last thirty days are doubted.
    assert min(found[1] for found in moved) >= "2026-05-31"
    assert not differences(held(alone), true, "2026-03-01", alone.now)

    world = home("yahoo", "polygon")
    told = refresh(world, "--scope", "all", "--since", "2026-03-01")
    both = asked(world)
    assert told["job"]["requests"] == sum(both.values())
    # Four are unknown to both; doubts are looked up by listing or by day, whatever takes fewer requests.
    days = {found[1] for found in moved}
    assert 4 < both["polygon"] <= 4 + min(3 * len(moved), len(days) + 2)
    confirmed = findings(world)
    assert [found[:3] for found in confirmed] == [found[:3] for found in moved]
    assert {found[3] for found in confirmed} == {"note"}
    assert all(found[5].endswith("; polygon confirms it") for found in confirmed)
    assert f"{len(moved)} doubtful bars were looked up: {len(moved)} confirmed" in " ".join(
        told["job"]["notes"]
    )
    beside = "SELECT listing_id, day, close FROM daily_prices WHERE source = ?"
    second = set(world.sql(beside, "polygon"))
    assert len(second) == len(moved)
    assert second <= {(i, d, round(c, 2)) for i, d, c in world.sql(beside, "yahoo")}
    # Nobody is asked twice, and nothing is due.
    assert "job" not in refresh(world, "--scope", "all", "--since", "2026-03-01")
    assert asked(world) == {}


@pytest.mark.parametrize("first", ["schwab", "robinhood"])
def test_the_source_that_confirms_a_move_is_another_than_the_one_that_told_it(
    home: Callable[..., World], true: dict[str, Traded], first: str
) -> None:
    world = home(first, "polygon")
    chosen = ",".join(sorted(known(true, world.now)))
    refresh(world, "--symbols", chosen, "--since", "2026-03-01")
    said = [found[5] for found in findings(world) if found[3] == "note"]
    assert said
    assert all(sentence.endswith("; polygon confirms it") for sentence in said), said


def csv_of(folder: Path, symbol: str, bars: dict[str, tuple[float, ...]]) -> None:
    """A file as a person has it."""
    lines = [",".join(map(str, (day, *bar))) for day, bar in bars.items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{symbol}.csv").write_text("\n".join(("Date,Open,High,Low,Close,Volume", *lines)))


def test_a_folder_of_csv_files_is_dropped_in_and_what_it_has_wrong_is_kept_and_flagged(
    home: Callable[..., World], true: dict[str, Traded]
) -> None:
    example = Path(__file__).parents[2] / "examples" / "csv_prices.py"
    assert len(example.read_text().splitlines()) <= 120
    world = home()
    shutil.copytree(example.parent, world.home / "plugins" / "sources")
    folder = world.home.parent / "prices"
    world.extra["CSV_PRICES"] = str(folder)
    right, wrong, other = "GAAB", "GAAE", "GAAG"
    bars = {s: {d: b for d, b in true[s].bars.items() if SINCE <= d <= world.now} for s in (right, wrong)}
    csv_of(folder, right, bars[right])
    opened, high, low, close, volume = bars[wrong]["2026-06-10"]
    broken = {
        "2026-03-10": (opened, 1.0, 2.0, close, volume),
        "2026-06-10": (opened, high, low, round(3 * close, 2), volume),
        "2026-06-16": (opened, high, low, -close, volume),
    }
    csv_of(folder, wrong, bars[wrong] | broken)
    told = refresh(world, "--symbols", ",".join((right, wrong, other)), "--since", SINCE)
    assert {row[5] for row in held(world)[right].values()} == {"csv"}
    assert {row[5] for row in held(world)[other].values()} == {"yahoo"}
    both = (right, other)
    assert not differences(held(world), true, SINCE, world.now, both)
    found = {(f[0], f[1], f[2]): f for f in findings(world) if f[1] in broken}
    assert found.keys() == {
        (wrong, "2026-03-10", "bar_range"),
        (wrong, "2026-06-10", "bar_move"),
        (wrong, "2026-06-10", "bar_range"),
        (wrong, "2026-06-16", "bar_value"),
    }
    tripled = found[wrong, "2026-06-10", "bar_move"]
    assert tripled[3:5] == ("hard", round(3 * close, 2))
    assert f"csv has a close of {3 * close:g}, yahoo one of {close:g}" in tripled[5]
    assert found[wrong, "2026-03-10", "bar_range"][3] == "hard"
    query = (
        "SELECT close FROM daily_prices JOIN listings USING (listing_id) WHERE symbol = ? AND day = ? AND "
    )
    assert world.sql(f"{query} daily_prices.source = 'csv'", wrong, "2026-06-10") == [(round(3 * close, 2),)]
    ((second,),) = world.sql(f"{query} daily_prices.source = 'yahoo'", wrong, "2026-06-10")
    assert second == pytest.approx(close, rel=1e-6)
    assert told["job"]["requests"] == sum(asked(world).values())


def test_a_source_dropped_in_is_shown_and_tested_and_what_it_cannot_read_is_noted(
    home: Callable[..., World], true: dict[str, Traded]
) -> None:
    world = home()
    shutil.copytree(Path(__file__).parents[2] / "examples", world.home / "plugins" / "sources")
    folder = world.home.parent / "prices"
    world.extra["CSV_PRICES"] = str(folder)
    right, wrong, short = "GAAB", "GAAE", "GAAG"
    csv_of(folder, right, {d: b for d, b in true[right].bars.items() if SINCE <= d <= world.now})
    (folder / f"{wrong}.csv").write_text(f"Date,Open,High,Low,Close,Volume\n{world.now},abc,1,1,1,1\n")
    (folder / f"{short}.csv").write_text(f"Date,Close\n{world.now},1\n")
    (shown,) = (row for row in world.json("providers") if row["source"] == "csv")
    assert (shown["circuit"], shown["credentials"], shown["limit_count"]) == ("closed", "none needed", 0)
    assert "nothing is sent" in world.run("providers").stdout
    (told,) = world.json("providers", "test", "csv", "--symbol", right)
    assert (told["feed"], told["rows"] > 0, told["requests"]) == ("csv.prices", True, 0)
    (told,) = world.json("providers", "test", "csv", "--symbol", wrong, code=1)
    assert "is no CSV of daily prices" in told["said"]
    named = world.run("providers", "test", "cvs")
    assert (named.returncode, "choose one of cboe, constituents, csv" in named.stderr) == (2, True), named

    chosen = ("--symbols", ",".join((right, wrong, short)), "--since", "2026-06-01", "--yes")
    done = world.run("refresh", "prices", *chosen)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stderr.split())
    for symbol in (wrong, short):
        assert f"note: {symbol}: csv.prices was passed over: file://" in said
        assert {row[5] for row in held(world)[symbol].values()} == {"yahoo"}
    assert f"{right}: csv.prices was passed over" not in said


@pytest.mark.parametrize("name", ["sec", "constituents"])
def test_a_source_without_prices_and_options_says_that_it_cannot_be_tested(
    home: Callable[..., World], name: str
) -> None:
    done = home().run("providers", "test", name, "--symbol", "GAAA")
    assert done.returncode == 2
    assert done.stdout == ""
    assert (
        f"{name} has no prices or options to test for a listing; choose one of cboe, polygon" in done.stderr
    )


def test_a_login_without_its_credentials_says_what_to_set(home: Callable[..., World]) -> None:
    done = home().run("providers", "login", "robinhood")
    assert (done.returncode, "ROBINHOOD_USERNAME" in done.stderr) == (2, True)
