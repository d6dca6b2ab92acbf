"""The whole way of chains, from plan to rows, in simulated time: vendors in this process, nobody waits.

The sandbox's vendors stand behind a wire that sleeps on the manual clock, below the real gate, sessions,
retries, runner and store. What would run in a thread runs at once, so that no thread races the clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from evertape import catalog
from evertape.clock import ManualClock
from evertape.database import Database, Selection, wiring
from evertape.errors import Transient
from evertape.model.call import Call, Reply
from evertape.model.events import Event
from evertape.net.archive import Archive
from evertape.net.decision import Breaker
from evertape.net.gate import Gate, GateOptions
from evertape.net.login import Keep, Logins
from evertape.net.retry import Retry, RetryOptions
from evertape.net.session import Session
from evertape.sandbox import wire as sandbox_wire
from evertape.sandbox.manners import load_manners
from evertape.sandbox.market import Market
from evertape.sandbox.vendors import Vendors
from evertape.settings import Settings
from tests.soak import chains

START = datetime(2026, 6, 30, 21, 30, tzinfo=UTC)
RATE, DOWN, REST = 20, 180.0, 60.0
MOST_RATIO, LEAST_EQUAL = 1.3, 0.995
FIRST = chains.VENDORS[0]
LATENCY = 0.02
"""Seconds to the vendor, and as many back."""


class AtOnce(ThreadPoolExecutor):
    """Runs on the caller's own thread, before `submit` returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001
            future.set_exception(error)
        return future


class Simulated(ManualClock):
    """A manual clock that moves only when no task of the loop can run."""

    @staticmethod
    async def settle(turns: int = 2) -> None:
        loop: Any = asyncio.get_running_loop()
        idle = 0
        while idle < turns:
            await asyncio.sleep(0)
            idle = 0 if loop._ready else idle + 1


@dataclass
class Wire:
    """A market and its vendors as the bottom of the stack. `arrivals` are instants by source."""

    clock: ManualClock
    market: Market
    vendors: Vendors
    arrivals: dict[str, list[float]] = field(default_factory=dict)

    async def send(self, call: Call, arrived: Callable[[], None] = lambda: None) -> Reply:
        await self.clock.sleep(LATENCY)
        self.arrivals.setdefault(call.source, []).append(self.clock.instant())
        status, body, headers = self._answer(call)
        await self.clock.sleep(LATENCY)
        if not status:
            raise Transient(f"the connection was dropped before {call.url} answered")
        arrived()
        return Reply(
            call=call, status=status, headers=headers, body=body, wire=len(body), at=self.clock.now()
        )

    def _answer(self, call: Call) -> tuple[int, bytes, Mapping[str, str]]:
        parts = urlsplit(call.url)
        host, path = parts.hostname or "", parts.path.lstrip("/")
        if self.vendors.of(host) is None:
            body = self.market.fetch(host, path)
            return (404, b"", {}) if body is None else (200, body.unzipped(), {})
        asked = self.vendors.take(
            sandbox_wire.Call(
                method=call.method,
                host=host,
                path=path,
                query={**dict(parse_qsl(parts.query)), **call.query},
                headers={k.lower(): v for k, v in call.headers.items() if k != "Accept-Encoding"},
                form=call.body,
                at=0.0,
            )
        )
        reply = self.vendors.turned_away(asked, self.clock.instant()) or self.vendors.answer(asked)
        return reply.status, reply.content, {k.lower(): v for k, v in reply.headers.items()}

    async def close(self) -> None:
        return


