"""What the answers of a call make true together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from evertape.model.call import Call, Reply
from evertape.model.dataset import Dataset
from evertape.model.feed import Page
from evertape.model.job import Item, ItemState
from evertape.model.records import Condition, Record, Truth, table_of
from evertape.model.store import Commit
from evertape.model.unit import Holding, Outcome

_STATES = {
    Outcome.SETTLED: ItemState.DONE,
    Outcome.NOTHING: ItemState.NOTHING,
    Outcome.PENDING: ItemState.PENDING,
}


def commit_of(datasets: Mapping[str, Dataset], call: Call, pages: Sequence[Page], reply: Reply) -> Commit:
    """What the pages of a call make true together: rows, what derives from them, and coverage. Pure.

    Args:
        reply: the last one; its time is the commit's.
    """
    batches = [batch for page in pages for batch in page.batches]
    holdings = [holding for page in pages for holding in page.settled]
    replaced = [truth for page in pages for truth in page.replaced]
    parents = {unit.dataset for unit in call.units}
    for dataset in datasets.values():
        if dataset.on_request:
            continue
        if dataset.derived and dataset.derived.parent in parents and batches:
            children = dataset.derived.derive(batches, reply.at)
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
