"""Whole truths and atomicity: all of a commit, or nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from evertape.model.job import ItemState, new_job_id
from evertape.model.records import Batch, Truth
from evertape.model.store import Commit, Store
from tests.conformance.store_samples import (
    AT,
    RECORDS,
    Opener,
    Paper,
    Reading,
    StoreSuite,
    a_paper,
    commit_of,
    holding,
    items_of,
    job,
    nobody,
    of_station,
    reading,
    rows_of,
)


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


class TruthsConformance(StoreSuite):
    """What becomes true together."""

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

    def test_a_row_in_the_whole_truth_carries_no_stamp(self, store: Store) -> None:
        truth = (Truth(record=Reading, where=of_station(1)),)
        store.commit(commit_of(reading(absent_on=date(2020, 1, 1)), truths=truth))
        assert store.read(Reading, ("absent_on",)) == [(None,)]

    def test_an_empty_truth_stamps_all_with_the_instant(self, store: Store) -> None:
        store.commit(commit_of(a_paper(), replace(a_paper(), kind="k")))
        assert store.commit(commit_of(truths=(Truth(record=Paper, where=()),))) == 2
        assert store.read(Paper, ("absent_at",)) == [(AT,), (AT,)]

    def test_replaced_deletes_what_is_omitted_under_its_conditions_only(self, store: Store) -> None:
        store.commit(Commit(at=AT, batches=[Batch(record=Reading, rows=rows_of(5, 1) + rows_of(2, 2))]))
        whole = (Truth(record=Reading, where=of_station(1)),)
        again = [Batch(record=Reading, rows=rows_of(3, 1))]
        assert store.commit(Commit(at=AT, batches=again, replaced=whole)) == 0
        assert store.read(Reading) == rows_of(3, 1) + rows_of(2, 2)

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
