"""What Polygon's answers really say, what is asked of it, and what its answers settle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.datasets import options, prices, universe
from evertape.errors import Malformed
from evertape.formats import sessions
from evertape.model.call import Call, Reply
from evertape.model.unit import Freshness, Holding, Outcome, Span, Standing, Unit
from evertape.sources import polygon
from tests.formats.test_polygon import GROUPED, JANUARY
from tests.sources.market_recordings import Recording, drive, of_host, reply, rows
from tests.sources.mutations import mutated

AT = datetime(2026, 7, 10, 1, 0, tzinfo=UTC)
"""Nine in the evening of Thursday, 9 July in New York."""
TODAY = date(2026, 7, 9)


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, Recording]:
    return of_host(shared, "api.polygon.io")


EXCEEDED = (
    '{"status":"ERROR","request_id":"1","error":"You\'ve exceeded the maximum requests per minute, please '
    'wait or upgrade your subscription to continue. https://massive.com/pricing"}'
)
UNKNOWN = '{"status":"ERROR","request_id":"1","error":"Unknown API Key"}'
PLAN = (
    '{"status":"NOT_AUTHORIZED","request_id":"1","message":"You are not entitled to this data. Please '
    'upgrade your plan at https://massive.com/pricing"}'
)
FRAME = '{"status":"NOT_AUTHORIZED","message":"Your plan doesn\'t include this data timeframe."}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (429, EXCEEDED, "throttled", "exceeded the maximum"),
        (200, EXCEEDED, "throttled", "exceeded the maximum"),
        (429, "", "throttled", "too many"),
        (401, UNKNOWN, "denied", "POLYGON_API_KEY or MASSIVE_API_KEY"),
        (200, UNKNOWN, "denied", "POLYGON_API_KEY or MASSIVE_API_KEY"),
        (403, PLAN, "denied", "not entitled"),
        (403, FRAME, "denied", "timeframe"),
        (200, PLAN, "denied", "not entitled"),
        (200, '{"status":"ERROR","error":"something else"}', "malformed", "something else"),
        (400, '{"status":"ERROR","error":"bad date"}', "malformed", "bad date"),
        (502, "<html>", "transient", "502"),
        (404, '{"status":"NOT_FOUND"}', None, ""),
        (200, '{"status":"OK","resultsCount":0}', None, ""),
        (200, '{"status":"DELAYED","results":[]}', None, ""),
    ],
)
def test_what_an_answer_really_says(status: int, body: str, kind: str | None, words: str) -> None:
    call = Call(source="polygon", feed="polygon.range", url="https://api.polygon.io/v2/aggs")
    refusal = polygon.refusal(reply(call, body, AT, status))
    assert (refusal.kind if refusal else None) == kind
    assert refusal is None or words in refusal.reason


def test_either_key_goes_into_a_header() -> None:
    assert polygon.headers({"POLYGON_API_KEY": "p"}) == {"Authorization": "Bearer p"}
    assert polygon.headers({"MASSIVE_API_KEY": "m", "POLYGON_API_KEY": ""}) == {"Authorization": "Bearer m"}
    assert polygon.SOURCE.has_credentials({"MASSIVE_API_KEY": "m"})
    assert not polygon.SOURCE.has_credentials({})


def unit(symbol: str, first: date, last: date) -> Unit:
    return Unit("prices", f"{symbol}:1", Span(first, last))


def standing(unit: Unit, *evidence: str) -> Standing:
    return Standing(
        dataset=unit.dataset, key=unit.key, level=Freshness.STALE, label="X", unit=unit, evidence=evidence
    )


JUL6, JUL7, JUL8 = date(2026, 7, 6), date(2026, 7, 7), date(2026, 7, 8)


def stamp(day: date) -> int:
    """Four in the afternoon in New York, in summer."""
    return int(datetime(day.year, day.month, day.day, 20, 0, tzinfo=UTC).timestamp() * 1000)


def row(close: float, day: date, ticker: str | None = None) -> dict[str, Any]:
    told = {"v": 1000.5, "vw": close, "o": close, "c": close, "h": close, "l": close, "t": stamp(day), "n": 9}
    return {**told, "T": ticker} if ticker else told


def answer(results: list[Any], **more: Any) -> str:
    return json.dumps(
        {"status": "OK", "adjusted": False, "resultsCount": len(results), "results": results, **more}
    )


def test_the_whole_market_is_one_call_a_session_for_whom_it_lacks() -> None:
    due = [unit("AAPL", JUL6, JUL8), unit("BRK-B", JUL8, JUL8), unit("OLD", JUL6, JUL6)]
    calls = polygon.ask_grouped([standing(each) for each in due])
    assert [(each.url.rpartition("/")[2], len(each.units), each.expected) for each in calls] == [
        ("2026-07-06?adjusted=false&include_otc=false", 2, 1),
        ("2026-07-07?adjusted=false&include_otc=false", 1, 1),
        ("2026-07-08?adjusted=false&include_otc=false", 2, 3),
    ]
    assert calls[1].units == (unit("AAPL", JUL7, JUL7),)
    assert polygon.ask_grouped([standing(Unit("prices", "AAPL:1"))]) == []
    weekend = unit("AAPL", date(2026, 7, 11), date(2026, 7, 12))
    assert polygon.ask_grouped([standing(weekend)]) == []


ACTIONS: dict[str, list[dict[str, Any]]] = {
    polygon.SPLITS: [
        {"results": [{"execution_date": "2026-07-07", "split_from": 1, "split_to": 4, "ticker": "BRK.B"}],
         "next_url": "https://api.massive.com/v3/reference/splits?cursor=2&apiKey=SECRET"},
        {"results": [{"execution_date": "2026-07-08", "split_from": 2, "split_to": 1, "ticker": "AAPL"},
                     {"execution_date": "2026-07-08", "split_from": 2, "split_to": 1, "ticker": "OTHER"}]},
    ],
    polygon.DIVIDENDS: [
        {"results": [{"cash_amount": 0.27, "currency": "USD", "dividend_type": "CD",
                      "ex_dividend_date": "2026-07-08", "ticker": "AAPL"}]},
    ],
}  # fmt: skip


def wire(sent: Call, bars: str) -> Reply:
    """The bars, or the page of splits or dividends that the address names."""
    parts = urlsplit(sent.url)
    assert "SECRET" not in sent.url
    if parts.path not in ACTIONS:
        return reply(sent, bars, AT)
    page = ACTIONS[parts.path][1 if "cursor" in parse_qs(parts.query) else 0]
    return reply(sent, json.dumps({"status": "OK", **page}), AT)


def test_the_last_session_also_asks_for_splits_and_dividends_since_the_first() -> None:
    due = [unit("AAPL", JUL6, JUL8), unit("BRK-B", JUL6, JUL8)]
    last = polygon.ask_grouped([standing(each) for each in due])[-1]
    bars = answer([row(200.0, JUL8, "AAPL"), row(500.0, JUL8, "BRK.B"), row(1.0, JUL8, "OTHER")])
    pages, asked = drive(polygon.read_grouped, last, lambda sent: wire(sent, bars))
    assert [each.url.removeprefix("https://api.polygon.io") for each in asked[1:]] == [
        "/v3/reference/splits?execution_date.gte=2026-07-06&execution_date.lte=2026-07-08&limit=1000",
        "/v3/reference/dividends?ex_dividend_date.gte=2026-07-06&ex_dividend_date.lte=2026-07-08&limit=1000",
        "/v3/reference/splits?cursor=2",
    ]
    assert [(str(r[1]), r[6], r[7]) for r in rows(pages, prices.DailyPrice)] == [
        ("2026-07-08", 200.0, 1000.5), ("2026-07-08", 500.0, 1000.5),
    ]  # fmt: skip
    found = {(str(r[1]), r[2], *r[4:8]) for r in rows(pages, prices.CorporateAction)}
    assert found == {
        ("2026-07-07", "split", 4.0, 1.0, None, None),
        ("2026-07-08", "split", 1.0, 2.0, None, None),
        ("2026-07-08", "dividend", None, None, 0.27, "USD"),
    }
    assert [held.unit.key for page in pages for held in page.settled] == ["AAPL:1", "BRK-B:1"]


def grouped(body: str, day: date, held: Holding | None = None) -> Any:
    (asked,) = polygon.ask_grouped([standing(unit("AAPL", day, day))])
    answered = reply(replace(asked, carried=()), body, AT)
    return next(iter(polygon.read_grouped(answered, {held.unit.key: held} if held else {})))


def covered(first: date, last: date) -> Holding:
    mark = '{"n":2,"first":"2026-07-06","last":"2026-07-07","closes":[199.0,200.0]}'
    return Holding(
        unit=unit("AAPL", first, last), outcome=Outcome.SETTLED, checked_at=AT, source="polygon", mark=mark
    )


def test_a_listing_without_a_row_is_settled_as_a_session_without_a_bar() -> None:
    page = grouped(answer([row(1.0, JUL8, "OTHER")]), JUL8, covered(JUL6, JUL7))
    (held,) = page.settled
    assert (held.outcome, held.unit.span) == (Outcome.SETTLED, Span(JUL6, JUL8))
    assert prices.mark_of(held).holes == {"2026-07-08": 1}
    assert page.batches == ()


def test_a_listing_that_never_had_a_bar_is_left_to_other_feeds() -> None:
    page = grouped(answer([row(1.0, JUL8, "OTHER")]), JUL8)
    assert (page.settled, page.batches) == ((), ())


def test_days_adjoin_what_is_covered_on_either_side() -> None:
    first, last = date(2026, 7, 1), JUL8
    asked = replace(standing(unit("AAPL", first, last)), covered=Span(date(2026, 7, 6), date(2026, 7, 6)))
    other = standing(unit("F", date(2026, 7, 7), last))
    calls = polygon.ask_grouped([asked, other])
    assert [call.label for call in calls] == ["2026-07-07", "2026-07-08", "2026-07-02", "2026-07-01"]
    assert [len(call.units) for call in calls] == [2, 2, 1, 1]
    assert calls[-1].carried == ("2026-07-01", "2026-07-08")
    assert [call.expected for call in calls] == [1, 1, 1, 3]


@pytest.mark.parametrize("results", [{}, {"results": []}])
def test_a_session_that_polygon_has_not_yet_settles_nothing(results: dict[str, Any]) -> None:
    body = json.dumps({"status": "OK", "adjusted": False, "queryCount": 0, "resultsCount": 0, **results})
    page = grouped(body, JUL8, covered(JUL6, JUL7))
    assert (page.settled, page.batches) == ((), ())
    assert "2026-07-08" in page.notes[0]


def test_bars_of_another_day_or_adjusted_ones_are_malformed() -> None:
    for body in (answer([row(1.0, JUL7, "AAPL")]), answer([row(1.0, JUL8, "AAPL")], adjusted=True)):
        with pytest.raises(Malformed):
            grouped(body, JUL8)


@pytest.mark.shared
def test_the_recorded_market_is_adjusted_and_refused_for_that(recorded: dict[str, Recording]) -> None:
    """It was recorded with adjusted=true; with the flag cleared its one row settles the day."""
    told = recorded[GROUPED].told
    day = date(2020, 10, 14)
    (asked,) = polygon.ask_grouped([standing(unit("GIK", day, day))])
    asked = replace(asked, carried=())
    with pytest.raises(Malformed, match="adjusted"):
        list(polygon.read_grouped(reply(asked, recorded[GROUPED].body, AT), {}))
    pages = polygon.read_grouped(reply(asked, json.dumps({**told, "adjusted": False}), AT), {})
    ((*_, day_, source, o, h, low, c, v, vw, n, basis, at),) = rows(pages, prices.DailyPrice)
    assert (day_, source, o, h, low, c, v, vw, n, basis, at) == (
        day, "polygon", 9.99, 10.02, 9.9, 10.02, 895345.0, 9.9979, 96, None, AT,
    )  # fmt: skip


MARKET = 12_000


def ranged(first: date, last: date, *evidence: str) -> Call:
    (asked,) = polygon.ask_range([standing(unit("BRK-B", first, last), *evidence)])
    return asked


def test_a_range_is_asked_for_as_traded_and_then_its_splits_and_dividends() -> None:
    asked = ranged(JUL7, JUL8, "2026-07-06")
    assert asked.url == (
        "https://api.polygon.io/v2/aggs/ticker/BRK.B/range/1/day/2026-07-06/2026-07-08"
        "?adjusted=false&sort=asc&limit=50000"
    )
    bars = answer([row(2000.0, JUL6), row(500.0, JUL7), row(501.0, JUL8)], ticker="BRK.B")
    pages, sent = drive(polygon.read_range, asked, lambda call: wire(call, bars))
    assert (asked.expected, [urlsplit(each.url).query for each in sent[1:3]]) == (
        3, ["ticker=BRK.B&limit=1000", "ticker=BRK.B&limit=1000"],
    )  # fmt: skip
    assert [(r[1], r[6]) for r in rows(pages, prices.DailyPrice)] == [(JUL7, 500.0), (JUL8, 501.0)]
    assert [r[:3] for r in rows(pages, prices.CorporateAction)] == [
        (universe.listing_id("BRK-B", 1), JUL7, "split")
    ]
    assert [held.unit.span for page in pages for held in page.settled] == [Span(JUL7, JUL8)]


@pytest.mark.shared
def test_apple_in_january_2023_is_the_file(recorded: dict[str, Recording]) -> None:
    told = recorded[JANUARY].told
    span = Span(date(2023, 1, 1), date(2023, 1, 10))
    (asked,) = polygon.ask_range([standing(Unit("prices", "AAPL:320193", span))])
    body = json.dumps({**told, "adjusted": False})
    (page,) = polygon.read_range(reply(asked, body, datetime(2023, 1, 11, 1, tzinfo=UTC)), {})
    found = rows([page], prices.DailyPrice)
    assert [r[3:10] for r in found] == [
        tuple(t[key] for key in ("o", "h", "l", "c", "v", "vw", "n")) for t in told["results"]
    ]
    assert [str(r[1]) for r in found] == [str(day) for day in sessions.between(span.start, span.end)]


def read_range(asked: Call, body: str, held: Holding | None = None, status: int = 200) -> Any:
    (page,) = polygon.read_range(reply(asked, body, AT, status), {"BRK-B:1": held} if held else {})
    return page


def test_an_unknown_ticker_is_left_to_the_next_feed() -> None:
    for body, status in ((answer([], ticker="BRK.B"), 200), ('{"status":"NOT_FOUND"}', 404)):
        page = read_range(ranged(JUL7, JUL8), body, status=status)
        assert (page.settled, page.calls) == ((), ())
        assert "BRK.B" in page.notes[0]


def test_a_range_that_a_plan_cuts_off_is_settled_from_its_first_bar_on() -> None:
    first, kept = date(2020, 1, 2), TODAY - timedelta(days=725)
    body = answer([row(400.0, kept), row(500.0, JUL8)], ticker="BRK.B")
    page = read_range(ranged(first, JUL8), body)
    assert [held.unit.span for held in page.settled] == [Span(kept, JUL8)]
    assert str(kept) in page.notes[0]
    whole = answer([row(400.0, first), row(500.0, JUL8)], ticker="BRK.B")
    assert [held.unit.span for held in read_range(ranged(first, JUL8), whole).settled] == [Span(first, JUL8)]
    young = date(2025, 1, 2)
    late = answer([row(400.0, date(2025, 3, 3)), row(500.0, JUL8)], ticker="BRK.B")
    assert [held.unit.span for held in read_range(ranged(young, JUL8), late).settled] == [Span(young, JUL8)]


def test_what_lies_beyond_a_page_stays_due() -> None:
    further = {"ticker": "BRK.B", "next_url": "https://api.polygon.io/v2/aggs/x?cursor=1"}
    page = read_range(ranged(JUL6, JUL8), answer([row(400.0, JUL6), row(401.0, JUL7)], **further))
    assert [held.unit.span for held in page.settled] == [Span(JUL6, JUL7)]


def test_bars_of_another_ticker_are_malformed() -> None:
    with pytest.raises(Malformed, match="AAPL"):
        read_range(ranged(JUL6, JUL8), answer([row(1.0, JUL7)], ticker="AAPL"))


def contract(expiration: date, strike: int = 200, right: str = "call") -> dict[str, Any]:
    name = f"O:AAPL{expiration:%y%m%d}{right[0].upper()}{strike * 1000:08d}"
    return {
        "details": {"contract_type": right, "expiration_date": str(expiration), "strike_price": strike,
                    "ticker": name},
        "day": {"volume": 8, "close": 5.1},
        "greeks": {"delta": 0.5, "gamma": 0.01, "theta": -0.1, "vega": 0.3},
        "implied_volatility": 0.3, "last_quote": {"bid": 5.0, "ask": 5.2}, "open_interest": 12,
        "last_trade": {"price": 5.1, "sip_timestamp": 1_783_627_200_000_000_000},
        "underlying_asset": {"ticker": "AAPL", "price": 201.0, "last_updated": 1_783_627_200_000_000_000},
    }  # fmt: skip


WEEKS = [TODAY + timedelta(days=1 + 7 * n) for n in range(12)]
NEAR = [WEEKS[3], WEEKS[4], WEEKS[5]]
"""22, 29 and 36 days ahead."""


def chain(extent: str, large: bool) -> tuple[list[Any], list[Call]]:
    (asked,) = polygon.ask_options([standing(Unit("options", "AAPL:320193", extent=extent))])
    moments = iter(range(60))

    def wire(sent: Call) -> Reply:
        query = parse_qs(urlsplit(sent.url).query)
        at = AT + timedelta(seconds=next(moments))
        if urlsplit(sent.url).path == polygon.CONTRACTS:
            assert (query["strike_price.gte"], query["strike_price.lte"]) == (["190.95"], ["211.05"])
            page = query.get("cursor", ["0"])[0]
            days = WEEKS[:6] if page == "0" else WEEKS[6:]
            more = {"next_url": f"{sent.url}&cursor=1"} if page == "0" else {}
            told = [{"expiration_date": str(day)} for day in days]
            return reply(sent, json.dumps({"status": "OK", "results": told, **more}), at)
        if "expiration_date" in query:
            day = date.fromisoformat(query["expiration_date"][0])
            strike, more = 200, {"next_url": f"{sent.url}&cursor=1"}
            if "cursor" in query:
                strike, more = 205, {}
            return reply(sent, json.dumps({"status": "OK", "results": [contract(day, strike)], **more}), at)
        first = "cursor" not in query
        results = [contract(day) for day in (WEEKS[:6] if first and large else WEEKS[6:] if large else WEEKS)]
        more = {"next_url": f"{sent.url}&cursor=1"} if large and first else {}
        return reply(sent, json.dumps({"status": "OK", "results": results, **more}), at)

    return drive(polygon.read_options, asked, wire)


def seen(pages: list[Any]) -> list[tuple[date, float]]:
    return sorted((r[6], r[7]) for r in rows(pages, options.OptionQuote))


def test_of_a_chain_of_one_page_the_nearest_expirations_are_kept() -> None:
    pages, asked = chain("dte 30", large=False)
    assert [each.url for each in asked] == ["https://api.polygon.io/v3/snapshot/options/AAPL?limit=250"]
    assert seen(pages) == [(day, 200.0) for day in NEAR]
    assert [held.outcome for page in pages for held in page.settled] == [Outcome.SETTLED]


def test_the_nearest_expirations_of_a_large_chain_are_asked_for_one_by_one() -> None:
    pages, asked = chain("dte 30", large=True)
    assert seen(pages) == [(day, strike) for day in NEAR for strike in (200.0, 205.0)]
    assert {r[1] for r in rows(pages, options.OptionQuote)} == {AT}
    assert len(asked) == 9
    assert asked[0].expected == 5


def test_a_whole_chain_is_one_snapshot_over_its_pages() -> None:
    pages, asked = chain("all", large=True)
    assert len(asked) == 2
    assert seen(pages) == [(day, 200.0) for day in WEEKS]
    assert {r[1] for r in rows(pages, options.OptionQuote)} == {AT}


@pytest.mark.shared
def test_the_recorded_snapshot_of_apple_is_a_row_with_its_greeks(recorded: dict[str, Recording]) -> None:
    record = recorded["v3_snapshot_options_AAPL.json"]
    (asked,) = polygon.ask_options([standing(Unit("options", "AAPL:320193", extent="all"))])
    at = datetime(2022, 4, 29, 17, 45, tzinfo=UTC)
    pages = polygon.read_options(reply(asked, record.body, at), {})
    (found,) = rows(pages, options.OptionQuote)
    assert found[2:12] == (
        "AAPL230616C00150000", date(2022, 4, 29), "polygon", "call", date(2023, 6, 16), 150.0, 413,
        28.9, 29.25, 29.075,
    )  # fmt: skip
    names = options_columns()
    told = record.told["results"][0]
    greeks = {name: found[names.index(name)] for name in ("delta", "gamma", "theta", "vega")}
    assert greeks == told["greeks"]
    assert found[names.index("greeks_computed")] is False
    assert found[names.index("stock_price")] == 159.9606


def options_columns() -> list[str]:
    from evertape.model.records import table_of

    return list(table_of(options.OptionQuote).names)


@pytest.mark.parametrize(("body", "status"), [('{"status":"OK","results":[]}', 200), ("{}", 404)])
def test_an_underlying_that_polygon_has_no_options_of_is_left(body: str, status: int) -> None:
    (asked,) = polygon.ask_options([standing(Unit("options", "BRK-B:1", extent="dte 30"))])
    assert asked.url == "https://api.polygon.io/v3/snapshot/options/BRK.B?limit=250"
    (page,) = polygon.read_options(reply(asked, body, AT, status), {})
    assert (page.settled, page.calls) == ((), ())


BODIES: list[tuple[Any, Any, str]] = [
    (polygon.read_grouped, json.loads(answer([row(1.0, JUL8, "AAPL"), row(2.0, JUL8, "B")])),
     f"{polygon.GROUPED}2026-07-08"),
    (polygon.read_range, json.loads(answer([row(1.0, JUL7), row(2.0, JUL8)], ticker="AAPL")), "/v2/aggs/x"),
    (polygon.read_range, {"status": "OK", **ACTIONS[polygon.SPLITS][0]}, polygon.SPLITS),
    (polygon.read_range, {"status": "OK", **ACTIONS[polygon.DIVIDENDS][0]}, polygon.DIVIDENDS),
    (polygon.read_options, {"status": "OK", "results": [contract(day) for day in WEEKS[4:6]]},
     "/v3/snapshot"),
    (polygon.read_options, {"status": "OK", "results": [{"expiration_date": "2026-08-07"}]},
     polygon.CONTRACTS),
]  # fmt: skip


def reads_or_refuses(read: Any, body: bytes, path: str, held: Mapping[str, Holding]) -> None:
    options_ = read is polygon.read_options
    due = Unit("options", "AAPL:1", extent="dte 30") if options_ else unit("AAPL", JUL7, JUL8)
    carried = (AT.isoformat(),) if path == polygon.CONTRACTS else ()
    url = f"https://api.polygon.io{path}"
    asked = Call(source="polygon", feed="polygon", url=url, units=(due,), carried=carried)
    answered = reply(asked, body, AT)
    polygon.refusal(answered)
    try:
        list(read(answered, held))
    except Malformed:
        return


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_body_makes_a_reader_raise_anything_but_malformed(data: st.DataObject) -> None:
    read, body, path = data.draw(st.sampled_from(BODIES))
    held = {"AAPL:1": covered(JUL6, JUL6)} if data.draw(st.booleans()) else {}
    reads_or_refuses(read, data.draw(mutated(body)), path, held)


RECORDED = [
    (polygon.read_grouped, GROUPED, f"{polygon.GROUPED}2020-10-14"),
    (polygon.read_range, JANUARY, "/v2/aggs/x"),
    (polygon.read_range, "v3_reference_splits.json", polygon.SPLITS),
    (polygon.read_range, "v3_reference_dividends.json", polygon.DIVIDENDS),
    (polygon.read_options, "v3_snapshot_options_AAPL.json", "/v3/snapshot"),
    (polygon.read_options, "v3_reference_options_contracts.json", polygon.CONTRACTS),
]


@pytest.mark.shared
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_mutation_of_a_recorded_body_does_either(
    recorded: dict[str, Recording], data: st.DataObject
) -> None:
    read, name, path = data.draw(st.sampled_from(RECORDED))
    told = recorded[name].told
    cleared = {**told, "adjusted": False} if "adjusted" in told else told
    reads_or_refuses(read, data.draw(mutated(cleared)), path, {})
