"""The command line. Importing it is cheap: each verb is imported when it is used."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from evertape import __version__
from evertape.errors import EvertapeError

VERBS = {
    "refresh": ("evertape.cli.refresh", "Check, show what is stale and what it costs, ask, fetch it."),
    "status": ("evertape.cli.status", "Say what is held and how fresh it is, without a request."),
    "statements": ("evertape.cli.read", "Show a company's standardized statements."),
    "ratios": ("evertape.cli.ratios", "Show a company's margins, growth, returns and leverage."),
    "explain": ("evertape.cli.trace", "Say where one value comes from, down to the filing."),
    "restatements": ("evertape.cli.trace", "List what a company changed afterwards, when and by how much."),
    "prices": ("evertape.cli.market", "Show daily bars, adjusted for splits and dividends or as traded."),
    "options": ("evertape.cli.market", "Show option chains: quotes, greeks, return of the premium."),
    "verify": ("evertape.cli.verify", "Measure the quality of what is held, without a request."),
    "universe": ("evertape.cli.read", "List the companies of a scope, or look one up."),
    "export": ("evertape.cli.export", "Write a table to a file: csv, parquet, jsonl or xlsx."),
    "extract": ("evertape.cli.extract", "Read a folder or zip of companyfacts, by worker processes."),
    "jobs": ("evertape.cli.jobs", "List, show, resume, retry, pause or cancel jobs."),
    "providers": ("evertape.cli.providers", "Show the sources' health; log in to one; test one."),
    "rebuild": ("evertape.cli.refresh", "Derive everything again from the archive, without a request."),
    "sandbox": ("evertape.cli.sandbox", "Serve a recorded or generated market on this machine."),
    "demo": ("evertape.cli.demo", "See it work, offline, on a generated market."),
    "doctor": ("evertape.cli.doctor", "Check set-up, home, database and the rate gate."),
}


INTERRUPTED = 130


class Verbs(click.Group):
    """Verbs by name, imported on use."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """In the order of a first day with the tool."""
        return list(VERBS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """The verb, or None for click to report."""
        if name not in VERBS:
            return None
        verb: click.Command = getattr(importlib.import_module(VERBS[name][0]), name)
        return verb

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a verb, without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, doc) for name, (_, doc) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="evertape")
def cli() -> None:
    """Keep your own database of the US stock market current.

    evertape checks first, shows what is stale and what fetching it costs, asks, and then fetches
    only what is missing. Start with: evertape demo
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: every failure ends as one sentence and an exit code."""
    code = run(arguments)
    if code == INTERRUPTED:
        # Python ends by the signal itself where it came while a class was being made: say 130 all the same.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit code (see DESIGN: 0, 1, 2, 3, 4, 130)."""
    try:
        outcome: Any = cli.main(
            args=list(arguments) if arguments is not None else None, standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except EvertapeError as error:
        click.echo(f"evertape: {error}", err=True)
        return error.exit_code
    return outcome if isinstance(outcome, int) else 0
