"""The parent's side of the worker processes: starts them, hands out companies, ends what hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from evertape.database.extract import ExtractOptions, frames
from evertape.database.extract.frames import Setup, Task
from evertape.errors import StoreError
from evertape.model.call import Call
from evertape.model.crew import Settled, WorkerSeen
from evertape.model.job import Item, ItemState
from evertape.model.store import Store
from evertape.net.bulk import Member

_START = 60.0
"""Seconds that a process has to start."""


@dataclass
class _Hand:
    """One process and what is known of it."""

    number: int
    process: asyncio.subprocess.Process
    since: float = field(default_factory=time.monotonic)
    done: int = 0
    failed: int = 0
    current: str = ""
    busy: float = 0.0
    disk: float = 0.0
    queue: float = 0.0


class ProcessCrew:
    """A `Crew` of processes that extract members of one bulk file.

    Args:
        members: by unit key.
        options: a company's timeout, after which its process is ended and the company has failed; and how
            many one process is given at once at most.
    """

    def __init__(
        self,
        setup: Setup,
        members: Mapping[str, Member],
        store: Store,
        options: ExtractOptions,
        size: int,
    ) -> None:
        self._setup = setup
        self._members = members
        self._store = store
        self._size = size
        self._batch = options.batch
        self._timeout = options.timeout
        self._idle: list[_Hand] = []
        self._hands: dict[int, _Hand] = {}
        self._taken: set[int] = set()
        self._free = asyncio.Semaphore(size)

    @property
    def size(self) -> int:
        """How many processes there are."""
        return self._size

    def share(self, waiting: int) -> int:
        """Smaller shares towards the end, so that the processes end together."""
        return max(1, min(self._batch, waiting // (3 * self.size)))

    def takes(self, call: Call) -> bool:
        """Calls to the bulk file."""
        return call.url.startswith("bulk:")

    async def settle(self, batch: Sequence[tuple[Item, Call]]) -> AsyncIterator[Settled]:
        """Work a batch off in one process; a process that dies or hangs costs the company it was at.

        Raises:
            StoreError: the database refused.
        """
        open_ = {
            item.position: Task(item=item, call=call, member=self._members[call.units[0].key])
            for item, call in batch
        }
        async with self._free:
            while open_:
                hand = await self._hand()
                at: int | None = None
                try:
                    async for frame in self._frames(hand, list(open_.values())):
                        if isinstance(frame, frames.Began):
                            at, hand.current = frame.position, frame.label
                            continue
                        for told in self._note(hand, frame):
                            del open_[told.item.position]
                            yield told
                except _Lost as lost:
                    await self._end(hand)
                    if at in open_:
                        yield self._blame(open_.pop(at).item, lost.reason)
                    elif at is None:
                        raise StoreError(f"a worker process {lost.reason}; see its message above") from lost
                except BaseException:
                    await self._end(hand)
                    raise
                else:
                    hand.current = ""
                    self._idle.append(hand)

    def _note(self, hand: _Hand, frame: frames.Committed) -> Sequence[Settled]:
        hand.busy += frame.busy
        hand.disk += frame.disk
        hand.queue += frame.queue
        for told in frame.settled:
            failed = told.item.state is ItemState.FAILED
            hand.failed += failed
            hand.done += not failed
        return frame.settled

    async def _frames(
        self, hand: _Hand, tasks: Sequence[Task]
    ) -> AsyncIterator[frames.Began | frames.Committed]:
        """What a process says while it works a batch off. Raises _Lost where it says no more."""
        stdin, stdout = hand.process.stdin, hand.process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(frames.packed(tasks))
            await stdin.drain()
        except ConnectionError:
            raise _Lost("ended before it was given work") from None
        wait = _START
        while True:
            try:
                frame = await asyncio.wait_for(_receive(stdout), wait)
            except TimeoutError:
                raise _Lost(f"took longer than {wait:.0f} s") from None
            if isinstance(frame, frames.Refused):
                raise StoreError(frame.message)
            if isinstance(frame, frames.Finished):
                return
            if frame is None:
                code = await hand.process.wait()
                raise _Lost(f"ended by signal {-code}" if code < 0 else f"ended with code {code}")
            wait = self._timeout
            yield frame

    def _blame(self, item: Item, reason: str) -> Settled:
        """The company at which a process was lost has failed; the others of its batch go to another."""
        failed = replace(
            item,
            state=ItemState.FAILED,
            error_kind="timeout" if reason.startswith("took") else "worker",
            error=f"the process that read {item.label} {reason}",
            finished_at=datetime.now(UTC),
        )
        self._store.set_items([failed])
        return Settled(item=failed)

    async def _hand(self) -> _Hand:
        if self._idle:
            return self._idle.pop()
        # Taken before the first wait, so that two that start at once are not the same.
        number = next(n for n in range(self.size) if n not in self._taken)
        self._taken.add(number)
        # The same modules as here, whatever way they were found.
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "evertape.database.extract.process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            limit=1 << 26,
            start_new_session=True,
        )
        hand = self._hands[number] = _Hand(number=number, process=process)
        assert process.stdin is not None
        process.stdin.write(frames.packed(self._setup))
        return hand

    def seen(self, job_id: str) -> Sequence[WorkerSeen]:
        """How each process is doing."""
        now, at = time.monotonic(), datetime.now(UTC)
        return [
            WorkerSeen(
                job_id=job_id,
                worker=hand.number,
                pid=hand.process.pid,
                done=hand.done,
                failed=hand.failed,
                current=hand.current,
                busy=hand.busy,
                disk=hand.disk,
                queue=hand.queue,
                since=now - hand.since,
                at=at,
            )
            for hand in list(self._hands.values())
        ]

    async def close(self) -> None:
        """Stop all processes; what is not committed is lost and still due."""
        for hand in list(self._hands.values()):
            await self._end(hand)

    async def _end(self, hand: _Hand) -> None:
        self._hands.pop(hand.number, None)
        self._taken.discard(hand.number)
        if hand in self._idle:
            self._idle.remove(hand)
        process = hand.process
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()


async def _receive(pipe: asyncio.StreamReader) -> frames.Frame | None:
    """The next frame of a process; None once it has ended."""
    try:
        length = frames.length_of(await pipe.readexactly(frames.HEAD))
        frame: frames.Frame = pickle.loads(await pipe.readexactly(length))  # noqa: S301 - our own process wrote it
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return frame


class _Lost(Exception):
    """A process says no more; `reason` is a clause about it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
