"""Whatever is typed for a number or a day, it is a sound value or one sentence and exit code 2."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import click
import pytest

from evertape import cli
from evertape.cli.options import Day, Decimal, Expirations, Range, Whole
from evertape.database import Database
from evertape.datasets.universe import Listing, listing_id
from evertape.errors import UserError
from evertape.model.records import Batch
from evertape.model.store import Commit
from evertape.settings import Settings, load
from evertape.written import FIRST, LAST, day, decimal, whole

NONSENSE = (
    "nan", "-nan", "inf", "-inf", "1e400", "-1", "-0", "0", "²", "٣", "1_0", "0x1", "", " ", "1,2,3,4",
    "inf,inf,0.1", "1e400,60,0.1", "nan,60,0.1", "20,nan,0.1", "20,60,nan", "9" * 40, "9" * 5000, "1e18",
    "1e-400", "-", "1-", "nan-nan", "0-inf", "2-1", "0001-01-01", "9999-12-31", "2026-02-30", "2026-W27-1",
    "20260630", "٢٠٢٦-06-30", "yahoo=²/s", "yahoo=٣/s", "yahoo=0/min", "http://127.0.0.1:99999",
    "http://127.0.0.1:0", "http://127.0.0.1:٣", "\n", "None", "1e5\n",
)  # fmt: skip
VARIABLES = (
    "EDGAR_RATE_LIMIT_PER_SEC", "EVERTAPE_BANDWIDTH", "EVERTAPE_CIRCUIT", "EVERTAPE_CONNECT_TIMEOUT",
    "EVERTAPE_LIMITS", "EVERTAPE_NOW", "EVERTAPE_RETRY_BASE", "EVERTAPE_SANDBOX_URL", "EVERTAPE_SEND_JITTER",
    "EVERTAPE_SOURCES", "EVERTAPE_TIMEOUT",
)  # fmt: skip
CHECKED = (Day, Decimal, Expirations, Range, Whole)


def options() -> Iterator[tuple[str, click.Command, click.Option]]:
    """Every option of every verb, with the words that call it."""
    waiting: list[tuple[str, click.Command]] = [
        (name, verb)
        for name in cli.VERBS
        if (verb := cli.Verbs().get_command(click.Context(cli.cli), name)) is not None
    ]
    while waiting:
        words, verb = waiting.pop()
        if isinstance(verb, click.Group):
            waiting += [(f"{words} {name}", below) for name, below in verb.commands.items()]
        for option in verb.params:
            if isinstance(option, click.Option):
                yield words, verb, option


def numbers(settings: Settings) -> list[float]:
    limits = [float(part) for windows in settings.limits.values() for pair in windows for part in pair]
    return [
        *settings.rates.values(), *settings.breaker, *limits, settings.connect_timeout, settings.timeout,
        settings.retry_base, settings.jitter, settings.bandwidth,
    ]  # fmt: skip


def test_every_number_and_day_is_read_in_one_place() -> None:
    plain = (click.types.IntParamType, click.types.FloatParamType, click.DateTime)
    found = [(words, o) for words, _, o in options() if not isinstance(o.type, CHECKED)]
    assert [(words, o.name) for words, o in found if isinstance(o.type, plain) and not o.count] == []
    assert sum(isinstance(o.type, CHECKED) for _, _, o in options()) > 25


@pytest.mark.parametrize("typed", NONSENSE)
def test_an_option_is_sound_or_a_usage_error(typed: str) -> None:
    for words, verb, option in options():
        if not isinstance(option.type, CHECKED):
            continue
        context = click.Context(verb, info_name=words)
        try:
            value = option.type_cast_value(context, typed)
        except click.BadParameter:
            continue
        for each in value if isinstance(value, tuple) else (value,):
            assert (FIRST <= each <= LAST) if isinstance(each, date) else math.isfinite(each), words


@pytest.mark.parametrize("name", VARIABLES)
def test_a_setting_is_sound_or_refused_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVERTAPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVERTAPE_STATE", str(tmp_path / "state"))
    for typed in NONSENSE:
        monkeypatch.setenv(name, typed)
        try:
            found = numbers(load({name: typed}))
        except UserError:
            assert cli.run(["refresh", "options", "--symbols", "A", "--check"]) == 2
            assert name in capsys.readouterr().err, typed
        else:
            assert all(math.isfinite(number) for number in found)
            assert cli.run(["status"]) in (0, 2)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("EDGAR_RATE_LIMIT_PER_SEC", "²"), ("EVERTAPE_CIRCUIT", "inf,inf,0.1"),
        ("EVERTAPE_CIRCUIT", "1e400,60,0.1"),
        ("EVERTAPE_CIRCUIT", "nan,60,0.1"), ("EVERTAPE_CIRCUIT", "1,2,3,4"), ("EVERTAPE_NOW", "9999-12-31"),
        ("EVERTAPE_NOW", "0001-01-01"), ("EVERTAPE_TIMEOUT", "nan"), ("EVERTAPE_BANDWIDTH", "inf"),
        ("EVERTAPE_SANDBOX_URL", "http://127.0.0.1:99999"),
    ],
)  # fmt: skip
def test_what_brought_a_traceback_is_refused(name: str, typed: str) -> None:
    with pytest.raises(UserError, match=name):
        load({name: typed})


@pytest.mark.parametrize("now", ["1994-01-01", "2049-12-31"])
def test_the_first_and_the_last_day_that_may_be_pretended_are_judged_at(
    now: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, told in (("HOME", str(tmp_path / "home")), ("STATE", str(tmp_path / "state")), ("NOW", now)):
        monkeypatch.setenv(f"EVERTAPE_{name}", told)
    at = datetime(2026, 6, 30, tzinfo=UTC)
    listed = Listing(
        listing_id=listing_id("AAPL", 320193), cik=320193, symbol="AAPL", exchange=None, rank=0, source="sec",
        fetched_at=at, absent_at=None,
    )  # fmt: skip
    with Database(load()) as db:
        db.store.commit(Commit(at=at, batches=[Batch.of([listed])]))
    assert cli.run(["doctor"]) in (0, 2)
    for target in ("financials", "market", "options"):
        assert cli.run(["status", target, "--symbols", "320193"]) == 0


def test_what_people_mean_is_read() -> None:
    assert (whole(" 20 ", 1, 20), decimal("1e-3"), decimal(".5"), decimal("20.")) == (20, 0.001, 0.5, 20.0)
    assert day("2024-02-29") == date(2024, 2, 29)
    assert load({"EVERTAPE_CIRCUIT": "20, 60, 0.1"}).breaker == (20, 60.0, 0.1)
