"""Option chains refreshed through several vendors: their manners, the truth, the time that they dictate."""

from __future__ import annotations

import json
import math
import re
import sqlite3
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.e2e.world import World

DAY = date(2026, 6, 30)
VENDORS = ("schwab", "polygon", "cboe", "yahoo", "robinhood")
"""In the order in which they are asked."""
CREDENTIALS = {
    "POLYGON_API_KEY": "generated",
    "SCHWAB_APP_KEY": "generated",
    "SCHWAB_APP_SECRET": "generated",  # pragma: allowlist secret
    "ROBINHOOD_USERNAME": "plain@example.org",
    "ROBINHOOD_PASSWORD": "generated",  # pragma: allowlist secret
}
_QUOTED = (
    "kind", "expiration", "dte", "strike", "bid", "ask", "mid", "last", "volume", "open_interest",
    "implied_volatility", "stock_price",
)  # fmt: skip
_GREEKS = ("delta", "gamma", "theta", "vega")
_NO_SILENCE = {"cboe", "schwab"}
"""Those that send a volume of 0 where there is none."""
_PAUSE = re.compile(r"Expected available in (\d+) second")
_SILENT_LAST = {"cboe", "polygon"}
"""Those that tell no last price of a contract that never traded."""


def posted(url: str, page: str, body: object = None) -> Any:
    """The sandbox's answer to a POST."""
    data = b"" if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/_sandbox/{page}", data=data)) as answer:
        return json.load(answer)


def truths(url: str) -> dict[str, dict[str, Any]]:
    """The true chains by symbol, of those that have one."""
    with urllib.request.urlopen(f"{url}/_sandbox/truth?kind=options&all=1") as answer:
        told = [json.loads(line) for line in answer]
    return {one["symbol"]: one for one in told if one["contracts"]}


def world_of(home: Path, url: str, rate: int, **extra: str) -> World:
    """A home with credentials for every vendor, all under the same limit of requests a second."""
    limits = ",".join(f"{name}={rate}/s" for name in VENDORS)
    given = {**CREDENTIALS, "EVERTAPE_LIMITS": limits, "EVERTAPE_SOURCES": ",".join(VENDORS), **extra}
    return World(home=home, url=url, now=DAY.isoformat(), extra=given)


def log_in(world: World) -> None:
    """Log in where a person must, as that person."""
    for name, typed in (("schwab", "https://127.0.0.1:8182/?code=generated\n"), ("robinhood", "")):
        child = world.start("providers", "login", name, stdin=-1)
        _, err = child.communicate(typed, timeout=60)
        assert child.returncode == 0, err


@dataclass(frozen=True)
class Compared:
    """What became of each symbol: equal to the truth, different from it (and where), or not there."""

    equal: frozenset[str]
    different: Mapping[str, str]
    absent: frozenset[str]
    sources: Mapping[str, int]


def compared(home: Path, true: Mapping[str, dict[str, Any]], symbols: Iterable[str]) -> Compared:
    """Every contract held of some symbols against the truth, as far as the source that answered tells it."""
    held = _held(home)
    equal, absent, different, sources = set(), set(), {}, Counter[str]()
    for symbol in symbols:
        rows = held.get(symbol)
        if not rows:
            absent.add(symbol)
            continue
        said = _difference(rows, true[symbol])
        sources[rows[0]["source"]] += 1
        if said:
            different[symbol] = said
        else:
            equal.add(symbol)
    return Compared(frozenset(equal), different, frozenset(absent), sources)


