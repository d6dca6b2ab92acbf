"""explain and restatements: where a value comes from, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from evertape.cli import show
from evertape.cli.numbers import change, exact, summed
from evertape.cli.options import Day, Whole, common, nothing, print_json
from evertape.cli.session import opened
from evertape.errors import NotKnown

if TYPE_CHECKING:
    from evertape.database.history import Explanation
    from evertape.database.tracing import Explained, RatioExplanation


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
) -> int:
    """Say where one value comes from: `explain AAPL revenue 2024-06-29`.

    Its tag, or the formula with its operands; accessions, filing dates, and the address at EDGAR. LINE is
    a line of a statement, or a ratio: then its formula and where each of its parts comes from.
    """
    with opened(read_only=True) as db:
        _, label = db.company(symbol)
        try:
            told = db.explain(symbol, line, day, **which)
        except NotKnown as error:
            return nothing(str(error), as_json)
    if as_json:
        print_json(told)
        return 0
    found = _cells(told, label)
    console = show.answer()
    for one in found:
        console.print(
            f"{label} {one.column}, {one.period_type} to {one.report_date}: {summed(one.value)}, "
            f"known from {one.known_from}",
            markup=False,
        )
        show.pairs(console, [("  =", one.formula)])
        for o in one.operands:
            sign = "-" if o.sign < 0 else "+"
            period = f"{o.start} to {o.end}" if o.start else f"at {o.end}"
            show.pairs(console, [(f"  {sign}", f"{exact(o.value)} {o.unit} {o.tag}, {period}")])
            show.pairs(console, [("   ", f"{o.form} filed {o.filed}, {o.accession}")])
            console.print(f"     {o.address}", markup=False, soft_wrap=True)
    return 0


def _cells(told: Sequence[Explained], label: str) -> list[Explanation]:
    """The cells behind what is explained, each once; ratios, which are made of them, are shown at once."""
    from evertape.database.tracing import RatioExplanation

    cells: dict[Explanation, None] = {}
    for one in told:
        if isinstance(one, RatioExplanation):
            _show_ratio(one, label)
            cells |= {part.cell: None for part in one.parts if part.cell is not None}
        else:
            cells[one] = None
    return list(cells)


def _show_ratio(one: RatioExplanation, label: str) -> None:
    unit = one.unit.replace("currency per", f"{one.currency} a").replace("currency", one.currency)
    known = f"{_ratio(one.value or 0)} {unit}".removesuffix(" ratio") + f", known from {one.known_from}"
    value = one.note if one.value is None else known
    lines = [f"{label} {one.column}, {one.period_type} to {one.report_date}: {value}", f"  = {one.formula}"]
    lines += [f"  where {text} is above zero" for text in one.positive]
    for part in one.parts:
        shown = part.note if part.value is None else " ".join(filter(None, (_ratio(part.value), part.note)))
        lines.append(f"  {part.name}{f' at {part.report_date}' if part.report_date else ''}: {shown}")
    for line in lines:
        click.echo(show.printable(line))


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:,.4f}".rstrip("0").rstrip(".")


@click.command()
@click.argument("symbol")
@click.option("--limit", type=Whole(1, 100_000), default=30, show_default=True)
@common
def restatements(symbol: str, limit: int, as_json: bool, log_level: str) -> int:
    """List facts whose value a later filing changed, the latest change first."""
    from evertape.database import tracing

    with opened(read_only=True) as db:
        _, label = db.company(symbol)
        try:
            found = tracing.restated(db, symbol)
        except NotKnown as error:
            return nothing(str(error), as_json)
    if as_json:
        print_json(found[:limit])
        return 0
    names = ("changed on", "fact", "period", "was", "now", "change", "by")
    rows = [
        (
            r.changed_on,
            r.tag.partition(":")[2],
            f"{r.start}..{r.end}" if r.start else r.end,
            exact(r.was),
            exact(r.now),
            change(r.was, r.now),
            r.changed_by,
        )
        for r in found[:limit]
    ]
    show.rows(show.answer(), names, rows, f"{label}: {len(found):,} facts were changed by a later filing")
    return 0
