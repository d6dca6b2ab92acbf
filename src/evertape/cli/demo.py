"""demo: the whole walk on a generated market, in a throw-away home, without network or identity."""

from __future__ import annotations

import dataclasses
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evertape.cli import show
from evertape.cli.options import Whole
from evertape.cli.progress import shown
from evertape.cli.read import table
from evertape.cli.session import run

if TYPE_CHECKING:
    from evertape.database import Database

COMPANIES = 25
TODAY = date(2026, 6, 30)
_IDENTITY = {"EDGAR_IDENTITY": "evertape demo demo@example.invalid"}


@click.command()
@click.option(
    "--seed", type=Whole(0, 2**32), default=1, show_default=True, help="Another number, another market."
)
def demo(seed: int) -> int:
    """Check, plan, fetch and show a generated market of 25 companies; nothing of it is real."""
    from evertape.clock import end_of_day
    from evertape.database import Database
    from evertape.sandbox import SandboxOptions, running
    from evertape.settings import load

    console = show.talk()
    console.print(
        f"[bold]A generated market[/bold] of {COMPANIES} companies, seed {seed}. Nothing of it is real.\n"
    )
    with (
        tempfile.TemporaryDirectory(prefix="evertape-demo-") as folder,
        running(SandboxOptions(market=COMPANIES, seed=seed, today=TODAY)) as url,
    ):
        settings = dataclasses.replace(
            load({}),
            home=Path(folder),
            state=Path(folder),
            sandbox=url,
            now=end_of_day(TODAY),
            credentials=_IDENTITY,
        )
        with Database(settings) as db:
            code = _walk(db)
    console.print("\nFor real, the SEC wants to know who asks:")
    console.print('  export EDGAR_IDENTITY="Your Name you@example.org"')
    console.print("  evertape refresh financials --symbols AAPL,MSFT")
    return code


def _walk(db: Database) -> int:
    from evertape.database import Selection

    console = show.talk()
    console.print("$ evertape refresh financials --scope all --yes")
    with shown(db, console):
        checked = run(db, db.check("financials", Selection(scope="all")))
    show.check(console, checked.report)
    show.plan(console, checked.plan)
    with shown(db, console):
        done = run(db, db.apply(checked.plan))
    show.job(console, done)
    again = db.status(chosen=Selection(scope="all"))
    console.print(
        f"now {again.report.current} of {again.report.total} current, "
        + ", ".join(f"{n:,} {table}" for table, n in again.report.rows.items())
    )
    label = _liveliest(db)
    console.print(f"\n$ evertape statements {label} --period quarter")
    names, rows = db.statement_rows(label, period="quarter")
    table(names, rows[:4], f"{label}, GENERATED", db.company(label)[0])
    return done.exit_code


def _liveliest(db: Database) -> str:
    """The company with the most quarters, the first by symbol of several."""
    _, rows = db.store.sql(
        "SELECT l.symbol, COUNT(*) n FROM income_statements i JOIN listings l ON l.cik = i.cik "
        "WHERE i.period_type = 'quarter' AND i.gross_profit IS NOT NULL "
        "GROUP BY l.symbol ORDER BY MAX(i.report_date) DESC, n DESC, l.symbol LIMIT 1"
    )
    return str(rows[0][0])
