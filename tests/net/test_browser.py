"""The wire that shakes hands as a browser does, against a server of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from evertape.clock import SystemClock
from evertape.errors import Malformed, Transient
from evertape.model.call import Call, Reply
from evertape.net.browser import Browser, ByHost


@asynccontextmanager
async def server() -> AsyncIterator[tuple[str, list[web.Request]]]:
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        if request.path == "/away":
            raise web.HTTPFound("/elsewhere")
        status = 429 if request.path == "/busy" else 200
        return web.Response(text="ok", status=status, headers={"Set-Cookie": "A3=abc; Path=/"})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    finally:
        await runner.cleanup()


def call(url: str, **more: object) -> Call:
    return Call(source="yahoo", feed="", url=url, headers={"User-Agent": "mine"}, **more)  # type: ignore[arg-type]


async def test_one_call_is_one_request_with_a_browsers_own_name_and_no_cookie_kept() -> None:
    arrived: list[int] = []
    async with server() as (base, seen):
        wire = Browser(SystemClock())
        try:
            first = await wire.send(call(f"{base}/a", query={"crumb": "x/y"}), lambda: arrived.append(1))
            second = await wire.send(call(f"{base}/busy"))
        finally:
            await wire.close()
    assert (first.status, first.body, first.headers["set-cookie"]) == (200, b"ok", "A3=abc; Path=/")
    assert (second.status, len(seen), arrived) == (429, 2, [1])
    assert all("Chrome/" in request.headers["User-Agent"] for request in seen)
    assert "Cookie" not in seen[1].headers
    assert seen[0].query["crumb"] == "x/y"


async def test_a_redirect_is_not_followed_and_no_connection_is_a_passing_fault() -> None:
    async with server() as (base, seen):
        wire = Browser(SystemClock(), connect_timeout=1.0, total_timeout=2.0)
        try:
            with pytest.raises(Malformed, match="redirect to /elsewhere"):
                await wire.send(call(f"{base}/away"))
        finally:
            await wire.close()
        assert len(seen) == 1
    gone = Browser(SystemClock(), connect_timeout=1.0, total_timeout=2.0)
    try:
        with pytest.raises(Transient, match="could not be fetched"):
            await gone.send(call(base))
    finally:
        await gone.close()


async def test_only_sources_that_want_a_browser_get_it() -> None:
    class Named:
        def __init__(self, name: str) -> None:
            self.name, self.closed = name, False

        async def send(self, call: Call, arrived: object = None) -> Reply:
            return Reply(
                call=call, status=200, headers={}, body=self.name.encode(), wire=0, at=SystemClock().now()
            )

        async def close(self) -> None:
            self.closed = True

    plain, browser = Named("plain"), Named("browser")
    wire = ByHost(plain, browser, {"yahoo"})
    assert (await wire.send(call("https://a/"))).body == b"browser"
    assert (await wire.send(Call(source="sec", feed="", url="https://a/"))).body == b"plain"
    await wire.close()
    assert plain.closed
    assert browser.closed
