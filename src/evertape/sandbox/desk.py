"""The vendors behind the HTTP server: requests in, answers out, and the sandbox's own pages about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from evertape.sandbox.breaking import Answer
from evertape.sandbox.options import SandboxError
from evertape.sandbox.origin import JSON
from evertape.sandbox.recordings import Recordings
from evertape.sandbox.vendors import KINDS, Vendors
from evertape.sandbox.wire import Call, Reply

Found = TypeVar("Found")
_LINES = "application/x-ndjson"


class Desk:
    """Serves vendors from a thread of its own, so that a long filing of the SEC's delays none of them."""

    def __init__(self, vendors: Vendors, recordings: Recordings | None) -> None:
        self._vendors = vendors
        self._recordings = recordings
        self._thread = ThreadPoolExecutor(max_workers=1)

    def serves(self, host: str) -> bool:
        """True for a vendor's host."""
        return self._vendors.of(host) is not None

    async def recorded(self, request: web.Request, host: str, path: str) -> Answer | None:
        """The recorded answer to a request, or None where there is none."""
        if self._recordings is None:
            return None
        call = Call(
            method=request.method,
            host=host,
            path=path,
            query=dict(request.query),
            headers={},
            form=b"",
            at=0.0,
        )
        reply = await self._elsewhere(self._recordings.find, call)
        return _answer(reply) if reply is not None else None

    async def answer(self, request: web.Request, host: str, path: str, arrived: float) -> Answer | None:
        """The vendor's answer; None for a connection reset. `arrived` is monotonic."""
        form = await request.read() if request.can_read_body else b""
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = dict(request.query)
        call = self._vendors.take(
            Call(method=request.method, host=host, path=path, query=query, headers=headers, form=form, at=0.0)
        )
        reply = self._vendors.turned_away(call, arrived)
        if reply is None:
            reply = await self._elsewhere(self._vendors.answer, call)
        return _answer(reply) if reply.status else None

    async def move(self, today: date) -> None:
        """Let another day be today."""
        await self._elsewhere(self._vendors.move, today)

    def clear(self) -> None:
        """Count requests anew."""
        self._vendors.clear()
        if self._recordings is not None:
            self._recordings.clear()

    async def settings(self, request: web.Request) -> web.Response:
        """Show the settings, after those that a POST brings are taken over."""
        if request.method == "POST":
            try:
                given = msgspec.json.decode(await request.read())
                await self._elsewhere(self._vendors.settle, given)
            except (msgspec.DecodeError, SandboxError) as error:
                raise web.HTTPBadRequest(text=str(error)) from error
        return web.json_response(self._vendors.settings())

    async def truth(self, request: web.Request) -> web.StreamResponse:
        """The truth of one listing, or a line for each of them with `all=1`."""
        kind, symbol = request.query["kind"], request.query.get("symbol", "")
        if kind not in KINDS:
            raise web.HTTPBadRequest(text=f"kind {kind!r} is none of {', '.join(KINDS)}")
        listings = self._vendors.world.listings
        if not request.query.get("all"):
            if symbol not in listings:
                raise web.HTTPNotFound(text=f"the market has no symbol {symbol}")
            body = await self._elsewhere(self._line, symbol, kind)
            return web.Response(body=body, content_type=JSON)
        response = web.StreamResponse()
        response.content_type = _LINES
        await response.prepare(request)
        for name in sorted(listings):
            await response.write(await self._elsewhere(self._line, name, kind) + b"\n")
        await response.write_eof()
        return response

    def _line(self, symbol: str, kind: str) -> bytes:
        return msgspec.json.encode(self._vendors.truth(self._vendors.world.listings[symbol], kind))

    async def _elsewhere(self, work: Callable[..., Found], *given: Any) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)


def _answer(reply: Reply) -> Answer:
    return Answer(
        status=reply.status,
        content=reply.content,
        content_type=reply.content_type,
        headers=dict(reply.headers),
    )
