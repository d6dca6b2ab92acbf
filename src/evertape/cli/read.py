"""statements and universe: reading what is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from evertape.cli import show
from evertape.cli.numbers import millions, share
from evertape.cli.options import Day, Whole, common, nothing, print_json
from evertape.cli.session import opened

if TYPE_CHECKING:
    from evertape.database import Database

_LEAD = ("symbol", "cik", "form", "known_from", "industry", "derived", "period_start")
STATEMENTS = ("income", "balance", "cash_flow")


@click.command()
@click.argument("symbol")
@click.option(
    "--statement", type=click.Choice(STATEMENTS), help="One of the three; all where nothing is said."
)
@click.option(
    "--period",
    type=click.Choice(["quarter", "annual", "ttm"]),
    help="Quarters and years where nothing is said; ttm: twelve months to the end of each quarter.",
)
@click.option(
    "--reading",
    type=click.Choice(["latest", "first"]),
    default="latest",
    show_default=True,
    help="Each value as it stands now, or as it was first reported.",
)
@click.option("--limit", type=Whole(1, 1000), help="The latest N periods; all in JSON, 4 in a table.")
@click.option("--as-of", type=Day(), help="Only what was filed on or before this day.")
@common
def statements(
    symbol: str,
    limit: int | None,
    as_json: bool,
    log_level: str,
    **chosen: Any,
) -> int:
    """A company's standardized statements, the latest period first.

    SYMBOL is a ticker or a CIK. Values are as filed, in the currency named; a value that was computed
    is named in "derived". Nothing is shown for what is unknown.
    """
    from evertape.database.absence import no_statements

    with opened(read_only=True) as db:
        names, rows = db.statement_rows(symbol, **chosen)
        cik, label = db.company(symbol)
        if not rows:
            del chosen["reading"]
            return nothing(no_statements(db, cik, label, **chosen), as_json)
        warn(db, symbol)
        if as_json:
            kept = rows if limit is None else rows[:limit]
            print_json([dict(zip(names, row, strict=True)) for row in kept])
            return 0
        table(names, rows[: limit or 4], label, cik)
    return 0


def warn(db: Database, symbol: str) -> None:
    """Say on stderr that stored rows of a company are doubtful, as the last verify found them."""
    from evertape.database.doubts import hard_note

    cik, label = db.company(symbol)
    note = hard_note(db.store, int(cik), label)
    if note is not None:
        click.echo(note, err=True)


def table(names: tuple[str, ...], rows: list[tuple[object, ...]], label: str, cik: str) -> None:
    """Lines down, periods across, money in millions."""
    at = {name: i for i, name in enumerate(names)}
    currency = rows[0][at["currency"]]
    heads = ["", *(f"{row[at['report_date']]} {row[at['fiscal_period']]}" for row in rows)]
    plain = {
        "report_date",
        "period_type",
        "fiscal_year",
        "fiscal_period",
        "filed_date",
        "accession_number",
        "currency",
    }
    body = [
        [name, *(_number(name, row[at[name]], str(row[at["derived"]] or "")) for row in rows)]
        for name in names
        if name not in plain and name not in _LEAD and any(row[at[name]] is not None for row in rows)
    ]
    body.append(["filed", *(str(row[at["filed_date"]]) for row in rows)])
    body.append(["accession", *(str(row[at["accession_number"]]) for row in rows)])
    title = f"{label} (CIK {cik}), millions of {currency} and millions of shares; * computed"
    show.rows(show.answer(), heads, body, title, keys=1)


def _number(name: str, value: object, derived: str) -> str:
    if not isinstance(value, int | float):
        return ""
    mark = "*" if name in derived.split() else ""
    if name.startswith("eps") or name.endswith("per_share"):
        return share(value) + mark
    return millions(value) + mark


@click.command()
@click.argument("symbol", required=False)
@click.option("--scope", type=click.Choice(["sp500", "all"]), default="all", show_default=True)
@click.option("--limit", type=Whole(1, 100_000), default=50, show_default=True)
@common
def universe(symbol: str | None, scope: str, limit: int, as_json: bool, log_level: str) -> int:
    """Companies and their listings, the largest first; or one company by ticker or CIK."""
    present = "l.absent_at IS NULL"
    parameters: list[object] = []
    with opened(read_only=True) as db:
        if symbol:
            present += " AND l.cik = ?"
            parameters.append(int(db.company(symbol)[0]))
        elif scope == "sp500":
            present += (
                " AND l.cik IN (SELECT cik FROM index_membership"
                " WHERE index_name = 'sp500' AND absent_at IS NULL)"
            )
        names, rows = db.store.sql(
            "SELECT l.symbol, printf('%010d', l.cik) AS cik, s.name, l.exchange, m.sector FROM listings l "  # noqa: S608
            "JOIN stocks s ON s.cik = l.cik LEFT JOIN index_membership m "
            "ON m.cik = l.cik AND m.symbol = l.symbol AND m.absent_at IS NULL "
            f"WHERE {present} ORDER BY l.rank LIMIT ?",
            (*parameters, limit),
        )
        if not rows:
            whose = f"no listing of {symbol} is held" if symbol else "no company is held"
            return nothing(f"{whose}; run: evertape refresh universe", as_json)
        if as_json:
            print_json([dict(zip(names, row, strict=True)) for row in rows])
        else:
            show.rows(show.answer(), names, rows)
            if len(rows) == limit:
                click.echo(f"the first {limit}; more with --limit", err=True)
    return 0
