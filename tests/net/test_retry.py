"""When a call is sent again, and after how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from evertape.clock import ManualClock
from evertape.errors import Denied, Malformed, SourceError, Throttled, Transient
from evertape.model.call import Call, Reply
from evertape.model.events import Event, Retrying, Waiting
from evertape.net.gate import CircuitOpen
from evertape.net.retry import Retry, RetryOptions
from tests.net.world import START, Answer, ScriptedTransport, call, reply


def sent(error: SourceError) -> SourceError:
    """An error as the gate raises it for one request that was sent."""
    error.requests = 1
    return error


async def outcome(
    script: list[Answer | Callable[[Call], Answer]], events: list[Event] | None = None, **options: float
) -> tuple[Reply | SourceError, list[float], int]:
    """What comes of a script, the waits told, and how often it was sent."""
    clock = ManualClock(START)
    below = ScriptedTransport(script)
    seen: list[Event] = events if events is not None else []
    retry = Retry(below, clock, seen.append, RetryOptions(**options))  # type: ignore[arg-type]
    task = asyncio.create_task(retry.send(call()))
    await clock.run_until_done(task)  # type: ignore[arg-type]
    waits = [e.wait for e in seen if isinstance(e, Retrying)]
    told = sum(e.seconds for e in seen if isinstance(e, Waiting))
    assert clock.instant() - 1000.0 == pytest.approx(sum(waits) + told)
    try:
        return await task, waits, len(below.calls)
    except SourceError as error:
        return error, waits, len(below.calls)


@pytest.mark.parametrize("_run", range(5))
async def test_transient_faults_are_retried_after_2_4_8_16_seconds(_run: int) -> None:
    error, waits, times = await outcome([sent(Transient("reset")) for _ in range(5)])
    assert isinstance(error, Transient)
    assert (error.requests, times) == (5, 5)
    for wait, middle in zip(waits, (2, 4, 8, 16), strict=True):
        assert 0.75 * middle <= wait <= 1.25 * middle


async def test_the_waits_are_spread() -> None:
    waits = {(await outcome([sent(Transient("reset")), reply(call())]))[1][0] for _ in range(20)}
    assert len(waits) > 10


async def test_the_base_and_the_number_of_retries_can_be_set() -> None:
    _, waits, times = await outcome([sent(Transient("reset")) for _ in range(3)], retries=2, base=0.1)
    assert times == 3
    assert 0.075 <= waits[0] <= 0.125
    assert 0.15 <= waits[1] <= 0.25


async def test_an_answer_counts_the_requests_it_took() -> None:
    answer, _, _ = await outcome([sent(Transient("a")), sent(Throttled("b")), reply(call())])
    assert isinstance(answer, Reply)
    assert answer.attempts == 3


async def test_retry_after_is_obeyed() -> None:
    _, waits, _ = await outcome([sent(Throttled("slow down", retry_after=30.0)), reply(call())])
    assert 30.0 <= waits[0] <= 37.5


async def test_a_retry_after_beyond_the_cap_gives_up_at_once() -> None:
    error, waits, times = await outcome([sent(Throttled("tomorrow", retry_after=61.0))])
    assert isinstance(error, Throttled)
    assert (waits, times, error.requests) == ([], 1, 1)


async def test_malformed_is_asked_once_more() -> None:
    error, waits, times = await outcome([sent(Malformed("html")) for _ in range(2)])
    assert isinstance(error, Malformed)
    assert (times, error.requests) == (2, 2)
    assert 1.5 <= waits[0] <= 2.5


async def test_denied_is_not_asked_again() -> None:
    error, waits, times = await outcome([Denied("no identity")])
    assert isinstance(error, Denied)
    assert (waits, times, error.requests) == ([], 1, 0)


async def test_an_open_circuit_is_waited_for_and_is_no_try() -> None:
    events: list[Event] = []
    script: list[Answer | Callable[[Call], Answer]] = [sent(Transient("down")) for _ in range(4)]
    script[2:2] = [CircuitOpen("left alone", 60.0, 0), CircuitOpen("left alone", 60.0, 1)]
    answer, waits, times = await outcome([*script, reply(call())], events)
    assert isinstance(answer, Reply)
    assert (answer.attempts, times, len(waits)) == (5, 7, 4)
    assert [e.seconds for e in events if isinstance(e, Waiting)] == [60.0, 60.0]


@pytest.mark.parametrize(("patience", "failed", "waits_for_it"), [(0, 0, False), (3, 2, True), (3, 3, False)])
async def test_patience_bounds_the_failed_probes_that_are_waited_out(
    patience: int, failed: int, waits_for_it: bool
) -> None:
    script: list[Answer | Callable[[Call], Answer]] = [CircuitOpen("left alone", 60.0, failed), reply(call())]
    answer, _, _ = await outcome(script, patience=patience)
    assert isinstance(answer, Reply) == waits_for_it


async def test_a_retry_is_told_with_its_reason() -> None:
    events: list[Event] = []
    await outcome([sent(Transient("the connection was dropped")), reply(call())], events)
    (told,) = events
    assert isinstance(told, Retrying)
    assert (told.source, told.url, told.attempt) == ("made-up", "https://example.org/x", 1)
    assert told.reason == "the connection was dropped"
