"""Bodies that go to disk: whatever breaks, the file is the server's, or it is not there."""

from __future__ import annotations

import asyncio
import io
import random
import resource
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from evertape.clock import SystemClock
from evertape.errors import Malformed, OverBudget, StoreError, Transient
from evertape.model.call import Call
from evertape.model.events import Arriving, Event
from evertape.net.download import TOLD
from evertape.net.http import Http
from evertape.net.received import WireReply
from tests.net.test_stack import stack
from tests.net.world import call, serving, serving_bytes

INTO = "bulk/all.zip"
MODIFIED = "Fri, 10 Jul 2026 07:11:02 GMT"
HTML = b"<!DOCTYPE html>\n<html><head><title>SEC.gov | later</title></head></html>"
Headers = dict[str, str]
Answer = bytes | Callable[[Headers], bytes]


def zipped(seed: int = 1) -> bytes:
    """A zip of 300 kB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("CIK0000000001.json"), random.Random(seed).randbytes(300_000))
    return file.getvalue()


ZIP = zipped()
HALF = len(ZIP) // 2


def said(status: int, body: bytes, *lines: str, length: int | None = None) -> bytes:
    """An answer; `length` where it states another than its body's."""
    stated = len(body) if length is None else length
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {stated}", "Connection: close", *lines, "", ""]
    return "\r\n".join(head).encode() + body


VALID = ('ETag: "1"', f"Last-Modified: {MODIFIED}")


def honest(body: bytes = ZIP, etag: str = '"1"') -> Callable[[Headers], bytes]:
    """A server that does all as RFC 9110 says."""

    def answer(asked: Headers) -> bytes:
        lines = (f"ETag: {etag}", f"Last-Modified: {MODIFIED}")
        if asked.get("if-none-match") == etag:
            return said(304, b"", *lines)
        if "range" in asked and asked.get("if-range") in (etag, MODIFIED):
            start = int(asked["range"].removeprefix("bytes=").removesuffix("-"))
            part = f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}"
            return said(206, body[start:], part, *lines)
        return said(200, body, *lines)

    return answer


CUT = said(200, ZIP[:HALF], *VALID, length=len(ZIP))


@dataclass
class Place:
    """A home, a server with a script, and what it was asked."""

    home: Path
    base: str = ""
    asked: list[Headers] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.home / INTO

    @property
    def partial(self) -> Path:
        return self.home / f"{INTO}.partial"

    async def send(
        self, wanted: Call | None = None, events: list[Event] | None = None, **more: Any
    ) -> WireReply:
        """Send with a client of its own, as the next process would."""
        client = Http(SystemClock(), reroute=self.base, home=self.home, **more)
        client.on_event = (events if events is not None else []).append
        try:
            return await client.send(wanted or call(into=INTO))
        finally:
            await client.close()


@asynccontextmanager
async def place(home: Path, *script: Answer) -> AsyncIterator[Place]:
    """Each connection gets the next answer of the script and is closed."""
    made = Place(home=home)
    rest = iter(script)

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        asked = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines) if name}
        made.asked.append(asked)
        answer = next(rest)
        writer.write(answer if isinstance(answer, bytes) else answer(asked))
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async with serving_bytes(connection) as base:
        made.base = base
        yield made


def left(home: Path) -> set[str]:
    return {path.name for path in (home / "bulk").iterdir()}


async def test_a_body_lies_whole_in_the_home_and_not_in_the_answer(tmp_path: Path) -> None:
    async with place(tmp_path, honest()) as there:
        reply = await there.send()
    assert there.file.read_bytes() == ZIP
    assert (reply.status, reply.body, reply.raw, reply.wire) == (200, b"", b"", len(ZIP))
    assert (reply.path, reply.headers["content-length"]) == (there.file, str(len(ZIP)))
    assert there.file.stat().st_mtime == 1783667462
    assert left(tmp_path) == {"all.zip", "all.zip.origin"}
    assert there.asked[0]["accept-encoding"] == "identity"


