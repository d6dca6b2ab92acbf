"""Yahoo's quotes are read with the figures that the recorded files hold, and nothing is made up."""

from __future__ import annotations

import json
import struct
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.formats.bars import Bar, MalformedPrices
from evertape.formats.yahoo_quotes import Quoted, read_quotes
from tests.sources.market_recordings import Recording, of_host
from tests.sources.mutations import mutated

QUOTES = {"quote-AAPL": ("AAPL",), "quote-AAPL-BABA": ("AAPL", "BABA"), "quote-ADH": ("ADH",)}
VALENTINE = date(2025, 2, 14)


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, Recording]:
    return of_host(shared, "query2.finance.yahoo.com")


def body(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"quoteResponse": {"result": rows, "error": None}}).encode()


def single(value: float) -> float:
    """As the chart of the same day sends it."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


@pytest.mark.shared
@pytest.mark.parametrize("name", QUOTES)
def test_quotes_are_the_files(recorded: dict[str, Recording], name: str) -> None:
    found = read_quotes(recorded[name].body)
    told = {row["symbol"]: row for row in json.loads(recorded[name].body)["quoteResponse"]["result"]}
    assert set(found) == set(told) == set(QUOTES[name])
    for symbol, quoted in found.items():
        row = told[symbol]
        assert (quoted.symbol, quoted.kind, quoted.currency) == (
            symbol, row["quoteType"], row.get("currency"),
        )  # fmt: skip
        assert quoted.at == datetime.fromtimestamp(row["regularMarketTime"], UTC)
        assert (quoted.open, quoted.high, quoted.low, quoted.close, quoted.volume, quoted.previous) == (
            row.get("regularMarketOpen"), row.get("regularMarketDayHigh"), row.get("regularMarketDayLow"),
            row.get("regularMarketPrice"), row.get("regularMarketVolume"),
            row.get("regularMarketPreviousClose"),
        )  # fmt: skip
        assert quoted.pays is ("dividendDate" in row)


@pytest.mark.shared
def test_the_bar_of_a_recorded_quote_is_its_sessions(recorded: dict[str, Recording]) -> None:
    apple = read_quotes(recorded["quote-AAPL"].body)["AAPL"]
    assert apple.bar(VALENTINE) == Bar(
        VALENTINE, single(241.07), single(245.41), 241.0, single(244.6), 40896227.0
    )  # fmt: skip
    assert (apple.previous, apple.paid_on) == (241.53, date(2025, 2, 13))
    fund = read_quotes(recorded["quote-ADH"].body)["ADH"]
    assert fund.bar(VALENTINE).empty
    assert (fund.kind, fund.pays) == ("MUTUALFUND", False)


@pytest.mark.parametrize(
    ("row", "pays", "paid_on"),
    [
        ({}, False, None),
        ({"dividendRate": 0, "trailingAnnualDividendYield": 0.0}, False, None),
        ({"dividendRate": 1}, True, None),
        ({"dividendYield": 0.4}, True, None),
        ({"trailingAnnualDividendRate": 0.99}, True, None),
        ({"trailingAnnualDividendYield": 0.004}, True, None),
        ({"dividendDate": 1739404800}, True, date(2025, 2, 13)),
        ({"dividendDate": 1739404800, "dividendRate": 0}, True, date(2025, 2, 13)),
    ],
)
def test_a_payer_is_who_has_a_rate_a_yield_or_a_date(
    row: dict[str, Any], pays: bool, paid_on: date | None
) -> None:
    quoted = read_quotes(body({"symbol": "A", **row}))["A"]
    assert (quoted.pays, quoted.paid_on) == (pays, paid_on)


def test_a_symbol_that_yahoo_leaves_out_is_not_there_and_of_two_the_first_counts() -> None:
    assert read_quotes(body()) == {}
    assert read_quotes(body({"regularMarketPrice": 1.0})) == {}
    twice = read_quotes(body(*({"symbol": "A", "regularMarketPrice": p} for p in (1.0, 2.0))))
    assert twice["A"].close == 1.0


@pytest.mark.parametrize(
    "broken",
    [
        b"", b"null", b"{}", b"Too Many Requests", b"<html></html>", b'{"quoteResponse":{}}',
        b'{"quoteResponse":{"result":null,"error":null}}',
        b'{"quoteResponse":{"result":[],"error":{"code":"Bad","description":"no"}}}',
        b'{"finance":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}',
        body({"symbol": "A", "regularMarketPrice": {"raw": 1.0, "fmt": "1.00"}}),
        body({"symbol": "A", "regularMarketTime": 10**20}),
        body({"symbol": "A", "dividendDate": 10**15}),
    ],
)  # fmt: skip
def test_a_body_that_is_no_list_of_quotes_is_malformed(broken: bytes) -> None:
    with pytest.raises(MalformedPrices):
        read_quotes(broken)


WHOLE = {
    "symbol": "AAPL", "quoteType": "EQUITY", "currency": "USD", "regularMarketTime": 1739566800,
    "regularMarketOpen": 241.07, "regularMarketDayHigh": 245.41, "regularMarketDayLow": 241,
    "regularMarketPrice": 244.6, "regularMarketVolume": 40896227, "regularMarketPreviousClose": 241.53,
    "dividendDate": 1739404800, "dividendRate": 1,
}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_body_makes_the_reader_raise_anything_but_malformed(data: st.DataObject) -> None:
    sent = data.draw(mutated({"quoteResponse": {"result": [WHOLE], "error": None}}))
    try:
        found = read_quotes(sent)
    except MalformedPrices:
        return
    for quoted in found.values():
        assert isinstance(quoted, Quoted)
        quoted.bar(VALENTINE)
