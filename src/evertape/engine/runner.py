"""Runs a plan as a job: leases items, sends calls, commits what the answers say. The only shell."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from evertape.clock import Clock
from evertape.errors import Busy, Denied, EvertapeError, Malformed, OverBudget, SourceError, StoreError
from evertape.model.call import Call, Reply, Transport
from evertape.model.dataset import Dataset
from evertape.model.events import Emit, ItemFailed, ItemSettled, ItemStarted, JobFinished, JobStarted
from evertape.model.feed import Feed, Page
from evertape.model.job import Item, ItemState, Job, JobState, Wish
from evertape.model.plan import Plan
from evertape.model.records import Condition, Record, Truth, table_of
from evertape.model.store import Commit, Store
from evertape.model.unit import Holding, Outcome

GRACE = 5.0
"""Seconds that requests on the wire are given once a job is asked to stop."""
BEAT = 0.5
"""Seconds between two heartbeats, which is also how soon a wish is noticed."""
PATIENCE = 30.0
"""Seconds for which a write is tried again while somebody else writes."""
_STATES = {
    Outcome.SETTLED: ItemState.DONE,
    Outcome.NOTHING: ItemState.NOTHING,
    Outcome.PENDING: ItemState.PENDING,
}


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a runner needs to know of the world.

    Attributes:
        datasets, feeds: by name.
        budget: bytes on the wire beyond which items stop as "over budget"; None for no bound.
    """

    store: Store
    transport: Transport
    datasets: Mapping[str, Dataset]
    feeds: Mapping[str, Feed]
    clock: Clock
    emit: Emit
    workers: int = 10
    budget: int | None = None


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
        self._queue.extend(due)
        self._work.emit(
            JobStarted(job_id=self._job.id, kind=self._job.kind, total=len(due), at=clock.real_now())
        )
        beat = asyncio.create_task(self._beat())
        workers = [
            asyncio.create_task(self._worker()) for _ in range(max(1, min(self._work.workers, len(due))))
        ]
        try:
            await self._finish(workers)
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
            wish = await asyncio.to_thread(self._work.store.beat, self._job.id, self._work.clock.real_now())
            if wish is Wish.CANCEL:
                self._cancelled = True
                self.stop()
            elif (wish is Wish.RUN) is not self._open.is_set():
                await self._rest(wish is Wish.PAUSE)
            await asyncio.sleep(BEAT)

    async def _rest(self, paused: bool) -> None:
        """Stop or start admitting, and say so in the ledger."""
        state = JobState.PAUSED if paused else JobState.RUNNING
        if paused:
            self._open.clear()
        else:
            self._open.set()
        now = self._work.clock.real_now()
        await asyncio.to_thread(self._work.store.set_job_state, self._job.id, state, now)

    async def _worker(self) -> None:
        while self._queue and not self._stop.is_set():
            await self._open.wait()
            if self._stop.is_set() or not self._queue:
                return
            item = self._queue.popleft()
            try:
                await self._item(item)
            except StoreError as error:
                self._fatal = self._fatal or error
                self.stop()
                return

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
            commit = await asyncio.to_thread(commit_of, self._work.datasets, call, pages, replies[-1])
            if replies[-1].origin == "archive":
                commit = await asyncio.to_thread(_keeping_coverage, self._work, commit)
            notes += complaints(self._work.datasets, commit, item.label)
            await self._settle(spent, commit, _outcome(pages), notes)
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
                return reply, await asyncio.to_thread(self._pages, reply)
            except Malformed as error:
                if last or reply.origin != "wire":
                    error.requests = sum(r.attempts for r in replies)
                    raise
        raise AssertionError("the second reading returns or raises")

    def _pages(self, reply: Reply) -> list[Page]:
        """What an answer says. Runs off the event loop."""
        units = reply.call.units
        held = self._work.store.holdings(units[0].dataset, [unit.key for unit in units]) if units else {}
        return list(self._work.feeds[reply.call.feed].read(reply, held))

    async def _settle(self, item: Item, commit: Commit, outcome: Outcome, notes: tuple[str, ...]) -> None:
        done = replace(item, state=_STATES[outcome], finished_at=self._work.clock.real_now())
        done = replace(done, stored=sum(batch.count for batch in commit.batches))
        self._notes.extend(notes)
        await _persist(lambda: self._work.store.commit(replace(commit, items=(done,))))
        self._work.emit(
            ItemSettled(
                position=item.position,
                label=item.label,
                dataset=item.dataset,
                outcome=outcome.value,
                stored=done.stored,
                fetched=done.fetched,
                requests=done.requests,
                notes=notes,
            )
        )

    async def _fail(self, item: Item, call: Call, error: SourceError) -> None:
        if isinstance(error, Denied):
            self._denied[call.source] = str(error)
        failed = replace(
            item,
            state=ItemState.FAILED,
            error_kind=error.kind,
            error=str(error),
            requests=item.requests + error.requests,
            finished_at=self._work.clock.real_now(),
        )
        await _write(self._work.store, failed)
        self._work.emit(
            ItemFailed(
                position=item.position,
                label=item.label,
                dataset=item.dataset,
                kind=error.kind,
                message=str(error),
                requests=failed.requests,
            )
        )