async def test_memory_stays_flat(tmp_path: Path) -> None:
    block = bytes(1 << 18)
    events: list[Event] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(400):
            await response.write(block)
        return response

    async with serving(answer) as base:
        there = Place(home=tmp_path, base=base)
        await there.send(call("warm", into="warm.bin"))
        tracemalloc.start()
        try:
            reply = await there.send(call(into="large.bin", label="large"), events)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert reply.wire == (tmp_path / "large.bin").stat().st_size == 400 * len(block)
    assert most < 8_000_000
    told = [event.bytes for event in events if isinstance(event, Arriving) and event.label == "large"]
    assert told == sorted(set(told))
    assert 20 <= len(told) <= 400 * len(block) / TOLD


@pytest.mark.parametrize(
    "broken",
    [
        CUT,
        CUT.replace(b"Content-Length: ", b"X-Length: "),
        CUT.replace(b"Content-Length: ", b"Transfer-Encoding: chunked\r\nX-Length: ").replace(
            b"\r\n\r\n", b"\r\n\r\n%x\r\n" % HALF, 1
        )
        + b"\r\n0\r\n\r\n",
    ],
    ids=["short of its length", "closed without a length", "chunked and ended early"],
)
async def test_after_a_break_the_next_process_fetches_only_the_rest(tmp_path: Path, broken: bytes) -> None:
    async with place(tmp_path, broken, honest()) as there:
        with pytest.raises(Transient, match="is cut off") as caught:
            await there.send()
        assert caught.value.fetched == HALF
        assert not there.file.exists()
        reply = await there.send()
    assert (there.asked[1]["range"], there.asked[1]["if-range"]) == (f"bytes={HALF}-", '"1"')
    assert there.file.read_bytes() == ZIP
    assert (reply.status, reply.wire) == (200, len(ZIP) - HALF)
    assert left(tmp_path) == {"all.zip", "all.zip.origin"}


async def test_a_weak_tag_resumes_by_time_and_no_validator_starts_anew(tmp_path: Path) -> None:
    weak = CUT.replace(b'"1"', b'W/"1"')
    none = said(200, ZIP[:HALF], length=len(ZIP))
    async with place(tmp_path, weak, none, honest()) as there:
        for _ in range(2):
            with pytest.raises(Transient):
                await there.send()
        await there.send()
    assert there.asked[1]["if-range"] == MODIFIED
    assert "range" not in there.asked[2]
    assert there.file.read_bytes() == ZIP


@pytest.mark.parametrize(
    "second",
    [honest(zipped(2), etag='"2"'), said(200, zipped(2), 'ETag: "2"')],
    ids=["another body by now", "Range is ignored"],
)
async def test_a_whole_answer_to_a_request_for_the_rest_starts_anew(tmp_path: Path, second: Answer) -> None:
    async with place(tmp_path, CUT, second) as there:
        with pytest.raises(Transient):
            await there.send()
        reply = await there.send()
    assert "range" in there.asked[1]
    assert there.file.read_bytes() == zipped(2)
    assert reply.wire == len(zipped(2))


@pytest.mark.parametrize(
    "second",
    [
        said(206, ZIP[9:], f"Content-Range: bytes 9-{len(ZIP) - 1}/{len(ZIP)}", *VALID),
        said(206, ZIP[HALF:], f"Content-Range: bytes {HALF}-{len(ZIP)}/{len(ZIP) + 1}", *VALID),
        said(206, ZIP[HALF:], f"Content-Range: bytes {HALF}-{len(ZIP) - 1}/{len(ZIP)}", 'ETag: "2"'),
        said(206, ZIP[HALF:], *VALID),
        said(416, b"", f"Content-Range: bytes */{HALF}"),
    ],
    ids=["another place", "another length", "another body", "no place", "no such rest"],
)
async def test_a_part_that_does_not_follow_is_never_appended(tmp_path: Path, second: bytes) -> None:
    async with place(tmp_path, CUT, second, honest()) as there:
        for _ in range(2):
            with pytest.raises(Transient):
                await there.send()
        await there.send()
    assert "range" not in there.asked[2]
    assert there.file.read_bytes() == ZIP


