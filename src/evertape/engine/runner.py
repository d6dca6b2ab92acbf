"""Runs a plan as a job: leases items, sends calls, commits what the answers say. The only shell."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace

from evertape.engine import passing
from evertape.engine.fetching import Fetching, Work
from evertape.engine.ledger import give_back, persist, tell
from evertape.engine.settling import stages
from evertape.errors import (
    Busy,
    EvertapeError,
    StoreError,
    Throttled,
    Transient,
    Unavailable,
    UserError,
)
from evertape.model.crew import Crew
from evertape.model.events import JobFinished, JobStarted, WorkersSeen
from evertape.model.job import Item, ItemState, Job, JobState, Wish
from evertape.model.plan import Plan
from evertape.model.unit import Unit

GRACE = 5.0
"""Seconds that requests on the wire are given once a job is asked to stop."""
BEAT = 0.5
"""Seconds between two heartbeats, which is also how soon a wish is noticed."""
LANES = 12
"""Items that may wait for a permit or a retry, for each that is at work."""
SECOND_PASS = 50
"""Fewer failed items than this are tried once more at the end of a job."""
PASSING = (Transient.kind, Throttled.kind, Unavailable.kind)


class Runner:
    """One job from its start to its end in this process."""

    def __init__(self, work: Work, job: Job, plan: Plan) -> None:
        self._work = work
        self._job = job
        self._calls = [call for step in plan.steps for call in step.calls]
        self._queue: deque[Item] = deque()
        self._open = asyncio.Event()
        self._open.set()
        self._stop = asyncio.Event()
        self._fatal: EvertapeError | None = None
        self._notes: list[str] = []
        self._fetching = Fetching(work, self._notes)
        self._broken: set[int] = set()
        self._out: dict[int, set[Unit]] = defaultdict(set)
        self._left: dict[int, Sequence[Unit]] = {}
        self._turns: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._cancelled = False

    def stop(self) -> None:
        """Admit nothing more; what is on the wire gets `GRACE` seconds."""
        self._stop.set()
        self._open.set()

    async def run(self) -> JobState:
        """Work off the due items; returns the state the job ended in.

        Raises:
            StoreError: the database refused; the job is left interrupted.
        """
        store, clock = self._work.store, self._work.clock
        due = store.items(self._job.id, states=(ItemState.DUE, ItemState.LEASED))
        self._work.emit(
            JobStarted(job_id=self._job.id, kind=self._job.kind, total=len(due), at=clock.real_now())
        )
        beat = asyncio.create_task(self._beat())
        try:
            for part in stages(self._work.datasets, due):
                self._queue.extend(part)
                await self._finish(self._workers(len(part)))
            again = [] if self._stop.is_set() else self._once_more()
            if again:
                self._broken.clear()
                self._out.clear()
                self._queue.extend(again)
                await self._finish(self._workers(len(again)))
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)
        state = self._end_state()
        try:
            await asyncio.to_thread(
                store.set_job_state, self._job.id, state, clock.real_now(), "\n".join(self._notes)
            )
        finally:
            self._work.emit(JobFinished(job_id=self._job.id, state=state.value, at=clock.real_now()))
        if self._fatal:
            raise self._fatal
        return state

    def _workers(self, due: int) -> list[asyncio.Task[None]]:
        """As many as may wait for their turn; only `Work.workers` of them are at work at once."""
        partial = any(self._work.feeds[call.feed].partial for call in self._calls)
        lanes = self._work.workers * (LANES if partial else 1)
        return [asyncio.create_task(self._worker()) for _ in range(max(1, min(lanes, due)))]

    def _once_more(self) -> list[Item]:
        """The failed items where they are few and other feeds could still answer them: one second pass."""
        failed = self._work.store.items(self._job.id, states=(ItemState.FAILED,))
        if not 0 < len(failed) < SECOND_PASS:
            return []
        again, stuck = [], set()
        for item in failed:
            feed = self._work.feeds[self._calls[item.position].feed]
            if feed.partial and item.error_kind in PASSING and item.step not in stuck:
                again.append(item)
            elif feed.ordered:
                stuck.add(item.step)
        return again

    async def _finish(self, workers: Sequence[asyncio.Task[None]]) -> None:
        stopping = asyncio.create_task(self._stop.wait())
        everybody = asyncio.create_task(asyncio.wait(workers))
        try:
            await asyncio.wait({everybody, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not everybody.done():
                await asyncio.wait({everybody}, timeout=GRACE)
        finally:
            for task in (stopping, everybody, *workers):
                task.cancel()
            ended = await asyncio.gather(*workers, return_exceptions=True)
            await asyncio.gather(stopping, everybody, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    def _end_state(self) -> JobState:
        if self._fatal:
            return JobState.INTERRUPTED
        if self._stop.is_set():
            return JobState.CANCELLED if self._cancelled else JobState.INTERRUPTED
        failed = self._work.store.items(self._job.id, states=(ItemState.FAILED,))
        return JobState.FAILED if failed else JobState.DONE

    async def _beat(self) -> None:
        while not self._stop.is_set():
            try:
                # One that finds the database busy is made good by the next.
                with contextlib.suppress(Busy):
                    await self._beat_once()
            except StoreError as error:
                self._fatal = self._fatal or error
                self.stop()
            await asyncio.sleep(BEAT)

    async def _beat_once(self) -> None:
        """Say that the owner lives and how its processes do; heed what people wish."""
        wish = await asyncio.to_thread(self._work.store.beat, self._job.id, self._work.clock.real_now())
        if wish is Wish.CANCEL:
            self._cancelled = True
            self.stop()
        if self._work.crew is not None:
            seen = self._work.crew.seen(self._job.id)
            self._work.emit(WorkersSeen(workers=tuple(seen)))
            await asyncio.to_thread(self._work.store.note_workers, seen)
        if wish is Wish.CANCEL or (wish is Wish.RUN) is self._open.is_set():
            return
        # The ledger first: where it is busy, the next beat finds the same wish and tries again.
        state = JobState.PAUSED if wish is Wish.PAUSE else JobState.RUNNING
        now = self._work.clock.real_now()
        await asyncio.to_thread(self._work.store.set_job_state, self._job.id, state, now)
        if wish is Wish.PAUSE:
            self._open.clear()
        else:
            self._open.set()

    async def _worker(self) -> None:
        while self._queue and not self._stop.is_set():
            await self._open.wait()
            if self._stop.is_set() or not self._queue:
                return
            item = self._queue.popleft()
            try:
                crew = self._work.crew
                if crew is not None and crew.takes(self._calls[item.position]):
                    await self._hand_over(crew, item)
                else:
                    await self._item(item)
            except (StoreError, UserError) as error:
                self._fatal = self._fatal or error
                self.stop()
                return

    async def _item(self, item: Item) -> None:
        """Work an item off; those of an ordered feed one after the other.

        None is asked for after one that the feed did not answer, nor what an earlier one left: the days of a
        key must adjoin.
        """
        call = self._calls[item.position]
        if not self._work.feeds[call.feed].ordered:
            await self._fetching.work_off(item, call)
            return
        async with self._turns[item.step]:
            out = self._out[item.step]
            due = self._left.pop(item.position, call.units)
            skipped = [unit for unit in due if _whole(unit) in out]
            units = tuple(unit for unit in due if _whole(unit) not in out)
            if item.step in self._broken or (skipped and not units):
                error = passing.skipped(len(skipped), len(call.units))
                if item.step in self._broken:
                    error = Unavailable("left, since an earlier one of its step failed")
                self._left[item.position] = due
                await self._fetching.leave(item, error)
                return
            asked = replace(call, units=units)
            left = await self._fetching.work_off(item, asked, skipped=skipped, of=len(call.units))
            if left is None:
                return
            self._left[item.position] = left.units
            out.update(map(_whole, left.units))
            if not left.answered:
                self._broken.add(item.step)

    async def _hand_over(self, crew: Crew, first: Item) -> None:
        """Have a process work off the item and some of the next; what it did not come to is due again."""
        batch = [first]
        share = crew.share(len(self._queue) + 1)
        while len(batch) < share and self._queue and crew.takes(self._calls[self._queue[0].position]):
            batch.append(self._queue.popleft())
        now = self._work.clock.real_now()
        leased = [replace(i, state=ItemState.LEASED, attempt=i.attempt + 1, started_at=now) for i in batch]
        await persist(lambda: self._work.store.set_items(leased))
        open_ = {item.position for item in leased}
        calls = [(item, self._calls[item.position]) for item in leased]
        try:
            async with contextlib.aclosing(crew.settle(calls)) as told:
                async for settled in told:
                    open_.discard(settled.item.position)
                    self._notes.extend(settled.notes)
                    tell(self._work.emit, settled)
        finally:
            if open_:
                give_back(self._work.store, self._job.id, open_)


def _whole(unit: Unit) -> Unit:
    """What a unit is a part of: all its days."""
    return replace(unit, span=None)


__all__ = ["Runner", "Work"]
