"""providers: the sources' health, limits and circuits; logging in; testing one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from evertape.cli import show
from evertape.cli.options import common, moment, print_json
from evertape.cli.session import interruptible, opened, run

if TYPE_CHECKING:
    from evertape.datasets.limits import RateLimit
    from evertape.model.login import Question


@click.group(invoke_without_command=True)
@common
@click.pass_context
def providers(context: click.Context, as_json: bool, log_level: str) -> None:
    """Each source's circuit, limits used, latency, error rate, last answer and credentials. No request."""
    if context.invoked_subcommand is None:
        with opened() as db:
            found = db.providers()
            keyring = db.settings.keyring
        if as_json:
            print_json([{name: getattr(row, name) for name in _names(row)} for row in found])
        else:
            _print(found)
        if keyring is not None and keyring.trouble:
            click.echo(f"the keyring was not read: {keyring.trouble}; it counts as empty", err=True)


def _names(row: RateLimit) -> Sequence[str]:
    from evertape.model.records import table_of

    return table_of(type(row)).names


def _print(found: Sequence[RateLimit]) -> None:
    from evertape.cli.provider_table import lines

    console = show.answer()
    head, *rest = lines(found, console.width)
    console.print(head, style="bold", markup=False, soft_wrap=True)
    for line in rest:
        console.print(line, markup=False, soft_wrap=True)


@providers.command()
@click.argument("name")
def login(name: str) -> int:
    """Log in to a source, step by step. What it hands out is kept for this user alone."""
    from evertape.database.providers import source_named
    from evertape.database.wiring import log_in
    from evertape.errors import UserError

    with opened() as db:
        source = source_named(db, name)
        if source.login is None:
            raise UserError(f"{name} needs no login")
        if not source.has_credentials(db.settings.current_credentials()):
            raise UserError(f"{name} lacks its credentials; {source.credential_help}")
        work = log_in(db.settings, db.workshop.sources, name, db.clock, _answer)
        session = run(db, work, in_order=False)
    until = session.person_by or session.expires_at
    click.echo(f"logged in to {name}" + (f" until {moment(until)}" if until else ""), err=True)
    return 0


def _answer(question: Question) -> str:
    """What a person types; without a terminal the next line that is piped in. Raises UserError for none."""
    from evertape.errors import UserError

    if sys.stdin is not None and sys.stdin.isatty():
        with interruptible():
            return str(click.prompt(question.prompt, hide_input=question.secret, err=True))
    click.echo(f"{question.prompt}:", err=True)
    with interruptible():
        told = "" if sys.stdin is None else sys.stdin.readline().strip()
    if not told:
        raise UserError("the login asks a person and nothing is typed in; run it in a terminal")
    return told


@providers.command()
@click.argument("name", required=False)
@click.option("--symbol", help="The listing to ask for; the first of those held where nothing is said.")
@common
def test(name: str | None, symbol: str | None, as_json: bool, log_level: str) -> int:
    """Ask a source (or each that can be asked) for one listing's latest prices or options; keep nothing."""
    from evertape.database.providers import source_named, tested

    with opened(log_level=log_level) as db:
        if name is not None:
            source_named(db, name)
        found = run(db, tested(db, name, symbol), in_order=False)
    if as_json:
        print_json(found)
    else:
        heads = ("feed", "answer", "rows", "requests", "seconds")
        body = [(f.feed, f.said, f.rows, f.requests, f"{f.seconds:.2f}") for f in found]
        show.rows(show.answer(), heads, body)
    return 0 if all(f.right for f in found) else 1
