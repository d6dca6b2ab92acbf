"""Limits, the shared pause and the circuit, decided together before each request."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from evertape.clock import Clock
from evertape.errors import Denied, Malformed, SourceError, Throttled, Transient, Unavailable
from evertape.model.call import Call, Reply
from evertape.model.events import CircuitMoved, Emit, Sent, Waiting
from evertape.model.feed import Limit, Refusal, Source
from evertape.net.decision import Breaker, Moment, Open, Result, Wait
from evertape.net.http import Wire
from evertape.net.shared import Permit, SharedState

_TOLD = 5.0
"""Waits of at least this many seconds are told, and told again each ten seconds."""


class CircuitOpen(Unavailable):
    """The circuit may be tried after `seconds`; `failed_probes` in a row have failed."""

    def __init__(self, message: str, seconds: float, failed_probes: int) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.failed_probes = failed_probes


class Expired(Denied):
    """The session that went with the request is no longer in force."""


@dataclass(frozen=True, kw_only=True)
class GateOptions:
    """How a gate is set.

    Attributes:
        path: the file all processes of this user share.
        rates: requests per window by source, in place of its first limit's; a limit's ceiling holds.
        reroute: a sandbox's base address; its budget is not the real source's.
    """

    path: Path
    rates: Mapping[str, int] = field(default_factory=dict)
    reroute: str | None = None
    breaker: Breaker = field(default_factory=Breaker)


class Gate:
    """Lets a request through when its source's limits, pause and circuit do.

    A permit comes back one window after the response headers arrived. The arrival at the server
    lies between grant and headers, so no delay can bring more than `count` into one window.
    """

    def __init__(
        self, wire: Wire, sources: Mapping[str, Source], clock: Clock, emit: Emit, options: GateOptions
    ) -> None:
        self._wire = wire
        self._sources = sources
        self._clock = clock
        self._emit = emit
        self._options = options
        self._shared = SharedState(options.path)
        self._queues: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send(self, call: Call) -> Reply:
        """Wait for a permit, send, and judge the answer.

        Raises:
            CircuitOpen: nothing was sent. SourceError: what failed, or what the answer really says.
        """
        source = self._sources[call.source]
        permit = await self._admitted(source)
        self._emit(Sent(source=source.name, url=call.url))
        ended = False

        def arrived() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._shared.end(permit, self._moment())

        result: Result = "unknown"
        refusal: Refusal | None = None
        try:
            reply = await self._wire.send(call, arrived)
            # A login's steps judge their answers themselves.
            refusal = source.refusal(reply) if call.feed else None
            result = "down" if reply.status >= 500 else _result(refusal)
        except SourceError as error:
            result = "down" if isinstance(error, Transient) else "ok"
            _sent(error)
            raise
        finally:
            arrived()
            self._record(source, permit, result, refused=result != "down" and _refuses(refusal))
        if refusal is None:
            if call.into and reply.status == 200 and reply.path is None:
                raise _sent(Malformed(f"{call.url} sent something else in place of the file"))
            return reply
        if refusal.pause:
            self._shared.pause(permit, refusal.pause, refusal.reason, self._moment().wall)
        raise _error(refusal, call)

    async def close(self) -> None:
        """Close the wire and the shared file."""
        await self._wire.close()
        self._shared.close()

    async def _admitted(self, source: Source) -> Permit:
        """First come, first served within the process; only the first in the queue looks."""
        told = float("-inf")
        async with self._queues[source.name]:
            while True:
                now = self._moment()
                answer = self._shared.admit(
                    self._key(source), self._limits(source), self._options.breaker, now
                )
                if isinstance(answer, Permit):
                    if answer.probe:
                        self._moved(source, "probing", "one request is let through")
                    return answer
                if isinstance(answer, Open):
                    raise CircuitOpen(
                        f"{source.name} is left alone for {answer.seconds:.0f} s: {answer.reason}",
                        answer.seconds,
                        answer.failed_probes,
                    )
                assert isinstance(answer, Wait)
                if answer.left >= _TOLD and now.instant - told >= 10.0 - 1e-6:
                    told = now.instant
                    self._emit(Waiting(source=source.name, seconds=answer.left, reason=answer.reason))
                await self._clock.sleep(answer.seconds)

    def _record(self, source: Source, permit: Permit, result: Result, *, refused: bool) -> None:
        wall = self._moment().wall
        was, new = self._shared.record(permit, self._options.breaker, result, wall, refused=refused)
        if was.state != new.state:
            self._moved(source, new.state, new.reason or "the probe was answered")

    def _moved(self, source: Source, state: str, reason: str) -> None:
        self._emit(CircuitMoved(source=source.name, state=state, reason=reason))

    def _moment(self) -> Moment:
        return Moment(instant=self._clock.instant(), wall=self._clock.real_now().timestamp())

    def _key(self, source: Source) -> str:
        return (
            f"{source.name}@{urlsplit(self._options.reroute).netloc}"
            if self._options.reroute
            else source.name
        )

    def _limits(self, source: Source) -> tuple[Limit, ...]:
        rate = self._options.rates.get(source.name)
        if rate is None or not source.limits:
            return source.limits
        first, *rest = source.limits
        most = rate if first.ceiling is None else min(rate, first.ceiling)
        return (replace(first, count=max(1, most)), *rest)


def _refuses(refusal: Refusal | None) -> bool:
    """Whether an answer counts as a refusal: not one that is wrong, nor the end of a session."""
    return refusal is not None and refusal.kind in ("throttled", "transient", "denied")


def _result(refusal: Refusal | None) -> Result:
    """What an answer tells the circuit. A pause holds all back by itself, and what is denied is not asked
    for again before a person has mended it."""
    patience = refusal is not None and refusal.kind in ("throttled", "transient") and not refusal.pause
    return "refused" if patience else "ok"


def _sent(error: SourceError) -> SourceError:
    """The error, marked as that of one request that was sent."""
    error.requests = 1
    return error


def _error(refusal: Refusal, call: Call) -> SourceError:
    """The refusal as an error; after a shared pause the gate itself makes the next try wait."""
    text = f"{refusal.reason} ({call.url})"
    wait = None if refusal.pause else refusal.retry_after
    if refusal.kind == "expired":
        return _sent(Expired(text))
    if refusal.kind == "denied":
        return _sent(Denied(text))
    if refusal.kind == "malformed":
        return _sent(Malformed(text))
    if refusal.kind == "throttled" or wait is not None:
        return _sent(Throttled(text, retry_after=wait))
    return _sent(Transient(text))
