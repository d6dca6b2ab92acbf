"""Trying again: 2, 4, 8, 16 seconds apart, or when the source says."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from evertape.clock import Clock
from evertape.errors import Malformed, SourceError, Throttled, Transient
from evertape.model.call import Call, Reply, Transport
from evertape.model.events import Emit, Retrying, Waiting
from evertape.net.gate import CircuitOpen


@dataclass(frozen=True, kw_only=True)
class RetryOptions:
    """How patient to be.

    Attributes:
        retries: tries after the first one. base: seconds before the first of them, then doubled;
            each is spread by a quarter both ways.
        retry_after_cap: a source that asks for more seconds than this is given up at once.
        patience: failed probes in a row of an open circuit that a call waits out; 0 gives up at once.
    """

    retries: int = 4
    base: float = 2.0
    retry_after_cap: float = 60.0
    patience: int = 3


@dataclass
class _Tally:
    requests: int = 0
    faults: int = 0
    fetched: int = 0


class Retry:
    """Sends again what may succeed the next time.

    Transient and Throttled up to `retries` times, Malformed once. A call that meets an open
    circuit waits for it; that is no try. Errors carry `requests`, how many were really sent.
    """

    def __init__(self, below: Transport, clock: Clock, emit: Emit, options: RetryOptions) -> None:
        self._below = below
        self._clock = clock
        self._emit = emit
        self._options = options

    async def send(self, call: Call) -> Reply:
        """Send until answered. `Reply.attempts` is how many requests were sent."""
        tally = _Tally()
        wait = 0.0

        def again(error: BaseException) -> bool:
            nonlocal wait
            pause = self._wait(error, tally, call) if isinstance(error, SourceError) else None
            wait = pause or 0.0
            return pause is not None

        def tell(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            self._tell(call, tally, wait, error)

        trying = AsyncRetrying(
            sleep=self._clock.sleep,
            retry=retry_if_exception(again),
            wait=lambda _state: wait,
            before_sleep=tell,
            reraise=True,
        )
        try:
            reply: Reply = await trying(self._attempt, call, tally)
        except SourceError as error:
            error.requests, error.fetched = tally.requests, tally.fetched
            raise
        return replace(reply, attempts=tally.requests, wire=reply.wire + tally.fetched)

    async def close(self) -> None:
        """Close what is below."""
        await self._below.close()

    async def _attempt(self, call: Call, tally: _Tally) -> Reply:
        try:
            reply = await self._below.send(call)
        except SourceError as error:
            tally.requests += getattr(error, "requests", 0)
            tally.fetched += getattr(error, "fetched", 0)
            tally.faults += not isinstance(error, CircuitOpen)
            raise
        tally.requests += 1
        return reply

    def _wait(self, error: SourceError, tally: _Tally, call: Call) -> float | None:
        """Seconds before the next try; None to give up."""
        options = self._options
        if isinstance(error, CircuitOpen):
            return error.seconds if call.patient and error.failed_probes < options.patience else None
        most = options.retries if isinstance(error, Transient) else min(1, options.retries)
        if not isinstance(error, (Transient, Malformed)) or tally.faults > most:
            return None
        spread = random.uniform(0.75, 1.25)  # noqa: S311
        if isinstance(error, Throttled) and error.retry_after:
            if error.retry_after > options.retry_after_cap:
                return None
            return error.retry_after * max(1.0, spread)
        return float(options.base * 2 ** (tally.faults - 1) * spread)

    def _tell(self, call: Call, tally: _Tally, wait: float, error: BaseException | None) -> None:
        if isinstance(error, CircuitOpen):
            if wait >= 5.0:
                self._emit(Waiting(source=call.source, seconds=wait, reason=str(error)))
            return
        self._emit(
            Retrying(source=call.source, url=call.url, attempt=tally.faults, wait=wait, reason=str(error))
        )
