"""Runs a plan as a job: leases items, sends calls, commits what the answers say. The only shell."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from evertape.clock import Clock
from evertape.engine.settling import commit_of, complaints, event_of, outcome_of, rows_beside, settled, stages
from evertape.errors import (
    Busy,
    Denied,
    EvertapeError,
    Malformed,
    OverBudget,
    SourceError,
    StoreError,
    UserError,
)
from evertape.model.call import Call, Reply, Transport
from evertape.model.crew import Crew, Settled
from evertape.model.dataset import Dataset
from evertape.model.events import Emit, ItemStarted, JobFinished, JobStarted, WorkersSeen
from evertape.model.feed import Feed, Page
from evertape.model.job import Item, ItemState, Job, JobState, Wish
from evertape.model.plan import Plan
from evertape.model.store import Commit, Store
from evertape.model.unit import Outcome

GRACE = 5.0
"""Seconds that requests on the wire are given once a job is asked to stop."""
BEAT = 0.5
"""Seconds between two heartbeats, which is also how soon a wish is noticed."""
PATIENCE = 30.0
"""Seconds for which a write is tried again while somebody else writes."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a runner needs to know of the world.

    Attributes:
        datasets, feeds: by name.
        budget: bytes on the wire beyond which items stop as "over budget"; None for no bound.
        crew: processes that work off the calls they take; the others are worked off here.
    """

    store: Store
    transport: Transport
    datasets: Mapping[str, Dataset]
    feeds: Mapping[str, Feed]
    clock: Clock
    emit: Emit
    workers: int = 10
    budget: int | None = None
    crew: Crew | None = None


def items_of(job_id: str, plan: Plan) -> list[Item]:
    """One item a call, in the plan's order."""
    items: list[Item] = []
    for number, step in enumerate(plan.steps):
        for call in step.calls:
            key = call.units[0].key if call.units else call.url
            items.append(
                Item(
                    job_id=job_id,
                    position=len(items),
                    step=number,
                    dataset=step.dataset,
                    key=key,
                    label=call.label or key,
                    feed=step.feed,
                )
            )
    return items


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
        self._denied: dict[str, str] = {}
        self._fetched = 0
        self._fatal: EvertapeError | None = None
        self._notes: list[str] = []
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
                width = max(1, min(self._work.workers, len(part)))
                await self._finish([asyncio.create_task(self._worker()) for _ in range(width)])
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
                    self._work.emit(event_of(settled))
        finally:
            if open_:
                _give_back(self._work.store, self._job.id, open_)

    async def _item(self, item: Item) -> None:
        call = self._calls[item.position]
        item = replace(
            item, state=ItemState.LEASED, attempt=item.attempt + 1, started_at=self._work.clock.real_now()
        )
        await _write(self._work.store, item)
        self._work.emit(ItemStarted(position=item.position, label=item.label))
        try:
            self._admit(call)
            await self._fetch(item, call)
        except SourceError as error:
            await self._fail(item, call, error)
        except asyncio.CancelledError:
            self._work.store.set_items([replace(item, state=ItemState.DUE)])
            raise

    def _admit(self, call: Call) -> None:
        if call.source in self._denied:
            raise Denied(self._denied[call.source])
        if self._work.budget is not None and self._fetched > self._work.budget:
            raise OverBudget(
                f"{self._fetched / 1e6:.1f} MB were fetched, far beyond the plan; check again for a new plan"
            )

    async def _fetch(self, item: Item, call: Call) -> None:
        """Send a call and the calls that its answers ask for; commit when the last is read."""
        tree, pages = deque([call]), []
        replies: list[Reply] = []
        while tree:
            _reply, read = await self._read(tree.popleft(), replies)
            pages += read
            tree.extend(child for page in read for child in page.calls)
        spent = replace(
            item,
            requests=item.requests + sum(r.attempts for r in replies),
            fetched=item.fetched + sum(r.wire for r in replies),
        )
        notes = tuple(n for p in pages for n in p.notes)
        try:
            commit = await asyncio.to_thread(_commit, self._work, call, pages, replies[-1])
            if replies[-1].origin == "archive":
                commit = await asyncio.to_thread(_keeping_coverage, self._work, commit)
            notes += complaints(self._work.datasets, commit, item.label)
            await self._settle(spent, commit, outcome_of(pages), notes)
        except ValueError as error:
            malformed = Malformed(f"{call.url} holds a value that does not fit its column: {error}")
            malformed.requests = spent.requests
            raise malformed from error

    async def _read(self, call: Call, replies: list[Reply]) -> tuple[Reply, list[Page]]:
        """Send and read; an answer that cannot be read is asked for once more."""
        for last in (False, True):
            try:
                reply = await self._work.transport.send(call)
            except SourceError as error:
                error.requests += sum(r.attempts for r in replies)
                raise
            replies.append(reply)
            self._fetched += reply.wire
            try:
                return reply, await asyncio.to_thread(_pages, self._work, reply)
            except Malformed as error:
                if last or reply.origin != "wire":
                    error.requests = sum(r.attempts for r in replies)
                    raise
        raise AssertionError("the second reading returns or raises")

    async def _settle(self, item: Item, commit: Commit, outcome: Outcome, notes: tuple[str, ...]) -> None:
        done = settled(item, outcome, commit, self._work.clock.real_now())
        self._notes.extend(notes)
        await persist(lambda: self._work.store.commit(replace(commit, items=(done,))))
        self._work.emit(event_of(Settled(item=done, notes=notes)))

    async def _fail(self, item: Item, call: Call, error: SourceError) -> None:
        if isinstance(error, Denied):
            self._denied[call.source] = str(error)
        failed = replace(
            item,
            state=ItemState.FAILED,
            error_kind=error.kind,
            error=str(error),
            requests=item.requests + error.requests,
            fetched=item.fetched + error.fetched,
            finished_at=self._work.clock.real_now(),
        )
        await _write(self._work.store, failed)
        self._work.emit(event_of(Settled(item=failed)))


