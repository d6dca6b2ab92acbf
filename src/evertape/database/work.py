"""Doing the work of a home: entering jobs, running them, going on with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evertape.catalog import Catalog
from evertape.clock import Clock
from evertape.database import routes, wiring
from evertape.database.confirming import Confirming
from evertape.database.extract import ExtractOptions, options_of
from evertape.database.held import HeldRows
from evertape.database.survey import Survey
from evertape.datasets import prices
from evertape.engine import passing, report
from evertape.engine.ledger import items_of
from evertape.engine.runner import Runner, Work
from evertape.errors import HomeBusy, Unavailable, UserError
from evertape.model.call import Call, Reply, Transport
from evertape.model.events import Event
from evertape.model.job import ItemState, Job, JobState, Wish, alive, new_job_id, runs_already, this_owner
from evertape.model.plan import Cost, Plan, Step
from evertape.model.store import Store
from evertape.settings import Settings

if TYPE_CHECKING:
    from evertape.database.extract.crew import ProcessCrew

HEARTBEAT_LOST = 60.0
"""Seconds without a heartbeat after which an owner on another machine is taken for dead."""
SPARE_BYTES = 500_000_000
_OPEN = (JobState.RUNNING, JobState.PAUSED)


class Workshop:
    """Runs plans as jobs of one home.

    Args:
        transport: given by a test; otherwise the net's stack, made when it is first needed.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        store: Store,
        clock: Clock,
        transport: Transport | None,
        limits: dict[str, int],
    ) -> None:
        self.home = settings.home
        self.survey = Survey(store, catalog, clock, limits, settings)
        self._settings = settings
        self._catalog = catalog
        self._store = store
        self._clock = clock
        self._given = transport
        self._made: Any = None
        self._limits = limits
        self.sources = catalog.sources
        self._stack: Callable[[int | None], Transport] = lambda retries: wiring.stack(
            settings, self.sources, limits, clock, self.on_event, retries
        )
        self._confirming = Confirming(store, self.survey, clock, self.transport, lambda: self._interrupted)
        self._runner: Runner | None = None
        self._interrupted = False
        self.on_event: Callable[[Event], None] = lambda _event: None

    def refuse_second(self) -> None:
        """Raises HomeBusy where a living job holds this home."""
        for job in self._store.jobs(20):
            if job.state in _OPEN and living(job):
                raise HomeBusy(runs_already(job))

    def interrupt(self) -> None:
        """Ask the running job of this process to stop; safe to call from a signal handler."""
        self._interrupted = True
        if self._runner is not None:
            self._runner.stop()

    async def run(
        self, kind: str, plan: Plan, *, workers: int = 10, parent: str | None = None
    ) -> report.JobReport:
        """Enter a plan as a job and run it to its end."""
        job = self._job(kind, plan, parent)
        # Before the job is entered: what is wrong with them would leave it running, and nobody at it.
        crew = self._crew(plan)
        self._store.create_job(job, items_of(job.id, plan), living)
        done = await routes.follow(self, job.id, plan, await self._drive(job, plan, workers, crew))
        return await self._confirming.follow(job, plan, done)

    async def resume(self, job_id: str | None, workers: int) -> report.JobReport:
        """Go on with an interrupted job; the latest one where none is named."""
        job = self._resumable(job_id)
        if job.wish is Wish.PAUSE and job.state in _OPEN and living(job):
            self._store.set_wish(job.id, Wish.RUN)
            return report.job_report(job, self._store.items(job.id))
        taken = dataclasses.replace(
            job,
            owner=this_owner(),
            state=JobState.RUNNING,
            wish=Wish.RUN,
            heartbeat_at=self._clock.real_now(),
        )
        plan = Plan.from_json(job.plan)
        crew = self._crew(plan)
        self._store.take_job(taken, living)
        done = await routes.follow(self, job.id, plan, await self._drive(taken, plan, workers, crew))
        return await self._confirming.follow(job, plan, done)

    def _resumable(self, job_id: str | None) -> Job:
        if job_id is not None:
            return self.find(job_id)
        waiting = (JobState.INTERRUPTED, JobState.CANCELLED, JobState.PAUSED, JobState.RUNNING)
        for job in self._store.jobs(200):
            if job.kind != "check" and job.state in waiting:
                return job
        raise UserError("no job waits to be resumed; start one with: evertape refresh financials")

    async def retry(self, job_id: str, workers: int, *, same_source: bool = False) -> report.JobReport:
        """Run the failed items of a job again, as a new job: where there are several sources, through the
        one after that which the plan began with, unless the same is wished."""
        job = self.find(job_id)
        failed = {i.position for i in self._store.items(job.id, states=(ItemState.FAILED,))}
        if not failed:
            raise UserError(f"job {job.id} has no failed items; nothing to retry")
        plan = _only(Plan.from_json(job.plan), failed)
        # Answers are dated by the clock that may be pretended, jobs are not.
        since = job.created_at + (self._clock.now() - self._clock.real_now())
        held = self._store.holdings(prices.NAME)
        plan = passing.still_due(plan, self._catalog.feeds, held, since)
        if not plan.steps:
            raise UserError(f"what job {job.id} left is settled since; nothing to retry")
        if not same_source:
            plan = passing.through_next(plan, self.survey.feeds_of)
        return await self.run(job.kind, plan, workers=workers, parent=job.id)

    async def rebuild(self, workers: int) -> report.JobReport:
        """Derive everything again from the archive, without a request."""
        transport = self._transport()
        steps = []
        for feed in self._catalog.feeds.values():
            calls = tuple(_archived(transport, feed.name, feed.source))
            if calls:
                step = Step(
                    feed=feed.name, dataset=feed.dataset, calls=calls, cost=Cost(), reason="from the archive"
                )
                steps.append(step)
        plan = Plan(target="rebuild", steps=tuple(steps)).sealed()
        return await self.run("rebuild", plan, workers=workers)

    async def extract(
        self, options: ExtractOptions, *, parent: str | None = None, labels: Mapping[str, str] | None = None
    ) -> report.JobReport:
        """Read what is due of a bulk file, in processes of their own."""
        from evertape.database.extract.job import prepare

        plan = prepare(self._store, options, labels or {}).plan
        return await self.run("extract", plan, parent=parent)

    def find(self, job_id: str) -> Job:
        """A job by its id or a part of it. Raises UserError where there is none."""
        job = self._store.job(job_id)
        if job is None:
            raise UserError(f"there is no job {job_id}; see: evertape jobs list")
        return job

    def _job(self, kind: str, plan: Plan, parent: str | None = None) -> Job:
        now = self._clock.real_now()
        return Job(
            id=new_job_id(),
            kind=kind,
            target=plan.target,
            state=JobState.RUNNING,
            wish=Wish.RUN,
            owner=this_owner(),
            created_at=now,
            heartbeat_at=now,
            parent=parent,
            digest=plan.digest,
            plan=plan.to_json(),
            total=sum(len(step.calls) for step in plan.steps),
        )

    def _crew(self, plan: Plan) -> ProcessCrew | None:
        """The processes of an extraction; for any other plan the transport is made, and there are none."""
        if options_of(plan) is None:
            self._transport()
            return None
        from evertape.database.extract.job import crew_for

        return crew_for(self._settings, self._store, plan)

    async def _drive(self, job: Job, plan: Plan, workers: int, crew: ProcessCrew | None) -> report.JobReport:
        planned = plan.cost.bytes
        held = (self._store, self._catalog.datasets, self._clock)
        work = Work(
            store=self._store,
            transport=_Nowhere() if crew else HeldRows(self._transport(), *held),
            datasets=self._catalog.datasets,
            feeds=self._catalog.feeds,
            clock=self._clock,
            emit=self.on_event,
            others={step.dataset: self.survey.feeds_of(step.dataset) for step in plan.steps if not crew},
            # A batch is leased while the one before is worked off.
            workers=workers if crew is None else 2 * crew.size,
            crew=crew,
            budget=max(3 * planned, planned + SPARE_BYTES) if planned else None,
        )
        self._runner = Runner(work, job, plan)
        if self._interrupted:
            self._runner.stop()
        try:
            await self._runner.run()
        finally:
            self._runner = None
            if crew is not None:
                await crew.close()
            if self._made is not None:
                await self._made.close()
                self._made = None
        return report.job_report(self.find(job.id), self._store.items(job.id))

    def transport(self, retries: int | None = None) -> Transport:
        """What calls are sent through, with so many retries; whoever asks for it closes it."""
        return self._given if self._given is not None else self._stack(retries)

    def _transport(self) -> Any:
        if self._given is not None:
            return self._given
        if self._made is None:
            self._made = self._stack(None)
        return self._made


