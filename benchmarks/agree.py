"""Do the vendors' own clients read the same from the sandbox as this program's sources?

yfinance, massive (Polygon's) and schwab-py live in an environment of their own and read a generated market
through `by_clients.py`; the sources read it through the whole stack. Every value that both have is compared,
and what both make of refusals. Exits with 1 where anything differs.

    PYTHONPATH=. python benchmarks/agree.py --clients /tmp/agree/bin/python
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.by_clients import HOW, Rows

from evertape import catalog, sandbox
from evertape.clock import SystemClock, end_of_day
from evertape.database import wiring
from evertape.datasets import options, prices
from evertape.datasets.quality import Finding
from evertape.datasets.universe import ident_of, listing_key
from evertape.errors import SourceError
from evertape.formats import sessions
from evertape.model.call import Call, Transport
from evertape.model.feed import Feed, Page
from evertape.model.records import table_of
from evertape.model.unit import Freshness, Span, Standing, Unit
from evertape.net.login import Keep
from evertape.sandbox.exchange import number_of
from evertape.sandbox.manners import load_manners
from evertape.sandbox.profile import profile_of
from evertape.sandbox.schwab import token_of
from evertape.sandbox.securities import Listing
from evertape.sandbox.vendors import Vendors
from evertape.settings import Settings

TODAY = date(2026, 6, 30)
SINCE, RECENT = date(2016, 1, 4), date(2024, 7, 1)
"""Of Yahoo and Schwab, and of Polygon, whose history reaches two years back."""
COMPANIES, CONTRACTS, SYMBOLS = 400, 300, 50
NEAR = 1e-6
"""Relative: Yahoo's prices are single-precision numbers."""
FEEDS = {
    "yahoo.history": "yahoo.chart",
    "yahoo.option_chain": "yahoo.options",
    "polygon.aggregates": "polygon.range",
    "polygon.actions": "polygon.range",
    "polygon.grouped": "polygon.grouped",
    "polygon.snapshots": "polygon.options",
    "schwab.history": "schwab.pricehistory",
    "schwab.chains": "schwab.chains",
    "schwab.quotes": "schwab.pricehistory",
}
_LIMITS = dict.fromkeys(("yahoo", "polygon", "schwab"), ((100_000, 1.0),))
_CALM = {"refuses": 0.0, "down": None}
_BUSY, _DOWN = {**_CALM, "refuses": 1.0}, {**_CALM, "down": [0, 1e6]}
_GREEKS = ("delta", "gamma", "theta", "vega")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A state of the vendors and of the keys, and what is read in it.

    Attributes:
        refused: how the sources must fail; empty where they must not.
    """

    name: str
    parts: tuple[str, ...]
    symbols: Sequence[Listing]
    key: str = "goodkey"
    made: float = field(default_factory=time.time)
    begun: float = field(default_factory=time.time)
    manners: Mapping[str, Any] = field(default_factory=lambda: _CALM)
    refused: str = ""


@dataclass(kw_only=True)
class Told:
    """What one of a case's parts came to: values compared, withheld by a finding, and what differs."""

    case: str
    part: str
    symbols: int = 0
    errors: int = 0
    values: int = 0
    withheld: int = 0
    differences: list[str] = field(default_factory=list)


def chosen(count: int) -> list[Listing]:
    """Symbols with everything that may trip a reader, the rest as they come. Raises StopIteration where the
    market lacks a kind."""
    profiles = [profile_of(1, index) for index in range(COMPANIES)]
    world = Vendors(profiles, 1, TODAY, CONTRACTS, load_manners({})).world
    number, listings = world.number, list(world.listings.values())
    known = [one for one in listings if not one.delisted and one.first <= number]
    recent = number_of(RECENT)

    def bad(kind: str) -> Listing:
        chains = ((one, world.chain(one)) for one in known)
        return next(one for one, chain in chains if chain is not None and kind in chain.bad)

    kinds = [
        next(one for one in listings if one.delisted),
        next(one for one in listings if one.first > number),
        next(one for one in known if "-" in one.symbol and one.optionable),
        next(one for one in known if any(recent < split.number < number for split in one.splits)),
        next(one for one in known if len([s for s in one.splits if s.number < number]) > 5),
        next(one for one in known if one.splits and one.dividends and one.splits[0].number < number),
        next(one for one in known if not one.optionable),
        next(one for one in known if recent < one.first < number),
        next(one for one in known if one.halts and bool(one.bars(recent, number).halted.any())),
        next(
            one for one in known if one.halts and bool(one.bars(number - 300, number + 1).halted[-60:].any())
        ),
        *map(bad, ("iv-zero", "sentinel", "crossed", "strike-zero")),
    ]
    found = {one.symbol: one for one in [*kinds, *listings]}
    return list(found.values())[:count]


