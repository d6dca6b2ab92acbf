"""Works items off: asks a feed, then others for what it leaves, and commits what the answers say."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace

from evertape.clock import Clock
from evertape.engine import passing
from evertape.engine.ledger import persist, tell, write
from evertape.engine.settling import commit_of, complaints, outcome_of, rows_beside, settled
from evertape.errors import Denied, Malformed, OverBudget, SourceError, Unavailable
from evertape.model.call import Call, Reply, Transport
from evertape.model.crew import Crew, Settled
from evertape.model.dataset import Dataset
from evertape.model.events import Emit, ItemStarted
from evertape.model.feed import Feed, Page
from evertape.model.job import Item, ItemState
from evertape.model.store import Commit, Store
from evertape.model.unit import Outcome, Unit


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a runner needs to know of the world.

    Attributes:
        datasets, feeds: by name.
        others: by dataset the feeds that may be asked for what one leaves, the preferred first.
        budget: bytes on the wire beyond which items stop as "over budget"; None for no bound.
        crew: processes that work off the calls they take; the others are worked off here.
    """

    store: Store
    transport: Transport
    datasets: Mapping[str, Dataset]
    feeds: Mapping[str, Feed]
    clock: Clock
    emit: Emit
    others: Mapping[str, Sequence[Feed]] = field(default_factory=dict)
    workers: int = 10
    budget: int | None = None
    crew: Crew | None = None


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a failed item leaves.

    Attributes:
        units: of its call, those that are not settled; the others are, with their rows.
        answered: whether the feed of its call answered, so that others failed at what it left.
    """

    units: Sequence[Unit]
    answered: bool


@dataclass
class _Course:
    """One item's way through the feeds: who was asked, what was spent, what came of it.

    `tried` feeds have answered or failed; `shut` ones were left alone for their open circuit, and are
    asked once more, with patience, when nobody else is left. `sources` were asked through one of their
    feeds: another of them would say the same, and may cost many times as much. `left` units are not settled;
    the `skipped` are not asked for, and fail the item once the others are through; it has units `of` all
    kinds.
    """

    item: Item
    of: int
    left: Sequence[Unit]
    skipped: Sequence[Unit] = ()
    answered: set[str] = field(default_factory=set)
    tried: list[str] = field(default_factory=list)
    shut: list[str] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)
    errors: list[tuple[str, SourceError]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def forgive(self, feed: str, instead: Call) -> None:
        """Note what a feed failed at in place of failing for it: its own source is asked in another way."""
        for name, error in self.errors:
            if name == feed:
                self.notes += (f"{self.item.label}: {instead.feed} was asked, since {name} failed: {error}",)
        self.errors = [(name, error) for name, error in self.errors if name != feed]
        self.shut = [name for name in self.shut if name != feed]

    def charge(self, requests: int, fetched: int) -> None:
        """Put what was sent and received on the item."""
        item = self.item
        self.item = replace(item, requests=item.requests + requests, fetched=item.fetched + fetched)


class _Trials:
    """Of the feeds that another of their source stands in for: who has answered, who cannot be asked.

    Where one fails for all, as without a session, only one call pays for finding that out.
    """

    def __init__(self) -> None:
        self.given_up: set[str] = set()
        self._proven: set[str] = set()
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def turn(self, feed: Feed) -> AbstractAsyncContextManager[None]:
        """Held while a call of a feed is on its way that has not answered any yet."""
        return nullcontext() if feed.rest is None or feed.name in self._proven else self._turns[feed.name]

    def note(self, feed: Feed, errors: Sequence[tuple[str, SourceError]]) -> None:
        """What came of a call; an answer that cannot be read says nothing about the next."""
        if feed.rest is not None and not errors:
            self._proven.add(feed.name)
        elif feed.rest is not None and not isinstance(errors[0][1], Malformed):
            self.given_up.add(feed.name)


class Fetching:
    """Fetches for a runner. What its answers note goes to `notes`, in the order they come."""

    def __init__(self, work: Work, notes: list[str]) -> None:
        self._work = work
        self._notes = notes
        self._denied: dict[str, str] = {}
        self._unknown: set[tuple[str, str]] = set()
        self._fetched = 0
        self._trials = _Trials()
        self._slots = asyncio.Semaphore(work.workers)

    async def work_off(
        self, item: Item, call: Call, *, skipped: Sequence[Unit] = (), of: int | None = None
    ) -> Left | None:
        """Lease an item and settle it, or fail it; returns what a failed one leaves.

        Args:
            skipped: further units of the item, left since one before it did not settle them: it fails.
            of: how many units the item has, where some of them are settled already.
        """
        now = self._work.clock.real_now()
        leased = replace(item, state=ItemState.LEASED, attempt=item.attempt + 1, started_at=now)
        course = _Course(leased, of or len(call.units), left=call.units, skipped=skipped)
        await write(self._work.store, course.item)
        self._work.emit(ItemStarted(position=item.position, label=item.label))
        try:
            await self._along(course, call)
        except SourceError as error:
            course.charge(error.requests, error.fetched)
            await self._fail(course.item, error)
            return Left(units=(*course.left, *skipped), answered=call.feed in course.answered)
        except asyncio.CancelledError:
            self._work.store.set_items([replace(course.item, state=ItemState.DUE)])
            raise
        return None

    async def leave(self, item: Item, error: SourceError) -> None:
        """Fail an item that is not asked for, because of what became of one before it."""
        await self._fail(replace(item, started_at=self._work.clock.real_now()), error)

    async def _along(self, course: _Course, call: Call) -> None:
        """Ask the call's feed, then the others for what it leaves, until nothing is left or nobody is."""
        calls: Sequence[Call] = (call,)
        left: list[Unit] = []
        while calls:
            left = []
            for number, one in enumerate(calls, 1):
                closing = number == len(calls) and not left and not course.skipped
                left += await self._ask(course, one, closing=closing)
            course.left = left
            if not left and course.skipped:
                raise passing.skipped(len(course.skipped), course.of)
            if not left:
                return
            if calls[0] is call and (calls := self._rest(course, call, left)):
                continue
            # What nobody knew a moment ago, on another day of the same job, nobody knows now.
            asked = [unit for unit in left if (unit.dataset, unit.key) not in self._unknown]
            calls = self._elsewhere(course, call, asked) if asked else ()
        await self._nobody(course, call, left)

    def _rest(self, course: _Course, call: Call, left: Sequence[Unit]) -> Sequence[Call]:
        """The calls by which the call's own source is asked in another way; none where it has none."""
        rest = self._work.feeds[call.feed].rest
        calls = rest(call, left) if rest is not None else ()
        if calls:
            course.forgive(call.feed, calls[0])
        return calls

    def _others(self, course: _Course, call: Call) -> list[Feed]:
        """Feeds that were not tried, those whose circuit was found open last."""
        feeds = self._work.others.get(course.item.dataset, ())
        asked = {*course.sources, call.source}
        untried = [feed for feed in feeds if feed.name not in course.tried and feed.source not in asked]
        return sorted(untried, key=lambda feed: feed.name in course.shut)

    def _elsewhere(self, course: _Course, call: Call, left: Sequence[Unit]) -> Sequence[Call]:
        """The calls by which the next feed is asked for units; none where there is no other feed."""
        if len(left) > passing.MOST:
            return ()
        again = [self._work.feeds[name] for name in course.shut if name not in course.tried]
        candidates = [*self._others(course, call), *again]
        for feed in candidates:
            if feed.name in course.tried:
                continue
            calls = passing.fewest(feed.source, candidates, left)
            if calls:
                return calls
            course.tried.append(feed.name)
        return ()

    async def _ask(self, course: _Course, call: Call, *, closing: bool) -> Sequence[Unit]:
        """Send a call and commit what it settles; returns the units that it leaves to other feeds.

        Raises:
            SourceError: no other feed may be asked.
        """
        feed = self._work.feeds[call.feed]
        async with self._trials.turn(feed):
            if feed.name in self._trials.given_up:
                return call.units
            before = len(course.errors)
            left = await self._tried(course, feed, call, closing=closing)
            self._trials.note(feed, course.errors[before:])
            return left

    async def _tried(self, course: _Course, feed: Feed, call: Call, *, closing: bool) -> Sequence[Unit]:
        """See `_ask`."""
        course.sources.add(feed.source)
        patient = all(other.name in course.shut for other in self._others(course, call))
        try:
            self._admit(call)
            left = await self._fetch(course, replace(call, patient=patient), closing=closing)
        except SourceError as error:
            if isinstance(error, Denied):
                self._denied[call.feed] = str(error)
            if not passing.may_pass(feed, call, error):
                raise
            course.charge(error.requests, error.fetched)
            error.requests = error.fetched = 0
            course.errors.append((feed.name, error))
            first_time = isinstance(error, Unavailable) and feed.name not in course.shut
            (course.shut if first_time else course.tried).append(feed.name)
            return call.units
        course.answered.add(feed.name)
        if left:
            course.tried.append(feed.name)
        return left

    async def _nobody(self, course: _Course, call: Call, left: Sequence[Unit]) -> None:
        """What no feed settles: failed where one of them failed, otherwise known to be unknown.

        Raises:
            SourceError: the last one, naming every feed that failed.
        """
        dataset = self._work.datasets[course.item.dataset]
        if course.errors or dataset.absence is None:
            raise passing.together(course.errors, left, course.of)
        if len(left) > passing.MOST:
            said = (
                f"{len(left)} are unknown to {call.source}; what is due of them goes elsewhere the next time"
            )
            course.notes += (f"{course.item.label}: {said}",)
        now = self._work.clock.now()
        keys = [unit.key for unit in left]
        held = await asyncio.to_thread(self._work.store.holdings, dataset.name, keys)
        absent = passing.absent(left, dataset.absence, held, now, course.tried, self._unknown)
        commit = Commit(at=now, holdings=absent)
        self._unknown.update((unit.dataset, unit.key) for unit in left)
        course.outcomes.append(Outcome.PENDING)
        if course.skipped:
            await persist(lambda: self._work.store.commit(commit))
            course.left = ()
            raise passing.skipped(len(course.skipped), course.of)
        await self._close(course, commit)

    def _admit(self, call: Call) -> None:
        if call.feed in self._denied:
            raise passing.not_asked(call, self._denied[call.feed])
        if self._work.budget is not None and self._fetched > self._work.budget:
            raise OverBudget(
                f"{self._fetched / 1e6:.1f} MB were fetched, far beyond the plan; check again for a new plan"
            )

    async def _fetch(self, course: _Course, call: Call, *, closing: bool) -> Sequence[Unit]:
        """Send a call and the calls that its answers ask for; commit when the last is read."""
        tree, pages = deque([call]), []
        replies: list[Reply] = []
        while tree:
            read = await self._read(replace(tree.popleft(), patient=call.patient), replies)
            pages += read
            tree.extend(child for page in read for child in page.calls)
        course.charge(sum(r.attempts for r in replies), sum(r.wire for r in replies))
        kept = replies[-1].origin == "archive"
        partial = self._work.feeds[call.feed].partial and not kept
        left = passing.unsettled(call, pages) if partial else ()
        course.notes += tuple(n for p in pages for n in p.notes)
        course.item = replace(course.item, feed=call.feed)
        try:
            async with self._slots:
                commit = await asyncio.to_thread(_commit, self._work, call, pages, replies[-1])
                if kept:
                    commit = await asyncio.to_thread(_keeping_coverage, self._work, commit)
                course.notes += complaints(self._work.datasets, commit, course.item.label)
                course.outcomes.append(outcome_of(pages))
                if closing and not left:
                    await self._close(course, commit)
                elif commit.batches or commit.holdings:
                    await persist(lambda: self._work.store.commit(commit))
                    stored = course.item.stored + sum(batch.count for batch in commit.batches)
                    course.item = replace(course.item, stored=stored)
        except ValueError as error:
            raise Malformed(f"{call.url} holds a value that does not fit its column: {error}") from error
        return left

    async def _read(self, call: Call, replies: list[Reply]) -> list[Page]:
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
                async with self._slots:
                    return await asyncio.to_thread(_pages, self._work, reply)
            except Malformed as error:
                if last or reply.origin != "wire":
                    error.requests = sum(r.attempts for r in replies)
                    raise
        raise AssertionError("the second reading returns or raises")

    async def _close(self, course: _Course, commit: Commit) -> None:
        """Commit the last of an item's rows together with the item."""
        outcome = passing.outcome(course.outcomes)
        done = settled(course.item, outcome, commit, self._work.clock.real_now())
        done = replace(done, stored=done.stored + course.item.stored)
        course.notes += passing.misread(course.item.label, course.errors)
        self._notes.extend(course.notes)
        await persist(lambda: self._work.store.commit(replace(commit, items=(done,))))
        tell(self._work.emit, Settled(item=done, notes=course.notes))

    async def _fail(self, item: Item, error: SourceError) -> None:
        failed = replace(
            item,
            state=ItemState.FAILED,
            error_kind=error.kind,
            error=str(error),
            finished_at=self._work.clock.real_now(),
        )
        await write(self._work.store, failed)
        tell(self._work.emit, Settled(item=failed))


def _pages(work: Work, reply: Reply) -> list[Page]:
    """What an answer says. Runs off the event loop."""
    units = reply.call.units
    held = work.store.holdings(units[0].dataset, [unit.key for unit in units]) if units else {}
    return list(work.feeds[reply.call.feed].read(reply, held))


def _commit(work: Work, call: Call, pages: Sequence[Page], reply: Reply) -> Commit:
    """What the pages make true. Runs off the event loop."""
    units = call.units if any(page.batches for page in pages) else ()
    return commit_of(work.datasets, call, pages, reply, rows_beside(work.store, work.datasets, units))


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
