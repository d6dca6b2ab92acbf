"""Opening a home for a verb: the log, Ctrl+C, and running the asynchronous part."""

from __future__ import annotations

import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

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


_STOPS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, Ctrl+C (or SIGTERM) aborts at once, also inside `run`: for asking a person."""
    before = {number: signal.getsignal(number) for number in _STOPS}
    for number in _STOPS:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        # A task that ends by KeyboardInterrupt itself complains of it once more when it is forgotten.
        raise click.Abort from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(db: Database, work: Coroutine[Any, Any, T], *, in_order: bool = True) -> T:
    """Run `work`; the first Ctrl+C (or SIGTERM) lets it stop in order, the second leaves at once.

    Args:
        in_order: False for work that is no job and has nothing to bring to an end: the first leaves it.
    """
    # A command that only reads starts a tenth sooner without it.
    import asyncio

    async def guarded() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        asked = 0

        def on_signal() -> None:
            nonlocal asked
            asked += 1
            if asked > 1:
                os._exit(130)
            if in_order or task is None:
                db.interrupt()
            else:
                task.cancel()

        for number in _STOPS:
            loop.add_signal_handler(number, on_signal)
        return await work

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