async def _write(store: Store, item: Item) -> None:
    await _persist(lambda: store.set_items([item]))


async def _persist(write: Callable[[], object]) -> None:
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


def commit_of(datasets: Mapping[str, Dataset], call: Call, pages: Sequence[Page], reply: Reply) -> Commit:
    """What the pages of a call make true together: rows, what derives from them, and coverage. Pure.

    Args:
        reply: the last one; its time is the commit's.
    """
    batches = [batch for page in pages for batch in page.batches]
    holdings = [holding for page in pages for holding in page.settled]
    replaced = [truth for page in pages for truth in page.replaced]
    parents = {unit.dataset for unit in call.units}
    for dataset in datasets.values():
        if dataset.derived and not dataset.on_request and dataset.derived.parent in parents and batches:
            children = dataset.derived.derive(batches, reply.at)
            batches.extend(children)
            replaced += [_whole(child.record, call) for child in children]
            holdings += [
                Holding(
                    unit=replace(unit, dataset=dataset.name, span=None),
                    outcome=Outcome.SETTLED,
                    checked_at=reply.at,
                    source=call.source,
                    version=dataset.derived.version,
                )
                for unit in call.units
            ]
    return Commit(
        at=reply.at,
        batches=batches,
        truths=[truth for page in pages for truth in page.truths],
        replaced=replaced,
        holdings=holdings,
    )


def complaints(datasets: Mapping[str, Dataset], commit: Commit, label: str) -> tuple[str, ...]:
    """What the datasets' own checks say of the rows, one sentence a table; the rows are kept."""
    found = []
    for dataset in datasets.values():
        for batch in commit.batches:
            if batch.record not in dataset.records:
                continue
            said = [text for row in batch.rows for text in dataset.check(batch.record, row)]
            if said:
                found.append(
                    f"{label}: {len(said)} doubtful rows of {table_of(batch.record).name}: {said[0]}"
                )
    return tuple(found)


def _whole(record: type[Record], call: Call) -> Truth:
    """All derived rows of the call's companies: what is not derived any more goes."""
    keys = tuple(int(unit.key) for unit in call.units)
    (name,) = table_of(record).key[:1]
    return Truth(record=record, where=(Condition(column=name, op="in", value=keys),))


def _outcome(pages: Sequence[Page]) -> Outcome:
    outcomes = [holding.outcome for page in pages for holding in page.settled]
    for outcome in (Outcome.PENDING, Outcome.SETTLED):
        if outcome in outcomes:
            return outcome
    return Outcome.NOTHING


__all__ = ["BEAT", "GRACE", "Runner", "Work", "commit_of", "items_of"]
