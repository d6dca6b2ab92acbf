"""explain and restatements: where a value comes from, and what became of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from evertape.cli import show
from evertape.cli.options import Day, Whole, common, print_json
from evertape.cli.session import opened


@click.command()
@click.argument("symbol")
@click.argument("line")
@click.argument("day", type=Day(), metavar="REPORT_DATE")
@click.option("--as-of", type=Day(), help="Only what was filed on or before this day.")
@click.option(
    "--period", type=click.Choice(("quarter", "annual", "ttm")), help="Quarter and year if not given."
)
@common
def explain(
    symbol: str,
    line: str,
    day: date,
    as_json: bool,
    log_level: str,
    **which: Any,
) -> None:
    """Say where one value comes from: `explain AAPL revenue 2024-06-29`.

    Its tag, or the formula with its operands; accessions, filing dates, and the address at EDGAR.
    """
    from evertape.database import history

    with opened(read_only=True) as db:
        cik, label = db.company(symbol)
        found = history.explain(db.store, int(cik), line, day, which["as_of"], which["period"])
    if as_json:
        print_json(found)
        return
    console = show.answer()
    for one in found:
        console.print(
            f"{label} {one.column}, {one.period_type} to {one.report_date}: {one.value:,.10g}, "
            f"known from {one.known_from}"
        )
        console.print(f"  = {one.formula}", markup=False)
        for o in one.operands:
            sign = "-" if o.sign < 0 else "+"
            period = f"{o.start} to {o.end}" if o.start else f"at {o.end}"
            console.print(f"  {sign} {o.value:,.10g} {o.unit} {o.tag}, {period}", markup=False)
            console.print(f"    {o.form} filed {o.filed}, {o.accession}", markup=False)
            console.print(f"    {o.address}", markup=False, soft_wrap=True)


@click.command()
@click.argument("symbol")
@click.option("--limit", type=Whole(1, 100_000), default=30, show_default=True)
@common
def restatements(symbol: str, limit: int, as_json: bool, log_level: str) -> None:
    """List facts whose value a later filing changed, the latest change first."""
    from evertape.database import history

    with opened(read_only=True) as db:
        cik, label = db.company(symbol)
        found = history.restatements(db.store, int(cik))
    if as_json:
        print_json(found[:limit])
        return
    names = ("changed on", "fact", "period", "was", "now", "change", "by")
    rows = [
        (
            r.changed_on,
            r.tag.partition(":")[2],
            f"{r.start}..{r.end}" if r.start else r.end,
            f"{r.was:,.10g}",
            f"{r.now:,.10g}",
            f"{r.change:+,.10g}",
            r.changed_by,
        )
        for r in found[:limit]
    ]
    show.rows(show.answer(), names, rows, f"{label}: {len(found)} facts were changed by a later filing")
