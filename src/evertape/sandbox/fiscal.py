"""Fiscal calendars: quarters and years of calendar-month and of 52/53-week filers."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

_SATURDAY = 5
_LAST_YEAR = 2036


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """How a company ends its fiscal years.

    `weeks` is None (last day of `month`), "last" (last Saturday of it) or "nearest" (the Saturday nearest
    its end, so that a December year may end in the first days of January). From the year after
    `changed_in` on, years end in `changed_to`, with a transition period between.
    """

    month: int
    first_year: int
    weeks: str | None = None
    changed_in: int | None = None
    changed_to: int | None = None


@dataclass(frozen=True, slots=True)
class Quarter:
    """A fiscal quarter; dates are inclusive. `position` is 0 to 3 within its fiscal year."""

    start: date
    end: date
    position: int
    year: int


@dataclass(frozen=True, slots=True)
class Year:
    """A fiscal year as the indexes of its first and last quarter; `label` is the year of its end."""

    label: int
    first: int
    last: int
    transition: bool


def _end_of(month: int, year: int, weeks: str | None) -> date:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    last = date(year, month, monthrange(year, month)[1])
    if weeks is None:
        return last
    back = (last.weekday() - _SATURDAY) % 7
    if weeks == "nearest" and back > 3:
        return last + timedelta(days=7 - back)
    return last - timedelta(days=back)


def _quarter_ends(calendar: Calendar, month: int, label: int, start: date) -> list[date]:
    last = _end_of(month, label, calendar.weeks)
    if calendar.weeks is None:
        return [_end_of(month - back, label, None) for back in (9, 6, 3)] + [last]
    return [start + timedelta(days=91 * n - 1) for n in (1, 2, 3)] + [last]


def periods(calendar: Calendar) -> tuple[list[Quarter], list[Year]]:
    """All quarters and years of a company, from its first year to a far future."""
    quarters: list[Quarter] = []
    years: list[Year] = []
    month = calendar.month
    start = _end_of(month, calendar.first_year - 1, calendar.weeks) + timedelta(days=1)
    label = calendar.first_year
    while label <= _LAST_YEAR:
        ends = _quarter_ends(calendar, month, label, start)
        years.append(Year(label, len(quarters), len(quarters) + 3, False))
        for position, end in enumerate(ends):
            quarters.append(Quarter(start, end, position, len(years) - 1))
            start = end + timedelta(days=1)
        # The quarters between the old year end and the new one are a year of their own kind.
        if label == calendar.changed_in and calendar.changed_to is not None:
            month = calendar.changed_to
            between = (month - calendar.month) % 12 // 3
            label += 1 if month < calendar.month else 0
            years.append(Year(label, len(quarters), len(quarters) + between - 1, True))
            for position in range(between):
                end = _end_of(month - 3 * (between - 1 - position), label, None)
                quarters.append(Quarter(start, end, position, len(years) - 1))
                start = end + timedelta(days=1)
        label += 1
    return quarters, years
