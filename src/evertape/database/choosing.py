"""What a caller of the facade asks for, checked where it enters: a sound value, or what to type. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from numbers import Real
from typing import Any, overload

from evertape import written
from evertape.engine.planner import CHOICES
from evertape.engine.selection import DEFAULT_SINCE, SCOPES
from evertape.errors import UserError

_KINDS = ("call", "put")
_CHOSEN = ("symbols", "scope", "since", "until", "route", "target_dte", "max_age")


@overload
def day_of(value: date | str, name: str = "") -> date: ...
@overload
def day_of(value: object, name: str = "") -> date | None: ...
def day_of(value: object, name: str = "") -> date | None:
    """A New York date given as one, as an instant or as 2024-06-29; None for None. Raises UserError."""
    if isinstance(value, datetime):
        return value.date()
    if value is None or isinstance(value, date):
        return value
    try:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is no date")
        return written.day(value)
    except ValueError as error:
        raise UserError(f"{f'{name}: ' if name else ''}{error}; write it as 2024-06-29") from None


def days_of(start: object, end: object, names: tuple[str, str]) -> tuple[date | None, date | None]:
    """Two days, the first not after the last. Raises UserError."""
    first, last = day_of(start, names[0]), day_of(end, names[1])
    if first is not None and last is not None and first > last:
        raise UserError(f"{names[0]} {first} comes after {names[1]} {last}; give the earlier day first")
    return first, last


def range_of(value: object, name: str, example: str) -> tuple[float, float] | None:
    """The lower and the upper bound of a size; None for None. Raises UserError."""
    if value is None:
        return None
    bounds = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else ()
    if len(bounds) != 2 or not all(isinstance(bound, Real) for bound in bounds):
        raise UserError(f"{name} is {value!r}; give two numbers, such as {example}")
    low, high = bounds
    # Written this way round a nan is refused too.
    if not 0 <= low <= high < float("inf"):
        raise UserError(f"{name} is {value!r}; give a range from zero up, the lower number first: {example}")
    return low, high


def kind_of(value: object) -> str | None:
    """ "call" or "put"; None for both. Raises UserError."""
    if value is not None and value not in _KINDS:
        raise UserError(f"kind is {value!r}; choose one of {', '.join(_KINDS)}")
    return None if value is None else str(value)


def symbols_of(value: object) -> tuple[str, ...]:
    """One ticker or CIK, or several. Raises UserError for none, and for what is no text."""
    named = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else ()
    if not named or not all(isinstance(symbol, str) and symbol.strip() for symbol in named):
        raise UserError(f"symbols is {value!r}; name at least one ticker or CIK, such as AAPL")
    return named


def chosen_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Selection` as `refresh` is told them. Raises UserError."""
    for name in said:
        if name not in _CHOSEN:
            raise UserError(f"refresh knows no {name}; choose of {', '.join(_CHOSEN)}")
    found = dict(said)
    if found.get("symbols"):
        found["symbols"] = symbols_of(found["symbols"])
        if found.get("scope") is not None:
            raise UserError("symbols and scope exclude each other; give one")
    for name, choices in (("scope", SCOPES), ("route", CHOICES)):
        if found.get(name) is not None and found[name] not in choices:
            raise UserError(f"{name} is {found[name]!r}; choose one of {', '.join(choices)}")
    first, last = days_of(said.get("since"), said.get("until"), ("since", "until"))
    found |= {name: day for name, day in (("since", first), ("until", last)) if day is not None}
    if "target_dte" in said and said["target_dte"] is not None:
        found["target_dte"] = number_of(said["target_dte"], "target_dte", 0, 3650)
    age = said.get("max_age", timedelta())
    if not isinstance(age, timedelta) or age < timedelta():
        raise UserError(f"max_age is {age!r}; give a timedelta, such as timedelta(hours=24)")
    return found


def number_of(value: object, name: str, low: int, high: int) -> int:
    """A whole number within bounds. Raises UserError."""
    if not isinstance(value, int) or not low <= value <= high:
        raise UserError(f"{name} is {value!r}; give a whole number from {low} to {high}")
    return value


def refuse_backwards(since: date, until: date | None, today: date) -> None:
    """Raises UserError where no session and no filing can lie in what is asked for: all would be called
    current, whatever is held.

    Args:
        today: the New York date.
    """
    days_of(since, until, ("since", "until"))
    # A day that may be pretended can lie before the one from which nobody asked.
    if since > today and since != DEFAULT_SINCE:
        raise UserError(f"since {since} lies after today, {today}; give an earlier day")
