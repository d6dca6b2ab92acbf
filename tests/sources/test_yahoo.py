"""What Yahoo's answers really say, what is asked of it, and what its answers settle."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.datasets import options, prices
from evertape.datasets.quality import Finding
from evertape.errors import Denied, Malformed, Throttled, Transient
from evertape.model.call import Call, Reply
from evertape.model.login import LoginState, Send, Session
from evertape.model.records import table_of
from evertape.model.unit import Freshness, Holding, Outcome, Span, Standing, Unit
from evertape.sources import yahoo
from tests.formats.test_yahoo import CHAINS, NVDA, OXY, apple
from tests.sources.market_recordings import Recording, drive, of_host, reply, rows
from tests.sources.mutations import mutated

AT = datetime(2020, 9, 1, 1, 0, tzinfo=UTC)
"""Nine in the evening of 31 August in New York."""
SPAN = Span(date(2020, 8, 3), date(2020, 8, 31))
UNIT = Unit("prices", "AAPL:320193", SPAN)


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, Recording]:
    return of_host(shared, "query2.finance.yahoo.com")


def call(url: str = "https://query2.finance.yahoo.com/v8/finance/chart/AAPL") -> Call:
    return Call(source="yahoo", feed="yahoo.chart", url=url, units=(UNIT,))


def told(error: dict[str, str], place: str = "chart") -> str:
    return json.dumps({place: {"result": None, "error": error}})


DELISTED = told({"code": "Not Found", "description": "No data found, symbol may be delisted"})
BAD = told({"code": "Unprocessable Entity", "description": "1m data not available for startTime=1"})
CRUMB = told({"code": "Unauthorized", "description": "Invalid Crumb"}, "finance")
UNABLE = told({"code": "Unauthorized", "description": "User is unable to access this feature"}, "finance")
DOWN = "<!DOCTYPE html><html><head><title>Yahoo</title></head><body>Will be right back...</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, "Too Many Requests\r\n", "throttled"),
        (429, "Edge: Too Many Requests", "throttled"),
        (200, "Too Many Requests\r\n", "throttled"),
        (401, CRUMB, "expired"),
        (401, UNABLE, "expired"),
        (200, CRUMB, "expired"),
        (200, DOWN, "transient"),
        (404, DOWN, "transient"),
        (200, "\n<html><body>consent</body></html>", "transient"),
        (500, "", "transient"),
        (503, DOWN, "transient"),
        (400, BAD, "malformed"),
        (422, BAD, "malformed"),
        (403, "Forbidden", "malformed"),
        (404, "", "malformed"),
        (404, DELISTED, None),
        (200, '{"chart":{"result":[],"error":null}}', None),
    ],
)
def test_what_an_answer_really_says(status: int, body: str, kind: str | None) -> None:
    refusal = yahoo.refusal(reply(call(), body, AT, status))
    assert (refusal.kind if refusal else None) == kind


def test_the_page_that_hands_out_the_cookie_may_fail_as_it_likes() -> None:
    for status in (404, 502):
        assert yahoo.refusal(reply(call("https://fc.yahoo.com/"), DOWN, AT, status)) is None


def test_words_of_the_source_are_told() -> None:
    refusal = yahoo.refusal(reply(call(), BAD, AT, 422))
    assert refusal is not None
    assert "1m data not available" in refusal.reason
    waiting = replace(reply(call(), "Too Many Requests", AT, 429), headers={"retry-after": "7"})
    patient = yahoo.refusal(waiting)
    assert patient is not None
    assert patient.retry_after == 7.0


STATE = LoginState(credentials={}, now=AT)
A3 = "A3=d=AQABBNM&S=AQAAAk; Expires=Thu, 1 Oct 2027 01:00:00 GMT; Domain=.yahoo.com; Secure; HttpOnly"


def step(state: LoginState) -> Send:
    taken = yahoo.login(state)
    assert isinstance(taken, Send)
    return taken


def cookie(text: str = A3, status: int = 404) -> LoginState:
    sent = step(STATE)
    answer = replace(reply(sent.call, "", AT, status), headers={"set-cookie": text} if text else {})
    return replace(STATE, state=sent.state, reply=answer)


def test_a_session_is_a_cookie_and_the_crumb_that_belongs_to_it() -> None:
    assert step(STATE).call.url == "https://fc.yahoo.com/"
    second = step(cookie())
    assert second.call.url == "https://query1.finance.yahoo.com/v1/test/getcrumb"
    assert second.headers["Cookie"] == "A3=d=AQABBNM&S=AQAAAk"
    answer = reply(second.call, "3cOUu/m2.vB", AT)
    session = yahoo.login(replace(STATE, state=second.state, reply=answer))
    kept = {"cookie": "A3=d=AQABBNM&S=AQAAAk", "crumb": "3cOUu/m2.vB"}
    assert session == Session(headers={"Cookie": kept["cookie"]}, query={"crumb": kept["crumb"]}, kept=kept)
    assert "AQABBNM" not in repr(session) + repr(second)


def test_the_session_of_the_process_before_is_taken_until_yahoo_refuses_it() -> None:
    kept = {"cookie": "A3=d=AQABBNM&S=AQAAAk", "crumb": "3cOUu/m2.vB"}
    session = yahoo.login(replace(STATE, kept=kept))
    assert session == Session(headers={"Cookie": kept["cookie"]}, query={"crumb": kept["crumb"]}, kept=kept)
    for state in (replace(STATE, kept=kept, refused=True), replace(STATE, kept={"cookie": "A3=d=AQABBNM"})):
        assert step(state).call.label == "cookie"
    # What came of the steps counts, whatever was kept.
    assert step(replace(cookie(), kept=kept)).call.label == "crumb"


@pytest.mark.parametrize("text", ["", "A1=d=AQABBNM; Path=/", "XA3=1"])
def test_without_the_cookie_there_is_no_session(text: str) -> None:
    with pytest.raises(Denied, match="POLYGON_API_KEY"):
        yahoo.login(cookie(text))


@pytest.mark.parametrize(("status", "error"), [(429, Throttled), (502, Transient), (503, Transient)])
def test_a_yahoo_that_is_busy_or_down_is_not_one_that_refuses(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        yahoo.login(cookie("", status))
    assert step(cookie(status=status)).state


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, "Too Many Requests\r\n", Throttled),
        (200, "Too Many Requests", Transient),
        (200, "", Transient),
        (200, DOWN, Transient),
        (401, CRUMB, Transient),
        (500, "3cOUu/m2.vB", Transient),
    ],
)
def test_what_comes_in_place_of_a_crumb_is_never_kept_as_one(
    status: int, body: str, error: type[Exception]
) -> None:
    second = step(cookie())
    with pytest.raises(error):
        yahoo.login(replace(STATE, state=second.state, reply=reply(second.call, body, AT, status)))


def standing(unit: Unit, *evidence: str) -> Standing:
    return Standing(
        dataset=unit.dataset, key=unit.key, level=Freshness.STALE, label="X", unit=unit, evidence=evidence
    )


def test_a_chart_is_asked_for_from_the_session_held_last_through_today() -> None:
    ask, bar, none = (
        standing(UNIT, "2020-07-31"),
        standing(Unit("prices", "BRK-B:1067983", SPAN)),
        standing(Unit("prices", "X:1")),
    )
    assert [each.url for each in yahoo.ask_chart([ask, bar, none])] == [
        "https://query2.finance.yahoo.com/v8/finance/chart/AAPL?period1=1596168000&period2=9999999999"
        "&interval=1d&events=div%2Csplits",
        "https://query2.finance.yahoo.com/v8/finance/chart/BRK-B?period1=1596427200&period2=9999999999"
        "&interval=1d&events=div%2Csplits",
    ]
    assert datetime.fromtimestamp(1596168000, UTC) == datetime(2020, 7, 31, 4, tzinfo=UTC)


def test_a_chart_is_expected_to_be_as_large_as_its_days_are_many() -> None:
    """Recorded: 600 to 624 bytes for a day, 8,597 and 10,959 for a year, 2,424 for 49 sessions."""
    spans = [
        Span(date(2020, 8, 3), date(2020, 8, 3)),
        Span(date(2020, 6, 1), date(2020, 8, 7)),
        Span(date(2020, 1, 2), date(2020, 12, 31)),
    ]
    asked = yahoo.ask_chart([standing(Unit("prices", UNIT.key, span)) for span in spans])
    assert [each.size for each in asked] == [pytest.approx(n, rel=0.1) for n in (612, 2424, 9778)]


def read_chart(body: bytes | str, held: Holding | None = None, status: int = 200) -> Any:
    (asked,) = yahoo.ask_chart([standing(UNIT)])
    (page,) = yahoo.read_chart(reply(asked, body, AT, status), {held.unit.key: held} if held else {})
    return page


def test_a_chart_settles_its_days_as_they_were_traded() -> None:
    page = read_chart(apple())
    bars = rows([page], prices.DailyPrice)
    assert [(str(row[1]), row[2]) for row in bars] == [
        ("2020-08-07", "yahoo"), ("2020-08-28", "yahoo"), ("2020-08-31", "yahoo"),
    ]  # fmt: skip
    assert [row[6] for row in bars] == pytest.approx([444.45, 499.23, 129.04], abs=0.01)
    assert {row[10] for row in bars} == {None}
    assert [(str(row[1]), row[2], *row[4:7]) for row in rows([page], prices.CorporateAction)] == [
        ("2020-08-31", "split", 4.0, 1.0, None), ("2020-08-07", "dividend", None, None, 0.82),
    ]  # fmt: skip
    (held,) = page.settled
    assert (held.unit, held.outcome, held.source) == (UNIT, Outcome.SETTLED, "yahoo")


def test_the_days_row_is_no_bar_while_the_session_is_on() -> None:
    (asked,) = yahoo.ask_chart([standing(UNIT)])
    noon = datetime(2020, 8, 31, 16, 0, tzinfo=UTC)
    (page,) = yahoo.read_chart(reply(asked, apple(), noon), {})
    assert [str(row[1]) for row in rows([page], prices.DailyPrice)] == ["2020-08-07", "2020-08-28"]


def test_a_symbol_unknown_to_yahoo_is_left_to_the_next_feed() -> None:
    page = read_chart(DELISTED, status=404)
    assert (page.settled, page.batches, page.notes) == ((), (), ("AAPL: unknown to Yahoo",))


def test_prices_of_another_symbol_are_malformed() -> None:
    with pytest.raises(Malformed, match="MSFT"):
        read_chart(apple(meta={"symbol": "MSFT"}))


@pytest.mark.shared
def test_a_recorded_chart_that_ends_in_the_past_keeps_its_basis(recorded: dict[str, Recording]) -> None:
    unit = Unit("prices", "NVDA:1045810", Span(date(2021, 2, 1), date(2022, 1, 28)))
    asked = replace(call(recorded[NVDA].url), units=(unit,))
    pages = yahoo.read_chart(reply(asked, recorded[NVDA].body, recorded[NVDA].at), {})
    bars = rows(pages, prices.DailyPrice)
    assert len(bars) == 252
    assert {row[10] for row in bars} == {date(2025, 2, 22)}
    assert bars[0][6] == 13.237000465393066


TAKEN = datetime(2025, 6, 24, 18, 4, 54, tzinfo=UTC)


def snapshot(
    recorded: dict[str, Recording], extent: str, symbol: str = "OXY:797468"
) -> tuple[list[Any], list[Call]]:
    (asked,) = yahoo.ask_options([standing(Unit("options", symbol, extent=extent))])

    def answer(sent: Call) -> Reply:
        _, _, epoch = sent.url.partition("?date=")
        name = f"v7_finance_options_OXY_{epoch or 'crumb=KEY'}"
        return reply(sent, recorded[name].body, TAKEN + timedelta(seconds=len(sent.carried)))

    return drive(yahoo.read_options, asked, answer)


@pytest.mark.shared
def test_all_expirations_of_oxy_are_one_snapshot(recorded: dict[str, Recording]) -> None:
    pages, asked = snapshot(recorded, "all")
    found = rows(pages, options.OptionQuote)
    assert (len(asked), asked[0].expected) == (17, 17)
    assert {row[1] for row in found} == {TAKEN}
    counts: dict[str, int] = {}
    for row in found:
        counts[str(row[6])] = counts.get(str(row[6]), 0) + 1
    assert counts == OXY
    assert len({row[2] for row in found}) == sum(OXY.values())
    assert all(each.session for each in asked)
    assert [held.outcome for page in pages for held in page.settled] == [Outcome.SETTLED] * 17
    last = [held for page in pages for held in page.settled][-1]
    sizes = [len(answer.body) for answer in (recorded[name] for name in sorted(recorded))]
    assert last.size is not None
    assert max(sizes) < last.size < 17 * max(sizes)


@pytest.mark.shared
def test_where_yahoos_solver_failed_there_is_no_volatility_and_none_is_made_greeks_of(
    recorded: dict[str, Recording],
) -> None:
    """0.00001 of contracts of OXY in market hours, bid for or not."""
    pages, _ = snapshot(recorded, "all")
    names = table_of(options.OptionQuote).names
    found = [dict(zip(names, row, strict=True)) for row in rows(pages, options.OptionQuote)]
    failed = [quote for quote in found if quote["implied_volatility"] is None]
    assert (len(failed), len(found)) == (53, 716)
    assert {(quote["delta"], quote["theta"], quote["greeks_computed"]) for quote in failed} == {
        (None, None, None)
    }
    assert min(quote["implied_volatility"] for quote in found if quote not in failed) > 0.06
    said = [row for row in rows(pages, Finding) if row[1] == "option_volatility"]
    assert len(said) == len(failed)


@pytest.mark.shared
def test_the_three_expirations_nearest_to_thirty_days_are_asked_for(recorded: dict[str, Recording]) -> None:
    pages, asked = snapshot(recorded, "dte 30")
    assert [each.url.rpartition("/")[2] for each in asked] == [
        "OXY", "OXY?date=1752796800", "OXY?date=1753401600", "OXY?date=1754006400",
    ]  # fmt: skip
    assert [each.expected for each in asked] == [4, 3, 2, 1]
    found = rows(pages, options.OptionQuote)
    assert {str(row[6]) for row in found} == {"2025-07-18", "2025-07-25", "2025-08-01"}
    assert len(found) == OXY["2025-07-18"] + OXY["2025-07-25"] + OXY["2025-08-01"]


@pytest.mark.shared
def test_a_wanted_expiration_of_the_first_answer_is_not_asked_for_again(
    recorded: dict[str, Recording],
) -> None:
    pages, asked = snapshot(recorded, "dte 3")
    assert len(asked) == 3
    found = rows(pages, options.OptionQuote)
    assert {str(row[6]) for row in found} == {"2025-06-27", "2025-07-03", "2025-07-11"}


@pytest.mark.shared
@pytest.mark.parametrize("name", CHAINS)
def test_the_first_answer_of_each_recorded_chain_is_read(recorded: dict[str, Recording], name: str) -> None:
    record = recorded[name]
    symbol = record.told["optionChain"]["result"][0]["underlyingSymbol"]
    asked = replace(call(record.url), units=(Unit("options", f"{symbol}:1", extent="all"),))
    pages = list(yahoo.read_options(reply(asked, record.body, record.at), {}))
    assert len(rows(pages, options.OptionQuote)) == sum(CHAINS[name])
    settled = [held.outcome for page in pages for held in page.settled]
    if not record.told["optionChain"]["result"][0]["expirationDates"]:
        assert settled == [Outcome.NOTHING]
    else:
        assert settled == ([Outcome.SETTLED] if sum(CHAINS[name]) else [])


def read_options(body: str, *carried: str) -> Any:
    unit = Unit("options", "AAPL:320193", extent="dte 30")
    asked = replace(call(), units=(unit,), carried=carried)
    return list(yahoo.read_options(reply(asked, body, TAKEN), {}))


def test_an_unknown_underlying_is_left_to_the_next_feed() -> None:
    (page,) = read_options('{"optionChain":{"result":[],"error":null}}')
    assert (page.settled, page.notes) == ((), ("AAPL: unknown to Yahoo",))


def test_a_further_expiration_without_contracts_takes_nothing_back() -> None:
    (page,) = read_options(
        '{"optionChain":{"result":[{"underlyingSymbol":"AAPL","options":[]}],"error":null}}',
        TAKEN.isoformat(), "100",
    )  # fmt: skip
    assert (page.settled, page.batches) == ((), ())


def test_a_chain_of_another_underlying_is_malformed() -> None:
    with pytest.raises(Malformed, match="MSFT"):
        read_options('{"optionChain":{"result":[{"underlyingSymbol":"MSFT"}],"error":null}}')


CHART = json.loads(apple())
CONTRACT = {
    "contractSymbol": "AAPL250718C00200000", "strike": 200, "currency": "USD", "lastPrice": 5.1, "volume": 3,
    "openInterest": 7, "bid": 5.0, "ask": 5.2, "expiration": 1752796800, "lastTradeDate": 1750788000,
    "impliedVolatility": 0.3,
}  # fmt: skip
CHAIN = {
    "optionChain": {
        "result": [
            {
                "underlyingSymbol": "AAPL",
                "expirationDates": [1752796800, 1753401600],
                "quote": {"symbol": "AAPL", "regularMarketPrice": 201.0, "regularMarketTime": 1750788293},
                "options": [{"expirationDate": 1752796800, "calls": [CONTRACT], "puts": []}],
            }
        ],
        "error": None,
    }
}


def reads_or_refuses(body: bytes, status: int = 200) -> None:
    due = ((yahoo.read_chart, UNIT), (yahoo.read_options, Unit("options", UNIT.key, extent="dte 30")))
    for read, unit in due:
        answer = reply(replace(call(), units=(unit,)), body, AT, status)
        yahoo.refusal(answer)
        try:
            list(read(answer, {}))
        except Malformed:
            continue


@settings(max_examples=400, deadline=None)
@given(body=st.one_of(mutated(CHART), mutated(CHAIN)), status=st.sampled_from([200, 404]))
def test_no_body_makes_a_reader_raise_anything_but_malformed(body: bytes, status: int) -> None:
    reads_or_refuses(body, status)


@pytest.mark.shared
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_mutation_of_a_recorded_body_does_either(
    recorded: dict[str, Recording], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["chart-AAPL", "options-AAPL-expire-2022-03-01", "options-EPAC"]))
    reads_or_refuses(data.draw(mutated(recorded[name].told)))
