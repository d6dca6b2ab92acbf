"""What of a bulk file is due, what processes say to each other, and what the loss of one costs."""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.database import Database
from evertape.database.extract import (
    EXTRACT,
    ExtractOptions,
    choose,
    crew,
    frames,
    options_of,
    place,
    plan_of,
)
from evertape.database.extract.crew import ProcessCrew
from evertape.database.extract.frames import Committed, Finished, Refused, Setup, Task
from evertape.database.extract.job import crew_for, prepare
from evertape.database.extract.process import TOGETHER, Process
from evertape.engine.ledger import items_of
from evertape.engine.report import JobReport
from evertape.errors import StoreError, UserError
from evertape.formats.xbrl import EXTRACTOR_VERSION
from evertape.model.crew import Settled
from evertape.model.events import Event, WorkersSeen
from evertape.model.job import Item, ItemState, Job, JobState, Wish, new_job_id, this_owner
from evertape.model.plan import Plan
from evertape.model.unit import Holding, Outcome, Unit
from evertape.net.bulk import Member, open_bulk
from evertape.settings import load
from tests.e2e import bulkfiles
from tests.e2e.bulkfiles import WRITTEN, body, folder, name

DAY = timedelta(days=1)
BIG = 130
SLOW = "0000000130"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A new home."""
    with Database(load({"EVERTAPE_HOME": str(tmp_path / "home")})) as made:
        yield made


# What is due


def member(cik: int, mark: str = "m", modified: datetime | None = WRITTEN) -> Member:
    return Member(
        cik=cik, name=name(cik), size=9, packed=9, mark=mark, modified=modified, packing="plain"
    )  # fmt: skip


def held(key: str, dataset: str = "facts", **more: Any) -> Holding:
    told = {"checked_at": WRITTEN, "source": "bulk", "version": EXTRACTOR_VERSION, **more}
    return Holding(unit=Unit(dataset, key), outcome=Outcome.SETTLED, **told)


KEYS = st.lists(st.integers(1, 12).map(lambda n: f"{n:010d}"), unique=True).map(tuple)
TIMES = st.sampled_from([WRITTEN - DAY, WRITTEN, WRITTEN + DAY])
MARKS = st.sampled_from(["m", "n"])


@given(
    files=st.dictionaries(st.integers(1, 12), st.tuples(MARKS, TIMES | st.none())),
    keys=KEYS,
    first=KEYS,
    read=st.dictionaries(KEYS.filter(bool).map(lambda k: k[0]), st.tuples(MARKS, st.sampled_from(["", "v"]))),
    known=st.dictionaries(KEYS.filter(bool).map(lambda k: k[0]), TIMES),
    written=TIMES,
)
def test_every_company_meant_is_read_or_left_out_for_one_reason(
    files: dict[int, tuple[str, datetime | None]],
    keys: tuple[str, ...],
    first: tuple[str, ...],
    read: dict[str, tuple[str, str]],
    known: dict[str, datetime],
    written: datetime,
) -> None:
    members = {f"{cik:010d}": member(cik, mark, at) for cik, (mark, at) in files.items()}
    was = {
        key: held(key, EXTRACT, mark=mark, version=version or EXTRACTOR_VERSION)
        for key, (mark, version) in read.items()
    }
    facts = {key: held(key, checked_at=at) for key, at in known.items()}
    options = ExtractOptions(path=Path("x"), keys=keys, first=first)
    chosen = choose(members, options, facts, was, written)
    meant = list(dict.fromkeys((*first, *(keys or members))))
    parts = (*chosen.members, *chosen.unchanged, *chosen.newer, *chosen.lacking)
    assert sorted(parts) == sorted(meant)
    assert list(chosen.members) == [key for key in meant if key in chosen.members]
    assert set(chosen.lacking) == set(meant) - set(members)
    for key in chosen.unchanged:
        assert (was[key].mark, was[key].version) == (members[key].mark, EXTRACTOR_VERSION)
    for key in chosen.newer:
        assert facts[key].checked_at > (members[key].modified or written)
    for key, one in chosen.members.items():
        assert key not in was or (was[key].mark, was[key].version) != (one.mark, EXTRACTOR_VERSION)
        assert key not in facts or facts[key].checked_at <= (one.modified or written)
    plan = plan_of(chosen, options, {}, 2)
    assert [call.units[0].key for step in plan.steps for call in step.calls] == list(chosen.members)
    assert plan.cost.requests == 0


@given(
    options=st.builds(
        ExtractOptions,
        path=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).map(Path),
        workers=st.integers(1, 64) | st.none(),
        batch=st.integers(1, 1000),
        timeout=st.floats(1, 3600) | st.integers(1, 3600),
        memory=st.integers(1, 1 << 50),
        keep=st.booleans(),
    )
)
def test_options_come_back_from_a_plan_as_the_ledger_keeps_it(options: ExtractOptions) -> None:
    chosen = choose({"0000000007": member(7)}, options, {}, {}, WRITTEN)
    plan = Plan.from_json(plan_of(chosen, options, {"0000000007": "X"}, 2).to_json())
    assert options_of(plan) == options
    assert plan.sealed() == plan
    assert options_of(Plan(target="financials", steps=())) is None


# Frames

ITEMS = st.builds(
    Item,
    job_id=st.text(),
    position=st.integers(0, 1 << 31),
    step=st.just(0),
    dataset=st.just("facts"),
    key=st.text(),
    label=st.text(),
    state=st.sampled_from(ItemState),
    finished_at=st.none() | st.just(WRITTEN),
)
FRAMES = st.one_of(
    st.builds(
        Committed,
        settled=st.lists(st.builds(Settled, item=ITEMS, notes=st.lists(st.text()).map(tuple))).map(tuple),
        busy=st.floats(0, 1e9),
        disk=st.floats(0, 1e9),
        queue=st.floats(0, 1e9),
    ),
    st.just(Finished()),
    st.builds(Refused, message=st.text()),
)


@given(said=st.lists(FRAMES), cut=st.integers(0, 40))
def test_frames_arrive_as_they_were_sent_and_a_broken_one_is_the_end(
    said: list[frames.Frame], cut: int
) -> None:
    pipe = io.BytesIO()
    for frame in said:
        frames.write(pipe, frame)
    sent = pipe.getvalue()
    assert sent == b"".join(map(frames.packed, said))
    whole = len(said) if not cut else len(said) - 1
    broken = sent[: len(sent) - min(cut, len(frames.packed(said[-1])) - 1)] if cut and said else sent

    async def received() -> list[frames.Frame]:
        reader = asyncio.StreamReader()
        reader.feed_data(broken)
        reader.feed_eof()
        found = []
        while (frame := await crew.receive(reader)) is not None:
            found.append(frame)
        return found

    inward = io.BytesIO(broken)
    read = list(iter(lambda: frames.read(inward), None))
    assert read == said[: max(whole, 0)] == asyncio.run(received())


# One process, in this one


def entered(db: Database, options: ExtractOptions) -> tuple[Plan, list[Task], Job]:
    """A job for all of a bulk file, and its tasks."""
    plan = prepare(db.store, options, {}).plan
    now = datetime.now(UTC)
    job = Job(
        id=new_job_id(), kind="extract", target="extract", state=JobState.RUNNING, wish=Wish.RUN,
        owner=this_owner(), created_at=now, heartbeat_at=now, plan=plan.to_json(),
    )  # fmt: skip
    items = items_of(job.id, plan)
    db.store.create_job(job, items, lambda _job: False)
    with open_bulk(options.path) as bulk:
        members = {f"{one.cik:010d}": one for one in bulk.members()}
    calls = [call for step in plan.steps for call in step.calls]
    tasks = [
        Task(item=item, call=call, member=members[item.key])
        for item, call in zip(items, calls, strict=True)
    ]  # fmt: skip
    return plan, tasks, job


def worked(
    db: Database, options: ExtractOptions, tasks: list[Task], out: io.BytesIO | None = None
) -> list[Any]:
    """What a process says while it works tasks off."""
    out = out or io.BytesIO()
    home = db.settings.home
    with (home / "place").open("w+b", buffering=0) as file:
        setup = Setup(
            database=db.settings.database, plugins=home / "plugins", archive=None, lock=home / "extract.lock",
            bulk=open_bulk(options.path), memory=1 << 40, written=WRITTEN, parent=os.getppid(),
            place=file.fileno(),
        )  # fmt: skip
        process = Process(setup, out)
        process.work(tasks)
        process.close()
    setup.bulk.close()
    out.seek(0)
    return list(iter(lambda: frames.read(out), None))


class Watched(io.BytesIO):
    """A pipe that notes where the process is as it says something."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self.places: list[place.Place | None] = []

    def flush(self) -> None:
        """Look at the process, which has just spoken."""
        with self._file.open("rb") as file:
            self.places.append(place.look(file.fileno()))


