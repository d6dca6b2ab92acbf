"""The sessions of the New York exchanges: which days they trade on, and when they open and close.

Up to the end of 2027 the days are those of the table `sessions.json` beside this file, from 1990-01-01 on,
ad-hoc closures included (2001-09-11 to 14, 2012-10-29 and 30, days of mourning such as 2018-12-05 and
2025-01-09). From there to the end of 2050 they follow from the exchange's rule, see `by_rule`, which no
storm and no mourning is in. Days are New York dates, instants aware UTC. All functions are pure.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from evertape.clock import NEW_YORK, new_york_date

FIRST = date(1990, 1, 1)
"""Nothing is known of the days before."""
LAST = date(2050, 12, 31)
OPENS = time(9, 30)
CLOSES = time(16)
EARLY = time(13)
MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6


class _Calendar(NamedTuple):
    """Ordinals of all sessions in order, and the closing times of those that close early."""

    ordinals: tuple[int, ...]
    early: dict[int, time]


@cache
def _calendar() -> _Calendar:
    # Read when first asked for, and json with it: most commands never ask.
    import json

    table = json.loads(Path(__file__).with_name("sessions.json").read_text("utf-8"))
    closed = {date.fromisoformat(day).toordinal() for day in table["closed"]}
    early = {
        date.fromisoformat(day).toordinal(): time.fromisoformat(at)
        for at, days in table["early"].items()
        for day in days
    }
    for year in range(date.fromisoformat(table["last"]).year + 1, LAST.year + 1):
        holidays, short = by_rule(year)
        closed.update(day.toordinal() for day in holidays)
        early.update((day.toordinal(), EARLY) for day in short)
    # Ordinal 1 is a Monday.
    every = range(FIRST.toordinal(), LAST.toordinal() + 1)
    return _Calendar(tuple(n for n in every if (n - 1) % 7 < SATURDAY and n not in closed), early)


def by_rule(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Weekdays of a year without a session, and those with an early close, as the exchange's rule has them.

    Source: NYSE rule 7.2. A holiday on a Sunday is kept on the Monday after; one on a Saturday on the
    Friday before, unless a month or a year is settled on that Friday, so that a New Year's Day on a Saturday
    is not kept at all. Martin Luther King Day counts from 1998, Juneteenth from 2022. The early closes
    are no rule but what has been announced for every year since 2013: the day before Independence Day and
    before Christmas, where they are no Friday, and the day after Thanksgiving.
    """
    thanksgiving = _nth(year, 11, THURSDAY, 4)
    fourth, christmas = date(year, 7, 4), date(year, 12, 25)
    kept = {
        _nth(year, 2, MONDAY, 3),
        _easter(year) - timedelta(days=2),
        _nth(year, 6, MONDAY, 1) - timedelta(days=7),  # The last Monday of May.
        _kept(fourth),
        _nth(year, 9, MONDAY, 1),
        thanksgiving,
        _kept(christmas),
    }
    new_year = date(year, 1, 1)
    if new_year.weekday() != SATURDAY:
        kept.add(_kept(new_year))
    if year >= 1998:
        kept.add(_nth(year, 1, MONDAY, 3))
    if year >= 2022:
        kept.add(_kept(date(year, 6, 19)))
    eves = (fourth - timedelta(days=1), christmas - timedelta(days=1))
    early = {thanksgiving + timedelta(days=1), *(eve for eve in eves if eve.weekday() < FRIDAY)}
    return frozenset(kept), frozenset(early)


def _kept(day: date) -> date:
    """The weekday on which a holiday is kept."""
    return day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _easter(year: int) -> date:
    """Easter Sunday. Source: Meeus, Astronomical Algorithms, chapter 8, for the Gregorian calendar."""
    century, rest = divmod(year, 100)
    leap, skipped = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * (year % 19) + century - leap - correction + 15) % 30
    quad, odd = divmod(rest, 4)
    weekday = (32 + 2 * skipped + 2 * quad - epact - odd) % 7
    late = (year % 19 + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def is_session(day: date) -> bool:
    """Whether the exchanges trade on `day`; False for days before `FIRST` and after `LAST`."""
    ordinals = _calendar().ordinals
    place = bisect_left(ordinals, day.toordinal())
    return place < len(ordinals) and ordinals[place] == day.toordinal()


def on_or_after(day: date) -> date:
    """`day` where it is a session, else the next one. Raises ValueError beyond the calendar's end."""
    return _at(bisect_left(_calendar().ordinals, day.toordinal()), day)


def on_or_before(day: date) -> date:
    """`day` where it is a session, else the one before. Raises ValueError before the calendar's start."""
    return _at(bisect_right(_calendar().ordinals, day.toordinal()) - 1, day)


def before(day: date) -> date:
    """The last session earlier than `day`. Raises ValueError before the calendar's start."""
    return _at(bisect_left(_calendar().ordinals, day.toordinal()) - 1, day)


def after(day: date) -> date:
    """The first session later than `day`. Raises ValueError beyond the calendar's end."""
    return _at(bisect_right(_calendar().ordinals, day.toordinal()), day)


def _at(place: int, day: date) -> date:
    ordinals = _calendar().ordinals
    if not 0 <= place < len(ordinals):
        raise ValueError(f"the sessions beside {day} are not known; the calendar has {FIRST} to {LAST}")
    return date.fromordinal(ordinals[place])


def between(start: date, end: date) -> list[date]:
    """The sessions from `start` to `end`, both included; none where `end` comes first."""
    ordinals = _calendar().ordinals
    low, high = bisect_left(ordinals, start.toordinal()), bisect_right(ordinals, end.toordinal())
    return [date.fromordinal(ordinal) for ordinal in ordinals[low:high]]


def count(start: date, end: date) -> int:
    """How many sessions there are from `start` to `end`, both included; 0 where `end` comes first."""
    ordinals = _calendar().ordinals
    return max(0, bisect_right(ordinals, end.toordinal()) - bisect_left(ordinals, start.toordinal()))


def opened_at(day: date) -> datetime:
    """When the session of `day` opens. Raises ValueError for a day without one."""
    return _instant(day, OPENS)


def closed_at(day: date) -> datetime:
    """When the session of `day` closes: 16:00 in New York, 13:00 (14:00 up to 1992) on early closes.

    Raises ValueError for a day without a session.
    """
    return _instant(day, _calendar().early.get(day.toordinal(), CLOSES))


def _instant(day: date, at: time) -> datetime:
    if not is_session(day):
        raise ValueError(f"there is no session on {day}")
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)


def last_closed(now: datetime) -> date:
    """The last session whose close lies at or before `now`. Raises ValueError for a naive instant."""
    day = on_or_before(new_york_date(now))
    return day if closed_at(day) <= now else before(day)


def is_open(now: datetime) -> bool:
    """Whether a session is on, from its opening to just before its close. Raises ValueError if naive."""
    day = new_york_date(now)
    return is_session(day) and opened_at(day) <= now < closed_at(day)
