"""Days as a person gives them."""

from __future__ import annotations

from datetime import date, datetime
from typing import overload

from evertape.errors import UserError


@overload
def day_of(said: date | str) -> date: ...
@overload
def day_of(said: date | str | None) -> date | None: ...
def day_of(said: date | str | None) -> date | None:
    """The day that is meant; None for None.

    Raises:
        UserError: it is neither a date nor a text such as 2024-06-29.
    """
    if said is None or isinstance(said, date):
        return said.date() if isinstance(said, datetime) else said
    try:
        return date.fromisoformat(said)
    except (TypeError, ValueError):
        raise UserError(f"{said!r} is no date; write it as 2024-06-29") from None