def _pages(work: Work, reply: Reply) -> list[Page]:
    """What an answer says. Runs off the event loop."""
    units = reply.call.units
    held = work.store.holdings(units[0].dataset, [unit.key for unit in units]) if units else {}
    return list(work.feeds[reply.call.feed].read(reply, held))


def _commit(work: Work, call: Call, pages: Sequence[Page], reply: Reply) -> Commit:
    """What the pages make true. Runs off the event loop."""
    units = call.units if any(page.batches for page in pages) else ()
    return commit_of(work.datasets, call, pages, reply, rows_beside(work.store, work.datasets, units))


def _give_back(store: Store, job_id: str, positions: Collection[int]) -> None:
    """What is still leased is due; a process may have settled some of it and not been heard."""
    # Where the database is busy they stay leased, which is due to whoever resumes the job.
    with contextlib.suppress(Busy):
        leased = store.items(job_id, states=(ItemState.LEASED,))
        due = [replace(item, state=ItemState.DUE) for item in leased if item.position in positions]
        store.set_items(due)


async def _write(store: Store, item: Item) -> None:
    await persist(lambda: store.set_items([item]))


async def persist(write: Callable[[], object]) -> None:
    """Write off the loop; a busy database is tried again for half a minute."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            await asyncio.shield(asyncio.to_thread(write))
            return
        except Busy:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)


def _keeping_coverage(work: Work, commit: Commit) -> Commit:
    """An old answer read again says nothing new about what is covered."""
    held = {
        (h.unit.dataset, h.unit.key)
        for name in {h.unit.dataset for h in commit.holdings}
        if work.datasets[name].derived is None
        for h in work.store.holdings(name).values()
    }
    new = [h for h in commit.holdings if (h.unit.dataset, h.unit.key) not in held]
    return replace(commit, holdings=new)
