"""Which indexes a check reads: a handful, and each published day once."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evertape.clock import end_of_day
from evertape.datasets import filings
from evertape.model.dataset import Asked, Evidence
from evertape.model.unit import Holding, Outcome, Span, Unit

ASKED = Asked(companies={}, scope="symbols", since=date(2016, 1, 1))


def held(key: str, span: Span | None, at: datetime) -> Holding:
    return Holding(unit=Unit("filings", key, span), outcome=Outcome.SETTLED, checked_at=at, source="sec")


def due(holdings: list[Holding], listed: list[tuple[date, datetime]], now: datetime) -> list[str]:
    evidence = Evidence(
        rows={"edgar_index_days": listed}, holdings={"filings": {h.unit.key: h for h in holdings}}
    )
    return [s.key for s in filings.due(evidence, ASKED, now)]


def published(day: date) -> datetime:
    """EDGAR writes a day's index at about ten in the evening."""
    return end_of_day(day) - timedelta(hours=2)


NOW = end_of_day(date(2026, 7, 10))


def test_a_fresh_home_asks_for_the_listing_then_for_the_running_quarter() -> None:
    assert due([], [], NOW) == ["listing/2026/QTR3"]
    listing = held("listing/2026/QTR3", None, NOW)
    days = [(date(2026, 7, 9), published(date(2026, 7, 9)))]
    assert due([listing], days, NOW) == ["quarter/2026/QTR3"]


def test_in_the_first_days_of_a_quarter_a_fresh_home_reads_the_one_before() -> None:
    assert due([], [], end_of_day(date(2026, 7, 1))) == ["quarter/2026/QTR2", "listing/2026/QTR3"]


def test_after_five_years_there_is_one_quarter_file_a_quarter() -> None:
    then = end_of_day(date(2021, 6, 30))
    quarter = held("quarter/2021/QTR2", Span(date(2021, 4, 1), date(2021, 6, 30)), then)
    keys = due([quarter], [], NOW)
    assert len(keys) == 21
    assert keys[0] == "quarter/2021/QTR3"
    assert keys[-1] == "listing/2026/QTR3"


def test_the_next_day_asks_for_that_day_only() -> None:
    eve = end_of_day(date(2026, 7, 9))
    quarter = held("quarter/2026/QTR3", Span(date(2026, 7, 1), date(2026, 7, 9)), eve)
    before = held("quarter/2026/QTR2", Span(date(2026, 4, 1), date(2026, 6, 30)), eve)
    listing = held("listing/2026/QTR3", None, NOW)
    other = held("listing/2026/QTR2", None, NOW)
    days = [(d, published(d)) for d in (date(2026, 7, 8), date(2026, 7, 9), date(2026, 7, 10))]
    now = NOW + timedelta(minutes=1)
    assert due([quarter, before, listing, other], days, now) == ["day/2026-07-10"]


def test_a_day_published_again_is_read_again() -> None:
    quarter = held("quarter/2026/QTR3", Span(date(2026, 7, 1), date(2026, 7, 10)), NOW)
    sunday = datetime(2026, 7, 12, 15, 11, tzinfo=UTC)
    now = datetime(2026, 7, 12, 16, 0, tzinfo=UTC)
    days = [(date(2026, 7, 9), published(date(2026, 7, 9))), (date(2026, 7, 10), sunday)]
    keys = due([quarter, held("listing/2026/QTR3", None, now)], days, now)
    assert keys == ["day/2026-07-10"]


def test_a_quarter_read_day_by_day_to_its_end_is_done() -> None:
    days = [date(2026, 6, 29), date(2026, 6, 30)]
    read = [held(f"day/{d.isoformat()}", Span(d, d), end_of_day(d)) for d in days]
    first = held(
        "quarter/2026/QTR2", Span(date(2026, 4, 1), date(2026, 6, 26)), end_of_day(date(2026, 6, 28))
    )
    listing = held("listing/2026/QTR2", None, end_of_day(date(2026, 7, 2)))
    third = held(
        "quarter/2026/QTR3", Span(date(2026, 7, 1), date(2026, 7, 17)), end_of_day(date(2026, 7, 17))
    )
    now = end_of_day(date(2026, 7, 17))
    keys = due([*read, first, listing, third], [(d, published(d)) for d in days], now)
    assert keys == ["listing/2026/QTR3"]


@given(st.dates(date(1994, 1, 1), date(2100, 12, 31)))
def test_a_day_lies_in_its_quarter(day: date) -> None:
    span = filings.quarter_span(filings.quarter_of(day))
    assert span.start <= day <= span.end
    assert span.start.day == 1
    assert (span.end + timedelta(days=1)).day == 1


@given(st.dates(date(2009, 1, 1), date(2030, 1, 1)), st.integers(0, 4000))
def test_quarters_follow_each_other_without_a_gap(start: date, days: int) -> None:
    names = list(filings.quarters(start, start + timedelta(days=days)))
    spans = [filings.quarter_span(name) for name in names]
    assert all(b.start - a.end == timedelta(days=1) for a, b in itertools.pairwise(spans))
    assert spans[0].start <= start <= spans[0].end
