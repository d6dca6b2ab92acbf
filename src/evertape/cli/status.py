"""status: what is held and how fresh it is. Makes no request."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from evertape.cli import show
from evertape.cli.options import common, moment, print_json, selectors
from evertape.cli.session import opened

if TYPE_CHECKING:
    from evertape.database import Database
    from evertape.database.market_held import MarketHeld


@click.command()
@click.argument("subject", metavar="[DATASET|SYMBOL]", required=False)
@selectors
@click.option("--watch", "watching", is_flag=True, help="The running job and its processes, until it ends.")
@common
def status(subject: str | None, watching: bool, as_json: bool, log_level: str, **said: Any) -> int:
    """Say what is held and how fresh it is, without a request.

    Nothing: the companies held. A DATASET: what it holds; with --symbols or --scope, what of it is due.
    A SYMBOL: one company.
    """
    from evertape.database import Selection

    with opened(read_only=True) as db:
        if watching:
            from evertape.cli.watch import watch

            return watch(db, as_json)
        judged = bool(said["symbols"] or said["scope"]) and subject in db.catalog.targets()
        if subject in db.catalog.datasets and not judged:
            return _dataset(db, str(subject), as_json)
        if subject and subject not in db.catalog.targets():
            return _company(db, subject, as_json)
        who = {"symbols": said["symbols"] or (), "scope": said["scope"]}
        chosen = Selection(**who, since=said["since"], until=said["until"]) if any(who.values()) else None
        told = db.status(subject or "financials", chosen)
        if as_json:
            print_json(told.report)
        else:
            show.check(show.answer(), told.report)
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
    console.print("units: " + (", ".join(f"{n} {o}" for o, n in outcomes.items()) or "none"))
    console.print(f"last update {moment(latest)}")
    if behind:
        console.print(f"{behind} companies are behind what is held; run: evertape refresh {name}")
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
    console.print("rows held: " + ", ".join(f"{n} {table}" for table, n in told.report.rows.items()))
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
