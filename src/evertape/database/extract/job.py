"""Preparing an extraction and the crew that runs it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evertape.database.extract import EXTRACT, Chosen, ExtractOptions, choose, options_of, plan_of
from evertape.database.extract.crew import ProcessCrew
from evertape.database.extract.frames import Setup
from evertape.errors import UserError
from evertape.model.plan import Plan
from evertape.model.store import Store
from evertape.net.bulk import Bulk, Rejected, open_bulk
from evertape.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An extraction that is ready to run.

    Attributes:
        rejected: entries of the file that are never read. ignored: how many are no companyfacts at all.
    """

    plan: Plan
    chosen: Chosen
    rejected: Sequence[Rejected]
    ignored: int


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare(store: Store, options: ExtractOptions, labels: Mapping[str, str]) -> Prepared:
    """Look at the file and at what is held, and plan what is due.

    Args:
        labels: symbols or names by key, for people.

    Raises:
        UserError: there is nothing readable at the path.
    """
    with open_bulk(options.path) as bulk:
        members = {f"{member.cik:010d}": member for member in bulk.members()}
        held, read = store.holdings("facts"), store.holdings(EXTRACT)
        chosen = choose(members, options, held, read, _written(options.path))
        return Prepared(
            plan=plan_of(chosen, options, labels, options.workers or cores()),
            chosen=chosen,
            rejected=bulk.rejected,
            ignored=bulk.ignored,
        )


def _written(path: Path) -> datetime:
    """In whole seconds, as members have it: what is held as of then is not newer than it."""
    return datetime.fromtimestamp(int(path.stat().st_mtime), tz=UTC)


def crew_for(settings: Settings, store: Store, plan: Plan) -> ProcessCrew | None:
    """The processes that run a plan; None where it is no extraction's.

    Raises:
        UserError: the bulk file is gone or is another one now.
    """
    options = options_of(plan)
    if options is None:
        return None
    bulk = open_bulk(options.path)
    members = {f"{member.cik:010d}": member for member in bulk.members()}
    keys = [call.units[0].key for step in plan.steps for call in step.calls]
    gone = [key for key in keys if key not in members]
    if gone:
        bulk.close()
        raise UserError(
            f"{options.path} has no file of CIK {gone[0]} any more; "
            f"start again with: evertape extract {options.path}"
        )
    size = max(1, min(options.workers or cores(), len(keys)))
    setup = Setup(
        database=settings.database,
        plugins=settings.home / "plugins",
        archive=settings.archive if options.keep else None,
        lock=settings.home / "extract.lock",
        bulk=_closed(bulk),
        memory=options.memory // size,
        written=_written(options.path),
        parent=os.getpid(),
        place=-1,
    )
    return ProcessCrew(setup, {key: members[key] for key in keys}, store, options, size)


def _closed(bulk: Bulk) -> Bulk:
    bulk.close()
    return bulk
