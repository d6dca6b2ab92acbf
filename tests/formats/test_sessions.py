"""The sessions of the New York exchanges: the table against the library, the rule against the table."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.clock import NEW_YORK
from evertape.formats import sessions
from tests.formats import make_sessions

DAYS = st.dates(date(1990, 1, 3), date(2050, 12, 29))
UNPLANNED = {
    date(1994, 4, 27),
    *(date(2001, 9, day) for day in (11, 12, 13, 14)),
    date(2004, 6, 11),
    date(2007, 1, 2),
    date(2012, 10, 29),
    date(2012, 10, 30),
    date(2018, 12, 5),
    date(2025, 1, 9),
}


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@pytest.mark.filterwarnings("ignore")
def test_every_day_is_as_the_library_has_it() -> None:
    """All days to 2030, those by rule included, with the minutes of opening and close."""
    first, last = sessions.FIRST, date(2030, 12, 31)
    told = make_sessions.told(first, last)
    assert sessions.between(first, last) == list(told)
    assert [(sessions.opened_at(day), sessions.closed_at(day)) for day in told] == list(told.values())
    written = make_sessions.written(make_sessions.table(make_sessions.FIRST, make_sessions.LAST))
    assert make_sessions.TABLE.read_text("utf-8") == written


def test_the_rule_gives_the_tables_closures_but_for_those_nobody_could_plan() -> None:
    table = json.loads(make_sessions.TABLE.read_text("utf-8"))
    closed = {date.fromisoformat(day) for day in table["closed"]}
    last = date.fromisoformat(table["last"])
    ruled = {day for year in range(1990, last.year + 1) for day in sessions.by_rule(year)[0]}
    assert closed - ruled == UNPLANNED
    assert ruled <= closed
    early = {date.fromisoformat(day) for day in table["early"]["13:00"] if day >= "2013"}
    assert early == {day for year in range(2013, last.year + 1) for day in sessions.by_rule(year)[1]}


@pytest.mark.parametrize("day", sorted(UNPLANNED))
def test_an_unplanned_closure_is_no_session(day: date) -> None:
    assert not sessions.is_session(day)


@pytest.mark.parametrize(
    ("day", "closes"),
    [
        (date(2025, 7, 3), datetime(2025, 7, 3, 17, tzinfo=UTC)),
        (date(2025, 11, 28), datetime(2025, 11, 28, 18, tzinfo=UTC)),
        (date(2025, 12, 24), datetime(2025, 12, 24, 18, tzinfo=UTC)),
        (date(2026, 3, 6), datetime(2026, 3, 6, 21, tzinfo=UTC)),
        (date(2026, 3, 9), datetime(2026, 3, 9, 20, tzinfo=UTC)),
    ],
)
def test_a_session_closes_in_new_yorks_time(day: date, closes: datetime) -> None:
    assert sessions.closed_at(day) == closes
    assert sessions.last_closed(closes) == day
    assert sessions.last_closed(closes - timedelta(seconds=1)) == sessions.before(day)
    assert sessions.is_open(closes - timedelta(seconds=1))
    assert not sessions.is_open(closes)


def test_new_years_day_on_a_saturday_is_not_kept() -> None:
    assert sessions.is_session(date(2027, 12, 31))
    assert sessions.is_session(date(2021, 12, 31))
    assert sessions.after(date(2027, 12, 31)) == date(2028, 1, 3)


def test_beyond_the_calendar_nothing_is_made_up() -> None:
    assert sessions.on_or_after(date(1970, 1, 1)) == date(1990, 1, 2)
    assert not sessions.is_session(date(1989, 12, 29))
    for ask, day in ((sessions.before, date(1990, 1, 2)), (sessions.after, date(2050, 12, 30))):
        with pytest.raises(ValueError, match="the calendar has 1990-01-01 to 2050-12-31"):
            ask(day)
    with pytest.raises(ValueError, match="no session on 2026-07-04"):
        sessions.closed_at(date(2026, 7, 4))
    with pytest.raises(ValueError, match="no time zone"):
        sessions.last_closed(datetime(2026, 7, 10))  # noqa: DTZ001


@given(DAYS, st.integers(0, 400))
def test_counting_is_walking(start: date, length: int) -> None:
    end = min(start + timedelta(days=length), sessions.LAST)
    walked = [day for day in days(start, end) if sessions.is_session(day)]
    assert sessions.between(start, end) == walked
    assert sessions.count(start, end) == len(walked)
    assert sessions.count(end, start) == (len(walked) if start == end else 0)


@given(DAYS)
def test_neighbours_lie_on_either_side(day: date) -> None:
    before, after = sessions.before(day), sessions.after(day)
    assert before < day < after
    inside = sessions.between(before, after)
    assert inside == ([before, day, after] if sessions.is_session(day) else [before, after])
    assert sessions.on_or_before(day) == inside[-2]
    assert sessions.on_or_after(day) == inside[1]


@given(st.datetimes(datetime(1990, 1, 4), datetime(2050, 12, 28), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_last_closed_session_is_followed_by_one_that_is_not_over(now: datetime) -> None:
    last = sessions.last_closed(now)
    following = sessions.after(last)
    assert sessions.closed_at(last) <= now < sessions.closed_at(following)
    assert sessions.is_open(now) == (sessions.opened_at(following) <= now)
    assert sessions.opened_at(last).astimezone(NEW_YORK).time() == time(9, 30)