@pytest.mark.parametrize("status", [200, 403, 503])
async def test_a_page_for_people_is_an_answer_and_costs_nothing_that_was_there(
    tmp_path: Path, status: int
) -> None:
    async with place(tmp_path, CUT, said(status, HTML, "Content-Type: text/html"), honest()) as there:
        with pytest.raises(Transient):
            await there.send()
        reply = await there.send()
        assert (reply.status, reply.body, reply.path) == (status, HTML, None)
        assert not there.file.exists()
        assert there.partial.read_bytes() == ZIP[:HALF]
        assert (await there.send()).wire == len(ZIP) - HALF
    assert there.file.read_bytes() == ZIP


async def test_a_file_in_place_outlives_a_refusal(tmp_path: Path) -> None:
    async with place(tmp_path, honest(), said(200, HTML), said(200, b"not a zip"), honest()) as there:
        await there.send()
        assert (await there.send()).path is None
        assert (await there.send()).path is None
        assert (await there.send()).status == 304
    assert there.file.read_bytes() == ZIP


async def test_what_is_unchanged_costs_one_request_and_no_byte(tmp_path: Path) -> None:
    async with place(tmp_path, honest(), honest(), honest()) as there:
        await there.send()
        reply = await there.send()
        assert (reply.status, reply.path, reply.wire) == (304, there.file, 0)
        assert len(there.asked) == 2
        there.file.write_bytes(ZIP[:HALF])
        assert (await there.send()).wire == len(ZIP)
    assert "if-none-match" not in there.asked[2]
    assert there.file.read_bytes() == ZIP


async def test_a_newer_file_takes_the_place_of_the_older_one_whole(tmp_path: Path) -> None:
    newer = zipped(2)
    cut = said(200, newer[:HALF], 'ETag: "2"', length=len(newer))
    async with place(tmp_path, honest(), cut, honest(newer, '"2"')) as there:
        await there.send()
        with pytest.raises(Transient):
            await there.send()
        assert there.file.read_bytes() == ZIP
        assert (await there.send()).wire == len(newer) - HALF
    assert there.file.read_bytes() == newer


async def test_a_whole_partial_that_was_not_moved_is_moved_without_a_byte(tmp_path: Path) -> None:
    """A death between the last byte and the move."""
    async with place(tmp_path, CUT, honest()) as there:
        with pytest.raises(Transient):
            await there.send()
        there.partial.write_bytes(ZIP)
        reply = await there.send()
    assert (reply.path, reply.wire) == (there.file, 0)
    assert there.file.read_bytes() == ZIP
    assert left(tmp_path) == {"all.zip", "all.zip.origin"}


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (said(200, ZIP[:-9] + bytes(9), *VALID), "sent a damaged file: it has no directory"),
        (said(200, ZIP, "Content-Encoding: gzip"), "in the encoding gzip"),
        (said(302, b"", "Location: https://example.org/y"), "redirect to https://example.org/y"),
        (said(304, b""), "answers 304 to a request that named nothing"),
    ],
)
async def test_an_answer_that_is_wrong_leaves_no_file_and_no_partial(
    tmp_path: Path, answer: bytes, complaint: str
) -> None:
    async with place(tmp_path, answer) as there:
        with pytest.raises(Malformed, match=complaint):
            await there.send()
    assert not there.file.exists()
    assert not there.partial.exists()


