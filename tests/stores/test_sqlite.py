"""The SQLite store: the suite of every store, and what only a file can suffer."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from evertape.datasets.facts import FactSeries, pack
from evertape.errors import Busy, StoreError, UserError
from evertape.formats.xbrl import FoldedFact
from evertape.model.records import Batch, Condition, Record, Truth, column
from evertape.model.store import Commit, Store
from evertape.stores.sqlite import SqliteStore
from evertape.stores.sqlite_migrate import Target
from tests.conformance.store import StoreConformance
from tests.conformance.store_samples import (
    AT,
    RECORDS,
    Opener,
    Reading,
    commit_of,
    holding,
    of_station,
    reading,
    rows_of,
)

SCHEMA = Path(__file__).resolve().parents[2] / "src/evertape/stores/migrations/sqlite/0001_first.sql"


def open_sqlite(home: Path, trace: Callable[[str], None] | None) -> Store:
    return SqliteStore(home / "evertape.db", trace=trace)


class TestSqlite(StoreConformance):
    def opener(self) -> Opener:
        return open_sqlite

    def test_a_commit_is_one_transaction(self, tmp_path: Path) -> None:
        seen: list[str] = []
        store = SqliteStore(tmp_path / "e.db", trace=seen.append)
        store.migrate(RECORDS)
        seen.clear()
        store.commit(commit_of(reading(), holdings=[holding("1")]))
        assert (seen[0], seen[-1]) == ("BEGIN IMMEDIATE", "COMMIT")
        assert [s for s in seen if s in ("BEGIN IMMEDIATE", "COMMIT")] == ["BEGIN IMMEDIATE", "COMMIT"]
        store.close()

    def test_a_folder_is_made_for_the_owner_alone(self, tmp_path: Path) -> None:
        SqliteStore(tmp_path / "a" / "b" / "e.db").close()
        assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_full_disk_is_told_and_nothing_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "e.db"
    small = SqliteStore(path, pragmas={"max_page_count": 40})
    small.migrate(RECORDS)
    small.commit(commit_of(reading(tag="before")))
    with pytest.raises(StoreError, match=r"e\.db cannot grow: the disk is full; free some space"):
        small.commit(
            Commit(at=AT, batches=[Batch(record=Reading, rows=rows_of(18_000))], holdings=[holding("1")])
        )
    assert small.read(Reading, ("tag",)) == [("before",)]
    assert small.holdings("facts") == {}
    assert small.commit(commit_of(reading(tag="after"))) == 1
    assert small.check() == []
    small.close()


def test_a_full_disk_stops_a_migration_whole(tmp_path: Path) -> None:
    path = tmp_path / "e.db"
    small = SqliteStore(path, pragmas={"max_page_count": 8})
    with pytest.raises(StoreError, match="the disk is full"):
        small.migrate(RECORDS)
    small.close()
    store = SqliteStore(path)
    assert store.migrate(RECORDS)[0] == "applied 0001_first.sql"
    store.close()


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    with pytest.raises(StoreError, match=r"home/e\.db cannot be used: .*; choose another EVERTAPE_HOME"):
        SqliteStore(tmp_path / "home" / "e.db")


def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    (tmp_path / "e.db").mkdir()
    with pytest.raises(StoreError, match=r"e\.db cannot be opened"):
        SqliteStore(tmp_path / "e.db")


def test_a_database_that_cannot_be_written(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "e.db").close()
    store = SqliteStore(tmp_path / "e.db", pragmas={"query_only": 1})
    with pytest.raises(StoreError, match=r"e\.db cannot be written .*; make it writable"):
        store.migrate(RECORDS)
    store.close()


def as_nobody(path: Path) -> tuple[str, int] | None:
    """What an account without write permission is told, and how many rows it reads.

    None where that account cannot read this checkout.
    """
    if os.geteuid() == 0:
        # Root is bound by no permission bits; the interpreter's own files may be root's alone.
        assert Target(tables=()).scripts
        os.setuid(65534)
        if not os.access(SCHEMA, os.R_OK):
            return None
    told = ""
    try:
        SqliteStore(path).migrate(RECORDS)
    except StoreError as error:
        told = str(error)
    reader = SqliteStore(path, read_only=True)
    rows = len(reader.read(Reading))
    reader.close()
    return told, rows


def test_a_home_that_is_read_only_is_read_and_not_written() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = SqliteStore(home / "e.db")
        store.migrate(RECORDS)
        store.commit(commit_of(reading()))
        store.close()
        (home / "e.db").chmod(0o444)
        home.chmod(0o555)
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            found = pool.submit(as_nobody, home / "e.db").result(30)
        home.chmod(0o755)
        if found is None:
            pytest.skip("run by root in a checkout that only root can read")
        told, rows = found
        assert "e.db cannot be" in told
        assert "EVERTAPE_HOME" in told
        assert rows == 1
        assert list(home.iterdir()) == [home / "e.db"]


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "e.db").write_bytes(b"this is a letter to my aunt, " * 200)
    with pytest.raises(StoreError, match=r"e\.db is damaged .*restore a copy from .*backups, or move"):
        SqliteStore(tmp_path / "e.db")


def test_damage_inside_is_found_before_a_migration_and_by_a_check(tmp_path: Path) -> None:
    path = tmp_path / "e.db"
    store = SqliteStore(path)
    store.migrate(RECORDS)
    store.commit(Commit(at=AT, batches=[Batch(record=Reading, rows=rows_of(5000))]))
    store.close()
    body = bytearray(path.read_bytes())
    end = len(body)
    body[end - 8 * 4096 : end - 2 * 4096] = b"\xff" * 6 * 4096
    path.write_bytes(body)
    store = SqliteStore(path)
    assert store.check() != []
    with pytest.raises(StoreError, match="is damaged"):
        store.migrate([*RECORDS, Extra])
    with pytest.raises(StoreError, match="is damaged"):
        store.read(Reading)
    with pytest.raises(StoreError, match="is damaged"):
        store.sql("SELECT SUM(value) FROM readings")
    assert not (tmp_path / "backups").exists()
    store.close()


class Extra(Record):
    """A further table."""

    table = "extras"
    key = ("extra_id",)

    extra_id: int = column("an integer")


def test_a_second_writer_is_told_to_wait(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "e.db")
    first.migrate(RECORDS)
    second = SqliteStore(tmp_path / "e.db", pragmas={"busy_timeout": 1})
    with first.writing(), pytest.raises(Busy, match=r"e\.db is being written by another process"):
        second.commit(commit_of(reading()))
    assert second.commit(commit_of(reading())) == 1
    first.close()
    second.close()


def test_a_reader_sees_the_last_commit_while_another_is_written(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "e.db")
    store.migrate(RECORDS)
    store.commit(commit_of(reading()))
    reader = SqliteStore(tmp_path / "e.db", read_only=True)
    with store.writing() as writer:
        writer.execute("UPDATE readings_coded SET value = 9")
        assert reader.read(Reading, ("value",)) == [(1.5,)]
        assert store.sql("SELECT value FROM readings")[1] == [(1.5,)]
    assert reader.read(Reading, ("value",)) == [(9.0,)]
    reader.close()
    store.close()


def test_a_read_only_store_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no database at .* yet; run: evertape refresh financials"):
        SqliteStore(tmp_path / "home" / "e.db", read_only=True)
    assert list(tmp_path.iterdir()) == []
    store = SqliteStore(tmp_path / "e.db")
    store.migrate(RECORDS)
    store.close()
    reader = SqliteStore(tmp_path / "e.db", read_only=True)
    with pytest.raises(StoreError, match="open for reading only"):
        reader.commit(commit_of(reading()))
    reader.close()


def test_an_empty_file_is_no_database_to_read(tmp_path: Path) -> None:
    (tmp_path / "e.db").touch()
    with pytest.raises(UserError, match="no database at"):
        SqliteStore(tmp_path / "e.db", read_only=True)


def test_closing_folds_the_log_into_the_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "e.db")
    store.migrate(RECORDS)
    store.commit(commit_of(reading()))
    assert store.read(Reading)
    store.close()
    assert list(tmp_path.iterdir()) == [tmp_path / "e.db"]


@pytest.mark.parametrize(
    "query",
    [
        "ATTACH ':memory:' AS x",
        "PRAGMA query_only = 0",
        "BEGIN",
        "CREATE TEMP TABLE t (a)",
        "VACUUM INTO 'x'",
    ],
)
def test_a_query_of_the_user_can_only_read(tmp_path: Path, query: str) -> None:
    store = SqliteStore(tmp_path / "e.db")
    store.migrate(RECORDS)
    with pytest.raises(UserError, match="only reading is allowed here"):
        store.sql(query)
    assert store.sql("PRAGMA table_info(papers)")[1][0][1] == "paper_id"
    store.close()


def test_five_thousand_rows_take_no_quarter_of_a_second(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "e.db")
    store.migrate(RECORDS)
    took = []
    for station in range(3):
        whole = Truth(record=Reading, where=of_station(station))
        batch = Batch(record=Reading, rows=rows_of(5000, station))
        began = time.perf_counter()
        assert store.commit(Commit(at=AT, batches=[batch], truths=[whole])) == 5000
        took.append(time.perf_counter() - began)
    assert min(took) < 0.25
    store.close()


def test_opening_what_is_up_to_date_is_quick(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "e.db")
    store.migrate(RECORDS)
    store.commit(Commit(at=AT, batches=[Batch(record=Reading, rows=rows_of(5000))]))
    store.close()
    took = []
    for _ in range(5):
        began = time.perf_counter()
        store = SqliteStore(tmp_path / "e.db")
        assert store.migrate(RECORDS) == []
        took.append(time.perf_counter() - began)
        store.close()
    assert min(took) < 0.03


def open_and_close(path: Path, at: float) -> int:
    """Open a home at an instant of the system's clock; returns how many things were done to it."""
    time.sleep(max(0.0, at - time.time()))
    store = SqliteStore(path)
    done = store.migrate(RECORDS)
    store.close()
    return len(done)


