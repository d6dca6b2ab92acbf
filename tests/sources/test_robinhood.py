"""Robinhood's manners: what it refuses, what is asked, what its answers settle. No body here is recorded."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings

from evertape.datasets.options import OptionQuote
from evertape.datasets.prices import DailyPrice
from evertape.errors import Malformed
from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.records import Record, table_of
from evertape.model.unit import Freshness, Outcome, Span, Standing, Unit
from evertape.sources import robinhood
from evertape.sources.robinhood.chains import ask_options, read_options
from evertape.sources.robinhood.historicals import ask_prices, read_prices
from tests.formats.test_robinhood import (
    API,
    BAR,
    CHAIN,
    CONTRACT,
    INSTRUMENT,
    MARKET,
    QUOTE,
    historical,
    results,
)
from tests.sources.changed import GARBAGE, changed, read_or_refused

AT = datetime(2026, 4, 27, 20, 30, tzinfo=UTC)
NEAREST = ["2026-05-22", "2026-05-29", "2026-06-18"]
HTML = b"<!DOCTYPE html>\n<html><head><title>Sorry</title></head></html>"


def standing(dataset: str, unit: Unit) -> Standing:
    return Standing(dataset=dataset, key=unit.key, level=Freshness.MISSING, label="label", unit=unit)


def asked(extent: str = "dte 30", key: str = "IWM:1") -> Call:
    (call,) = ask_options([standing("options", Unit("options", key, extent=extent))])
    return call


def prices_asked(*symbols: str, span: Span | None = None) -> list[Call]:
    span = span or Span(date(2026, 4, 20), date(2026, 4, 24))
    return list(ask_prices([standing("prices", Unit("prices", f"{s}:1", span)) for s in symbols]))


def reply(call: Call, sent: bytes, status: int = 200, **headers: str) -> Reply:
    return Reply(call=call, status=status, headers=headers, body=sent, wire=len(sent), at=AT)


def query(call: Call) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(call.url).query).items()}


def rows(pages: list[Page], record: type[Record]) -> list[dict[str, Any]]:
    names = table_of(record).names
    batches = [batch for page in pages for batch in page.batches if batch.record is record]
    return [dict(zip(names, row, strict=True)) for batch in batches for row in batch.rows]


class World:
    """Answers of a Robinhood with `count` contracts, `paged` to a page; remembers what was asked."""

    def __init__(self, count: int = 90, paged: int = 50) -> None:
        self.contracts = [
            {**CONTRACT, "id": f"c-{n}", "strike_price": f"{200 + n}.0000", "type": ("call", "put")[n % 2]}
            for n in range(count)
        ]
        self.paged = paged
        self.asked: list[Call] = []

    def answer(self, call: Call) -> bytes:
        self.asked.append(call)
        path = urlsplit(call.url).path
        if path == "/quotes/":
            return results(QUOTE)
        if path == "/instruments/":
            return results(INSTRUMENT)
        if path.startswith("/options/chains/"):
            return json.dumps(CHAIN).encode()
        if path == "/options/instruments/":
            at = int(query(call).get("cursor", "0"))
            after = f"{API}/options/instruments/?cursor={at + self.paged}"
            more = at + self.paged < len(self.contracts)
            return results(*self.contracts[at : at + self.paged], next=after if more else None)
        assert path == "/marketdata/options/"
        idents = [address.rstrip("/").rpartition("/")[2] for address in query(call)["instruments"].split(",")]
        return results(*(self.market(ident) for ident in idents))

    def market(self, ident: str) -> dict[str, Any]:
        contract = self.contracts[int(ident[2:])]
        told = {k: v for k, v in MARKET.items() if k != "occ_symbol"}
        bid = f"{contract['strike_price'][:3]}.5"
        return {**told, "instrument_id": ident, "bid_price": bid, "delta": "NaN"}

    def walk(self, call: Call) -> list[Page]:
        """All pages of a call and of those that its answers ask for."""
        tree, pages = [call], []
        while tree:
            read = list(read_options(reply(tree[0], self.answer(tree[0])), {}))
            pages += read
            tree = [*tree[1:], *(child for page in read for child in page.calls)]
        return pages


def test_a_chain_is_walked_from_the_price_to_the_market_data_as_one_snapshot() -> None:
    world = World()
    pages = world.walk(asked())
    assert [urlsplit(call.url).path for call in world.asked] == [
        "/quotes/", "/instruments/", f"/options/chains/{CHAIN['id']}/",
        "/options/instruments/", "/options/instruments/",
        "/marketdata/options/", "/marketdata/options/", "/marketdata/options/",
    ]  # fmt: skip
    assert query(world.asked[0]) == {"symbols": "IWM"}
    assert query(world.asked[3])["expiration_dates"].split(",") == NEAREST
    assert query(world.asked[3])["state"] == "active"
    batches = [query(call)["instruments"].split(",") for call in world.asked[5:]]
    assert [len(batch) for batch in batches] == [40, 40, 10]
    assert batches[0][0] == f"{API}/options/instruments/c-0/"
    found = rows(pages, OptionQuote)
    assert len(found) == 90
    assert {(row["taken_at"], row["source"], row["stock_price"]) for row in found} == {
        (AT, "robinhood", 275.1)
    }
    by_strike = {row["strike"]: row for row in found}
    assert by_strike[289.0]["contract"] == "IWM260522P00289000"
    assert (by_strike[289.0]["bid"], by_strike[200.0]["bid"]) == (289.5, 200.5)
    (held,) = [held for page in pages for held in page.settled]
    assert (held.outcome, held.unit) == (Outcome.SETTLED, asked().units[0])


def test_every_call_of_the_walk_has_the_session_and_its_unit() -> None:
    world = World()
    world.walk(asked())
    assert {(c.session, c.units, c.feed, c.source, c.archive) for c in world.asked} == {
        (True, asked().units, "robinhood.options", "robinhood", False)
    }
    assert asked().expected == 17
    assert asked("all").expected == 80
    assert query(asked(key="BRK-B:1067983"))["symbols"] == "BRK.B"


def test_a_whole_chain_names_every_expiration() -> None:
    world = World(count=1)
    world.walk(asked("all"))
    assert query(world.asked[3])["expiration_dates"].split(",") == CHAIN["expiration_dates"]


def test_contracts_without_market_data_are_told() -> None:
    class Sparse(World):
        def market(self, ident: str) -> dict[str, Any]:
            return super().market(ident) if ident != "c-1" else None  # type: ignore[return-value]

    pages = Sparse(count=3).walk(asked())
    assert len(rows(pages, OptionQuote)) == 2
    assert "no market data of 1 of 3 contracts" in pages[-1].notes[-1]


def step_of(path: str) -> Call:
    """The call of a walk with this path, with what it carries."""
    world = World(count=3)
    world.walk(asked())
    return next(call for call in world.asked if urlsplit(call.url).path.startswith(path))


STEPS = {
    "/quotes/": results(QUOTE),
    "/instruments/": results(INSTRUMENT),
    "/options/chains/": json.dumps(CHAIN).encode(),
    "/options/instruments/": results(CONTRACT, next=None),
    "/marketdata/options/": results({**MARKET, "instrument_id": "c-1"}, {**MARKET, "instrument_id": "c-2"}),
}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/instruments/", results({**INSTRUMENT, "tradable_chain_id": None})),
        ("/options/chains/", json.dumps({**CHAIN, "expiration_dates": []}).encode()),
        ("/options/instruments/", results(next=None)),
    ],
)
def test_a_stock_without_options_is_known_to_have_none(path: str, sent: bytes) -> None:
    (page,) = read_options(reply(step_of(path), sent), {})
    (held,) = page.settled
    assert (held.outcome, page.calls, page.batches) == (Outcome.NOTHING, (), ())


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/quotes/", results(None), 200),
        ("/quotes/", b'{"detail": "Not found."}', 404),
        ("/instruments/", results(), 200),
        ("/options/chains/", b'{"detail": "Not found."}', 404),
    ],
)
def test_an_unknown_symbol_settles_nothing_so_that_the_next_feed_is_asked(
    path: str, sent: bytes, status: int
) -> None:
    (page,) = read_options(reply(step_of(path), sent, status), {})
    assert (page.batches, page.settled, page.calls) == ((), (), ())
    assert "IWM" in page.notes[0]


@pytest.mark.parametrize(
    "after", ["https://example.org/options/instruments/?cursor=1", f"{API}/accounts/", f"{API}.example.org/"]
)
def test_a_next_page_elsewhere_is_refused(after: str) -> None:
    """The session goes with every call: it must not be sent where an answer says."""
    with pytest.raises(Malformed, match="page 1"):
        list(read_options(reply(step_of("/options/instruments/"), results(CONTRACT, next=after)), {}))


def test_a_list_of_contracts_that_never_ends_is_refused() -> None:
    call, sent = (
        step_of("/options/instruments/"),
        results(CONTRACT, next=f"{API}/options/instruments/?cursor=1"),
    )
    for _ in range(199):
        (page,) = read_options(reply(call, sent), {})
        (call,) = page.calls
    with pytest.raises(Malformed, match="page 200"):
        list(read_options(reply(call, sent), {}))


def test_twenty_symbols_go_into_a_call_of_the_span_that_reaches_far_enough() -> None:
    calls = prices_asked(*(f"S{n}" for n in range(45)))
    assert [len(call.units) for call in calls] == [20, 20, 5]
    assert {query(call)["span"] for call in calls} == {"month"}
    assert query(calls[2])["symbols"] == "S40,S41,S42,S43,S44"
    assert query(calls[0])["interval"] == "day"
    assert query(calls[0])["bounds"] == "regular"
    assert all(call.session for call in calls)
    for start, span in (
        (date(2026, 4, 24), "week"),
        (date(2026, 2, 2), "3month"),
        (date(2025, 6, 2), "year"),
        (date(2016, 1, 4), "5year"),
    ):
        (call,) = prices_asked("BRK-B", span=Span(start, date(2026, 4, 24)))
        assert (query(call)["span"], query(call)["symbols"]) == (span, "BRK.B")


def test_bars_of_each_symbol_settle_its_unit_and_unknown_symbols_nothing() -> None:
    (call,) = prices_asked("IWM", "BRK-B", "NONE")
    pages = list(
        read_prices(reply(call, results(historical("IWM", BAR), None, historical("BRK.B", BAR))), {})
    )
    found = rows(pages, DailyPrice)
    assert [(row["day"], row["close"], row["split_basis"]) for row in found] == [
        (date(2026, 4, 24), 273.5, date(2026, 4, 27))
    ] * 2
    settled = {held.unit.key: held.outcome for page in pages for held in page.settled}
    assert settled == {"IWM:1": Outcome.SETTLED, "BRK-B:1": Outcome.SETTLED}
    assert [note for page in pages for note in page.notes] == [
        "Robinhood has no prices of NONE for these days"
    ]


def test_days_further_back_than_the_answer_reaches_are_asked_for_with_a_longer_span() -> None:
    long_ago = Span(date(2025, 10, 1), date(2025, 10, 8))
    (call,) = prices_asked("IWM", span=long_ago)
    assert query(call)["span"] == "month"
    (page,) = read_prices(reply(call, results(historical("IWM", BAR))), {})
    assert page.settled == ()
    (child,) = page.calls
    assert (query(child)["span"], child.units, child.session) == ("year", call.units, True)
    pages = list(read_prices(reply(child, results(historical("IWM", BAR))), {}))
    assert [held.unit.span for page in pages for held in page.settled] == [long_ago]


def test_of_days_beyond_five_years_only_the_rest_is_settled() -> None:
    (call,) = prices_asked("IWM", span=Span(date(2016, 1, 4), date(2026, 4, 24)))
    pages = list(read_prices(reply(call, results(historical("IWM", BAR))), {}))
    (held,) = [held for page in pages for held in page.settled]
    assert held.unit.span == Span(date(2026, 4, 27) - timedelta(days=1825), date(2026, 4, 24))
    (older,) = prices_asked("IWM", span=Span(date(2016, 1, 4), date(2016, 6, 1)))
    again = list(read_prices(reply(older, results(historical("IWM", BAR))), {}))
    assert [held for page in again for held in page.settled] == []
    (last,) = [child for page in again for child in page.calls]
    assert query(last)["span"] == "5year"
    (page,) = read_prices(reply(last, results(historical("IWM", BAR))), {})
    assert (page.settled, page.calls) == ((), ())
    assert "IWM" in page.notes[0]


THROTTLED = b'{"detail": "Request was throttled. Expected available in 43 seconds."}'
LOCKED = b'{"detail": "Request was throttled. Expected available in 1043000 seconds."}'


@pytest.mark.parametrize(
    ("status", "sent", "kind"),
    [
        (200, results(QUOTE), None),
        (200, results(), None),
        (200, json.dumps(CHAIN).encode(), None),
        (304, b"", None),
        (401, b'{"detail": "Invalid token."}', "expired"),
        (401, b"", "expired"),
        (403, b'{"detail": "You do not have permission."}', "denied"),
        (404, b'{"detail": "Not found."}', None),
        (429, THROTTLED, "throttled"),
        (429, b"", "throttled"),
        (400, b'{"detail": "Bad request"}', "malformed"),
        (500, HTML, "transient"),
        (503, b"", "transient"),
        (200, THROTTLED, "throttled"),
        (200, b'{"detail": "Invalid token."}', "expired"),
        (200, b'{"detail": "Authentication credentials were not provided."}', "expired"),
        (200, b'{"detail": "Something else."}', "malformed"),
        (200, HTML, "transient"),
        (418, b"", "malformed"),
    ],
)
def test_what_an_answer_really_says(status: int, sent: bytes, kind: str | None) -> None:
    told = robinhood.refusal(reply(asked(), sent, status))
    assert (told.kind if told else None) == kind


def test_a_throttle_says_for_how_long_and_a_lock_makes_nobody_wait() -> None:
    told = robinhood.refusal(reply(asked(), THROTTLED, 429))
    assert told is not None
    assert (told.retry_after, told.pause) == (43.0, 43.0)
    assert "Expected available in 43 seconds" in told.reason
    locked = robinhood.refusal(reply(asked(), LOCKED, 429))
    assert locked is not None
    assert (locked.kind, locked.retry_after, locked.pause) == ("throttled", 1_043_000.0, None)


@pytest.mark.parametrize("sent", GARBAGE)
@pytest.mark.parametrize("path", list(STEPS))
def test_garbage_is_malformed(path: str, sent: bytes) -> None:
    assert read_or_refused(read_options, reply(step_of(path), sent)) is None


@pytest.mark.parametrize("sent", GARBAGE)
def test_garbage_in_place_of_prices_is_malformed(sent: bytes) -> None:
    assert read_or_refused(read_prices, reply(prices_asked("IWM")[0], sent)) is None


patient = settings(
    max_examples=150, deadline=timedelta(seconds=2), suppress_health_check=[HealthCheck.too_slow]
)
CALLS = {path: step_of(path) for path in STEPS}


@pytest.mark.parametrize("path", list(STEPS))
def test_a_sound_answer_of_each_step_is_read(path: str) -> None:
    assert read_or_refused(read_options, reply(CALLS[path], STEPS[path]))


@given(sent=changed(STEPS["/quotes/"]))
@patient
def test_a_changed_quote_is_read_or_malformed(sent: bytes) -> None:
    read_or_refused(read_options, reply(CALLS["/quotes/"], sent))


@given(sent=changed(STEPS["/instruments/"]))
@patient
def test_a_changed_instrument_is_read_or_malformed(sent: bytes) -> None:
    read_or_refused(read_options, reply(CALLS["/instruments/"], sent))


@given(sent=changed(STEPS["/options/chains/"]))
@patient
def test_a_changed_chain_is_read_or_malformed(sent: bytes) -> None:
    read_or_refused(read_options, reply(CALLS["/options/chains/"], sent))


@given(
    sent=changed(results(CONTRACT, {**CONTRACT, "id": "c-9"}, next=f"{API}/options/instruments/?cursor=1"))
)
@patient
def test_a_changed_list_of_contracts_is_read_or_malformed_and_what_follows_too(sent: bytes) -> None:
    pages = read_or_refused(read_options, reply(CALLS["/options/instruments/"], sent)) or []
    for call in (call for page in pages for call in page.calls):
        body = results(MARKET) if "/marketdata/" in call.url else results(next=None)
        read_or_refused(read_options, reply(call, body))


@given(sent=changed(STEPS["/marketdata/options/"]))
@patient
def test_changed_market_data_is_read_or_malformed(sent: bytes) -> None:
    read_or_refused(read_options, reply(CALLS["/marketdata/options/"], sent))


@given(sent=changed(results(historical("IWM", BAR, BAR), historical("BRK.B", BAR))))
@patient
def test_changed_historicals_are_read_or_malformed(sent: bytes) -> None:
    read_or_refused(read_prices, reply(prices_asked("IWM", "BRK-B")[0], sent))
    robinhood.refusal(reply(asked(), sent))
