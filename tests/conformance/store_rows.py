"""Rows: kept as they are, counted, asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.model.records import Batch, Condition, Record, Row, Truth, table_of
from evertape.model.store import Commit, Store
from tests.conformance.store_samples import (
    AT,
    PAPERS,
    READINGS,
    Paper,
    Reading,
    StoreSuite,
    a_paper,
    commit_of,
    holding,
    reading,
)


class RowsConformance(StoreSuite):
    """What was written is what is read."""

    @pytest.mark.parametrize(("record", "rows"), [(Reading, READINGS), (Paper, PAPERS)])
    def test_what_was_written_last_is_read_in_key_order(
        self, store: Store, record: type[Record], rows: st.SearchStrategy[Row]
    ) -> None:
        table = table_of(record)
        keep = [table.position(c.name) for c in table.columns if c.keep]
        model: dict[Row, Row] = {}

        @settings(max_examples=40, deadline=None, database=None)
        @given(st.lists(rows, max_size=12))
        def holds(written: Sequence[Row]) -> None:
            store.commit(Commit(at=AT, batches=[Batch(record=record, rows=written)]))
            for row in written:
                key = row[: len(table.key)]
                old = model.get(key)
                new = list(row)
                for position in keep:
                    if new[position] is None and old is not None:
                        new[position] = old[position]
                model[key] = tuple(new)
            order = sorted(model, key=lambda key: [(v is not None, v) for v in key])
            assert store.read(record) == [model[key] for key in order]

        holds()

    def test_values_come_back_with_their_types(self, store: Store) -> None:
        given_ = reading(value=7, scale=None, start=None, number=None)
        store.commit(commit_of(given_))
        (row,) = store.read(Reading)
        types = [int, str, type(None), type(None), type(None), float, datetime, bool, str, type(None)]
        assert [type(v) for v in row] == types
        assert row[6].tzinfo == UTC

    def test_instants_of_other_zones_are_kept_as_the_same_second(self, store: Store) -> None:
        east = datetime(2024, 2, 3, 10, 30, 0, 999_999, tzinfo=timezone(timedelta(hours=9)))
        store.commit(commit_of(reading(taken_at=east)))
        assert store.read(Reading, ("taken_at",)) == [(AT,)]
        store.commit(replace(commit_of(a_paper()), at=AT))
        store.commit(Commit(at=east, truths=(Truth(record=Paper, where=()),)))
        assert store.read(Paper, ("absent_at",)) == [(AT,)]

    @pytest.mark.parametrize("value", [2.0**53, -(2.0**53), 5e-324, 1.7976931348623157e308, 0.1])
    def test_numbers_are_exact(self, store: Store, value: float) -> None:
        store.commit(commit_of(reading(value=value)))
        assert store.read(Reading, ("value",)) == [(value,)]

    def test_minus_zero_is_zero(self, store: Store) -> None:
        assert store.commit(commit_of(reading(value=-0.0))) == 1
        assert store.commit(commit_of(reading(value=0.0))) == 0
        assert store.read(Reading, ("value",)) == [(0.0,)]

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"value": float("nan")}, "readings.value"),
            ({"value": float("inf")}, "readings.value"),
            ({"value": 2**53 + 1}, "readings.value"),
            ({"value": None}, "readings.value"),
            ({"value": "7"}, "readings.value"),
            ({"value": True}, "readings.value"),
            ({"station": 2**63}, "readings.station"),
            ({"station": 1.0}, "readings.station"),
            ({"taken_at": datetime(2024, 1, 1)}, "no time zone"),  # noqa: DTZ001
            ({"taken_at": date(2024, 1, 1)}, "readings.taken_at"),
            ({"start": AT}, "readings.start"),
            ({"start": "2024-01-01"}, "readings.start"),
            ({"number": "320193-24-81"}, "no accession number"),
            ({"tag": None}, "readings.tag"),
            ({"sound": 1}, "readings.sound"),
        ],
    )
    def test_what_does_not_fit_is_refused_and_nothing_is_written(
        self, store: Store, changes: dict[str, Any], told: str
    ) -> None:
        with pytest.raises(ValueError, match=told):
            store.commit(commit_of(reading(station=5), reading(**changes), holdings=[holding("1")]))
        assert store.read(Reading) == []
        assert store.holdings("facts") == {}

    def test_a_naive_instant_of_a_commit_is_refused(self, store: Store) -> None:
        naive = datetime(2024, 1, 1)  # noqa: DTZ001
        with pytest.raises(ValueError, match="no time zone"):
            store.commit(commit_of(holdings=[holding("1", checked_at=naive)]))

    def test_rows_new_or_different_are_counted(self, store: Store) -> None:
        assert store.commit(commit_of(reading(), reading(station=2))) == 2
        assert store.commit(commit_of(reading(), reading(station=2, value=9.0))) == 1
        assert store.commit(commit_of(reading(), reading(station=2, value=9.0))) == 0

    def test_a_null_leaves_a_kept_column(self, store: Store) -> None:
        store.commit(commit_of(reading(note="told once")))
        assert store.commit(commit_of(reading(note=None))) == 0
        assert store.commit(commit_of(reading(note=None, value=3.0))) == 1
        assert store.read(Reading, ("note", "value")) == [("told once", 3.0)]
        store.commit(commit_of(reading(note="told again")))
        assert store.read(Reading, ("note",)) == [("told again",)]

    def test_a_failed_commit_leaves_its_texts_to_the_next(self, store: Store) -> None:
        with pytest.raises(ValueError, match="finite"):
            store.commit(commit_of(reading(tag="New"), reading(value=float("nan"))))
        store.commit(commit_of(reading(tag="Other")))
        store.commit(commit_of(reading(tag="New")))
        assert store.read(Reading, ("tag",)) == [("New",), ("Other",)]

    def test_texts_of_two_connections_do_not_mix(self, store: Store, tmp_path: Path) -> None:
        other = self.open(tmp_path)
        for number in range(3):
            store.commit(commit_of(reading(tag=f"mine{number}")))
            other.commit(commit_of(reading(tag=f"yours{number}")))
        tags = [f"mine{n}" for n in range(3)] + [f"yours{n}" for n in range(3)]
        assert [tag for (tag,) in store.read(Reading, ("tag",))] == tags
        assert [tag for (tag,) in other.read(Reading, ("tag",))] == tags
        other.close()

    @pytest.mark.parametrize(
        ("condition", "stations"),
        [
            (Condition(column="station", op="=", value=2), [2]),
            (Condition(column="station", op="in", value=(1, 3, 9)), [1, 3]),
            (Condition(column="station", op="in", value=()), []),
            (Condition(column="tag", op="=", value="b"), [2]),
            (Condition(column="tag", op="=", value="never seen"), []),
            (Condition(column="tag", op="in", value=["c", "a"]), [1, 3]),
            (Condition(column="tag", op=">=", value="b"), [2, 3]),
            (Condition(column="start", op="is null"), [1]),
            (Condition(column="start", op="is not null"), [2, 3]),
            (Condition(column="start", op="<", value=date(2024, 1, 2)), [2]),
            (Condition(column="start", op="<=", value=date(2024, 1, 2)), [2, 3]),
            (Condition(column="start", op=">", value=date(2024, 1, 1)), [3]),
            (Condition(column="number", op="=", value="0000320193-24-000081"), [1, 2]),
            (Condition(column="number", op="is null"), [3]),
            (Condition(column="sound", op="=", value=False), [3]),
            (Condition(column="taken_at", op="<=", value=AT), [1, 3]),
            (Condition(column="absent_on", op="is null"), [1, 2, 3]),
        ],
    )
    def test_conditions(self, store: Store, condition: Condition, stations: list[int]) -> None:
        later = AT + timedelta(seconds=1)
        store.commit(
            commit_of(
                reading(station=3, tag="c", start=date(2024, 1, 2), number=None, sound=False),
                reading(station=2, tag="b", start=date(2024, 1, 1), taken_at=later),
                reading(station=1, tag="a", start=None),
            )
        )
        assert [s for (s,) in store.read(Reading, ("station",), (condition,))] == stations

    def test_unknown_columns_are_refused(self, store: Store) -> None:
        with pytest.raises(ValueError, match="no column colour"):
            store.read(Reading, ("colour",))
        with pytest.raises(ValueError, match="no column colour"):
            store.read(Reading, (), (Condition(column="colour", op="=", value=1),))
