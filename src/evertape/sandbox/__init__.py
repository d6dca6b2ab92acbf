"""A local stand-in for the SEC and price vendors: recorded answers, or a market that knows its truth.

`https://HOST/PATH` is answered at `http://127.0.0.1:PORT/HOST/PATH`. It shares no code with the program
that it serves.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from evertape.sandbox.options import SandboxError, SandboxOptions


def serve(options: SandboxOptions, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is told the URL. Raises SandboxError for bad options."""
    from evertape.sandbox.server import run

    async def until_signal() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await run(options, ready, stop)

    asyncio.run(until_signal())


@contextmanager
def _running(options: SandboxOptions) -> Iterator[str]:
    from evertape.sandbox.child import started, stopped

    child, url = started(options)
    try:
        yield url
    finally:
        stopped(child)


def running(options: SandboxOptions) -> AbstractContextManager[str]:
    """Serve from a child process for as long as the `with` block lasts; gives the URL.

    Raises SandboxError with the child's own sentence where it cannot start.
    """
    return _running(options)


__all__ = ["SandboxError", "SandboxOptions", "running", "serve"]
