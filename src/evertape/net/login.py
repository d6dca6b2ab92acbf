"""Gets sessions from sources step by step, and keeps what the next process needs for one."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from evertape.clock import Clock
from evertape.errors import Denied, StoreError
from evertape.model.call import Reply, Transport
from evertape.model.feed import Source
from evertape.model.login import LoginState, Question, Send, Session

STEPS = 60
"""A login that takes more steps than this goes in a circle."""
Answer = Callable[[Question], str]


class Keep:
    """What sources handed out for later, by source, in a file that only this user can read.

    Args:
        path: the file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self, source: str) -> Mapping[str, str]:
        """What was kept of a source's last session. Raises StoreError where the file is damaged."""
        found = self._all().get(source, {})
        return {name: str(value) for name, value in found.items()}

    def write(self, source: str, kept: Mapping[str, str]) -> None:
        """Keep this in place of what was kept of the source; nothing removes it."""
        if self._path is None or dict(kept) == dict(self.read(source)):
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Two logins at once must not write over each other.
        with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._put(source, kept)

    def _put(self, source: str, kept: Mapping[str, str]) -> None:
        assert self._path is not None
        told = {**self._all(), source: dict(kept)}
        if not kept:
            del told[source]
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(told, file)
        draft.replace(self._path)

    def _all(self) -> dict[str, dict[str, str]]:
        if self._path is None or not self._path.exists():
            return {}
        try:
            told = json.loads(self._path.read_text())
            return {name: dict(kept) for name, kept in told.items()}
        except (ValueError, AttributeError, TypeError, OSError) as error:
            raise StoreError(
                f"the file of sessions {self._path} cannot be read ({error}); delete it and log in again"
            ) from error


class Logins:
    """Sessions by source, each got when it is first needed and again when it has ended."""

    def __init__(
        self, below: Transport, credentials: Callable[[], Mapping[str, str]], clock: Clock, keep: Keep
    ) -> None:
        self._below = below
        self._credentials = credentials
        self._clock = clock
        self._keep = keep
        self._held: dict[str, Session] = {}
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def session(self, source: Source, ended: Session | None = None) -> Session:
        """A session that is in force; a new one where the source says that `ended` is not.

        Raises:
            Denied: none can be had without a person, or the source refuses; says what to type.
        """
        async with self._locks[source.name]:
            held = self._held.get(source.name)
            if held is not None and held is not ended and not self._over(held):
                return held
            return await self.log_in(source, refused=ended is not None)

    async def log_in(self, source: Source, answer: Answer | None = None, *, refused: bool = False) -> Session:
        """Go through the source's steps from the beginning.

        Args:
            answer: asks a person; None where nobody is there.
            refused: the source does not accept the last session any more.

        Raises:
            Denied: a credential is missing, named by its variable, or see `session`.
        """
        assert source.login is not None
        credentials = self._credentials()
        if not source.has_credentials(credentials):
            raise Denied(source.lacking())
        state = LoginState(
            credentials=credentials,
            kept=await asyncio.to_thread(self._keep.read, source.name),
            now=datetime.now(UTC),
            refused=refused,
            interactive=answer is not None,
        )
        for _ in range(STEPS):
            step = source.login(replace(state, now=self._clock.real_now()))
            if isinstance(step, Session):
                until = {"person_by": step.person_by.isoformat()} if step.person_by else {}
                await asyncio.to_thread(self._keep.write, source.name, {**step.kept, **until})
                self._held[source.name] = step
                return step
            if isinstance(step, Send):
                reply = await self._sent(step)
                state = replace(state, state=step.state, reply=reply, answer=None)
            elif answer is None:
                raise Denied(f"{source.name} asks a person; run: evertape providers login {source.name}")
            else:
                # Here, not in a thread: nothing else runs during a login, and a thread that waits for a
                # person cannot be stopped by Ctrl+C.
                given = answer(step)
                state = replace(state, state=step.state, reply=None, answer=given)
        raise Denied(f"the login of {source.name} does not come to an end; try again later")

    async def _sent(self, step: Send) -> Reply:
        await self._clock.sleep(step.wait)
        headers = {"Accept-Encoding": "gzip", **step.call.headers, **step.headers}
        call = replace(step.call, feed="", method=step.method, body=step.body, headers=headers)
        return await self._below.send(call)

    def _over(self, session: Session) -> bool:
        return session.expires_at is not None and session.expires_at <= self._clock.real_now()

    @property
    def secrets(self) -> Mapping[str, str]:
        """Values of sessions by what they are, for redaction."""
        return {
            f"session of {name}": value
            for name, session in self._held.items()
            for value in (*session.headers.values(), *session.query.values(), *session.kept.values())
        }
