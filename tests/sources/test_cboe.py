"""Cboe as recorded: a chain of 2,112 contracts, and what its CDN says in place of one."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evertape.datasets.options import OptionQuote
from evertape.errors import Malformed
from evertape.formats.cboe import read_chain
from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.records import table_of
from evertape.model.unit import Freshness, Outcome, Standing, Unit
from evertape.sources import cboe
from tests.formats.test_cboe import CALL, PUT, body
from tests.sources.changed import GARBAGE, changed, read_or_refused

AT = datetime(2024, 7, 22, 15, 16, 45, tzinfo=UTC)
URL = "https://cdn.cboe.com/api/global/delayed_quotes/options/AAPL.json"
HTML = b"<!DOCTYPE html>\n<html><head><title>Attention Required</title></head></html>"
XML = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'


def asked(extent: str = "all", key: str = "AAPL:320193") -> Call:
    due = Standing(
        dataset="options",
        key=key,
        level=Freshness.MISSING,
        label="AAPL",
        unit=Unit("options", key, extent=extent),
    )
    (call,) = cboe.ask([due])
    return call


def reply(call: Call, sent: bytes, status: int = 200, **headers: str) -> Reply:
    return Reply(call=call, status=status, headers=headers, body=sent, wire=len(sent), at=AT)


def rows_of(page: Page) -> list[dict[str, Any]]:
    names = table_of(OptionQuote).names
    return [
        dict(zip(names, row, strict=True))
        for batch in page.batches
        if batch.record is OptionQuote
        for row in batch.rows
    ]


def recordings(shared: Path) -> list[bytes]:
    lines = [json.loads(line) for line in (shared / "recordings/recordings.jsonl").read_text().splitlines()]
    files = [line["file"] for line in lines if line["url"] == URL]
    return [gzip.decompress((shared / "recordings" / file).read_bytes()) for file in files]


@pytest.mark.shared
def test_every_contract_of_the_recorded_chains_is_read_as_the_file_has_it(shared: Path) -> None:
    bodies = recordings(shared)
    assert len(bodies) == 2
    for sent in bodies:
        told = json.loads(sent)
        chain = read_chain(sent)
        assert len(chain.quotes) == len(told["data"]["options"]) == 2112
        assert (chain.symbol, chain.price) == ("AAPL", told["data"]["current_price"])
        assert len(chain.expirations) == 18
        for quote, option in zip(chain.quotes, told["data"]["options"], strict=True):
            name = option["option"]
            assert quote.contract == name
            assert quote.expiration == datetime.strptime(name[4:10], "%y%m%d").date()  # noqa: DTZ007
            assert (quote.right, quote.strike) == (
                {"C": "call", "P": "put"}[name[10]],
                float(name[11:]) / 1000,
            )
            for field in ("bid", "ask", "volume", "open_interest", "delta", "gamma", "theta", "vega", "rho"):
                assert getattr(quote, field) == option[field]
            assert quote.implied_volatility == option["iv"]
            traded = option["last_trade_time"]
            if traded is None:
                assert (quote.traded_at, quote.last, option["last_trade_price"]) == (None, None, 0.0)
            else:
                local = datetime.fromisoformat(traded).replace(tzinfo=ZoneInfo("America/New_York"))
                assert quote.traded_at == local
                assert quote.last == option["last_trade_price"]


@pytest.mark.shared
def test_figures_of_the_recorded_chain(shared: Path) -> None:
    """Read off the file by eye."""
    chain = read_chain(recordings(shared)[0])
    assert chain.price == 226.0201
    assert chain.priced_at == datetime(2024, 7, 22, 15, 1, 16, tzinfo=UTC)
    named = {quote.contract: quote for quote in chain.quotes}
    first = named["AAPL240726C00100000"]
    assert (first.bid, first.ask, first.implied_volatility, first.delta) == (125.25, 126.7, 0.0, 1.0)
    assert (first.open_interest, first.traded_at) == (25.0, datetime(2024, 7, 19, 13, 30, 11, tzinfo=UTC))
    put = named["AAPL240726P00100000"]
    assert (put.bid, put.ask, put.implied_volatility, put.open_interest) == (0.0, 0.01, 2.3246, 10.0)
    assert put.traded_at == datetime(2024, 6, 27, 19, 49, 58, tzinfo=UTC)
    assert sum(quote.traded_at is None for quote in chain.quotes) == 358
    assert sum(quote.implied_volatility == 0 for quote in chain.quotes) == 290


@pytest.mark.shared
def test_the_recorded_chain_as_rows_of_one_snapshot(shared: Path) -> None:
    sent = recordings(shared)[0]
    whole = list(cboe.read(reply(asked(), sent), {}))
    near = list(cboe.read(reply(asked("dte 30"), sent), {}))
    rows = [row for page in whole for row in rows_of(page)]
    assert len(rows) == 2112
    assert {(row["taken_at"], row["source"], row["stock_price"]) for row in rows} == {(AT, "cboe", 226.0201)}
    options = {option["option"]: option for option in json.loads(sent)["data"]["options"]}
    for row in rows:
        assert (row["bid"], row["ask"]) == (options[row["contract"]]["bid"], options[row["contract"]]["ask"])
        assert row["open_interest"] == options[row["contract"]]["open_interest"]
    picked = [row for page in near for row in rows_of(page)]
    assert {row["expiration"] for row in picked} == {date(2024, 8, 16), date(2024, 8, 23), date(2024, 8, 30)}
    assert len(picked) == sum(name[4:10] in ("240816", "240823", "240830") for name in options)
    (held,) = near[0].settled
    assert (held.outcome, held.unit.extent, held.source) == (Outcome.SETTLED, "dte 30", "cboe")


def test_one_request_a_chain_to_the_address_of_the_symbol() -> None:
    call = asked()
    assert (call.url, call.source, call.feed, call.session) == (URL, "cboe", "cboe.options", False)
    assert asked(key="BRK-B:1067983").url.endswith("/options/BRK.B.json")
    assert cboe.ask([Standing(dataset="options", key="A:1", level=Freshness.FRESH)]) == []


@pytest.mark.parametrize(
    ("status", "sent", "kind"),
    [
        (200, body(CALL), None),
        (304, b"", None),
        (404, XML, None),
        (404, HTML, None),
        (403, XML, None),
        (403, HTML, "denied"),
        (403, b"", "denied"),
        (200, HTML, "transient"),
        (429, b"", "throttled"),
        (500, b"", "transient"),
        (503, HTML, "transient"),
        (418, b"", "malformed"),
    ],
)
def test_what_an_answer_really_says(status: int, sent: bytes, kind: str | None) -> None:
    told = cboe.refusal(reply(asked(), sent, status))
    assert (told.kind if told else None) == kind


def test_a_throttled_answer_says_for_how_long() -> None:
    told = cboe.refusal(reply(asked(), b"", 429, **{"retry-after": "30"}))
    assert told is not None
    assert told.retry_after == 30.0


@pytest.mark.parametrize("status", [403, 404])
def test_an_unknown_symbol_settles_nothing_so_that_the_next_feed_is_asked(status: int) -> None:
    (page,) = cboe.read(reply(asked(), XML, status), {})
    assert (page.batches, page.settled, page.calls) == ((), (), ())
    assert "AAPL" in page.notes[0]


def test_a_chain_without_contracts_says_that_there_are_none() -> None:
    (page,) = cboe.read(reply(asked(), body()), {})
    (held,) = page.settled
    assert held.outcome is Outcome.NOTHING
    assert held.not_before is not None
    assert held.not_before > AT


def test_another_underlyings_chain_is_refused() -> None:
    with pytest.raises(Malformed, match="MSFT"):
        list(cboe.read(reply(asked(), body(CALL, symbol="MSFT")), {}))
    index = reply(asked(key="^SPX:0"), body(CALL, symbol="_SPX"))
    assert rows_of(next(iter(cboe.read(index, {}))))


@pytest.mark.parametrize("sent", GARBAGE)
def test_garbage_is_malformed(sent: bytes) -> None:
    assert read_or_refused(cboe.read, reply(asked(), sent)) is None


@given(sent=changed(body(CALL, PUT)), extent=st.sampled_from(["all", "dte 30"]))
@settings(max_examples=300, deadline=timedelta(seconds=2), suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_chain_is_read_or_malformed(sent: bytes, extent: str) -> None:
    read_or_refused(cboe.read, reply(asked(extent), sent))
