"""The sandbox's exchange: on which days it trades, from when until when."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
FIRST_DAY = date(2016, 1, 4)
_LAST_DAY = date(2037, 12, 31)
_OPENS, _CLOSES, _CLOSES_EARLY = time(9, 30), time(16, 0), time(13, 0)
_MOURNING = (date(2018, 12, 5), date(2025, 1, 9))  # days of mourning for two presidents


def _easter(year: int) -> date:
    """Easter Sunday, by Gauss's rule in its anonymous Gregorian form."""
    century, rest = divmod(year, 100)
    moon = (19 * (year % 19) + century - century // 4 - (8 * century + 13) // 25 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = (year % 19 + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * shift + 114, 31)
    return date(year, month, day + 1)


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _observed(day: date) -> date:
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


@cache
def holidays(year: int) -> frozenset[date]:
    """The weekdays of a year on which the exchange stays closed."""
    last_of_may = date(year, 5, 31)
    days = {
        _nth(year, 1, 0, 3),
        _nth(year, 2, 0, 3),
        _easter(year) - timedelta(days=2),
        last_of_may - timedelta(days=last_of_may.weekday()),
        _observed(date(year, 7, 4)),
        _nth(year, 9, 0, 1),
        _nth(year, 11, 3, 4),
        _observed(date(year, 12, 25)),
        *(day for day in _MOURNING if day.year == year),
    }
    # A New Year's Day on a Saturday would be observed in the old year, and is not observed at all.
    if date(year, 1, 1).weekday() != 5:
        days.add(_observed(date(year, 1, 1)))
    if year >= 2022:
        days.add(_observed(date(year, 6, 19)))
    return frozenset(days)


def is_session(day: date) -> bool:
    """True on days with trading."""
    return day.weekday() < 5 and day not in holidays(day.year)


def closes_early(day: date) -> bool:
    """True on sessions that end at 13:00: before Independence Day and Christmas, after Thanksgiving."""
    if (day.month, day.day) in ((7, 3), (12, 24)) or day == _nth(day.year, 11, 3, 4) + timedelta(days=1):
        return is_session(day)
    return False


@cache
def sessions() -> tuple[date, ...]:
    """Every session that the sandbox knows, from 2016 on."""
    span = (_LAST_DAY - FIRST_DAY).days + 1
    return tuple(day for n in range(span) if is_session(day := FIRST_DAY + timedelta(days=n)))


def number_of(day: date) -> int:
    """The number, from 0, of the last session on or before `day`; -1 before the first."""
    return bisect_right(sessions(), day) - 1


def number_from(day: date) -> int:
    """The number of the first session on or after `day`."""
    return bisect_left(sessions(), day)


def next_session(day: date) -> date:
    """The first session on or after `day`."""
    while not is_session(day):
        day += timedelta(days=1)
    return day


def epoch(day: date, at: time) -> int:
    """Seconds since 1970 of a New York wall time."""
    return int(datetime.combine(day, at, NEW_YORK).timestamp())


def midnight_utc(day: date) -> int:
    """Seconds since 1970 of midnight UTC, the way Yahoo names an expiration."""
    return int(datetime.combine(day, time(), UTC).timestamp())


@cache
def opens_at(day: date) -> int:
    """Seconds since 1970 at 9:30 in New York."""
    return epoch(day, _OPENS)


@cache
def closes_at(day: date) -> int:
    """Seconds since 1970 of a session's end."""
    return epoch(day, _CLOSES_EARLY if closes_early(day) else _CLOSES)


@cache
def midnight(day: date) -> int:
    """Seconds since 1970 of midnight in New York, which starts the window of a daily bar."""
    return epoch(day, time())


def utc_offset(day: date) -> int:
    """Seconds that New York is ahead of UTC at noon of a day: negative."""
    offset = datetime.combine(day, time(12), NEW_YORK).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