def test_a_transaction_holds_few_companies_and_is_announced(db: Database, tmp_path: Path) -> None:
    bodies = {n: body(n) for n in range(100, 100 + 3 * TOGETHER + 1)}
    options = ExtractOptions(path=folder(tmp_path / "bulk", bodies))
    _, tasks, _ = entered(db, options)
    before = time.monotonic()
    pipe = Watched(db.settings.home / "place")
    said = worked(db, options, tasks, pipe)
    *committed, last = said
    assert [len(frame.settled) for frame in committed] == [TOGETHER] * 3 + [1]
    assert last == Finished()
    there = [at for at in pipe.places if at is not None]
    assert [(at.position, at.writing) for at in there] == [
        (at, True) for at in (TOGETHER - 1, 2 * TOGETHER - 1, 3 * TOGETHER - 1, 3 * TOGETHER, 3 * TOGETHER)
    ]
    assert before <= there[0].since <= there[-1].since <= time.monotonic()


@given(position=st.integers(0, 1 << 62), writing=st.booleans())
def test_a_place_is_seen_as_it_was_marked(position: int, writing: bool) -> None:
    with tempfile.TemporaryFile() as file:
        assert place.look(file.fileno()) is None
        place.mark(file.fileno(), 1 << 60)
        before = time.monotonic()
        place.mark(file.fileno(), position, writing=writing)
        seen = place.look(file.fileno())
        assert seen is not None
        assert (seen.position, seen.writing) == (position, writing)
        assert before <= seen.since <= time.monotonic()


