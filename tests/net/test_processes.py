"""The gate with real processes on a real clock."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

from aiohttp import web

from evertape.clock import SystemClock
from evertape.model.call import Call
from evertape.model.feed import Limit, Source
from evertape.net.gate import Gate, GateOptions
from evertape.net.http import Http
from tests.net.world import most_within, serving

CLIENT = """
import asyncio, sys, time
from pathlib import Path
from tests.net.test_processes import client
asyncio.run(client(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
"""
ROOT = Path(__file__).resolve().parents[2]
SECONDS = 5.0
"""Of which a process needs about one to start."""


def real_gate(base: str, path: Path) -> Gate:
    """A gate of ten a second with up to 150 ms between permit and send."""
    limit = Limit(count=10, seconds=1.0, page="")
    source = Source(name="real", hosts=(), limits=(limit,), refusal=lambda _reply: None)
    clock = SystemClock()
    http = Http(clock, reroute=base, jitter=0.15)
    return Gate(http, {"real": source}, clock, lambda _event: None, GateOptions(path=path, reroute=base))


async def client(base: str, path: Path, until: float) -> None:
    """What each process does: send as fast as the gate lets it, until an instant of the boot."""
    gate = real_gate(base, path)
    sent = 0

    async def work() -> None:
        nonlocal sent
        while time.monotonic() < until:
            await gate.send(Call(source="real", feed="f", url=f"https://example.org/{os.getpid()}"))
            sent += 1

    await asyncio.gather(*(work() for _ in range(10)))
    await gate.close()
    print(json.dumps(sent))


async def start(base: str, path: Path, until: float) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", CLIENT, base, str(path), str(until)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


async def test_two_real_processes_never_exceed_ten_in_any_second(tmp_path: Path) -> None:
    arrivals: list[tuple[float, str]] = []

    async def answer(request: web.Request) -> web.Response:
        arrivals.append((time.monotonic(), request.path))
        return web.Response(text="{}")

    async with serving(answer) as base:
        until = time.monotonic() + SECONDS
        clients = [await start(base, tmp_path / "gate.db", until) for _ in range(2)]
        for process in clients:
            await asyncio.wait_for(process.communicate(), 30)
            assert process.returncode == 0
    instants = sorted(at for at, _ in arrivals)
    assert most_within(instants) <= 10
    # Permits come back ten at a time: whole rounds give the rate.
    whole = (len(instants) - 1) // 10 * 10
    assert whole / (instants[whole] - instants[0]) >= 8.5
    share = {path: sum(p == path for _, p in arrivals) for path in {p for _, p in arrivals}}
    assert len(share) == 2
    assert min(share.values()) >= 5


async def test_a_killed_processs_permits_are_back_within_two_seconds(tmp_path: Path) -> None:
    held = asyncio.Event()
    arrived = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal arrived
        arrived += 1
        if arrived >= 10:
            held.set()
        if arrived <= 10:
            await asyncio.sleep(30)
        return web.Response(text="{}")

    async with serving(answer) as base:
        process = await start(base, tmp_path / "gate.db", time.monotonic() + 60)
        await asyncio.wait_for(held.wait(), 20)
        gate = real_gate(base, tmp_path / "gate.db")
        waiting = asyncio.create_task(gate.send(Call(source="real", feed="f", url="https://example.org/x")))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        process.send_signal(signal.SIGKILL)
        await process.wait()
        killed = time.monotonic()
        reply = await asyncio.wait_for(waiting, 5)
        took = time.monotonic() - killed
        await gate.close()
    assert reply.status == 200
    assert 1.0 <= took <= 2.0
