"""The HTTP server: hosts as the first part of the path, the SEC's manners, faults, and its own pages."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime

from aiohttp import web

from evertape.sandbox import pages
from evertape.sandbox.breaking import NEED_ANSWER, Answer, break_answer
from evertape.sandbox.desk import Desk
from evertape.sandbox.faults import Fault, load_plan
from evertape.sandbox.manners import load_manners
from evertape.sandbox.market import Market
from evertape.sandbox.options import SandboxError, SandboxOptions
from evertape.sandbox.origin import Body, Origin
from evertape.sandbox.recorded import RecordedTree
from evertape.sandbox.recordings import Recordings
from evertape.sandbox.stats import RateWatch, Stats, domain_of
from evertape.sandbox.vendors import Vendors

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NO_STORE = {"Cache-Control": "max-age=0, no-cache, no-store", "Pragma": "no-cache"}
_HTML = "text/html"


class Sandbox:
    """One running sandbox: where answers come from, what is counted, what goes wrong."""

    def __init__(self, options: SandboxOptions) -> None:
        options.check()
        self._plan = load_plan(options)
        self._market = Market(options.market, options.seed, options.today) if options.market else None
        self._origin: Origin | None = self._market
        if options.data is not None:
            self._origin = RecordedTree(options.data)
        self._stats = Stats()
        self._watch = RateWatch(options.limit, options.block_seconds)
        self._builder = ThreadPoolExecutor(max_workers=1)
        self._closed = False
        profiles = self._market.profiles if self._market else ()
        settings = load_manners(options.vendors)
        vendors = Vendors(profiles, options.seed, options.today, options.contracts, settings)
        self._desk = Desk(vendors, Recordings(options.recordings) if options.recordings else None)

    def app(self) -> web.Application:
        """The application to run."""
        app = web.Application(client_max_size=1 << 16)
        app.router.add_get("/_sandbox/stats", self._show_stats)
        app.router.add_post("/_sandbox/reset", self._reset)
        app.router.add_get("/_sandbox/truth", self._truth)
        app.router.add_get("/_sandbox/companies", self._companies)
        app.router.add_post("/_sandbox/today", self._set_today)
        app.router.add_get("/_sandbox/vendors", self._desk.settings)
        app.router.add_post("/_sandbox/vendors", self._desk.settings)
        app.router.add_route("*", "/{rest:.*}", self._serve)
        return app

    def warm(self) -> None:
        """Begin what the first requests will need; returns at once."""
        if self._market is not None:
            self._builder.submit(self._warm_on, self._market)

    def close(self) -> None:
        """Begin nothing new."""
        self._closed = True

    def _warm_on(self, market: Market) -> None:
        """One piece, then whatever was asked for meanwhile, then the next."""
        if market.warm() and not self._closed:
            self._builder.submit(self._warm_on, market)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        arrived = time.monotonic()
        host, _, path = request.path.lstrip("/").partition("/")
        if host == "_sandbox":
            raise web.HTTPNotFound(text=f"the sandbox has no page {request.path}")
        self._stats.arrived(host, path, arrived)
        sec = domain_of(host) == "sec.gov"
        if sec and self._watch.refuses(arrived):
            return self._send(request, host, path, _page(403, pages.threshold(path)))
        if sec and not _EMAIL.search(request.headers.get("User-Agent", "")):
            return self._send(request, host, path, _page(403, pages.undeclared(path)))
        fault = self._plan.choose(host, path)
        answer: Answer | None = Answer(status=200, content=b"", content_type=_HTML)
        if fault is None or fault.kind in NEED_ANSWER:
            answer = await self._desk.recorded(request, host, path)
            if answer is None and self._desk.serves(host) and not self._kept(host, path):
                answer = await self._desk.answer(request, host, path, arrived)
                fault = Fault(kind="reset") if answer is None else fault
            elif answer is None:
                answer = await self._answer(request, host, path)
        answer = answer or Answer(status=200, content=b"", content_type=_HTML)
        if fault is not None:
            broken = await break_answer(request, fault, answer)
            self._stats.sent(host, path, broken.label, broken.size)
            return broken.response
        return self._send(request, host, path, answer)

    def _kept(self, host: str, path: str) -> bool:
        """Whether a recorded tree holds the page of a vendor, which it then serves itself."""
        tree = self._origin if self._market is None else None
        return tree is not None and tree.fetch(host, path) is not None

    async def _answer(self, request: web.Request, host: str, path: str) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return _page(405, b"<html><body>Method Not Allowed</body></html>")
        if self._origin is None:
            return _absent(host, path)
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(self._builder, self._origin.fetch, host, path)
        if body is None:
            return _absent(host, path)
        return _present(request, host, body)

    def _send(self, request: web.Request, host: str, path: str, answer: Answer) -> web.Response:
        size = 0 if request.method == "HEAD" else len(answer.content)
        self._stats.sent(host, path, str(answer.status), size)
        return answer.response()

    async def _show_stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self._stats.summary())

    async def _reset(self, _request: web.Request) -> web.Response:
        self._stats.clear()
        self._watch.clear()
        self._plan.clear()
        self._desk.clear()
        return web.json_response({"reset": True})

    async def _companies(self, _request: web.Request) -> web.Response:
        return web.json_response(self._generated().companies())

    async def _truth(self, request: web.Request) -> web.StreamResponse:
        if "kind" in request.query:
            return await self._desk.truth(request)
        cik, symbol = request.query.get("cik"), request.query.get("symbol")
        truth = self._generated().truth(cik=cik, symbol=symbol)
        if truth is None:
            raise web.HTTPNotFound(text=f"the market has no company {cik or symbol}")
        return web.json_response(truth)

    async def _set_today(self, request: web.Request) -> web.Response:
        market = self._generated()
        try:
            market.today = date.fromisoformat(request.query.get("date", ""))
        except ValueError as error:
            raise web.HTTPBadRequest(text="give the new day as ?date=YYYY-MM-DD") from error
        await self._desk.move(market.today)
        return web.json_response({"today": market.today.isoformat()})

    def _generated(self) -> Market:
        if self._market is None:
            raise web.HTTPNotFound(text="this sandbox serves a recorded tree; only --market knows its truth")
        return self._market


def _page(status: int, html: bytes) -> Answer:
    return Answer(status=status, content=html, content_type=_HTML, headers=dict(_NO_STORE))


def _absent(host: str, path: str) -> Answer:
    if host == "data.sec.gov":
        return Answer(
            status=404,
            content=pages.no_such_key(path),
            content_type="application/xml",
            headers=dict(_NO_STORE),
        )
    if host == "www.sec.gov" and path.startswith("Archives/"):
        return Answer(
            status=403, content=pages.access_denied(path), content_type="application/xml", headers={}
        )
    return Answer(status=404, content=b"404: Not Found", content_type="text/plain", headers={})


def _present(request: web.Request, host: str, body: Body) -> Answer:
    headers: dict[str, str] = {"Vary": "Accept-Encoding"}
    if host == "data.sec.gov":
        headers.update(_NO_STORE)
    else:
        content = body.gz if body.gz is not None else body.plain or b""
        headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers["Accept-Ranges"] = "bytes"
        if body.modified is not None:
            headers["Last-Modified"] = format_datetime(body.modified, usegmt=True)
        if _unchanged(request, headers["ETag"], body.modified):
            return Answer(status=304, content=b"", content_type=body.content_type, headers=headers)
        span = _range(request, body) if _still(request, headers) else None
        if span is not None:
            return _partial(body, span, headers)
    if body.gz is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Answer(status=200, content=body.gz, content_type=body.content_type, headers=headers)
    return Answer(status=200, content=body.unzipped(), content_type=body.content_type, headers=headers)


def _unchanged(request: web.Request, etag: str, modified: datetime | None) -> bool:
    if (asked := request.headers.get("If-None-Match")) is not None:
        return asked == "*" or etag in (tag.strip().removeprefix("W/") for tag in asked.split(","))
    since = request.headers.get("If-Modified-Since")
    if since is None or modified is None:
        return False
    try:
        return modified <= parsedate_to_datetime(since).astimezone(UTC)
    except ValueError:
        return False


def _still(request: web.Request, headers: dict[str, str]) -> bool:
    """Whether If-Range names the body that is there; only then a part of it is of use."""
    asked = request.headers.get("If-Range")
    return asked is None or asked in (headers["ETag"], headers.get("Last-Modified"))


def _range(request: web.Request, body: Body) -> tuple[int, int] | None:
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
    if asked is None or asked[0] == "bytes=-":
        return None
    size = len(body.unzipped())
    if not asked[1]:
        return max(0, size - int(asked[2])), size
    last = int(asked[2]) + 1 if asked[2] else size
    return int(asked[1]), min(last, size)


def _partial(body: Body, span: tuple[int, int], headers: dict[str, str]) -> Answer:
    content = body.unzipped()
    first, stop = span
    if first >= stop:
        headers["Content-Range"] = f"bytes */{len(content)}"
        return Answer(status=416, content=b"", content_type=body.content_type, headers=headers)
    headers["Content-Range"] = f"bytes {first}-{stop - 1}/{len(content)}"
    return Answer(status=206, content=content[first:stop], content_type=body.content_type, headers=headers)


async def run(options: SandboxOptions, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve on 127.0.0.1 until `stop` is set. Raises SandboxError where the port is taken."""
    sandbox = Sandbox(options)
    sys.setswitchinterval(0.0005)  # a body being built must not delay the time of the next arrival
    runner = web.AppRunner(
        sandbox.app(), access_log=None, handle_signals=False, handler_cancellation=True, shutdown_timeout=0.2
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", options.port)
        try:
            await site.start()
        except OSError as error:
            message = f"cannot listen on 127.0.0.1:{options.port} ({error.strerror}); give another --port"
            raise SandboxError(message) from error
        sandbox.warm()
        ready(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await stop.wait()
        sandbox.close()
    finally:
        await runner.cleanup()