@pytest.mark.parametrize("apart", [0 * DAY, DAY])
def test_companies_of_one_batch_do_not_take_each_others_facts_for_gone(
    db: Database, tmp_path: Path, apart: timedelta
) -> None:
    bodies = {n: body(n, years=3) for n in (7, 8, 9)}
    options = ExtractOptions(path=folder(tmp_path / "bulk", bodies))
    worked(db, options, entered(db, options)[1])
    fewer = {n: body(n, years=2) for n in (7, 8, 9)}
    # Each sees its own facts vanish, on its own day.
    for n, text in fewer.items():
        bulkfiles.put(options.path / name(n), text, WRITTEN + DAY + n * apart)
    worked(db, options, entered(db, options)[1])
    gone = db.store.sql(
        "SELECT cik, absent_on, COUNT(*) FROM facts WHERE absent_on IS NOT NULL GROUP BY 1, 2"
    )
    # Ten facts and a fiscal year of the year that is not reported any more.
    assert sorted(gone[1]) == [(n, (WRITTEN + DAY + n * apart).date().isoformat(), 11) for n in (7, 8, 9)]
    kept = db.store.sql("SELECT cik, COUNT(*) FROM facts WHERE absent_on IS NULL GROUP BY 1")
    assert sorted(kept[1]) == [(n, 22) for n in (7, 8, 9)]


# Whole runs


def extracted(
    db: Database, path: Path, act: Callable[[WorkersSeen], None] | None = None, **shape: Any
) -> Any:
    """An extract by two processes; `act` sees them twice a second."""

    def on_event(event: Event) -> None:
        if act is not None and isinstance(event, WorkersSeen):
            act(event)

    db.on_event = on_event
    return db.extract(path, **{"workers": 2, **shape})


def counted(db: Database) -> dict[int, int]:
    """Statement rows by company."""
    return dict(db.store.sql("SELECT cik, COUNT(*) FROM income_statements GROUP BY cik")[1])


def failures(report: JobReport) -> dict[str, tuple[str, str]]:
    return {failure.label: (failure.kind, failure.message) for failure in report.failures}


