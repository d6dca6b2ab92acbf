"""What quotes may settle of a session, and what they leave to charts: each rule by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from evertape.datasets import prices
from evertape.datasets.prices import Mark, mark_of
from evertape.errors import Malformed
from evertape.formats import sessions
from evertape.formats.yahoo_quotes import Quoted, read_quotes
from evertape.model.call import Call
from evertape.model.feed import Page
from evertape.model.unit import Freshness, Holding, Outcome, Span, Standing, Unit
from evertape.sources import yahoo, yahoo_quotes
from tests.sources.market_recordings import reply, rows

DAY, BEFORE = date(2025, 2, 14), date(2025, 2, 13)
CLOSE = sessions.closed_at(DAY)
EVENING = CLOSE + timedelta(hours=3)
COVERED = Span(date(2025, 1, 2), BEFORE)
MARK = Mark(n=29, first=COVERED.start, last=BEFORE, closes=(240.0, 241.53))
ROW = {
    "symbol": "AAPL", "quoteType": "EQUITY", "currency": "USD", "regularMarketTime": int(CLOSE.timestamp()),
    "regularMarketOpen": 241.07, "regularMarketDayHigh": 245.41, "regularMarketDayLow": 241,
    "regularMarketPrice": 244.6, "regularMarketVolume": 40896227, "regularMarketPreviousClose": 241.53,
}  # fmt: skip
"""As recorded of AAPL, without its dividends."""


def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def body(*found: dict[str, Any]) -> str:
    return json.dumps({"quoteResponse": {"result": found, "error": None}})


def quoted(**more: Any) -> Quoted:
    row = {name: value for name, value in {**ROW, **more}.items() if value is not None}
    return read_quotes(body(row).encode())["AAPL"]


def holding(mark: Mark = MARK, key: str = "AAPL:320193", covered: Span = COVERED) -> Holding:
    return Holding(
        unit=Unit("prices", key, covered),
        outcome=Outcome.SETTLED,
        checked_at=EVENING - timedelta(days=1),
        source="yahoo",
        mark=mark.text(),
    )


def against(mark: Mark = MARK, at: datetime = EVENING, **more: Any) -> str:
    return yahoo_quotes.reason_against(quoted(**more), DAY, holding(mark), at)


def test_a_session_that_closed_half_an_hour_ago_after_the_close_that_is_held_is_settled() -> None:
    assert against() == ""
    assert against(at=CLOSE + timedelta(minutes=30)) == ""
    assert against(regularMarketTime=int(CLOSE.timestamp()) + 2) == ""


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        # Not while trades are still reported, nor before the close.
        ({"at": CLOSE + timedelta(minutes=29, seconds=59)}, "not settled yet"),
        ({"at": CLOSE - timedelta(hours=1)}, "not settled yet"),
        # Not once another session has closed, whatever the quote says.
        ({"at": sessions.closed_at(date(2025, 2, 18)) + timedelta(hours=1)}, "not settled yet"),
        # A last trade before the close, of the session before or of the one after.
        ({"regularMarketTime": int(CLOSE.timestamp()) - 1}, "of another time"),
        ({"regularMarketTime": int(CLOSE.timestamp()) - 86400}, "of another time"),
        ({"regularMarketTime": int(CLOSE.timestamp()) + 4 * 86400}, "of another time"),
        ({"regularMarketTime": None}, "of another time"),
    ],
)
def test_only_the_last_word_of_the_last_session_counts(more: dict[str, Any], reason: str) -> None:
    assert against(**more) == reason


def test_after_an_early_close_thirty_minutes_count_from_one_in_the_afternoon() -> None:
    day = date(2025, 7, 3)
    close = datetime(2025, 7, 3, 17, tzinfo=UTC)
    told = quoted(regularMarketTime=int(close.timestamp()))
    was = holding(replace_mark(last=date(2025, 7, 2)))
    found = [yahoo_quotes.reason_against(told, day, was, close + timedelta(minutes=n)) for n in (29, 30)]
    assert found == ["not settled yet", ""]


def replace_mark(**changes: Any) -> Mark:
    kept = {name: getattr(MARK, name) for name in ("n", "first", "last", "closes", "holes", "told")}
    return Mark(**{**kept, **changes})


@pytest.mark.parametrize("previous", [241.53 / 4, 241.53 / 1.05, 241.53 * 10, 240.0, 0, -241.53, None])
def test_a_split_a_correction_or_a_gap_between_is_seen_by_the_close_before(previous: float | None) -> None:
    assert against(regularMarketPreviousClose=previous) == "after another close"


def test_a_close_before_that_differs_by_a_rounding_is_the_same() -> None:
    assert against(regularMarketPreviousClose=241.529999) == ""
    assert against(regularMarketPreviousClose=241.535) == ""


@pytest.mark.parametrize(("new", "old"), [(4, 1), (2, 1), (3, 2), (5, 4), (1, 10)])
def test_a_split_that_yahoo_has_not_heard_of_when_it_tells_the_close_before_is_seen_by_the_move(
    new: int, old: int
) -> None:
    split: dict[str, Any] = {
        f"regularMarket{name}": 244.6 * old / new for name in ("Open", "DayHigh", "DayLow", "Price")
    }
    # Without ten moves before it none is beyond three deviations.
    assert against(**split) == "after a jump"


def test_a_move_that_is_doubted_is_left_to_a_chart() -> None:
    quiet = replace_mark(closes=tuple(241.53 - 0.5 * (n % 2) for n in range(20, -1, -1)))
    assert against(quiet, regularMarketPrice=242.0) == ""
    assert against(quiet, regularMarketPrice=244.6) == "after a jump"


def test_of_prices_of_cents_a_cent_is_no_rounding() -> None:
    cheap = replace_mark(closes=(0.01,))
    cent: dict[str, Any] = {f"regularMarket{name}": 0.01 for name in ("Open", "DayHigh", "DayLow", "Price")}
    assert against(cheap, regularMarketPreviousClose=0.01, **cent) == ""
    assert against(cheap, regularMarketPreviousClose=0.005, **cent) == "after another close"


@pytest.mark.parametrize("last", [date(2025, 2, 12), DAY, None])
def test_what_is_held_must_reach_the_session_before(last: date | None) -> None:
    assert against(replace_mark(last=last)) == "after a gap"
    assert yahoo_quotes.reason_against(quoted(), DAY, None, EVENING) == "after a gap"
    assert against(replace_mark(closes=())) == "after a gap"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"dividendDate": midnight(BEFORE), "dividendRate": 1, "dividendYield": 0.41}, ""),
        ({"dividendDate": midnight(DAY)}, "with a dividend ahead"),
        ({"dividendDate": midnight(DAY + timedelta(days=30)), "dividendRate": 1}, "with a dividend ahead"),
        # Funds pay, and tell no day.
        ({"dividendRate": 1}, "with a dividend ahead"),
        ({"dividendYield": 0.4}, "with a dividend ahead"),
        ({"trailingAnnualDividendRate": 0.99}, "with a dividend ahead"),
        ({"trailingAnnualDividendYield": 0.004}, "with a dividend ahead"),
        ({"dividendRate": 0, "trailingAnnualDividendRate": 0}, ""),
    ],
)
def test_of_a_payer_only_sessions_after_a_payment_and_before_the_next_declaration_are_settled(
    more: dict[str, Any], reason: str
) -> None:
    assert against(**more) == reason


@pytest.mark.parametrize(
    "name", ["regularMarketOpen", "regularMarketDayHigh", "regularMarketDayLow", "regularMarketPrice"]
)
def test_a_quote_that_lacks_a_price_is_no_bar(name: str) -> None:
    for value in (None, 0, -1):
        lacking: dict[str, Any] = {name: value}
        assert against(**lacking) == "without prices of a share"


@pytest.mark.parametrize(
    "more", [{"regularMarketPrice": 245.5}, {"regularMarketOpen": 240.9}, {"regularMarketDayLow": 246.0}]
)
def test_a_price_outside_of_the_days_range_is_left_to_a_chart(more: dict[str, Any]) -> None:
    assert against(**more) == "out of its own range"


@pytest.mark.parametrize("kind", ["ETF", "MUTUALFUND", "INDEX", "CURRENCY", "OPTION", "", None])
def test_only_shares_are_settled(kind: str | None) -> None:
    assert against(quoteType=kind) == "without prices of a share"


@pytest.mark.parametrize("volume", [None, 0, -1])
def test_a_session_with_prices_and_no_volume_is_doubted(volume: float | None) -> None:
    assert against(regularMarketVolume=volume) == "without a volume"


def test_after_twenty_sessions_of_quotes_a_chart_tells_what_yahoo_has_learnt_late() -> None:
    days = sessions.between(date(2024, 12, 1), BEFORE)
    assert against(replace_mark(told=days[-20])) == ""
    assert against(replace_mark(told=days[-21])) == "untold for long"


ONE = Span(DAY, DAY)


def standing(symbol: str, span: Span = ONE, **more: Any) -> Standing:
    key = f"{symbol}:1"
    told = {"covered": COVERED, "evidence": (BEFORE.isoformat(),), "quiet": True, **more}
    return Standing(
        dataset="prices",
        key=key,
        label=symbol,
        level=Freshness.RECENT,
        unit=Unit("prices", key, span),
        **told,
    )


def many(count: int) -> list[Standing]:
    return [standing(f"S{n}") for n in range(count)]


def symbols_of(calls: Sequence[Call]) -> list[list[str]]:
    return [parse_qs(urlsplit(call.url).query)["symbols"][0].split(",") for call in calls]


def test_fifty_listings_are_asked_for_at_once_with_a_session() -> None:
    calls = yahoo_quotes.ask_quotes([*many(119), standing("BRK-B")])
    assert [len(each) for each in symbols_of(calls)] == [50, 50, 20]
    assert symbols_of(calls)[-1][-1] == "BRK-B"
    assert [[unit.key.partition(":")[0] for unit in call.units] for call in calls] == symbols_of(calls)
    assert all(call.session and len(call.carried) == len(call.units) for call in calls)
    assert [call.expected for call in calls] == [11, 11, 5]
    first = yahoo_quotes.ask_quotes(many(6))[0].url
    assert first == (
        "https://query1.finance.yahoo.com/v7/finance/quote?symbols=S0,S1,S2,S3,S4,S5&formatted=false"
    )


@pytest.mark.parametrize(
    "not_due",
    [
        standing("X", Span(BEFORE, DAY)),
        standing("X", quiet=False),
        standing("X", covered=None),
        standing("X", covered=Span(COVERED.start, date(2025, 2, 12))),
        standing("X", Span(date(2024, 12, 31), date(2024, 12, 31))),
        standing("X", evidence=()),
        standing("X", evidence=("2025-01-14",)),
        replace(standing("X"), unit=None),
        replace(standing("X"), unit=Unit("prices", "X:1")),
    ],
)
def test_only_one_session_right_after_what_is_covered_and_told_is_asked_for(not_due: Standing) -> None:
    (call,) = yahoo_quotes.ask_quotes([*many(8), not_due])
    assert "X" not in symbols_of([call])[0]
    assert "X" in symbols_of(yahoo_quotes.ask_quotes([*many(8), standing("X", evidence=("2025-01-16",))]))[0]


def test_few_listings_are_left_to_their_charts_which_take_no_session() -> None:
    assert [len(yahoo_quotes.ask_quotes(many(n))) for n in (0, 1, 3, 4, 5, 6)] == [0, 0, 0, 0, 1, 1]


def asked(*symbols: str) -> Call:
    (call,) = yahoo_quotes.ask_quotes([standing(symbol) for symbol in (*symbols, "S1", "S2", "S3", "S4")])
    units = tuple(unit for unit in call.units if unit.key.partition(":")[0] in symbols)
    return replace(call, units=units, carried=call.carried[: len(units)])


def read(call: Call, sent: str, held: Sequence[Holding]) -> list[Page]:
    return list(yahoo_quotes.read(reply(call, sent, EVENING), {each.unit.key: each for each in held}))


def test_what_is_sure_is_settled_and_the_rest_left_to_charts_from_the_day_carried_along() -> None:
    symbols = ("AAPL", "PAYER", "GONE", "OTHER")
    call = asked(*symbols)
    sent = body(ROW, {**ROW, "symbol": "PAYER", "dividendRate": 1}, {**ROW, "symbol": "NOBODYASKED"})
    pages = read(call, sent, [holding(key=f"{symbol}:1") for symbol in symbols])
    (bar,) = rows(pages, prices.DailyPrice)
    assert (bar[1], bar[2], *bar[8:]) == (DAY, "yahoo", None, None, None, EVENING)
    assert bar[3:8] == pytest.approx((241.07, 245.41, 241, 244.6, 40896227), rel=1e-7)
    assert rows(pages, prices.CorporateAction) == []
    (held,) = [held for page in pages for held in page.settled]
    assert (held.unit, held.source) == (Unit("prices", "AAPL:1", Span(COVERED.start, DAY)), "yahoo")
    mark = mark_of(held)
    assert (mark.last, mark.n, mark.told, mark.known) == (DAY, 30, BEFORE, BEFORE)
    (note,) = [note for page in pages for note in page.notes]
    assert note == "3 of 4 quotes left to charts: unknown 2, with a dividend ahead 1"
    left = [unit for unit in call.units if unit.key != "AAPL:1"]
    charts = yahoo.ask_rest(
        replace(call, carried=("2025-02-13", "2025-02-04", "2025-02-13", "2025-02-13")), left
    )
    assert [(each.feed, each.units, each.label) for each in charts] == [
        ("yahoo.chart", (unit,), unit.key.partition(":")[0]) for unit in left
    ]  # fmt: skip
    starts = [int(parse_qs(urlsplit(each.url).query)["period1"][0]) for each in charts]
    assert [datetime.fromtimestamp(each, UTC).date() for each in starts] == [
        date(2025, 2, 4), BEFORE, BEFORE,
    ]  # fmt: skip


def test_a_call_that_is_sent_again_settles_what_was_settled_meanwhile() -> None:
    call = asked("AAPL")
    ((done,),) = [page.settled for page in read(call, body(ROW), [holding(key="AAPL:1")])]
    (page,) = read(call, body(ROW), [done])
    assert (page.settled, page.batches, page.notes) == ((done,), (), ())


@pytest.mark.parametrize("sent", ["", "<html>", '{"quoteResponse":{"result":null,"error":{"code":"Bad"}}}'])
def test_a_body_that_is_no_list_of_quotes_is_malformed(sent: str) -> None:
    with pytest.raises(Malformed, match="v7/finance/quote"):
        read(asked("AAPL"), sent, [])


def charted(since: date, mark: Mark) -> Mark:
    """What is remembered once a chart from `since` on came after quotes."""
    unit = Unit("prices", "AAPL:1", Span(DAY, DAY))
    given = standing("AAPL", evidence=(since.isoformat(),))
    (call,) = yahoo.ask_chart([replace(given, unit=unit)])
    opened = [int(sessions.opened_at(day).timestamp()) for day in (BEFORE, DAY)]
    flat = {name: [241.53, 244.6] for name in ("open", "high", "low", "close")} | {"volume": [1, 1]}
    meta = {"symbol": "AAPL", "currency": "USD", "exchangeTimezoneName": "America/New_York"}
    paid = {
        "dividends": {"1": {"amount": 0.25, "date": int(sessions.opened_at(date(2025, 2, 10)).timestamp())}}
    }
    result = {"meta": meta, "timestamp": opened, "events": paid, "indicators": {"quote": [flat]}}
    sent = json.dumps({"chart": {"result": [result], "error": None}})
    (page,) = yahoo.read_chart(reply(call, sent, EVENING), {"AAPL:1": holding(mark, key="AAPL:1")})
    assert [row[1:3] for row in rows([page], prices.CorporateAction)] == [(date(2025, 2, 10), "dividend")]
    return mark_of(page.settled[0])


def test_a_chart_from_the_day_told_last_tells_what_went_ex_unseen_and_one_from_later_does_not() -> None:
    owing = replace_mark(told=date(2025, 2, 6))
    assert charted(date(2025, 2, 6), owing).told is None
    assert charted(date(2025, 2, 3), owing).told is None
    assert charted(date(2025, 2, 7), owing).told == date(2025, 2, 6)
    assert charted(BEFORE, MARK).told is None
