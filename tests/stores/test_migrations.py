"""Databases of yesterday, opened by the code of today and of tomorrow."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from evertape.clock import ManualClock
from evertape.datasets.facts import FactSeries, unpack
from evertape.errors import SchemaMismatch
from evertape.formats.xbrl import FoldedFact
from evertape.model.job import ItemState, JobState
from evertape.model.records import Batch, Record, column
from evertape.model.store import Commit
from evertape.model.unit import Outcome
from evertape.stores.sqlite import SqliteStore
from tests.conformance.store_samples import (
    AT,
    RECORDS,
    Reading,
    commit_of,
    holding,
    items_of,
    job,
    nobody,
    reading,
)

FROZEN = Path(__file__).with_name("frozen")
SHIPPED = Path(__file__).resolve().parents[2] / "src" / "evertape" / "stores" / "migrations" / "sqlite"
SECOND = """
-- A column, a table, and rows carried over; the semicolon in the text ends nothing.
ALTER TABLE holdings ADD COLUMN hint TEXT NOT NULL DEFAULT 'none; yet';
CREATE TABLE visits (dataset TEXT PRIMARY KEY, looked INTEGER NOT NULL);
INSERT INTO visits SELECT dataset, COUNT(*) FROM holdings GROUP BY dataset;
"""


def frozen(name: str, path: Path) -> None:
    """A database as an earlier version left it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FROZEN / name).read_text())


@pytest.fixture
def tomorrow(tmp_path: Path) -> Path:
    """The migrations shipped, and a made-up one after the last."""
    folder = tmp_path / "migrations"
    shutil.copytree(SHIPPED, folder)
    (folder / "9999_tomorrow.sql").write_text(SECOND)
    return folder


def test_a_database_of_schema_1_opens_with_all_it_held(tmp_path: Path) -> None:
    frozen("0001.sql", tmp_path / "e.db")
    store = SqliteStore(tmp_path / "e.db")
    store.migrate(RECORDS)
    assert store.read(Reading) == [
        (1, "Revenues", None, None, None, -2.0, None, None, None, date(2024, 2, 2)),
        (1, "Revenues", "USD", date(2023, 1, 1), "0000320193-24-000081", 1.5, AT, True, "Ärger", None),
    ]
    held = store.holdings("facts")["0000320193"]
    assert (held.outcome, held.mark, held.size) == (Outcome.PENDING, "m", 12)
    (known,) = store.jobs()
    assert (known.state, known.total, known.plan) == (JobState.RUNNING, 3, b'{"steps":[]}')
    assert [item.state for item in store.items(known.id)] == [ItemState.DONE, ItemState.DUE]
    assert store.check() == []
    store.close()


def test_a_numbered_migration_keeps_what_was_held_and_leaves_a_backup(tmp_path: Path, tomorrow: Path) -> None:
    frozen("0001.sql", tmp_path / "e.db")
    store = SqliteStore(tmp_path / "e.db")
    assert "applied 9999_tomorrow.sql" in store.migrate(RECORDS, migrations=tomorrow)
    assert store.sql("SELECT key, hint FROM holdings")[1] == [("0000320193", "none; yet")]
    assert store.sql("SELECT * FROM visits")[1] == [("facts", 1)]
    assert len(store.read(Reading)) == 2
    assert store.migrate(RECORDS, migrations=tomorrow) == []
    store.close()
    (backup,) = (tmp_path / "backups").iterdir()
    old = SqliteStore(backup, read_only=True)
    assert len(old.read(Reading)) == 2
    assert old.sql("SELECT name FROM sqlite_master WHERE name = 'visits'")[1] == []
    old.close()


OLD_FACTS = """
CREATE TABLE facts_coded (
  cik INTEGER NOT NULL, taxonomy INTEGER NOT NULL, tag INTEGER NOT NULL, unit INTEGER NOT NULL,
  start_date INTEGER NOT NULL, end_date INTEGER NOT NULL, value REAL NOT NULL, filed_date INTEGER NOT NULL,
  accession_number INTEGER NOT NULL, form INTEGER NOT NULL, repeats TEXT, absent_on INTEGER,
  PRIMARY KEY (cik, taxonomy, tag, unit, end_date, start_date, filed_date, accession_number)
) WITHOUT ROWID;
INSERT INTO codes VALUES (10, 'us-gaap'), (13, '10-Q'), (14, 'Assets');
INSERT INTO facts_coded VALUES
  (7, 10, 1, 2, 19083, 19173, 5.25, 19200, 32019324000081, 13,
    '0000320193-25-000007 0000320193-26-000008', NULL),
  (7, 10, 1, 2, 19174, 19264, -6.0, 19300, 32019325000007, 13, NULL, 20000),
  (7, 10, 14, 2, -719163, 19173, 9e15, 19200, 32019324000081, 13, NULL, NULL);
"""


