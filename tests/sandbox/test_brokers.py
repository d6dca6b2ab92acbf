"""Schwab and Robinhood as the sandbox speaks them: their logins, and data that follows from the truth."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from evertape.sandbox.vendors import Vendors
from tests.sandbox.bazaar import RESTLESS, ask, ask_json, market_of, optionable, truth

SCHWAB = "https://api.schwabapi.com"
MARKET = f"{SCHWAB}/marketdata/v1"
ROBINHOOD = "https://api.robinhood.com"
BASIC = "Basic " + base64.b64encode(b"application:secret").decode()


@pytest.fixture(scope="module")
def vendors() -> Vendors:
    return market_of(60, contracts=120)


def posted(vendors: Vendors, url: str, /, **form: str) -> tuple[int, Any]:
    reply = ask(vendors, url, form=urlencode(form).encode(), authorization=BASIC)
    return reply.status, json.loads(reply.content)


def schwab_token(vendors: Vendors) -> dict[str, Any]:
    url = f"{SCHWAB}/v1/oauth/authorize?client_id=application&redirect_uri=https://127.0.0.1:8182/"
    sent = ask(vendors, url)
    assert sent.status == 302
    code = dict(parse_qsl(urlsplit(sent.headers["Location"]).query))["code"]
    status, body = posted(vendors, f"{SCHWAB}/v1/oauth/token", grant_type="authorization_code", code=code)
    assert status == 200
    token: dict[str, Any] = body
    return token


def bearer(token: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {token['access_token']}"}


def test_an_access_token_lasts_half_an_hour_and_refreshing_extends_no_week() -> None:
    vendors = market_of(5)
    assert ask(vendors, f"{MARKET}/quotes?symbols=GAAC").status == 401
    token = schwab_token(vendors)
    assert (
        ask(vendors, f"{MARKET}/quotes?symbols=GAAC", authorization=bearer(token)["authorization"]).status
        == 200
    )
    vendors.settle({"clock": 30 * 60 + 2})
    refused = ask(vendors, f"{MARKET}/quotes?symbols=GAAC", authorization=bearer(token)["authorization"])
    assert refused.status == 401
    assert json.loads(refused.content)["errors"][0]["status"] == "401"
    again = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    status, fresh = posted(vendors, f"{SCHWAB}/v1/oauth/token", **again)
    assert (status, fresh["refresh_token"]) == (200, token["refresh_token"])
    assert (
        ask(vendors, f"{MARKET}/quotes?symbols=GAAC", authorization=bearer(fresh)["authorization"]).status
        == 200
    )
    vendors.settle({"clock": 7 * 24 * 3600 + 2})
    status, body = posted(vendors, f"{SCHWAB}/v1/oauth/token", **again)
    assert (status, body["error"]) == (401, "invalid_client")


def test_a_bad_code_or_no_secret_gives_no_token(vendors: Vendors) -> None:
    url = f"{SCHWAB}/v1/oauth/token"
    assert posted(vendors, url, grant_type="authorization_code", code="bad")[0] == 400
    assert posted(vendors, url, grant_type="password")[1]["error"] == "unsupported_grant_type"
    assert ask(vendors, url, form=b"grant_type=authorization_code&code=x").status == 401


def test_schwab_quotes_name_the_unknown(vendors: Vendors) -> None:
    body = ask_json(vendors, f"{MARKET}/quotes?symbols=GAAC,NOPE", **bearer(schwab_token(vendors)))
    assert body["errors"] == {"invalidSymbols": ["NOPE"]}
    rows = truth(vendors, "GAAC", "prices")
    assert body["GAAC"]["quote"]["lastPrice"] == rows["close"][-1]
    assert body["GAAC"]["quote"]["totalVolume"] == rows["volume"][-1]


def test_schwabs_history_is_adjusted_without_saying_so(vendors: Vendors) -> None:
    authorised = bearer(schwab_token(vendors))
    url = f"{MARKET}/pricehistory?symbol={RESTLESS}&periodType=year&period=1&frequencyType=daily"
    body = ask_json(vendors, url, **authorised)
    rows, splits = truth(vendors, RESTLESS, "prices"), truth(vendors, RESTLESS, "actions")["splits"]
    closes = dict(zip(rows["days"], rows["close"], strict=True))
    for candle in body["candles"]:
        day = datetime.fromtimestamp(candle["datetime"] / 1000, UTC).date().isoformat()
        ratio = 1.0
        for split in splits:
            ratio *= split["numerator"] / split["denominator"] if split["day"] > day else 1.0
        assert candle["close"] == pytest.approx(closes[day] / ratio, abs=1e-4)
    assert len(body["candles"]) > 240
    assert "splits" not in body
    empty = ask_json(vendors, f"{MARKET}/pricehistory?symbol=NOPE", **authorised)
    assert empty == {"symbol": "NOPE", "empty": True, "candles": []}


def test_schwabs_chain_is_the_truth_with_its_sentinels(vendors: Vendors) -> None:
    authorised = bearer(schwab_token(vendors))
    blind = []
    for symbol in optionable(vendors):
        true = {row["code"]: row for row in truth(vendors, symbol, "options")["contracts"]}
        body = ask_json(vendors, f"{MARKET}/chains?symbol={symbol.replace('-', '/')}", **authorised)
        rows = [
            row
            for side in ("callExpDateMap", "putExpDateMap")
            for strikes in body[side].values()
            for (row,) in strikes.values()
        ]
        assert body["numberOfContracts"] == len(rows) == len(true)
        for row in rows:
            real = true[row["symbol"].replace(" ", "")]
            assert len(row["symbol"]) == 21
            if real["bad"] == "sentinel":
                blind += [row["volatility"], row["delta"]]
            elif real["bad"] is None:
                assert row["volatility"] == pytest.approx(100 * real["iv"], abs=1e-3)
                assert (row["bid"], row["ask"], row["delta"]) == (real["bid"], real["ask"], real["delta"])
    assert set(blind) == {-999.0, "NaN"}
    failed = ask_json(vendors, f"{MARKET}/chains?symbol=NOPE", **authorised)
    assert (failed["status"], failed["callExpDateMap"]) == ("FAILED", {})


def test_schwabs_chain_can_be_narrowed(vendors: Vendors) -> None:
    authorised = bearer(schwab_token(vendors))
    symbol = next(symbol for symbol in optionable(vendors) if "-" not in symbol)
    listed = ask_json(vendors, f"{MARKET}/expirationchain?symbol={symbol}", **authorised)["expirationList"]
    day = listed[1]["expirationDate"]
    rest = f"&contractType=CALL&strikeCount=3&fromDate={day}&toDate={day}&includeUnderlyingQuote=true"
    body = ask_json(vendors, f"{MARKET}/chains?symbol={symbol}{rest}", **authorised)
    ((key, strikes),) = body["callExpDateMap"].items()
    assert (key.partition(":")[0], len(strikes), body["putExpDateMap"]) == (day, 3, {})
    assert body["underlying"]["lastPrice"] == body["underlyingPrice"]


def login(vendors: Vendors, user: str) -> tuple[int, Any]:
    form = {"grant_type": "password", "username": user, "password": "x", "device_token": "d"}
    return posted(vendors, f"{ROBINHOOD}/oauth2/token/", **form)


def sent_json(vendors: Vendors, path: str, document: dict[str, Any]) -> tuple[int, Any]:
    reply = ask(vendors, f"{ROBINHOOD}/{path}", form=json.dumps(document).encode())
    return reply.status, json.loads(reply.content)


def robinhood_token(vendors: Vendors) -> dict[str, str]:
    status, body = login(vendors, "plain@example.org")
    assert status == 200
    return bearer(body)


def started(vendors: Vendors, user: str) -> tuple[str, dict[str, Any]]:
    """Begin a login that needs a verification; gives the inquiry's path and its challenge."""
    _, body = login(vendors, user)
    given = {"device_id": "d", "flow": "suv", "input": {"workflow_id": body["verification_workflow"]["id"]}}
    _, machine = sent_json(vendors, "pathfinder/user_machine/", given)
    path = f"pathfinder/inquiries/{machine['id']}/user_view/"
    return path, ask_json(vendors, f"{ROBINHOOD}/{path}")["context"]["sheriff_challenge"]


