"""The parent's side of the worker processes: starts them, hands out companies, ends what hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from evertape.database.extract import ExtractOptions, frames
from evertape.database.extract.frames import Setup, Task
from evertape.database.extract.place import Place, look
from evertape.engine.ledger import persist
from evertape.errors import StoreError, UserError
from evertape.model.call import Call
from evertape.model.crew import Settled, WorkerSeen
from evertape.model.job import Item, ItemState
from evertape.model.store import Store
from evertape.net.bulk import Member

_START = 60.0
"""Seconds that a process has to start."""
_TRIES = 3
"""Processes that may be lost one after the other without having been at any company."""

_LOOK = 0.1
"""Seconds between two looks at what the processes have of memory, and of time."""
_STARVED = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
"""How C code ends that does not look whether it got the memory it asked for."""
_CURE = "see what it said above, or give more with --max-memory"
_SETTLED = tuple(state for state in ItemState if state not in (ItemState.DUE, ItemState.LEASED))


@dataclass
class _Hand:
    """One process and what is known of it."""

    number: int
    process: asyncio.subprocess.Process
    file: BinaryIO
    since: float = field(default_factory=time.monotonic)
    done: int = 0
    failed: int = 0
    labels: Mapping[int, str] = field(default_factory=dict)
    asked: float = 0.0
    late: float | None = None
    busy: float = 0.0
    disk: float = 0.0
    queue: float = 0.0
    data: int = 0

    def ask(self, tasks: Sequence[Task]) -> None:
        """Note what it is given."""
        self.labels = {task.item.position: task.item.label for task in tasks}
        self.asked = time.monotonic()

    @property
    def place(self) -> Place | None:
        """Where it is in what it was given; None where it has not begun, or waits for more."""
        there = look(self.file.fileno())
        return there if there is not None and self.labels and there.since >= self.asked else None

    @property
    def current(self) -> str:
        """Label of the company that it is at."""
        there = self.place
        return "" if there is None else self.labels.get(there.position, "")

    def overdue(self, timeout: float) -> float | None:
        """The seconds that it had for what it is at, where it took longer."""
        if not self.labels:
            return None
        there = self.place
        since, most = (self.asked, _START) if there is None else (there.since, timeout)
        if there is not None and there.writing:
            most += frames.PATIENCE
        return most if time.monotonic() - since > most else None

    def look(self) -> None:
        """Note how many bytes of data the process has; the most is kept."""
        with contextlib.suppress(OSError, IndexError):
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_bytes().split()[5])
            self.data = max(self.data, pages * resource.getpagesize())


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
        self._watcher: asyncio.Task[None] | None = None

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

    async def settle(self, batch: Sequence[tuple[Item, Call]]) -> AsyncGenerator[Settled]:
        """Work a batch off in one process; a process that dies or hangs costs the company it was at.

        Raises:
            StoreError: the database refused, or processes end before they are at any company.
            UserError: no process can be started.
        """
        open_ = {
            item.position: Task(item=item, call=call, member=self._members[call.units[0].key])
            for item, call in batch
        }
        lost = 0
        async with self._free:
            while open_:
                hand = await self._hand()
                try:
                    async for frame in self._frames(hand, list(open_.values())):
                        lost = 0
                        for told in self._note(hand, frame):
                            del open_[told.item.position]
                            yield told
                except _Lost as error:
                    there = hand.place
                    await self._end(hand)
                    at = None if there is None or there.writing else there.position
                    lost = 0 if at in open_ else lost + 1
                    if lost == _TRIES:
                        raise StoreError(
                            f"a worker process {error.reason}, {_TRIES} times; {_CURE}"
                        ) from error
                    for told in await self._after(error, at, open_):
                        del open_[told.item.position]
                        yield told
                except BaseException:
                    await self._end(hand)
                    raise
                else:
                    hand.labels = {}
                    self._idle.append(hand)

    async def _after(self, lost: _Lost, at: int | None, open_: Mapping[int, Task]) -> Sequence[Settled]:
        """What a lost process has settled unheard, by the ledger, and the company that it was at as failed.

        The others of its batch go to another process.
        """
        if not open_:
            return ()
        (job_id,) = {task.item.job_id for task in open_.values()}
        items = await asyncio.to_thread(self._store.items, job_id, states=_SETTLED)
        told = [Settled(item=item) for item in items if item.position in open_]
        if at is not None and at in open_ and at not in {settled.item.position for settled in told}:
            failed = _blamed(open_[at].item, lost)
            await persist(lambda: self._store.set_items([failed]))
            told.append(Settled(item=failed))
        return told

    def _note(self, hand: _Hand, frame: frames.Committed) -> Sequence[Settled]:
        hand.busy += frame.busy
        hand.disk += frame.disk
        hand.queue += frame.queue
        for told in frame.settled:
            failed = told.item.state is ItemState.FAILED
            hand.failed += failed
            hand.done += not failed
        return frame.settled

    async def _frames(self, hand: _Hand, tasks: Sequence[Task]) -> AsyncIterator[frames.Committed]:
        """What a process commits while it works a batch off. Raises _Lost where it says no more."""
        stdin, stdout = hand.process.stdin, hand.process.stdout
        assert stdin is not None
        assert stdout is not None
        hand.ask(tasks)
        try:
            stdin.write(frames.packed(tasks))
            await asyncio.wait_for(stdin.drain(), _START)
        except (ConnectionError, TimeoutError):
            raise _Lost("took no work") from None
        while True:
            frame = await receive(stdout)
            if isinstance(frame, frames.Refused):
                raise StoreError(frame.message)
            if isinstance(frame, frames.Finished):
                return
            if frame is None:
                raise self._died(hand, await hand.process.wait())
            yield frame

    def _died(self, hand: _Hand, code: int) -> _Lost:
        if hand.late is not None:
            return _Lost(f"took longer than {hand.late:.0f} s", kind="timeout")
        if code >= 0:
            return _Lost(f"ended with code {code}")
        reason = f"ended by signal {-code}"
        if -code not in _STARVED or hand.data < self._setup.memory / 2:
            return _Lost(reason)
        had, most = (f"{amount / 1e6:.0f}" for amount in (hand.data, self._setup.memory))
        return _Lost(f"{reason} at {had} of its {most} MB; give more with --max-memory", kind="memory")

    async def _watch(self) -> None:
        """Look at the processes again and again; one that takes too long is ended."""
        while True:
            for hand in self._hands.values():
                hand.look()
                if hand.late is None and (late := hand.overdue(self._timeout)) is not None:
                    hand.late = late
                    with contextlib.suppress(ProcessLookupError):
                        hand.process.kill()
            await asyncio.sleep(_LOOK)

    async def _hand(self) -> _Hand:
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        while self._idle:
            hand = self._idle.pop()
            if hand.process.returncode is None:
                return hand
            await self._end(hand)
        # Taken before the first wait, so that two that start at once are not the same.
        number = next(n for n in range(self.size) if n not in self._taken)
        self._taken.add(number)
        # The same modules as here, whatever way they were found.
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the process
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                # Nothing of the working directory comes before what the path says.
                "-P",
                "-m",
                "evertape.database.extract.process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path},
                limit=1 << 26,
                start_new_session=True,
                pass_fds=(file.fileno(),),
            )
        except OSError as error:
            file.close()
            self._taken.discard(number)
            raise UserError(
                f"worker process {number + 1} could not be started ({error.strerror or error}); "
                "say fewer with --workers"
            ) from error
        hand = self._hands[number] = _Hand(number=number, process=process, file=file)
        assert process.stdin is not None
        process.stdin.write(frames.packed(replace(self._setup, place=file.fileno())))
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
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
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
        hand.file.close()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()


async def receive(pipe: asyncio.StreamReader) -> frames.Frame | None:
    """The next frame of a process; None once it has ended."""
    try:
        length = frames.length_of(await pipe.readexactly(frames.HEAD))
        frame: frames.Frame = pickle.loads(await pipe.readexactly(length))  # noqa: S301 - our own process wrote it
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return frame


class _Lost(Exception):
    """A process says no more; `reason` is a clause about it."""

    def __init__(self, reason: str, kind: str = "worker") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


def _blamed(item: Item, lost: _Lost) -> Item:
    return replace(
        item,
        state=ItemState.FAILED,
        error_kind=lost.kind,
        error=f"the process that read {item.label} {lost.reason}",
        finished_at=datetime.now(UTC),
    )