def test_facts_of_a_row_each_are_packed_without_a_loss(tmp_path: Path) -> None:
    frozen("0001.sql", tmp_path / "e.db")
    with closing(sqlite3.connect(tmp_path / "e.db")) as connection:
        connection.executescript(OLD_FACTS)
    store = SqliteStore(tmp_path / "e.db")
    store.migrate([*RECORDS, FactSeries])
    first, second = store.read(FactSeries)
    assert first[:4] == (7, "us-gaap", "Assets", "USD")
    assert unpack(first[4]) == [FoldedFact(19173, None, 9e15, 19200, 32019324000081, "10-Q")]
    assert second[:4] == (7, "us-gaap", "Revenues", "USD")
    assert unpack(second[4]) == [
        FoldedFact(
            19173, 19083, 5.25, 19200, 32019324000081, "10-Q", (32019325000007, 32019326000008)
        ),
        FoldedFact(19264, 19174, -6.0, 19300, 32019325000007, "10-Q", (), 20000),
    ]  # fmt: skip
    shown = "SELECT start_date, value, accession_number, repeats, absent_on FROM facts WHERE tag = 'Revenues'"
    assert store.sql(shown)[1] == [
        ("2022-04-01", 5.25, "0000320193-24-000081", "0000320193-25-000007 0000320193-26-000008", None),
        ("2022-07-01", -6.0, "0000320193-25-000007", None, "2024-10-04"),
    ]
    store.close()


def test_a_newer_database_is_refused_by_reader_and_writer(tmp_path: Path, tomorrow: Path) -> None:
    path = tmp_path / "e.db"
    store = SqliteStore(path)
    store.migrate(RECORDS, migrations=tomorrow)
    store.close()
    before = path.read_bytes()
    told = r"e\.db was written by a newer evertape \(schema 9999.*upgrade evertape"
    store = SqliteStore(path)
    with pytest.raises(SchemaMismatch, match=told):
        store.migrate(RECORDS)
    store.close()
    with pytest.raises(SchemaMismatch, match=told):
        SqliteStore(path, read_only=True)
    assert path.read_bytes() == before


def migrate_and_die(path: Path, tomorrow: Path, moment: int) -> None:
    """Kill this process before statement number `moment` of a migration runs."""
    seen: list[str] = []
    armed = threading.Event()

    def watch(statement: str) -> None:
        seen.append(statement)
        if armed.is_set() and len(seen) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    store = SqliteStore(path, trace=watch)
    armed.set()
    store.migrate(RECORDS, migrations=tomorrow)


