"""The facade: open, check, apply, read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evertape import catalog
from evertape.clock import Clock, SystemClock, new_york_date
from evertape.database import extraction, history, market, providers, ratios, screens, tracing, wiring
from evertape.database.choosing import chosen_of, day_of, number_of, refuse_backwards
from evertape.database.survey import Heard, Selection, Survey
from evertape.datasets import statements
from evertape.datasets.universe import SP500
from evertape.engine import planner, report, selection
from evertape.errors import Denied, UserError
from evertape.formats.xbrl import Reading
from evertape.model.call import Transport
from evertape.model.dataset import Asked, Dataset
from evertape.model.events import Event
from evertape.model.job import Job, JobState
from evertape.model.plan import Plan
from evertape.model.records import Row
from evertape.model.store import Store
from evertape.settings import Settings, load
from evertape.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    import pandas as pd

    from evertape.database.work import Workshop
    from evertape.engine import quality

ROUNDS = 4
"""A check asks for listings, then for what they show; a fourth round means something never settles."""


class Database(AbstractContextManager["Database"]):
    """One home: its database, its archive, and the sources that fill them.

    Reading is plain. `check` and `apply` are asynchronous; `refresh` runs both.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        store: Store | None = None,
        transport: Transport | None = None,
        read_only: bool = False,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock(settings.now)
        self.catalog = catalog.find(settings.home / "plugins", partial(wiring.limited, settings))
        self.store = store or SqliteStore(settings.database, read_only=read_only)
        self.on_event: Callable[[Event], None] = lambda _event: None
        self.read_only = read_only
        self._transport = transport
        self._workshop: Workshop | None = None
        limits = _limits(self.settings, self.catalog)
        self.survey = Survey(self.store, self.catalog, self.clock, limits, settings)
        if not read_only:
            self.store.migrate(self.catalog.records, rebuildable=self.catalog.rebuildable)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the database."""
        self.store.close()

    @property
    def workshop(self) -> Workshop:
        """What runs jobs; made when it is first needed, so that reading stays quick."""
        if self._workshop is None:
            from evertape.database.work import Workshop

            self._workshop = Workshop(
                self.settings,
                self.catalog,
                self.store,
                self.clock,
                self._transport,
                _limits(self.settings, self.catalog),
            )
            # Asked each time: who listens changes from one part of a command to the next.
            self._workshop.on_event = lambda event: self.on_event(event)  # noqa: PLW0108
        return self._workshop

    async def check(self, target: str, chosen: Selection | None = None) -> report.Check:
        """Bring the evidence up to date, judge every company asked for, and plan what is due.

        Raises:
            HomeBusy: another job holds this home. Denied: the identity is missing or refused.
            UserError: an unknown ticker, target or scope, or the SEC cannot be reached.
        """
        chosen = chosen or Selection()
        datasets = self.survey.target(target)
        refuse_backwards(chosen.since, chosen.until, new_york_date(self.clock.now()))
        wiring.refuse_unknown(self.settings, self.catalog)
        self.workshop.refuse_second()
        heard = Heard()
        evidence = self.survey.evidence_for(datasets)
        if self._transport is None:
            wiring.refuse_undeclared(self.settings, self.catalog, evidence)
        for dataset in evidence:
            heard = await _learn(self, dataset, chosen, heard)
        return self.survey.judge(target, chosen, heard)

    def status(self, target: str = "financials", chosen: Selection | None = None) -> report.Check:
        """The same judgement from what is held, without a request.

        Without a selection, over the companies of which facts are held.
        """
        return self.survey.judge(target, chosen, Heard())

    def verify(self, chosen: Selection | None = None) -> quality.Report:
        """Measure the quality of what is held, keep the findings, and report; no request, no row changed.

        Without a selection, over the companies of which facts are held.

        Raises:
            UserError: an unknown ticker or scope, or nothing of the companies is held.
        """
        from evertape.database.quality import verify

        return verify(self.store, self.survey, self.clock, chosen)

    async def apply(self, plan: Plan, *, workers: int = 10) -> report.JobReport:
        """Run a confirmed plan to its end.

        Raises:
            HomeBusy: another job holds this home. StoreError: the database refused.
        """
        return await self.workshop.run("refresh", plan, workers=workers)

    def refresh(
        self, target: str = "financials", *, workers: int = 10, **chosen: Any
    ) -> report.JobReport | None:
        """Check, then fetch what is due without asking; None where all is current.

        Args:
            chosen: symbols, scope, since, until, route, target_dte, max_age as in `Selection`; days also as
                text (2024-06-29).

        Raises:
            UserError: one of them is none. And what `check` and `apply` raise.
        """
        selected = Selection(**chosen_of(chosen))
        at_once = number_of(workers, "workers", 1, 64)

        import asyncio

        async def both() -> report.JobReport | None:
            checked = await self.check(target, selected)
            return await self.apply(checked.plan, workers=at_once) if checked.plan.steps else None

        return asyncio.run(both())

    def interrupt(self) -> None:
        """Ask the running job of this process to stop; safe to call from a signal handler."""
        if self._workshop is not None:
            self._workshop.interrupt()

    def find_job(self, job_id: str) -> Job:
        """A job by its id or a part of it. Raises UserError where there is none."""
        return self.workshop.find(job_id)

    def company(self, symbol: str) -> tuple[str, str]:
        """CIK in ten digits, and the symbol or name to show, of a ticker or CIK."""
        companies = selection.by_symbols([symbol], self.survey.listings(), self.survey.names())
        return next(iter(companies.items()))

    def statement_rows(
        self,
        symbol: str,
        *,
        statement: str | None = None,
        period: str | None = None,
        as_of: date | None = None,
        reading: Reading = "latest",
    ) -> tuple[tuple[str, ...], list[Row]]:
        """Column names and rows behind `statements`; with `reading` "first" as each was first reported."""
        statements.refuse_unknown(statement, period, reading)
        cik, label = self.company(symbol)
        if as_of is not None or reading == "first":
            made = history.known(self.store, int(cik), as_of, reading)
            return history.as_rows(made, label, statement=statement, period=period)
        query, parameters = statements.query(int(cik), label, statement=statement, period=period)
        return self.store.sql(query, parameters)

    def statements(
        self,
        symbol: str,
        *,
        statement: str | None = None,
        period: str | None = None,
        as_of: date | str | None = None,
        reading: Reading = "latest",
    ) -> pd.DataFrame:
        """A company's standardized statements as a frame, the latest period first.

        Args:
            statement: "income", "balance", "cash_flow"; None joins all three on the period.
            period: "quarter", "annual" or "ttm" (twelve months to a quarter's end); None for the first two.
            as_of: only what was filed on or before this day; None for all that is held.
            reading: each value as it stands then ("latest"), or as it was first reported ("first").

        Raises:
            UserError: an unknown ticker, statement, period or reading, what is no date, or twelve months of
                balance sheets.
        """
        chosen = {"statement": statement, "period": period, "as_of": day_of(as_of), "reading": reading}
        return _frame(*self.statement_rows(symbol, **chosen))  # type: ignore[arg-type]

    prices = market.prices
    options = market.options
    providers = providers.providers
    ratios = ratios.frame
    known_on = screens.known_on
    explain = tracing.explain
    restatements = tracing.restatements
    extract = extraction.extract

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """A query of your own, as a frame. It cannot write. Raises UserError with SQLite's message."""
        return _frame(*self.store.sql(query, parameters))


def _limits(settings: Settings, found: catalog.Catalog) -> dict[str, int]:
    """Requests a window by source, where a setting chooses them."""
    sandboxed = settings.sandbox is not None
    limits = {
        name: planner.limit_of(found.sources[name], rate, sandbox=sandboxed)
        for name, rate in settings.rates.items()
    }
    return {name: limit for name, limit in limits.items() if limit is not None}


async def _learn(db: Database, dataset: Dataset, chosen: Selection, heard: Heard) -> Heard:
    """Fetch what is due of an evidence dataset, in rounds, until nothing more is."""
    nobody = Asked(companies={}, scope="", since=chosen.since)
    for _ in range(ROUNDS):
        plan = db.survey.plan(dataset.name, db.survey.standings([dataset], nobody), {})
        if not plan.steps:
            break
        ended = await db.workshop.run("check", plan)
        heard = _hear(heard, ended)
        if ended.state != JobState.DONE.value:
            break
    return heard


def _frame(names: Sequence[str], rows: Sequence[Row]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=list(names))


def _hear(heard: Heard, ended: report.JobReport) -> Heard:
    """Take a finished round into account.

    Raises:
        Denied, UserError: what every company's freshness rests on could not be read.
    """
    for failure in ended.failures:
        if failure.kind == Denied.kind:
            raise Denied(failure.message)
        if failure.key != SP500:
            raise UserError(f"the check could not be made: {failure.message}; nothing was fetched")
    if ended.state in (JobState.INTERRUPTED.value, JobState.CANCELLED.value):
        raise KeyboardInterrupt
    return Heard(
        requests=heard.requests + ended.requests,
        bytes=heard.bytes + ended.bytes,
        failed=(
            *heard.failed,
            *(report.SourceState(name=f.label, state=f.kind, note=f.message) for f in ended.failures),
        ),
        notes=(*heard.notes, *ended.notes),
    )


def open_database(home: str | Path | None = None, *, read_only: bool = False) -> Database:
    """Open a home: `home`, or EVERTAPE_HOME, or the platform's data folder.

    Raises:
        UserError: a setting is wrong. StoreError: the database cannot be used.
    """
    settings = load()
    if home is not None:
        settings = dataclasses.replace(settings, home=Path(home).expanduser().absolute())
    return Database(settings, read_only=read_only)