def pids_gone(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_what_did_not_change_is_not_read_again(db: Database, tmp_path: Path) -> None:
    path = folder(tmp_path / "bulk", {n: body(n) for n in range(100, 120)})
    assert extracted(db, path).right == 20
    assert extracted(db, path) is None
    changed = {104: body(104, scale=2.0), 107: body(107, years=5), 200: body(200)}
    folder(path, changed, WRITTEN + DAY)
    assert extracted(db, path).right == 3
    items = db.store.items(db.store.jobs(1)[0].id)
    assert [item.key for item in items] == [f"{n:010d}" for n in changed]
    (row,) = db.store.sql("SELECT revenue FROM income_statements WHERE cik = 104 AND fiscal_year = 2023")[1][
        :1
    ]
    assert row[0] == 2 * (10_000 + 104 + 2023)
    assert counted(db)[107] > counted(db)[106]
    assert set(counted(db)) == {*range(100, 120), 200}


def test_a_zip_is_read_again_where_it_changed_and_an_older_one_is_not(db: Database, tmp_path: Path) -> None:
    new = bulkfiles.zipped(tmp_path / "new.zip", {7: body(7, years=4), 8: body(8)})
    old = bulkfiles.zipped(tmp_path / "old.zip", {7: body(7, years=2), 8: body(8)}, WRITTEN - DAY)
    newer = bulkfiles.zipped(tmp_path / "newer.zip", {7: body(7, years=5), 8: body(8)}, WRITTEN + DAY)
    assert extracted(db, new).right == 2
    rows = counted(db)
    assert extracted(db, old) is None
    assert counted(db) == rows
    assert extracted(db, newer).right == 1
    assert counted(db)[7] > rows[7]


def test_another_extractor_reads_all_again(db: Database, tmp_path: Path) -> None:
    path = bulkfiles.zipped(tmp_path / "companyfacts.zip", {7: body(7), 8: body(8)})
    assert extracted(db, path).right == 2
    for key, was in db.store.holdings(EXTRACT).items():
        with db.store.writing() as writer:  # type: ignore[attr-defined]
            writer.execute(
                "UPDATE holdings SET version = 'older' WHERE dataset = ? AND key = ?", (was.unit.dataset, key)
            )
    assert extracted(db, path).right == 2


def test_the_facade_names_what_is_not_read(db: Database, tmp_path: Path) -> None:
    path = folder(tmp_path / "bulk", {7: body(7), 8: body(8), 9: body(9)})
    (path / "CIK12.json").write_bytes(body(12))
    done = db.extract(path, symbols=("9", "7"), keep=False)
    assert done is not None
    assert (done.right, done.notes) == (2, ("CIK12.json is not read: its name is not CIK and ten digits",))
    assert [item.key for item in db.store.items(done.job_id)] == ["0000000009", "0000000007"]


def big_among(path: Path, count: int = 40, values: int = bulkfiles.SLOW) -> Path:
    """Companies from 100 on, of which one takes long."""
    bodies = {n: body(n) for n in range(100, 100 + count)}
    return folder(path, {**bodies, BIG: bulkfiles.slow(BIG, values)})


def hit(number: signal.Signals, pids: set[int]) -> Callable[[WorkersSeen], None]:
    """Signals the process that is at the slow company, once; `pids` gets all."""
    done = False

    def act(seen: WorkersSeen) -> None:
        nonlocal done
        pids.update(worker.pid for worker in seen.workers)
        for worker in seen.workers:
            if worker.current == SLOW and not done:
                done = True
                os.kill(worker.pid, number)

    return act


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (signal.SIGKILL, "worker", "the process that read 0000000130 ended by signal 9"),
        (signal.SIGSTOP, "timeout", "the process that read 0000000130 took longer than 3 s"),
    ],
)
def test_a_process_that_dies_or_hangs_costs_one_company(
    db: Database, tmp_path: Path, number: signal.Signals, kind: str, said: str
) -> None:
    pids: set[int] = set()
    done = extracted(db, big_among(tmp_path / "bulk"), hit(number, pids), timeout=3.0)
    assert failures(done) == {SLOW: (kind, said)}
    assert (done.right, done.remaining) == (39, 0)
    assert set(counted(db)) == set(range(100, 140)) - {BIG}
    assert len(pids) >= 2
    assert pids_gone(pids)


def test_a_company_that_needs_more_memory_than_there_is_fails_alone(db: Database, tmp_path: Path) -> None:
    done = extracted(db, big_among(tmp_path / "bulk"), memory=200_000_000)
    ((kind, said),) = failures(done).values()
    assert set(failures(done)) == {SLOW}
    assert kind == "memory"
    assert said.endswith("give more with --max-memory")
    assert done.right == 39
    assert set(counted(db)) == set(range(100, 140)) - {BIG}


