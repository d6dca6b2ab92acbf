"""How a source hands out a session: a pure step from what is known to the next thing to do.

The session layer drives the steps, sends what they ask for and keeps what they hand out; a person is asked
only by `providers login`. A step never waits, stores or sends anything itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from evertape.model.call import Call, Reply


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a source handed out, and what goes with it into every call that asks for a session.

    Attributes:
        headers, query: added to such calls; a place `{name}` in their address is filled from the query.
        expires_at: when it must be renewed, aware UTC; None where the source does not say.
        kept: what the next process needs to get a session without a person (a refresh token, cookies).
            It is written to the keyring or to a file that only this user can read, never to a log.
        person_by: when a person must log in again, aware UTC; told in time by `providers`.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    expires_at: datetime | None = None
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    person_by: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Send:
    """A request to send next. Secrets go into `headers` and `body`, which no log and no plan shows."""

    call: Call
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    state: Mapping[str, str] = field(default_factory=dict, repr=False)
    wait: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """What only a person can answer. `secret` answers are not echoed."""

    prompt: str
    secret: bool = False
    state: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class LoginState:
    """What a login step may look at.

    Attributes:
        credentials: values by environment name.
        kept: of the last session, from whichever process got it; empty where there was none.
        refused: the source has just said that the last session is no longer in force.
        state: what the step before handed on. reply, answer: to what it asked for.
        now: aware UTC, a true instant.
        interactive: whether a person is there to answer a question.
    """

    credentials: Mapping[str, str] = field(repr=False)
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    refused: bool = False
    state: Mapping[str, str] = field(default_factory=dict, repr=False)
    reply: Reply | None = None
    answer: str | None = field(default=None, repr=False)
    now: datetime
    interactive: bool = False


Step = Session | Send | Question
Login = Callable[[LoginState], Step]
"""Raises Denied, naming what to type, where no session can be had."""
