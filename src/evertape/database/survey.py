"""Looking at what is held: who is meant, how fresh they are, what a plan would mend."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from evertape import __version__
from evertape.catalog import Catalog
from evertape.clock import Clock, new_york_date
from evertape.database.choosing import refuse_backwards
from evertape.datasets.filings import covered_through
from evertape.datasets.universe import Listing, Membership, Stock, ident_of, split_listing
from evertape.engine import planner, report, selection
from evertape.model.dataset import Asked, Dataset, Evidence, Wanted
from evertape.model.feed import Feed
from evertape.model.plan import Plan
from evertape.model.records import Condition, Row, table_of
from evertape.model.store import Store
from evertape.model.unit import Holding, Outcome, Standing
from evertape.settings import Settings

_PRESENT = Condition(column="absent_at", op="is null")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """What a person selects with --symbols, --scope, --since, --until, --route and the options of snapshots.

    Attributes:
        target_dte: days to expiration that option chains are asked for near to; None for all of them.
        max_age: snapshots older than this are due.
    """

    symbols: tuple[str, ...] = ()
    scope: str | None = None
    since: date = selection.DEFAULT_SINCE
    until: date | None = None
    route: planner.Choice = "auto"
    target_dte: int | None = 30
    max_age: timedelta = timedelta(hours=24)


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
        settings: the line's bandwidth, the credentials (asked each time, so that a changed key counts), and
            the preferred sources.
    """

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        clock: Clock,
        limits: dict[str, int],
        settings: Settings,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._clock = clock
        self._limits = limits
        self._bandwidth = settings.bandwidth
        self._credentials = settings.current_credentials
        self._preferred = settings.preferred

    def target(self, name: str) -> tuple[Dataset, ...]:
        """The datasets behind a target, or several with a space between. UserError with those that exist."""
        return tuple(dataset for part in self._catalog.parts_of(name).values() for dataset in part)

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
            rows = {table_of(w.record).name: _rows(self._store, w) for w in dataset.wanted}
            holdings = {n: self._store.holdings(n) for n in (dataset.name, *dataset.needs)}
            found = dataset.due(Evidence(rows=rows, holdings=holdings), asked, self._clock.now())
            standings += _aged(self._store, dataset, found, holdings[dataset.name])
        return standings

    def plan(self, target: str, standings: Sequence[Standing], options: dict[str, Any]) -> Plan:
        """What mends the due ones. The option `route` says how, where there are several ways."""
        feeds = {name: self.feeds_of(name) for name in {s.dataset for s in standings if s.unit is not None}}
        roads = planner.Roads(
            rates={
                s.name: planner.rate_of(s, self._limits.get(s.name)) for s in self._catalog.sources.values()
            },
            bursts={s.name: planner.burst_of(s) for s in self._catalog.sources.values()},
            bandwidth=self._bandwidth,
            choice=options.get("route", "auto"),
            sizes=_sizes(self._store, self._catalog.feeds),
            preferred=self._preferred,
        )
        return planner.make_plan(target, standings, feeds, roads, options, __version__)

    def feeds_of(self, dataset: str) -> Sequence[Feed]:
        """Feeds that answer for a dataset, the preferred first; not those that lack a credential while
        others do without."""
        feeds = self._catalog.feeds_of(dataset)
        credentials = self._credentials()
        able = [f for f in feeds if self._catalog.sources[f.source].has_credentials(credentials)]
        ranked = able if any(feed.partial for feed in able) else feeds
        place = {name: at for at, name in enumerate(self._preferred)}
        return sorted(ranked, key=lambda feed: place.get(feed.source, len(place)))

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
        """Everybody chosen (or held, where nobody is), with the report and the plan: one of each, however
        many parts the target has."""
        judged = [self._part(name, part, chosen) for name, part in self._catalog.parts_of(target).items()]
        standings = tuple(standing for _, found in judged for standing in found)
        told = dataclasses.replace(
            report.together(target, [one for one, _ in judged]),
            sources=(*self.source_states(), *heard.failed),
            requests=heard.requests,
            bytes=heard.bytes,
            notes=heard.notes,
        )
        options = {
            "scope": told.scope,
            "since": (chosen.since if chosen else selection.DEFAULT_SINCE).isoformat(),
            "route": chosen.route if chosen else "auto",
        }
        return report.Check(report=told, standings=standings, plan=self.plan(target, standings, options))

    def _part(
        self, name: str, datasets: Sequence[Dataset], chosen: Selection | None
    ) -> tuple[report.CheckReport, Sequence[Standing]]:
        """What is held of some datasets and how fresh it is, under a name."""
        since = chosen.since if chosen else selection.DEFAULT_SINCE
        named = chosen and (chosen.symbols or chosen.scope or not all(d.on_request for d in datasets))
        asked = self.asked(chosen) if chosen and named else self.held(since, datasets)
        standings = self.standings(datasets, asked)
        rows, updated = rows_held(self._store, self._catalog, asked, datasets)
        now = self._clock.now()
        seen = report.Seen(target=name, scope=asked.scope, now=now, rows=rows, last_update=updated)
        return report.check_report(standings, seen), standings

    def listings(self) -> list[Row]:
        """(symbol, CIK) of today's listings, the largest first."""
        rows = self._store.read(Listing, ("rank", "symbol", "cik"), (_PRESENT,))
        return [(symbol, cik) for _, symbol, cik in sorted(rows)]

    def names(self) -> dict[int, str]:
        """Company names by CIK."""
        return dict(self._store.read(Stock, ("cik", "name")))

    def asked(self, chosen: Selection) -> Asked:
        """The companies that a person means. Raises UserError for an unknown one, or days to come."""
        refuse_backwards(chosen.since, chosen.until, new_york_date(self._clock.now()))
        listings = self.listings()
        scope = chosen.scope or "sp500"
        members = self._store.read(
            Membership, ("symbol", "cik"), (Condition(column="index_name", op="=", value="sp500"), _PRESENT)
        )
        if chosen.symbols:
            scope = "symbols"
            companies = selection.by_symbols(chosen.symbols, listings, self.names())
            listed = selection.listed(chosen.symbols, listings, companies)
        else:
            companies = selection.by_scope(scope, listings, members)
            meant = listings if scope == "all" else members
            listed = selection.listings_of(meant, listings, _traded(self._store))
        return Asked(
            companies=companies,
            scope=scope,
            since=chosen.since,
            until=chosen.until,
            listings=listed,
            target_dte=chosen.target_dte,
            max_age=chosen.max_age,
        )

    def held(self, since: date, datasets: Sequence[Dataset] = ()) -> Asked:
        """The companies of which facts were looked for, and the listings of which these datasets hold."""
        keys = sorted(self._store.holdings("facts"))
        companies = selection.everybody(keys, self.listings(), self.names())
        found = {key for d in datasets if not d.derived for key in self._store.holdings(d.name) if ":" in key}
        listed = {key: split_listing(key)[0] for key in sorted(found)}
        return Asked(companies=companies, scope="held", since=since, listings=listed)

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


