"""sandbox: serve a recorded or generated market on this machine."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from evertape.cli.options import Day, Decimal, Whole
from evertape.errors import UserError

MARKET_DAY = date(2026, 6, 30)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="A recorded tree: DIR/HOST/PATH[.gz].")
@click.option("--market", type=Whole(1, 17_000), help="Generate a market of N companies.")
@click.option("--seed", type=Whole(0, 2**32), default=1, show_default=True)
@click.option(
    "--today", type=Day(), default=MARKET_DAY, show_default=True, help="The generated market's day."
)
@click.option("--port", type=Whole(0, 65_535), default=0, show_default=True, help="0 picks a free one.")
@click.option(
    "--limit", type=Whole(1, 1_000_000), help="Refuse more requests a second than this, as the SEC does."
)
@click.option("--faults", type=click.Path(path_type=Path), help="A fault plan as JSON.")
@click.option("--fail", type=Decimal(0, 1), default=0.0, help="Share of answers that fail, all kinds.")
@click.option(
    "--contracts", type=Whole(2, 100_000), default=60, show_default=True, help="Options of each underlying."
)
@click.option(
    "--vendors",
    type=click.Path(path_type=Path),
    help='How vendors behave, as JSON: {"yahoo": {"knows": 0.9, "refuses": 0.1}}.',
)
@click.option("--recordings", type=click.Path(path_type=Path), help="Recorded answers: DIR/recordings.jsonl.")
def sandbox(**chosen: Any) -> int:
    """Speak the SEC's and the price vendors' own paths and refusals on 127.0.0.1, until Ctrl+C.

    https://HOST/PATH is answered at http://127.0.0.1:PORT/HOST/PATH for the SEC, Yahoo, Polygon, Schwab,
    Robinhood and Cboe. docs/sandbox.md has the whole of it.
    """
    from evertape.sandbox import SandboxError, SandboxOptions, serve

    if chosen["data"] is not None and chosen["market"] is not None:
        raise click.UsageError("give --data DIR or --market N, not both")
    if all(chosen[name] is None for name in ("data", "market", "recordings")):
        raise click.UsageError("give --data DIR or --market N")
    options = SandboxOptions(**chosen)

    def ready(url: str) -> None:
        click.echo(url)
        click.echo(f"export EVERTAPE_SANDBOX_URL={url}", err=True)

    try:
        serve(options, ready)
    except SandboxError as error:
        raise UserError(str(error)) from error
    return 0