CONTINUE = {"sequence": 0, "user_input": {"status": "continue"}}


def test_a_prompt_is_approved_at_the_second_look() -> None:
    vendors = market_of(5)
    path, challenge = started(vendors, "somebody@example.org")
    assert challenge["type"] == "prompt"
    url = f"{ROBINHOOD}/push/{challenge['id']}/get_prompts_status/"
    assert ask_json(vendors, url)["challenge_status"] == "issued"
    assert sent_json(vendors, path, CONTINUE)[1]["type_context"]["result"] != "workflow_status_approved"
    assert ask_json(vendors, url)["challenge_status"] == "validated"
    assert sent_json(vendors, path, CONTINUE)[1]["type_context"]["result"] == "workflow_status_approved"
    assert login(vendors, "somebody@example.org")[0] == 200


def test_a_code_is_asked_for() -> None:
    vendors = market_of(5)
    path, challenge = started(vendors, "sms@example.org")
    assert (challenge["type"], challenge["status"]) == ("sms", "issued")
    answer = f"challenge/{challenge['id']}/respond/"
    assert sent_json(vendors, answer, {"response": "000000"})[0] == 400
    assert sent_json(vendors, answer, {"response": "123456"})[1]["status"] == "validated"
    assert sent_json(vendors, path, CONTINUE)[1]["type_context"]["result"] == "workflow_status_approved"
    assert login(vendors, "sms@example.org")[0] == 200


