"""Yahoo, Polygon and Cboe as the sandbox speaks them: what they say follows from the truth."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from evertape.sandbox.exchange import opens_at
from evertape.sandbox.vendors import Vendors
from tests.sandbox.bazaar import (
    CBOE,
    COOKIE,
    CRUMB,
    POLYGON,
    Q2,
    RESTLESS,
    ask,
    ask_json,
    document,
    market_of,
    optionable,
    truth,
)

KEY = "apiKey=abcdef"
EVER = "period1=0&period2=9999999999"


@pytest.fixture(scope="module")
def vendors() -> Vendors:
    return market_of()


def day_at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def ratio_after(splits: list[dict[str, Any]], day: str) -> float:
    """New shares for one share of `day`, from the truth's splits."""
    ratio = 1.0
    for split in splits:
        ratio *= split["numerator"] / split["denominator"] if split["day"] > day else 1.0
    return ratio


def test_a_chart_is_the_truth_divided_by_later_splits_with_null_where_nothing_traded() -> None:
    vendors = market_of(40)
    halts = split = 0
    for listing in vendors.world.traded("yahoo"):
        rows = truth(vendors, listing.symbol, "prices")
        result = ask_json(vendors, f"{Q2}/v8/finance/chart/{listing.symbol}?{EVER}")["chart"]["result"][0]
        quotes = result["indicators"]["quote"][0]
        days = [day_at(stamp) for stamp in result["timestamp"]]
        assert days == sorted([*rows["days"], *rows["halted"]])
        closes = dict(zip(rows["days"], rows["close"], strict=True))
        volumes = dict(zip(rows["days"], rows["volume"], strict=True))
        splits = truth(vendors, listing.symbol, "actions")["splits"]
        for n in range(0, len(days), 50):
            if days[n] in closes:
                ratio = ratio_after(splits, days[n])
                assert quotes["close"][n] == pytest.approx(closes[days[n]] / ratio, rel=1e-6)
                assert quotes["volume"][n] == pytest.approx(volumes[days[n]] * ratio, abs=1)
                split += ratio != 1
        nulls = [day for day, close in zip(days, quotes["close"], strict=True) if close is None]
        assert nulls == rows["halted"]
        halts += len(nulls)
    assert halts
    assert split


def test_history_is_rewritten_once_a_splits_day_has_come() -> None:
    vendors = market_of()
    url = f"{Q2}/v8/finance/chart/{RESTLESS}?{EVER}&events=div%7Csplit"
    before = ask_json(vendors, url)["chart"]["result"][0]
    vendors.move(date(2026, 7, 2))
    after = ask_json(vendors, url)["chart"]["result"][0]
    for place in (0, -3):
        old, new = (r["indicators"]["quote"][0]["open"] for r in (before, after))
        assert new[len(old) + place if place else 0] == pytest.approx(old[place] / 1.5, rel=1e-6)
    stamp = str(opens_at(date(2026, 7, 2)))
    assert stamp not in before["events"]["splits"]
    assert after["events"]["splits"][stamp] == {
        "date": int(stamp),
        "numerator": 3,
        "denominator": 2,
        "splitRatio": "3:2",
    }


def test_adjusted_closes_fall_by_the_dividends_paid_later(vendors: Vendors) -> None:
    payer = next(one for one in vendors.world.traded("yahoo") if one.dividends and not one.splits)
    result = ask_json(vendors, f"{Q2}/v8/finance/chart/{payer.symbol}?{EVER}&events=div")["chart"]["result"][
        0
    ]
    closes = result["indicators"]["quote"][0]["close"]
    adjusted = result["indicators"]["adjclose"][0]["adjclose"]
    assert adjusted[-1] == closes[-1]
    paid = {day_at(int(stamp)): row["amount"] for stamp, row in result["events"]["dividends"].items()}
    days = [day_at(stamp) for stamp in result["timestamp"]]
    factor = 1.0
    for n in range(len(days) - 1, 0, -1):
        if days[n] in paid:
            factor *= 1 - paid[days[n]] / closes[n - 1]
        if closes[n - 1] is not None:
            assert adjusted[n - 1] == pytest.approx(closes[n - 1] * factor, rel=1e-6)
    assert len(paid) > 20


