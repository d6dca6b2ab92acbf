"""What counts as a restatement, from the facts that a store holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from evertape.database import Database, history
from evertape.datasets.facts import FactSeries, rows_of
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
