"""Who of a bulk file is meant, and reading one from Python."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from evertape.database.survey import Selection, Survey

if TYPE_CHECKING:
    from evertape.database.extract import ExtractOptions
    from evertape.database.work import Workshop
    from evertape.engine.report import JobReport
    from evertape.model.store import Store


class Home(Protocol):
    """What an extraction needs of the facade."""

    store: Store
    survey: Survey

    @property
    def workshop(self) -> Workshop:
        """What runs jobs."""


def meant(
    survey: Survey, path: Path, symbols: tuple[str, ...], scope: str | None, **shape: Any
) -> tuple[ExtractOptions, Mapping[str, str]]:
    """Options for the companies of symbols and scope, and what each known company is shown as.

    Args:
        shape: further fields of `ExtractOptions`.

    Raises:
        UserError: an unknown ticker, or a list that is not held.
    """
    from evertape.database.extract import ExtractOptions

    named = survey.asked(Selection(symbols=symbols)).companies if symbols else {}
    scoped = survey.asked(Selection(scope=scope)).companies if scope else {}
    labels = {f"{cik:010d}": symbol for symbol, cik in reversed(survey.listings())}
    keys = tuple(dict.fromkeys((*named, *scoped)))
    options = ExtractOptions(path=path.absolute(), keys=keys, first=tuple(named), **shape)
    return options, {**labels, **named}


def extract(
    db: Home, path: str | Path, *, symbols: tuple[str, ...] = (), scope: str | None = None, **shape: Any
) -> JobReport | None:
    """Read a folder or zip of companyfacts by worker processes; None where nothing of it is due.

    Args:
        symbols, scope: who is meant; everybody in the file where neither is said.
        shape: further fields of `database.extract.ExtractOptions`: workers, timeout, keep and others.

    Raises:
        UserError: nothing readable at the path, or an unknown company. HomeBusy: another job runs.
        StoreError: the database refused.
    """
    from evertape.database.extract.job import prepare

    db.workshop.refuse_second()
    options, labels = meant(db.survey, Path(path), symbols, scope, **shape)
    prepared = prepare(db.store, options, labels)
    if not prepared.plan.steps:
        return None
    done = asyncio.run(db.workshop.run("extract", prepared.plan))
    unread = (f"{entry.name} is not read: {entry.reason}" for entry in prepared.rejected)
    return dataclasses.replace(done, notes=(*done.notes, *unread))
