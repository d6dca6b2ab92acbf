"""The pure decisions: limits, circuit and pause from shared values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evertape.model.feed import Limit
from evertape.net.decision import (
    Breaker,
    Circuit,
    Go,
    Moment,
    Open,
    Pause,
    Snapshot,
    Wait,
    circuit_after,
    decide,
    opened_by_share,
    pause_after,
)

SECOND = Limit(count=10, seconds=1.0, page="")
MINUTE = Limit(count=5, seconds=60.0, page="")
NOW = Moment(instant=100.0, wall=1_000_000.0)


def snapshot(end: float | None = None, **more: object) -> Snapshot:
    given: dict[str, object] = {"limits": (SECOND,), "ends": (end,), "circuit": Circuit()}
    return Snapshot(**(given | more))  # type: ignore[arg-type]


@given(st.floats(min_value=90.0, max_value=100.0))
def test_a_request_goes_only_when_the_tenth_latest_permit_ended_a_window_ago(end: float) -> None:
    decision = decide(snapshot(end), Breaker(), NOW)
    if isinstance(decision, Go):
        assert 100.0 - end >= 1.0
    else:
        assert isinstance(decision, Wait)
        assert 0.0 < decision.seconds <= decision.left <= 1.001 + 1e-9
        later = Moment(instant=100.0 + decision.left + 1e-9, wall=NOW.wall)
        assert isinstance(decide(snapshot(end), Breaker(), later), Go)


def test_permits_on_the_wire_are_waited_for() -> None:
    decision = decide(snapshot(float("inf")), Breaker(), NOW)
    assert isinstance(decision, Wait)
    assert 0.05 <= decision.seconds <= 0.25


def test_of_several_limits_the_slowest_holds() -> None:
    state = snapshot(limits=(SECOND, MINUTE), ends=(None, NOW.wall - 20.0))
    decision = decide(state, Breaker(), NOW)
    assert isinstance(decision, Wait)
    assert 40.0 <= decision.left <= 40.01
    assert decision.reason == "at most 5 requests in 60 s"


def test_the_circuit_is_obeyed_before_the_pause_and_the_pause_before_the_limits() -> None:
    opened = Circuit(state="open", since=NOW.wall - 10.0)
    pause = Pause(written=NOW.wall - 1.0, until=NOW.wall + 599.0, reason="too fast")
    first = decide(snapshot(99.9, circuit=opened, pause=pause), Breaker(), NOW)
    assert isinstance(first, Open)
    assert first.seconds == 50.0
    second = decide(snapshot(99.9, pause=pause), Breaker(), NOW)
    assert isinstance(second, Wait)
    assert (second.left, second.reason) == (599.0, "too fast")


def test_rows_of_a_clock_that_was_set_back_are_not_obeyed() -> None:
    future = NOW.wall + 1e8
    state = snapshot(
        circuit=Circuit(state="open", since=future),
        pause=Pause(written=future, until=future + 600, reason=""),
    )
    assert decide(state, Breaker(), NOW) == Go(probe=True)


def test_a_probe_goes_after_the_rest_and_nobody_beside_it() -> None:
    rested = Circuit(state="open", since=NOW.wall - 60.0)
    assert decide(snapshot(circuit=rested), Breaker(), NOW) == Go(probe=True)
    probing = Circuit(state="probing", since=NOW.wall - 1.0)
    assert isinstance(decide(snapshot(circuit=probing), Breaker(), NOW), Open)
    assert decide(snapshot(circuit=probing, probe_lost=True), Breaker(), NOW) == Go(probe=True)


@given(st.lists(st.sampled_from(["ok", "down", "refused", "unknown"]), max_size=80))
def test_the_circuit_opens_exactly_on_twenty_failures_in_a_row(results: list[str]) -> None:
    circuit, in_a_row = Circuit(), 0
    for result in results:
        circuit = circuit_after(circuit, Breaker(), result, probe=False, now=5.0)  # type: ignore[arg-type]
        in_a_row = {"ok": 0, "unknown": in_a_row}.get(result, in_a_row + 1)
        if circuit.state == "open":
            assert in_a_row == 20
            return
    assert in_a_row < 20


def test_only_the_probe_moves_a_circuit_that_is_not_closed() -> None:
    probing = Circuit(state="probing", failures=20, since=5.0, failed_probes=1)
    assert circuit_after(probing, Breaker(), "ok", probe=False, now=9.0) == probing
    assert circuit_after(probing, Breaker(), "ok", probe=True, now=9.0) == Circuit()
    assert circuit_after(probing, Breaker(), "refused", probe=True, now=9.0) == Circuit()
    again = circuit_after(probing, Breaker(), "down", probe=True, now=9.0)
    assert (again.state, again.since, again.failed_probes) == ("open", 9.0, 2)
    lost = circuit_after(probing, Breaker(), "unknown", probe=True, now=9.0)
    assert (lost.state, lost.since, lost.failed_probes) == ("open", -51.0, 1)


def test_the_error_share_is_off_unless_set_and_needs_enough_attempts() -> None:
    assert opened_by_share(Breaker(), 1000, 999, 5.0) is None
    tenth = Breaker(error_share=0.1)
    assert opened_by_share(tenth, 49, 49, 5.0) is None
    assert opened_by_share(tenth, 50, 5, 5.0) is None
    opened = opened_by_share(tenth, 50, 6, 5.0)
    assert opened is not None
    assert opened.state == "open"
    assert opened.reason == "6 of 50 requests failed in 300 s"


def test_a_refusal_of_an_earlier_request_does_not_extend_a_pause() -> None:
    standing = Pause(written=100.0, until=700.0, reason="first")
    asked = Pause(written=101.0, until=701.0, reason="second")
    assert pause_after(standing, asked, sent=99.0) is None
    assert pause_after(standing, asked, sent=100.5) == asked
    assert pause_after(None, asked, sent=99.0) == asked