def cases(listings: Sequence[Listing]) -> list[Case]:
    """All that is read: every value of every part, and a few symbols under each refusal."""
    now, few = time.time(), listings[:4]
    polygon = tuple(part for part in FEEDS if part.startswith("polygon."))
    schwab = ("schwab.history", "schwab.chains")
    stale, over = now - 3600, now - 8 * 86400
    return [
        Case(name="all values", parts=tuple(FEEDS), symbols=listings),
        Case(name="asked too often", parts=tuple(FEEDS), symbols=few, manners=_BUSY, refused="throttled"),
        Case(name="out of order", parts=tuple(FEEDS), symbols=few[2:], manners=_DOWN, refused="transient"),
        Case(name="unknown key", parts=polygon, symbols=few, key="badkey", refused="denied"),
        Case(
            name="plan without options", parts=("polygon.snapshots",), symbols=few, key="freekey",
            refused="denied",
        ),
        Case(name="free plan's bars", parts=polygon[:3], symbols=few, key="freekey"),
        Case(name="expired tokens", parts=schwab, symbols=few, made=stale, begun=over, refused="denied"),
    ]  # fmt: skip


def read_by_clients(python: str, url: str, case: Case) -> Any:
    """What the clients make of it, see `by_clients.py`. Raises RuntimeError with what they said."""
    given = {
        "url": url,
        "symbols": [one.symbol for one in case.symbols],
        "parts": case.parts,
        "since": str(SINCE),
        "recent": str(RECENT),
        "until": str(TODAY),
        "grouped": [str(day) for day in grouped_days()],
        "key": case.key,
        "token": token_of("access", case.made),
    }
    script = Path(__file__).with_name("by_clients.py")
    ran = subprocess.run(
        [python, str(script)], input=json.dumps(given), capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"the clients failed; {HOW}:\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout)


def grouped_days() -> Sequence[date]:
    """The sessions that Polygon is asked for as a whole."""
    return sessions.between(TODAY - timedelta(days=4), TODAY)


def standing_of(feed: Feed, listing: Listing) -> Standing:
    """All of one listing as due."""
    key, span = listing_key(listing.symbol, listing.cik), None
    if feed.dataset == prices.NAME:
        first = {"polygon.grouped": grouped_days()[0], "polygon.range": RECENT}.get(feed.name, SINCE)
        span = Span(first, TODAY)
    unit = Unit(feed.dataset, key, span, "" if span else options.ALL)
    return Standing(dataset=feed.dataset, key=key, label=listing.symbol, level=Freshness.MISSING, unit=unit)


class Reading:
    """What the sources make of it: by symbol the rows, under the names of the clients' ones, or an error."""

    def __init__(self, listings: Sequence[Listing]) -> None:
        self._symbols = {ident_of(listing_key(one.symbol, one.cik)): one.symbol for one in listings}
        self.found: dict[str, dict[str, Any]] = {one.symbol: {"rows": {}} for one in listings}
        self.doubted: set[tuple[str, str]] = set()

    def fail(self, call: Call, kind: str) -> None:
        """Note an error for all that the call was to answer."""
        for unit in call.units:
            self.found[self._symbols[ident_of(unit.key)]] = {"error": kind}

    def take(self, call: Call, page: Page) -> None:
        """Take a page's rows, and its notes that there is no such symbol."""
        for batch in page.batches:
            names = table_of(batch.record).names
            for row in batch.rows:
                told = dict(zip(names, row, strict=True))
                if batch.record is Finding:
                    self.doubted.add((told["period_type"], told["column_name"]))
                else:
                    rows = self.found[self._symbols[told["listing_id"]]]["rows"]
                    rows[_key(told)] = told
        if call.feed == "yahoo.chart" and any("unknown to" in note for note in page.notes):
            self.fail(call, "unknown")


def _key(told: dict[str, Any]) -> str:
    if "contract" in told:
        return str(told["contract"])
    if told.get("kind") == "split":
        told["ratio"] = told["numerator"] / told["denominator"]
    return f"{told['kind']} {told['ex_date']}" if "kind" in told else str(told["day"])


async def read_by_sources(transport: Transport, feed: Feed, listings: Sequence[Listing]) -> Reading:
    """Ask the feed for all listings and read what comes, page by page."""
    reading = Reading(listings)
    calls = list(feed.ask([standing_of(feed, one) for one in listings]))
    while calls:
        call = calls.pop()
        try:
            reply = await transport.send(replace(call, patient=False, archive=False))
        except SourceError as error:
            reading.fail(call, error.kind)
            continue
        for page in feed.read(reply, {}):
            reading.take(call, page)
            calls += page.calls
    return reading


async def read_case(url: str, case: Case, home: Path) -> dict[str, Reading]:
    """Everything of a case through the sources, by feed; each feed in a state of its own."""
    found = catalog.find()
    keys = {"POLYGON_API_KEY": case.key, "SCHWAB_APP_KEY": "app key", "SCHWAB_APP_SECRET": "app secret"}
    readings = {}
    for name in dict.fromkeys(FEEDS[part] for part in case.parts):
        settings = Settings(
            home=home, state=home / case.name / name, sandbox=url, now=end_of_day(TODAY), credentials=keys,
            limits=_LIMITS, retry_base=0.0,
        )  # fmt: skip
        obtained = datetime.fromtimestamp(int(case.begun), UTC).isoformat()
        kept = {"refresh_token": token_of("refresh", case.begun), "obtained_at": obtained}
        Keep(settings.state / "sessions.json").write("schwab", kept)
        clock = SystemClock(settings.now)
        limited = {n: wiring.limited(settings, source) for n, source in found.sources.items()}
        transport = wiring.stack(settings, limited, {}, clock, lambda _event: None)
        try:
            readings[name] = await read_by_sources(transport, found.feeds[name], case.symbols)
        finally:
            await transport.close()
    return readings


def rows_of(part: str, told: Mapping[str, Any]) -> Rows:
    """Of a feed's rows those that the part is about."""
    rows: Rows = told["rows"]
    if part == "schwab.quotes":
        return {"stock": {"price": rows[max(rows)]["close"]}} if rows else {}
    if FEEDS[part] == "polygon.range":
        return {key: row for key, row in rows.items() if (" " in key) == (part == "polygon.actions")}
    return rows if part != "polygon.grouped" else {key: row for key, row in rows.items() if " " not in key}


def compare(told: Told, theirs: Mapping[str, Any], reading: Reading, refused: str) -> None:
    """Hold one part's readings by the client against those by the source."""
    for symbol, client in theirs.items():
        own = reading.found[symbol]
        told.symbols += 1
        if "error" in client or "error" in own or refused:
            told.errors += 1
            kinds = client.get("error", "none"), own.get("error", "none")
            if kinds[0] != kinds[1] or (refused and kinds[0] != refused):
                told.differences.append(f"{symbol}: the client fails by {kinds[0]}, the source by {kinds[1]}")
            continue
        rows = rows_of(told.part, own)
        for key in sorted(client["rows"].keys() ^ rows.keys()):
            who = "client" if key in client["rows"] else "source"
            told.differences.append(f"{symbol} {key}: read by the {who} alone")
        for key in client["rows"].keys() & rows.keys():
            _compare_row(told, f"{symbol} {key}", client["rows"][key], rows[key], reading.doubted)


def _compare_row(
    told: Told, where: str, theirs: Mapping[str, Any], own: Mapping[str, Any], doubted: set[tuple[str, str]]
) -> None:
    contract = where.partition(" ")[2]
    for name, value in theirs.items():
        held = own[name]
        if name in _GREEKS and own["greeks_computed"]:
            told.withheld += 1
            if value is not None and not any(contract == subject for subject, _ in doubted):
                told.differences.append(f"{where}: {name} was computed, and the client reads {value}")
        elif held is None and value is not None and _doubted(contract, name, doubted):
            told.withheld += 1
        else:
            told.values += 1
            if not same(value, held):
                told.differences.append(f"{where}: the client's {name} is {value}, the source's {held}")


def _doubted(contract: str, name: str, doubted: set[tuple[str, str]]) -> bool:
    """Whether a finding says why a value is not kept. Without a strike there are no greeks either."""
    return (contract, name) in doubted or (name in _GREEKS and (contract, "strike") in doubted)


def same(theirs: Any, own: Any) -> bool:
    """Equal, numbers up to single precision."""
    if isinstance(own, datetime):
        own = own.timestamp()
    if isinstance(own, date):
        own = own.isoformat()
    if isinstance(theirs, int | float) and isinstance(own, int | float):
        return math.isclose(theirs, own, rel_tol=NEAR, abs_tol=NEAR)
    return bool(theirs == own)


def settle(url: str, case: Case) -> None:
    """Put the vendors into a case's state."""
    body = json.dumps({"all": case.manners}).encode()
    urlopen(Request(f"{url}/_sandbox/reset", data=b"")).read()
    urlopen(Request(f"{url}/_sandbox/vendors", data=body)).read()


def run(python: str, count: int, only: str) -> list[Told]:
    """Every case, one after the other."""
    found: list[Told] = []
    market = sandbox.SandboxOptions(market=COMPANIES, today=TODAY, contracts=CONTRACTS)
    with sandbox.running(market) as url, tempfile.TemporaryDirectory() as home:
        for whole in cases(chosen(count)):
            parts = tuple(part for part in whole.parts if part.startswith(only))
            if not parts:
                continue
            case = replace(whole, parts=parts)
            settle(url, case)
            began = time.monotonic()
            clients = read_by_clients(python, url, case)
            between = time.monotonic()
            readings = asyncio.run(read_case(url, case, Path(home)))
            for part in parts:
                told = Told(case=case.name, part=part)
                compare(told, clients["readings"][part], readings[FEEDS[part]], case.refused)
                found.append(told)
            versions = ", ".join(f"{name} {version}" for name, version in clients["versions"].items())
            took = f"clients {between - began:.1f} s, sources {time.monotonic() - between:.1f} s"
            print(f"{case.name}: {versions}; {took}", file=sys.stderr)
    return found


def main() -> int:
    """Print the table, and the first differences of each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clients", required=True, help=f"an interpreter that has the clients: {HOW}")
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    parser.add_argument("--only", default="", help="parts that begin so: yahoo, polygon.actions")
    given = parser.parse_args()
    found = run(given.clients, given.symbols, given.only)
    line = "{:<22}{:<22}{:>8}{:>8}{:>10}{:>10}{:>13}"
    print(line.format("case", "client.part", "symbols", "errors", "values", "withheld", "differences"))
    for told in found:
        counts = told.symbols, told.errors, told.values, told.withheld, len(told.differences)
        print(line.format(told.case, told.part, *counts))
    for told in found:
        for difference in told.differences[:12]:
            print(f"{told.case}, {told.part}: {difference}")
    total = Counter[str]()
    for told in found:
        total.update(values=told.values, differences=len(told.differences))
    print(f"{total['values']} values agree or differ, {total['differences']} differences")
    return 1 if total["differences"] or not total["values"] else 0


if __name__ == "__main__":
    sys.exit(main())
