"""extract on the command line: the rows of a refresh, whatever the file and whoever dies meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import bulkfiles, forks
from tests.e2e.world import World, tables

FACTS = "data.sec.gov/api/xbrl/companyfacts"
COVERAGE = "dataset, key, outcome, version, strikes, mark, note"


def coverage(world: World) -> list[tuple[Any, ...]]:
    """What is held of whom; times, sources and sizes on the wire aside."""
    return world.sql(
        f"SELECT {COVERAGE} FROM holdings WHERE dataset IN ('facts', 'statements') ORDER BY dataset, key"
    )


def items(world: World, what: str = "label, state, error_kind, attempt") -> list[tuple[Any, ...]]:
    """The items of the latest job, in order."""
    return world.sql(
        f"SELECT {what} FROM sync_items WHERE job_id = (SELECT MAX(id) FROM sync_jobs) ORDER BY position"
    )


# The same rows as a refresh


@pytest.mark.shared
def test_an_extract_makes_what_a_refresh_of_the_same_bodies_makes(
    tmp_path: Path, serve: Callable[..., str], shared: Path
) -> None:
    tree = shared / "upstream" / "2026-07-10"
    names = ",".join(file.name[3:13] for file in sorted((tree / FACTS).glob("CIK*")))
    url = serve(data=tree)
    fetched, read, unzipped = (
        World(home=tmp_path / name / "home", url=url, now="2026-07-10") for name in ("a", "b", "c")
    )
    # The check brings lists and indexes; no facts yet.
    assert read.run("refresh", "financials", "--symbols", names, "--check").returncode == 3
    for world in (fetched, unzipped):
        shutil.copytree(read.home, world.home)
    assert fetched.run("refresh", "financials", "--symbols", names, "--yes").returncode == 0
    expected = tables(fetched.home)
    assert len(expected["income_statements"]) > 500
    before = read.stats()["requests"]
    archive = bulkfiles.zip_of_folder(tree / FACTS, tmp_path / "companyfacts.zip")
    for world, path in ((read, tree / FACTS), (unzipped, archive)):
        told = world.json("extract", str(path))
        assert (told["companies"], told["job"]["right"]) == (19, 19)
        assert tables(world.home) == expected
        assert coverage(world) == coverage(fetched)
    assert read.stats()["requests"] == before

    # The bodies are in the archive, under their addresses.
    assert read.json("rebuild")["job"]["failed"] == 0
    again = tables(read.home)
    # A company's name is the one read last, of the ticker file or of its facts.
    assert {row[0] for row in again.pop("stocks")} == {row[0] for row in expected.pop("stocks")}
    assert again == expected
    assert {label for (label,) in items(read, "label")} >= {f"CIK{name}.json" for name in names.split(",")}


# What is left out


def test_no_archive_keeps_no_body(world: World, tmp_path: Path) -> None:
    path = bulkfiles.folder(tmp_path / "bulk", {7: bulkfiles.body(7)})
    assert world.json("extract", str(path), "--no-archive")["job"]["right"] == 1
    assert not (world.home / "archive").exists()
    (rows,) = world.sql("SELECT COUNT(*) FROM income_statements WHERE cik = 7")
    assert rows[0] > 0


def test_who_is_named_comes_first_and_who_has_no_file_is_said(world: World, tmp_path: Path) -> None:
    path = bulkfiles.folder(tmp_path / "bulk", {n: bulkfiles.body(n) for n in (5, 6, 7, 8)})
    told = world.json("extract", str(path), "--symbols", "CIK0000000007,9,6")
    assert [label for (label,) in items(world, "label")] == ["0000000007", "0000000006"]
    assert told["lacking"] == ["0000000009"]
    done = world.run("extract", str(path), "--symbols", "9")
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 asked for and without a file: 0000000009" in done.stderr


def test_a_ticker_and_a_scope_are_looked_up_in_what_is_held(
    market: Callable[..., World], tmp_path: Path
) -> None:
    world = market(6, seed=4)
    assert world.run("refresh", "financials", "--scope", "all", "--check").returncode == 3
    listed = world.sql("SELECT symbol, cik FROM listings ORDER BY rank")
    (_, largest), (symbol, cik) = listed[0], listed[-1]
    bodies = {n: bulkfiles.body(n) for n in (cik, largest, 5)}
    path = bulkfiles.folder(tmp_path / "bulk", bodies)
    told = world.json("extract", str(path), "--symbols", symbol.lower(), "--scope", "all")
    assert items(world, "label, key")[0] == (symbol, f"{cik:010d}")
    assert {key for _, key in items(world, "label, key")} == {f"{n:010d}" for n in (cik, largest)}
    assert len(told["lacking"]) == len({n for _, n in listed}) - 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--symbols", "AAPL"), "AAPL cannot be looked up: no ticker file is held yet; give its CIK"),
        (("--scope", "sp500"), "the S&P 500 list is not held, so its companies are not known"),
    ],
)
def test_without_a_list_of_companies_one_sentence_says_what_to_do(
    world: World, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    path = bulkfiles.folder(tmp_path / "bulk", {7: bulkfiles.body(7)})
    done = world.run("extract", str(path), *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"evertape: {said}")


def test_a_company_that_was_fetched_after_the_file_was_written_is_left_out(
    market: Callable[..., World], tmp_path: Path
) -> None:
    world = market(3, seed=4)
    assert world.run("refresh", "financials", "--scope", "all", "--yes").returncode == 0
    symbol, cik = world.sql("SELECT symbol, cik FROM listings ORDER BY rank")[0]
    before = tables(world.home)
    path = bulkfiles.folder(
        tmp_path / "bulk", {cik: bulkfiles.body(cik)}, bulkfiles.WRITTEN.replace(year=2020)
    )
    done = world.run("extract", str(path))
    assert done.returncode == 0
    assert f"1 held newer than the file; left out: {symbol}" in done.stderr
    assert world.json("extract", str(path))["newer"] == 1
    assert tables(world.home) == before


# Damage


def test_whatever_is_damaged_is_named_and_the_sound_ones_are_right(world: World, tmp_path: Path) -> None:
    sound = {n: bulkfiles.body(n) for n in range(100, 120)}
    whole = World(home=tmp_path / "whole" / "home")
    told = whole.json("extract", str(bulkfiles.zipped(tmp_path / "sound.zip", sound)))
    assert told["job"]["right"] == 20
    path, failing, rejected = bulkfiles.damaged_zip(tmp_path / "companyfacts.zip", sound)
    told = world.json("extract", str(path), code=1)
    said = {failure["label"]: (failure["kind"], failure["message"]) for failure in told["job"]["failures"]}
    assert set(said) == {f"{cik:010d}" for cik in failing}
    for cik, (kind, words) in failing.items():
        assert said[f"{cik:010d}"][0] == kind
        assert words in said[f"{cik:010d}"][1], (cik, said[f"{cik:010d}"])
        assert f"CIK{cik:010d}.json in {path}" in said[f"{cik:010d}"][1]
        assert "https:" not in said[f"{cik:010d}"][1]
    reasons = {entry["name"]: entry["reason"] for entry in told["rejected"]}
    assert reasons == rejected
    assert told["job"]["right"] == len(sound)
    assert tables(world.home) == tables(whole.home)

    # For people the same, and nothing that was sound is read again.
    done = world.run("extract", str(path))
    assert done.returncode == 1
    assert "20 unchanged since they were read" in done.stderr
    assert f"{len(failing)} processed, 0 right, {len(failing)} failed" in done.stderr
    for name in rejected:
        assert f"{name} is not read: " in done.stderr.replace("\n", " ")
    assert tables(world.home) == tables(whole.home)


def test_a_zip_that_is_cut_off_is_one_sentence(world: World, tmp_path: Path) -> None:
    path = bulkfiles.zipped(tmp_path / "companyfacts.zip", {7: bulkfiles.body(7)})
    path.write_bytes(path.read_bytes()[:-40])
    done = world.run("extract", str(path))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "is cut off or damaged" in done.stderr


# Deaths


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that stands still for as long as the block takes."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def extracting(world: World, path: Path, *more: str) -> Iterator[forks.Spoken]:
    """An extract that runs, killed at the end where the test has left it."""
    child = world.begin("extract", str(path), *more)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def until(what: Callable[[], Any], seconds: float = 30) -> Any:
    """What a look gives as soon as it gives something."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def children(pid: int) -> set[int]:
    """Living child processes."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.add(int(stat.parent.name))
    return found


def has_open(pid: int, name: str) -> bool:
    """Whether a process has a file of this name open."""
    with suppress(OSError):
        return any(fd.readlink().name == name for fd in Path(f"/proc/{pid}/fd").iterdir())
    return False


def gone(pids: set[int]) -> bool:
    """Whether none of these processes runs any more."""
    return not any(Path(f"/proc/{pid}").exists() and not zombie(pid) for pid in pids)


def zombie(pid: int) -> bool:
    """Whether a process has ended and nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def at(world: World, label: str) -> int | None:
    """The pid of the process that the ledger shows at a company."""
    if not (world.home / "evertape.db").exists() or not world.sql(
        "SELECT 1 FROM sqlite_master WHERE name = 'sync_workers'"
    ):
        return None
    rows = world.sql("SELECT pid FROM sync_workers WHERE current = ?", label)
    return int(rows[0][0]) if rows else None


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty companies, one of which takes long to read. Nobody writes there."""
    bodies = {n: bulkfiles.body(n) for n in range(100, 160)}
    return bulkfiles.folder(tmp_path_factory.mktemp("many") / "bulk", {**bodies, 130: bulkfiles.slow(130)})


def test_status_watch_shows_the_processes_and_ends_with_the_job(world: World, many: Path) -> None:
    with extracting(world, many, "--workers", "2") as child:
        pid = until(lambda: at(world, "0000000130"))
        with stopped(pid):
            watching = world.begin("status", "--watch")
            told = json.loads(world.run("status", "--watch", "--json").stdout)
            (listed,) = world.json("jobs", "list")
            until(lambda: has_open(watching.pid, "evertape.db"))
        assert child.wait(timeout=60) == 0
        out, err = watching.communicate(timeout=30)
    assert (watching.returncode, err) == (0, "")
    assert "60 done, 0 failed, done" in out
    assert len(told["workers"]) == 2
    (slow,) = (worker for worker in told["workers"] if worker["pid"] == pid)
    assert {"done", "failed", "current", "busy", "disk", "queue", "since"} <= set(slow)
    assert sum(told["items"].values()) == 60
    assert (listed["state"], listed["total"]) == ("running", 60)
    assert 60 > listed["done"] >= told["items"]["done"]
    assert told["items"]["done"] >= sum(worker["done"] for worker in told["workers"]) > 0
    after = world.run("status", "--watch")
    assert (after.returncode, after.stdout) == (0, "")
    assert after.stderr == "no job is running in this home\n"


def test_ctrl_c_leaves_the_rest_due_and_resume_finishes(world: World, many: Path) -> None:
    with extracting(world, many, "--workers", "2") as child:
        pid = until(lambda: at(world, "0000000130"))
        pids = children(child.pid)
        with stopped(pid):
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=30) == 130
        assert until(lambda: gone(pids))
    states = dict(world.sql("SELECT state, COUNT(*) FROM sync_items GROUP BY state"))
    assert set(states) == {"due", "done"}
    settled = world.sql("SELECT key FROM sync_items WHERE state = 'done'")
    resumed = world.json("jobs", "resume")
    assert resumed["job"]["right"] == 60
    again = world.sql("SELECT key FROM sync_items WHERE attempt > 1")
    assert set(again) & set(settled) == set()


def test_processes_whose_parent_is_killed_end_by_themselves(world: World, many: Path) -> None:
    with extracting(world, many, "--workers", "2") as child:
        until(lambda: at(world, "0000000130"))
        pids = children(child.pid)
        assert len(pids) == 2
        child.kill()
        child.wait(30)
        assert until(lambda: gone(pids))
    states = dict(world.sql("SELECT state, COUNT(*) FROM sync_items GROUP BY state"))
    assert states.get("leased", 0) > 0
    (job,) = world.json("jobs", "list")
    assert (job["state"], job["done"], job["total"]) == ("interrupted", states["done"], 60)
    assert world.json("jobs", "resume")["job"]["right"] == 60
    assert [worker for worker in items(world, "state") if worker != ("done",)] == []


def test_a_killed_process_costs_the_company_it_was_at_and_retry_reads_that_alone(
    world: World, many: Path
) -> None:
    with extracting(world, many, "--workers", "2", "--json") as child:
        os.kill(until(lambda: at(world, "0000000130")), signal.SIGKILL)
        out, _ = child.communicate(timeout=60)
    told = json.loads(out)
    assert child.returncode == 1
    (failure,) = told["job"]["failures"]
    assert (failure["label"], failure["kind"]) == ("0000000130", "worker")
    assert failure["message"] == "the process that read 0000000130 ended by signal 9"
    assert told["job"]["right"] == 59
    done = world.run("jobs", "retry", "--json")
    assert done.stderr.startswith(f"again 1 failed item of job {told['job']['job_id']}: extract extract")
    again = json.loads(done.stdout)
    assert (again["job"]["processed"], again["job"]["right"], again["job"]["requests"]) == (1, 1, 0)
    assert items(world, "label") == [("0000000130",)]
    (parent,) = world.sql("SELECT parent FROM sync_jobs ORDER BY id DESC LIMIT 1")
    assert parent == (told["job"]["job_id"],)
    done = world.run("jobs", "retry")
    assert done.returncode == 2
    assert "no job has failed items that were not tried again" in done.stderr


@pytest.mark.parametrize(("wish", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_another_process_may_pause_and_cancel(world: World, many: Path, wish: str, state: str) -> None:
    # Small batches, so that a pause has something to hold back.
    with extracting(world, many, "--workers", "1", "--batch-size", "2") as child:
        pid = until(lambda: at(world, "0000000130"))
        (job,) = world.sql("SELECT id FROM sync_jobs")[0]
        with stopped(pid):
            assert world.run("jobs", wish, job).returncode == 0
            until(lambda: world.sql("SELECT 1 FROM sync_jobs WHERE state = ?", state))
        if wish == "pause":
            assert child.poll() is None
            assert world.run("jobs", "resume", job).returncode == 0
            assert child.wait(timeout=60) == 0
        else:
            assert child.wait(timeout=60) == 130
            assert 0 < world.sql("SELECT COUNT(*) FROM sync_items WHERE state = 'due'")[0][0] < 60
            assert world.json("jobs", "resume", job)["job"]["right"] == 60
    assert {found for _, found, _, _ in items(world)} == {"done"}


def test_a_second_extract_is_told_that_the_home_is_busy(world: World, many: Path) -> None:
    with extracting(world, many, "--workers", "1") as child:
        with stopped(until(lambda: at(world, "0000000130"))):
            assert world.run("extract", str(many)).returncode == 4
        assert child.wait(timeout=60) == 0