def schema_of(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_a_killed_migration_leaves_the_old_state(tmp_path: Path, tomorrow: Path) -> None:
    seen: list[str] = []
    frozen("0001.sql", tmp_path / "whole.db")
    whole = SqliteStore(tmp_path / "whole.db", trace=seen.append)
    whole.migrate(RECORDS, migrations=tomorrow)
    whole.close()
    assert seen[-1] == "COMMIT"
    create = next(i for i, statement in enumerate(seen, 1) if "CREATE TABLE visits" in statement)
    spawn = multiprocessing.get_context("spawn")
    dying = []
    for moment in (create + 1, len(seen)):
        path = tmp_path / f"{moment}.db"
        frozen("0001.sql", path)
        before = schema_of(path)
        process = spawn.Process(target=migrate_and_die, args=(path, tomorrow, moment))
        process.start()
        dying.append((process, path, before))
    for process, path, before in dying:
        process.join(30)
        assert process.exitcode == -signal.SIGKILL
        assert schema_of(path) == before
        store = SqliteStore(path)
        assert "applied 9999_tomorrow.sql" in store.migrate(RECORDS, migrations=tomorrow)
        store.close()
        assert schema_of(path) == schema_of(tmp_path / "whole.db")


# Tables of records


def made(base: str, **columns: object) -> type[Record]:
    """A record type of table `things` with an integer key and further columns."""
    options: dict[str, object] = {n: columns.pop(n) for n in ("compact", "indexes") if n in columns}
    hints: dict[str, object] = {"thing_id": int, **columns}
    space: dict[str, object] = {"table": "things", "key": ("thing_id",), "__annotations__": hints, **options}
    space |= {name: column("as it says") for name in hints}
    return type(base, (Record,), {**space, "__module__": __name__, "__doc__": base})


OLD = made("Old", day=date)


def held(path: Path, record: type[Record], *, clock: ManualClock | None = None) -> SqliteStore:
    """A store that holds one thing."""
    store = SqliteStore(path, clock=clock)
    store.migrate([record])
    store.commit(Commit(at=AT, batches=[Batch(record=record, rows=[(1, date(2024, 1, 1))])]))
    return store


@pytest.mark.parametrize("compact", [False, True])
def test_nullable_columns_are_added(tmp_path: Path, compact: bool) -> None:
    old = made("Old", day=date, compact=compact)
    new = made("New", day=date, note=str | None, seen=date | None, compact=compact)
    store = held(tmp_path / "e.db", old)
    assert "added note, seen to things" in store.migrate([new])
    assert store.read(new) == [(1, date(2024, 1, 1), None, None)]
    store.commit(
        Commit(at=AT, batches=[Batch(record=new, rows=[(2, date(2024, 1, 2), "n", date(2024, 1, 3))])])
    )
    shown = store.sql("SELECT thing_id, day, note, seen FROM things ORDER BY 1")[1]
    assert shown == [(1, "2024-01-01", None, None), (2, "2024-01-02", "n", "2024-01-03")]
    assert store.migrate([new]) == []
    store.close()


@pytest.mark.parametrize(
    "new",
    [
        made("Required", day=date, size=int),
        made("Gone"),
        made("Retyped", day=str),
        made("Loosened", day=date | None),
        made("Coded", day=date, compact=True),
    ],
)
def test_any_other_change_needs_a_number_or_a_rebuild(tmp_path: Path, new: type[Record]) -> None:
    store = held(tmp_path / "e.db", OLD)
    with pytest.raises(SchemaMismatch, match="the table things was written by another version"):
        store.migrate([new])
    assert store.read(OLD) == [(1, date(2024, 1, 1))]
    assert any("emptied things" in told for told in store.migrate([new], rebuildable={"things"}))
    assert store.read(new) == []
    assert store.migrate([new], rebuildable={"things"}) == []
    assert len(list((tmp_path / "backups").iterdir())) == 1
    store.close()


def test_indexes_come_and_go_with_the_declaration(tmp_path: Path) -> None:
    store = held(tmp_path / "e.db", OLD)
    query = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = 'things'"
    assert store.migrate([made("Indexed", day=date, indexes=(("day",),))]) == ["made the index things_by_day"]
    assert store.sql(query)[1] == [("things_by_day",)]
    assert store.migrate([OLD]) == ["dropped the index things_by_day"]
    assert store.sql(query)[1] == []
    store.close()


async def test_the_last_three_backups_are_kept(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2024, 1, 1, tzinfo=UTC))
    store = held(tmp_path / "e.db", OLD, clock=clock)
    mine = store.backup()
    columns: dict[str, object] = {"day": date}
    for number in range(5):
        await clock.advance(60)
        columns[f"more{number}"] = str | None
        store.migrate([made("Grown", **columns)])
    store.close()
    kept = sorted(path.name for path in (tmp_path / "backups").iterdir())
    assert kept == [
        mine.name,
        "evertape-3-20240101T000300000000Z.db",
        "evertape-3-20240101T000400000000Z.db",
        "evertape-3-20240101T000500000000Z.db",
    ]


def test_a_first_migration_and_an_idle_one_leave_no_backup(tmp_path: Path) -> None:
    store = held(tmp_path / "e.db", OLD)
    assert store.migrate([OLD]) == []
    store.close()
    assert not (tmp_path / "backups").exists()


def write_frozen(path: Path) -> None:
    """How `frozen/0001.sql` was made; run by hand when a number is frozen, never by a test."""
    store = SqliteStore(path)
    store.migrate(RECORDS)
    null = reading(scale=None, start=None, number=None, value=-2.0, taken_at=None, sound=None, note=None)
    store.commit(
        commit_of(
            reading(note="Ärger"),
            null,
            holdings=[holding("0000320193", outcome=Outcome.PENDING, mark="m")],
        )
    )
    with store.writing() as writer:
        writer.execute("UPDATE readings_coded SET absent_on = 19755 WHERE value = -2")
    mine = job(id="018d6c00-0000-7000-8000-000000000001", plan=b'{"steps":[]}')
    first, second, _ = items_of(mine.id)
    store.create_job(mine, [first, second], nobody)
    store.close()
