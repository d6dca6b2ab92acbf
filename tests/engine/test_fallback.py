"""What one feed leaves goes to the next: in order, once each, and to nobody twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from evertape.clock import ManualClock
from evertape.engine import passing
from evertape.engine.ledger import items_of
from evertape.engine.runner import Runner, Work
from evertape.errors import Denied, Malformed, SourceError, Transient, Unavailable
from evertape.model.call import Call, Reply
from evertape.model.dataset import Dataset
from evertape.model.events import Event
from evertape.model.feed import Backoff, Feed, Page
from evertape.model.job import Item, ItemState, Job, JobState, Wish, new_job_id, this_owner
from evertape.model.plan import Cost, Plan, Step
from evertape.model.records import Batch, Record, column
from evertape.model.unit import Holding, Outcome, Span, Standing, Unit
from evertape.stores.sqlite import SqliteStore

NOW = datetime(2026, 7, 10, 21, tzinfo=UTC)
FEEDS = ("first.quotes", "second.quotes", "third.quotes")
Says = Callable[[], SourceError | None]


class Quoted(Record):
    """A made-up quote."""

    table = "quoted"
    key = ("symbol",)

    symbol: str = column("made up")
    source: str = column("who answered")


def ask(feed: str) -> Callable[[Sequence[Standing]], Sequence[Call]]:
    """One call a unit."""

    def asking(standings: Sequence[Standing]) -> Sequence[Call]:
        return [
            Call(
                source=feed.partition(".")[0],
                feed=feed,
                url=f"https://{feed}/{s.unit.key}",
                units=(s.unit,),
                label=s.label,
            )
            for s in standings
            if s.unit
        ]

    return asking


def read(reply: Reply, _held: Mapping[str, Holding]) -> Iterator[Page]:
    """A body "a b" quotes a and b; an empty one says that none is known."""
    known = reply.body.decode().split()
    rows = [(unit.key, reply.call.source) for unit in reply.call.units if unit.key in known]
    settled = [
        Holding(unit=unit, outcome=Outcome.SETTLED, checked_at=reply.at, source=reply.call.source)
        for unit in reply.call.units
        if unit.key in known
    ]
    yield Page(batches=(Batch(record=Quoted, rows=rows),), settled=tuple(settled))


DATASET = Dataset(
    name="quoted",
    doc="made up",
    records=(Quoted,),
    due=lambda _evidence, _asked, _now: (),
    absence=Backoff(first=timedelta(days=1), most=timedelta(days=30), strikes=9),
)


def feed_of(name: str, *, ordered: bool = False, partial: bool = True) -> Feed:
    return Feed(
        name=name,
        source=name.partition(".")[0],
        dataset="quoted",
        ask=ask(name),
        read=read,
        size=10,
        ordered=ordered,
        partial=partial,
    )


@dataclass
class Scripted:
    """Answers by feed and key; what a feed is not told to say it does not know."""

    clock: ManualClock
    says: Mapping[str, Mapping[str, str | SourceError | list[str | SourceError]]]
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    refuse: Callable[[Call], SourceError | None] = lambda _call: None

    async def send(self, call: Call) -> Reply:
        key = call.units[0].key
        self.asked.append((call.feed, key, call.patient))
        told = self.says.get(call.feed, {}).get(key, "")
        if isinstance(told, list):
            told = told.pop(0) if len(told) > 1 else told[0]
        if isinstance(told, SourceError):
            raise told
        body = told.encode()
        return Reply(call=call, status=200, headers={}, body=body, wire=len(body), at=self.clock.now())

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class World:
    """A store, a job over keys, and what became of it."""

    store: SqliteStore
    transport: Scripted
    events: list[Event] = field(default_factory=list)

    async def run(
        self,
        keys: Sequence[str],
        feeds: Sequence[Feed] = tuple(map(feed_of, FEEDS)),
        *,
        calls: Iterable[Call] | None = None,
        workers: int = 4,
    ) -> tuple[JobState, Mapping[str, Item]]:
        standings = [
            Standing(dataset="quoted", key=key, label=key, level="missing", unit=Unit("quoted", key))  # type: ignore[arg-type]
            for key in keys
        ]
        made = tuple(feeds[0].ask(standings) if calls is None else calls)
        step = Step(feed=feeds[0].name, dataset="quoted", calls=made, cost=Cost(), reason="made up")
        plan = Plan(target="quoted", steps=(step,)).sealed()
        job = Job(
            id=new_job_id(),
            kind="refresh",
            target="quoted",
            state=JobState.RUNNING,
            wish=Wish.RUN,
            owner=this_owner(),
            created_at=NOW,
            heartbeat_at=NOW,
            plan=plan.to_json(),
        )
        self.store.create_job(job, items_of(job.id, plan), lambda _job: False)
        work = Work(
            store=self.store,
            transport=self.transport,
            datasets={"quoted": DATASET},
            feeds={feed.name: feed for feed in feeds},
            others={"quoted": feeds},
            clock=self.transport.clock,
            emit=self.events.append,
            workers=workers,
        )
        state = await Runner(work, job, plan).run()
        return state, {item.key: item for item in self.store.items(job.id)}

    def rows(self) -> dict[str, str]:
        """Who answered for each symbol."""
        return dict(self.store.read(Quoted))

    def to(self, feed: str) -> list[str]:
        """Keys that a feed was asked for, in the order asked."""
        return [key for name, key, _ in self.transport.asked if name == feed]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    stores: list[SqliteStore] = []

    def made(**says: Mapping[str, str | SourceError | list[str | SourceError]]) -> World:
        store = SqliteStore(tmp_path / f"{len(stores)}.db")
        store.migrate([Quoted])
        stores.append(store)
        told = {f"{name}.quotes": answers for name, answers in says.items()}
        return World(store, Scripted(ManualClock(NOW), told))

    yield made
    for store in stores:
        store.close()


async def test_what_the_first_does_not_know_the_second_answers_and_nobody_asks_a_third(
    world: Callable[..., World],
) -> None:
    told = world(first={"A": "A"}, second={"B": "B"})
    state, items = await told.run(["A", "B"])
    assert state is JobState.DONE
    assert told.rows() == {"A": "first", "B": "second"}
    assert told.to("third.quotes") == []
    assert {key: (item.state, item.feed, item.stored) for key, item in items.items()} == {
        "A": (ItemState.DONE, "first.quotes", 1),
        "B": (ItemState.DONE, "second.quotes", 1),
    }
    assert items["B"].requests == 2


@pytest.mark.parametrize(
    "error", [Transient("reset"), Unavailable("open"), Denied("no key"), Malformed("not JSON")]
)
async def test_a_feed_that_fails_is_followed_by_the_next(
    world: Callable[..., World], error: SourceError
) -> None:
    told = world(first={"A": error}, second={"A": "A"})
    state, items = await told.run(["A"])
    assert (state, told.rows()) == (JobState.DONE, {"A": "second"})
    assert items["A"].error is None


async def test_what_nobody_knows_is_known_to_be_unknown_and_looked_for_later(
    world: Callable[..., World],
) -> None:
    told = world()
    state, items = await told.run(["A"])
    assert (state, items["A"].state) == (JobState.DONE, ItemState.PENDING)
    held = told.store.holdings("quoted")["A"]
    assert held.outcome is Outcome.PENDING
    assert held.not_before == NOW + timedelta(days=1)
    assert held.note == "unknown to first.quotes, second.quotes, third.quotes"
    assert held.source == "first second third"
    _, items = await told.run(["A"])
    again = told.store.holdings("quoted")["A"]
    assert (again.strikes, again.not_before) == (2, NOW + timedelta(days=2))


async def test_where_one_failed_and_nobody_else_knows_it_the_item_fails_and_names_who_failed(
    world: Callable[..., World],
) -> None:
    told = world(second={"A": Malformed("cut off")})
    state, items = await told.run(["A"])
    assert (state, items["A"].state) == (JobState.FAILED, ItemState.FAILED)
    assert items["A"].error == "second.quotes: cut off"
    assert told.store.holdings("quoted") == {}


async def test_an_open_circuit_is_left_for_the_others_and_waited_for_only_at_the_end(
    world: Callable[..., World],
) -> None:
    told = world(first={"A": [Unavailable("open"), "A"]})
    state, items = await told.run(["A"])
    assert (state, told.rows()) == (JobState.DONE, {"A": "first"})
    assert told.transport.asked == [
        ("first.quotes", "A", False),
        ("second.quotes", "A", False),
        ("third.quotes", "A", True),
        ("first.quotes", "A", True),
    ]
    assert items["A"].feed == "first.quotes"


async def test_a_denied_source_is_not_asked_for_the_next_items(world: Callable[..., World]) -> None:
    told = world(first={key: Denied("no key") for key in "ABC"}, second={key: key for key in "ABC"})
    state, _ = await told.run(["A", "B", "C"], workers=1)
    assert (state, set(told.rows().values())) == (JobState.DONE, {"second"})
    assert len(told.to("first.quotes")) < 3 or set(told.to("second.quotes")) == set("ABC")


async def test_what_is_not_asked_of_a_denied_source_names_its_own_address(
    world: Callable[..., World],
) -> None:
    told = world(first={key: Denied(f"refused (https://first.quotes/{key})") for key in "AB"})
    _, items = await told.run(["A", "B"], [feed_of(FEEDS[0])], workers=1)
    assert told.to("first.quotes") == ["A"]
    assert items["A"].error == "first.quotes: refused (https://first.quotes/A)"
    assert items["B"].error == "first.quotes: refused (https://first.quotes/B, not asked again)"
    told = world(first={key: Denied("KEY is not set; set it (or another)") for key in "AB"})
    _, items = await told.run(["A", "B"], [feed_of(FEEDS[0])], workers=1)
    assert items["B"].error == "first.quotes: KEY is not set; set it (or another)"


async def test_of_a_call_for_many_only_what_is_left_is_asked_elsewhere(world: Callable[..., World]) -> None:
    told = world(first={"A": "A C"}, second={"B": "B"}, third={"D": "D"})
    units = tuple(Unit("quoted", key) for key in "ABCD")
    one = Call(source="first", feed="first.quotes", url="https://first/all", units=units)
    state, items = await told.run([], calls=[one])
    assert state is JobState.DONE
    assert told.rows() == {"A": "first", "B": "second", "C": "first", "D": "third"}
    assert (told.to("second.quotes"), told.to("third.quotes")) == (["B", "D"], ["D"])
    assert items["A"].stored == 4


async def test_a_call_that_leaves_more_than_was_confirmed_asks_nobody(world: Callable[..., World]) -> None:
    told = world(first={"0": "0"})
    units = tuple(Unit("quoted", str(n)) for n in range(200))
    one = Call(source="first", feed="first.quotes", url="https://first/all", units=units)
    state, items = await told.run([], calls=[one])
    assert (state, told.to("second.quotes")) == (JobState.DONE, [])
    assert items["0"].state is ItemState.PENDING
    assert told.rows() == {"0": "first"}
    held = told.store.holdings("quoted")
    assert {held[str(n)].source for n in range(1, 200)} == {"first"}
    assert {held[str(n)].outcome for n in range(1, 200)} == {Outcome.PENDING}


async def test_a_feed_that_answers_everything_itself_is_followed_by_nobody(
    world: Callable[..., World],
) -> None:
    told = world(first={"A": Transient("reset")}, second={"A": "A"})
    feeds = [feed_of(FEEDS[0], partial=False), feed_of(FEEDS[1])]
    state, items = await told.run(["A"], feeds)
    assert (state, items["A"].error, told.to("second.quotes")) == (JobState.FAILED, "reset", [])


async def test_few_failed_items_are_tried_once_more_at_the_end(world: Callable[..., World]) -> None:
    told = world(first={"A": [Transient("reset"), "A"]})
    state, items = await told.run(["A"], [feed_of(FEEDS[0])])
    assert (state, told.rows(), items["A"].attempt) == (JobState.DONE, {"A": "first"}, 2)
    told = world(first={str(n): [Transient("reset"), str(n)] for n in range(60)})
    state, items = await told.run([str(n) for n in range(60)], [feed_of(FEEDS[0])])
    assert (state, {item.attempt for item in items.values()}) == (JobState.FAILED, {1})


async def test_days_of_an_ordered_feed_are_asked_one_by_one_and_none_after_one_that_failed(
    world: Callable[..., World],
) -> None:
    told = world(first={"1": "1", "2": Malformed("cut off"), "3": "3"})
    feeds = [feed_of(FEEDS[0], ordered=True)]
    days = [Unit("quoted", key, Span(date(2026, 7, 1), date(2026, 7, int(key)))) for key in "123"]
    calls = [
        Call(source="first", feed="first.quotes", url=f"https://first/{unit.key}", units=(unit,))
        for unit in days
    ]
    state, items = await told.run([], feeds, calls=calls)
    assert (state, told.rows()) == (JobState.FAILED, {"1": "first"})
    assert told.to("first.quotes") == ["1", "2"]
    assert "an earlier one of its step failed" in (items["3"].error or "")


def days_of(*keys: str, days: int = 3) -> list[Call]:
    """A call a day for all keys, as an ordered feed asks."""
    return [
        Call(
            source="first",
            feed="first.quotes",
            url=f"https://first/{day}",
            units=tuple(Unit("quoted", key, Span(date(2026, 7, day), date(2026, 7, day))) for key in keys),
        )
        for day in range(1, days + 1)
    ]


ORDERED = (feed_of(FEEDS[0], ordered=True), feed_of(FEEDS[1]))


async def test_what_an_ordered_feed_left_is_out_of_its_later_days_and_the_others_go_on(
    world: Callable[..., World],
) -> None:
    told = world(first={"A": "A B"}, second={key: Denied(f"no ({key})") for key in "XYZ"})
    state, _ = await told.run([], ORDERED, calls=days_of(*"ABXYZ"), workers=3)
    assert (state, told.rows()) == (JobState.FAILED, {"A": "first", "B": "first"})
    assert (told.to("first.quotes"), told.to("second.quotes")) == (["A", "A", "A"], ["X"])
    (job,) = told.store.jobs()
    items = told.store.items(job.id)
    assert [item.state for item in items] == [ItemState.FAILED] * 3
    assert [item.stored for item in items] == [2, 2, 2]
    assert items[0].error == "3 of 5 stay due; second.quotes: no (X)"
    assert {item.error for item in items[1:]} == {
        "3 of 5 stay due, since what was to come before failed for them"
    }
    assert told.store.holdings("quoted")["A"].unit.span == Span(date(2026, 7, 3), date(2026, 7, 3))


async def test_the_second_pass_of_an_ordered_feed_asks_for_what_is_left_alone(
    world: Callable[..., World],
) -> None:
    told = world(first={"A": "A B"}, second={"X": [Transient("429"), "X"]})
    state, _ = await told.run([], ORDERED, calls=days_of(*"ABX"))
    assert (state, told.rows()) == (JobState.DONE, {"A": "first", "B": "first", "X": "second"})
    assert (told.to("first.quotes"), told.to("second.quotes")) == ([*"AAAXXX"], [*"XXXX"])
    told = world(first={"A": "A B"}, second={key: Transient(f"429 ({key})") for key in "XY"})
    state, _ = await told.run([], ORDERED, calls=days_of(*"ABXY"))
    assert (state, told.to("first.quotes")) == (JobState.FAILED, [*"AAAX"])
    assert told.to("second.quotes") == [*"XYXY"]
    (job,) = told.store.jobs()
    assert [item.error for item in told.store.items(job.id)] == [
        "2 of 4 stay due; second.quotes: 429 (X) (and 1 more)",
        *["2 of 4 stay due, since what was to come before failed for them"] * 2,
    ]


async def test_days_after_one_that_nobody_knew_a_listing_on_settle_the_others(
    world: Callable[..., World],
) -> None:
    """What is unknown is no failure, also beside what an earlier day left."""
    told = world(first={"A": "A B"}, second={"X": Denied("no")})
    state, _ = await told.run([], [ORDERED[0]], calls=days_of(*"ABX"))
    assert (state, told.to("first.quotes")) == (JobState.DONE, [*"AAA"])
    assert told.store.holdings("quoted")["X"].outcome is Outcome.PENDING


def test_a_job_is_tried_again_without_the_days_that_it_settled() -> None:
    calls = tuple(days_of(*"AX"))
    plan = Plan(
        target="quoted",
        steps=(Step(feed="first.quotes", dataset="quoted", calls=calls, cost=Cost(), reason=""),),
    )
    held = {
        "A": Holding(
            unit=Unit("quoted", "A", Span(date(2026, 6, 1), date(2026, 7, 2))),
            outcome=Outcome.SETTLED,
            checked_at=NOW,
            source="first",
        )
    }
    feeds = {feed.name: feed for feed in ORDERED}
    left = passing.still_due(plan, feeds, held, NOW)
    assert [[unit.key for unit in call.units] for call in left.steps[0].calls] == [["X"], ["X"], [*"AX"]]
    later = passing.still_due(plan, feeds, held, NOW + timedelta(seconds=1))
    assert later.steps == plan.steps
    (step,) = passing.through_next(left, lambda _dataset: ORDERED).steps
    asked = {unit.key: unit.span for call in step.calls for unit in call.units}
    assert (step.feed, len(step.calls)) == ("second.quotes", 2)
    assert asked == {
        "X": Span(date(2026, 7, 1), date(2026, 7, 3)),
        "A": Span(date(2026, 7, 3), date(2026, 7, 3)),
    }


async def test_the_ledger_and_the_rows_agree_whatever_is_said(world: Callable[..., World]) -> None:
    keys = [str(n) for n in range(40)]
    told = world(
        first={k: k for k in keys if int(k) % 3 == 0},
        second={k: Transient("reset") if int(k) % 2 else k for k in keys},
        third={k: k for k in keys if int(k) % 5},
    )
    _, items = await told.run(keys)
    rows = told.rows()
    for key, item in items.items():
        assert (item.state is ItemState.DONE) == (key in rows), item
        assert item.stored == (key in rows)
    assert {key for key, item in items.items() if item.state is ItemState.FAILED} == {"5", "25", "35"}
    assert asyncio.all_tasks() == {asyncio.current_task()}


def whole_days(name: str, requests: int) -> Feed:
    """A feed that needs so many requests for anything."""

    def asking(standings: Sequence[Standing]) -> Sequence[Call]:
        return [replace(call, expected=requests) for call in ask(name)(standings)]

    return replace(feed_of(name), ask=asking)


async def test_of_a_source_the_feed_with_fewest_requests_is_asked_and_no_other_of_it(
    world: Callable[..., World],
) -> None:
    """One that answers for the whole market by days takes as many requests for one listing as for all."""
    feeds = (feed_of("first.quotes"), whole_days("second.days", 500), whole_days("second.quotes", 3))
    told = world(second={"A": "A"})
    _, items = await told.run(["A", "B"], feeds)
    assert (told.to("second.days"), sorted(told.to("second.quotes"))) == ([], ["A", "B"])
    assert told.rows() == {"A": "second"}
    assert items["B"].state is ItemState.PENDING


async def test_what_is_unknown_on_many_days_of_a_job_is_one_strike(world: Callable[..., World]) -> None:
    told = world()
    days = [Span(date(2026, 7, n), date(2026, 7, n)) for n in range(1, 10)]
    calls = [
        Call(source="first", feed="first.quotes", url=f"https://first/{n}", units=(Unit("quoted", "A", day),))
        for n, day in enumerate(days)
    ]
    await told.run([], calls=calls, workers=1)
    held = told.store.holdings("quoted")["A"]
    assert (held.strikes, held.not_before) == (1, NOW + timedelta(days=1))


def test_a_wait_is_doubled_up_to_the_most_however_many_strikes() -> None:
    waits = [DATASET.absence.not_before(NOW, n) - NOW for n in (1, 2, 6, 31, 1000)] if DATASET.absence else []
    assert waits == [timedelta(days=days) for days in (1, 2, 30, 30, 30)]


def standing_in(name: str) -> Callable[[Call, Sequence[Unit]], Sequence[Call]]:
    """A call a unit of another feed."""

    def rest(_call: Call, left: Sequence[Unit]) -> Sequence[Call]:
        source = name.partition(".")[0]
        return [
            Call(source=source, feed=name, url=f"https://{name}/{unit.key}", units=(unit,)) for unit in left
        ]

    return rest


MANY = replace(feed_of("first.many"), rest=standing_in("first.quotes"))
TWO_WAYS = (MANY, feed_of("first.quotes"), feed_of("second.quotes"))


def batches(*keys: str) -> list[Call]:
    return [
        Call(
            source="first",
            feed=MANY.name,
            url="https://first/many",
            units=tuple(Unit("quoted", k) for k in key),
        )
        for key in keys
    ]


async def test_what_a_feed_leaves_its_own_source_is_asked_for_in_another_way_before_others(
    world: Callable[..., World],
) -> None:
    told = world(first={"B": "B"}, second={"D": "D"})
    told.transport.says = {**told.transport.says, "first.many": {"A": "A C"}}
    state, items = await told.run([], TWO_WAYS, calls=batches("ABCD"))
    assert (state, items["A"].state) == (JobState.DONE, ItemState.DONE)
    assert told.rows() == {"A": "first", "B": "first", "C": "first", "D": "second"}
    assert (told.to("first.quotes"), told.to("second.quotes")) == (["B", "D"], ["D"])
    assert (items["A"].stored, items["A"].requests) == (4, 4)


@pytest.mark.parametrize("error", [Transient("busy"), Unavailable("open"), Denied("no crumb")])
async def test_a_feed_that_cannot_be_asked_is_stood_in_for_and_one_call_finds_that_out(
    world: Callable[..., World], error: SourceError
) -> None:
    told = world(first={key: key for key in "ABCDEF"})
    told.transport.says = {**told.transport.says, "first.many": {"A": error, "C": error, "E": error}}
    state, items = await told.run([], TWO_WAYS, calls=batches("AB", "CD", "EF"))
    assert (state, {item.state for item in items.values()}) == (JobState.DONE, {ItemState.DONE})
    assert set(told.rows().values()) == {"first"}
    assert len(told.to("first.many")) == 1
    assert (sorted(told.to("first.quotes")), told.to("second.quotes")) == ([*"ABCDEF"], [])


async def test_an_answer_that_cannot_be_read_concerns_its_own_units_alone(
    world: Callable[..., World],
) -> None:
    told = world(first={"A": "A", "B": "B"})
    told.transport.says = {**told.transport.says, "first.many": {"A": Malformed("cut"), "C": "C D"}}
    state, _ = await told.run([], TWO_WAYS, calls=batches("AB", "CD"), workers=1)
    assert (state, set(told.rows())) == (JobState.DONE, {*"ABCD"})
    assert (told.to("first.many"), sorted(told.to("first.quotes"))) == (["A", "C"], ["A", "B"])


async def test_one_that_fails_in_both_ways_fails_by_itself_and_what_is_unknown_is_known_to_be(
    world: Callable[..., World],
) -> None:
    told = world(first={"A": Malformed("cut off"), "B": "B"})
    told.transport.says = {**told.transport.says, "first.many": {"A": "C"}}
    state, items = await told.run([], TWO_WAYS, calls=batches("ABC"))
    assert (state, items["A"].error) == (JobState.FAILED, "1 of 3 stay due; first.quotes: cut off")
    assert told.rows() == {"B": "first", "C": "first"}
    told = world()
    told.transport.says = {**told.transport.says, "first.many": {"A": Denied("no crumb")}}
    state, items = await told.run([], TWO_WAYS, calls=batches("A"))
    assert (state, items["A"].state) == (JobState.DONE, ItemState.PENDING)
