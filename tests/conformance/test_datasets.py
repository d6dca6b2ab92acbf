"""What holds for every dataset, also for one dropped in."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections import Counter

import pytest

from evertape.catalog import ALL
from evertape.model.dataset import Dataset
from evertape.model.records import Record, table_of
from evertape.model.unit import Freshness
from tests.conformance.worlds import ASKED, CATALOG, NOW, rounds, row, states

every = pytest.mark.parametrize("dataset", CATALOG.datasets.values(), ids=list(CATALOG.datasets))
every_due = pytest.mark.parametrize(
    "dataset",
    [d for d in CATALOG.datasets.values() if d.due],
    ids=[d.name for d in CATALOG.datasets.values() if d.due],
)
RECORDS = [(d, r) for d in CATALOG.datasets.values() for r in d.records]
every_record = pytest.mark.parametrize(
    ("dataset", "record"), RECORDS, ids=[f"{d.name}-{r.__name__}" for d, r in RECORDS]
)
NAME = re.compile(r"[a-z][a-z0-9_]*")


def test_those_that_ship_and_the_dropped_in_one_are_found() -> None:
    assert {"universe", "filings", "facts", "statements", "short_interest"} <= set(CATALOG.datasets)


@every
def test_a_person_can_type_and_read_it(dataset: Dataset) -> None:
    assert NAME.fullmatch(dataset.name)
    assert dataset.doc.strip()
    assert "\n" not in dataset.doc
    assert dataset.records


def test_no_two_share_a_table() -> None:
    names = Counter(table_of(record).name for record in CATALOG.records)
    assert [name for name, count in names.items() if count > 1] == []


@every
def test_what_it_needs_is_there_and_comes_before_it(dataset: Dataset) -> None:
    order = list(CATALOG.datasets)
    parents = (dataset.derived.parent,) if dataset.derived else ()
    for needed in (*dataset.needs, *parents):
        assert needed in CATALOG.datasets
        assert order.index(needed) < order.index(dataset.name)


@every
def test_it_is_either_fetched_or_derived_or_measured(dataset: Dataset) -> None:
    fetched = dataset.due is not None and not dataset.on_request
    assert (fetched, dataset.derived is not None, dataset.measured).count(True) == 1
    assert not dataset.on_request or dataset.due is not None
    assert bool(CATALOG.feeds_of(dataset.name)) == (dataset.due is not None)


@every
def test_only_what_is_fetched_can_be_refreshed(dataset: Dataset) -> None:
    targets = CATALOG.targets()
    assert (dataset.name in targets) == (dataset.due is not None)
    assert dataset.due is not None or not any(dataset in of for of in targets.values())


@every
def test_what_is_built_on_request_has_a_feed_that_sends_nothing(dataset: Dataset) -> None:
    for feed in CATALOG.feeds_of(dataset.name):
        assert (feed.computing is not None) == dataset.on_request
        assert bool(CATALOG.sources[feed.source].hosts) != dataset.on_request


def test_all_is_every_dataset_that_a_source_is_asked_for_once() -> None:
    parts = [dataset for part in CATALOG.parts.values() for dataset in part]
    assert list(CATALOG.targets()[ALL]) == parts
    assert len({dataset.name for dataset in parts}) == len(parts)
    asked = {d.name for d in CATALOG.datasets.values() if d.due and not d.evidence and not d.on_request}
    assert {dataset.name for dataset in parts} == asked
    assert ALL not in CATALOG.datasets
    assert all(ALL not in dataset.goals for dataset in CATALOG.datasets.values())


@every
def test_its_goals_are_no_datasets(dataset: Dataset) -> None:
    for goal in dataset.goals:
        assert NAME.fullmatch(goal)
        assert goal not in CATALOG.datasets
        assert any(d.due for d in CATALOG.targets()[goal])


@every_record
def test_every_column_is_documented(dataset: Dataset, record: type[Record]) -> None:
    table = table_of(record)
    assert NAME.fullmatch(table.name)
    assert table.doc.strip()
    for column in table.columns:
        assert NAME.fullmatch(column.name)
        assert column.doc.strip(), f"{dataset.name}: {table.name}.{column.name} is not documented"


@every_record
def test_columns_that_it_names_exist(dataset: Dataset, record: type[Record]) -> None:
    table = table_of(record)
    assert table.key
    assert len(set(table.key)) == len(table.key)
    for named in (*table.key, *(name for index in table.indexes for name in index)):
        assert named in table.names, f"{dataset.name}: {table.name} has no column {named}"
    if table.absent is not None:
        stamp = table.columns[table.position(table.absent)]
        assert stamp.nullable
        assert stamp.kind in ("date", "instant")
        assert stamp.name not in table.key


@every_record
def test_records_are_frozen(dataset: Dataset, record: type[Record]) -> None:
    names = table_of(record).names
    made = record(**dict(zip(names, row(record, 0), strict=True)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, names[0], None)
    assert dataset.records.count(record) == 1


@every_record
def test_the_check_of_a_row_is_pure_and_speaks_in_sentences(dataset: Dataset, record: type[Record]) -> None:
    for number in range(6):
        made = row(record, number)
        told = list(dataset.check(record, made))
        assert told == list(dataset.check(record, made))
        assert all(isinstance(text, str) and text.strip() for text in told)


@every
def test_what_its_freshness_rule_wants_to_see_exists(dataset: Dataset) -> None:
    seen = {record for name in (dataset.name, *dataset.needs) for record in CATALOG.datasets[name].records}
    for wanted in dataset.wanted:
        assert wanted.record in seen
        for name in (*wanted.columns, *(condition.column for condition in wanted.where)):
            assert name in table_of(wanted.record).names


@every_due
def test_due_gives_the_same_for_the_same_and_changes_nothing(dataset: Dataset) -> None:
    assert dataset.due is not None
    for state in states(dataset):
        before = copy.deepcopy(state)
        told = list(dataset.due(state, ASKED, NOW))
        assert told == list(dataset.due(before, ASKED, NOW))
        assert state == before


@every_due
def test_due_names_its_own_units_each_key_once(dataset: Dataset) -> None:
    assert dataset.due is not None
    count = 0
    for state in states(dataset):
        told = dataset.due(state, ASKED, NOW)
        assert [key for key, n in Counter(s.key for s in told).items() if n > 1] == []
        for standing in told:
            assert standing.dataset == dataset.name
            if standing.unit is not None:
                assert (standing.unit.dataset, standing.unit.key) == (dataset.name, standing.key)
                # Up to two sessions behind counts as current, and is fetched all the same.
                assert standing.level is not Freshness.FRESH
                count += 1
            assert standing.size is None or standing.size > 0
    assert count


@every_due
def test_what_is_stale_or_missing_can_be_mended(dataset: Dataset) -> None:
    assert dataset.due is not None
    for state in states(dataset):
        for standing in dataset.due(state, ASKED, NOW):
            if standing.level.stale or standing.level is Freshness.MISSING:
                assert standing.unit is not None, standing


@every_due
@pytest.mark.parametrize("rows", [False, True])
def test_an_empty_home_comes_to_rest(dataset: Dataset, rows: bool) -> None:
    first, *_, last = rounds(dataset, rows=rows)
    assert any(standing.unit for standing in first)
    assert not any(standing.unit for standing in last)
