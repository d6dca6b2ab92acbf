"""The ledger as the runner keeps it: one item a call, written as it goes, told to whoever listens."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from evertape.engine.settling import event_of
from evertape.errors import Busy
from evertape.model.crew import Settled
from evertape.model.events import Emit
from evertape.model.job import Item, ItemState
from evertape.model.plan import Plan
from evertape.model.store import Store

PATIENCE = 30.0
"""Seconds for which a write is tried again while somebody else writes."""


def items_of(job_id: str, plan: Plan) -> list[Item]:
    """One item a call, in the plan's order."""
    items: list[Item] = []
    for number, step in enumerate(plan.steps):
        for call in step.calls:
            key = call.units[0].key if call.units else call.url
            items.append(
                Item(
                    job_id=job_id,
                    position=len(items),
                    step=number,
                    dataset=step.dataset,
                    key=key,
                    label=call.label or key,
                    feed=step.feed,
                )
            )
    return items


def give_back(store: Store, job_id: str, positions: Collection[int]) -> None:
    """What is still leased is due; a process may have settled some of it and not been heard."""
    # Where the database is busy they stay leased, which is due to whoever resumes the job.
    with contextlib.suppress(Busy):
        leased = store.items(job_id, states=(ItemState.LEASED,))
        due = [replace(item, state=ItemState.DUE) for item in leased if item.position in positions]
        store.set_items(due)


def tell(emit: Emit, told: Settled) -> None:
    """Say what became of an item."""
    emit(event_of(told))


async def write(store: Store, item: Item) -> None:
    await persist(lambda: store.set_items([item]))


async def persist(write: Callable[[], object]) -> None:
    """Write off the loop; a busy database is tried again for half a minute."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            await asyncio.shield(asyncio.to_thread(write))
            return
        except Busy:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)
