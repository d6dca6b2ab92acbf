"""Taking companies' facts out of a file that holds many: one process, one member at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from evertape.clock import Clock
from evertape.errors import Malformed
from evertape.formats.edgar import cik10
from evertape.model.call import Call, Reply
from evertape.model.plan import Cost, Plan, Step
from evertape.model.unit import Unit
from evertape.net.bulk import Bulk, Member

FEED = "sec.companyfacts"


@dataclass(frozen=True, kw_only=True)
class ExtractOptions:
    """What to extract.

    Attributes:
        path: a folder or zip of companyfacts.
        keys: ten-digit CIKs; empty for all. A company that the file lacks is left out.
    """

    path: Path
    keys: tuple[str, ...] = ()


def plan_of(options: ExtractOptions, bulk: Bulk) -> Plan:
    """One call a company."""
    wanted = set(options.keys)
    members = {cik10(member.cik): member for member in bulk.members()}
    calls = tuple(
        Call(
            source="sec", feed=FEED, url=f"{bulk.path}/{member.name}", units=(Unit("facts", key),), label=key
        )
        for key, member in members.items()
        if not wanted or key in wanted
    )
    step = Step(feed=FEED, dataset="facts", calls=calls, cost=Cost(), reason=f"out of {options.path}")
    return Plan(target=str(options.path), steps=(step,)).sealed()


class Members:
    """A transport that answers from the file."""

    def __init__(self, bulk: Bulk, clock: Clock) -> None:
        self._bulk = bulk
        self._clock = clock
        self._members: dict[str, Member] = {f"{bulk.path}/{m.name}": m for m in bulk.members()}

    async def send(self, call: Call) -> Reply:
        """A member's body. Raises Malformed where it is damaged or not there."""
        member = self._members.get(call.url)
        if member is None:
            raise Malformed(f"there is no {call.url}")
        body = await asyncio.to_thread(self._bulk.read, member)
        return Reply(
            call=call, status=200, headers={}, body=body.body, wire=0, at=self._clock.now(), attempts=0
        )

    async def close(self) -> None:
        """Close the file."""
        self._bulk.close()
