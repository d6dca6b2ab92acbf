"""One home as an object: the only place where the floors are put together."""

from __future__ import annotations

from evertape.database.facade import Database, open_database
from evertape.database.survey import Selection

__all__ = ["Database", "Selection", "open_database"]
