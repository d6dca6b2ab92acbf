"""doctor: is everything in place for a refresh?"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.text import Text

from evertape import __version__
from evertape.cli import show
from evertape.cli.options import common, print_json
from evertape.errors import EvertapeError

if TYPE_CHECKING:
    from evertape.settings import Settings

LITTLE_SPACE = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at; `advice` says what to do where it is not right."""

    what: str
    ok: bool
    seen: str
    advice: str = ""


@click.command()
@common
def doctor(as_json: bool, log_level: str) -> int:
    """Look at settings, identity, home, database, archive and rate gate. Makes no request."""
    from evertape.settings import load

    found = list(_findings(load()))
    if as_json:
        print_json(found)
    else:
        console = show.answer()
        for finding in found:
            mark = ("ok  ", "green") if finding.ok else ("mend", "red")
            console.print(Text.assemble(mark, f" {finding.what}: {finding.seen}"))
            if finding.advice:
                console.print(f"       {finding.advice}", markup=False)
    return 0 if all(finding.ok for finding in found) else 2


def _findings(settings: Settings) -> Iterator[Finding]:
    yield Finding(
        what="evertape",
        ok=True,
        seen=f"{__version__}, Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}",
    )
    given = settings.current_credentials()
    identity = given.get("EDGAR_IDENTITY") or given.get("SEC_USER_AGENT", "")
    yield Finding(
        what="identity",
        ok="@" in identity,
        seen="declared" if "@" in identity else "none, or without an e-mail address",
        advice="" if "@" in identity else 'export EDGAR_IDENTITY="Your Name you@example.org"',
    )
    yield _home(settings)
    yield _database(settings)
    yield Finding(
        what="rate gate",
        ok=True,
        seen=f"{settings.state / 'gate.db'}, shared by all processes of this user",
    )
    where = f"sandbox {settings.sandbox}" if settings.sandbox else "the real sources"
    yield Finding(what="sources", ok=True, seen=where)


def _home(settings: Settings) -> Finding:
    existing = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    free = shutil.disk_usage(existing).free
    advice = ""
    if not writable:
        advice = "give the folder to yourself, or choose another EVERTAPE_HOME"
    elif free < LITTLE_SPACE:
        advice = "free some space: 500 companies need about 0.5 GB"
    return Finding(
        what="home",
        ok=not advice,
        seen=f"{settings.home}, {free / 1e9:.1f} GB free" + ("" if writable else ", cannot be written"),
        advice=advice,
    )


def _database(settings: Settings) -> Finding:
    if not settings.database.exists():
        return Finding(what="database", ok=True, seen="none yet; the first refresh makes it")
    from evertape.database import Database

    try:
        with Database(settings, read_only=True) as db:
            complaints = list(db.store.check())
    except EvertapeError as error:
        return Finding(what="database", ok=False, seen=str(settings.database), advice=str(error))
    size = settings.database.stat().st_size / 1e6
    return Finding(
        what="database",
        ok=not complaints,
        seen=f"{settings.database}, {size:.1f} MB" + "".join(f"; {c}" for c in complaints),
        advice="restore the newest file of the backups folder, or run: evertape rebuild"
        if complaints
        else "",
    )
