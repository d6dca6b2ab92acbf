"""The whole commands `evertape refresh options` and `refresh prices` against a sandbox without limits.

The sandbox answers on the same cores; what it took of them is told. Each part runs in a home of its own.

Baseline, measured in the same run: one core that decodes the same bodies to plain Python values
(`msgspec.json.decode`), and no more than that; of prices, what three requests and a write take is told.

    python benchmarks/bench_market.py [--underlyings N] [--large N] [--symbols N] [--smaller]

--underlyings (12050) chains of 20 contracts, --large (300) chains of 2,000, --symbols (12050) latest bars
through the grouped route; 0 leaves a part out. --smaller runs a tenth of each.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec
from benchmarks.whole_command import Ran, compiled, run

from evertape.sandbox import SandboxOptions, running
from evertape.sandbox.manners import load_manners
from evertape.sandbox.market import Market
from evertape.sandbox.vendors import Vendors

CORES = len(os.sched_getaffinity(0))
DAY, SEED = date(2026, 6, 30), 3
LEAST_UNDERLYINGS, LEAST_CONTRACTS, MOST_MEMORY = 60.0, 40_000.0, 500e6
MOST_REQUESTS, MOST_SECONDS, MOST_TRADED, SOON = 3, 30.0, 100, 30.0
"""What is hoped for on two cores."""
_LARGEST_MARKET = 17_000
_SAMPLE = 2_000_000
"""Bytes of bodies that the baseline decodes, ten times over."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Watch(threading.Thread):
    """Looks twice a second whether a home holds the chains of some symbols, and notes when it first does."""

    def __init__(self, home: Path, symbols: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self.seconds: float | None = None
        self._home = home
        self._symbols = set(symbols)
        self._ended = threading.Event()

    def run(self) -> None:
        began = time.monotonic()
        while self.seconds is None and not self._ended.wait(0.5):
            if self._symbols <= _held(self._home):
                self.seconds = time.monotonic() - began

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()


def _held(home: Path) -> set[str]:
    try:
        with closing(sqlite3.connect(f"file:{home / 'evertape.db'}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT key FROM holdings WHERE dataset = 'options'").fetchall()
    except sqlite3.Error:
        return set()
    return {key.rpartition(":")[0] for (key,) in rows}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A market, its symbols with options in the order of their rank, and how the command is run in it."""

    url: str
    symbols: Sequence[str]
    place: Path

    def command(self, *arguments: str) -> Ran:
        """Run evertape in the part's home, without limits to speak of."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("EVERTAPE_", "EDGAR_"))}
        ours = {
            "EVERTAPE_HOME": str(self.place / "home"),
            "EVERTAPE_STATE": str(self.place / "state"),
            "EVERTAPE_SANDBOX_URL": self.url,
            "EVERTAPE_NOW": DAY.isoformat(),
            "EVERTAPE_LIMITS": "cboe=1000/s,yahoo=1000/s,polygon=1000/s",
            "EDGAR_IDENTITY": "Ada Lovelace ada@example.org",
            "POLYGON_API_KEY": "generated",
        }
        return run([sys.executable, "-m", "evertape", *arguments], {**kept, **ours})

    def body(self, symbol: str) -> bytes:
        """Cboe's answer for a symbol."""
        named = symbol.replace("-", ".")
        path = f"cdn.cboe.com/api/global/delayed_quotes/options/{named}.json"
        with urllib.request.urlopen(f"{self.url}/{path}") as answer:
            return bytes(answer.read())

    def stats(self) -> dict[str, int]:
        """Requests by host, counted by the sandbox."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/stats") as answer:
            return dict(json.load(answer)["by_host"])


def underlyings(companies: int, contracts: int) -> list[str]:
    """Symbols of a market that have options, the first in rank first."""
    profiles = Market(companies, SEED, DAY).profiles
    world = Vendors(profiles, SEED, DAY, contracts, load_manners({})).world
    traded = {listing.symbol for listing in world.traded("cboe")}
    return [symbol for symbol, one in world.listings.items() if one.optionable and symbol in traded]


def decoding(part: Part) -> float:
    """Seconds of one core to decode one body of some, as plain JSON."""
    bodies: list[bytes] = []
    for symbol in part.symbols:
        bodies.append(part.body(symbol))
        if sum(map(len, bodies)) > _SAMPLE:
            break
    began = time.process_time()
    for _ in range(10):
        for body in bodies:
            msgspec.json.decode(body)
    return (time.process_time() - began) / 10 / len(bodies)


def served_by() -> float:
    """Seconds of processor time that this process's sandbox has taken."""
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            if b"evertape.sandbox" in Path(f"/proc/{pid}/cmdline").read_bytes():
                told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                return (int(told[11]) + int(told[12])) / _TICKS
    return 0.0


def chains(count: int, contracts: int, place: Path) -> None:
    """Print what refreshing so many whole chains takes."""
    companies = min(_LARGEST_MARKET, count * 5 // 4 + 20)
    symbols = underlyings(companies, contracts)[:count]
    if len(symbols) < count:
        sys.exit(f"a market of {companies} companies has {len(symbols)} underlyings; ask for fewer")
    options = SandboxOptions(market=companies, seed=SEED, today=DAY, contracts=contracts)
    with running(options) as url:
        part = Part(url=url, symbols=symbols, place=place)
        bare = decoding(part)
        watch = Watch(place / "home", symbols[:MOST_TRADED])
        before = served_by()
        watch.start()
        ran = part.command(
            "refresh", "options", "--symbols", ",".join(symbols), "--target-dte", "all", "--yes", "--json"
        )
        watch.stop()
        served = served_by() - before
    job = json.loads(ran.out)["job"]
    print(f"{count:,} chains of {contracts:,} contracts, load {load()}")
    print(
        f"  command {ran.seconds:.1f} s, of it the job {job['seconds']:.1f} s; processor {ran.busy:.1f} s, "
        f"the sandbox's {served:.1f} s; {job['right']:,} right, {job['rows']:,} rows"
    )
    rate = count / job["seconds"]
    print(f"  {rate:,.0f} underlyings/s (hoped for, of small chains: {LEAST_UNDERLYINGS:.0f})")
    print(f"  {rate * contracts:,.0f} contracts/s (hoped for, of large chains: {LEAST_CONTRACTS:,.0f})")
    alone = count * contracts / max(ran.busy, (ran.busy + served) / CORES)
    print(f"  {alone:,.0f} contracts/s by processor time: as if nothing else ran on the {CORES} cores")
    decoded = bare * count
    print(f"  {job['seconds'] / decoded:.1f} x one core's json decoding of the bodies, {decoded:.2f} s")
    memory(ran)
    soon = "never" if watch.seconds is None else f"after {watch.seconds:.1f} s"
    print(f"  the {MOST_TRADED} first in rank were there {soon} (hoped for: {SOON:.0f})")


def memory(ran: Ran) -> None:
    """Print the most memory, and whether it grew after the first third of the way."""
    third = len(ran.course) // 3
    early, late = max(ran.course[third : 2 * third]), max(ran.course[2 * third :])
    print(
        f"  memory of all processes {ran.memory / 1e6:.0f} MB (hoped for: {MOST_MEMORY / 1e6:.0f}); at most "
        f"{early / 1e6:.0f} MB in the second third, {late / 1e6:.0f} MB in the last"
    )


def bars(count: int, place: Path) -> None:
    """Print what the latest bars of so many symbols take."""
    with running(SandboxOptions(market=count, seed=SEED, today=DAY)) as url:
        part = Part(url=url, symbols=(), place=place)
        ran = part.command(
            "refresh", "prices", "--scope", "all", "--since", DAY.isoformat(), "--yes", "--json"
        )
        asked = part.stats().get("api.polygon.io", 0)
    told = json.loads(ran.out)
    job = told["job"]
    due = re.match(r"\d+", told["plan"]["steps"][0]["reason"])
    print(f"latest bars of {due[0] if due else count} symbols, load {load()}")
    print(f"  {asked} requests (hoped for: {MOST_REQUESTS}), {job['rows']:,} rows")
    print(
        f"  command {ran.seconds:.1f} s (hoped for: {MOST_SECONDS:.0f}), of it the job {job['seconds']:.1f} s"
    )
    memory(ran)


def load() -> str:
    """The machine's load of the last minute."""
    return Path("/proc/loadavg").read_text().split()[0]


def main(small: int, large: int, symbols: int) -> None:
    """Print all parts."""
    compiled()
    with tempfile.TemporaryDirectory() as name:
        for count, contracts in ((small, 20), (large, 2000)):
            if count:
                chains(count, contracts, Path(name) / str(contracts))
        if symbols:
            bars(symbols, Path(name) / "bars")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure refreshes of option chains and latest bars.")
    parser.add_argument("--underlyings", type=int, default=12_050)
    parser.add_argument("--large", type=int, default=300)
    parser.add_argument("--symbols", type=int, default=12_050)
    parser.add_argument("--smaller", action="store_true")
    said = parser.parse_args()
    scale = 10 if said.smaller else 1
    main(said.underlyings // scale, said.large // scale, said.symbols // scale)
