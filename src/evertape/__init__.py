"""evertape keeps your own database of the US stock market current.

import evertape

db = evertape.open()
db.refresh("financials", symbols=("AAPL",))
db.statements("AAPL", statement="income", period="quarter")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evertape.database import Database

__version__ = "0.1.0"


def open(home: str | Path | None = None, *, read_only: bool = False) -> Database:  # noqa: A001
    """Open a home: `home`, or EVERTAPE_HOME, or the platform's data folder.

    Raises:
        evertape.errors.UserError: a setting is wrong.
        evertape.errors.StoreError: the database cannot be used.
    """
    from evertape.database import open_database

    return open_database(home, read_only=read_only)


__all__ = ["__version__", "open"]
