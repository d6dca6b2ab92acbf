"""Chains of vendors that know a part, refuse a part, and of which the first is out of order for a while."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.soak import chains

MOST_RATIO, LEAST_EQUAL = 1.3, 0.995
FIRST = chains.VENDORS[0]
HOSTS = (
    "api.schwabapi.com", "cdn.cboe.com", "query2.finance.yahoo.com", "api.polygon.io", "api.robinhood.com",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Form:
    """How large, and how patient. `down` and `rest` are in seconds, `rate` in requests a second.

    `first` and `others` are the shares of symbols that they know. `spare` are seconds that a busy machine
    takes for itself, which count where the whole lasts a few.
    """

    companies: int
    underlyings: int
    rate: int
    down: float
    rest: float
    retry_base: float
    first: float
    others: float
    spare: float


LONG = Form(
    companies=1500, underlyings=1205, first=0.8, others=0.8,
    rate=20, down=180.0, rest=60.0, retry_base=2.0, spare=0.0,
)  # fmt: skip
SHORT = Form(
    companies=80, underlyings=60, first=1.0, others=0.65,
    rate=40, down=3.0, rest=1.0, retry_base=0.1, spare=3.0,
)  # fmt: skip


def refreshed(form: Form, folder: Path, serve: Callable[..., str]) -> None:
    """Refresh once; print and assert what is promised."""
    url = serve(market=form.companies, seed=7, today=chains.DAY)
    world = chains.world_of(
        folder / "home", url, form.rate,
        EVERTAPE_CIRCUIT=f"20,{form.rest},0.1", EVERTAPE_RETRY_BASE=str(form.retry_base),
    )  # fmt: skip
    chains.log_in(world)
    true = chains.truths(url)
    symbols = list(true)[: form.underlyings]
    assert len(symbols) == form.underlyings
    chains.posted(url, "reset")
    manners: dict[str, Any] = {"all": {"knows": form.others, "refuses": 0.3, "limit": form.rate}}
    manners[FIRST] = {"knows": form.first, "down": [0, form.down]}
    chains.posted(url, "vendors", manners)
    began = time.monotonic()
    done = world.run(
        "refresh", "options", "--symbols", ",".join(symbols), "--yes", "--json", "--log-level", "debug",
        timeout=1200,
    )  # fmt: skip
    whole = time.monotonic() - began
    assert done.returncode in (0, 1), done.stderr
    job = json.loads(done.stdout)["job"]
    found = chains.compared(world.home, true, symbols)
    events = chains.journal(world.home, "JobStarted", "JobFinished", "Sent", "Retrying", "CircuitMoved")
    seconds, said = chains.dictated(events, form.rate, FIRST, (0.0, form.down), form.rest)
    took = _fetching(events)
    print(f"{len(found.equal)} of {len(symbols)} equal, {dict(found.sources)}; absent {sorted(found.absent)}")
    print(
        f"took {took:.1f} s ({whole:.1f} s with the start), dictated {seconds:.1f} s: {took / seconds:.2f} x"
    )
    print(said)
    assert not found.different, dict(list(found.different.items())[:3])
    assert len(found.equal) >= LEAST_EQUAL * len(symbols)
    _every_other_is_named(job, world, found.absent)
    chains.opened_once_probed_singly_and_closed(events, FIRST)
    assert took <= MOST_RATIO * seconds + form.spare
    most = world.stats()["max_in_one_second"]
    assert all(most[host] <= form.rate for host in HOSTS), most


def _fetching(events: list[chains.Seen]) -> float:
    """Seconds of the job that fetched the chains, the last of the log."""
    ended = [event for event in events if event.told["what"] == "JobFinished"][-1]
    started = [
        e for e in events if e.told["what"] == "JobStarted" and e.told["job_id"] == ended.told["job_id"]
    ]
    return ended.at - started[0].at


def _every_other_is_named(job: dict[str, Any], world: Any, absent: frozenset[str]) -> None:
    """A symbol without a snapshot failed with a sentence, or its coverage says who does not know it."""
    failed = {one["label"]: one["message"] for one in job["failures"]}
    pending = dict(
        world.sql("SELECT key, note FROM holdings WHERE dataset = 'options' AND outcome = 'pending'")
    )
    noted = {key.rpartition(":")[0]: note for key, note in pending.items()}
    for symbol in absent:
        assert failed.get(symbol) or noted.get(symbol), symbol


def test_sixty_chains_from_vendors_that_fail(tmp_path: Path, serve: Callable[..., str]) -> None:
    refreshed(SHORT, tmp_path, serve)


@pytest.mark.soak
def test_twelve_hundred_chains_from_vendors_that_fail(tmp_path: Path, serve: Callable[..., str]) -> None:
    refreshed(LONG, tmp_path, serve)
