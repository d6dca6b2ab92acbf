"""What is due of daily bars, and what answers make of it: whatever the order, what is missing and no more."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evertape.datasets import prices
from evertape.datasets.prices import Answer, CorporateAction, DailyPrice, Read, mark_of
from evertape.datasets.quality import Finding
from evertape.datasets.universe import ident_of
from evertape.formats import sessions
from evertape.formats.bars import Bar, Dividend, Series, Split
from evertape.model.dataset import Asked, Evidence
from evertape.model.records import Row, table_of
from evertape.model.unit import Freshness, Holding, Outcome, Span, Standing, Unit

KEY = "AAPL:320193"
SINCE = date(2026, 6, 1)
EVENING = timedelta(hours=3)


def evening(day: date) -> datetime:
    """Three hours after the close of a session; seven in the evening on other days."""
    if sessions.is_session(day):
        return sessions.closed_at(day) + EVENING
    return datetime(day.year, day.month, day.day, 23, tzinfo=UTC)


def bar(day: date, close: float = 100.0, volume: float = 1000.0) -> Bar:
    return Bar(day, close, close, close, close, volume)


def named(record: type, row: Row) -> dict[str, Any]:
    return dict(zip(table_of(record).names, row, strict=True))


@dataclass
class World:
    """A listing as sources have it, and what is held of it."""

    lacking: dict[str, set[date]]
    listed: date = date(2000, 1, 3)
    rows: dict[tuple[date, str], Row] = field(default_factory=dict)
    held: Holding | None = None

    def due(self, now: datetime, since: date = SINCE, until: date | None = None) -> Standing:
        asked = Asked(companies={}, scope="symbols", since=since, until=until, listings={KEY: "AAPL"})
        days = {day for day, _ in self.rows}
        evidence = Evidence(
            rows={"daily_prices": [(ident_of(KEY), len(days))] if days else []},
            holdings={"prices": {KEY: self.held}} if self.held else {},
        )
        [standing] = prices.due(evidence, asked, now)
        return standing

    def answer(self, unit: Unit, source: str, now: datetime) -> Read:
        """Ask a source, which also tells the session before, as sources are asked to."""
        assert unit.span is not None
        told = sessions.between(max(self.listed, sessions.before(unit.span.start)), unit.span.end)
        series = Series(symbol="AAPL", bars=tuple(bar(d) for d in told if d not in self.lacking[source]))
        read = prices.settle(Answer(unit=unit, series=series, source=source, at=now), self.held)
        assert read.holding is not None
        self.held = read.holding
        self.rows |= {(row[1], row[2]): row for row in read.bars}
        return read

    def refresh(self, now: datetime, source: str = "a", **asked: Any) -> Standing:
        standing = self.due(now, **asked)
        if standing.unit is not None:
            self.answer(standing.unit, source, now)
        return standing

    @property
    def days(self) -> set[date]:
        return {day for day, _ in self.rows}

    def outcome(self) -> Outcome | None:
        return self.held.outcome if self.held else None

    @property
    def span(self) -> Span:
        assert self.held is not None
        assert self.held.unit.span is not None
        return self.held.unit.span


def world(**lacking: set[date]) -> World:
    return World(lacking={"a": set(), "b": set(), **lacking})


FRIDAY = date(2026, 7, 10)


def test_a_first_load_asks_for_everything_and_the_next_day_for_one_session() -> None:
    it = world()
    first = it.refresh(evening(FRIDAY))
    assert (first.level, first.unit) == (
        Freshness.MISSING,
        Unit("prices", KEY, Span(date(2026, 6, 1), FRIDAY)),
    )
    assert it.days == set(sessions.between(SINCE, FRIDAY))
    for now in (evening(FRIDAY), evening(date(2026, 7, 12)), sessions.closed_at(date(2026, 7, 13)) - EVENING):
        assert (it.due(now).level, it.due(now).unit) == (Freshness.FRESH, None)
    monday = it.refresh(evening(date(2026, 7, 13)))
    assert (monday.level, monday.missing, monday.evidence) == (Freshness.RECENT, 1, ("2026-07-10",))
    assert monday.unit == Unit("prices", KEY, Span(date(2026, 7, 13), date(2026, 7, 13)))


def test_on_a_holiday_nothing_is_due_and_on_the_next_trading_day_one_session() -> None:
    it = world()
    it.refresh(evening(date(2026, 7, 2)))
    for now in (date(2026, 7, 3), date(2026, 7, 4), date(2026, 7, 5)):
        assert it.due(evening(now)).unit is None
    found = it.due(evening(date(2026, 7, 6)))
    assert (found.missing, found.unit) == (1, Unit("prices", KEY, Span(date(2026, 7, 6), date(2026, 7, 6))))


@pytest.mark.parametrize(
    ("sessions_behind", "level"),
    [(0, "fresh"), (1, "recent"), (2, "recent"), (3, "stale"), (4, "stale"), (9, "very stale")],
)
def test_levels_count_sessions(sessions_behind: int, level: str) -> None:
    it = world()
    it.refresh(evening(date(2026, 6, 22)))
    now = evening(sessions.between(date(2026, 6, 22), FRIDAY)[sessions_behind])
    assert it.due(now).level == level


def test_an_earlier_since_and_an_until_ask_for_the_rest_only() -> None:
    it = world()
    it.refresh(evening(FRIDAY), until=date(2026, 6, 30))
    assert it.span == Span(date(2026, 6, 1), date(2026, 6, 30))
    assert it.due(evening(FRIDAY), until=date(2026, 6, 20)).unit is None
    earlier = it.refresh(evening(FRIDAY), since=date(2026, 5, 1), until=date(2026, 6, 30))
    assert earlier.unit == Unit("prices", KEY, Span(date(2026, 5, 1), date(2026, 5, 29)))
    assert (earlier.level, earlier.missing) == (Freshness.STALE, 20)
    later = it.refresh(evening(FRIDAY), since=date(2026, 5, 1))
    assert later.unit == Unit("prices", KEY, Span(date(2026, 7, 1), FRIDAY))
    assert mark_of(it.held).n == len(it.days) == sessions.count(date(2026, 5, 1), FRIDAY)


@pytest.mark.parametrize("until", [date(2026, 5, 31), date(1980, 1, 1)])
def test_a_time_without_sessions_is_never_due(until: date) -> None:
    assert world().due(evening(FRIDAY), until=until).unit is None
    assert world().due(evening(FRIDAY), since=date(2060, 1, 1)).unit is None


def test_lost_rows_are_seen_and_fetched_again() -> None:
    it = world()
    it.refresh(evening(FRIDAY))
    for day in sessions.between(date(2026, 6, 10), date(2026, 6, 12)):
        del it.rows[day, "a"]
    found = it.refresh(evening(FRIDAY))
    assert (found.level, found.missing, found.reason) == (
        Freshness.STALE,
        3,
        "3 bars are missing in what is covered",
    )
    assert it.days == set(sessions.between(SINCE, FRIDAY))
    assert it.due(evening(FRIDAY)).unit is None


def test_a_session_before_the_listing_is_no_hole() -> None:
    it = World(lacking={"a": set()}, listed=date(2026, 6, 15))
    it.refresh(evening(FRIDAY))
    it.refresh(evening(FRIDAY), since=date(2026, 1, 2))
    assert mark_of(it.held).holes == {}
    assert it.due(evening(FRIDAY) + timedelta(days=1), since=date(2026, 1, 2)).unit is None


def test_a_late_source_is_asked_again_the_same_evening_and_the_next_day_then_believed() -> None:
    it = world(a={FRIDAY})
    it.refresh(evening(date(2026, 7, 9)))
    asked = []
    for hours in range(0, 72, 2):
        now = evening(FRIDAY) + timedelta(hours=hours)
        standing = it.refresh(now, until=FRIDAY)
        if standing.unit is not None:
            assert standing.unit.span == Span(FRIDAY, FRIDAY)
            assert (standing.level, standing.missing) == (Freshness.RECENT, 1)
            asked.append(hours)
    assert asked == [0, 4, 24]
    assert len(asked) == prices.HOLES


def test_a_hole_is_filled_by_another_source() -> None:
    hole = date(2026, 7, 7)
    it = world(a={hole})
    it.refresh(evening(FRIDAY))
    assert mark_of(it.held).holes == {"2026-07-07": 1}
    later = evening(FRIDAY) + timedelta(hours=5)
    standing = it.refresh(later, "b")
    assert standing.unit == Unit("prices", KEY, Span(hole, hole))
    assert standing.level is Freshness.FRESH
    assert mark_of(it.held).holes == {}
    assert mark_of(it.held).n == len(it.days) == sessions.count(SINCE, FRIDAY)
    assert it.due(later + timedelta(days=2)).unit is None


def test_a_session_before_the_first_bar_is_a_hole_once_an_earlier_bar_comes() -> None:
    it = world(b={SINCE})
    it.refresh(evening(FRIDAY), "b")
    assert mark_of(it.held).holes == {}
    it.refresh(evening(FRIDAY), since=date(2026, 5, 1))
    assert mark_of(it.held).holes == {"2026-06-01": 1}
    it.refresh(evening(FRIDAY) + timedelta(hours=4), since=date(2026, 5, 1))
    assert mark_of(it.held).n == len(it.days) == sessions.count(date(2026, 5, 1), FRIDAY)


def test_no_prices_is_knowledge_with_a_longer_wait_each_time() -> None:
    it = world(a=set(sessions.between(date(2026, 1, 2), date(2026, 12, 31))))
    it.refresh(evening(FRIDAY))
    assert it.outcome() is Outcome.NOTHING
    assert it.due(evening(FRIDAY) + timedelta(hours=23)).unit is None
    again = evening(FRIDAY) + timedelta(days=1)
    assert it.refresh(again).unit is not None
    assert it.due(again + timedelta(hours=47)).unit is None
    standing = it.refresh(again + timedelta(days=2), "b")
    assert standing.level is Freshness.PENDING
    assert it.outcome() is Outcome.SETTLED


def test_an_answer_that_does_not_adjoin_what_is_covered_settles_nothing() -> None:
    it = world()
    it.refresh(evening(date(2026, 7, 1)))
    day = date(2026, 7, 9)
    answer = Answer(
        unit=Unit("prices", KEY, Span(day, day)),
        series=Series(symbol="AAPL", bars=(bar(day),)),
        source="a",
        at=evening(day),
    )
    read = prices.settle(answer, it.held)
    assert read.holding is None
    assert [row[1] for row in read.bars] == [day]
    assert read.notes == ("AAPL: 2026-07-09 to 2026-07-09 does not adjoin what is covered",)
    with pytest.raises(ValueError, match="asked for without days"):
        prices.settle(
            Answer(unit=Unit("prices", KEY), series=answer.series, source="a", at=evening(day)), None
        )


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["day", "days", "hours", "since", "until", "lose", "nothing"]),
        st.integers(1, 12),
        st.sampled_from(["a", "b"]),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(ORDERS, st.sets(st.integers(0, 90), max_size=40), st.sets(st.integers(0, 90), max_size=10))
def test_whatever_the_order_what_is_missing_is_asked_for_and_an_end_is_found(
    steps: list[tuple[str, int, str]], gaps_a: set[int], gaps_b: set[int]
) -> None:
    every = sessions.between(date(2026, 4, 1), date(2026, 12, 31))
    it = world(a={every[n] for n in gaps_a}, b={every[n] for n in gaps_b})
    now, since, until, lost_once = evening(SINCE + timedelta(days=15)), SINCE, None, False
    for what, amount, source in steps:
        if what in ("day", "days", "hours"):
            now += {
                "day": timedelta(days=1),
                "days": timedelta(days=amount),
                "hours": timedelta(hours=amount),
            }[what]
        elif what == "since":
            since = max(date(2026, 4, 1), since - timedelta(days=amount))
        elif what == "until":
            until = None if until else now.date() - timedelta(days=amount)
        elif what == "lose":
            gone = random.Random(amount).sample(sorted(it.rows), min(amount, len(it.rows)))
            lost_once = lost_once or bool(gone)
            for key in gone:
                del it.rows[key]
        before, held = it.due(now, since, until), it.held
        lost = held is not None and mark_of(held).n > len(it.days)
        it.refresh(now, source, since=since, until=until)
        asks_for_what_is_missing(before, held, now, since, until, lost=lost)
        mark = mark_of(it.held)
        if not lost_once:
            assert mark.n <= len(it.days)
        if not lost_once and len(mark.holes) < 20:
            assert mark.n == len(it.days)
    asks_come_to_an_end(it, now, since, until)


def asks_for_what_is_missing(
    standing: Standing, held: Holding | None, now: datetime, since: date, until: date | None, *, lost: bool
) -> None:
    """Against sets of sessions, where the code reckons with the ends of spans."""
    last = sessions.last_closed(now)
    wanted = set(sessions.between(since, min(last, until) if until else last))
    span = standing.unit.span if standing.unit else None
    asked = set(sessions.between(span.start, span.end)) if span else set()
    if held is None or held.outcome is not Outcome.SETTLED:
        assert asked in (wanted, set())
        return
    assert held.unit.span is not None
    covered = set(sessions.between(held.unit.span.start, held.unit.span.end))
    holes = {date.fromisoformat(name) for name in mark_of(held).holes}
    if not wanted:
        assert asked == set()
    elif lost:
        assert asked >= covered | wanted
    else:
        assert wanted - covered <= asked
        # One span stays in one piece: what lies between its parts comes with it.
        ends = (wanted - covered) | (holes & wanted)
        beyond = {
            day
            for day in sessions.between(min(wanted | covered), max(wanted | covered))
            if day not in covered
        }
        assert not asked or {min(asked), max(asked)} <= ends | beyond


def asks_come_to_an_end(it: World, now: datetime, since: date, until: date | None) -> None:
    until = until or sessions.last_closed(now)
    asked: list[int] = []
    for _ in range(2 * prices.HOLES + 4):
        now += timedelta(days=1)
        standing = it.refresh(now, since=since, until=until)
        asked.append(standing.missing if standing.unit else 0)
    if it.held is not None and it.held.outcome is Outcome.SETTLED:
        assert asked[-2:] == [0, 0]
        assert mark_of(it.held).n <= len(it.days)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(34, 39), min_size=1), st.integers(1, 30))
@example({35}, 1)
def test_a_session_without_a_bar_is_asked_for_a_few_times_only(gaps: set[int], hours: int) -> None:
    every = sessions.between(SINCE, date(2026, 12, 31))
    it = world(a={every[n] for n in gaps})
    now, counts = evening(every[40]), 0
    for _ in range(48):
        standing = it.refresh(now, until=every[40])
        counts += standing.missing
        now += timedelta(hours=hours)
    assert counts == 41 + len(gaps) * (prices.HOLES - 1)


def test_a_session_long_ago_without_a_bar_had_no_trades_and_draws_nothing_into_the_next_day() -> None:
    it = world(a={date(2026, 6, 10), date(2026, 6, 30)})
    it.refresh(evening(date(2026, 7, 9)))
    [due] = [it.refresh(evening(FRIDAY)).unit]
    assert due == Unit("prices", KEY, Span(date(2026, 6, 30), FRIDAY))
    assert it.due(evening(FRIDAY) + timedelta(hours=1)).unit is None


SPLIT = Split(date(2020, 8, 31), 4, 1)
BEFORE = [bar(date(2020, 8, 27), 500.04, 155_552_400), bar(date(2020, 8, 28), 499.23, 187_629_600)]
AFTER = [bar(date(2020, 8, 31), 129.04, 225_702_700), bar(date(2020, 9, 1), 134.18, 151_948_100)]


def adjusted(bars: list[Bar]) -> list[Bar]:
    """As a source sends them that counts everything in shares after the split."""
    return [b if b.day >= SPLIT.day else bar(b.day, (b.close or 0) / 4, (b.volume or 0) * 4) for b in bars]


def split_case(series: Series, source: str = "b") -> tuple[Read, Holding, tuple[Row, ...]]:
    """Two sessions were held before a split; then a source answers for the next two."""
    span = Span(date(2020, 8, 27), date(2020, 8, 28))
    first = prices.settle(
        Answer(
            unit=Unit("prices", KEY, span),
            series=Series(symbol="AAPL", bars=tuple(BEFORE)),
            source="a",
            at=evening(span.end),
        ),
        None,
    )
    assert first.holding is not None
    next_span = Span(date(2020, 8, 31), date(2020, 9, 1))
    answer = Answer(
        unit=Unit("prices", KEY, next_span), series=series, source=source, at=evening(next_span.end)
    )
    return prices.settle(answer, first.holding), first.holding, first.bars


def closes(rows: tuple[Row, ...]) -> list[float]:
    return [named(DailyPrice, row)["close"] for row in rows]


def test_a_split_that_the_source_tells_leaves_the_bars_as_traded() -> None:
    series = Series(
        symbol="AAPL",
        bars=tuple(adjusted([*BEFORE, *AFTER])),
        splits=(SPLIT,),
        dividends=(Dividend(date(2020, 8, 7), 0.205), Dividend(date(2020, 11, 6), 0.205)),
        adjusted=True,
        basis=date(2020, 9, 1),
    )
    read, _, held = split_case(series)
    assert closes(held) == [500.04, 499.23]
    assert closes(read.bars) == [129.04, 134.18]
    assert {named(DailyPrice, row)["split_basis"] for row in read.bars} == {None}
    assert read.holding is not None
    assert (mark_of(read.holding).n, mark_of(read.holding).closes) == (4, (129.04, 134.18))
    actions = [named(CorporateAction, row) for row in read.actions]
    assert [(a["kind"], a["numerator"], a["amount"]) for a in actions] == [
        ("split", 4, None),
        ("dividend", None, 0.82),
        ("dividend", None, 0.205),
    ]
    assert (read.findings, read.notes) == ((), ())
    whole = prices.settle(
        Answer(
            unit=Unit("prices", KEY, Span(date(2020, 8, 27), date(2020, 9, 1))),
            series=series,
            source="b",
            at=evening(date(2020, 9, 1)),
        ),
        read.holding,
    )
    assert closes(whole.bars) == pytest.approx([500.04, 499.23, 129.04, 134.18])
    assert [named(DailyPrice, row)["volume"] for row in whole.bars][:2] == [155_552_400, 187_629_600]


def test_a_split_that_the_source_does_not_tell_leaves_the_unit_to_the_next_source() -> None:
    series = Series(
        symbol="AAPL",
        bars=tuple(adjusted([*BEFORE[1:], *AFTER])),
        dividends=(Dividend(date(2020, 8, 7), 0.205),),
        adjusted=True,
        basis=date(2020, 9, 1),
        tells_splits=False,
    )
    read, held, rows = split_case(series)
    assert closes(rows) == [500.04, 499.23]
    assert read.holding is None
    assert closes(read.bars) == [129.04, 134.18]
    assert {named(DailyPrice, row)["split_basis"] for row in read.bars} == {date(2020, 9, 1)}
    assert [named(CorporateAction, row)["split_basis"] for row in read.actions] == [date(2020, 9, 1)]
    said = "2020-08-28 closed at 499.23, and the source now says 124.808"
    assert read.notes == (f"AAPL: {said}",)
    [finding] = [named(Finding, row) for row in read.findings]
    assert (finding["check_name"], finding["severity"]) == ("bar_basis", "hard")
    it = World(lacking={}, held=held, rows={(row[1], row[2]): row for row in (*rows, *read.bars)})
    due = it.due(evening(date(2020, 9, 1)), since=date(2020, 8, 27))
    assert due.unit == Unit("prices", KEY, Span(date(2020, 8, 31), date(2020, 9, 1)))


@pytest.mark.parametrize("power", [1, -1])
def test_a_source_on_another_basis_than_it_says_is_put_right_by_the_split(power: int) -> None:
    """It tells the split, and its history is (1) not yet or (-1) already rewritten, against its word."""
    bars = [bar(b.day, (b.close or 0) * 4.0**power) if b.day < SPLIT.day else b for b in (*BEFORE, *AFTER)]
    read, *_ = split_case(Series(symbol="AAPL", bars=tuple(bars), splits=(SPLIT,)))
    assert read.holding is not None
    assert closes(read.bars) == [129.04, 134.18]
    assert read.notes == (
        f"AAPL: the source's prices before the split of 2020-08-31 are {4.0**power:g} times what was traded; "
        "put right by that ratio",
    )


@pytest.mark.parametrize(
    ("close", "settled", "noted"), [(499.3, True, 0), (505.0, True, 1), (525.0, False, 1)]
)
def test_a_correction_is_noted_and_another_basis_is_not_taken(
    close: float, settled: bool, noted: int
) -> None:
    read, *_ = split_case(
        Series(symbol="AAPL", bars=(bar(date(2020, 8, 28), close), *AFTER), splits=(SPLIT,))
    )
    assert (read.holding is not None) is settled
    assert len(read.notes) == noted


def test_a_penny_stock_rounded_to_cents_is_the_same_stock() -> None:
    days = [date(2020, 8, 28), date(2020, 8, 31)]
    held = prices.settle(
        Answer(
            unit=Unit("prices", KEY, Span(days[0], days[0])),
            series=Series(symbol="X", bars=(bar(days[0], 0.0834),)),
            source="a",
            at=evening(days[0]),
        ),
        None,
    ).holding
    read = prices.settle(
        Answer(
            unit=Unit("prices", KEY, Span(days[1], days[1])),
            series=Series(symbol="X", bars=(bar(days[0], 0.08), bar(days[1], 0.08))),
            source="b",
            at=evening(days[1]),
        ),
        held,
    )
    assert read.holding is not None
    assert read.notes == ()


def test_bad_values_are_null_and_told_and_a_bar_without_a_close_is_none() -> None:
    days = sessions.between(date(2026, 7, 6), FRIDAY)
    sent = (
        Bar(days[0], 10, 11, 9, 10, 100),
        Bar(days[1], 10, float("nan"), 0.0, 10, -5),
        Bar(days[2], 10, 11, 9, -999.0, 100),
        Bar(days[3], 12, 11, 9, 8, 100),
        Bar(date(2026, 7, 11), 10, 11, 9, 10, 100),
        Bar(days[4], None, None, None, None, None),
    )
    answer = Answer(
        unit=Unit("prices", KEY, Span(days[0], date(2026, 7, 11))),
        series=Series(symbol="AAPL", bars=sent),
        source="a",
        at=evening(date(2026, 7, 11)),
    )
    read = prices.settle(answer, None)
    assert [(row[1], *row[3:8]) for row in read.bars] == [
        (days[0], 10, 11, 9, 10, 100),
        (days[1], 10, None, None, 10, None),
        (days[3], 12, 11, 9, 8, 100),
    ]
    found = [named(Finding, row) for row in read.findings]
    assert [(f["check_name"], f["report_date"].day, f["column_name"]) for f in found] == [
        ("bar_value", 7, "high"),
        ("bar_value", 7, "low"),
        ("bar_value", 7, "volume"),
        ("bar_value", 8, "close"),
        ("bar_range", 9, "open"),
        ("bar_range", 9, "close"),
        ("bar_day", 11, "day"),
    ]
    assert found[3]["sentence"] == "AAPL on 2026-07-08: close was sent as -999, which is no price"
    assert mark_of(read.holding).holes == {"2026-07-08": 1, "2026-07-10": 1}


def test_two_dividends_of_one_day_are_one_row_with_their_sum() -> None:
    answer = Answer(
        unit=Unit("prices", KEY, Span(FRIDAY, FRIDAY)),
        series=Series(
            symbol="AAPL",
            bars=(bar(FRIDAY),),
            dividends=(Dividend(FRIDAY, 0.25), Dividend(FRIDAY, 7.0)),
            currency="USD",
        ),
        source="a",
        at=evening(FRIDAY),
    )
    [row] = [named(CorporateAction, row) for row in prices.settle(answer, None).actions]
    assert (row["amount"], row["currency"]) == (7.25, "USD")


def test_a_move_that_no_split_explains_is_told_and_a_split_is_not() -> None:
    days = sessions.between(date(2026, 5, 1), FRIDAY)
    quiet = [bar(day, 100 + n % 2) for n, day in enumerate(days[:-2])]

    def found(
        last: float, splits: tuple[Split, ...], later: timedelta = timedelta(0)
    ) -> list[tuple[str, date]]:
        answer = Answer(
            unit=Unit("prices", KEY, Span(days[0], days[-1])),
            series=Series(symbol="X", bars=(*quiet, bar(days[-1], last)), splits=splits),
            source="a",
            at=evening(days[-1]) + later,
        )
        return [(row[1], row[3]) for row in prices.settle(answer, None).findings]

    assert found(101.0, ()) == []
    # A month later everybody has seen it.
    assert found(50.0, (), later=timedelta(days=29)) == [("bar_move", days[-1])]
    assert found(50.0, (), later=timedelta(days=31)) == []
    assert found(50.0, ()) == [("bar_move", days[-1])]
    # The session of the split itself has no bar.
    assert found(50.0, (Split(days[-2], 2, 1),)) == []


def test_every_listing_of_the_whole_market_is_due_by_itself() -> None:
    it = world(a={date(2026, 6, 17)})
    it.refresh(evening(FRIDAY), since=date(2016, 1, 1))
    assert it.held is not None
    listings = {f"S{n}:{n}": f"S{n}" for n in range(12_050)}
    evidence = Evidence(
        rows={"daily_prices": [(ident_of(key), len(it.days)) for key in listings]},
        holdings={"prices": dict.fromkeys(listings, it.held)},
    )
    asked = Asked(companies={}, scope="all", since=date(2016, 1, 1), listings=listings)
    found = prices.due(evidence, asked, evening(date(2026, 7, 13)))
    assert sum(standing.unit is not None for standing in found) == 12_050


def test_what_answers_did_not_tell_of_splits_and_dividends_is_asked_for_with_the_next() -> None:
    """Quotes tell none: the day through which they are told stands still, and charts start from there."""
    it = world()
    it.refresh(evening(date(2026, 7, 6)))
    told = sessions.between(date(2026, 7, 7), FRIDAY)
    for day in told:
        standing = it.due(evening(day))
        assert standing.evidence == ("2026-07-06",)
        assert standing.unit == Unit("prices", KEY, Span(day, day))
        series = Series(symbol="AAPL", bars=(bar(day),))
        answer = Answer(unit=standing.unit, series=series, source="a", at=evening(day), silent=True)
        it.held = prices.settle(answer, it.held).holding
        it.rows[day, "a"] = ()
    assert mark_of(it.held).told == date(2026, 7, 6)
    monday = it.due(evening(date(2026, 7, 13)))
    assert (monday.evidence, monday.missing) == (("2026-07-06",), 1)
    assert monday.unit is not None
    late = Dividend(date(2026, 7, 8), 0.5, "USD")
    for since, then in (
        (None, date(2026, 7, 6)),
        (date(2026, 7, 7), date(2026, 7, 6)),
        (date(2026, 7, 6), None),
    ):
        series = Series(symbol="AAPL", bars=(bar(date(2026, 7, 13)),), dividends=(late,))
        answer = Answer(
            unit=monday.unit, series=series, source="a", at=evening(date(2026, 7, 13)), since=since
        )
        read = prices.settle(answer, it.held)
        assert [row[1] for row in read.actions] == [late.day]
        assert mark_of(read.holding).told == then


def test_the_age_of_a_gap_is_that_of_its_oldest_session() -> None:
    """A session without trades that is no longer remembered is older than what was lost, or remembered."""
    halted = {date(2026, 1, 8), date(2026, 7, 1)}
    it = world(a=halted)
    it.refresh(evening(FRIDAY), since=date(2026, 1, 2))
    gap = sessions.between(date(2026, 3, 3), date(2026, 3, 6))
    it.rows = {key: row for key, row in it.rows.items() if key[0] not in gap}
    standing = it.due(evening(FRIDAY), since=date(2026, 1, 2))
    assert (standing.lost, standing.days, it.held is not None) == (4, None, True)
    assert it.held is not None
    for since, oldest in ((date(2026, 1, 2), gap[0]), (date(2025, 12, 1), date(2025, 12, 1))):
        standing = it.due(evening(FRIDAY), since=since)
        aged = prices.aged(standing, it.held, it.days)
        assert (aged.days, aged.level) == ((FRIDAY - oldest).days, Freshness.STALE)
    forgetful = replace(it.held, mark=mark_of(it.held).text().replace("2026-01-08", "2026-07-02"))
    assert prices.aged(it.due(evening(FRIDAY)), forgetful, it.days).days == (FRIDAY - gap[0]).days
    # What lies before all that is held is as old as its first session.
    it.refresh(evening(FRIDAY), since=date(2026, 1, 2))
    assert it.due(evening(FRIDAY), since=date(2025, 12, 1)).days == (FRIDAY - date(2025, 12, 1)).days


def test_splits_and_dividends_never_told_are_due_of_who_tells_them() -> None:
    """Brokers tell none: they are sought at once, after a week where nobody knew, and then no more."""
    it = world()
    now = evening(FRIDAY)

    def answered(unit: Unit | None, at: datetime, since: date | None = None) -> None:
        assert unit is not None
        assert unit.span is not None
        bars = tuple(bar(day) for day in sessions.between(unit.span.start, unit.span.end))
        series = Series(symbol="AAPL", bars=bars)
        answer = Answer(unit=unit, series=series, source="a", at=at, since=since, silent=since is None)
        read = prices.settle(answer, it.held)
        it.held = read.holding
        it.rows |= {(row[1], "a"): row for row in read.bars}

    first = it.due(now)
    assert not first.owed
    answered(first.unit, now)
    owed = it.due(now)
    last = Unit("prices", KEY, Span(FRIDAY, FRIDAY))
    assert (owed.owed, owed.unit, owed.level, owed.missing) == (True, last, Freshness.RECENT, 0)
    assert owed.evidence == ("2026-05-29",)
    answered(owed.unit, now)
    assert it.due(now).unit is None
    for day in sessions.between(date(2026, 7, 13), date(2026, 7, 16)):
        due = it.due(evening(day))
        assert (due.owed, due.unit) == (False, Unit("prices", KEY, Span(day, day)))
        answered(due.unit, evening(day))
    again = it.due(evening(date(2026, 7, 17)))
    assert (again.owed, again.missing) == (True, 1)
    assert again.evidence == ("2026-05-29",)
    answered(again.unit, evening(date(2026, 7, 17)), since=date(2026, 5, 29))
    assert (mark_of(it.held).told, mark_of(it.held).sought) == (None, None)
    days = sessions.between(date(2026, 7, 20), date(2026, 8, 20))
    asked_for = []
    for day in days:
        due = it.due(evening(day))
        asked_for.append(due.owed)
        answered(due.unit, evening(day), since=date(2026, 7, 17) if due.owed else None)
    assert asked_for.index(True) == 21
    assert not any(asked_for[22:])


def test_a_close_that_counts_later_shares_is_the_same_as_the_one_that_was_traded() -> None:
    """Friday's close, asked for on the Monday of the split, and then as traded of who tells the split."""
    friday, monday = date(2020, 8, 28), date(2020, 8, 31)
    unit, at = Unit("prices", KEY, Span(friday, friday)), evening(monday)
    sent = Series(symbol="X", bars=(bar(friday, 124.8075),), adjusted=True, basis=monday, tells_splits=False)
    held = prices.settle(Answer(unit=unit, series=sent, source="a", at=at, silent=True), None).holding
    told = Series(symbol="X", bars=(bar(friday, 499.23),), splits=(SPLIT,))
    read = prices.settle(Answer(unit=unit, series=told, source="b", at=at, since=friday), held)
    assert (closes(read.bars), read.notes, read.findings) == ([499.23], (), ())
    assert read.holding is not None