@dataclass
class Simulation:
    """A home under a simulated clock, and what happened in it."""

    folder: Path
    companies: int
    contracts: int
    events: list[chains.Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = Simulated(START)
        self.market = Market(self.companies, 7, chains.DAY)
        self.vendors = Vendors(self.market.profiles, 7, chains.DAY, self.contracts, load_manners({}))
        self.wire = Wire(self.clock, self.market, self.vendors)
        self.settings = Settings(
            home=self.folder / "home",
            state=self.folder / "state",
            limits=dict.fromkeys(chains.VENDORS, ((RATE, 1.0),)),
            credentials={**chains.CREDENTIALS, "EDGAR_IDENTITY": "Ada Lovelace ada@example.org"},
            preferred=chains.VENDORS,
        )

    def emit(self, event: Event) -> None:
        told = {**asdict(event), "what": type(event).__name__}
        self.events.append(chains.Seen(self.clock.instant(), told))

    def truth(self) -> dict[str, Any]:
        """The true chains by symbol, of those that have one."""
        told = {
            s: self.vendors.truth(listing, "options") for s, listing in self.vendors.world.listings.items()
        }
        return {symbol: one for symbol, one in sorted(told.items()) if one and one["contracts"]}

    async def refresh(self, symbols: tuple[str, ...], manners: Mapping[str, Any]) -> None:
        """Log in, let the vendors have their manners, and refresh the chains of some symbols."""
        asyncio.get_running_loop().set_default_executor(AtOnce())
        sources = catalog.find(self.settings.home / "plugins", partial(wiring.limited, self.settings)).sources
        breaker = Breaker(rest=REST, error_share=0.1)
        options = GateOptions(path=self.settings.state / "gate.db", breaker=breaker)
        gate = Gate(self.wire, sources, self.clock, self.emit, options)
        given = self.settings.current_credentials
        logins = Logins(gate, given, self.clock, Keep(self.settings.state / "sessions.json"))
        session = Session(gate, sources, given, logins)
        stack = Archive(Retry(session, self.clock, self.emit, RetryOptions()), None)
        with Database(self.settings, clock=self.clock, transport=stack) as db:
            db.on_event = self.emit
            for name in ("schwab", "robinhood"):
                await self._simulate(logins.log_in(sources[name], lambda _: "https://x/?code=generated"))
            self.vendors.clear()
            self.vendors.settle(manners)
            checked = await self._simulate(db.check("options", Selection(symbols=symbols)))
            self.events.clear()
            self.wire.arrivals.clear()
            await self._simulate(db.apply(checked.plan))
            await gate.close()

    async def _simulate(self, work: Coroutine[Any, Any, Any]) -> Any:
        task = asyncio.ensure_future(work)
        await self.clock.run_until_done(task)
        return await task


async def simulated(simulation: Simulation, underlyings: int, first: float, others: float) -> None:
    """Refresh once in simulated time; print and assert what is promised. Shares are of symbols known."""
    true = simulation.truth()
    symbols = tuple(true)[:underlyings]
    assert len(symbols) == underlyings
    every = {"knows": others, "refuses": 0.3, "limit": RATE}
    manners = {"all": every, FIRST: {"knows": first, "down": [0, DOWN]}}
    began = time.perf_counter()
    await simulation.refresh(symbols, manners)
    real = time.perf_counter() - began
    events = simulation.events
    ended = next(e.at for e in events if e.told["what"] == "JobFinished")
    took = ended - next(e.at for e in events if e.told["what"] == "JobStarted")
    seconds, said = chains.dictated(events, RATE, FIRST, (0.0, DOWN), REST)
    found = chains.compared(simulation.settings.home, true, symbols)
    print(f"{len(found.equal)} of {underlyings} equal, {dict(found.sources)}; absent {sorted(found.absent)}")
    print(f"simulated {took:.1f} s in {real:.1f} s, dictated {seconds:.1f} s: {took / seconds:.2f} x")
    print(said)
    assert not found.different, dict(list(found.different.items())[:3])
    assert len(found.equal) >= LEAST_EQUAL * underlyings
    chains.opened_once_probed_singly_and_closed(events, FIRST)
    assert took <= MOST_RATIO * seconds
    for source in chains.VENDORS:
        arrivals = simulation.wire.arrivals.get(source, [])
        assert most_in_a_second(arrivals) <= RATE, source


def most_in_a_second(instants: list[float]) -> int:
    """The most instants in any half-open second."""
    most = first = 0
    for last, at in enumerate(instants):
        while instants[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


async def test_three_minutes_without_the_first_of_five_vendors(tmp_path: Path) -> None:
    await simulated(Simulation(tmp_path, companies=250, contracts=8), 150, 1.0, 0.7)


@pytest.mark.soak
async def test_twelve_hundred_underlyings_and_three_minutes_without_the_first(tmp_path: Path) -> None:
    await simulated(Simulation(tmp_path, companies=1500, contracts=60), 1205, 0.8, 0.8)
