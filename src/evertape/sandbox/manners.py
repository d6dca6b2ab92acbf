"""How vendors behave beyond their protocols: what they know, refuse, limit, and when they are down."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evertape.sandbox.options import SandboxError

NAMES = ("yahoo", "polygon", "schwab", "robinhood", "cboe")
_SHARES = ("knows", "refuses")
_COUNTS = ("limit", "minute")


@dataclass(frozen=True, kw_only=True)
class Manners:
    """One vendor's. Nothing is enforced by default.

    `knows` is the share of symbols it knows, `refuses` the share of requests it refuses. `down` are the
    seconds, counted from its first request, between which it is out of order. `limit` is the most requests
    in one second, `minute` the most in sixty. `live` (Yahoo) shows today's session as still under way;
    `percent` (Cboe) is the share of symbols whose volatility it gives in percent.
    """

    knows: float = 1.0
    refuses: float = 0.0
    down: tuple[float, float] | None = None
    limit: int | None = None
    minute: int | None = None
    live: bool = False
    percent: float = 0.1

    def changed(self, given: Mapping[str, Any], where: str) -> Manners:
        """With the given values in place of its own. Raises SandboxError for ones that make no sense."""
        known = self.__dataclass_fields__
        if unknown := set(given) - set(known):
            raise SandboxError(
                f"{where}: unknown setting {min(unknown)!r}; known are {', '.join(sorted(known))}"
            )
        values = dict(given)
        for name in (*_SHARES, "percent"):
            if name in values and not (_number(values[name]) and 0 <= values[name] <= 1):
                raise SandboxError(f"{where}: {name} {values[name]!r} is no share from 0 to 1")
        for name in _COUNTS:
            value = values.get(name)
            if value is not None and not (isinstance(value, int) and value > 0):
                raise SandboxError(f"{where}: {name} {value!r} is no positive number; null lifts it")
        if values.get("down") is not None:
            window = values["down"]
            if not (isinstance(window, list | tuple) and len(window) == 2 and all(map(_number, window))):
                raise SandboxError(f"{where}: down {window!r} is no pair of seconds like [5, 20]")
            values["down"] = (float(window[0]), float(window[1]))
        if not isinstance(values.get("live", False), bool):
            raise SandboxError(f"{where}: live is true or false")
        return replace(self, **values)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def settled(held: Mapping[str, Manners], given: object, where: str) -> dict[str, Manners]:
    """`held` changed as `given` says: vendor names, or "all", with their settings. Raises SandboxError."""
    if not isinstance(given, Mapping):
        raise SandboxError(f"{where}: settings are an object like {{'yahoo': {{'knows': 0.8}}}}")
    result = dict(held)
    for name, values in given.items():
        if name not in (*NAMES, "all"):
            raise SandboxError(f"{where}: unknown vendor {name!r}; known are {', '.join((*NAMES, 'all'))}")
        if not isinstance(values, Mapping):
            raise SandboxError(f"{where}: {name} needs an object like {{'knows': 0.8}}")
        for vendor in NAMES if name == "all" else (name,):
            result[vendor] = result[vendor].changed(values, f"{where}, {name}")
    return result


def load_manners(given: Mapping[str, object] | Path | None) -> dict[str, Manners]:
    """Each vendor's manners, from a mapping or a JSON file. Raises SandboxError."""
    start = {name: Manners() for name in NAMES}
    where = "the vendors' settings"
    content: object = given or {}
    if isinstance(given, Path):
        where = str(given)
        try:
            content = json.loads(given.read_text())
        except OSError as error:
            raise SandboxError(f"cannot read the vendors' file {where}: {error.strerror or error}") from error
        except ValueError as error:
            raise SandboxError(f"{where} is not JSON: {error}") from error
    return settled(start, content, where)


class Counter:
    """Counts requests against the limits of a second and of a minute. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._accepted: deque[float] = deque()

    def wait(self, now: float, manners: Manners) -> float:
        """Seconds until a request at `now` would be accepted; 0 accepts and counts it."""
        while self._accepted and now - self._accepted[0] >= 60:
            self._accepted.popleft()
        for most, span in ((manners.limit, 1.0), (manners.minute, 60.0)):
            if most is not None and len(self._accepted) >= most:
                oldest = self._accepted[-most]
                if now - oldest < span:
                    return oldest + span - now
        if manners.limit or manners.minute:
            self._accepted.append(now)
        return 0.0
