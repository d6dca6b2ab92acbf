"""A request as a value, its answer as a value, and the one-method port between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from evertape.model.unit import Unit


@dataclass(frozen=True, kw_only=True)
class Call:
    """What to send. Credentials are never in it: the session layer adds them.

    Attributes:
        source: whose limits, credentials and refusals apply.
        feed: who reads the answer.
        url: its scheme picks the bottom of the stack: https, file, archive or held.
        units: the coverage this call answers.
        size: bytes on the wire expected; None where unknown.
        archive: whether the body is kept, so that `rebuild` can read it again.
        conditional: whether validators of an earlier answer may be sent (answers 304).
        awaited: identifiers that the answer should contain (accessions an index has shown).
        label: what people see for it: a symbol, a file's name.
        place: where people find the answer, if not at its address: a file and what is in it.
        session: whether the source's session (a token, a cookie, a crumb) goes with it.
        expected: requests that answering it takes, those included that its answers ask for in turn.
        carried: what the reader of an earlier answer hands on to the reader of this one.
        patient: waits for its source's open circuit; one that can be answered elsewhere does not.
        query: added to the address as it is sent, and shown nowhere.
        method, body: of a login step's request; everything else is a GET without a body.
        into: a path relative to the home to which a large body is streamed, resumed after a break;
            empty for a body that is held in memory.
    """

    source: str
    feed: str
    url: str
    units: tuple[Unit, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    archive: bool = False
    conditional: bool = False
    awaited: tuple[str, ...] = ()
    label: str = ""
    place: str = ""
    session: bool = False
    expected: int = 1
    carried: tuple[str, ...] = ()
    patient: bool = True
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: str = "GET"
    body: bytes = field(default=b"", repr=False)
    into: str = ""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back.

    Attributes:
        headers: names in lower case.
        body: decoded of its content encoding.
        wire: bytes of the body as received, this time: a resumed file is longer.
        at: when the headers arrived, aware UTC, on the clock that may be pretended.
        attempts: requests sent for it.
        elapsed: seconds on the wire of the last attempt.
        origin: "wire", "archive", "held" or "file".
        path: the file that a call with `into` filled; its body is empty then, and content-length in
            the headers is the file's. Status 304 says that the file lay there and is still right.
    """

    call: Call
    status: int
    headers: Mapping[str, str]
    body: bytes
    wire: int
    at: datetime
    attempts: int = 1
    elapsed: float = 0.0
    origin: str = "wire"
    path: Path | None = None

    @property
    def subject(self) -> str:
        """What a complaint about the answer is about: its place, else its address."""
        return self.call.place or self.call.url

    @property
    def retry_after(self) -> float | None:
        """Seconds for which the source asks to be left alone; None where it names none, or a date."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdecimal() else None


class Transport(Protocol):
    """Anything that answers a call."""

    async def send(self, call: Call) -> Reply:
        """Answer the call. Raises SourceError; a status that is an answer (404) is returned."""

    async def close(self) -> None:
        """Give back connections and permits."""