async def test_the_time_out_is_for_silence_not_for_the_whole(tmp_path: Path) -> None:
    silent = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": '"1"', "Content-Length": str(len(ZIP))})
        await response.prepare(request)
        for i in range(8):
            await response.write(ZIP[i * HALF // 8 : (i + 1) * HALF // 8])
            await asyncio.sleep(0.1)
        if request.path.endswith("silent"):
            await silent.wait()
        await response.write(ZIP[HALF:])
        return response

    async with serving(answer) as base:
        there = Place(home=tmp_path, base=base)
        await there.send(call("steady", into="steady.zip"), total_timeout=0.5)
        with pytest.raises(Transient, match="did not answer in time"):
            await there.send(call("silent", into=INTO), total_timeout=0.5)
        silent.set()
    assert (tmp_path / "steady.zip").read_bytes() == ZIP
    assert there.partial.read_bytes() == ZIP[:HALF]


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_one_sentence_and_what_came_is_kept(tmp_path: Path) -> None:
    async with place(tmp_path, honest(), honest()) as there:
        with at_most(100_000), pytest.raises(StoreError) as caught:
            await there.send()
        assert str(there.file) in str(caught.value)
        assert "free some space" in str(caught.value)
        assert there.partial.read_bytes() == ZIP[:100_000]
        assert (await there.send()).wire == len(ZIP) - 100_000
    assert there.file.read_bytes() == ZIP


async def test_a_body_far_larger_than_planned_is_not_fetched(tmp_path: Path) -> None:
    unstated = honest()({}).replace(b"Content-Length: ", b"X-Length: ")
    async with place(tmp_path, honest(), unstated, honest()) as there:
        for _ in range(2):
            with pytest.raises(OverBudget, match=r"over 3 times the 0\.1 MB of the plan"):
                await there.send(call(into=INTO, size=len(ZIP) // 4))
        assert not there.file.exists()
        await there.send(call(into=INTO, size=len(ZIP) // 2))
    assert there.file.read_bytes() == ZIP


@pytest.mark.parametrize(
    "into", ["/etc/x.zip", "../x.zip", "bulk/../../x.zip", "a\\..\\x.zip", "bulk/\0.zip", "."]
)
async def test_no_path_leads_out_of_the_home(tmp_path: Path, into: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with place(home, honest()) as there:
        with pytest.raises(Malformed, match="is no path within the home"):
            await there.send(call(into=into))
    assert there.asked == []


async def test_a_link_that_leads_out_of_the_home_is_not_followed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "bulk").symlink_to(tmp_path)
    async with place(home, honest()) as there:
        with pytest.raises(Malformed, match="is no path within the home"):
            await there.send()


async def test_the_permit_is_free_once_the_headers_are_there(tmp_path: Path) -> None:
    told = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.wait_for(told.wait(), 5)
        await response.write(ZIP)
        return response

    async with serving(answer) as base:
        client = Http(SystemClock(), reroute=base, home=tmp_path)
        await client.send(call(into=INTO), told.set)
        await client.close()
    assert (tmp_path / INTO).read_bytes() == ZIP


async def test_the_whole_stack_goes_on_after_breaks_and_refusals_and_counts_all_bytes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    torn = said(200, ZIP[:1000], *VALID, length=len(ZIP))
    unavailable = said(503, HTML, "Content-Type: text/html")
    async with place(home, torn, unavailable, honest(), honest()) as there:
        net = stack(tmp_path, there.base, home=home)
        first = await net.send(call(into=INTO))
        second = await net.send(call(into=INTO))
        await net.close()
    assert (first.status, first.attempts, first.wire, first.path) == (200, 3, len(ZIP), there.file)
    assert (second.status, second.attempts, second.wire, second.path) == (304, 1, 0, there.file)
    assert not (tmp_path / "archive").exists()


async def test_the_whole_stack_gives_up_on_what_is_no_zip(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with place(home, *[said(200, b"sorry, no file today")] * 2) as there:
        net = stack(tmp_path, there.base, home=home)
        with pytest.raises(Malformed, match="something else in place of the file") as caught:
            await net.send(call(into=INTO))
        await net.close()
    assert caught.value.requests == 2
    assert not there.file.exists()
