"""What the sandbox's vendors know of a market, and what a home holds of it."""

from __future__ import annotations

import json
import math
import subprocess
import urllib.request
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from tests.e2e.world import World

LIMITS = ",".join(f"{name}=1000/s" for name in ("yahoo", "polygon", "schwab", "robinhood", "cboe"))
HOSTS = {
    "yahoo": ("query1.finance.yahoo.com", "query2.finance.yahoo.com", "fc.yahoo.com"),
    "polygon": ("api.polygon.io",),
    "schwab": ("api.schwabapi.com",),
    "robinhood": ("api.robinhood.com",),
}
KEYS = {
    "polygon": {"POLYGON_API_KEY": "key123"},
    "schwab": {"SCHWAB_APP_KEY": "application", "SCHWAB_APP_SECRET": "secret"},
    "robinhood": {"ROBINHOOD_USERNAME": "plain", "ROBINHOOD_PASSWORD": "secret"},
}
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, kw_only=True)
class Traded:
    """One listing's bars as traded by day, its splits and its dividends, as the sandbox made them."""

    bars: dict[str, tuple[float, ...]]
    splits: dict[str, tuple[float, float]]
    dividends: dict[str, float]
    halted: frozenset[str]
    delisted: bool

    def returns(self, until: str, paid_on: Container[str]) -> dict[str, float]:
        """Return of each session against the one before, splits and the dividends of some days included."""
        found = {}
        days = [day for day in self.bars if day <= until]
        for before, day in pairwise(days):
            ratio = math.prod(new / old for at, (new, old) in self.splits.items() if before < at <= day)
            paid = math.fsum(
                amount for at, amount in self.dividends.items() if at in paid_on and before < at <= day
            )
            # The dividend is for a share of its day: the close before is counted in such shares.
            found[day] = self.bars[day][3] / (self.bars[before][3] / ratio - paid)
        return found


def truths(url: str) -> dict[str, Traded]:
    """Every listing by its symbol, up to the sandbox's today."""
    told = {kind: {row["symbol"]: row for row in _lines(url, kind)} for kind in ("prices", "actions")}
    found = {}
    for symbol, row in told["prices"].items():
        actions = told["actions"][symbol]
        numbers = zip(*(row[name] for name in (*PRICES, "volume")), strict=True)
        found[symbol] = Traded(
            bars=dict(zip(row["days"], numbers, strict=True)),
            splits={s["day"]: (s["numerator"], s["denominator"]) for s in actions["splits"]},
            dividends={d["day"]: d["amount"] for d in actions["dividends"]},
            halted=frozenset(row["halted"]),
            delisted=row["delisted"],
        )
    return found


