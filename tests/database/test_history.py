"""What counts as a restatement, from the facts that a store holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evertape.database import Database, history
from evertape.datasets.facts import FactSeries, rows_of
from evertape.errors import UserError
from evertape.formats.xbrl import Fact, fold
from evertape.model.records import Batch
from evertape.model.store import Commit
from evertape.settings import load
from tests.formats.xbrl.made import fact, filing

AT = datetime(2026, 7, 10, tzinfo=UTC)


def _told(home: Path, *values: float) -> list[tuple[float, float]]:
    """The changes of a year's revenue that one annual report after the other tells."""
    facts: list[Fact] = [
        fact("Revenues", "2021-01-01", "2021-12-31", value, filing(n, "10-K", f"{2022 + n}-02-20"))
        for n, value in enumerate(values)
    ]
    with Database(load({"EVERTAPE_HOME": str(home)})) as made:
        made.store.commit(Commit(at=AT, batches=[Batch(record=FactSeries, rows=rows_of(1, fold(facts)))]))
        return [(r.was, r.now) for r in history.restatements(made.store, 1)]


def test_a_rounding_is_no_restatement(tmp_path: Path) -> None:
    assert _told(tmp_path, 4_938_268e3, 4_938e6) == []


def test_a_change_after_a_rounding_is_told_against_the_precise_value(tmp_path: Path) -> None:
    assert _told(tmp_path, 4_938_268e3, 4_938e6, 4_950e6) == [(4_938_268e3, 4_950e6)]


def test_a_value_that_comes_back_precise_changed_nothing(tmp_path: Path) -> None:
    assert _told(tmp_path, 4_938_268e3, 4_938e6, 4_938_268e3) == []


def test_every_other_change_is_one(tmp_path: Path) -> None:
    assert _told(tmp_path, 400.0, 390.0, 400.0) == [(390.0, 400.0), (400.0, 390.0)]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"reading": "FIRST"}, "FIRST is no reading; choose one of latest, first"),
        ({"as_of": "foo"}, "'foo' is no date; write it as 2024-06-29"),
        ({"as_of": 2024}, "2024 is no date"),
        ({"statement": "balance", "period": "ttm"}, "is of a day and has no twelve months"),
        ({"statement": "balance", "period": "ttm", "as_of": "2024-01-01"}, "has no twelve months"),
        ({"period": "monthly", "reading": "first"}, "monthly is no period"),
    ],
)
def test_what_statements_cannot_be_asked_is_said(tmp_path: Path, asked: dict[str, Any], said: str) -> None:
    with (
        Database(load({"EVERTAPE_HOME": str(tmp_path)})) as made,
        pytest.raises(UserError, match=said),
    ):
        made.statements("1", **asked)


@pytest.mark.parametrize(
    ("read", "asked"),
    [("prices", {"start": "foo"}), ("options", {"day": "foo"}), ("ratios", {"as_of": "foo"})],
)
def test_what_is_no_day_is_said_everywhere(tmp_path: Path, read: str, asked: dict[str, Any]) -> None:
    with (
        Database(load({"EVERTAPE_HOME": str(tmp_path)})) as made,
        pytest.raises(UserError, match="'foo' is no date"),
    ):
        getattr(made, read)("1", **asked)
