"""Injected time: what the market's calendar says, what a stopwatch says, and how to wait."""

from __future__ import annotations

import heapq
import itertools
import time
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import asyncio

NEW_YORK = ZoneInfo("America/New_York")


class Clock(Protocol):
    """Time as the program sees it."""

    def now(self) -> datetime:
        """The instant freshness is judged at, aware, UTC; a person may pretend it."""

    def real_now(self) -> datetime:
        """The true instant, aware, UTC: for jobs, leases and token expiry."""

    def instant(self) -> float:
        """Seconds on the system-wide monotonic clock, the same for all processes of one boot."""

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`; returns at once for zero or less."""


class SystemClock:
    """The machine's clock. `pretended` fixes `now` only, never a lease or a job's time."""

    def __init__(self, pretended: datetime | None = None) -> None:
        self._pretended = pretended

    def now(self) -> datetime:
        return self._pretended or datetime.now(UTC)

    def real_now(self) -> datetime:
        return datetime.now(UTC)

    def instant(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        # Most commands and all worker processes never wait, and asyncio costs them a fifth of their start.
        import asyncio

        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """A clock that only moves when told, for tests and simulations.

    `sleep` parks the caller until `advance` (or `run_until_idle`) has moved past its wake time;
    `instant` and `now` move together.
    """

    def __init__(self, start: datetime, instant: float = 1000.0) -> None:
        self._start = start
        self._origin = instant
        self._instant = instant
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._start.timestamp() + self._instant - self._origin, UTC)

    def real_now(self) -> datetime:
        return self.now()

    def instant(self) -> float:
        return self._instant

    async def sleep(self, seconds: float) -> None:
        import asyncio

        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._instant + seconds, next(self._order), waker))
        await waker

    async def advance(self, seconds: float) -> None:
        """Move time forward, waking sleepers in the order they are due."""
        until = self._instant + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, waker = heapq.heappop(self._sleepers)
            self._instant = max(self._instant, at)
            if not waker.done():
                waker.set_result(None)
            await self.settle()
        self._instant = until

    async def run_until_done(self, task: asyncio.Future[object], limit: float = 1e7) -> None:
        """Jump from wake time to wake time until `task` is done or `limit` seconds have passed."""
        stop = self._instant + limit
        await self.settle()
        while not task.done() and self._sleepers and self._sleepers[0][0] <= stop:
            await self.advance(self._sleepers[0][0] - self._instant)

    @staticmethod
    async def settle(turns: int = 25) -> None:
        """Let every task that can run do so."""
        import asyncio

        for _ in range(turns):
            await asyncio.sleep(0)


def end_of_day(day: date) -> datetime:
    """The last second of `day` in New York, as an aware UTC instant."""
    return datetime.combine(day, time_of_day(23, 59, 59), NEW_YORK).astimezone(UTC)


def new_york_date(instant: datetime) -> date:
    """The New York date of an aware instant. Raises ValueError for a naive one."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone; give an aware instant")
    return instant.astimezone(NEW_YORK).date()
