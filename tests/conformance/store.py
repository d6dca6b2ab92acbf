"""What every store must do. A store's tests subclass `StoreConformance` and say how it is opened."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.errors import HomeBusy, StoreError, UserError
from evertape.model.job import Item, ItemState, Job, JobState, Owner, Wish, new_job_id
from evertape.model.records import Batch, Condition, Record, Row, Truth, column, table_of
from evertape.model.store import Commit, Store
from evertape.model.unit import Holding, Outcome, Span, Unit

Opener = Callable[[Path, Callable[[str], None] | None], Store]
AT = datetime(2024, 2, 3, 1, 30, tzinfo=UTC)
"""Half past eight in the evening of 2 February in New York."""


class Reading(Record):
    """A compact record with every kind of column, and nulls in its key."""

    table = "readings"
    key = ("station", "tag", "scale", "start", "number")
    compact = True
    absent = "absent_on"

    station: int = column("an integer")
    tag: str = column("a text kept once", kind="coded")
    scale: str | None = column("a text kept once, or nothing", kind="coded")
    start: date | None = column("a day, or nothing")
    number: str | None = column("an accession, or nothing", kind="accession")
    value: float = column("a number")
    taken_at: datetime | None = column("an instant, UTC")
    sound: bool | None = column("yes, no or unknown")
    note: str | None = column("a text that a null does not replace", keep=True)
    absent_on: date | None = column("first day without it")


class Paper(Record):
    """A plain record with nulls in its key."""

    table = "papers"
    key = ("paper_id", "kind", "day")
    absent = "absent_at"
    indexes = (("title",),)

    paper_id: int = column("an integer")
    kind: str | None = column("a text, or nothing")
    day: date | None = column("a day, or nothing")
    title: str | None = column("a text that a null does not replace", keep=True)
    size: int | None = column("an integer")
    ratio: float | None = column("a number")
    sound: bool = column("yes or no")
    number: str | None = column("an accession", kind="accession")
    absent_at: datetime | None = column("first instant without it")


RECORDS: tuple[type[Record], ...] = (Reading, Paper)
CODED = st.sampled_from(["us-gaap", "Ärger", "a", "B", "", "日本", "x'; DROP TABLE t"])
DAYS = st.dates()
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=0)
)
ACCESSIONS = st.tuples(st.integers(0, 10**10 - 1), st.integers(0, 99), st.integers(0, 10**6 - 1)).map(
    lambda parts: f"{parts[0]:010d}-{parts[1]:02d}-{parts[2]:06d}"
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
READINGS = st.tuples(
    st.integers(0, 3) | st.sampled_from([-(2**62), 2**63 - 1]),
    CODED,
    st.none() | CODED,
    st.none() | DAYS,
    st.none() | ACCESSIONS,
    NUMBERS,
    st.none() | INSTANTS,
    st.none() | st.booleans(),
    st.none() | TEXTS,
    st.none() | DAYS,
)
PAPERS = st.tuples(
    st.integers(0, 3),
    st.none() | TEXTS.filter(bool),
    st.none() | DAYS,
    st.none() | TEXTS,
    st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
    st.none() | NUMBERS,
    st.booleans(),
    st.none() | ACCESSIONS,
    st.none() | INSTANTS,
)


def reading(**changes: Any) -> Reading:
    """A reading like any other, but for the changes."""
    base = Reading(
        station=1,
        tag="Revenues",
        scale="USD",
        start=date(2023, 1, 1),
        number="0000320193-24-000081",
        value=1.5,
        taken_at=AT,
        sound=True,
        note="first",
        absent_on=None,
    )
    return replace(base, **changes)


def rows_of(count: int, station: int = 1, value: float = 1.0) -> list[Row]:
    """Readings of one station, a day each."""
    first = date(2000, 1, 1)
    return [
        (station, "Revenues", None, first + timedelta(days=i), None, value, None, None, None, None)
        for i in range(count)
    ]


def of_station(station: int) -> tuple[Condition, ...]:
    """The rows of one station."""
    return (Condition(column="station", op="=", value=station),)


def commit_of(*records: Record, **more: Any) -> Commit:
    """A commit of records of one type."""
    return Commit(at=AT, batches=[Batch.of(records)] if records else [], **more)


def holding(key: str, **changes: Any) -> Holding:
    """Coverage of one key."""
    unit = Unit("facts", key, Span(date(2024, 1, 1), date(2024, 3, 31)), "")
    base = Holding(unit=unit, outcome=Outcome.SETTLED, checked_at=AT, source="sec", size=12)
    return replace(base, **changes)


def job(**changes: Any) -> Job:
    """A running job of a made-up process."""
    base = Job(
        id=new_job_id(),
        kind="refresh",
        target="financials",
        state=JobState.RUNNING,
        wish=Wish.RUN,
        owner=Owner(host="here", pid=4242, started=7),
        created_at=AT,
        heartbeat_at=AT,
        digest="d",
        plan=b'{"steps":[]}' * 50,
        total=3,
    )
    return replace(base, **changes)


def items_of(job_id: str, count: int = 3) -> list[Item]:
    """Due items of a job."""
    return [
        Item(job_id=job_id, position=i, step=0, dataset="facts", key=f"{i:010d}", label=f"C{i}")
        for i in range(count)
    ]


def nobody(_job: Job) -> bool:
    """No owner lives."""
    return False


def everybody(_job: Job) -> bool:
    """All owners live."""
    return True


def whole_commit(job_id: str) -> Commit:
    """Rows, stamps, deletions, coverage and items at once, onto stored rows of stations 1 and 2."""
    return Commit(
        at=AT,
        batches=[Batch(record=Reading, rows=rows_of(40, 1, 2.0) + rows_of(10, 3))],
        truths=[Truth(record=Reading, where=of_station(1))],
        replaced=[Truth(record=Reading, where=of_station(2))],
        holdings=[holding("1")],
        items=[replace(items_of(job_id)[0], state=ItemState.DONE)],
    )


def prepare(store: Store, job_id: str) -> None:
    """What is stored before `whole_commit`."""
    store.migrate(RECORDS)
    store.commit(Commit(at=AT, batches=[Batch(record=Reading, rows=rows_of(50, 1) + rows_of(50, 2))]))
    store.create_job(job(id=job_id), items_of(job_id), nobody)


def content(store: Store, job_id: str) -> tuple[object, ...]:
    """All that `whole_commit` may change."""
    return (store.read(Reading), dict(store.holdings("facts")), store.items(job_id))


def commit_and_die(opener: Opener, home: Path, job_id: str, moment: int) -> None:
    """Kill this process before statement number `moment` of the commit runs."""
    seen: list[str] = []
    armed = threading.Event()

    def watch(statement: str) -> None:
        if armed.is_set():
            seen.append(statement)
            if len(seen) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    store = opener(home, watch)
    armed.set()
    store.commit(whole_commit(job_id))


class StoreConformance:
    """The port's promises."""

    def opener(self) -> Opener:
        """A module-level function that opens a store, so that another process can be given it."""
        raise NotImplementedError

    def open(self, home: Path, trace: Callable[[str], None] | None = None) -> Store:
        """A store on a home, not yet migrated."""
        return self.opener()(home, trace)

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """An empty store."""
        store = self.open(tmp_path)
        store.migrate(RECORDS)
        yield store
        store.close()

    # Rows

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

    # Whole truths

    def test_what_the_whole_truth_omits_is_stamped_and_unstamped_when_back(self, store: Store) -> None:
        truth = (Truth(record=Reading, where=of_station(1)),)
        one, two, other = reading(tag="one"), reading(tag="two"), reading(tag="two", station=2)
        store.commit(commit_of(one, two, other))
        assert store.commit(commit_of(one, truths=truth)) == 1
        stamps = [("one", None), ("two", date(2024, 2, 2)), ("two", None)]
        assert store.read(Reading, ("tag", "absent_on")) == stamps
        later = AT + timedelta(days=9)
        assert store.commit(replace(commit_of(one, truths=truth), at=later)) == 0
        assert store.read(Reading, ("tag", "absent_on")) == stamps
        assert store.commit(commit_of(one, two, truths=truth)) == 1
        assert store.read(Reading, ("absent_on",)) == [(None,), (None,), (None,)]

    def test_an_empty_truth_stamps_all_with_the_instant(self, store: Store) -> None:
        paper = Paper(
            paper_id=1,
            kind=None,
            day=None,
            title=None,
            size=None,
            ratio=None,
            sound=True,
            number=None,
            absent_at=None,
        )
        store.commit(commit_of(paper, replace(paper, kind="k")))
        assert store.commit(commit_of(truths=(Truth(record=Paper, where=()),))) == 2
        assert store.read(Paper, ("absent_at",)) == [(AT,), (AT,)]

    def test_replaced_deletes_what_is_omitted_under_its_conditions_only(self, store: Store) -> None:
        store.commit(Commit(at=AT, batches=[Batch(record=Reading, rows=rows_of(5, 1) + rows_of(2, 2))]))
        whole = (Truth(record=Reading, where=of_station(1)),)
        again = [Batch(record=Reading, rows=rows_of(3, 1))]
        assert store.commit(Commit(at=AT, batches=again, replaced=whole)) == 0
        assert store.read(Reading) == rows_of(3, 1) + rows_of(2, 2)

    # Atomicity

    def test_a_killed_commit_leaves_nothing(self, tmp_path: Path) -> None:
        job_id = new_job_id()
        seen: list[str] = []
        whole = self.open(tmp_path / "whole", seen.append)
        prepare(whole, job_id)
        before = content(whole, job_id)
        seen.clear()
        whole.commit(whole_commit(job_id))
        assert content(whole, job_id) != before
        whole.close()
        spawn = multiprocessing.get_context("spawn")
        dying = []
        for moment in (2, len(seen) // 2, len(seen)):
            home = tmp_path / str(moment)
            store = self.open(home)
            prepare(store, job_id)
            store.close()
            process = spawn.Process(target=commit_and_die, args=(self.opener(), home, job_id, moment))
            process.start()
            dying.append((process, home))
        for process, home in dying:
            process.join(30)
            assert process.exitcode == -signal.SIGKILL
            store = self.open(home)
            store.migrate(RECORDS)
            assert content(store, job_id) == before
            assert store.check() == []
            store.commit(whole_commit(job_id))
            assert store.items(job_id)[0].state is ItemState.DONE
            store.close()

    # Coverage

    def test_holdings_come_back_by_key(self, store: Store) -> None:
        settled = holding("1", note="Zürich", mark="m", version="v", strikes=2, not_before=AT)
        bare = holding("2", unit=Unit("facts", "2"), outcome=Outcome.NOTHING, size=None)
        store.commit(commit_of(holdings=[settled, bare, holding("1", unit=Unit("news", "1"))]))
        assert store.holdings("facts") == {"1": settled, "2": bare}
        assert store.holdings("facts", ["2", "3"]) == {"2": bare}
        assert store.holdings("facts", []) == {}
        pending = replace(settled, outcome=Outcome.PENDING, not_before=None, size=None)
        store.commit(commit_of(holdings=[pending]))
        assert store.holdings("facts", ["1"]) == {"1": pending}

    def test_of_several_extents_the_one_looked_at_last_is_given(self, store: Store) -> None:
        late = holding("1", unit=Unit("facts", "1", None, "a"), checked_at=AT + timedelta(hours=1))
        store.commit(commit_of(holdings=[late, holding("1", unit=Unit("facts", "1", None, "b"))]))
        assert store.holdings("facts") == {"1": late}

    # Queries

    def test_the_users_query_sees_readable_values(self, store: Store) -> None:
        store.commit(commit_of(reading(scale=None), reading(start=None, number=None, station=2)))
        names, rows = store.sql("SELECT * FROM readings WHERE station >= ? ORDER BY station", (1,))
        assert names == table_of(Reading).names
        shown = (1, "Revenues", None, "2023-01-01", "0000320193-24-000081", 1.5, "2024-02-03T01:30:00Z", 1)
        assert rows[0][:8] == shown
        assert rows[1][2:5] == ("USD", None, None)

    @pytest.mark.parametrize(
        "query",
        ["DELETE FROM papers", "DROP TABLE papers", "SELECT", "SELECT * FROM nowhere", "SELECT 1; SELECT 2"],
    )
    def test_a_query_that_writes_or_is_wrong_is_refused(self, store: Store, query: str) -> None:
        with pytest.raises(UserError, match="the query failed"):
            store.sql(query)
        assert store.sql("SELECT COUNT(*) FROM papers") == (("COUNT(*)",), [(0,)])

    # Jobs

    def test_a_job_comes_back_as_it_was_entered(self, store: Store) -> None:
        entered = job(parent="0197", note="n", finished_at=AT, state=JobState.FAILED)
        store.create_job(entered, items_of(entered.id), nobody)
        assert store.job(entered.id) == entered
        items = store.items(entered.id)
        assert [replace(item, seq=0) for item in items] == items_of(entered.id)
        assert store.job("00000000") is None

    def test_a_job_is_found_by_either_end_of_its_id(self, store: Store) -> None:
        one, two = job(id="01970000-aaaa", state=JobState.DONE), job(id="01970000-bbbb", state=JobState.DONE)
        for each in (one, two):
            store.create_job(each, [], nobody)
        assert store.job("bbbb") == two
        assert store.job("01970000-a") == one
        assert store.job("bbb") is None
        with pytest.raises(UserError, match="01970000-aaaa, 01970000-bbbb"):
            store.job("0197")

    def test_a_living_job_keeps_others_out(self, store: Store, tmp_path: Path) -> None:
        first = job()
        store.create_job(first, items_of(first.id), nobody)
        other = self.open(tmp_path)
        with pytest.raises(
            HomeBusy, match=f"{first.id}.*financials.*process 4242.*evertape jobs show {first.id}"
        ):
            other.create_job(job(), [], everybody)
        assert [known.id for known in other.jobs()] == [first.id]
        with pytest.raises(HomeBusy):
            other.take_job(first, everybody)
        other.close()

    def test_a_dead_owners_job_is_marked_interrupted(self, store: Store) -> None:
        dead, second = job(), job(created_at=AT + timedelta(seconds=1))
        done = replace(items_of(dead.id)[0], state=ItemState.DONE)
        store.create_job(dead, [done, *items_of(dead.id)[1:]], nobody)
        store.create_job(second, [], lambda known: known.id != dead.id)
        assert [(j.id, j.state, j.done) for j in store.jobs()] == [
            (second.id, JobState.RUNNING, 0),
            (dead.id, JobState.INTERRUPTED, 1),
        ]
        assert [j.id for j in store.jobs(1)] == [second.id]

    def test_of_two_that_start_at_once_one_wins(self, tmp_path: Path) -> None:
        self.open(tmp_path).migrate(RECORDS)
        together = threading.Barrier(2)
        ends: list[str] = []

        def start() -> None:
            store = self.open(tmp_path)
            together.wait()
            try:
                store.create_job(job(), [], everybody)
                ends.append("won")
            except HomeBusy:
                ends.append("lost")
            store.close()

        threads = [threading.Thread(target=start) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ends) == ["lost", "won"]

    def test_a_taken_job_has_a_new_owner_and_its_leases_are_due(self, store: Store) -> None:
        dead = job(state=JobState.INTERRUPTED, finished_at=AT)
        first, second, third = items_of(dead.id)
        leased = replace(second, state=ItemState.LEASED, attempt=1)
        store.create_job(dead, [replace(first, state=ItemState.FAILED), leased, third], nobody)
        mine = replace(dead, owner=Owner(host="here", pid=1, started=2), state=JobState.RUNNING)
        store.take_job(mine, nobody)
        found = store.job(dead.id)
        assert found is not None
        assert (found.owner, found.state, found.finished_at) == (mine.owner, JobState.RUNNING, None)
        states = [item.state for item in store.items(dead.id)]
        assert states == [ItemState.FAILED, ItemState.DUE, ItemState.DUE]
        assert store.items(dead.id)[1].attempt == 1

    def test_wishes_reach_the_owner_with_its_beat(self, store: Store) -> None:
        mine = job()
        store.create_job(mine, [], nobody)
        later = AT + timedelta(seconds=5, milliseconds=250)
        assert store.beat(mine.id, later) is Wish.RUN
        store.set_wish(mine.id, Wish.PAUSE)
        assert store.beat(mine.id, later) is Wish.PAUSE
        found = store.job(mine.id)
        assert found is not None
        assert found.heartbeat_at == later

    def test_an_unknown_job_is_an_error(self, store: Store) -> None:
        for act in (
            lambda: store.beat("none", AT),
            lambda: store.set_wish("none", Wish.RUN),
            lambda: store.set_job_state("none", JobState.DONE, AT),
            lambda: store.take_job(job(id="none"), nobody),
        ):
            with pytest.raises(StoreError, match="no job none"):
                act()

    def test_an_ended_job_has_its_counts(self, store: Store) -> None:
        mine = job()
        outcomes = (ItemState.DONE, ItemState.NOTHING, ItemState.FAILED)
        items = [replace(item, state=state) for item, state in zip(items_of(mine.id), outcomes, strict=True)]
        store.create_job(mine, items, nobody)
        store.set_job_state(mine.id, JobState.PAUSED, AT, "resting")
        paused = store.job(mine.id)
        assert paused is not None
        assert (paused.state, paused.finished_at, paused.done) == (JobState.PAUSED, None, 0)
        store.set_job_state(mine.id, JobState.FAILED, AT)
        ended = store.job(mine.id)
        assert ended is not None
        assert (ended.finished_at, ended.done, ended.failed, ended.note) == (AT, 2, 1, "resting")

    def test_items_are_watched_by_their_sequence(self, store: Store) -> None:
        one, two = job(), job(state=JobState.DONE)
        store.create_job(two, items_of(two.id), nobody)
        store.create_job(one, items_of(one.id), nobody)
        last = max(item.seq for item in store.items(one.id))
        assert store.items(one.id, after=last) == []
        changed = replace(
            items_of(one.id)[1], state=ItemState.FAILED, error_kind="transient", error="é", started_at=AT
        )
        store.set_items([changed])
        store.commit(commit_of(items=[replace(items_of(one.id)[0], state=ItemState.DONE, stored=4)]))
        news = store.items(one.id, after=last)
        assert [(item.position, item.state) for item in news] == [(0, ItemState.DONE), (1, ItemState.FAILED)]
        assert replace(news[1], seq=0) == changed
        assert news[0].seq > news[1].seq > last
        assert [item.position for item in store.items(one.id, states=(ItemState.DUE,))] == [2]
        assert [item.seq for item in store.items(two.id, after=last)] == []

    # Care

    def test_threads_share_one_store(self, store: Store) -> None:
        failures: list[BaseException] = []

        def work(station: int) -> None:
            try:
                for value in (1.0, 2.0):
                    rows = [(station, f"tag{station}", *row[2:]) for row in rows_of(200, station, value)]
                    store.commit(Commit(at=AT, batches=[Batch(record=Reading, rows=rows)]))
                    assert len(store.read(Reading, (), of_station(station))) == 200
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(store.read(Reading, ("station",))) == 1200

    def test_a_backup_is_a_store_of_its_own(self, store: Store, tmp_path: Path) -> None:
        store.commit(commit_of(reading()))
        assert store.backup(tmp_path / "copies" / "one").is_file()
        made = store.backup()
        store.commit(commit_of(reading(value=9.0)))
        assert made.is_file()
        assert store.check() == []

    def test_a_closed_store_says_so(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.migrate(RECORDS)
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.commit(commit_of(reading()))
        with pytest.raises(StoreError, match="closed"):
            store.read(Reading)

    def test_migrating_again_does_nothing(self, store: Store) -> None:
        assert store.migrate(RECORDS) == []
