"""Live progress, folded from events: done, failed, rate, time left, what is on the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape

from evertape.cli.options import duration, megabytes
from evertape.model.events import (
    Arriving,
    CircuitMoved,
    Event,
    ItemFailed,
    ItemSettled,
    ItemStarted,
    JobStarted,
    Retrying,
    Waiting,
    WorkersSeen,
)

if TYPE_CHECKING:
    from rich.console import Console

    from evertape.database import Database

PLAIN_EVERY = 5.0
"""Seconds between two lines where stderr is no terminal."""


class Progress:
    """A fold over events; `line` renders it."""

    def __init__(self) -> None:
        self.total = self.done = self.failed = self.fetched = 0
        self.flying: dict[int, str] = {}
        self.trouble = self.arriving = ""
        self.started = time.monotonic()

    def fold(self, event: Event) -> None:
        """Take one event into account."""
        if isinstance(event, JobStarted):
            self.total, self.started = event.total, time.monotonic()
            self.done = self.failed = 0
            self.arriving = ""
        elif isinstance(event, ItemStarted):
            self.flying[event.position] = event.label
        elif isinstance(event, ItemSettled):
            self.flying.pop(event.position, None)
            self.done += 1
            self.fetched += event.fetched
        elif isinstance(event, ItemFailed):
            self.flying.pop(event.position, None)
            self.failed += 1
        elif isinstance(event, Arriving):
            of = f" of {megabytes(event.total)}" if event.total else ""
            self.arriving = f"; {megabytes(event.bytes)}{of} of {event.label} are here"
        elif isinstance(event, WorkersSeen):
            self.flying = {w.worker: w.current for w in event.workers if w.current}
        elif isinstance(event, Waiting):
            self.trouble = f"{event.source}: {event.reason}; waiting {duration(event.seconds)}"
        elif isinstance(event, Retrying):
            self.trouble = f"retry {event.attempt} in {event.wait:.0f} s: {event.reason}"
        elif isinstance(event, CircuitMoved):
            self.trouble = f"{event.source}: circuit {event.state}: {event.reason}"

    def line(self) -> str:
        """One line: how far, how fast, how long still, what is on the wire."""
        settled = self.done + self.failed
        rate = settled / max(time.monotonic() - self.started, 0.001)
        left = duration((self.total - settled) / rate) if settled else "?"
        flying = ", ".join(list(self.flying.values())[:6])
        more = f" +{len(self.flying) - 6}" if len(self.flying) > 6 else ""
        text = (
            f"{settled:,}/{self.total:,} done, {self.failed:,} failed, {rate:.1f}/s, {left} left, "
            f"{megabytes(self.fetched)}; in flight: {flying}{more}{self.arriving}"
        )
        return f"{text}\n{self.trouble}" if self.trouble else text


@contextmanager
def shown(
    db: Database, console: Console, *, quiet: bool = False, every: float = PLAIN_EVERY
) -> Iterator[Progress]:
    """Show a job's progress while the block runs: a live line on a terminal, else one `every` seconds."""
    progress = Progress()
    before = db.on_event
    if quiet:
        yield progress
        return
    if not console.is_terminal:
        db.on_event = _plain(progress, console, before, every)
        try:
            yield progress
        finally:
            db.on_event = before
        return
    # Where nobody sees it, nobody waits for it.
    from rich.live import Live

    with Live("", console=console, refresh_per_second=8, transient=True) as live:

        def on_event(event: Event) -> None:
            before(event)
            progress.fold(event)
            live.update(escape(progress.line()))

        db.on_event = on_event
        try:
            yield progress
        finally:
            db.on_event = before


def _plain(progress: Progress, console: Console, before, every: float):  # type: ignore[no-untyped-def]
    spoken = time.monotonic()

    def on_event(event: Event) -> None:
        nonlocal spoken
        before(event)
        progress.fold(event)
        now = time.monotonic()
        if now - spoken >= every or isinstance(event, CircuitMoved):
            spoken = now
            console.print(escape(progress.line()))

    return on_event