def _lines(url: str, kind: str) -> Iterator[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/_sandbox/truth?all=1&kind={kind}") as answer:
        for line in answer:
            yield json.loads(line)


def post(world: World, page: str, body: object = None) -> None:
    """Change the sandbox: its day, its vendors."""
    content = b"" if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{world.url}/_sandbox/{page}", data=content, method="POST")
    urllib.request.urlopen(request).close()


def go_to(world: World, day: date) -> None:
    """Let it be the end of a day, for the home and for the sandbox."""
    post(world, f"today?date={day}")
    world.now = day.isoformat()


def may_ask(world: World, *sources: str) -> None:
    """Give a home the keys of sources and ask them in this order; log in where that is needed."""
    world.extra = {"EVERTAPE_LIMITS": LIMITS, "EVERTAPE_SOURCES": ",".join(sources)}
    for source in sources:
        world.extra |= KEYS.get(source, {})
    for source in {"schwab", "robinhood"}.intersection(sources):
        # Without a terminal of its own the child reads what it asks for from its standard input.
        child = world.start("providers", "login", source, stdin=subprocess.PIPE, start_new_session=True)
        _, said = child.communicate("https://127.0.0.1:8182/?code=C0.abc&session=1\n", timeout=60)
        assert child.returncode == 0, said


def refresh(world: World, *arguments: str) -> Any:
    """Fetch prices; the answer as JSON, with the sandbox counting from zero."""
    world.reset()
    told = world.json("refresh", "prices", *arguments, "--yes")
    assert "job" not in told or told["job"]["failed"] == 0, told["job"]["failures"]
    return told


def asked(world: World) -> dict[str, int]:
    """Requests by source since the last refresh began, those of logins among them."""
    hosts = world.stats()["by_host"]
    counts = {source: sum(hosts.get(host, 0) for host in mine) for source, mine in HOSTS.items()}
    return {source: count for source, count in counts.items() if count}


def spans(told: Any) -> dict[str, set[tuple[str, str]]]:
    """The days that a plan asks for, by symbol."""
    found = defaultdict(set)
    for step in told["plan"]["steps"]:
        for call in step["calls"]:
            for unit in call["units"]:
                found[unit["key"].partition(":")[0]].add((unit["span"]["start"], unit["span"]["end"]))
    return dict(found)


Bars = dict[str, dict[str, tuple[Any, ...]]]


def held(world: World) -> Bars:
    """Rows of bars by symbol and day: the numbers, the source and the basis."""
    rows: Bars = defaultdict(dict)
    for symbol, day, *rest in world.sql(
        "SELECT symbol, day, open, high, low, close, volume, daily_prices.source, split_basis "
        "FROM daily_prices JOIN listings USING (listing_id) ORDER BY day"
    ):
        rows[symbol][day] = tuple(rest)
    return dict(rows)


def read(world: World, symbols: Iterable[str], *options: str) -> Bars:
    """The same as the command line gives it."""
    rows: Bars = defaultdict(dict)
    for row in world.json("prices", ",".join(symbols), *options):
        rows[row["symbol"]][row["day"]] = tuple(row[name] for name in (*PRICES, "volume"))
    return dict(rows)


def differences(
    found: Bars, true: dict[str, Traded], since: str, until: str, symbols: Sequence[str] = ()
) -> list[str]:
    """Bars as traded that are not the truth's, that no truth has, or that are lacking."""
    wrong = []
    for symbol in symbols or true:
        mine = found.get(symbol, {})
        days = {day for day in true[symbol].bars if since <= day <= until}
        wrong += [
            f"{symbol} on {day} is {'lacking' if day in days else 'made up'}" for day in days ^ mine.keys()
        ]
        for day in days & mine.keys():
            real = true[symbol].bars[day]
            # Yahoo and brokers send prices in single precision or in hundredths of cents after a split.
            if not all(math.isclose(a, b, rel_tol=2e-4) for a, b in zip(mine[day][:5], real, strict=True)):
                wrong.append(f"{symbol} on {day}: {mine[day][:5]} is not {real}")
    return wrong


def actions_differ(
    world: World, true: dict[str, Traded], since: str, until: str, symbols: Sequence[str] = ()
) -> list[str]:
    """Splits and dividends held that are not the truth's, or are lacking."""
    rows: dict[tuple[str, str, str], list[float]] = {}
    for symbol, day, kind, new, old, amount in world.sql(
        "SELECT symbol, ex_date, kind, numerator, denominator, amount "
        "FROM corporate_actions JOIN listings USING (listing_id)"
    ):
        rows[symbol, day, kind] = [new, old] if kind == "split" else [amount]
    real: dict[tuple[str, str, str], list[float]] = {}
    for symbol in symbols or true:
        real |= {(symbol, day, "split"): list(split) for day, split in true[symbol].splits.items()}
        real |= {(symbol, day, "dividend"): [paid] for day, paid in true[symbol].dividends.items()}
    real = {
        key: value for key, value in real.items() if since <= key[1] <= until and not true[key[0]].delisted
    }
    rows = {key: value for key, value in rows.items() if since <= key[1] <= until}
    return [
        f"{key}: {rows.get(key)} is not {real.get(key)}"
        for key in real.keys() | rows.keys()
        if key not in real
        or key not in rows
        or not all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(rows[key], real[key], strict=True))
    ]


def jumps(
    adjusted: Bars, true: dict[str, Traded], until: str, off: float = 1e-4, told: World | None = None
) -> list[str]:
    """Sessions whose adjusted close, against the one before, is not the truth's total return.

    Args:
        told: a home of which only the dividends count that sources told it.
    """
    wrong = []
    query = "SELECT symbol, ex_date FROM corporate_actions JOIN listings USING (listing_id) WHERE kind = ?"
    known = set(told.sql(query, "dividend")) if told else set()
    for symbol, rows in adjusted.items():
        paid_on = {day for day in true[symbol].dividends if told is None or (symbol, day) in known}
        returns = true[symbol].returns(until, paid_on)
        for before, day in pairwise(rows):
            found = rows[day][3] / rows[before][3]
            if not math.isclose(found, returns[day], rel_tol=off):
                wrong.append(f"{symbol} from {before} to {day}: {found} is not {returns[day]}")
    return wrong
