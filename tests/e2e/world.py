"""Running the command line as a person does, against a sandbox, in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e import forks

# Without bytecode every process that is started compiles the whole program first.
_FOREIGN = ("EVERTAPE", "EDGAR", "SEC_", "PYTHONDONTWRITEBYTECODE")
IDENTITY = "Ada Lovelace ada@example.org"


@dataclass
class World:
    """A home, a sandbox address, and the environment that ties them."""

    home: Path
    url: str = ""
    now: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the caller's set-up leaks in."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        ours = {
            "EVERTAPE_HOME": str(self.home),
            "EVERTAPE_STATE": str(self.home.parent / "state"),
            "EVERTAPE_SANDBOX_URL": self.url,
            "EVERTAPE_NOW": self.now,
            "EDGAR_IDENTITY": IDENTITY,
            "EDGAR_RATE_LIMIT_PER_SEC": "500",
            "EVERTAPE_RETRY_BASE": "0.05",
            "COLUMNS": "160",
        }
        return {**kept, **{k: v for k, v in ours.items() if v}, **self.extra}

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        """The command line as a child process, begun as a person begins it."""
        return subprocess.Popen(
            [sys.executable, "-m", "evertape", *arguments],
            env=self.environment,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def copied(self, folder: Path) -> World:
        """The same home again, in a folder of its own, at the same sandbox, which counts from zero."""
        shutil.copytree(self.home, folder / "home")
        self.reset()
        return World(home=folder / "home", url=self.url, now=self.now, extra=dict(self.extra))

    def begin(self, *arguments: str) -> forks.Spoken:
        """The command line as a child process, forked; it need not import the program first."""
        return forks.Spoken("evertape.__main__", arguments, self.environment)

    def run(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run to the end; nobody sits at the terminal."""
        child = self.begin(*arguments)
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
        return subprocess.CompletedProcess(child.args, child.wait(0), out, err)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """The JSON answer of a verb that ends with `code`."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, done.stderr + done.stdout[-2000:]
        return json.loads(done.stdout)

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Read the database directly, past all of the product's code."""
        connection = sqlite3.connect(self.home / "evertape.db")
        try:
            return connection.execute(query, parameters).fetchall()
        finally:
            connection.close()

    def write(self, statement: str, *parameters: Any) -> None:
        """Change the database directly, as no verb would."""
        connection = sqlite3.connect(self.home / "evertape.db")
        try:
            with connection:
                connection.execute(statement, parameters)
        finally:
            connection.close()

    def stats(self) -> Any:
        """What the sandbox counted."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/stats") as answer:
            return json.load(answer)

    def reset(self) -> None:
        """Let the sandbox count from zero."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_sandbox/reset", method="POST")).close()

    def vendors(self, **settings: object) -> None:
        """Change how the sandbox's vendors behave, by vendor or `all`."""
        body = json.dumps(settings).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_sandbox/vendors", data=body)).close()


LEDGER = {
    "sync_jobs",
    "sync_items",
    "sync_workers",
    "holdings",
    "schema_versions",
    "table_fingerprints",
    "store_state",
}
TIMES = {"fetched_at", "indexed_at", "in_facts_at", "listed_at", "absent_at"}


def tables(home: Path, but: Collection[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every data row of a home, fetch times (and columns `but`) and the ledger aside, in a fixed order."""
    connection = sqlite3.connect(home / "evertape.db")
    try:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
            )
        ]
        kept = {}
        for name in names:
            if name in LEDGER or name.endswith("_coded") or name in ("codes", "counters"):
                continue
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            chosen = [c for c in columns if c not in TIMES and c not in but]
            order = ", ".join(str(n + 1) for n in range(len(chosen)))
            query = f"SELECT {', '.join(chosen)} FROM {name} ORDER BY {order}"
            kept[name] = connection.execute(query).fetchall()
        return kept
    finally:
        connection.close()
