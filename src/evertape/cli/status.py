"""status: what is held and how fresh it is. Makes no request."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from evertape.cli import show
from evertape.cli.options import common, moment, print_json, selectors
from evertape.cli.session import opened
from evertape.errors import UserError

if TYPE_CHECKING:
    from evertape.database import Database
    from evertape.database.market_held import MarketHeld

_TOLD = ("dataset", "key", "label", "level", "reason")


@click.command()
@click.argument("subject", metavar="[DATASET|SYMBOL]", required=False)
@selectors
@click.option("--watch", "watching", is_flag=True, help="The running job and its processes, until it ends.")
@common
def status(subject: str | None, watching: bool, as_json: bool, log_level: str, **said: Any) -> int:
    """Say what is held and how fresh it is, without a request.

    Nothing: the companies held. A DATASET: what it holds; with --symbols or --scope, how current it is
    for them, and who is not. A SYMBOL: one company.
    """
    with opened(read_only=True) as db:
        if watching:
            from evertape.cli.watch import watch

            return watch(db, as_json)
        of_dataset = subject in db.catalog.datasets
        if (said["symbols"] or said["scope"]) and (of_dataset or subject in (None, *db.catalog.targets())):
            return _chosen(db, subject or "financials", as_json, said)
        if of_dataset:
            return _dataset(db, str(subject), as_json)
        if subject and subject not in db.catalog.targets():
            return _company(db, subject, as_json)
        told = db.status(subject or "financials")
        if as_json:
            print_json(told.report)
        else:
            show.check(show.answer(), told.report)
    return 0


def _chosen(db: Database, subject: str, as_json: bool, said: Mapping[str, Any]) -> int:
    """How current a target is for the companies named; what is derived is so as what it is made from."""
    import msgspec

    from evertape.database import Selection

    dataset = db.catalog.datasets.get(subject)
    if dataset is not None and dataset.measured:
        raise UserError(
            f"{subject} is measured, and never due; run: evertape verify with --symbols or --scope"
        )
    made_from = dataset.derived.parent if dataset and dataset.derived and not dataset.on_request else subject
    chosen = Selection(
        symbols=said["symbols"] or (), scope=said["scope"], since=said["since"], until=said["until"]
    )
    told = db.status(made_from, chosen)
    report = dataclasses.replace(told.report, target=subject)
    others = [standing for standing in told.standings if not standing.level.current]
    if as_json:
        behind = [{name: getattr(one, name) for name in _TOLD} for one in others]
        print_json({**msgspec.to_builtins(report), "not_current": behind})
        return 0
    show.check(show.answer(), report)
    for one in others[: show.FAILURES_SHOWN]:
        why = f", {one.reason}" if one.reason else ""
        click.echo(show.printable(f"{one.label or one.key}: {one.dataset} {one.level.value}{why}"))
    if len(others) > show.FAILURES_SHOWN:
        click.echo(f"and {len(others) - show.FAILURES_SHOWN} more, in --json")
    return 0


def _dataset(db: Database, name: str, as_json: bool) -> int:
    from evertape.model.records import table_of

    dataset = db.catalog.datasets[name]
    tables = [table_of(record).name for record in dataset.records]
    counts = {t: db.store.sql(f"SELECT COUNT(*) FROM {t}")[1][0][0] for t in tables}  # noqa: S608
    held = db.store.holdings(name)
    outcomes: dict[str, int] = {}
    for holding in held.values():
        outcomes[holding.outcome.value] = outcomes.get(holding.outcome.value, 0) + 1
    latest = max((h.checked_at for h in held.values()), default=None)
    told: dict[str, object] = {"dataset": name, "rows": counts, "units": outcomes, "last_update": latest}
    behind = 0
    if dataset.on_request:
        behind = sum(standing.unit is not None for standing in db.status(name).standings)
        told["behind"] = behind
    if as_json:
        print_json(told)
        return 0
    console = show.answer()
    console.print(f"{name}: {dataset.doc}")
    show.rows(console, ("table", "rows"), list(counts.items()))
    console.print("units: " + (", ".join(f"{n:,} {o}" for o, n in outcomes.items()) or "none"))
    console.print(f"last update {moment(latest)}")
    if behind:
        console.print(f"{behind:,} companies are behind what is held; run: evertape refresh {name}")
    return 0


def _company(db: Database, symbol: str, as_json: bool) -> int:
    from evertape.database import Selection
    from evertape.database.market_held import market_held

    cik, label = db.company(symbol)
    told = db.status(chosen=Selection(symbols=(symbol,)))
    standing = told.standings[0]
    held = db.store.holdings("facts", [cik]).get(cik)
    _, filings = db.store.sql(
        "SELECT form, filed_date, accession_number, in_facts_at IS NOT NULL FROM sec_filings "
        "WHERE cik = ? AND periodic AND absent_at IS NULL ORDER BY filed_date DESC LIMIT 5",
        (int(cik),),
    )
    market = market_held(db, symbol)
    if as_json:
        counts = {"rows": told.report.rows, "filings": filings, "market": market}
        print_json({"standing": standing, "holding": held, **counts})
        return 0
    console = show.answer()
    console.print(
        f"{label} (CIK {cik}): statements {standing.level.value}"
        f"{', ' + standing.reason if standing.reason else ''}"
    )
    if held:
        console.print(f"facts checked {moment(held.checked_at)}, source {held.source}, {held.outcome.value}")
    console.print("rows held: " + ", ".join(f"{n:,} {table}" for table, n in told.report.rows.items()))
    for one in market:
        console.print(_market(one, db.clock.now()), markup=False, soft_wrap=True)
    rows = [(form, filed, accession, "yes" if seen else "no") for form, filed, accession, seen in filings]
    show.rows(console, ("form", "filed", "accession", "facts held"), rows)
    return 0


def _market(held: MarketHeld, now: datetime) -> str:
    from evertape.database.market_held import why_none

    if not held.days:
        return why_none(held, now)
    if held.latest is not None:
        chains = f"{held.days} day{'s' if held.days > 1 else ''}, the last {moment(held.latest)}"
        return f"options of {held.symbol}: chains of {chains}"
    return f"prices of {held.symbol}: {held.days} sessions from {held.first}, the last {held.last}"
