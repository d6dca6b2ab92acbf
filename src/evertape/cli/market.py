"""prices and options: reading the market data that is held."""

from __future__ import annotations

from typing import Any

import click

from evertape.cli import show
from evertape.cli.numbers import short
from evertape.cli.options import Day, Range, Symbols, Whole, common, nothing, print_json
from evertape.cli.session import opened

_SHOWN = (
    "contract", "kind", "expiration", "dte", "strike", "bid", "ask", "mid", "volume", "open_interest",
    "implied_volatility", "delta", "monthly_return", "annual_return",
)  # fmt: skip


@click.command()
@click.argument("symbols", type=Symbols())
@click.option("--start", type=Day(), help="The first session.")
@click.option("--end", type=Day(), help="The last session.")
@click.option(
    "--raw",
    is_flag=True,
    help="As traded, without adjusting for splits and dividends; where a split_basis stands, but for splits "
    "up to that day that nobody has told.",
)
@click.option("--limit", type=Whole(1, 100_000), help="The latest N rows; all in JSON, 20 in a table.")
@common
def prices(
    symbols: tuple[str, ...], raw: bool, limit: int | None, as_json: bool, log_level: str, **days: Any
) -> int:
    """Daily bars of SYMBOLS, adjusted for splits and dividends as known now.

    Ends with 1 where a symbol has none; the others' are shown.
    """
    from evertape.database.market import PRICE_COLUMNS, price_rows
    from evertape.database.market_held import held_of, why_none

    with opened(read_only=True) as db:
        told = {symbol: price_rows(db, [symbol], adjusted=not raw, **days) for symbol in symbols}
        lacking = [symbol for symbol, found in told.items() if not found]
        lacks = "\n".join(why_none(held_of(db, "prices", symbol), db.clock.now()) for symbol in lacking)
    rows = [row for found in told.values() for row in found]
    if not rows:
        return nothing(lacks, as_json)
    kept = rows if limit is None else rows[-limit:]
    if as_json:
        print_json([dict(zip(PRICE_COLUMNS, row, strict=True)) for row in kept])
    else:
        body = [tuple(_number(value) for value in row) for row in kept[-(limit or 20) :]]
        show.rows(show.answer(), PRICE_COLUMNS, body)
    if lacks:
        click.echo(lacks, err=True)
    return 1 if lacks else 0


@click.command()
@click.argument("symbol")
@click.option("--dte", type=Range(), help="Calendar days to expiration: 25-40.")
@click.option("--delta", type=Range(), help="Size of the delta, whatever its sign: 0.2-0.35.")
@click.option("--kind", type=click.Choice(["call", "put"]))
@click.option("--day", type=Day(), help="The latest snapshot of that day or before.")
@click.option("--limit", type=Whole(1, 100_000), help="The first N rows; all in JSON, 40 in a table.")
@common
def options(symbol: str, limit: int | None, as_json: bool, log_level: str, **chosen: Any) -> int:
    """The contracts of SYMBOL in the latest snapshot, with greeks and the return of the premium.

    Returns are mid / collateral x 30 / days (monthly) and x 365 / days (annual); the collateral is the
    strike of a put, the stock price of a call.
    """
    from evertape.database.market import OPTION_COLUMNS, option_rows
    from evertape.database.market_held import held_of, why_none

    with opened(read_only=True) as db:
        rows = option_rows(db, symbol, **chosen)
        if not rows:
            return nothing(why_none(held_of(db, "options", symbol), db.clock.now()), as_json)
    kept = rows if limit is None else rows[:limit]
    told = [dict(zip(OPTION_COLUMNS, row, strict=True)) for row in kept]
    if as_json:
        print_json(told)
        return 0
    body = [tuple(_number(row[name]) for name in _SHOWN) for row in told[: limit or 40]]
    first = told[0]
    computed = any(row["greeks_computed"] for row in told)
    title = f"{first['symbol']} at {_number(first['stock_price'])}, {first['taken_at']}, {first['source']}"
    show.rows(show.answer(), _SHOWN, body, title + ("; some greeks computed" if computed else ""))
    return 0


def _number(value: object) -> object:
    return short(value) if isinstance(value, float) else value
