"""The lease gate against an exact sliding-window log, both on one counting server in one run.

Baseline: a log of grant times in SQLite, at most `COUNT` in the last second on the client's clock,
which is what most limiters do. Prints the most arrivals in any one second and the rate, per limiter.
Run: python benchmarks/bench_gate.py [SECONDS] [PROCESSES] [JITTER]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import sqlite3
import sys
import tempfile
import time
from multiprocessing.queues import Queue
from pathlib import Path

import aiohttp
from aiohttp import web

from evertape.clock import SystemClock
from evertape.model.call import Call
from evertape.model.feed import Limit, Source
from evertape.net.gate import Gate, GateOptions
from evertape.net.http import Http

COUNT = 10
WORKERS = 13
SOURCES = {
    "bench": Source(
        name="bench",
        hosts=("example.org",),
        limits=(Limit(count=COUNT, seconds=1.0, page=""),),
        refusal=lambda _reply: None,
    )
}


async def lease_client(base: str, folder: Path, seconds: float, jitter: float) -> int:
    """Requests sent through the gate."""
    clock = SystemClock()
    http = Http(clock, reroute=base, jitter=jitter)
    gate = Gate(http, SOURCES, clock, lambda _event: None, GateOptions(path=folder / "gate.db", reroute=base))
    until = time.monotonic() + seconds
    sent = 0

    async def work() -> None:
        nonlocal sent
        while time.monotonic() < until:
            await gate.send(Call(source="bench", feed="bench", url="https://example.org/lease"))
            sent += 1

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    await gate.close()
    return sent


async def log_client(base: str, folder: Path, seconds: float, jitter: float) -> int:
    """Requests sent through a naive exact log of grant times."""
    db = sqlite3.connect(folder / "log.db", timeout=5.0, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("CREATE TABLE IF NOT EXISTS grants (at REAL)")
    until = time.monotonic() + seconds
    sent = 0

    def granted() -> bool:
        now = time.monotonic()
        db.execute("BEGIN IMMEDIATE")
        (busy,) = db.execute("SELECT count(*) FROM grants WHERE at > ?", (now - 1.0,)).fetchone()
        if busy < COUNT:
            db.execute("INSERT INTO grants VALUES (?)", (now,))
        db.execute("COMMIT")
        return bool(busy < COUNT)

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal sent
        while time.monotonic() < until:
            if not granted():
                await asyncio.sleep(0.02)
                continue
            await asyncio.sleep(random.uniform(0.0, jitter))
            async with session.get(f"{base}/log") as response:
                await response.read()
            sent += 1

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(work(session) for _ in range(WORKERS)))
    db.close()
    return sent


CLIENTS = {"lease gate": lease_client, "sliding log": log_client}


def run_client(name: str, base: str, folder: Path, times: tuple[float, float], sent: Queue[int]) -> None:
    """One client process."""
    sent.put(asyncio.run(CLIENTS[name](base, folder, *times)))


def most_in_a_second(arrivals: list[float]) -> int:
    """The most arrivals in any one second. `arrivals` ascending, in seconds."""
    most = first = 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


async def measure(name: str, seconds: float, processes: int, jitter: float) -> tuple[int, float, list[int]]:
    """Most arrivals in a second, requests a second, and requests by process."""
    arrivals: list[float] = []

    async def answer(_request: web.Request) -> web.Response:
        arrivals.append(time.monotonic())
        return web.Response(text="{}")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = "http://{}:{}".format(*runner.addresses[0][:2])
    context = multiprocessing.get_context("spawn")
    sent: Queue[int] = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        arguments = (name, base, Path(folder), (seconds, jitter), sent)
        clients = [context.Process(target=run_client, args=arguments) for _ in range(processes)]
        for client in clients:
            client.start()
        for client in clients:
            await asyncio.to_thread(client.join)
    await runner.cleanup()
    arrivals.sort()
    # Whole seconds from the first arrival of all, while every client was still sending.
    inside = [at for at in arrivals if arrivals[0] + 1.0 <= at < arrivals[0] + seconds - 1.0]
    return most_in_a_second(arrivals), len(inside) / (seconds - 2.0), [sent.get() for _ in clients]


def main() -> None:
    """Measure both and print the comparison."""
    seconds, processes, jitter = 12.0, 2, 0.15
    given = sys.argv[1:]
    if given:
        seconds = float(given[0])
    if len(given) > 1:
        processes = int(given[1])
    if len(given) > 2:
        jitter = float(given[2])
    print(f"{COUNT} a second, {processes} processes, {seconds:g} s, 0-{jitter * 1000:g} ms of jitter")
    rates = {}
    for name in CLIENTS:
        most, rate, shares = asyncio.run(measure(name, seconds, processes, jitter))
        rates[name] = rate
        print(f"{name:12} most in one second {most:3}  rate {rate:5.2f}/s  by process {shares}")
    print(f"ratio of rates, lease gate to sliding log: {rates['lease gate'] / rates['sliding log']:.2f}")


if __name__ == "__main__":
    main()
