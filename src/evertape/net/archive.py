"""Bodies as received, kept so that everything can be derived again without a request."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from evertape.errors import Malformed
from evertape.model.call import Call, Reply, Transport
from evertape.net.received import WireReply
from evertape.net.shelf import Kept, Shelf

__all__ = ["SCHEME", "Archive", "Kept", "Shelf"]

SCHEME = "archive:"


class Archive:
    """Keeps answers that are asked to be kept, and answers `archive:` calls and 304s from them.

    Only answers that the layers below let through are kept: status 200 and no refusal.
    """

    def __init__(self, below: Transport, shelf: Shelf | None) -> None:
        self._below = below
        self._shelf = shelf

    async def send(self, call: Call) -> Reply:
        """Answer from the wire or, for an address `archive:https://...`, from what is kept.

        Raises:
            Malformed: what is asked for is not in the archive, or damaged there.
            StoreError: the archive cannot be written.
        """
        if call.url.startswith(SCHEME):
            return await self._recall(call, call.url.removeprefix(SCHEME))
        reply = await self._below.send(call)
        if reply.status == 304 and not call.into:
            reply = await self._unchanged(call, reply)
        elif self._shelf and call.archive and reply.status == 200:
            await asyncio.to_thread(self._shelf.put, reply)
        return replace(reply, raw=b"") if isinstance(reply, WireReply) else reply

    async def close(self) -> None:
        """Close what is below, and the index."""
        await self._below.close()
        if self._shelf:
            self._shelf.close()

    def urls(self, feed: str) -> list[Kept]:
        """The latest answer kept of each address of a feed."""
        return self._shelf.urls(feed) if self._shelf else []

    async def _recall(self, call: Call, url: str) -> Reply:
        kept = await asyncio.to_thread(self._shelf.find, url, call.feed) if self._shelf else None
        if self._shelf is None or kept is None:
            raise Malformed(
                f"the archive holds no answer of {url} for {call.feed}; fetch it with: evertape refresh"
            )
        return Reply(
            call=call,
            status=kept.status,
            headers=kept.headers,
            body=await asyncio.to_thread(self._shelf.body, kept),
            wire=kept.wire,
            at=kept.fetched_at,
            attempts=0,
            origin="archive",
        )

    async def _unchanged(self, call: Call, reply: Reply) -> Reply:
        """The kept body for a 304, as of now; asked again in full where that body is no good."""
        try:
            kept = await self._recall(call, call.url)
        except Malformed:
            whole = await self._below.send(replace(call, conditional=False))
            if self._shelf and call.archive and whole.status == 200:
                await asyncio.to_thread(self._shelf.put, whole)
            return replace(whole, call=call, attempts=whole.attempts + reply.attempts)
        return replace(
            kept,
            at=reply.at,
            wire=reply.wire,
            attempts=reply.attempts,
            elapsed=reply.elapsed,
            origin="wire",
        )
