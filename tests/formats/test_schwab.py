"""Schwab's shapes, in bodies written from published field lists: none of them is recorded."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from typing import Any

import pytest

from evertape.formats.bars import Bar, MalformedPrices
from evertape.formats.chains import MalformedChain
from evertape.formats.schwab import fault_of, read_chain, read_expirations, read_history, schwab_symbol

TRADED = 1729884786730
CONTRACT = {
    "putCall": "CALL", "symbol": "AMAT  241115C00210000", "description": "AMAT 11/15/2024 210.00 C",
    "exchangeName": "OPR", "bid": 1.72, "ask": 1.9, "last": 1.88, "mark": 1.81, "bidSize": 22, "askSize": 61,
    "bidAskSize": "22X61", "lastSize": 0, "totalVolume": 310, "tradeTimeInLong": TRADED,
    "quoteTimeInLong": 1729886399500, "netChange": 0.31, "volatility": 47.25, "delta": 0.169,
    "gamma": 0.012, "theta": -0.13, "vega": 0.113, "rho": 0.017, "openInterest": 1704, "timeValue": 1.88,
    "strikePrice": 210.0, "expirationDate": "2024-11-15T21:00:00.000+00:00", "daysToExpiration": 21,
    "optionDeliverablesList": [{"symbol": "AMAT", "assetType": "STOCK", "deliverableUnits": 100.0}],
    "multiplier": 100.0, "nonStandard": False, "optionRoot": "AMAT",
}  # fmt: skip
PUT = {**CONTRACT, "putCall": "PUT", "symbol": "AMAT  241122P00180000", "delta": -0.4, "volatility": 51.0}
UNDERLYING = {
    "symbol": "AMAT", "description": "APPLIED MATLS", "bid": 186.3, "ask": 186.5, "last": 186.4,
    "mark": 186.35, "quoteTime": 1729886399000, "tradeTime": 1729886398000, "delayed": False,
}  # fmt: skip


def chain(*contracts: dict[str, Any], **told: Any) -> bytes:
    sides: dict[str, dict[str, Any]] = {"call": {}, "put": {}}
    for c in contracts:
        code = c["symbol"].replace(" ", "")[-15:]
        side = sides["call" if "C" in code else "put"]
        key = f"20{code[:2]}-{code[2:4]}-{code[4:6]}:{c['daysToExpiration']}"
        side.setdefault(key, {}).setdefault(str(c["strikePrice"]), []).append(c)
    body = {
        "symbol": "AMAT", "status": "SUCCESS", "underlying": UNDERLYING, "strategy": "SINGLE",
        "isDelayed": False, "underlyingPrice": 186.4, "volatility": 29.0, "numberOfContracts": len(contracts),
        "putExpDateMap": sides["put"], "callExpDateMap": sides["call"],
    }  # fmt: skip
    return json.dumps(body | told).encode()


def history(*candles: dict[str, Any], **told: Any) -> bytes:
    return json.dumps({"symbol": "AMAT", "empty": not candles, "candles": candles} | told).encode()


CANDLE = {
    "open": 185.1,
    "high": 187.2,
    "low": 184.9,
    "close": 186.4,
    "volume": 5123456,
    "datetime": 1729832400000,
}


def test_a_contract_has_what_the_fields_say_and_its_volatility_as_a_fraction() -> None:
    told = read_chain(chain(CONTRACT, PUT))
    assert (told.symbol, told.price) == ("AMAT", 186.4)
    assert told.priced_at == datetime(2024, 10, 25, 19, 59, 58, tzinfo=UTC)
    assert told.expirations == (date(2024, 11, 15), date(2024, 11, 22))
    call, put = told.quotes
    assert (call.contract, call.right, call.strike) == ("AMAT241115C00210000", "call", 210.0)
    assert call.expiration == date(2024, 11, 15)
    assert (call.bid, call.ask, call.last, call.volume, call.open_interest) == (1.72, 1.9, 1.88, 310, 1704)
    assert call.implied_volatility == 0.4725
    assert (call.delta, call.gamma, call.theta, call.vega, call.rho) == (0.169, 0.012, -0.13, 0.113, 0.017)
    assert call.traded_at == datetime(2024, 10, 25, 19, 33, 6, 730000, tzinfo=UTC)
    assert (put.right, put.contract, put.delta) == ("put", "AMAT241122P00180000", -0.4)


def test_the_published_schemas_long_names_are_read_too() -> None:
    long = {k: v for k, v in CONTRACT.items() if k not in ("bid", "ask", "last")}
    (quote,) = read_chain(chain({**long, "bidPrice": 1.5, "askPrice": 1.6, "lastPrice": 1.55})).quotes
    assert (quote.bid, quote.ask, quote.last) == (1.5, 1.6, 1.55)


def test_sentinels_are_passed_on_as_they_came() -> None:
    sent = chain({**CONTRACT, "volatility": -999.0, "delta": "NaN", "gamma": -999.0, "tradeTimeInLong": 0})
    (quote,) = read_chain(sent.replace(b'"theta": -0.13', b'"theta": NaN')).quotes
    assert (quote.implied_volatility, quote.gamma, quote.traded_at) == (-999.0, -999.0, None)
    assert quote.delta is not None
    assert math.isnan(quote.delta)
    assert quote.theta is not None
    assert math.isnan(quote.theta)
    percent = read_chain(chain({**CONTRACT, "volatility": "NaN"})).quotes[0].implied_volatility
    assert percent is not None
    assert math.isnan(percent)


def test_the_price_is_the_last_trade_or_what_else_is_told() -> None:
    prices = [
        read_chain(chain(CONTRACT, underlying=underlying, underlyingPrice=told)).price
        for underlying, told in (
            ({**UNDERLYING, "last": 0.0}, 1.0),
            (None, 186.0),
            (None, "NaN"),
            ({}, -999.0),
        )
    ]
    assert prices == [186.35, 186.0, None, None]


def test_an_empty_chain_has_no_contracts() -> None:
    told = read_chain(chain(status="FAILED", underlying=None))
    assert (told.quotes, told.expirations) == ((), ())


def test_expirations_are_read_under_both_names() -> None:
    told = {
        "status": "SUCCESS",
        "expirationList": [
            {"expirationDate": "2024-11-22", "daysToExpiration": 28, "expirationType": "W", "standard": True},
            {"expiration": "2024-11-15", "daysToExpiration": 21, "expirationType": "S", "standard": True},
        ],
    }
    assert read_expirations(json.dumps(told).encode()) == (date(2024, 11, 15), date(2024, 11, 22))


def test_candles_are_sessions_of_new_york_adjusted_up_to_the_day_given() -> None:
    later = {**CANDLE, "datetime": 1735279200000, "close": "NaN"}
    told = read_history(history(later, CANDLE), date(2024, 12, 28))
    assert told.bars == (
        Bar(date(2024, 10, 25), 185.1, 187.2, 184.9, 186.4, 5123456),
        Bar(date(2024, 12, 27), 185.1, 187.2, 184.9, None, 5123456),
    )
    assert (told.adjusted, told.tells_splits, told.basis) == (True, False, date(2024, 12, 28))
    assert read_history(history(), date(2024, 12, 28)).bars == ()


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{}",
        b'{"errors": []}',
        chain({**CONTRACT, "symbol": "AMAT_111524C210"}),
        chain({**CONTRACT, "bid": []}),
        chain({**CONTRACT, "bid": "cheap"}),
        chain({**CONTRACT, "tradeTimeInLong": 1e300}),
    ],
)
def test_another_chain_is_malformed(bad: bytes) -> None:
    with pytest.raises(MalformedChain):
        read_chain(bad)


@pytest.mark.parametrize(
    "bad", [b"", b"{}", history({**CANDLE, "datetime": 0}), history({**CANDLE, "datetime": -62135596800000})]
)
def test_another_history_is_malformed(bad: bytes) -> None:
    with pytest.raises(MalformedPrices):
        read_history(bad, date(2024, 12, 28))


@pytest.mark.parametrize("bad", [b"", b"{}", b'{"expirationList": [{}]}', b'{"expirationList": null}'])
def test_another_list_of_expirations_is_malformed(bad: bytes) -> None:
    with pytest.raises(MalformedChain):
        read_expirations(bad)


def test_an_error_is_told_from_an_answer() -> None:
    detailed = (
        b'{"errors": [{"id": "x", "status": "400", "title": "Bad Request", "detail": "Search failed"}]}'
    )
    assert fault_of(detailed) == (400, "Search failed")
    assert fault_of(b'{"errors": [{"status": 401, "title": "Unauthorized"}]}') == (401, "Unauthorized")
    assert fault_of(b'{"error": "invalid_client"}') == (None, "invalid_client")
    assert fault_of(b'{"message": "Too many"}') == (None, "Too many")
    for answer in (chain(CONTRACT), chain(), history(CANDLE), history(), b"", b"[", b"null", b"[" * 3000):
        assert fault_of(answer) is None


def test_classes_are_spelled_with_a_slash_and_indices_with_a_dollar() -> None:
    assert [schwab_symbol(s) for s in ("AAPL", "BRK-B", "^SPX")] == ["AAPL", "BRK/B", "$SPX"]
