"""Cboe's chains: times, units and names, on small bodies in the recorded shape."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from evertape.formats.cboe import cboe_symbol, in_percent, read_chain
from evertape.formats.chains import MalformedChain

CALL = {
    "option": "AAPL240726C00100000", "bid": 125.25, "bid_size": 61.0, "ask": 126.7, "ask_size": 60.0,
    "iv": 0.0, "open_interest": 25.0, "volume": 0.0, "delta": 1.0, "gamma": 0.0, "theta": 0.0,
    "rho": 0.0164, "vega": 0.0, "theo": 126.0675, "change": 0.0, "open": 0.0, "high": 0.0, "low": 0.0,
    "tick": "no_change", "last_trade_price": 125.45, "last_trade_time": "2024-07-19T09:30:11",
    "percent_change": 0.0, "prev_day_close": 124.400001525879,
}  # fmt: skip
PUT = {
    **CALL, "option": "AAPL240816P00250000", "bid": 24.0, "ask": 24.5, "iv": 0.2614, "delta": -0.9,
    "last_trade_price": 0.0, "last_trade_time": None,
}  # fmt: skip


def body(*options: dict[str, Any], **data: Any) -> bytes:
    told = {
        "symbol": "AAPL",
        "current_price": 226.0201,
        "iv30": 27.028,
        "last_trade_time": "2024-07-22T11:01:16",
    }
    return json.dumps(
        {"timestamp": "2024-07-22 15:16:17", "data": {"options": options, **told, **data}, "symbol": "AAPL"}
    ).encode()


def test_times_of_trades_are_new_yorks_and_the_files_own_is_utc() -> None:
    winter = {**CALL, "last_trade_time": "2024-01-19T15:59:58"}
    chain = read_chain(body(CALL, winter))
    assert [q.traded_at for q in chain.quotes] == [
        datetime(2024, 7, 19, 13, 30, 11, tzinfo=UTC),
        datetime(2024, 1, 19, 20, 59, 58, tzinfo=UTC),
    ]
    assert chain.priced_at == datetime(2024, 7, 22, 15, 1, 16, tzinfo=UTC)
    untraded = read_chain(body(CALL, last_trade_time=None))
    assert untraded.priced_at == datetime(2024, 7, 22, 15, 16, 17, tzinfo=UTC)


def test_a_contract_that_never_traded_has_no_last_price() -> None:
    (quote,) = read_chain(body(PUT)).quotes
    assert (quote.last, quote.traded_at) == (None, None)


def test_a_volatility_of_zero_is_passed_on_as_it_came() -> None:
    (quote,) = read_chain(body(CALL)).quotes
    assert quote.implied_volatility == 0.0


def test_only_the_expirations_picked_are_read_and_all_are_listed() -> None:
    chain = read_chain(body(CALL, PUT), lambda there: there[1:])
    assert chain.expirations == (date(2024, 7, 26), date(2024, 8, 16))
    assert [q.contract for q in chain.quotes] == ["AAPL240816P00250000"]


def test_an_adjusted_contract_keeps_its_root() -> None:
    (quote,) = read_chain(body({**CALL, "option": "AAPL1240726C00100500"})).quotes
    assert (quote.contract, quote.strike, quote.right) == ("AAPL1240726C00100500", 100.5, "call")
    assert quote.expiration == date(2024, 7, 26)


@pytest.mark.parametrize("iv30", [27.028, None, 0.0, 0.27])
def test_volatilities_in_percent_and_in_fractions_come_out_the_same(iv30: float | None) -> None:
    fractions = [{**PUT, "iv": iv} for iv in (0.0, 0.21, 0.31, 4.48)]
    percents = [{**o, "iv": round(o["iv"] * 100, 2)} for o in fractions]  # type: ignore[operator]
    ours = [q.implied_volatility for q in read_chain(body(*fractions, iv30=iv30)).quotes]
    theirs = [q.implied_volatility for q in read_chain(body(*percents, iv30=iv30)).quotes]
    assert ours == [0.0, 0.21, 0.31, 4.48]
    assert theirs == pytest.approx(ours)


def test_the_underlyings_own_volatility_decides_where_it_is_extreme() -> None:
    assert not in_percent([3.5, 4.0, 5.5], iv30=410.0)
    assert in_percent([2.4, 2.5, 2.6], iv30=2.5)
    assert not in_percent([], iv30=27.0)


def test_a_price_that_is_none_is_unknown() -> None:
    assert [read_chain(body(CALL, current_price=p)).price for p in (0.0, -1.0, None, 226.02)] == [
        None, None, None, 226.02,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b'{"timestamp": "2024-07-22 15:16:17"}',
        b'{"timestamp": "2024-07-22 15:16:17", "data": {}}',
        body({**CALL, "option": "AAPL"}),
        body({**CALL, "option": "AAPL240732C00100000"}),
        body(CALL, {**CALL, "option": "AAPL240726C0010000x"}),
        body({**CALL, "bid": "much"}),
        body({**CALL, "last_trade_time": "yesterday"}),
        body(CALL, last_trade_time=None).replace(b"2024-07-22 15:16:17", b"later"),
    ],
)
def test_another_shape_is_malformed(bad: bytes) -> None:
    with pytest.raises(MalformedChain):
        read_chain(bad)


def test_addresses_spell_classes_with_a_dot_and_indices_with_a_bar() -> None:
    assert [cboe_symbol(s) for s in ("AAPL", "BRK-B", "^SPX")] == ["AAPL", "BRK.B", "_SPX"]
