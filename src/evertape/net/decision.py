"""Whether a request may go now: pure, from what all processes of this user have written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evertape.model.feed import Limit

MARGIN = 0.001
"""Seconds a permit stays out beyond the limit's window, for the clocks' resolution."""
POLL = 0.2
"""Seconds between looks at the shared file while permits are on the wire."""
LONG = 60.0
"""Windows of this many seconds and more count in UTC, so that they survive a reboot."""
CLOCK_STEP = 60.0
"""A row written further in the future than this comes from a clock that was set back."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One instant on both clocks, in seconds: `instant` since boot, `wall` since 1970 in UTC."""

    instant: float
    wall: float


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """When a circuit opens and when it may be tried again.

    Attributes:
        failures: failed attempts in a row that open it.
        rest: seconds it stays open before one probe.
        error_share: share of failed attempts within `window` seconds that opens it, judged from
            `least` attempts on; None switches this rule off.
    """

    failures: int = 20
    rest: float = 60.0
    error_share: float | None = None
    window: float = 300.0
    least: int = 50


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """A source's circuit as shared.

    Attributes:
        failures: failed attempts in a row. since: UTC seconds of the last opening or probe.
        failed_probes: probes in a row that failed.
    """

    state: Literal["closed", "open", "probing"] = "closed"
    failures: int = 0
    since: float = 0.0
    failed_probes: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A source is left alone until `until`; both in UTC seconds."""

    written: float
    until: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What is shared about one source.

    Attributes:
        ends: for each limit the end of its `count`-th latest permit (response headers arrived),
            on the limit's clock: None where there are fewer, infinity while that permit is on
            the wire.
        probe_lost: the owner of the running probe is dead.
    """

    limits: Sequence[Limit]
    ends: Sequence[float | None]
    circuit: Circuit
    pause: Pause | None = None
    probe_lost: bool = False


@dataclass(frozen=True, kw_only=True)
class Go:
    """Send now. A `probe` decides for everybody."""

    probe: bool = False


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Look again after `seconds`; `left` is the whole wait as far as it is known."""

    seconds: float
    reason: str
    left: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Open:
    """Nothing is sent; the circuit may be tried after `seconds`."""

    seconds: float
    reason: str
    failed_probes: int


Decision = Go | Wait | Open
Result = Literal["ok", "refused", "down", "unknown"]
"""What an attempt tells of its source. "refused": it asks for patience and names no pause for everybody."""


def decide(state: Snapshot, breaker: Breaker, now: Moment) -> Decision:
    """Circuit, then pause, then limits: the first that objects is obeyed."""
    circuit = state.circuit
    if circuit.state != "closed" and circuit.since <= now.wall + CLOCK_STEP:
        left = circuit.since + breaker.rest - now.wall
        if circuit.state == "open" and left > 0:
            return Open(seconds=left, reason=circuit.reason, failed_probes=circuit.failed_probes)
        if circuit.state == "probing" and not state.probe_lost:
            return Open(seconds=1.0, reason=circuit.reason, failed_probes=circuit.failed_probes)
    pause = state.pause
    if pause and pause.until > now.wall and pause.written <= now.wall + CLOCK_STEP:
        left = pause.until - now.wall
        return Wait(seconds=min(left, 10.0), left=left, reason=pause.reason)
    waits = [_until_free(*pair, now) for pair in zip(state.limits, state.ends, strict=True)]
    longest = max(waits, default=Wait(seconds=0.0, reason=""), key=lambda wait: wait.seconds)
    if longest.seconds > 0:
        return longest
    return Go(probe=circuit.state != "closed")


def _until_free(limit: Limit, end: float | None, now: Moment) -> Wait:
    """Exact: permits still on the wire cannot come back before the earliest that has ended."""
    reason = f"at most {limit.count} requests in {limit.seconds:g} s"
    if end is None:
        return Wait(seconds=0.0, reason=reason)
    if end == float("inf"):
        return Wait(seconds=POLL, left=POLL, reason=reason)
    clock = now.wall if limit.seconds >= LONG else now.instant
    left = max(0.0, end + limit.seconds + MARGIN - clock)
    return Wait(seconds=min(left, 1.0), left=left, reason=reason)


def circuit_after(circuit: Circuit, breaker: Breaker, result: Result, *, probe: bool, now: float) -> Circuit:
    """The circuit after an attempt.

    Refusals open it as failures do where so many come in a row; a probe that is refused has been answered.
    Only the probe moves a circuit that is not closed: the fate of a request sent before it opened
    says nothing. A probe of unknown fate (cancelled) leaves the place to the next one.
    """
    if circuit.state != "closed":
        if not probe:
            return circuit
        if result in ("ok", "refused"):
            return Circuit()
        if result == "down":
            return replace(circuit, state="open", since=now, failed_probes=circuit.failed_probes + 1)
        return replace(circuit, state="open", since=now - breaker.rest)
    if result == "ok":
        return replace(circuit, failures=0) if circuit.failures else circuit
    if result == "unknown":
        return circuit
    failures = circuit.failures + 1
    if failures < breaker.failures:
        return replace(circuit, failures=failures)
    what = "failed" if result == "down" else "failed or were refused"
    return Circuit(state="open", failures=failures, since=now, reason=f"{failures} requests {what} in a row")


def opened_by_share(breaker: Breaker, attempts: int, failed: int, now: float) -> Circuit | None:
    """The open circuit where too large a share of the attempts in the window failed."""
    if breaker.error_share is None or attempts < breaker.least or failed <= breaker.error_share * attempts:
        return None
    reason = f"{failed} of {attempts} requests failed in {breaker.window:g} s"
    return Circuit(state="open", since=now, reason=reason)


def pause_after(pause: Pause | None, asked: Pause, sent: float) -> Pause | None:
    """The pause to write after a refusal of a request sent at `sent` (UTC seconds); None to keep.

    A refusal of a request sent before the pause was written is that same pause.
    """
    if pause and sent <= pause.written <= asked.written:
        return None
    return asked if pause is None or asked.until > pause.until else replace(asked, until=pause.until)
