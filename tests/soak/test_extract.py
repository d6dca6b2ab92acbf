"""Extracting many: deaths of the parent lose and repeat nothing, memory is flat, writes are short."""

from __future__ import annotations

import hashlib
import io
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from benchmarks.made_companies import make_zip

from evertape.database import Database
from evertape.database.extract import ExtractOptions, frames
from evertape.database.extract.process import TOGETHER
from evertape.settings import load
from tests.database.test_extract import entered, worked
from tests.e2e.test_extract import children, gone, until
from tests.e2e.world import LEDGER, TIMES, World

COMPANIES, DEATHS = 1000, 10
FEW, TWICE = 40, 2
MEMORY = 600_000_000
"""Bytes of parent and processes together."""
WRITING = 0.25
"""Seconds that one transaction may take."""


def digests(home: Path) -> dict[str, tuple[int, int]]:
    """Rows of every table and the sum of their hashes; times and the ledger aside. Order does not matter."""
    connection = sqlite3.connect(home / "evertape.db")
    told = {}
    query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    for (name,) in connection.execute(query).fetchall():
        if name in LEDGER or name.endswith("_coded") or name in ("codes", "counters"):
            continue
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})") if row[1] not in TIMES]
        count = total = 0
        for row in connection.execute(f"SELECT {', '.join(columns)} FROM {name}"):
            count += 1
            total += int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=8).digest(), "big")
        told[name] = (count, total & (1 << 64) - 1)
    connection.close()
    return told


def settled(world: World) -> dict[int, tuple[Any, ...]]:
    """Items that are worked off, with the attempt and the moment."""
    if not (world.home / "evertape.db").exists():
        return {}
    try:
        rows = world.sql(
            "SELECT position, attempt, finished_at FROM sync_items WHERE state NOT IN ('due', 'leased')"
        )
    except sqlite3.OperationalError:
        return {}
    return {row[0]: row[1:] for row in rows}


def killed(world: World, arguments: tuple[str, ...], at: int) -> set[int]:
    """A command whose process is killed as soon as `at` items are settled; the pids of its children."""
    child = world.begin(*arguments)
    pids: set[int] = set()
    try:
        until(lambda: len(settled(world)) >= at or child.poll() is not None, 600)
        pids = children(child.pid)
    finally:
        child.kill()
        child.communicate()
    return pids


def survives(tmp_path: Path, path: Path, companies: int, deaths: int) -> dict[str, object]:
    """Kill the parent again and again; what comes of it equals an undisturbed run."""
    whole, world = World(home=tmp_path / "whole" / "home"), World(home=tmp_path / "killed" / "home")
    began = time.monotonic()
    assert whole.json("extract", str(path))["job"]["right"] == companies
    seconds = time.monotonic() - began
    expected = digests(whole.home)
    command: tuple[str, ...] = ("extract", str(path))
    orphans: set[int] = set()
    settled_at = []
    before: dict[int, tuple[Any, ...]] = {}
    for death in range(deaths):
        orphans |= killed(world, command, max(1, companies * (2 * death + 1) // (2 * deaths)))
        after = settled(world)
        assert {position: after[position] for position in before} == before
        before = after
        settled_at.append(len(before))
        command = ("jobs", "resume")
    assert world.json("jobs", "resume")["job"]["right"] == companies
    after = settled(world)
    assert {position: after[position] for position in before} == before
    assert len(after) == companies
    assert until(lambda: gone(orphans))
    assert digests(world.home) == expected
    attempts = world.sql("SELECT attempt, COUNT(*) FROM sync_items GROUP BY attempt ORDER BY attempt")
    return {
        "companies": companies, "deaths": deaths, "settled at each": settled_at, "processes": len(orphans),
        "attempts": dict(attempts), "undisturbed": f"{seconds:.1f} s",
    }  # fmt: skip


@pytest.mark.shared
def test_two_deaths_of_the_parent(tmp_path: Path, shared: Path) -> None:
    make_zip(tmp_path / "companyfacts.zip", FEW, shared / "upstream" / "2026-07-10")
    told = survives(tmp_path, tmp_path / "companyfacts.zip", FEW, TWICE)
    assert told["deaths"] == TWICE


@pytest.mark.soak
@pytest.mark.shared
def test_ten_deaths_of_the_parent(tmp_path: Path, shared: Path) -> None:
    make_zip(tmp_path / "companyfacts.zip", COMPANIES, shared / "upstream" / "2026-07-10")
    print(survives(tmp_path, tmp_path / "companyfacts.zip", COMPANIES, DEATHS))


def peaks(child: subprocess.Popen[str]) -> dict[int, int]:
    """The most memory that a process and each of its children ever had resident, in bytes."""
    most: dict[int, int] = {}
    while child.poll() is None:
        for pid in {child.pid, *children(child.pid)}:
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
            if lines:
                most[pid] = max(most.get(pid, 0), int(lines[0].split()[1]) * 1024)
        time.sleep(0.1)
    return most


@pytest.mark.soak
@pytest.mark.shared
def test_memory_is_flat(tmp_path: Path, shared: Path) -> None:
    found = []
    for companies in (500, 5000):
        path = tmp_path / f"{companies}.zip"
        make_zip(path, companies, shared / "upstream" / "2026-07-10")
        world = World(home=tmp_path / str(companies) / "home")
        child = world.start("extract", str(path), "--no-archive")
        most = peaks(child)
        child.communicate()
        assert child.returncode == 0
        parent = most.pop(child.pid)
        found.append(parent + sum(most.values()))
        print(
            f"{companies} companies: parent {parent / 1e6:.0f} MB, "
            f"processes {[round(peak / 1e6) for peak in most.values()]} MB"
        )
        path.unlink()
    assert max(found) < MEMORY
    assert found[1] < found[0] * 1.25


@pytest.mark.soak
@pytest.mark.shared
def test_a_transaction_is_short(tmp_path: Path, shared: Path) -> None:
    path = tmp_path / "companyfacts.zip"
    make_zip(path, 300, shared / "upstream" / "2026-07-10")
    out = io.BytesIO()
    with Database(load({"EVERTAPE_HOME": str(tmp_path / "home")})) as db:
        options = ExtractOptions(path=path)
        said = worked(db, options, entered(db, options)[1], out)
    # From before the lock is asked for until all is written, which is longer than the transaction.
    clock = sorted(frame.queue for frame in said if isinstance(frame, frames.Committed))
    assert len(clock) == 300 // TOGETHER
    print(
        f"{len(clock)} transactions: median {clock[len(clock) // 2] * 1e3:.0f} ms, "
        f"most {clock[-1] * 1e3:.0f} ms by the clock"
    )
    # The clock also counts what else the machine does: one may be unlucky.
    assert clock[-2] < WRITING