class _Nowhere:
    """The transport of a job that sends nothing."""

    async def send(self, call: Call) -> Reply:
        """Raises Unavailable."""
        raise Unavailable(f"{call.url} is not sent by this job")

    async def close(self) -> None:
        """Nothing is open."""


def living(job: Job) -> bool:
    """Whether a job's owner lives; one of another machine lives while its heartbeat is a minute old."""
    if not alive(job.owner):
        return False
    if job.owner.host == this_owner().host:
        return True
    return (datetime.now(UTC) - job.heartbeat_at).total_seconds() < HEARTBEAT_LOST


def unmended(jobs: Iterable[Job]) -> Job:
    """The first job with failed items that none before it took up.

    Args:
        jobs: the latest first.

    Raises:
        UserError: there is none.
    """
    later: list[Job] = []
    for job in jobs:
        if job.kind != "check" and job.failed and not any(_took_up(other, job) for other in later):
            return job
        later.append(job)
    raise UserError("no job has failed items that were not tried again; see: evertape jobs list")


def _took_up(later: Job, job: Job) -> bool:
    return (later.parent, later.kind, later.target) == (job.id, job.kind, job.target)


def _archived(transport: Any, feed: str, source: str) -> Iterable[Call]:
    for kept in transport.urls(feed):
        yield Call(
            source=source,
            feed=feed,
            url=f"archive:{kept.url}",
            units=kept.units,
            label=kept.url.rsplit("/", 1)[-1],
        )


def _only(plan: Plan, positions: set[int]) -> Plan:
    """The part of a plan at some positions, as a plan of its own."""
    steps, at = [], 0
    for step in plan.steps:
        calls = tuple(call for i, call in enumerate(step.calls, at) if i in positions)
        at += len(step.calls)
        if calls:
            share = len(calls) / len(step.calls)
            cost = Cost(
                requests=round(step.cost.requests * share),
                bytes=round(step.cost.bytes * share),
                seconds=round(step.cost.seconds * share, 1),
            )
            steps.append(dataclasses.replace(step, calls=calls, cost=cost))
    return Plan(target=plan.target, steps=tuple(steps), options=plan.options, version=plan.version).sealed()
