"""Two people at one home, and a person at the terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from collections.abc import Callable

from tests.e2e.world import World

REFRESH = ("refresh", "financials", "--scope", "all", "--yes")
SLOW = {"kind": "slow", "match": "data.sec.gov/*", "seconds": 1.0, "permanent": True}


def wait_for_job(world: World) -> str:
    """The id of the running refresh, once it has begun to fetch."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if (world.home / "evertape.db").exists():
            jobs = world.sql("SELECT name FROM sqlite_master WHERE name = 'sync_items'")
            found = jobs and world.sql(
                "SELECT j.id FROM sync_jobs j JOIN sync_items i ON i.job_id = j.id "
                "WHERE j.kind = 'refresh' AND i.state = 'leased'"
            )
            if found:
                return str(found[0][0])
        time.sleep(0.05)
    raise AssertionError("no refresh began")


def test_the_second_refresh_of_a_home_says_which_job_runs_and_how_to_watch_it(
    market: Callable[..., World],
) -> None:
    world = market(25, faults=(SLOW,))
    first = world.start(*REFRESH)
    job = wait_for_job(world)
    second = world.run(*REFRESH)
    assert second.returncode == 4
    assert f"evertape jobs show {job}" in second.stderr
    assert second.stderr.count("\n") == 1
    listed = world.json("jobs", "list")
    assert [j["state"] for j in listed if j["id"] == job] == ["running"]
    _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err


def test_interrupted_it_says_how_to_go_on_and_does(market: Callable[..., World]) -> None:
    world = market(25, faults=(SLOW,))
    child = world.start(*REFRESH, "--workers", "2")
    job = wait_for_job(world)
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert f"evertape jobs resume {job}" in err
    done = [i for i in world.json("jobs", "show", job)["items"] if i["state"] == "done"]
    assert done
    world.reset()
    assert world.run("jobs", "resume").returncode == 0
    assert world.stats()["by_path_kind"]["companyfacts"] == 25 - len(done)
    assert world.json("status")["missing"] == 0


def test_a_running_job_is_paused_resumed_and_cancelled_from_elsewhere(
    market: Callable[..., World],
) -> None:
    world = market(25, faults=(SLOW,))
    child = world.start(*REFRESH, "--workers", "2")
    job = wait_for_job(world)
    assert world.run("jobs", "pause", job).returncode == 0
    time.sleep(2.5)
    before = len(world.sql("SELECT 1 FROM sync_items WHERE job_id = ? AND state = 'done'", job))
    time.sleep(1.5)
    assert len(world.sql("SELECT 1 FROM sync_items WHERE job_id = ? AND state = 'done'", job)) == before
    assert world.run("jobs", "resume", job).returncode in (0, 1)
    time.sleep(2.5)
    assert len(world.sql("SELECT 1 FROM sync_items WHERE job_id = ? AND state = 'done'", job)) > before
    assert world.run("jobs", "cancel", job).returncode == 0
    child.communicate(timeout=30)
    assert child.returncode == 130
    shown = world.run("jobs", "show", job, "--csv")
    assert shown.stdout.startswith("position,dataset,key,label,state")
    assert shown.stdout.count("\n") == 26


def at_terminal(world: World, *answers: str) -> tuple[int, str]:
    """A refresh at a pseudo-terminal; each question gets the next answer."""
    master, slave = pty.openpty()
    child = world.start("refresh", "financials", "--scope", "all", stdin=slave)
    os.close(slave)
    pending, said = list(answers), ""
    assert child.stdout is not None
    assert child.stderr is not None
    while child.poll() is None:
        ready, _, _ = select.select([child.stdout], [], [], 0.1)
        if ready:
            said += os.read(child.stdout.fileno(), 4096).decode()
        if pending and said.count("[y/n]") > len(answers) - len(pending):
            os.write(master, pending.pop(0).encode() + b"\n")
    said += child.stdout.read() + child.stderr.read()
    child.stdout.close()
    child.stderr.close()
    os.close(master)
    return child.returncode, said


def test_no_fetches_nothing_and_nonsense_is_asked_again(market: Callable[..., World]) -> None:
    world = market(5)
    code, said = at_terminal(world, "perhaps", "", "n")
    assert code == 3
    assert said.count("[y/n]") == 3
    assert said.count("Please answer y or n.") == 2
    assert world.stats()["by_path_kind"].get("companyfacts", 0) == 0


def test_yes_fetches(market: Callable[..., World]) -> None:
    world = market(5)
    code, _ = at_terminal(world, "YES")
    assert code == 0
    assert world.stats()["by_path_kind"]["companyfacts"] == 5
