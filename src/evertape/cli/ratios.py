"""ratios: company figures and their formulas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import click

from evertape.cli import show
from evertape.cli.numbers import millions, share
from evertape.cli.options import Day, Whole, common, nothing, print_json
from evertape.cli.session import opened


@click.command()
@click.argument("symbol")
@click.option(
    "--period", type=click.Choice(["annual", "quarter", "ttm"]), default="annual", show_default=True
)
@click.option("--limit", type=Whole(1, 1000), help="The latest N periods; all in JSON, 4 in a table.")
@click.option("--as-of", type=Day(), help="Only what was filed on or before this day.")
@common
def ratios(
    symbol: str, period: str, limit: int | None, as_of: date | None, as_json: bool, log_level: str
) -> int:
    """A company's margins, growth, returns, leverage and figures a share, the latest period first.

    SYMBOL is a ticker or a CIK. Nothing is shown where a part is unknown or the ratio would say nothing.
    "known from" is the day on which the newest part of a column was filed.
    """
    from evertape.database.absence import no_statements
    from evertape.database.ratios import as_records, ratio_rows

    with opened(read_only=True) as db:
        cik, label = db.company(symbol)
        found = as_records(ratio_rows(db, symbol, period=period, as_of=as_of))
        if not found:
            return nothing(no_statements(db, cik, label, period=period, as_of=as_of), as_json)
    kept = found if limit is None else found[:limit]
    if as_json:
        print_json(kept)
        return 0
    table(found[: limit or 4], f"{label} (CIK {cik})")
    return 0


def table(rows: Sequence[dict[str, Any]], title: str) -> None:
    """Ratios down, periods across, money in millions."""
    from evertape.formats.xbrl.ratios import RATIOS

    heads = ["", "unit", *(f"{row['report_date']} {row['fiscal_period'] or ''}".strip() for row in rows)]
    body: list[list[object]] = [
        [ratio.name, _unit(ratio.unit), *(_shown(ratio.unit, row[ratio.name]) for row in rows)]
        for ratio in RATIOS
        if any(row[ratio.name] is not None for row in rows)
    ]
    body.append(["known from", "", *(row["known_from"] for row in rows)])
    body.append(["accession", "", *(row["accession_number"] for row in rows)])
    show.rows(show.answer(), heads, body, f"{title}, money in millions of {rows[0]['currency']}", keys=2)


def _unit(unit: str) -> str:
    return {"percent": "%", "ratio": "", "currency": "millions", "currency per share": "a share"}[unit]


def _shown(unit: str, value: float | None) -> str:
    if value is None:
        return ""
    return millions(value) if unit == "currency" else share(value)