def test_processes_that_have_no_memory_to_start_are_one_sentence(db: Database, tmp_path: Path) -> None:
    path = folder(tmp_path / "bulk", {7: body(7)})
    with pytest.raises(StoreError, match=r"a worker process .*give more with --max-memory"):
        extracted(db, path, memory=100_000)
    (job,) = db.store.jobs(1)
    assert job.state is JobState.INTERRUPTED
    assert [item.state for item in db.store.items(job.id)] == [ItemState.DUE]


def test_processes_that_die_while_they_write_cost_no_company(db: Database, tmp_path: Path) -> None:
    path = folder(tmp_path / "bulk", {n: body(n) for n in range(100, 140)})
    lock = os.open(db.settings.home / "extract.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    killed: set[int] = set()

    def act(seen: WorkersSeen) -> None:
        pids = {worker.pid for worker in seen.workers}
        if not killed and len(pids) == 2 and pids <= waiting():
            killed.update(pids)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            fcntl.flock(lock, fcntl.LOCK_UN)

    done = extracted(db, path, act)
    os.close(lock)
    assert len(killed) == 2
    assert (done.right, done.failed) == (40, 0)
    assert set(counted(db)) == set(range(100, 140))
    assert pids_gone(killed)


def waiting() -> set[int]:
    """Processes that wait for somebody's lock of a file."""
    found = set()
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "->":
            found.add(int(fields[5]))
    return found


def test_an_idle_process_that_dies_costs_nothing(db: Database, tmp_path: Path) -> None:
    options = ExtractOptions(path=folder(tmp_path / "bulk", {n: body(n) for n in (7, 8)}), workers=1)
    plan, tasks, job = entered(db, options)
    crew = crew_for(db.settings, db.store, plan)
    assert crew is not None

    async def settled(crew: ProcessCrew, task: Task) -> list[ItemState]:
        return [told.item.state async for told in crew.settle([(task.item, task.call)])]

    async def both() -> None:
        assert await settled(crew, tasks[0]) == [ItemState.DONE]
        (seen,) = crew.seen(job.id)
        os.kill(seen.pid, signal.SIGKILL)
        assert await settled(crew, tasks[1]) == [ItemState.DONE]
        (other,) = crew.seen(job.id)
        assert other.pid != seen.pid
        await crew.close()
        assert pids_gone({seen.pid, other.pid})

    asyncio.run(both())


def test_what_a_process_committed_before_it_died_unheard_is_done(db: Database, tmp_path: Path) -> None:
    options = ExtractOptions(path=folder(tmp_path / "bulk", {n: body(n) for n in (7, 8)}), workers=1)
    plan, tasks, _ = entered(db, options)
    done = replace(tasks[0].item, state=ItemState.DONE)
    crew = crew_for(db.settings, db.store, replace(plan))
    assert crew is not None
    lock = os.open(db.settings.home / "extract.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)

    async def run() -> Mapping[int, ItemState]:
        told = {}

        async def settle() -> None:
            async for one in crew.settle([(task.item, task.call) for task in tasks]):
                told[one.item.position] = one.item.state

        work = asyncio.create_task(settle())
        until = time.monotonic() + 30
        while not (pids := {worker.pid for worker in crew.seen("")} & waiting()):
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        # As if the commit had been made and the frame about it had been lost.
        db.store.set_items([done])
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        fcntl.flock(lock, fcntl.LOCK_UN)
        await work
        await crew.close()
        return told

    assert asyncio.run(run()) == {0: ItemState.DONE, 1: ItemState.DONE}
    os.close(lock)
    assert set(counted(db)) == {8}


def test_a_file_that_vanished_leaves_no_job_running(db: Database, tmp_path: Path) -> None:
    path = folder(tmp_path / "bulk", {7: body(7), 8: body(8)})
    plan = prepare(db.store, ExtractOptions(path=path), {}).plan
    (path / name(8)).unlink()
    with pytest.raises(UserError, match=r"has no file of CIK 0000000008 any more; start again with"):
        asyncio.run(db.workshop.run("extract", plan))
    assert db.store.jobs(1) == []
    db.workshop.refuse_second()
