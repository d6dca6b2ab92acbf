"""Jobs and items: one living job a home, watched by others."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evertape.errors import HomeBusy, StoreError, UserError
from evertape.model.job import ItemState, JobState, Owner, Wish
from evertape.model.store import Store
from tests.conformance.store_samples import (
    AT,
    RECORDS,
    StoreSuite,
    commit_of,
    everybody,
    items_of,
    job,
    nobody,
)


class JobsConformance(StoreSuite):
    """The ledger's promises."""

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

    def test_a_job_has_its_counts_while_it_runs_and_when_it_has_ended(self, store: Store) -> None:
        mine = job()
        outcomes = (ItemState.DONE, ItemState.NOTHING, ItemState.FAILED)
        items = [replace(item, state=state) for item, state in zip(items_of(mine.id), outcomes, strict=True)]
        store.create_job(mine, items_of(mine.id), nobody)
        store.set_items(items[:1])
        assert [(j.done, j.failed) for j in store.jobs()] == [(1, 0)]
        store.set_items(items[1:])
        store.set_job_state(mine.id, JobState.PAUSED, AT, "resting")
        paused = store.job(mine.id)
        assert paused is not None
        assert (paused.state, paused.finished_at) == (JobState.PAUSED, None)
        assert (paused.done, paused.failed) == (2, 1)
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
