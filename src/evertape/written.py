"""Numbers and days as people write them: one place that says what is one. Pure.

Python's own readers take more than anybody means: `nan`, digits of other scripts, `1_000`, weeks; and
`str.isdigit` is true of "²", which is no number at all.
"""

from __future__ import annotations

import math
import re
from datetime import date

FIRST, LAST = date(1900, 1, 1), date(2100, 12, 31)
"""Days beyond are slips of the hand, and those at the ends of Python's calendar cannot be counted from."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def whole(text: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`, in ASCII digits. Raises ValueError for anything else."""
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no whole number")
    return int(_within(int(text), low, high))


def decimal(text: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from `low` to `high`, in ASCII digits. Raises ValueError for anything else."""
    if not _DECIMAL.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no number")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is too large")
    return _within(number, low, high)


def day(text: str, first: date = FIRST, last: date = LAST) -> date:
    """A day from `first` to `last`, as 2024-06-29. Raises ValueError for anything else."""
    if not _DAY.fullmatch(text):
        raise ValueError(f"{text!r} is no date")
    found = date.fromisoformat(text)
    if not first <= found <= last:
        raise ValueError(f"{text} is not from {first} to {last}")
    return found


def _within(number: float, low: float, high: float) -> float:
    if not low <= number <= high:
        raise ValueError(f"{number:g} is not from {low:g} to {high:g}")
    return number
