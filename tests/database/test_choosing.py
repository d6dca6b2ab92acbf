"""What the facade is asked is sound, or one sentence says what to type; nobody is asked before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evertape import cli
from evertape.database import Database, Selection
from evertape.database.choosing import chosen_of, day_of, days_of, range_of, refuse_backwards, symbols_of
from evertape.errors import UserError
from evertape.settings import load

Ask = Callable[[Any], object]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A home on 2026-06-30, and sources that nobody can reach."""
    told = {
        "EVERTAPE_HOME": str(tmp_path / "home"),
        "EVERTAPE_STATE": str(tmp_path / "state"),
        "EVERTAPE_SANDBOX_URL": "http://127.0.0.1:9",
        "EVERTAPE_NOW": "2026-06-30",
        "EVERTAPE_RETRY_BASE": "0",
        "EDGAR_IDENTITY": "Ada Lovelace ada@example.org",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return told


@pytest.fixture
def db(environment: Mapping[str, str]) -> Iterator[Database]:
    with Database(load(environment)) as made:
        yield made


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda db: db.refresh("market", since="x"), "since: 'x' is no date; write it as 2024-06-29"),
        (lambda db: db.refresh("market", until=5), "until: 5 is no date"),
        (lambda db: db.refresh("market", since="2026-06-02", until="2026-06-01"), "comes after until"),
        (lambda db: db.refresh("market", since="2030-01-01"), "2030-01-01 lies after today, 2026-06-30"),
        (lambda db: db.refresh("market", symbols=[5]), "name at least one ticker"),
        (lambda db: db.refresh("market", symbols="A", scope="all"), "exclude each other"),
        (lambda db: db.refresh("market", scope="most"), "scope is 'most'; choose one of sp500, all"),
        (lambda db: db.refresh("market", route="fast"), "route is 'fast'; choose one of auto"),
        (lambda db: db.refresh("options", target_dte=-1), "target_dte is -1"),
        (lambda db: db.refresh("options", target_dte="30"), "target_dte is '30'"),
        (lambda db: db.refresh("options", max_age=24), "give a timedelta"),
        (lambda db: db.refresh("options", max_age=-timedelta(1)), "give a timedelta"),
        (lambda db: db.refresh("market", workers=0), "workers is 0"),
        (lambda db: db.refresh("market", sincce="2026-01-01"), "refresh knows no sincce; choose of symbols"),
        (lambda db: db.prices("GAAA", start="x"), "start: 'x' is no date; write it as 2024-06-29"),
        (lambda db: db.prices("GAAA", end=float("nan")), "end: nan is no date"),
        (lambda db: db.prices("GAAA", "2026-06-02", "2026-06-01"), "2026-06-02 comes after end"),
        (lambda db: db.prices([]), "name at least one ticker"),
        (lambda db: db.prices(5), "name at least one ticker"),
        (lambda db: db.options("GAAA", dte="x"), r"dte is 'x'; give two numbers, such as \(25, 40\)"),
        (lambda db: db.options("GAAA", dte=30), "give two numbers"),
        (lambda db: db.options("GAAA", dte=(25, 40, 60)), "give two numbers"),
        (lambda db: db.options("GAAA", dte=(40, 25)), "the lower number first"),
        (lambda db: db.options("GAAA", delta=(-0.3, -0.2)), "from zero up"),
        (lambda db: db.options("GAAA", delta=(0.2, float("nan"))), "give a range"),
        (lambda db: db.options("GAAA", delta=(0.2, float("inf"))), "give a range"),
        (lambda db: db.options("GAAA", kind="calls"), "kind is 'calls'; choose one of call, put"),
        (lambda db: db.options("GAAA", day="x"), "day: 'x' is no date"),
        (lambda db: db.options(["GAAA", "GAAB"]), "name one ticker"),
    ],
)  # fmt: skip
def test_what_is_no_sound_request_says_what_to_type(db: Database, ask: Ask, said: str) -> None:
    with pytest.raises(UserError, match=said):
        ask(db)


def test_what_is_meant_is_taken_in_each_of_its_forms() -> None:
    day = date(2026, 6, 1)
    assert day_of("2026-06-01", "start") == day_of(datetime(2026, 6, 1, 12, tzinfo=UTC), "start") == day
    assert days_of(None, day, ("start", "end")) == (None, day)
    assert range_of([25, 40], "dte", "") == range_of(np.array([25, 40]), "dte", "") == (25, 40)
    assert range_of((0.5, 0.5), "delta", "") == (0.5, 0.5)
    assert symbols_of("AAPL") == ("AAPL",)
    assert symbols_of(name for name in ("AAPL", "MSFT")) == ("AAPL", "MSFT")
    chosen = chosen_of({"symbols": "AAPL", "since": "2026-06-01", "until": None, "target_dte": None})
    assert Selection(**chosen) == Selection(symbols=("AAPL",), since=day, target_dte=None)
    refuse_backwards(day, day, day)


@pytest.mark.parametrize(
    "words",
    [
        ("refresh", "market", "--scope", "all", "--since", "2026-06-02", "--until", "2026-06-01", "--yes"),
        ("refresh", "market", "--symbols", "320193", "--since", "2030-01-01", "--check"),
        ("refresh", "financials", "--symbols", "320193", "--since", "2030-01-01"),
        ("status", "financials", "--symbols", "320193", "--since", "2030-01-01"),
        ("status", "market", "--symbols", "320193", "--since", "2026-06-02", "--until", "2026-06-01"),
        ("prices", "320193", "--start", "2026-06-02", "--end", "2026-06-01"),
        ("export", "daily_prices", "--since", "2026-06-02", "--until", "2026-06-01"),
    ],
)  # fmt: skip
def test_days_in_the_wrong_order_are_a_usage_error(
    db: Database, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert cli.run(words) == 2
    said = capsys.readouterr()
    assert " after " in said.err
    assert said.out == ""
