"""Schwab's manners: what it refuses, what is asked, what its answers settle. No body here is recorded."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evertape.datasets.options import OptionQuote
from evertape.datasets.prices import DailyPrice
from evertape.errors import Malformed
from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.records import Record, Row
from evertape.model.unit import Freshness, Outcome, Span, Standing, Unit
from evertape.sources import schwab
from tests.formats.test_schwab import CANDLE, CONTRACT, PUT, chain, history
from tests.sources.changed import GARBAGE, changed, read_or_refused

AT = datetime(2024, 10, 25, 20, 30, tzinfo=UTC)
KEY = "AMAT:6951"
SPAN = Span(date(2024, 10, 21), date(2024, 10, 25))
HTML = b"<!DOCTYPE html>\n<html><head><title>Sorry</title></head></html>"
DATES = ("2024-11-01", "2024-11-15", "2024-11-22", "2024-11-29", "2025-01-17")
EXPIRATIONS = json.dumps(
    {"status": "SUCCESS", "expirationList": [{"expirationDate": d, "standard": True} for d in DATES]}
).encode()
UNKNOWN = b'{"errors": [{"id": "x", "status": "404", "title": "Not Found", "detail": "No such symbol"}]}'


def standing(dataset: str, unit: Unit) -> Standing:
    return Standing(dataset=dataset, key=unit.key, level=Freshness.MISSING, label="AMAT", unit=unit)


def asked(extent: str = "dte 30", key: str = KEY) -> Call:
    (call,) = schwab.ask_chains([standing("options", Unit("options", key, extent=extent))])
    return call


def prices_asked(key: str = KEY) -> Call:
    (call,) = schwab.ask_prices([standing("prices", Unit("prices", key, SPAN))])
    return call


def reply(call: Call, sent: bytes, status: int = 200, **headers: str) -> Reply:
    return Reply(call=call, status=status, headers=headers, body=sent, wire=len(sent), at=AT)


def query(call: Call) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(call.url).query).items()}


def rows(pages: list[Page], record: type[Record]) -> list[Row]:
    return [row for page in pages for batch in page.batches if batch.record is record for row in batch.rows]


def test_the_expirations_come_first_and_only_the_nearest_three_are_quoted() -> None:
    call = asked()
    assert urlsplit(call.url).path == "/marketdata/v1/expirationchain"
    assert (call.session, call.expected, call.archive, query(call)) == (True, 2, False, {"symbol": "AMAT"})
    (page,) = schwab.read_chains(reply(call, EXPIRATIONS), {})
    assert (page.settled, page.batches) == ((), ())
    (child,) = page.calls
    assert (child.session, child.archive, child.units, child.feed) == (True, True, call.units, call.feed)
    assert query(child) == {
        "symbol": "AMAT", "contractType": "ALL", "includeUnderlyingQuote": "true", "strategy": "SINGLE",
        "fromDate": "2024-11-15", "toDate": "2024-11-29",
    }  # fmt: skip
    pages = list(schwab.read_chains(reply(child, chain(CONTRACT, PUT)), {}))
    assert len(rows(pages, OptionQuote)) == 2
    (held,) = pages[0].settled
    assert (held.outcome, held.unit, held.source) == (Outcome.SETTLED, call.units[0], "schwab")


def test_a_whole_chain_is_one_request() -> None:
    call = asked("all")
    assert urlsplit(call.url).path == "/marketdata/v1/chains"
    assert (call.expected, call.archive, call.session) == (1, True, True)
    assert "fromDate" not in query(call)
    assert query(asked("all", "BRK-B:1067983"))["symbol"] == "BRK/B"


def test_an_empty_chain_beside_the_stocks_price_says_that_there_are_no_options() -> None:
    (page,) = schwab.read_chains(reply(asked("all"), chain(status="FAILED")), {})
    (held,) = page.settled
    assert (held.outcome, page.calls, page.batches) == (Outcome.NOTHING, (), ())


def test_an_empty_answer_that_also_an_unknown_symbol_gets_settles_nothing() -> None:
    none = json.dumps({"status": "FAILED", "expirationList": []}).encode()
    told = {"symbol": "AMAT", "status": "FAILED", "underlying": None, "underlyingPrice": 0.0}
    bare = json.dumps({**told, "callExpDateMap": {}, "putExpDateMap": {}}).encode()
    for call, sent in ((asked(), none), (asked("all"), bare)):
        (page,) = schwab.read_chains(reply(call, sent), {})
        assert (page.settled, page.calls, page.batches) == ((), (), ())
        assert "AMAT" in page.notes[0]


@pytest.mark.parametrize("call", [asked(), asked("all"), prices_asked()])
def test_an_unknown_symbol_settles_nothing_so_that_the_next_feed_is_asked(call: Call) -> None:
    answer = reply(call, UNKNOWN, 404)
    assert schwab.refusal(answer) is None
    read = schwab.read_prices if "pricehistory" in call.url else schwab.read_chains
    (page,) = read(answer, {})
    assert (page.batches, page.settled, page.calls) == ((), (), ())
    assert "AMAT" in page.notes[0]


def test_prices_are_asked_for_the_days_of_the_unit_as_new_york_has_them() -> None:
    told = query(prices_asked())
    start, end = (datetime.fromtimestamp(int(told[name]) / 1000, UTC) for name in ("startDate", "endDate"))
    assert start == datetime(2024, 10, 21, 4, tzinfo=UTC)
    assert end == datetime(2024, 10, 26, 3, 59, 59, tzinfo=UTC)
    assert (told["symbol"], told["frequencyType"], told["periodType"]) == ("AMAT", "daily", "year")
    assert query(prices_asked("BRK-B:1067983"))["symbol"] == "BRK/B"
    assert prices_asked().session


def test_bars_say_on_which_days_share_count_they_stand() -> None:
    pages = list(schwab.read_prices(reply(prices_asked(), history(CANDLE)), {}))
    (row,) = rows(pages, DailyPrice)
    assert row[1:7] == (date(2024, 10, 25), "schwab", 185.1, 187.2, 184.9, 186.4)
    assert row[-2:] == (date(2024, 10, 25), AT)
    (held,) = pages[0].settled
    assert (held.outcome, held.unit.span) == (Outcome.SETTLED, SPAN)


def test_an_empty_history_settles_nothing() -> None:
    (page,) = schwab.read_prices(reply(prices_asked(), history()), {})
    assert (page.batches, page.settled) == ((), ())
    assert page.notes


def test_answers_about_another_symbol_are_refused() -> None:
    with pytest.raises(Malformed, match="MSFT"):
        list(schwab.read_chains(reply(asked("all"), chain(CONTRACT, symbol="MSFT")), {}))
    with pytest.raises(Malformed, match="MSFT"):
        list(schwab.read_prices(reply(prices_asked(), history(CANDLE, symbol="MSFT")), {}))


def fault(status: int | str) -> bytes:
    return json.dumps({"errors": [{"id": "x", "status": status, "title": "t", "detail": "words"}]}).encode()


@pytest.mark.parametrize(
    ("status", "sent", "kind"),
    [
        (200, chain(CONTRACT), None),
        (200, chain(), None),
        (200, history(), None),
        (304, b"", None),
        (400, fault("400"), "malformed"),
        (400, b"", "malformed"),
        (401, fault(401), "expired"),
        (401, b"", "expired"),
        (403, b"", "denied"),
        (404, fault("404"), None),
        (404, b"", None),
        (429, b"", "throttled"),
        (500, fault(500), "transient"),
        (502, HTML, "transient"),
        (200, fault(401), "expired"),
        (200, fault("429"), "throttled"),
        (200, fault("500"), "transient"),
        (200, fault("400"), "malformed"),
        (200, fault("404"), "malformed"),
        (200, b'{"error": "invalid_request"}', "malformed"),
        (200, HTML, "transient"),
        (418, b"", "malformed"),
    ],
)
def test_what_an_answer_really_says(status: int, sent: bytes, kind: str | None) -> None:
    told = schwab.refusal(reply(asked(), sent, status))
    assert (told.kind if told else None) == kind


def test_the_reason_has_schwabs_words_and_a_throttle_its_wait() -> None:
    told = schwab.refusal(reply(asked(), fault("400"), 400))
    assert told is not None
    assert "words" in told.reason
    throttled = schwab.refusal(reply(asked(), b"", 429, **{"retry-after": "7"}))
    assert throttled is not None
    assert throttled.retry_after == 7.0


@pytest.mark.parametrize("sent", GARBAGE)
@pytest.mark.parametrize("call", [asked(), asked("all"), prices_asked()])
def test_garbage_is_malformed(call: Call, sent: bytes) -> None:
    read = schwab.read_prices if "pricehistory" in call.url else schwab.read_chains
    assert read_or_refused(read, reply(call, sent)) is None


patient = settings(
    max_examples=200, deadline=timedelta(seconds=2), suppress_health_check=[HealthCheck.too_slow]
)


@given(sent=changed(chain(CONTRACT, PUT)), extent=st.sampled_from(["all", "dte 30"]))
@patient
def test_a_changed_chain_is_read_or_malformed(sent: bytes, extent: str) -> None:
    (page,) = schwab.read_chains(reply(asked(extent), EXPIRATIONS), {}) if extent != "all" else (None,)
    call = page.calls[0] if page else asked("all")
    read_or_refused(schwab.read_chains, reply(call, sent))
    schwab.refusal(reply(call, sent))


@given(sent=changed(EXPIRATIONS))
@patient
def test_a_changed_list_of_expirations_is_read_or_malformed(sent: bytes) -> None:
    read_or_refused(schwab.read_chains, reply(asked(), sent))


@given(sent=changed(history(CANDLE, {**CANDLE, "datetime": CANDLE["datetime"] - 86400000})))
@patient
def test_a_changed_history_is_read_or_malformed(sent: bytes) -> None:
    read_or_refused(schwab.read_prices, reply(prices_asked(), sent))
