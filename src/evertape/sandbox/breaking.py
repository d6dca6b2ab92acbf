"""Sending an answer wrongly: the faults that a fault plan chose, done to one connection."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web

from evertape.sandbox import pages
from evertape.sandbox.faults import Fault, wrong_types

_CUTS = ("close", "chunked", "length")
_FOREVER = 3600.0
NEED_ANSWER = frozenset({"cut", "slow", "slow_body", "wrong_types"})
"""Faults that begin with the right answer."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer, before anything goes wrong with it."""

    status: int
    content: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        """The answer as aiohttp sends it."""
        response = web.Response(status=self.status, body=self.content, headers=self.headers)
        response.content_type = self.content_type
        return response


@dataclass(frozen=True, kw_only=True)
class Broken:
    """What was sent: how to count it (a status or the name of the fault) and the body's bytes."""

    label: str
    size: int
    response: web.StreamResponse


async def break_answer(request: web.Request, fault: Fault, answer: Answer) -> Broken:
    """Send `answer` as `fault` wants it sent."""
    if fault.kind in ("slow", "timeout"):
        await asyncio.sleep(_FOREVER if fault.seconds is None else fault.seconds)
        if fault.kind == "timeout":
            return _aborted(request, fault.kind)
        return _whole(answer)
    if fault.kind == "reset":
        return _aborted(request, fault.kind)
    if fault.kind == "cut":
        return await _cut(request, fault, answer)
    if fault.kind == "slow_body":
        return await _slow_body(request, fault, answer)
    return _whole(_replaced(request, fault, answer))


def _replaced(request: web.Request, fault: Fault, answer: Answer) -> Answer:
    path = request.path
    if fault.kind == "status":
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if fault.code == 429:
            return Answer(
                status=429, content=b"Too Many Requests", content_type="text/plain", headers=headers
            )
        return Answer(
            status=fault.code, content=pages.unavailable(path), content_type="text/html", headers=headers
        )
    if fault.kind == "undeclared":
        return Answer(status=403, content=pages.undeclared(path), content_type="text/html")
    if fault.kind == "threshold":
        return Answer(status=403, content=pages.threshold(path), content_type="text/html")
    if fault.kind == "html200":
        return Answer(status=200, content=pages.unavailable(path), content_type="text/html")
    if answer.status != 200 or answer.content_type != "application/json":
        return answer
    zipped = answer.headers.get("Content-Encoding") == "gzip"
    wrong = wrong_types(gzip.decompress(answer.content) if zipped else answer.content, path)
    content = gzip.compress(wrong, 1) if zipped else wrong
    return Answer(status=200, content=content, content_type=answer.content_type, headers=answer.headers)


def _whole(answer: Answer) -> Broken:
    return Broken(label=str(answer.status), size=len(answer.content), response=answer.response())


def _aborted(request: web.Request, label: str, size: int = 0) -> Broken:
    if request.transport is not None:
        request.transport.abort()
    return Broken(label=label, size=size, response=web.Response())


async def _cut(request: web.Request, fault: Fault, answer: Answer) -> Broken:
    mode = fault.mode or _CUTS[sum(request.path.encode()) % len(_CUTS)]
    # Written by hand, because the framework would not send a body that ends early.
    half = answer.content[: len(answer.content) // 2]
    headers = {"Content-Type": answer.content_type, **answer.headers, "Connection": "close"}
    if mode == "chunked":
        headers["Transfer-Encoding"] = "chunked"
        half = b"%x\r\n%s\r\n0\r\n\r\n" % (len(half), half)
    elif mode == "length":
        headers["Content-Length"] = str(len(answer.content))
    reason = HTTPStatus(answer.status).phrase
    head = f"HTTP/1.1 {answer.status} {reason}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    if request.transport is not None:
        request.transport.write(head.encode() + b"\r\n" + half)
        request.transport.close()
    return Broken(label="cut", size=len(half), response=web.Response())


async def _slow_body(request: web.Request, fault: Fault, answer: Answer) -> Broken:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = answer.content_type
    response.content_length = len(answer.content)
    await response.prepare(request)
    half = len(answer.content) // 2
    await response.write(answer.content[:half])
    await asyncio.sleep(fault.seconds or 1.0)
    await response.write(answer.content[half:])
    await response.write_eof()
    return Broken(label=str(answer.status), size=len(answer.content), response=response)