def test_a_period_holds_its_start_and_not_its_end(vendors: Vendors) -> None:
    first, stop = opens_at(date(2026, 6, 22)), opens_at(date(2026, 6, 24))
    url = f"{Q2}/v8/finance/chart/GAAC?period1={first}&period2={stop}"
    result = ask_json(vendors, url)["chart"]["result"][0]
    assert [day_at(stamp) for stamp in result["timestamp"]] == ["2026-06-22", "2026-06-23"]


def test_a_live_session_ends_with_a_bar_of_its_own_time() -> None:
    vendors = market_of()
    vendors.settle({"yahoo": {"live": True}})
    stamps = ask_json(vendors, f"{Q2}/v8/finance/chart/GAAC?range=5d")["chart"]["result"][0]["timestamp"]
    assert stamps[-2] == opens_at(date(2026, 6, 29))
    assert stamps[-1] > opens_at(date(2026, 6, 30)) + 3600


@pytest.mark.parametrize(
    ("rest", "status", "code"),
    [
        ("NOPE?range=5d", 404, "Not Found"),
        ("GAAC?range=5d&interval=1m", 422, "Unprocessable Entity"),
        ("GAAC?range=5d&interval=2d", 400, "Bad Request"),
        ("GAAC?range=4d", 400, "Bad Request"),
    ],
)
def test_what_no_chart_answers_is_json(vendors: Vendors, rest: str, status: int, code: str) -> None:
    reply = ask(vendors, f"{Q2}/v8/finance/chart/{rest}")
    assert reply.status == status
    body = json.loads(reply.content)["chart"]
    assert (body["result"], body["error"]["code"]) == (None, code)


def test_a_delisted_symbol_is_unknown_to_everybody() -> None:
    vendors = market_of(400)
    gone = next(s for s, one in vendors.world.listings.items() if one.delisted)
    assert ask(vendors, f"{Q2}/v8/finance/chart/{gone}?range=5d").status == 404
    assert ask(vendors, f"{CBOE}/quotes/{gone}.json").status == 403
    assert ask_json(vendors, f"{POLYGON}/v2/aggs/ticker/{gone}/prev?{KEY}")["resultsCount"] == 0


def test_spark_takes_twenty_symbols_and_answers_in_an_order_of_its_own(vendors: Vendors) -> None:
    names = [one.symbol for one in vendors.world.traded("yahoo")][:20]
    asked = ",".join([*names[:19], "NOPE"])
    rows = ask_json(vendors, f"{Q2}/v7/finance/spark?symbols={asked}&range=5d")["spark"]["result"]
    assert {row["symbol"] for row in rows} == set(names[:19])
    assert [row["symbol"] for row in rows] != names[:19]
    closes = rows[0]["response"][0]["indicators"]["quote"][0]["close"]
    assert closes[-1] == pytest.approx(truth(vendors, rows[0]["symbol"], "prices")["close"][-1], rel=1e-6)
    reply = ask(vendors, f"{Q2}/v7/finance/spark?symbols={asked},GAAC&range=5d")
    assert reply.status == 400


