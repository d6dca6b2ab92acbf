"""Looking at what is held: who is meant, how fresh they are, what a plan would mend."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from evertape import __version__
from evertape.catalog import Catalog
from evertape.clock import Clock
from evertape.datasets.filings import covered_through
from evertape.datasets.universe import Listing, Membership, Stock
from evertape.engine import planner, report, selection
from evertape.errors import UserError
from evertape.model.dataset import Asked, Dataset, Evidence
from evertape.model.plan import Plan
from evertape.model.records import Condition, Row, table_of
from evertape.model.store import Store
from evertape.model.unit import Outcome, Standing

_PRESENT = Condition(column="absent_at", op="is null")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """What a person selects with --symbols, --scope and --since."""

    symbols: tuple[str, ...] = ()
    scope: str | None = None
    since: date = selection.DEFAULT_SINCE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heard:
    """What a check learned on its way: its cost, what failed, and notes."""

    requests: int = 0
    bytes: int = 0
    failed: tuple[report.SourceState, ...] = ()
    notes: tuple[str, ...] = ()


class Survey:
    """Judgement over a store, without a request.

    Args:
        limits: requests a window by source, where a setting overrides the source's own.
    """

    def __init__(self, store: Store, catalog: Catalog, clock: Clock, limits: dict[str, int]) -> None:
        self._store = store
        self._catalog = catalog
        self._clock = clock
        self._limits = limits

    def target(self, name: str) -> tuple[Dataset, ...]:
        """The datasets behind a target. Raises UserError with those that exist."""
        targets = self._catalog.targets()
        if name not in targets:
            raise UserError(f"{name} cannot be refreshed; choose one of {', '.join(sorted(targets))}")
        return targets[name]

    def evidence_for(self, datasets: Sequence[Dataset]) -> list[Dataset]:
        """The evidence datasets that these rest on, and the universe, in the order of their needs.

        What is built from held rows rests on nothing that could be fetched first.
        """
        if all(dataset.on_request for dataset in datasets):
            return []
        wanted = {"universe"}
        for dataset in reversed(list(self._catalog.datasets.values())):
            if dataset.name in wanted or dataset in datasets:
                wanted |= {dataset.name, *dataset.needs}
        return [d for d in self._catalog.datasets.values() if d.evidence and d.name in wanted]

    def standings(self, datasets: Sequence[Dataset], asked: Asked) -> list[Standing]:
        """One standing a key, as each dataset's own rule has it."""
        standings: list[Standing] = []
        for dataset in datasets:
            if dataset.due is None:
                continue
            rows = {
                table_of(w.record).name: self._store.read(w.record, w.columns, w.where)
                for w in dataset.wanted
            }
            holdings = {n: self._store.holdings(n) for n in (dataset.name, *dataset.needs)}
            standings += dataset.due(Evidence(rows=rows, holdings=holdings), asked, self._clock.now())
        return standings

    def plan(self, target: str, standings: Sequence[Standing], options: dict[str, Any]) -> Plan:
        """What mends the due ones."""
        feeds = {name: self._catalog.feeds_of(name) for name in self._catalog.datasets}
        rates = {s.name: planner.rate_of(s, self._limits.get(s.name)) for s in self._catalog.sources.values()}
        return planner.make_plan(target, standings, feeds, rates, options, __version__)

    def plan_again(self) -> Plan:
        """What builds anew, whatever it is made of, all that was once built on request."""
        standings: list[Standing] = []
        for dataset in self._catalog.datasets.values():
            built = self._store.holdings(dataset.name) if dataset.on_request else {}
            if built and dataset.due is not None:
                companies = selection.everybody(sorted(built), self.listings(), self.names())
                asked = Asked(companies=companies, scope="held", since=selection.DEFAULT_SINCE)
                holdings = {name: self._store.holdings(name) for name in dataset.needs}
                standings += dataset.due(Evidence(rows={}, holdings=holdings), asked, self._clock.now())
        return self.plan("rebuild", standings, {})

    def judge(self, target: str, chosen: Selection | None, heard: Heard) -> report.Check:
        """Everybody chosen (or held, where nobody is), with the report and the plan."""
        since = chosen.since if chosen else selection.DEFAULT_SINCE
        datasets = self.target(target)
        named = chosen and (chosen.symbols or chosen.scope or not all(d.on_request for d in datasets))
        asked = self.asked(chosen) if chosen and named else self.held(since)
        standings = self.standings(datasets, asked)
        rows, updated = self.rows_held(asked, datasets)
        seen = report.Seen(
            target=target,
            scope=asked.scope,
            now=self._clock.now(),
            rows=rows,
            last_update=updated,
            sources=(*self.source_states(), *heard.failed),
            requests=heard.requests,
            bytes=heard.bytes,
            notes=heard.notes,
        )
        told = report.check_report(standings, seen)
        plan = self.plan(target, standings, {"scope": asked.scope, "since": since.isoformat()})
        return report.Check(report=told, standings=tuple(standings), plan=plan)

    def listings(self) -> list[Row]:
        """(symbol, CIK) of today's listings, the largest first."""
        rows = self._store.read(Listing, ("rank", "symbol", "cik"), (_PRESENT,))
        return [(symbol, cik) for _, symbol, cik in sorted(rows)]

    def names(self) -> dict[int, str]:
        """Company names by CIK."""
        return dict(self._store.read(Stock, ("cik", "name")))

    def asked(self, chosen: Selection) -> Asked:
        """The companies that a person means. Raises UserError for an unknown one."""
        listings = self.listings()
        if chosen.symbols:
            companies = selection.by_symbols(chosen.symbols, listings, self.names())
            return Asked(companies=companies, scope="symbols", since=chosen.since)
        scope = chosen.scope or "sp500"
        members = self._store.read(
            Membership, ("symbol", "cik"), (Condition(column="index_name", op="=", value="sp500"), _PRESENT)
        )
        return Asked(companies=selection.by_scope(scope, listings, members), scope=scope, since=chosen.since)

    def held(self, since: date) -> Asked:
        """The companies of which facts were looked for."""
        keys = sorted(self._store.holdings("facts"))
        companies = selection.everybody(keys, self.listings(), self.names())
        return Asked(companies=companies, scope="held", since=since)

    def rows_held(
        self, asked: Asked, datasets: Sequence[Dataset] = ()
    ) -> tuple[dict[str, int], datetime | None]:
        """Rows of the derived tables for the companies asked for, and when one was last fetched.

        Tables of datasets that are built on request are among them where these are asked about.
        """
        ciks = {int(cik) for cik in asked.companies}
        rows: dict[str, int] = {}
        shown = [
            d for d in self._catalog.datasets.values() if d.derived and (not d.on_request or d in datasets)
        ]
        for table in sorted(table_of(record).name for dataset in shown for record in dataset.records):
            _, counts = self._store.sql(f"SELECT cik, COUNT(*) FROM {table} GROUP BY cik")  # noqa: S608
            rows[table] = sum(n for cik, n in counts if cik in ciks)
        held = self._store.holdings("facts", list(asked.companies)).values()
        return rows, max((h.checked_at for h in held), default=None)

    def _outdated(self) -> int:
        """Companies whose derived rows another version of the extractor made."""
        return sum(
            held.version != dataset.derived.version
            for dataset in self._catalog.datasets.values()
            if dataset.derived and not dataset.on_request
            for held in self._store.holdings(dataset.name).values()
        )

    def source_states(self) -> list[report.SourceState]:
        """What was last heard from each list that freshness rests on."""
        states = []
        for key, held in self._store.holdings("universe").items():
            state = "absent" if held.outcome is Outcome.PENDING else "ok"
            states.append(report.SourceState(name=key, state=state, note=held.note))
        through = covered_through(self._store.holdings("filings"))
        outdated = self._outdated()
        if outdated:
            note = f"{outdated} companies were derived by another version; run: evertape rebuild"
            states.append(report.SourceState(name="statements", state="outdated", note=note))
        if through:
            note = f"read through {through.isoformat()}"
            states.append(report.SourceState(name="EDGAR index", state="ok", note=note))
        return states
