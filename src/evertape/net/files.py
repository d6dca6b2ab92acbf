"""Files of this machine as answers: a folder of prices, or a zip, is a source like any other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import unquote, urlsplit

from evertape.clock import Clock
from evertape.errors import Malformed, Transient
from evertape.model.call import Call, Reply, Transport
from evertape.net.received import MOST_BYTES

SCHEME = "file:"


class Files:
    """Answers `file:///FOLDER/NAME` calls, and leaves all others to the layer below.

    Nothing is sent, so that no permit is taken. A file that is not there is a 404.
    """

    def __init__(self, below: Transport, clock: Clock) -> None:
        self._below = below
        self._clock = clock

    async def send(self, call: Call) -> Reply:
        """Answer the call.

        Raises:
            Malformed: the address names another machine, or the file is larger than 1 GiB.
            Transient: the file cannot be read now.
        """
        if not call.url.startswith(SCHEME):
            return await self._below.send(call)
        parts = urlsplit(call.url)
        if parts.netloc not in ("", "localhost"):
            raise Malformed(f"{call.url} names another machine; write it as file:///FOLDER/NAME")
        body = await asyncio.to_thread(_read, Path(unquote(parts.path)))
        return Reply(
            call=call,
            status=404 if body is None else 200,
            headers={},
            body=body or b"",
            wire=0,
            at=self._clock.now(),
            attempts=0,
            origin="file",
        )

    async def close(self) -> None:
        """Close what is below."""
        await self._below.close()


def _read(path: Path) -> bytes | None:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Malformed(f"{path} is larger than 1 GiB")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Transient(
            f"{path} cannot be read ({error.strerror or error}); is it a file of yours?"
        ) from error