def test_cookie_then_crumb_then_quotes(vendors: Vendors) -> None:
    url = f"{Q2}/v7/finance/quote?symbols=GAAC,NOPE,GAAD"
    refused = ask(vendors, url)
    assert refused.status == 401
    assert json.loads(refused.content)["finance"]["error"]["description"] == "Invalid Crumb"
    first = ask(vendors, "https://fc.yahoo.com/")
    assert first.status == 404
    cookie = first.headers["Set-Cookie"].partition(";")[0]
    assert cookie.startswith("A3=")
    assert ask(vendors, "https://query1.finance.yahoo.com/v1/test/getcrumb").status == 401
    crumb = ask(vendors, "https://query1.finance.yahoo.com/v1/test/getcrumb", cookie=cookie).content.decode()
    assert len(crumb) == 11
    rows = ask_json(vendors, f"{url}&crumb={quote(crumb)}", cookie=cookie)["quoteResponse"]["result"]
    assert [row["symbol"] for row in rows] == ["GAAC", "GAAD"]
    assert ask(vendors, f"{url}&crumb={quote(crumb)}", cookie="A3=other").status == 401


def yahoo_options(vendors: Vendors, symbol: str, rest: str = "") -> Any:
    url = f"{Q2}/v7/finance/options/{symbol}?crumb={quote(CRUMB)}{rest}"
    return ask_json(vendors, url, **COOKIE)["optionChain"]["result"]


def test_yahoos_expirations_together_are_the_whole_chain(vendors: Vendors) -> None:
    symbol = optionable(vendors)[0]
    true = {row["code"]: row for row in truth(vendors, symbol, "options")["contracts"]}
    first = yahoo_options(vendors, symbol)[0]
    seen = {}
    for stamp in first["expirationDates"]:
        (page,) = yahoo_options(vendors, symbol, f"&date={stamp}")[0]["options"]
        for row in (*page["calls"], *page["puts"]):
            assert row["expiration"] == stamp
            assert row["contractSymbol"] not in seen
            seen[row["contractSymbol"]] = row
    assert seen.keys() == true.keys()
    for code, row in seen.items():
        assert row.get("volume") == true[code]["volume"]
        if true[code]["bad"] is None:
            assert (row["bid"], row["ask"], row["impliedVolatility"], row["openInterest"]) == (
                true[code]["bid"],
                true[code]["ask"],
                true[code]["iv"],
                true[code]["open_interest"],
            )


def test_no_options_are_an_empty_list_and_an_unknown_symbol_an_empty_result(vendors: Vendors) -> None:
    without = next(one.symbol for one in vendors.world.traded("yahoo") if not one.optionable)
    assert yahoo_options(vendors, without)[0]["options"] == []
    assert yahoo_options(vendors, "NOPE") == []


def test_cboe_gives_the_whole_chain_and_its_volatility_sometimes_in_percent() -> None:
    vendors = market_of(80)
    scales = set()
    for symbol in optionable(vendors):
        true = truth(vendors, symbol, "options")
        body = ask_json(vendors, f"{CBOE}/options/{symbol.replace('-', '.')}.json")
        assert body["data"]["current_price"] == true["spot"]
        rows = {row["option"]: row for row in body["data"]["options"]}
        assert list(rows) == [row["code"] for row in true["contracts"]]
        good = next(row for row in true["contracts"] if row["bad"] is None)
        scales.add(round(rows[good["code"]]["iv"] / good["iv"]))
        for row in true["contracts"]:
            shown = rows[row["code"]]
            if row["bad"] == "crossed":
                assert (shown["ask"], shown["bid"]) == (row["bid"], row["ask"])
            if row["bad"] in ("iv-zero", "sentinel"):
                assert shown["iv"] == 0
            assert (shown["delta"], shown["theo"]) == (row["delta"], row["theo"])
    assert scales == {1, 100}
    unknown = ask(vendors, f"{CBOE}/options/NOPE.json")
    assert (unknown.status, unknown.content_type) == (403, "application/xml")


