"""One home as an object: the only place where the floors are put together."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evertape.database.facade import Database, open_database
    from evertape.database.survey import Selection

__all__ = ["Database", "Selection", "open_database"]

_PLACES = {"Database": "facade", "Selection": "survey", "open_database": "facade"}


def __getattr__(name: str) -> Any:
    # Imported when asked for: a worker process, which is of this package too, needs none of it.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
