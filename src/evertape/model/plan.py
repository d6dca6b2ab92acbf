"""A plan: what will be asked, of whom, at what cost. What is shown is what is run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from evertape.model.call import Call


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Requests, bytes on the wire, and seconds at the source's rate."""

    requests: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            requests=self.requests + other.requests,
            bytes=self.bytes + other.bytes,
            seconds=self.seconds + other.seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Step:
    """One feed, its calls and their cost.

    Attributes:
        reason: in words, why these units and why this feed.
    """

    feed: str
    dataset: str
    calls: tuple[Call, ...]
    cost: Cost
    reason: str


@dataclass(frozen=True, kw_only=True)
class Fallback:
    """Feeds that are asked, in this order, for what a step of a dataset leaves unsettled.

    Attributes:
        worst: what the dearest of them costs where everything is left.
    """

    dataset: str
    feeds: tuple[str, ...]
    worst: Cost


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Frozen, JSON both ways.

    Attributes:
        target: what was asked for ("financials").
        fallbacks: who is asked for what the steps leave; no part of `cost`.
        options: what shaped it (scope, since).
        digest: over steps, options and versions; two equal plans have equal digests.
    """

    target: str
    steps: tuple[Step, ...]
    fallbacks: tuple[Fallback, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    digest: str = ""

    @property
    def cost(self) -> Cost:
        """The sum over the steps."""
        total = Cost()
        for step in self.steps:
            total = total + step.cost
        return total

    def sealed(self) -> Plan:
        """The same plan with its digest filled in."""
        body = msgspec.json.encode(
            {
                "target": self.target,
                "steps": self.steps,
                "fallbacks": self.fallbacks,
                "options": self.options,
                "version": self.version,
            }
        )
        return Plan(
            target=self.target,
            steps=self.steps,
            fallbacks=self.fallbacks,
            options=self.options,
            version=self.version,
            digest=hashlib.sha256(body).hexdigest()[:16],
        )

    def to_json(self) -> bytes:
        """The plan as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, body: bytes | str) -> Plan:
        """The plan that `to_json` wrote. Raises msgspec.ValidationError for anything else."""
        return msgspec.json.decode(body, type=cls)
