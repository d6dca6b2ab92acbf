"""Records, rows and jobs that the store's suite writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from evertape.model.job import Item, Job, JobState, Owner, Wish, new_job_id
from evertape.model.records import Batch, Condition, Record, Row, column
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


def a_paper() -> Paper:
    """A paper with all that may be null null."""
    return Paper(
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


class StoreSuite:
    """How a part of the suite gets its store."""

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
