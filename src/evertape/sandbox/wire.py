"""A request to a vendor and its answer, apart from any server."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from evertape.sandbox.origin import JSON

SECRETS = frozenset({"crumb", "apikey", "token", "key"})
"""Names, in small letters, of parameters that only authorise and do not choose the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request. `path` has no leading slash; `at` is the sandbox's clock in seconds since 1970.

    `number` counts the requests of this path, from 0. Header names are in small letters.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: bytes
    at: float
    number: int = 0

    def listed(self, name: str) -> list[str]:
        """The parts of a parameter with commas; empty where it is absent."""
        return [part for part in self.query.get(name, "").split(",") if part]

    def whole(self, name: str, default: int, most: int) -> int:
        """A parameter that is a positive number, not above `most`."""
        given = self.query.get(name, "")
        return min(int(given), most) if given.isdigit() and int(given) > 0 else min(default, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer; status 0 is a connection reset. `lasting` ones are the same until the day moves on."""

    status: int = 200
    content: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    lasting: bool = False


class Vendor(Protocol):
    """One vendor's protocol."""

    name: str
    hosts: tuple[str, ...]

    def admit(self, call: Call) -> Reply | None:
        """The answer of a door that stays closed, or None."""
        ...

    def answer(self, call: Call) -> Reply:
        """The answer to a request that was admitted."""
        ...

    def absent(self, call: Call) -> Reply:
        """What is said of a page or symbol that does not exist."""
        ...

    def refuse(self, call: Call, seconds: int) -> Reply:
        """What is said to who asks too often; `seconds` until it is heard again."""
        ...


def as_json(document: Any, *, status: int = 200, lasting: bool = False, **headers: str) -> Reply:
    """A JSON answer. Underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, content=msgspec.json.encode(document), headers=named, lasting=lasting)


def digest(*parts: object) -> str:
    """64 hexadecimal digits that follow from the parts."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def draw(*parts: object) -> float:
    """A number from 0 up to 1 that follows from the parts."""
    return int(digest(*parts)[:13], 16) / 16**13
