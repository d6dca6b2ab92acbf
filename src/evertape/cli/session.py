"""Opening a home for a verb: the log, Ctrl+C, and running the asynchronous part."""

from __future__ import annotations

import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from evertape.database import Database

T = TypeVar("T")


@contextmanager
def opened(*, read_only: bool = False, log_level: str | None = None) -> Iterator[Database]:
    """The home of the environment, closed at the end; with a log where a level is given."""
    from evertape.database import open_database

    db = open_database(read_only=read_only)
    try:
        if log_level is not None:
            from evertape.engine.journal import journal

            db.on_event = journal(db.settings.home / "log" / "evertape.jsonl", log_level)
        yield db
    finally:
        db.close()


def run(db: Database, work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; the first Ctrl+C (or SIGTERM) lets it stop in order, the second leaves at once."""
    # A command that only reads starts a tenth sooner without it.
    import asyncio

    async def guarded() -> T:
        loop = asyncio.get_running_loop()
        asked = 0

        def on_signal() -> None:
            nonlocal asked
            asked += 1
            if asked > 1:
                os._exit(130)
            db.interrupt()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
        return await work

    return asyncio.run(guarded())