def test_a_mark_of_an_earlier_version_owes_nothing() -> None:
    held = Holding(
        unit=Unit("prices", KEY, Span(SINCE, FRIDAY)), outcome=Outcome.SETTLED, checked_at=evening(FRIDAY),
        source="a", mark='{"n":29,"first":"2026-06-01","last":"2026-07-10","closes":[100.0]}',
    )  # fmt: skip
    mark = mark_of(held)
    assert (mark.told, mark.known) == (None, FRIDAY)
    assert mark.text() == held.mark


@pytest.mark.parametrize(
    ("after_close", "is_quiet"),
    [
        (timedelta(minutes=29), False),
        (timedelta(minutes=30), True),
        # Until the next session opens, which here is that of Monday.
        (timedelta(days=2, hours=17, minutes=29), True),
        (timedelta(days=2, hours=17, minutes=30), False),
    ],
)
def test_a_session_is_quiet_from_half_an_hour_after_its_close_until_the_next_opens(
    after_close: timedelta, is_quiet: bool
) -> None:
    it = world()
    it.refresh(evening(date(2026, 7, 9)))
    due = it.due(sessions.closed_at(FRIDAY) + after_close)
    assert (due.unit, due.quiet) == (Unit("prices", KEY, Span(FRIDAY, FRIDAY)), is_quiet)
    assert not it.due(sessions.closed_at(FRIDAY) + timedelta(hours=1), until=date(2026, 7, 9)).quiet
