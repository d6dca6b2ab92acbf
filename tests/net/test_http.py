"""The wire: what a server does wrong becomes one clear error, and nothing is sent unseen."""

from __future__ import annotations

import asyncio
import gzip
import random
from typing import Any

import pytest
from aiohttp import web

from evertape.clock import ManualClock, SystemClock
from evertape.errors import Malformed, Transient
from evertape.net.http import Http
from evertape.net.received import gunzip
from tests.net.world import START, call, serving, serving_bytes

BODY = b'{"facts": "' + b"0123456789" * 200 + b'"}'
ZIPPED = gzip.compress(BODY)
URL = "https://example.org/x"


def http(base: str, **more: Any) -> Http:
    return Http(SystemClock(), reroute=base, **more)


def plain(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode() + body


async def said(answer: bytes, *, reset: bool = False) -> Exception:
    """The error of a server that sends these bytes and hangs up."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if not reset:
            writer.write_eof()
            await asyncio.sleep(0.05)

    async with serving_bytes(connection) as base:
        client = http(base)
        try:
            with pytest.raises((Transient, Malformed)) as caught:
                await client.send(call())
        finally:
            await client.close()
    assert URL in str(caught.value)
    return caught.value


async def test_a_gzipped_answer_is_decoded_and_counted_as_on_the_wire() -> None:
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(body=ZIPPED, headers={"Content-Encoding": "gzip", "ETag": '"7"'})

    async with serving(answer) as base:
        clock = ManualClock(START)
        client = Http(clock, reroute=base)
        reply = await client.send(call("a/b.json?c=d", headers={"User-Agent": "Jane j@example.org"}))
        await client.close()
    assert (reply.body, reply.wire, reply.raw) == (BODY, len(ZIPPED), ZIPPED)
    assert (reply.status, reply.headers["etag"], reply.at) == (200, '"7"', START)
    assert seen[0].path_qs == "/example.org/a/b.json?c=d"
    assert seen[0].headers["User-Agent"] == "Jane j@example.org"


async def test_a_large_body_comes_out_the_same_off_the_event_loop() -> None:
    body = random.Random(1).randbytes(900_000)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(body, 1), headers={"Content-Encoding": "gzip"})

    async with serving(answer) as base:
        client = http(base)
        assert (await client.send(call())).body == body
        await client.close()


async def test_a_missing_file_is_an_answer() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=404, text="<?xml?>")

    async with serving(answer) as base:
        client = http(base)
        reply = await client.send(call())
        await client.close()
    assert (reply.status, reply.body) == (404, b"<?xml?>")


async def test_a_cut_off_gzip_stream_is_transient() -> None:
    half = ZIPPED[: len(ZIPPED) // 2]
    error = await said(plain("Content-Encoding: gzip", f"Content-Length: {len(half)}", body=half))
    assert isinstance(error, Transient)
    assert "cut off" in str(error)


async def test_a_damaged_gzip_stream_is_transient() -> None:
    error = await said(
        plain("Content-Encoding: gzip", "Content-Length: 30", body=b"\x1f\x8b\x08" + b"\xff" * 27)
    )
    assert isinstance(error, Transient)


async def test_a_body_shorter_than_promised_is_transient() -> None:
    error = await said(plain("Content-Length: 5000", body=BODY[:100]))
    assert isinstance(error, Transient)
    assert str(error) == f"the answer of {URL} is cut off"


async def test_a_reset_is_transient() -> None:
    error = await said(b"", reset=True)
    assert isinstance(error, Transient)
    assert str(error).startswith(f"the connection was dropped before {URL} answered")


async def test_an_answer_that_is_not_http_is_transient() -> None:
    assert isinstance(await said(b"220 mail.example.org ready\r\n\r\n"), Transient)


async def test_a_redirect_is_not_followed_and_names_its_target() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: https://example.com/new\r\nContent-Length: 0\r\n\r\n"
    error = await said(moved)
    assert isinstance(error, Malformed)
    assert "https://example.com/new" in str(error)


async def test_an_encoding_nobody_asked_for_is_malformed() -> None:
    error = await said(plain("Content-Encoding: br", "Content-Length: 3", body=b"abc"))
    assert isinstance(error, Malformed)
    assert "br" in str(error)


async def test_a_server_that_does_not_answer_times_out() -> None:
    async def answer(_request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async with serving(answer) as base:
        client = http(base, total_timeout=0.1)
        with pytest.raises(Transient, match=r"https://example\.org/x did not answer in time"):
            await client.send(call())
        await client.close()


async def test_without_a_network_the_message_says_so() -> None:
    client = http("http://127.0.0.1:9")
    with pytest.raises(Transient, match=r"no connection to example\.org .* is there a network\?"):
        await client.send(call())
    await client.close()
    client = http("http://nowhere.invalid")
    with pytest.raises(Transient, match=r"is there a network\?"):
        await client.send(call())
    await client.close()


async def test_a_dropped_kept_connection_is_not_sent_again_unseen() -> None:
    """Each connection answers one request, promises to stay, and drops the next one unanswered."""
    requests: list[int] = []

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        requests.append(1)
        writer.write(plain("Content-Length: 2", "Connection: keep-alive", body=b"{}"))
        await reader.readuntil(b"\r\n\r\n")
        requests.append(2)

    async with serving_bytes(connection) as base:
        client = http(base)
        outcomes: list[str] = []
        for sends in range(1, 7):
            try:
                await client.send(call())
                outcomes.append("answered")
            except Transient as error:
                outcomes.append(str(error).split(" before")[0])
            assert len(requests) == sends
        await client.close()
    assert outcomes == ["answered", "the connection was dropped"] * 3


async def test_headers_are_told_before_the_body_is_read() -> None:
    told = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.wait_for(told.wait(), 5)
        await response.write(b"{}")
        return response

    async with serving(answer) as base:
        client = http(base)
        reply = await client.send(call(), told.set)
        await client.close()
    assert reply.body == b"{}"


@pytest.mark.parametrize("members", [1, 3])
def test_all_members_of_a_gzip_stream_are_read(members: int) -> None:
    assert gunzip(ZIPPED * members, URL) == BODY * members


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 60_000
    with pytest.raises(Malformed, match="unpacks to more than 1000000 bytes"):
        gunzip(bomb, URL, most=1_000_000)
    with pytest.raises(Malformed, match="unpacks to more than 1000000 bytes"):
        gunzip(gzip.compress(bytes(600_000)) * 2, URL, most=1_000_000)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nonsense", "https://"])
async def test_an_address_that_cannot_be_fetched_is_refused(url: str) -> None:
    with pytest.raises(Malformed, match="is not an address that can be fetched"):
        await http("http://127.0.0.1:9").send(call(url=url))
