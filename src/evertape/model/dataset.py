"""What a dataset is: a frozen declaration that the planner, the store and the faces read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from evertape.model.feed import Backoff
from evertape.model.records import Batch, Condition, Record, Row
from evertape.model.unit import Holding, Standing


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a person asked for, resolved against the universe.

    Attributes:
        companies: ten-digit CIK to the symbol (or name) it is shown as, in the order asked.
        scope: "symbols", "sp500" or "all".
        since: filings before it do not count for staleness; sessions before it are not asked for.
        listings: key of a listing (AAPL:320193) to its symbol, the most traded first.
        until: the last session asked for; None for the last that has closed.
        target_dte: days to expiration that options are asked for near to; None for all expirations.
        max_age: snapshots older than this are due.
    """

    companies: Mapping[str, str]
    scope: str
    since: date
    listings: Mapping[str, str] = field(default_factory=dict)
    until: date | None = None
    target_dte: int | None = 30
    max_age: timedelta = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Rows a freshness rule needs to see: some columns of a record, under conditions.

    Attributes:
        counting: one row for each combination of the columns, followed by how many different values this
            column has there; every row by itself where it is empty.
    """

    record: type[Record]
    columns: tuple[str, ...]
    where: tuple[Condition, ...] = ()
    counting: str = ""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a freshness rule may look at: rows by table, holdings by dataset and key."""

    rows: Mapping[str, Sequence[Row]]
    holdings: Mapping[str, Mapping[str, Holding]]


Due = Callable[[Evidence, Asked, datetime], Sequence[Standing]]


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A dataset computed from its parent's rows, committed with them or built on request.

    Attributes:
        parent: the dataset whose rows it is computed from.
        derive: the parent's batches of one unit, and now, to this dataset's batches.
        version: rows of another version are due.
        beside: other datasets' records with a column `cik`: the rows held of the same companies are handed
            to `derive` with the parent's. What comes later counts once the rows are derived again.
        reads: the rows of a company that `derive` needs where it is built on request, by a feed of the
            source `held`; empty where it is committed with its parent.
    """

    parent: str
    derive: Callable[[Sequence[Batch], datetime], Sequence[Batch]]
    version: str
    beside: tuple[type[Record], ...] = ()
    reads: tuple[type[Record], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A frozen declaration of one dataset.

    Attributes:
        name: the target a person types.
        doc: one line for help.
        records: the record types it owns; their tables are made and migrated from these.
        needs: datasets whose evidence must be current first.
        evidence: this dataset's rows are small, cheap to fetch, and what other datasets'
            freshness is judged by; the check fetches it without asking.
        wanted: rows its freshness rule looks at.
        due: evidence, what was asked, and now, to one standing a key. Pure.
        check: a row's complaints, as sentences; empty where it is sound. Pure.
        goals: broader targets that include it ("financials").
        measured: its rows are judgements over held rows, written by a verb of its own; it is neither
            fetched nor derived, and no refresh target.
        aged: a standing that has lost rows, the coverage, and what its first `wanted` counts, each value by
            itself, to the standing with the age of the oldest that is missing. Pure.
        absence: when a key that no source knows is asked for again; None where a source that does not
            know it has answered.
    """

    name: str
    doc: str
    records: tuple[type[Record], ...]
    needs: tuple[str, ...] = ()
    evidence: bool = False
    wanted: tuple[Wanted, ...] = ()
    due: Due | None = None
    derived: Derived | None = None
    check: Callable[[type[Record], Row], Sequence[str]] = lambda _record, _row: ()
    goals: tuple[str, ...] = ()
    measured: bool = False
    aged: Callable[[Standing, Holding, Collection[date]], Standing] | None = None
    absence: Backoff | None = None

    @property
    def on_request(self) -> bool:
        """Derived, and not committed with its parent: `refresh` builds it from what is held."""
        return self.derived is not None and bool(self.derived.reads)
