"""What the answers of a call make true together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from evertape.model.call import Call, Reply
from evertape.model.crew import Settled
from evertape.model.dataset import Dataset
from evertape.model.events import Event, ItemFailed, ItemSettled
from evertape.model.feed import Page
from evertape.model.job import Item, ItemState
from evertape.model.records import Batch, Condition, Record, Truth, table_of
from evertape.model.store import Commit, Store
from evertape.model.unit import Holding, Outcome, Unit

Beside: TypeAlias = Mapping[int, Sequence[Batch]]
"""By CIK, rows held of a company that stand beside those of an answer."""

_STATES = {
    Outcome.SETTLED: ItemState.DONE,
    Outcome.NOTHING: ItemState.NOTHING,
    Outcome.PENDING: ItemState.PENDING,
}
_TOLD = {state: outcome.value for outcome, state in _STATES.items()}


def rows_beside(store: Store, datasets: Mapping[str, Dataset], units: Iterable[Unit]) -> Beside:
    """What derives from these units' rows needs besides them: one query a record type, whatever they are."""
    units = tuple(units)
    parents = {unit.dataset for unit in units}
    records = {
        record: None
        for dataset in datasets.values()
        if dataset.derived and not dataset.on_request and dataset.derived.parent in parents
        for record in dataset.derived.beside
    }
    found: dict[int, list[Batch]] = {}
    for record in records:
        at = table_of(record).position("cik")
        mine = Condition(column="cik", op="in", value=tuple(int(unit.key) for unit in units))
        for row in store.read(record, (), (mine,)):
            found.setdefault(row[at], []).append(Batch(record=record, rows=[row]))
    return found


def stages(datasets: Mapping[str, Dataset], items: Sequence[Item]) -> list[Sequence[Item]]:
    """The items of a job in parts that follow each other: what stands beside others' rows is there first."""
    needed = {record for d in datasets.values() if d.derived for record in d.derived.beside}
    early = {d.name for d in datasets.values() if not needed.isdisjoint(d.records)}
    parts = [[i for i in items if i.dataset in early], [i for i in items if i.dataset not in early]]
    return [part for part in parts if part]


def commit_of(
    datasets: Mapping[str, Dataset], call: Call, pages: Sequence[Page], reply: Reply, beside: Beside
) -> Commit:
    """What the pages of a call make true together: rows, what derives from them, and coverage. Pure.

    Args:
        reply: the last one; its time is the commit's.
        beside: of the call's companies, as `rows_beside` gives it.
    """
    batches = [batch for page in pages for batch in page.batches]
    holdings = [holding for page in pages for holding in page.settled]
    replaced = [truth for page in pages for truth in page.replaced]
    parents = {unit.dataset for unit in call.units}
    for dataset in datasets.values():
        if dataset.on_request:
            continue
        if dataset.derived and dataset.derived.parent in parents and batches:
            others = [b for unit in call.units for b in beside.get(int(unit.key), ())]
            children = dataset.derived.derive([*batches, *others], reply.at)
            batches.extend(children)
            replaced += [_whole(child.record, call) for child in children]
            holdings += [
                Holding(
                    unit=replace(unit, dataset=dataset.name, span=None),
                    outcome=Outcome.SETTLED,
                    checked_at=reply.at,
                    source=call.source,
                    version=dataset.derived.version,
                )
                for unit in call.units
            ]
    return Commit(
        at=reply.at,
        # What rows were made from is much larger than they are, and commits wait to be written together.
        batches=[batch if batch.made_from is None else replace(batch, made_from=None) for batch in batches],
        truths=[truth for page in pages for truth in page.truths],
        replaced=replaced,
        holdings=holdings,
    )


def complaints(datasets: Mapping[str, Dataset], commit: Commit, label: str) -> tuple[str, ...]:
    """What the datasets' own checks say of the rows, one sentence a table; the rows are kept."""
    found = []
    for dataset in datasets.values():
        for batch in commit.batches:
            if batch.record not in dataset.records:
                continue
            said = [text for row in batch.rows for text in dataset.check(batch.record, row)]
            if said:
                found.append(
                    f"{label}: {len(said)} doubtful rows of {table_of(batch.record).name}: {said[0]}"
                )
    return tuple(found)


def _whole(record: type[Record], call: Call) -> Truth:
    """All derived rows of the call's companies: what is not derived any more goes."""
    keys = tuple(int(unit.key) for unit in call.units)
    (name,) = table_of(record).key[:1]
    return Truth(record=record, where=(Condition(column=name, op="in", value=keys),))


def outcome_of(pages: Sequence[Page]) -> Outcome:
    """What came of a call, from the coverage that its answers settle."""
    outcomes = [holding.outcome for page in pages for holding in page.settled]
    for outcome in (Outcome.PENDING, Outcome.SETTLED):
        if outcome in outcomes:
            return outcome
    return Outcome.NOTHING


def settled(item: Item, outcome: Outcome, commit: Commit, at: datetime) -> Item:
    """The item as it stands once the commit is made."""
    stored = sum(batch.count for batch in commit.batches)
    return replace(item, state=_STATES[outcome], finished_at=at, stored=stored)


def together(commits: Sequence[Commit]) -> Commit:
    """Commits of several calls as one transaction: every unit is still settled with all its rows."""
    return Commit(
        at=max(commit.at for commit in commits),
        batches=[batch for commit in commits for batch in commit.batches],
        truths=[truth for commit in commits for truth in commit.truths],
        replaced=[truth for commit in commits for truth in commit.replaced],
        holdings=[holding for commit in commits for holding in commit.holdings],
        items=[item for commit in commits for item in commit.items],
    )


def event_of(told: Settled) -> Event:
    """What those who watch are told of an item that came to its end."""
    item = told.item
    if item.state is ItemState.FAILED:
        return ItemFailed(
            position=item.position,
            label=item.label,
            dataset=item.dataset,
            kind=item.error_kind or "source",
            message=item.error or "",
            requests=item.requests,
        )
    return ItemSettled(
        position=item.position,
        label=item.label,
        dataset=item.dataset,
        outcome=_TOLD[item.state],
        stored=item.stored,
        fetched=item.fetched,
        requests=item.requests,
        notes=told.notes,
    )
