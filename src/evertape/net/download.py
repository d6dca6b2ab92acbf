"""A large body onto disk: streamed, gone on with after a break, verified, moved into place whole."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evertape.errors import Malformed, OverBudget, Transient
from evertape.model.call import Call
from evertape.model.events import Arriving, Emit
from evertape.net.landing import Landing, Origin, said

if TYPE_CHECKING:
    import aiohttp

FAR = 3
"""A body of more than this many times its planned bytes is not fetched."""
CHUNK = 1 << 18
TOLD = 4_000_000
"""Bytes after which it is told anew how far a body is."""
_PEEK = 64
"""Bytes by which a page for people is told from the file."""
_MOST_PAGE = 1 << 20
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass
class Received:
    """Bytes of a body that have come, counted while they come."""

    bytes: int = 0


class Download:
    """One request for a body that goes to disk: what to ask, and what to do with the answer."""

    def __init__(self, call: Call, landing: Landing, received: Received, emit: Emit) -> None:
        self._call = call
        self._landing = landing
        self._received = received
        self._emit = emit
        self._known, self._have = landing.known(call.url)

    @property
    def headers(self) -> dict[str, str]:
        """Request headers: only the rest of what is there, or only something newer."""
        plain = {"Accept-Encoding": "identity"}
        if self._known is None:
            return plain
        if self._have is None:
            return {**plain, **self._known.conditions}
        return {**plain, "Range": f"bytes={self._have}-", "If-Range": self._known.validator}

    async def take(self, response: aiohttp.ClientResponse, headers: Mapping[str, str]) -> bytes | None:
        """Take the answer's body: None once the file lies in place, the body where it is no such file.

        Args:
            headers: of the answer, names in lower case.

        Raises:
            Transient: the rest may come another time; what has come is kept where it can be gone on with.
            Malformed: the answer is not what was asked for. OverBudget: it is far larger than planned.
            StoreError: the disk is full or the place not writable.
        """
        if response.status == 304:
            await self._unchanged()
            return None
        if response.status == 416:
            self._landing.discard()
            raise Transient(f"{self._call.url} has no such rest any more; it is fetched from its beginning")
        if response.status not in (200, 206):
            return await self._page(response, b"")
        encoding = headers.get("content-encoding", "identity").lower()
        if encoding not in ("identity", ""):
            raise Malformed(f"{self._call.url} answers in the encoding {encoding}, which was not asked for")
        if response.status == 206:
            origin, start = self._rest(headers), self._have or 0
            head = b""
        else:
            origin, start = said(self._call.url, headers, response.content_length), 0
            head = await _first(response)
            if not self._landing.fits(head):
                return await self._page(response, head)
        self._afford(origin.length)
        file = self._landing.go_on(start) if start else self._landing.begin(origin)
        try:
            size = await self._stream(response, file, head, (start, origin.length))
        finally:
            os.close(file)
        await self._complete(origin, size)
        return None

    async def _unchanged(self) -> None:
        if self._known is None or self._have is not None:
            raise Malformed(f"{self._call.url} answers 304 to a request that named nothing")
        if self._landing.is_partial(self._known):
            await self._complete(self._known, self._known.length)

    def _rest(self, headers: Mapping[str, str]) -> Origin:
        """What a 206 is a part of. A part that does not follow what is there must not be appended."""
        found = _RANGE.fullmatch(headers.get("content-range", ""))
        known = self._known
        if found and known and int(found[1]) == self._have:
            length = known.length if found[3] == "*" else int(found[3])
            origin = said(self._call.url, headers, length)
            if origin.same(known):
                return Origin(
                    url=known.url,
                    etag=origin.etag or known.etag,
                    modified=origin.modified or known.modified,
                    length=length,
                )
        self._landing.discard()
        raise Transient(f"{self._call.url} sent another part than the rest; it is fetched from its beginning")

    def _afford(self, bytes_: int | None) -> None:
        planned = self._call.size
        if planned and bytes_ and bytes_ > FAR * planned:
            raise OverBudget(
                f"{self._call.url} has {bytes_ / 1e6:.1f} MB, over {FAR} times the {planned / 1e6:.1f} MB "
                "of the plan; check again for a new plan"
            )

    async def _stream(
        self, response: aiohttp.ClientResponse, file: int, head: bytes, place: tuple[int, int | None]
    ) -> int:
        """Write as it comes; returns the partial's bytes.

        Args:
            place: bytes that were there, and those of the whole.
        """
        size, total = place
        told = size
        if head:
            self._received.bytes += len(head)
            self._landing.write(file, head)
            size += len(head)
        async for chunk in response.content.iter_chunked(CHUNK):
            self._received.bytes += len(chunk)
            size += len(chunk)
            self._afford(size)
            # Not in a thread: a cancelled wait would leave it writing to a file that is closed.
            self._landing.write(file, chunk)
            if size - told >= TOLD:
                told = size
                self._emit(Arriving(label=self._call.label or self._call.url, bytes=size, total=total))
        return size

    async def _complete(self, origin: Origin, size: int | None) -> None:
        if origin.length is not None and size is not None and size < origin.length:
            raise Transient(f"the answer of {self._call.url} is cut off")
        wrong = await asyncio.to_thread(self._landing.damage)
        if origin.length is None and wrong:
            raise Transient(f"the answer of {self._call.url} is cut off: it {wrong}")
        if wrong or size != (origin.length or size):
            self._landing.discard()
            raise Malformed(f"{self._call.url} sent a damaged file: it {wrong or 'is longer than stated'}")
        await asyncio.to_thread(self._landing.finish, origin)

    async def _page(self, response: aiohttp.ClientResponse, head: bytes) -> bytes:
        """The body of an answer that is no file: a refusal, an error."""
        parts, size = [head], len(head)
        async for chunk in response.content.iter_any():
            parts.append(chunk)
            size += len(chunk)
            if size > _MOST_PAGE:
                break
        body = b"".join(parts)
        self._received.bytes += len(body)
        return body


async def _first(response: aiohttp.ClientResponse) -> bytes:
    """The first bytes of a body, a few more than asked for, fewer only where it ends."""
    head = b""
    while len(head) < _PEEK and (chunk := await response.content.read(CHUNK)):
        head += chunk
    return head