def test_processes_that_open_a_new_home_at_once_all_succeed(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=spawn) as pool:
        for attempt in range(8):
            path, at = tmp_path / str(attempt) / "e.db", time.time() + (0.02 if attempt else 1.0)
            done = [pool.submit(open_and_close, path, at) for _ in range(3)]
            assert sorted(future.result(30) for future in done)[:2] == [0, 0]
            applied = SqliteStore(path, read_only=True).sql("SELECT number FROM schema_versions")[1]
            assert applied == [(1,), (2,), (3,)]


def test_companies_of_one_commit_stamp_nothing_of_each_other(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "e.db")
    store.migrate([FactSeries])

    def series(cik: int, *values: float) -> Batch:
        facts = [FoldedFact(day, None, value, 3, 7, "10-K") for day, value in enumerate(values)]
        return Batch(record=FactSeries, rows=[(cik, "us-gaap", "Assets", "USD", pack(facts))])

    truths = [
        Truth(record=FactSeries, where=(Condition(column="cik", op="=", value=cik),)) for cik in (1, 2, 3)
    ]
    whole = [series(1, 4.0, 5.0), series(2, 6.0), series(3, 7.0)]
    assert store.commit(Commit(at=AT, batches=whole, truths=truths)) == 3
    assert store.commit(Commit(at=AT, batches=whole, truths=truths)) == 0
    stamped = "SELECT cik, value FROM facts WHERE absent_on IS NOT NULL"
    assert store.sql(stamped)[1] == []
    assert store.commit(Commit(at=AT, batches=[series(1, 4.0), series(2, 6.0)], truths=truths)) == 2
    assert store.sql(f"{stamped} ORDER BY cik")[1] == [(1, 5.0), (3, 7.0)]
    store.close()