def _sizes(store: Store, feeds: Iterable[str]) -> dict[str, int]:
    """Bytes of a feed's last file, of feeds that send files: these are held under the feed's own name."""
    held = {name: store.holdings(name).values() for name in feeds}
    sizes = {name: max((h.size or 0 for h in found), default=0) for name, found in held.items()}
    return {name: size for name, size in sizes.items() if size}


def rows_held(
    store: Store, catalog: Catalog, asked: Asked, datasets: Sequence[Dataset] = ()
) -> tuple[dict[str, int], datetime | None]:
    """Rows for what was asked about, by table, and when some of it was last fetched.

    Of datasets that hang on listings, or on companies and from which nothing derives, it is their own
    tables; else the derived ones, those that are built on request where these are asked about.
    """
    columns = [table_of(record).names for dataset in datasets for record in dataset.records]
    if datasets and all("listing_id" in names for names in columns):
        return _own_rows(store, "listing_id", {key: ident_of(key) for key in asked.listings}, datasets)
    companies = {cik: int(cik) for cik in asked.companies}
    parents = {d.derived.parent for d in catalog.datasets.values() if d.derived}
    apart = not any(d.evidence or d.derived or d.name in parents for d in datasets)
    if datasets and apart and all("cik" in names for names in columns):
        return _own_rows(store, "cik", companies, datasets)
    ciks = set(companies.values())
    rows: dict[str, int] = {}
    shown = [d for d in catalog.datasets.values() if d.derived and (not d.on_request or d in datasets)]
    for table in sorted(table_of(record).name for dataset in shown for record in dataset.records):
        _, counts = store.sql(f"SELECT cik, COUNT(*) FROM {table} GROUP BY cik")  # noqa: S608
        rows[table] = sum(n for cik, n in counts if cik in ciks)
    held = store.holdings("facts", list(asked.companies)).values()
    return rows, max((h.checked_at for h in held), default=None)


def _own_rows(
    store: Store, column: str, asked: Mapping[str, int], datasets: Sequence[Dataset]
) -> tuple[dict[str, int], datetime | None]:
    """The same of the datasets' own tables.

    Args:
        asked: what the units' keys are called in `column`.
    """
    idents = set(asked.values())
    rows = {}
    for table in sorted(table_of(record).name for dataset in datasets for record in dataset.records):
        _, counts = store.sql(f"SELECT {column}, COUNT(*) FROM {table} GROUP BY 1")  # noqa: S608
        rows[table] = sum(n for ident, n in counts if ident in idents)
    found = [h for d in datasets for h in store.holdings(d.name, list(asked)).values()]
    return rows, max((held.checked_at for held in found), default=None)


def _rows(store: Store, wanted: Wanted) -> Sequence[Row]:
    if wanted.counting:
        return store.count(wanted.record, wanted.columns, wanted.counting, wanted.where)
    return store.read(wanted.record, wanted.columns, wanted.where)


def _aged(
    store: Store, dataset: Dataset, standings: Sequence[Standing], held: Mapping[str, Holding]
) -> Iterable[Standing]:
    """With the age of the oldest that is missing of those that have lost rows."""
    if dataset.aged is None:
        return standings
    (column,), counting = dataset.wanted[0].columns, dataset.wanted[0].counting
    found = list(standings)
    for place, standing in enumerate(standings):
        if standing.lost and standing.level.stale:
            mine = (Condition(column=column, op="=", value=ident_of(standing.key)),)
            days = {day for (day,) in store.read(dataset.wanted[0].record, (counting,), mine)}
            found[place] = dataset.aged(standing, held[standing.key], days)
    return found


def _traded(store: Store) -> dict[int, float]:
    """What changed hands of each listing in the last session of which a bar is held, by its identifier."""
    _, rows = store.sql(
        "SELECT listing_id, MAX(close * volume) FROM daily_prices "
        "WHERE day = (SELECT MAX(day) FROM daily_prices) AND close * volume IS NOT NULL GROUP BY listing_id"
    )
    return dict(rows)
