"""A refresh of everything that signals itself at the Nth COMMIT: `driver.py SIGNAL N`.

The database's statement trace is called when COMMIT begins, so the process is hit with a transaction
that is written and not yet committed.
"""

from __future__ import annotations

import os
import signal
import sys

from evertape.cli.session import run
from evertape.database import Database, Selection
from evertape.settings import load
from evertape.stores.sqlite import SqliteStore


def main() -> int:
    number, countdown = signal.Signals[sys.argv[1]], int(sys.argv[2])

    def trace(statement: str) -> None:
        nonlocal countdown
        if statement.strip().upper().startswith("COMMIT"):
            countdown -= 1
            if countdown == 0:
                os.kill(os.getpid(), number)

    settings = load()
    with Database(settings, store=SqliteStore(settings.database, trace=trace)) as db:
        checked = run(db, db.check("financials", Selection(scope="all")))
        return run(db, db.apply(checked.plan)).exit_code


if __name__ == "__main__":
    sys.exit(main())
