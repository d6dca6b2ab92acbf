"""Small servers and scripted wires for the tests of the net."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from evertape.clock import Clock, ManualClock
from evertape.errors import SourceError
from evertape.model.call import Call, Reply
from evertape.model.events import Event
from evertape.model.feed import Limit, Refusal, Source
from evertape.net.gate import Gate, GateOptions
from evertape.net.http import Wire

START = datetime(2026, 7, 10, 12, 0, tzinfo=UTC)
PAGE = b"<html><h1>Request Rate Threshold Exceeded</h1></html>"


def refusal(reply: Reply) -> Refusal | None:
    """The manners of the made-up source of these tests."""
    if b"Threshold" in reply.body:
        return Refusal(kind="throttled", reason="too fast", pause=600.0)
    if reply.status == 401:
        return Refusal(kind="denied", reason="who are you")
    if reply.status == 429:
        after = reply.headers.get("retry-after")
        return Refusal(kind="throttled", reason="answered 429", retry_after=float(after) if after else None)
    if reply.status >= 500:
        return Refusal(kind="transient", reason=f"answered {reply.status}")
    if reply.body.startswith(b"<html"):
        return Refusal(kind="malformed", reason="sent a page of HTML")
    return None


def source(*limits: Limit, name: str = "made-up") -> Source:
    """A made-up source; ten requests a second where nothing else is said."""
    return Source(
        name=name,
        hosts=("example.org",),
        limits=limits or (Limit(count=10, seconds=1.0, page="https://example.org/limits", ceiling=10),),
        refusal=refusal,
    )


def call(path: str = "x", **more: object) -> Call:
    """A call of the made-up source."""
    given: dict[str, object] = {
        "source": "made-up",
        "feed": "made-up.feed",
        "url": f"https://example.org/{path}",
    }
    return Call(**(given | more))  # type: ignore[arg-type]


def reply(
    to: Call, body: bytes = b"{}", status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """An answer at the start of time."""
    return Reply(call=to, status=status, headers=headers or {}, body=body, wire=len(body), at=START)


Answer = Reply | SourceError


@dataclass
class ScriptedWire:
    """A wire whose answers, and the seconds before and after arrival, are a function of the call.

    Attributes:
        answer: call and number of the request, from 0, to an answer or a fault.
        before: seconds between the permit and the server, by number. after: from there to the headers.
        arrivals: instants at which the server saw a request.
    """

    clock: Clock
    answer: Callable[[Call, int], Answer] = lambda call, _number: reply(call)
    before: Callable[[int], float] = lambda _number: 0.0
    after: float = 0.02
    arrivals: list[float] = field(default_factory=list)
    sent: int = 0

    async def send(self, call: Call, arrived: Callable[[], None] = lambda: None) -> Reply:
        number = self.sent
        self.sent += 1
        await self.clock.sleep(self.before(number))
        self.arrivals.append(self.clock.instant())
        await self.clock.sleep(self.after)
        answer = self.answer(call, number)
        if isinstance(answer, SourceError):
            raise answer
        arrived()
        await self.clock.sleep(0.05)
        return answer

    async def close(self) -> None:
        return


@dataclass
class ScriptedTransport:
    """A transport that answers each call with the next of a script."""

    script: Iterable[Answer | Callable[[Call], Answer]]
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rest = iter(self.script)

    async def send(self, call: Call) -> Reply:
        self.calls.append(call)
        answer = next(self._rest)
        if callable(answer):
            answer = answer(call)
        if isinstance(answer, SourceError):
            raise answer
        return answer

    async def close(self) -> None:
        return


def gate_on(
    wire: Wire,
    clock: ManualClock,
    path: Path,
    *sources: Source,
    events: list[Event] | None = None,
    **more: object,
) -> Gate:
    """A gate on the file at `path`; several of them stand for several processes."""
    options = GateOptions(path=path, **more)  # type: ignore[arg-type]
    emit: Callable[[Event], None] = (events if events is not None else []).append
    return Gate(wire, {s.name: s for s in sources or (source(),)}, clock, emit, options)


def most_within(instants: Iterable[float], seconds: float = 1.0) -> int:
    """The most instants in any half-open window of that many seconds."""
    ordered = sorted(instants)
    most = first = 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A web server on the loopback; yields its base address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving_bytes(connection: Connection) -> AsyncIterator[str]:
    """A server that speaks raw bytes; yields its base address."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await connection(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield "http://{}:{}".format(*server.sockets[0].getsockname()[:2])
    finally:
        server.close()
        await server.wait_closed()
