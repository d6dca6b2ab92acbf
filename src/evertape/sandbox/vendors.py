"""Which vendor answers a request, whether it is in the mood, and what it said before."""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from isal import igzip

from evertape.sandbox import manners
from evertape.sandbox.cboe import Cboe
from evertape.sandbox.contracts import options_truth
from evertape.sandbox.manners import Manners, settled
from evertape.sandbox.options import SandboxError
from evertape.sandbox.polygon import Polygon
from evertape.sandbox.profile import Profile
from evertape.sandbox.robinhood import Robinhood
from evertape.sandbox.schwab import Schwab
from evertape.sandbox.securities import Listing, actions_truth, prices_truth
from evertape.sandbox.wire import SECRETS, Call, Reply, Vendor, draw
from evertape.sandbox.world import World
from evertape.sandbox.yahoo import Yahoo

_HELD_BYTES = 250_000_000
_SMALL = 1400
KINDS = ("prices", "actions", "options")
RESET = Reply(status=0, content=b"")
_DOWN = Reply(status=503, content=b"<html><body>Service Unavailable</body></html>", content_type="text/html")


@dataclass(slots=True)
class _Held:
    reply: Reply
    gz: bytes | None = None


class Vendors:
    """All vendors of one sandbox. `take` and `settle` belong to one thread, `answer` to another."""

    def __init__(
        self,
        profiles: Iterable[Profile],
        seed: int,
        today: date,
        contracts: int,
        settings: Mapping[str, Manners],
    ) -> None:
        self._settings = dict(settings)
        self._seed = seed
        self.world = World(profiles, seed, today, contracts, lambda name: self._settings[name].knows)
        self._yahoo = Yahoo(self.world)
        self._cboe = Cboe(self.world)
        vendors: tuple[Vendor, ...] = (
            self._yahoo,
            self._cboe,
            Polygon(self.world),
            Schwab(self.world),
            Robinhood(self.world),
        )
        self._by_host = {host: vendor for vendor in vendors for host in vendor.hosts}
        self._held: OrderedDict[object, _Held] = OrderedDict()
        self._held_bytes = 0
        self._epoch = 0
        self.skew = 0.0
        self._apply()
        self.clear()

    def clear(self) -> None:
        """Count requests anew."""
        self._asked: Counter[str] = Counter()
        self._counted = {name: manners.Counter() for name in manners.NAMES}
        self._first: dict[str, float] = {}

    def of(self, host: str) -> Vendor | None:
        """The vendor that a host belongs to."""
        return self._by_host.get(host)

    def settings(self) -> dict[str, Any]:
        """Every vendor's manners, the size of a chain and the clock's lead, ready for JSON."""
        shown: dict[str, Any] = {name: asdict(one) for name, one in self._settings.items()}
        return shown | {"contracts": self.world.contracts, "clock": self.skew}

    def settle(self, given: object) -> None:
        """Change settings: vendors by name, `contracts` (a chain's size), `clock` (seconds ahead).

        Raises SandboxError for values that make no sense.
        """
        where = "the vendors' settings"
        rest = dict(given) if isinstance(given, Mapping) else given
        contracts, clock = self.world.contracts, self.skew
        if isinstance(rest, dict):
            contracts, clock = rest.pop("contracts", contracts), rest.pop("clock", clock)
        if not isinstance(contracts, int) or contracts < 2:
            raise SandboxError(f"{where}: contracts {contracts!r} is no number of 2 or more")
        if not isinstance(clock, int | float):
            raise SandboxError(f"{where}: clock {clock!r} is no number of seconds")
        self._settings = settled(self._settings, rest, where)
        self.world.contracts, self.skew = contracts, float(clock)
        self._apply()

    def _apply(self) -> None:
        self._yahoo.live = self._settings["yahoo"].live
        self._cboe.percent = self._settings["cboe"].percent
        self._epoch += 1

    def move(self, today: date) -> None:
        """Let another day be today."""
        self.world.today = today
        self._epoch += 1

    def take(self, call: Call) -> Call:
        """Number a request and set its time."""
        number = self._asked[f"{call.host}/{call.path}"]
        self._asked[f"{call.host}/{call.path}"] += 1
        return Call(
            method=call.method,
            host=call.host,
            path=call.path,
            query=call.query,
            headers=call.headers,
            form=call.form,
            at=time.time() + self.skew,
            number=number,
        )

    def turned_away(self, call: Call, now: float) -> Reply | None:
        """The answer of a vendor that is down, asked too often, or refuses by chance. `now` is monotonic."""
        vendor = self._by_host[call.host]
        mood = self._settings[vendor.name]
        begun = self._first.setdefault(vendor.name, now)
        if mood.down is not None and mood.down[0] <= now - begun < mood.down[1]:
            # Some connections break and some are answered by what stands before the vendor.
            if call.number % 2 == 1:
                return RESET
            return vendor.down() if isinstance(vendor, Yahoo) else _DOWN
        wait = self._counted[vendor.name].wait(now, mood)
        if wait > 0:
            return vendor.refuse(call, max(1, math.ceil(wait)))
        asked = f"{call.path}?{sorted(call.query.items())}" if mood.refuses else ""
        if mood.refuses and draw(self._seed, call.host, asked, call.number) < mood.refuses:
            return vendor.refuse(call, 1)
        return None

    def answer(self, call: Call) -> Reply:
        """The vendor's answer, compressed where the client takes that."""
        vendor = self._by_host[call.host]
        closed = vendor.admit(call)
        if closed is not None:
            return closed
        asked = tuple(sorted((k, v) for k, v in call.query.items() if k.lower() not in SECRETS))
        key = (self._epoch, call.host, call.path, asked)
        held = self._held.get(key)
        if held is None:
            held = _Held(vendor.answer(call))
            if held.reply.lasting:
                self._keep(key, held, len(held.reply.content))
        else:
            self._held.move_to_end(key)
        return self._sent(call, held, lasting=key in self._held)

    def _sent(self, call: Call, held: _Held, *, lasting: bool) -> Reply:
        reply = held.reply
        if "gzip" not in call.headers.get("accept-encoding", "") or len(reply.content) < _SMALL:
            return reply
        if held.gz is None:
            held.gz = igzip.compress(reply.content, 0, mtime=0)
            self._held_bytes += len(held.gz) if lasting else 0
        return Reply(
            status=reply.status,
            content=held.gz,
            content_type=reply.content_type,
            headers={**reply.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"},
        )

    def _keep(self, key: object, held: _Held, size: int) -> None:
        self._held[key] = held
        self._held_bytes += size
        while self._held_bytes > _HELD_BYTES and len(self._held) > 1:
            _, dropped = self._held.popitem(last=False)
            self._held_bytes -= len(dropped.reply.content) + len(dropped.gz or b"")

    def truth(self, listing: Listing, kind: str) -> dict[str, Any] | None:
        """What is true of one listing: its prices, actions or options. None for another kind."""
        if kind == "prices":
            return prices_truth(listing, self.world.today)
        if kind == "actions":
            return actions_truth(listing, self.world.today)
        if kind != "options":
            return None
        there = not listing.delisted and listing.first <= self.world.number
        chain = self.world.chain(listing) if there else None
        return {"symbol": listing.symbol, "contracts": []} if chain is None else options_truth(chain)