def _held(home: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of option quotes by symbol."""
    found: dict[str, list[dict[str, Any]]] = {}
    with closing(sqlite3.connect(home / "evertape.db")) as db:
        db.row_factory = sqlite3.Row
        query = "SELECT l.symbol AS symbol, q.* FROM option_quotes q JOIN listings l USING (listing_id)"
        for row in db.execute(query):
            found.setdefault(row["symbol"], []).append(dict(row))
    return found


def wanted(true: Mapping[str, Any], target: int = 30) -> list[dict[str, Any]]:
    """The true contracts of the three expirations nearest to a number of days; the earlier of two."""
    days = sorted({date.fromisoformat(one["expiration"]) for one in true["contracts"]})
    aim = DAY + timedelta(days=target)
    chosen = {day.isoformat() for day in sorted(days, key=lambda day: (abs((day - aim).days), day))[:3]}
    return [one for one in true["contracts"] if one["expiration"] in chosen]


def _difference(rows: Sequence[Mapping[str, Any]], true: Mapping[str, Any]) -> str:
    """What differs first between a snapshot and the truth; empty where nothing does."""
    expected = {one["code"]: one for one in wanted(true)}
    held = {row["contract"]: row for row in rows}
    if len({(row["taken_at"], row["source"]) for row in rows}) != 1 or len(held) != len(rows):
        return "more than one snapshot"
    if set(held) != set(expected):
        return f"contracts {sorted(set(held) ^ set(expected))[:3]} are not on both sides"
    for code, row in held.items():
        for name, value in _told(expected[code], row, true["spot"]).items():
            if not _same(row[name], value):
                return f"{code} of {row['source']}: {name} is {row[name]!r}, and {value!r} is true"
    return ""


def _told(true: Mapping[str, Any], row: Mapping[str, Any], spot: float) -> dict[str, Any]:
    """What a source that tells this contract makes of it, by column."""
    source, bad = row["source"], true["bad"]
    bid, ask = (true["ask"], true["bid"]) if bad == "crossed" else (true["bid"], true["ask"])
    expiration = date.fromisoformat(true["expiration"])
    last, volume = true["last"], true["volume"]
    if source in _SILENT_LAST and row["traded_at"] is None:
        last = row["last"] if source == "polygon" and row["last"] == last else None
    if volume is None and source in _NO_SILENCE:
        volume = 0
    values = (
        true["type"], true["expiration"], (expiration - DAY).days, true["strike"], bid, ask,
        (bid + ask) / 2 if ask > 0 and bid <= ask else None, last, volume, true["open_interest"],
        _volatility(true), spot,
    )  # fmt: skip
    told = dict(zip(_QUOTED, values, strict=True))
    if not row["greeks_computed"] and row["delta"] is not None:
        told |= {name: true[name] for name in _GREEKS}
    return told


def _volatility(true: Mapping[str, Any]) -> float | None:
    """Spoiled ones are nothing, also the 0.00001 of Yahoo's failed solver."""
    return None if true["bad"] in ("iv-zero", "sentinel") else true["iv"]


def _same(held: Any, true: Any) -> bool:
    if isinstance(held, float) and isinstance(true, float | int):
        return math.isclose(held, true, rel_tol=1e-9, abs_tol=1e-9)
    return bool(held == true)


@dataclass(frozen=True)
class Seen:
    """An event of the log, and when it was written, in seconds."""

    at: float
    told: Mapping[str, Any]


def journal(home: Path, *kinds: str) -> list[Seen]:
    """Events of some kinds, in the order in which they happened."""
    found = []
    for name in ("evertape.jsonl.1", "evertape.jsonl"):
        path = home / "log" / name
        for line in path.read_text().splitlines() if path.exists() else ():
            told = json.loads(line)
            if told["what"] in kinds:
                found.append(Seen(datetime.fromisoformat(told["timestamp"]).timestamp(), told))
    return found


def circuit_of(events: Iterable[Seen], source: str) -> list[Seen]:
    """How a source's circuit moved."""
    return [e for e in events if e.told["what"] == "CircuitMoved" and e.told["source"] == source]


def opened_once_probed_singly_and_closed(events: Sequence[Seen], source: str) -> None:
    """Assert it: closed once and for all, and nothing sent between but one request a probe."""
    moves = circuit_of(events, source)
    states = [move.told["state"] for move in moves]
    probes = states.count("probing")
    assert states == ["open", *["probing", "open"] * (probes - 1), "probing", "closed"], states
    sent = [
        event.at
        for event in events
        if event.told["what"] == "Sent" and event.told["source"] == source
        and moves[0].at < event.at < moves[-1].at
    ]  # fmt: skip
    assert len(sent) == probes, (len(sent), probes)


def dictated(
    events: Sequence[Seen], rate: float, source: str, outage: tuple[float, float], rest: float
) -> tuple[float, str]:
    """Seconds that limits, the outage and back-off dictate, and how they come about.

    The longer of two: (a) of the source that takes longest, its requests at its rate or the pauses that it
    asks everybody for, whichever is longer (permits come back in a pause), and the longest back-off of one
    address; (b) from the first request to the first probe that can be answered, which is the first multiple
    of the circuit's rest after its opening that lies behind the outage, then the requests that the source
    was sent from there on at its rate, and the longest back-off of one of them.

    Args:
        outage: from and to, in seconds since the source's first request.
    """
    sent = [e for e in events if e.told["what"] == "Sent"]
    counts = Counter(e.told["source"] for e in sent if e.told["source"] in VENDORS)
    pauses = {name: _paused(events, name) for name in counts}
    taken = {name: max(count / rate, pauses[name]) for name, count in counts.items()}
    busiest = max(taken, key=lambda name: taken[name])
    chain = _longest(events, 0.0)
    by_limits = taken[busiest] + chain
    first = min(e.at for e in sent if e.told["source"] in VENDORS)
    said = (
        f"{dict(counts)}; {busiest}: {counts[busiest]} requests at {rate:g}/s or {pauses[busiest]:.1f} "
        f"s of pauses, and {chain:.1f} s of back-off = {by_limits:.1f} s"
    )
    moves = circuit_of(events, source)
    if not moves:
        return by_limits, said
    down = min(e.at for e in sent if e.told["source"] == source) + outage[1]
    probe = moves[0].at + rest * max(1, math.ceil((down - moves[0].at) / rest))
    after = sum(e.told["source"] == source and e.at >= probe for e in sent)
    waits = _longest([e for e in events if e.told.get("source") == source], probe)
    by_outage = probe - first + after / rate + waits
    said += (
        f"; {source}: {probe - first:.1f} s to the first probe after its outage, {after} requests and "
        f"{waits:.1f} s of back-off from there = {by_outage:.1f} s"
    )
    return max(by_limits, by_outage), said


def _longest(events: Iterable[Seen], since: float) -> float:
    """Seconds of the longest back-off that one address was made to wait."""
    waits: Counter[str] = Counter()
    for event in events:
        if event.told["what"] == "Retrying" and event.at >= since:
            waits[event.told["url"]] += event.told["wait"]
    return max(waits.values(), default=0.0)


def _paused(events: Iterable[Seen], source: str) -> float:
    """Seconds for which a source asked to be left alone by everybody; those that overlap count once."""
    paused = until = 0.0
    for event in events:
        asked = _PAUSE.search(event.told.get("reason", ""))
        if event.told["what"] == "Retrying" and event.told["source"] == source and asked:
            paused += max(0.0, event.at + int(asked[1]) - max(until, event.at))
            until = max(until, event.at + int(asked[1]))
    return paused