def test_a_grouped_day_has_the_bars_of_all_symbols() -> None:
    vendors = market_of(60)
    url = f"{POLYGON}/v2/aggs/grouped/locale/us/market/stocks/2026-03-10"
    for adjusted in (False, True):
        body = ask_json(vendors, f"{url}?adjusted={str(adjusted).lower()}&{KEY}")
        bars = {row["T"]: row for row in body["results"]}
        assert body["resultsCount"] == len(bars)
        expected = 0
        for listing in vendors.world.traded("polygon"):
            rows = truth(vendors, listing.symbol, "prices")
            name = listing.symbol.replace("-", ".")
            if "2026-03-10" not in rows["days"]:
                assert name not in bars
                continue
            place, expected = rows["days"].index("2026-03-10"), expected + 1
            splits = truth(vendors, listing.symbol, "actions")["splits"]
            ratio = ratio_after(splits, "2026-03-10") if adjusted else 1.0
            assert bars[name]["c"] == pytest.approx(rows["close"][place] / ratio, abs=1e-4)
            assert bars[name]["v"] == pytest.approx(rows["volume"][place] * ratio, abs=1)
        assert expected == len(bars)


def test_a_day_without_trading_has_no_results_at_all(vendors: Vendors) -> None:
    for day in ("2026-06-28", "2026-06-19", "2026-07-01"):
        body = ask_json(vendors, f"{POLYGON}/v2/aggs/grouped/locale/us/market/stocks/{day}?{KEY}")
        assert body["resultsCount"] == 0
        assert "results" not in body


def test_a_range_that_starts_too_early_is_cut_off_without_a_word(vendors: Vendors) -> None:
    body = ask_json(vendors, f"{POLYGON}/v2/aggs/ticker/GAAC/range/1/day/2016-01-01/2026-06-30?{KEY}")
    assert body["status"] == "OK"
    assert day_at(body["results"][0]["t"] / 1000) == "2024-06-28"
    rows = truth(vendors, "GAAC", "prices")
    assert body["results"][-1]["c"] == rows["close"][-1]
    narrow = f"{POLYGON}/v2/aggs/ticker/GAAC/range/1/day/2016-01-01/2026-06-30?limit=300"
    first = ask_json(vendors, f"{narrow}&{KEY}")
    second = ask_json(vendors, f"{first['next_url']}&{KEY}")
    assert first["results"] + second["results"] == body["results"]
    assert "next_url" not in second
    previous = ask_json(vendors, f"{POLYGON}/v2/aggs/ticker/GAAC/prev?{KEY}")
    assert previous["results"][0] == {"T": "GAAC", **body["results"][-1]}


@pytest.mark.parametrize("kind", ["splits", "dividends"])
def test_all_pages_of_actions_are_the_truth_and_what_is_announced(vendors: Vendors, kind: str) -> None:
    day = "execution_date" if kind == "splits" else "ex_dividend_date"
    url = f"{POLYGON}/v3/reference/{kind}?{day}.gte=2020-01-01&limit=100&order=asc&{KEY}"
    rows = []
    while url:
        body = ask_json(vendors, url)
        rows += body["results"]
        url = body.get("next_url", "")
        assert "apiKey" not in url
        url += f"&{KEY}" if url else ""
    true = [
        (one.symbol.replace("-", "."), row["day"])
        for one in vendors.world.traded("polygon")
        for row in truth(vendors, one.symbol, "actions")[kind]
        if row["day"] >= "2020-01-01"
    ]
    assert sorted((row["ticker"], row[day]) for row in rows if row[day] <= "2026-06-30") == sorted(true)
    assert (RESTLESS, "2026-07-02") in {(row["ticker"], row[day]) for row in rows} or kind == "dividends"
    assert [row[day] for row in rows] == sorted(row[day] for row in rows)


def test_next_url_walks_every_contract_once() -> None:
    vendors = market_of(contracts=600)
    symbol = optionable(vendors)[0]
    url = f"{POLYGON}/v3/snapshot/options/{symbol}?limit=250&{KEY}"
    seen: list[str] = []
    pages = 0
    while url:
        assert ask(vendors, url.replace(f"&{KEY}", "")).status == 401
        body = ask_json(vendors, url)
        seen += [row["details"]["ticker"] for row in body["results"]]
        url, pages = body.get("next_url", ""), pages + 1
        url += f"&{KEY}" if url else ""
    true = [row["code"] for row in truth(vendors, symbol, "options")["contracts"]]
    assert sorted(seen) == sorted(f"O:{code}" for code in true)
    assert pages == 3