def test_robinhood_needs_a_token_and_writes_numbers_as_text(vendors: Vendors) -> None:
    assert ask(vendors, f"{ROBINHOOD}/quotes/?symbols=GAAC").status == 401
    url = f"{ROBINHOOD}/quotes/?symbols=GAAC,NOPE"
    first, second = ask_json(vendors, url, **robinhood_token(vendors))["results"]
    assert second is None
    close = truth(vendors, "GAAC", "prices")["close"][-1]
    assert first["last_trade_price"] == f"{close:.6f}"


def test_robinhoods_histories_come_for_several_symbols(vendors: Vendors) -> None:
    url = f"{ROBINHOOD}/quotes/historicals/?symbols=GAAC,GAAD,NOPE&interval=day&span=month"
    rows = ask_json(vendors, url, **robinhood_token(vendors))["results"]
    assert [row["symbol"] for row in rows] == ["GAAC", "GAAD"]
    last = rows[0]["historicals"][-1]
    assert last["begins_at"] == "2026-06-30T00:00:00Z"
    assert float(last["close_price"]) == truth(vendors, "GAAC", "prices")["close"][-1]


def test_robinhoods_pages_and_batches_are_the_whole_chain(vendors: Vendors) -> None:
    authorised = robinhood_token(vendors)
    symbol = next(symbol for symbol in optionable(vendors) if "-" in symbol)
    true = {row["code"]: row for row in truth(vendors, symbol, "options")["contracts"]}
    dotted = symbol.replace("-", ".")
    (stock,) = ask_json(vendors, f"{ROBINHOOD}/instruments/?symbol={dotted}", **authorised)["results"]
    chain = ask_json(
        vendors, f"{ROBINHOOD}/options/chains/?equity_instrument_ids={stock['id']}", **authorised
    )["results"][0]
    assert chain["id"] == stock["tradable_chain_id"]
    url = f"{ROBINHOOD}/options/instruments/?chain_id={chain['id']}&state=active"
    rows: list[dict[str, Any]] = []
    pages = 0
    while url:
        page = ask_json(vendors, url, **authorised)
        rows += page["results"]
        url, pages = page["next"], pages + 1
    assert (pages, len(rows), len({row["id"] for row in rows})) == (2, len(true), len(true))
    assert {row["expiration_date"] for row in rows} == set(chain["expiration_dates"])
    for start in range(0, len(rows), 40):
        urls = ",".join(row["url"] for row in rows[start : start + 40])
        quotes = ask_json(vendors, f"{ROBINHOOD}/marketdata/options/?instruments={urls}", **authorised)
        for row, shown in zip(rows[start : start + 40], quotes["results"], strict=True):
            real = true[shown["occ_symbol"].replace(" ", "")]
            assert shown["instrument"] == row["url"]
            assert float(row["strike_price"]) == real["strike"]
            if real["bad"] is None:
                assert shown["implied_volatility"] == f"{real['iv']:.6f}"
                assert (float(shown["bid_price"]), shown["volume"]) == (real["bid"], real["volume"])
    unknown = f"{ROBINHOOD}/marketdata/options/?instruments={ROBINHOOD}/options/instruments/nope/"
    assert ask_json(vendors, unknown, **authorised)["results"] == [None]
