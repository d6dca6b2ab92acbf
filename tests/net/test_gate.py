"""The gate on a manual clock: several gates on one file stand for several processes."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from evertape.clock import ManualClock
from evertape.errors import Malformed, SchemaMismatch, StoreError, Throttled, Transient
from evertape.model.call import Call, Reply
from evertape.model.events import CircuitMoved, Event, Waiting
from evertape.model.feed import Limit
from evertape.net.decision import Breaker
from evertape.net.gate import CircuitOpen, Gate
from evertape.net.shared import SharedState
from tests.net.world import PAGE, START, Answer, ScriptedWire, call, gate_on, most_within, reply, source


async def run(clock: ManualClock, gates: Sequence[Gate], each: int) -> list[Reply | BaseException]:
    """Send `each` calls at once through every gate; the results in the order asked."""
    tasks = asyncio.gather(
        *(gate.send(call(str(n))) for n in range(each) for gate in gates), return_exceptions=True
    )
    await clock.run_until_done(tasks)  # type: ignore[arg-type]
    return await tasks


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_two_processes_never_exceed_ten_in_any_second_and_reach_nine(tmp_path: Path, seed: int) -> None:
    clock, chance = ManualClock(START), random.Random(seed)
    wires = [ScriptedWire(clock, before=lambda _n: chance.uniform(0.0, 0.15), after=0.002) for _ in range(2)]
    gates = [gate_on(wire, clock, tmp_path / "gate.db") for wire in wires]
    began = clock.instant()
    await run(clock, gates, 100)
    arrivals = wires[0].arrivals + wires[1].arrivals
    assert len(arrivals) == 200
    assert most_within(arrivals) <= 10
    assert (200 - 10) / (max(arrivals) - began) >= 9.0


async def test_slow_and_failing_answers_keep_the_rate(tmp_path: Path) -> None:
    clock, chance = ManualClock(START), random.Random(4)

    def answer(asked: Call, number: int) -> Answer:
        return Transient("reset") if number % 3 == 0 else reply(asked)

    wire = ScriptedWire(clock, answer=answer, before=lambda _n: chance.choice([0.0, 0.4, 2.0]))
    await run(clock, [gate_on(wire, clock, tmp_path / "gate.db")], 120)
    assert len(wire.arrivals) == 120
    assert most_within(wire.arrivals) <= 10


async def test_calls_of_one_process_go_in_the_order_they_came(tmp_path: Path) -> None:
    clock, order = ManualClock(START), list[str]()

    def answer(asked: Call, _number: int) -> Answer:
        order.append(asked.url.rsplit("/", 1)[1])
        return reply(asked)

    await run(clock, [gate_on(ScriptedWire(clock, answer=answer), clock, tmp_path / "gate.db")], 25)
    assert order == [str(n) for n in range(25)]


async def test_one_refusal_page_pauses_both_processes_once_for_exactly_ten_minutes(tmp_path: Path) -> None:
    clock, events = ManualClock(START), list[Event]()

    def answer(asked: Call, number: int) -> Answer:
        return reply(asked, PAGE, 403) if number < 3 else reply(asked)

    # Ten requests leave at once; three come back refused, at different instants.
    wires = [
        ScriptedWire(clock, answer=answer, before=lambda n: 0.1 * n if n < 3 else 0.0),
        ScriptedWire(clock),
    ]
    gates = [
        gate_on(wires[0], clock, tmp_path / "gate.db", events=events),
        gate_on(wires[1], clock, tmp_path / "gate.db", events=events),
    ]
    began = clock.instant()
    results = await run(clock, gates, 15)
    refused = [r for r in results if isinstance(r, BaseException)]
    assert [type(r) for r in refused] == [Throttled] * 3
    assert str(refused[0]) == "too fast (https://example.org/0)"
    # Permit at 0, 20 ms to the answer, 50 ms for its body: written 70 ms after the start.
    late = [at - began for at in wires[0].arrivals + wires[1].arrivals if at - began > 5]
    assert len(late) == 20
    assert min(late) == pytest.approx(600.07, abs=0.001)
    waits = [e for e in events if isinstance(e, Waiting)]
    assert waits[0].seconds == pytest.approx(600.0, abs=1.1)
    assert waits[0].reason == "too fast"
    assert 100 <= len(waits) <= 122
    assert sorted((round(e.seconds) for e in waits), reverse=True) == [round(e.seconds) for e in waits]


async def test_a_page_for_a_request_sent_after_the_pause_starts_another(tmp_path: Path) -> None:
    clock = ManualClock(START)

    def answer(asked: Call, number: int) -> Answer:
        return reply(asked, PAGE, 403) if number in (0, 1) else reply(asked)

    wire = ScriptedWire(clock, answer=answer)
    gate = gate_on(wire, clock, tmp_path / "gate.db", source(Limit(count=1, seconds=1.0, page="")))
    began = clock.instant()
    await run(clock, [gate], 3)
    assert [at - began for at in wire.arrivals] == pytest.approx([0.0, 600.07, 1200.14], abs=0.01)


async def test_at_half_open_one_of_fifty_waiters_probes(tmp_path: Path) -> None:
    clock, events = ManualClock(START), list[Event]()

    def answer(asked: Call, number: int) -> Answer:
        return Transient("no connection") if number < 21 else reply(asked)

    wire = ScriptedWire(clock, answer=answer, after=0.2)
    gates = [gate_on(wire, clock, tmp_path / "gate.db", events=events) for _ in range(2)]
    first = await run(clock, gates, 20)
    opened = [r for r in first if isinstance(r, CircuitOpen)]
    sent = [r for r in first if type(r) is Transient]
    assert (len(sent), len(opened)) == (20, 20)
    assert {error.requests for error in sent} == {1}
    assert {error.requests for error in opened} == {0}
    assert str(opened[0]).startswith("made-up is left alone for 60 s: 20 requests failed in a row")
    await clock.advance(60.0)
    for expected, probe in ((21, Transient), (22, Reply)):
        results = await run(clock, gates, 25)
        assert wire.sent == expected
        assert len([r for r in results if isinstance(r, CircuitOpen)]) == 49
        assert [type(r) for r in results if not isinstance(r, CircuitOpen)] == [probe]
        await clock.advance(60.0)
    states = [e.state for e in events if isinstance(e, CircuitMoved)]
    assert states == ["open", "probing", "open", "probing", "closed"]


async def test_a_cancelled_probe_leaves_its_place_to_the_next(tmp_path: Path) -> None:
    clock = ManualClock(START)
    failing = ScriptedWire(clock, answer=lambda _call, _number: Transient("down"))
    breaker = Breaker(failures=2)
    await run(clock, [gate_on(failing, clock, tmp_path / "gate.db", breaker=breaker)], 2)
    await clock.advance(60.0)
    gate = gate_on(ScriptedWire(clock, after=5.0), clock, tmp_path / "gate.db", breaker=breaker)
    probe = asyncio.create_task(gate.send(call()))
    await clock.advance(1.0)
    with pytest.raises(CircuitOpen):
        await gate.send(call())
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    (after,) = await run(clock, [gate], 1)
    assert isinstance(after, Reply)


@pytest.mark.parametrize(
    ("answers", "opens"),
    [
        ([Transient("reset")] * 5, True),
        ([(500, b"")] * 5, True),
        ([(429, b"")] * 5, True),
        ([(403, PAGE)] * 5, False),
        ([(401, b"")] * 5, False),
        ([(200, b"<html>")] * 5, False),
        ([Malformed("redirect")] * 5, False),
        ([Transient("reset")] * 4 + [(200, b"{}")] + [Transient("reset")] * 4, False),
    ],
)
async def test_only_a_source_that_is_down_or_keeps_refusing_opens_the_circuit(
    tmp_path: Path, answers: list[Transient | Malformed | tuple[int, bytes]], opens: bool
) -> None:
    clock = ManualClock(START)

    def answer(asked: Call, number: int) -> Answer:
        given = answers[number]
        return reply(asked, given[1], given[0]) if isinstance(given, tuple) else type(given)(str(given))

    wire = ScriptedWire(clock, answer=answer)
    gate = gate_on(wire, clock, tmp_path / "gate.db", breaker=Breaker(failures=5))
    for _ in answers:
        await run(clock, [gate], 1)
    wire.answer = lambda asked, _number: reply(asked)
    (last,) = await run(clock, [gate], 1)
    assert isinstance(last, CircuitOpen) == opens


async def test_the_error_share_opens_a_circuit_where_it_is_set(tmp_path: Path) -> None:
    clock = ManualClock(START)

    def answer(asked: Call, number: int) -> Answer:
        return Transient("reset") if number % 3 == 0 else reply(asked)

    wire = ScriptedWire(clock, answer=answer)
    strict = gate_on(wire, clock, tmp_path / "gate.db", breaker=Breaker(error_share=0.1))
    results = await run(clock, [strict], 80)
    assert any(isinstance(r, CircuitOpen) for r in results)
    flaky = gate_on(ScriptedWire(clock, answer=answer), clock, tmp_path / "other.db")
    assert not any(isinstance(r, CircuitOpen) for r in await run(clock, [flaky], 80))


async def test_a_window_of_a_minute_survives_a_crash_and_a_reboot(tmp_path: Path) -> None:
    minute = source(Limit(count=5, seconds=60.0, page=""))
    before = ManualClock(START)
    wire = ScriptedWire(before)
    await run(before, [gate_on(wire, before, tmp_path / "gate.db", minute)], 5)
    # The process dies without closing anything; the machine boots, the stopwatch starts anew.
    after = ManualClock(before.now(), instant=3.0)
    again = ScriptedWire(after)
    gate = gate_on(again, after, tmp_path / "gate.db", minute)
    await run(after, [gate], 1)
    waited = again.arrivals[0] - 3.0 + (before.instant() - wire.arrivals[0])
    assert waited == pytest.approx(60.02, abs=0.01)


async def test_a_sandbox_has_its_own_budget_and_a_rate_stays_under_the_ceiling(tmp_path: Path) -> None:
    clock = ManualClock(START)
    real, sandbox, slow, fast = (ScriptedWire(clock) for _ in range(4))
    path = tmp_path / "gate.db"
    both = [gate_on(real, clock, path), gate_on(sandbox, clock, path, reroute="http://127.0.0.1:80")]
    await run(clock, both, 10)
    assert set(real.arrivals + sandbox.arrivals) == {1000.0}
    await clock.advance(5.0)
    await run(clock, [gate_on(slow, clock, path, rates={"made-up": 3})], 9)
    assert most_within(slow.arrivals) == 3
    await clock.advance(5.0)
    await run(clock, [gate_on(fast, clock, path, rates={"made-up": 50})], 25)
    assert most_within(fast.arrivals) == 10


async def test_cancelled_calls_give_their_permits_back(tmp_path: Path) -> None:
    clock = ManualClock(START)
    stuck = ScriptedWire(clock, after=100.0)
    gate = gate_on(stuck, clock, tmp_path / "gate.db")
    tasks = [asyncio.create_task(gate.send(call())) for _ in range(15)]
    await clock.advance(2.0)
    assert stuck.sent == 10
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    began = clock.instant()
    wire = ScriptedWire(clock)
    await run(clock, [gate_on(wire, clock, tmp_path / "gate.db")], 10)
    assert len(wire.arrivals) == 10
    assert wire.arrivals[0] - began == pytest.approx(1.001, abs=0.001)


async def on_wire_of(path: Path, clock: ManualClock, change: str) -> float:
    """Seconds until the next request goes, once ten on the wire have had their owner changed."""
    gate = gate_on(ScriptedWire(clock, after=1000.0), clock, path)
    tasks = [asyncio.create_task(gate.send(call())) for _ in range(10)]
    await clock.advance(0.5)
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE permits SET {change}")
    db.close()
    began, wire = clock.instant(), ScriptedWire(clock)
    await run(clock, [gate_on(wire, clock, path)], 1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return wire.arrivals[0] - began


async def test_permits_nobody_will_end_come_back(tmp_path: Path) -> None:
    dead = await on_wire_of(tmp_path / "dead.db", ManualClock(START), "pid = 4194999")
    assert dead == pytest.approx(1.2, abs=0.21)
    reused = await on_wire_of(tmp_path / "reused.db", ManualClock(START), "started = 1")
    assert reused == pytest.approx(1.2, abs=0.21)
    assert await on_wire_of(tmp_path / "boot.db", ManualClock(START), "boot = 'another'") == 0.0
    living = await on_wire_of(tmp_path / "living.db", ManualClock(START), "boot = boot")
    assert living == pytest.approx(120.0 - 0.5 + 1.001, abs=0.3)


async def test_a_dead_owners_probe_leaves_its_place(tmp_path: Path) -> None:
    clock = ManualClock(START)
    breaker = Breaker(failures=1)
    failing = ScriptedWire(clock, answer=lambda _call, _number: Transient("down"))
    await run(clock, [gate_on(failing, clock, tmp_path / "gate.db", breaker=breaker)], 1)
    await clock.advance(60.0)
    gate = gate_on(ScriptedWire(clock, after=50.0), clock, tmp_path / "gate.db", breaker=breaker)
    probe = asyncio.create_task(gate.send(call()))
    await clock.advance(1.0)
    with sqlite3.connect(tmp_path / "gate.db") as db:
        db.execute("UPDATE permits SET pid = 4194999")
    db.close()
    other = gate_on(ScriptedWire(clock, after=100.0), clock, tmp_path / "gate.db", breaker=breaker)
    (answer,) = await run(clock, [other], 1)
    assert isinstance(answer, Reply)
    assert (await probe).status == 200


async def test_a_file_that_another_process_writes_is_waited_for(tmp_path: Path) -> None:
    clock = ManualClock(START)
    wire = ScriptedWire(clock)
    gate = gate_on(wire, clock, tmp_path / "gate.db")
    await run(clock, [gate], 1)
    other = sqlite3.connect(tmp_path / "gate.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(gate.send(call()))
    await clock.advance(0.03)
    assert wire.sent == 1
    other.execute("COMMIT")
    other.close()
    await clock.run_until_done(task)  # type: ignore[arg-type]
    assert (await task).status == 200


@pytest.mark.parametrize(
    ("status", "body", "state"), [(429, b"{}", "open"), (401, b"{}", "closed"), (200, b"{}", "closed")]
)
async def test_refusals_are_counted_apart_and_twenty_in_a_row_that_name_no_pause_open_the_circuit(
    tmp_path: Path, status: int, body: bytes, state: str
) -> None:
    clock, events = ManualClock(START), list[Event]()
    wire = ScriptedWire(clock, answer=lambda asked, _n: reply(asked, body, status))
    gate = gate_on(
        wire, clock, tmp_path / "gate.db", events=events, breaker=Breaker(error_share=0.1, least=1)
    )
    await run(clock, [gate], 30)
    await gate.close()
    shared = SharedState(tmp_path / "gate.db")
    health = shared.health("made-up", source().limits, clock.real_now().timestamp())
    shared.close()
    assert health.circuit.state == state
    refused = health.attempts if status != 200 else 0
    assert (health.failed, health.refused) == (0, refused)
    assert (health.answered_at is None) == bool(refused)
    if state == "open":
        assert 20 <= wire.sent < 30
        assert health.circuit.reason == "20 requests failed or were refused in a row"
    else:
        assert wire.sent == 30


async def test_a_refusal_that_names_a_pause_is_counted_and_opens_nothing(tmp_path: Path) -> None:
    clock = ManualClock(START)
    wire = ScriptedWire(clock, answer=lambda asked, _n: reply(asked, PAGE, 403))
    gate = gate_on(wire, clock, tmp_path / "gate.db")
    await run(clock, [gate], 25)
    await gate.close()
    shared = SharedState(tmp_path / "gate.db")
    health = shared.health("made-up", source().limits, clock.real_now().timestamp())
    shared.close()
    assert (wire.sent, health.circuit.state, health.failed) == (25, "closed", 0)
    assert health.refused == health.attempts > 0


async def test_a_file_without_refusals_gets_them(tmp_path: Path) -> None:
    clock, path = ManualClock(START), tmp_path / "gate.db"
    gate = gate_on(ScriptedWire(clock), clock, path)
    await run(clock, [gate], 3)
    await gate.close()
    with sqlite3.connect(path) as db:
        db.executescript("DROP TABLE refusals; PRAGMA user_version = 2;")
    db.close()
    shared = SharedState(path)
    health = shared.health("made-up", source().limits, clock.real_now().timestamp())
    shared.close()
    assert (health.attempts, health.refused) == (3, 0)


async def test_the_file_is_the_users_alone_and_faults_name_it(tmp_path: Path) -> None:
    clock = ManualClock(START)
    path = tmp_path / "state" / "gate.db"
    gate = gate_on(ScriptedWire(clock), clock, path)
    await run(clock, [gate], 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await gate.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(SchemaMismatch, match=r"gate\.db was written by a newer evertape"):
        await gate_on(ScriptedWire(clock), clock, path).send(call())
    path.write_bytes(b"not a database, but long enough to be looked at as one" * 10)
    with pytest.raises(StoreError, match=r"gate\.db cannot be used"):
        await gate_on(ScriptedWire(clock), clock, path).send(call())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="EVERTAPE_STATE"):
        await gate_on(ScriptedWire(clock), clock, tmp_path / "file" / "gate.db").send(call())
