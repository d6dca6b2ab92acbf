"""What every store must do. A store's tests subclass `StoreConformance` and give its `opener`."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evertape.errors import StoreError, UserError
from evertape.model.records import Batch, table_of
from evertape.model.store import Commit, Store
from evertape.model.unit import Outcome, Unit
from tests.conformance.store_jobs import JobsConformance
from tests.conformance.store_rows import RowsConformance
from tests.conformance.store_samples import (
    AT,
    RECORDS,
    Reading,
    commit_of,
    holding,
    of_station,
    reading,
    rows_of,
)
from tests.conformance.store_truths import TruthsConformance


class StoreConformance(RowsConformance, TruthsConformance, JobsConformance):
    """The port's promises."""

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

    def test_of_several_extents_the_one_looked_at_last_is_given_and_the_others_beside_it(
        self, store: Store
    ) -> None:
        late, first, second = (
            holding("1", unit=Unit("facts", "1", None, extent), checked_at=AT + timedelta(hours=hours))
            for extent, hours in (("a", 2), ("b", 0), ("c", 1))
        )
        store.commit(commit_of(holdings=[late, first, second, holding("2")]))
        assert store.holdings("facts") == {"1": late, "2": holding("2")}
        assert {key: held.beside for key, held in store.holdings("facts").items()} == {
            "1": (second, first),
            "2": (),
        }

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

    def test_a_query_is_read_in_batches_that_tell_what_it_tells_at_once(self, store: Store) -> None:
        store.commit(commit_of(*(reading(station=n) for n in range(1, 8))))
        query, parameters = "SELECT * FROM readings WHERE station > ? ORDER BY station", (1,)
        batches = list(store.rows(query, parameters, 4))
        assert [len(rows) for rows in batches] == [4, 2]
        assert [row for rows in batches for row in rows] == store.sql(query, parameters)[1]
        assert list(store.rows("SELECT * FROM papers")) == []

    def test_what_is_written_meanwhile_is_not_read(self, store: Store) -> None:
        store.commit(commit_of(*(reading(station=n, value=1.0) for n in range(1, 5))))
        told = store.rows("SELECT value FROM readings ORDER BY station", (), 1)
        first = next(told)
        assert store.commit(commit_of(*(reading(station=n, value=2.0) for n in range(1, 9)))) == 8
        assert [first, *told] == [[(1.0,)]] * 4
        assert len(list(store.rows("SELECT value FROM readings", (), 1))) == 8

    def test_a_reader_that_stops_early_leaves_the_store_as_it_was(self, store: Store) -> None:
        store.commit(commit_of(*(reading(station=n) for n in range(1, 5))))
        for rows in store.rows("SELECT station FROM readings", (), 1):
            assert len(rows) == 1
            break
        assert store.commit(commit_of(reading(station=9))) == 1
        assert len(store.read(Reading)) == 5

    @pytest.mark.parametrize("query", ["DELETE FROM papers", "SELECT", "SELECT * FROM nowhere"])
    def test_a_query_that_writes_or_is_wrong_gives_no_batch(self, store: Store, query: str) -> None:
        with pytest.raises(UserError, match="the query failed"):
            next(store.rows(query))

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
