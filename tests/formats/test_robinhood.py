"""Robinhood's shapes, in bodies written from published field lists: none of them is recorded."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from typing import Any

import pytest

from evertape.formats.bars import Bar, MalformedPrices
from evertape.formats.chains import MalformedChain
from evertape.formats.robinhood import (
    Contract,
    Listed,
    Stock,
    fault_of,
    read_contracts,
    read_expirations,
    read_historicals,
    read_listed,
    read_market,
    read_stock,
    robinhood_symbol,
    seconds_of,
)

API = "https://api.robinhood.com"
QUOTE: dict[str, Any] = {
    "ask_price": "275.110000", "ask_size": 100, "bid_price": "275.090000", "bid_size": 200,
    "last_trade_price": "275.100000", "last_extended_hours_trade_price": "274.900000",
    "previous_close": "273.500000", "adjusted_previous_close": "273.500000",
    "previous_close_date": "2026-04-24", "symbol": "IWM", "trading_halted": False, "has_traded": True,
    "updated_at": "2026-04-27T20:14:59.990401321Z", "instrument": f"{API}/instruments/i-1/",
}  # fmt: skip
INSTRUMENT: dict[str, Any] = {
    "id": "i-1", "url": f"{API}/instruments/i-1/", "symbol": "IWM", "state": "active", "type": "etp",
    "tradeable": True, "tradability": "tradable", "tradable_chain_id": "72362eb7-bc7c-4d10-9be4-48a53fffd101",
    "min_tick_size": None,
}  # fmt: skip
CHAIN: dict[str, Any] = {
    "id": INSTRUMENT["tradable_chain_id"], "symbol": "IWM", "can_open_position": True,
    "trade_value_multiplier": "100.0000", "cash_component": None,
    "expiration_dates": ["2026-05-01", "2026-05-22", "2026-05-29", "2026-06-18", "2026-08-21"],
}  # fmt: skip
CONTRACT: dict[str, Any] = {
    "id": "983df2b0-0731-4101-8267-98264969296a", "chain_id": CHAIN["id"], "chain_symbol": "IWM",
    "expiration_date": "2026-05-22", "strike_price": "275.0000", "type": "call", "state": "active",
    "tradability": "tradable", "issue_date": "2025-12-18", "rhs_tradability": "untradable",
    "url": f"{API}/options/instruments/983df2b0-0731-4101-8267-98264969296a/",
}  # fmt: skip
MARKET: dict[str, Any] = {
    "adjusted_mark_price": "16.760000", "ask_price": "17.000000", "ask_size": "50", "bid_price": "16.510000",
    "bid_size": "6", "break_even_price": "291.760000", "high_price": None, "instrument": CONTRACT["url"],
    "instrument_id": CONTRACT["id"], "last_trade_price": "16.520000", "mark_price": "16.755000",
    "open_interest": "2183", "volume": 313, "symbol": "IWM", "occ_symbol": "IWM   260522C00275000",
    "chance_of_profit_long": "0.353361", "chance_of_profit_short": "0.646639", "delta": "0.585157",
    "gamma": "0.011024", "implied_volatility": "0.226572", "rho": "0.460765", "theta": "-0.074250",
    "vega": "0.608111", "updated_at": "2026-04-27T20:14:59.990401321Z",
}  # fmt: skip
BAR: dict[str, Any] = {
    "begins_at": "2026-04-24T00:00:00Z", "open_price": "272.100000", "close_price": "273.500000",
    "high_price": "274.000000", "low_price": "271.900000", "volume": 44146332, "session": "reg",
    "interpolated": False,
}  # fmt: skip
ASKED = Contract(str(CONTRACT["id"]), "IWM", date(2026, 5, 22), "call", 275.0)


def results(*told: object, **more: object) -> bytes:
    return json.dumps({"results": told, **more}).encode()


def historical(symbol: str, *bars: dict[str, Any]) -> dict[str, Any]:
    address = f"{API}/quotes/{symbol}/"
    return {"quote": address, "symbol": symbol, "interval": "day", "span": "year", "historicals": bars}


def test_a_stocks_price_and_when_it_was_told() -> None:
    at = datetime(2026, 4, 27, 20, 14, 59, 990401, tzinfo=UTC)
    assert read_stock(results(None, QUOTE), "IWM") == Stock(275.1, at)
    assert read_stock(results({**QUOTE, "symbol": "BRK.B"}), "BRK-B") == Stock(275.1, at)
    bare = {"symbol": "IWM", "last_trade_price": None, "updated_at": None}
    assert read_stock(results(bare), "IWM") == Stock(None, None)
    assert read_stock(results(None), "IWM") is None
    assert read_stock(results(QUOTE), "QQQ") is None


def test_an_instrument_names_its_chain() -> None:
    old = {**INSTRUMENT, "state": "inactive", "tradable_chain_id": None}
    assert read_listed(results(old, INSTRUMENT), "IWM") == Listed(chain=str(CHAIN["id"]))
    assert read_listed(results(old), "IWM") == Listed(chain=None)
    assert read_listed(results(), "IWM") is None


def test_a_chain_lists_its_expirations_in_order() -> None:
    told = {**CHAIN, "expiration_dates": ["2026-05-22", "2026-05-01"]}
    assert read_expirations(json.dumps(told).encode()) == (date(2026, 5, 1), date(2026, 5, 22))


def test_contracts_come_in_pages() -> None:
    after = f"{API}/options/instruments/?cursor=x"
    assert read_contracts(results(CONTRACT, next=after, previous=None)) == ((ASKED,), after)
    berkshire = {**CONTRACT, "chain_symbol": "BRK.B", "type": "put", "strike_price": "412.5"}
    (contract,), after_it = read_contracts(results(berkshire, next=None))
    assert (contract.root, contract.right, contract.strike, after_it) == ("BRKB", "put", 412.5, None)


def test_market_data_is_what_the_strings_say() -> None:
    (quote,) = read_market(results(MARKET), [ASKED])
    assert (quote.contract, quote.right, quote.strike) == ("IWM260522C00275000", "call", 275.0)
    assert quote.expiration == date(2026, 5, 22)
    assert (quote.bid, quote.ask, quote.last, quote.volume, quote.open_interest) == (
        16.51,
        17.0,
        16.52,
        313,
        2183,
    )
    assert (quote.implied_volatility, quote.delta, quote.gamma) == (0.226572, 0.585157, 0.011024)
    assert (quote.theta, quote.vega, quote.rho, quote.traded_at) == (-0.07425, 0.608111, 0.460765, None)


def test_a_contract_without_an_occ_symbol_is_named_from_what_the_list_said() -> None:
    old = {k: v for k, v in MARKET.items() if k not in ("occ_symbol", "instrument_id")}
    (quote,) = read_market(results(old), [ASKED])
    assert quote.contract == "IWM260522C00275000"
    (adjusted,) = read_market(results({**MARKET, "occ_symbol": "IWM1  260522C00275000"}), [ASKED])
    assert adjusted.contract == "IWM1260522C00275000"


def test_what_is_not_known_is_unknown_and_nan_is_passed_on() -> None:
    told = {**MARKET, "last_trade_price": None, "implied_volatility": "", "delta": "NaN"}
    (quote,) = read_market(results(None, told), [ASKED])
    assert (quote.last, quote.implied_volatility) == (None, None)
    assert quote.delta is not None
    assert math.isnan(quote.delta)


def test_bars_are_sessions_and_made_up_ones_are_left_out() -> None:
    later = {**BAR, "begins_at": "2026-04-27T00:00:00Z", "volume": "5"}
    made = {**BAR, "begins_at": "2026-04-26T00:00:00Z", "interpolated": True}
    body = results(historical("IWM", later, made, BAR), None, historical("BRK.B", BAR))
    iwm, berkshire = read_historicals(body, date(2026, 4, 28))
    assert iwm.bars == (
        Bar(date(2026, 4, 24), 272.1, 274.0, 271.9, 273.5, 44146332),
        Bar(date(2026, 4, 27), 272.1, 274.0, 271.9, 273.5, 5),
    )
    assert (iwm.symbol, berkshire.symbol) == ("IWM", "BRK.B")
    assert (iwm.adjusted, iwm.tells_splits, iwm.basis) == (True, False, date(2026, 4, 28))


@pytest.mark.parametrize("bad", [b"", b"{}", b"null", results(5), results({"symbol": 5})])
def test_another_answer_is_malformed(bad: bytes) -> None:
    with pytest.raises(MalformedChain):
        read_stock(bad, "IWM")
    with pytest.raises(MalformedChain):
        read_listed(bad, "IWM")
    with pytest.raises(MalformedChain):
        read_expirations(bad)
    with pytest.raises(MalformedChain):
        read_contracts(bad)
    with pytest.raises(MalformedPrices):
        read_historicals(bad, date(2026, 4, 28))


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "../x"},
        {"type": "straddle"},
        {"strike_price": "nan"},
        {"strike_price": "high"},
        {"expiration_date": "soon"},
    ],
)
def test_a_contract_that_is_none_is_malformed(changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedChain):
        read_contracts(results({**CONTRACT, **changed}))


@pytest.mark.parametrize(
    "changed",
    [{"instrument_id": "another"}, {"occ_symbol": "IWM"}, {"bid_price": "cheap"}, {"bid_price": []}],
)
def test_market_data_that_is_none_is_malformed(changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedChain):
        read_market(results({**MARKET, **changed}), [ASKED])


def test_an_instrument_with_a_chain_that_is_no_identifier_is_malformed() -> None:
    with pytest.raises(MalformedChain):
        read_listed(results({**INSTRUMENT, "tradable_chain_id": "a/b"}), "IWM")


def test_an_error_is_told_from_an_answer() -> None:
    throttled = "Request was throttled. Expected available in 43 seconds."
    assert fault_of(json.dumps({"detail": throttled}).encode()) == throttled
    assert seconds_of(throttled) == 43.0
    assert seconds_of("Invalid token.") is None
    for answer in (results(QUOTE), results(detail="x"), json.dumps(CHAIN).encode(), b"", b"[" * 3000):
        assert fault_of(answer) is None


def test_classes_are_spelled_with_a_dot() -> None:
    assert [robinhood_symbol(s) for s in ("AAPL", "BRK-B")] == ["AAPL", "BRK.B"]
