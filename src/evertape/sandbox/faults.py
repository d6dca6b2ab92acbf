"""The fault plan: which answer goes wrong, and how."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from evertape.sandbox.options import SandboxError, SandboxOptions
from evertape.sandbox.stats import domain_of

KINDS = (
    "status",
    "reset",
    "timeout",
    "cut",
    "html200",
    "wrong_types",
    "threshold",
    "undeclared",
    "slow_body",
    "slow",
)
_STATUSES = (429, 500, 503)
_CUTS = ("close", "chunked", "length")
_MIX: tuple[dict[str, Any], ...] = (
    {"kind": "status", "code": 429, "retry_after": 1},
    {"kind": "status", "code": 500},
    {"kind": "reset"},
    {"kind": "cut"},
    {"kind": "html200"},
    {"kind": "wrong_types"},
    {"kind": "timeout", "seconds": 2.0},
)
_KEYS = {
    "kind",
    "host",
    "match",
    "share",
    "count",
    "permanent",
    "code",
    "retry_after",
    "seconds",
    "mode",
    "params",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing going wrong. `code` and `retry_after` (seconds) belong to the kind `status`.

    `seconds` is how long a slow or timed-out answer takes; None means until the client leaves.
    `mode` says how a body is cut: close (no length), chunked, or length (fewer bytes than announced).
    """

    kind: str
    code: int = 500
    retry_after: int | None = None
    seconds: float | None = None
    mode: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When faults happen: on paths that match, to a share of them, the first `count`, or always.

    `host` is a pattern as well. A rule that names no host, there or in `match`, is about the SEC's alone.
    """

    faults: tuple[Fault, ...]
    host: str | None = None
    match: str = "*"
    share: float | None = None
    count: int | None = None

    def concerns(self, host: str, name: str) -> bool:
        """Whether a request of HOST/PATH (`name`) is one that the rule is about."""
        if self.host is not None:
            return fnmatchcase(host, self.host) and fnmatchcase(name, self.match)
        first, slash, _ = self.match.partition("/")
        if domain_of(host) != "sec.gov" and not (slash and "." in first):
            return False
        return fnmatchcase(name, self.match)


def _draw(*parts: object) -> float:
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


@dataclass
class FaultPlan:
    """Chooses a fault for the nth request of a path; the same seed and requests give the same faults."""

    rules: tuple[Rule, ...]
    seed: int
    _asked: Counter[str] = field(default_factory=Counter)
    _used: Counter[int] = field(default_factory=Counter)

    def choose(self, host: str, path: str) -> Fault | None:
        """The fault for this request, or None. Counts the request."""
        name = f"{host}/{path}"
        nth = self._asked[name]
        self._asked[name] += 1
        for number, rule in enumerate(self.rules):
            if not rule.concerns(host, name):
                continue
            if rule.count is not None:
                if self._used[number] >= rule.count:
                    continue
                self._used[number] += 1
            # The draw depends on which request of the path it is: trying again helps in the end.
            if rule.share is not None and _draw(self.seed, name, nth, number) >= rule.share:
                continue
            pick = int(_draw(self.seed, name, nth, number, "kind") * len(rule.faults))
            return rule.faults[pick]
        return None

    def clear(self) -> None:
        """Start counting anew."""
        self._asked.clear()
        self._used.clear()


def load_plan(options: SandboxOptions) -> FaultPlan:
    """The plan that the options ask for. Raises SandboxError for a rule that says nothing sensible."""
    given: object = options.faults or ()
    origin = "the fault rules"
    if isinstance(given, Path):
        origin = str(given)
        try:
            given = json.loads(given.read_text())
        except OSError as error:
            raise SandboxError(f"cannot read the fault file {origin}: {error.strerror or error}") from error
        except ValueError as error:
            raise SandboxError(f"{origin} is not JSON: {error}") from error
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise SandboxError(f"{origin} must hold a list of rules")
    rules = [_rule(rule, f"{origin}, rule {number}") for number, rule in enumerate(given, 1)]
    if options.fail:
        faults = tuple(_fault(mixed, "--fail") for mixed in _MIX)
        rules.append(Rule(faults=faults, match="*/api/xbrl/companyfacts/*", share=options.fail))
    return FaultPlan(tuple(rules), options.seed)


def _rule(given: object, where: str) -> Rule:
    if not isinstance(given, dict):
        raise SandboxError(f"{where}: a rule is an object like {{'kind': 'status', 'count': 1}}")
    if unknown := set(given) - _KEYS:
        raise SandboxError(
            f"{where}: unknown key {sorted(unknown)[0]!r}; known are {', '.join(sorted(_KEYS))}"
        )
    when = [key for key in ("share", "count", "permanent") if given.get(key)]
    if len(when) != 1:
        raise SandboxError(f"{where}: give exactly one of share, count and permanent")
    share, count = given.get("share"), given.get("count")
    host, match = given.get("host"), given.get("match", "*")
    if share is not None and not (isinstance(share, (int, float)) and 0 < share <= 1):
        raise SandboxError(f"{where}: share {share!r} is not between 0 and 1")
    if count is not None and not (isinstance(count, int) and count > 0):
        raise SandboxError(f"{where}: count {count!r} is no positive number")
    if not isinstance(match, str):
        raise SandboxError(f"{where}: match {match!r} is no pattern like 'data.sec.gov/*'")
    if not isinstance(host, str | None):
        raise SandboxError(f"{where}: host {host!r} is no pattern like '*.yahoo.com'")
    return Rule(faults=(_fault(given, where),), host=host, match=match, share=share, count=count)


def _fault(given: dict[str, Any], where: str) -> Fault:
    values = {**given, **(given.get("params") or {})}
    kind, code, mode = values.get("kind"), values.get("code", 500), values.get("mode")
    if kind not in KINDS:
        raise SandboxError(f"{where}: unknown kind {kind!r}; known are {', '.join(KINDS)}")
    if code not in _STATUSES:
        raise SandboxError(f"{where}: code {code!r} is none of {_STATUSES}")
    if mode is not None and mode not in _CUTS:
        raise SandboxError(f"{where}: mode {mode!r} is none of {', '.join(_CUTS)}")
    seconds, retry_after = values.get("seconds"), values.get("retry_after")
    for name, value in (("seconds", seconds), ("retry_after", retry_after)):
        if value is not None and not (isinstance(value, (int, float)) and value >= 0):
            raise SandboxError(f"{where}: {name} {value!r} is no number of seconds")
    return Fault(kind=kind, code=code, retry_after=retry_after, seconds=seconds, mode=mode)


def wrong_types(body: bytes, path: str) -> bytes:
    """The same JSON with one value of a wrong type: a number as text or object, units as a list, no end.

    JSON that holds no facts becomes a list. What goes wrong depends on the path alone.
    """
    document = json.loads(body)
    if not isinstance(document, dict):
        return json.dumps({"unexpected": document}).encode()
    named = {
        name: concept
        for taxonomy in (document.get("facts") or {}).values()
        for name, concept in taxonomy.items()
        if any(concept["units"].values())
    }
    # Every reader of financial statements looks at total assets.
    concepts = [named["Assets"]] if "Assets" in named else list(named.values())
    if not concepts:
        return json.dumps([document]).encode()
    concept = concepts[int(_draw(path, "concept") * len(concepts))]
    unit = next(unit for unit, facts in concept["units"].items() if facts)
    fact = concept["units"][unit][0]
    change = int(_draw(path, "change") * 4)
    if change == 0:
        fact["val"] = "not a number"
    elif change == 1:
        fact["val"] = {"amount": fact["val"]}
    elif change == 2:
        concept["units"] = [unit]
    else:
        del fact["end"]
    return json.dumps(document).encode()
