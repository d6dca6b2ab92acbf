"""The layers together, over a real server on the loopback."""

from __future__ import annotations

import asyncio
import gzip
import logging
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from evertape.clock import SystemClock
from evertape.errors import Denied, Malformed, SourceError, Throttled, Transient
from evertape.model.call import Reply
from evertape.model.events import Event
from evertape.model.feed import Limit
from evertape.net.archive import Archive
from evertape.net.stack import NetOptions, build
from tests.net.world import call, serving, source

IDENTITY = "Jane Tester jane@example.org"
FACTS = b'{"facts": {}}'


def headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    return {"User-Agent": credentials["MADE_UP_IDENTITY"]}


def stack(
    folder: Path,
    base: str,
    events: list[Event] | None = None,
    identity: str = IDENTITY,
    home: Path | None = None,
) -> Archive:
    """The whole stack against a server; the source allows a thousand requests a second."""
    made_up = replace(
        source(Limit(count=1000, seconds=1.0, page="")),
        credentials=("MADE_UP_IDENTITY",),
        credential_help="set it",
        headers=headers,
    )
    options = NetOptions(
        gate_path=folder / "state" / "gate.db",
        archive_dir=folder / "archive",
        reroute=base,
        retry_base=0.01,
        total_timeout=0.5,
        home=home,
    )
    return build(
        options,
        sources={"made-up": made_up},
        credentials=lambda: {"MADE_UP_IDENTITY": identity},
        clock=SystemClock(),
        emit=(events if events is not None else []).append,
    )


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_a_304_is_answered_from_the_archive_with_the_identity_sent_each_time(tmp_path: Path) -> None:
    seen: list[tuple[str | None, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.headers.get("User-Agent"), request.headers.get("If-None-Match")))
        assert request.headers["Accept-Encoding"] == "gzip"
        if request.headers.get("If-None-Match") == '"7"':
            return web.Response(status=304, headers={"ETag": '"7"'})
        return web.Response(body=gzip.compress(FACTS), headers={"ETag": '"7"', "Content-Encoding": "gzip"})

    asked = call("list.json", conditional=True, archive=True)
    async with serving(answer) as base:
        net = stack(tmp_path, base)
        first, second = await net.send(asked), await net.send(asked)
        rebuilt = await net.send(call(url=f"archive:{asked.url}"))
        await net.close()
    assert seen == [(IDENTITY, None), (IDENTITY, '"7"')]
    assert (first.status, first.body, first.origin) == (200, FACTS, "wire")
    assert (second.status, second.body, second.origin, second.wire) == (200, FACTS, "wire", 0)
    assert (second.attempts, rebuilt.attempts, rebuilt.body) == (1, 0, FACTS)
    assert first.at < second.at
    assert rebuilt.at == first.at


async def test_faults_of_all_kinds_are_got_over_and_each_request_is_counted(tmp_path: Path) -> None:
    requests: dict[str, int] = {}
    whole = gzip.compress(FACTS * 500)

    async def answer(request: web.Request) -> web.StreamResponse:
        number = requests[request.path] = requests.get(request.path, -1) + 1
        fault = (request.path[-1] + "ok")[min(number, 1)]
        if fault == "t":
            await asyncio.sleep(1.0)
        if fault == "r" and request.transport:
            request.transport.abort()
        if fault in "54":
            return web.Response(status={"5": 500, "4": 429}[fault])
        if fault == "h":
            return web.Response(text="<html>come back later</html>")
        if fault == "c":
            return web.Response(body=whole[:-20], headers={"Content-Encoding": "gzip"})
        return web.Response(body=whole, headers={"Content-Encoding": "gzip"})

    async with serving(answer) as base:
        net = stack(tmp_path, base)
        calls = [call(f"{n}{fault}", archive=True) for n in range(4) for fault in "tr54hc"]
        replies = await asyncio.gather(*(net.send(asked) for asked in calls))
        kept = net.urls("made-up.feed")
        await net.close()
    assert {r.body for r in replies} == {FACTS * 500}
    assert {r.attempts for r in replies} == {2}
    assert sum(r.attempts for r in replies) == sum(n + 1 for n in requests.values()) == 48
    assert len(kept) == 24


@pytest.mark.parametrize(
    ("status", "body", "kind", "requests"),
    [
        (500, "", Transient, 5),
        (429, "", Throttled, 5),
        (200, "<html>maintenance</html>", Malformed, 2),
        (401, "", Denied, 1),
    ],
)
async def test_lasting_faults_end_in_one_clear_error_and_nothing_is_kept(
    tmp_path: Path, status: int, body: str, kind: type[SourceError], requests: int
) -> None:
    arrivals = 0

    async def answer(_request: web.Request) -> web.Response:
        nonlocal arrivals
        arrivals += 1
        return web.Response(status=status, text=body)

    async with serving(answer) as base:
        net = stack(tmp_path, base)
        with pytest.raises(kind, match=r"https://example\.org/x") as caught:
            await net.send(call(archive=True))
        assert net.urls("made-up.feed") == []
        await net.close()
    assert arrivals == caught.value.requests == requests


async def test_an_identity_is_in_no_event_error_log_or_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("bad"):
            return web.Response(status=500)
        return web.Response(body=FACTS)

    async with serving(answer) as base:
        net = stack(tmp_path, base, events)
        reply = await net.send(call("good", archive=True))
        with pytest.raises(Transient) as caught:
            await net.send(call("bad"))
        shown = [repr(net), repr(reply), repr(events), repr(caught.value), caplog.text]
        await net.close()
    written = await asyncio.to_thread(everything, tmp_path)
    assert not any("Tester" in text for text in shown)
    assert written
    assert b"Tester" not in written


async def test_without_an_identity_nothing_is_sent(tmp_path: Path) -> None:
    net = stack(tmp_path, "http://127.0.0.1:9", identity="")
    with pytest.raises(Denied, match="MADE_UP_IDENTITY is not set; set it"):
        await net.send(call())
    await net.close()
    assert not (tmp_path / "state").exists()


async def test_large_answers_keep_their_order_under_load(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=request.path.encode() * 20_000)

    async with serving(answer) as base:
        net = stack(tmp_path, base)
        replies: list[Reply] = await asyncio.gather(
            *(net.send(call(str(n), archive=True)) for n in range(30))
        )
        await net.close()
    assert [r.body[:16] for r in replies] == [f"/example.org/{n}/e"[:16].encode() for n in range(30)]


def test_importing_the_net_does_not_import_its_libraries() -> None:
    code = "import sys, evertape.net.stack; print('aiohttp' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
