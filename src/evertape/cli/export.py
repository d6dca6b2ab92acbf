"""export: a table as a file for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from evertape.cli.options import Day, Symbols, common, megabytes, print_json
from evertape.cli.session import opened
from evertape.engine.selection import SCOPES
from evertape.errors import UserError

FORMATS = ("csv", "parquet", "jsonl", "xlsx")
_SUFFIXES = {f".{name}": name for name in FORMATS}


@click.command()
@click.argument("table")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), help="By the ending of --out, else csv, where not said."
)
@click.option("--out", type=click.Path(path_type=Path), help="The file; csv and jsonl go to stdout without.")
@click.option("--symbols", type=Symbols(), default=(), help="Tickers or CIKs: AAPL,BRK-B,0000320193.")
@click.option("--scope", type=click.Choice(SCOPES), help="A whole list of companies; all rows without.")
@click.option("--since", type=Day(), help="Report dates (else filing dates) from this day on.")
@click.option("--until", type=Day(), help="Report dates (else filing dates) up to this day.")
@click.option("--period", type=click.Choice(["quarter", "annual", "ttm"]), help="All where nothing is said.")
@click.option(
    "--dimension",
    type=click.Choice(["ARQ", "ARY", "ART", "MRQ", "MRY", "MRT"], case_sensitive=False),
    help="AR as first, MR as most recently reported; Quarter, Year, Twelve months (sheets: their last day).",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@common
def export(
    table: str, form: str | None, out: Path | None, as_json: bool, log_level: str, **chosen: Any
) -> None:
    """Write a table or view to a file: `export income_statements --symbols AAPL --out apple.parquet`.

    Values are as stored, rows in the order of the table's key, streamed, so that any size fits. With
    --json, what was written is told on stdout as JSON.
    """
    from evertape.database import export as exporting
    from evertape.database.choosing import days_of

    days_of(chosen["since"], chosen["until"], ("--since", "--until"))
    form = form or _SUFFIXES.get(out.suffix.lower() if out else "", "csv")
    force = chosen.pop("force")
    if out is None and form not in exporting.TO_STDOUT:
        raise UserError(f"{form} is not written to stdout; add --out FILE.{form}, or take csv or jsonl")
    if out is None and as_json:
        raise UserError("--json tells of a file; add --out, or take --format jsonl for the rows themselves")
    with opened(read_only=True) as db:
        told = exporting.stream(db, exporting.Request(table=table, **chosen))
        if out is None:
            rows = exporting.to_open_file(told, sys.stdout.buffer, form)
            click.echo(f"{rows:,} rows of {table}", err=True)
            return
        done = exporting.to_file(told, out, form, force=force)
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done.rows:,} rows of {table} in {out}, {megabytes(done.size)}", err=True)