def test_snapshots_can_be_narrowed(vendors: Vendors) -> None:
    symbol = optionable(vendors)[0]
    whole = truth(vendors, symbol, "options")["contracts"]
    day = whole[-1]["expiration"]
    url = f"{POLYGON}/v3/snapshot/options/{symbol}?limit=250&expiration_date={day}&contract_type=put&{KEY}"
    rows = ask_json(vendors, url)["results"]
    assert len(rows) == sum(row["expiration"] == day and row["type"] == "put" for row in whole)


def test_keys_are_needed_and_free_ones_have_no_options(vendors: Vendors) -> None:
    path = f"{POLYGON}/v3/snapshot/options/{optionable(vendors)[0]}"
    for key in ("short", "badkey123"):
        reply = ask(vendors, f"{path}?apiKey={key}")
        assert (reply.status, json.loads(reply.content)["error"]) == (401, "Unknown API Key")
    reply = ask(vendors, f"{path}?apiKey=freekey")
    assert (reply.status, json.loads(reply.content)["status"]) == (403, "NOT_AUTHORIZED")
    previous = f"{POLYGON}/v2/aggs/ticker/GAAC/prev"
    assert ask(vendors, previous, authorization="Bearer freekey").status == 200


def test_tickers_come_in_pages_with_their_cik(vendors: Vendors) -> None:
    rows = []
    url = f"https://api.massive.com/v3/reference/tickers?market=stocks&active=true&limit=7&{KEY}"
    while url:
        body = ask_json(vendors, url)
        rows += body["results"]
        url = body.get("next_url", "")
        assert url.startswith("https://api.massive.com/v3/reference/tickers?") or not url
        url += f"&{KEY}" if url else ""
    known = vendors.world.traded("polygon")
    assert {row["ticker"]: int(row["cik"]) for row in rows} == {
        one.symbol.replace("-", "."): one.cik for one in known
    }


def test_a_class_is_written_in_each_vendors_style() -> None:
    vendors = market_of(60)
    symbol = next(symbol for symbol in optionable(vendors) if "-" in symbol)
    dotted = symbol.replace("-", ".")
    assert ask(vendors, f"{Q2}/v8/finance/chart/{symbol}?range=5d").status == 200
    assert ask(vendors, f"{CBOE}/quotes/{dotted}.json").status == 200
    assert ask(vendors, f"{CBOE}/quotes/{symbol}.json").status == 403
    body = document(ask(vendors, f"{POLYGON}/v2/aggs/ticker/{dotted}/prev?{KEY}"))
    assert body["resultsCount"] == 1
    assert all("-" not in row["code"] for row in truth(vendors, symbol, "options")["contracts"])


def test_a_quote_of_a_halted_session_is_the_last_trades_on_both_sides() -> None:
    vendors = market_of(200)
    halting = next(one for one in vendors.world.traded("cboe") if one.halts and not one.splits)
    halted = truth(vendors, halting.symbol, "prices")["halted"][-1]
    for shift in (0, 1):
        vendors.move(date.fromisoformat(halted) + timedelta(days=shift))
        closes = truth(vendors, halting.symbol, "prices")["close"]
        data = ask_json(vendors, f"{CBOE}/quotes/{halting.symbol}.json")["data"]
        assert (data["close"], data["prev_day_close"]) == (closes[-1], closes[-2])
        url = f"{Q2}/v7/finance/quote?symbols={halting.symbol}&crumb={quote(CRUMB)}"
        (row,) = ask_json(vendors, url, **COOKIE)["quoteResponse"]["result"]
        assert row["regularMarketPreviousClose"] == closes[-2]
