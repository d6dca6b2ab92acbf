"""Polygon's bodies become bars, actions and chains with the figures that the recorded files hold."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evertape.formats import polygon, polygon_snapshots
from evertape.formats.bars import Bar, Dividend, MalformedPrices, Split
from evertape.formats.chains import MalformedChain
from tests.sources.market_recordings import Recording, of_host

HOST = "api.polygon.io"
NEW_YORK = ZoneInfo("America/New_York")
JANUARY = (
    "v2_aggs_ticker_AAPL_range_1_day_2023-01-01_2023-01-10_adjusted=True_apiKey=KEY_limit=49999_sort=asc"
)
GROUPED = "v2_aggs_grouped_locale_us_market_stocks_2005-04-04_adjusted=true.json"
AGGREGATES = {
    JANUARY: 6,
    GROUPED: 1,
    "v2_aggs_ticker_AAPL_prev.json": 1,
    "v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04.json": 2,
    "v2_aggs_ticker_AAPL_range_1_day_2005-04-02_2005-04-04.json": 2,
}
CHAINS = {
    "v3_snapshot_options_AAPL.json": 1,
    "v3_snapshot_options_AAPL_O_AAPL230616C00150000.json": 1,
}
CONTRACTS = {
    "v3_reference_options_contracts.json",
    "v3_reference_options_contracts_cursor=YXA9JTdCJTIySUQlMjIlM0ElMjIy.json",
    "v3_reference_options_contracts_OEVRI240119C00002500.json",
}
ACTIONS = {"v3_reference_splits.json", "v3_reference_dividends.json"}
TICKERS = {
    "v2_snapshot_locale_us_markets_stocks_gainers.json": 2,
    "v2_snapshot_locale_us_markets_stocks_tickers_AAPL.json": 1,
    "v2_snapshot_locale_us_markets_stocks_tickers_index.json": 1,
}
ANYTHING = {"v3_snapshot.json": 2, "v3_snapshot_indices_ticker.any_of=SPX_2CAPx_2CAPy.json": 1}
OPEN_CLOSE = {"v1_open-close_AAPL_2005-04-01_adjusted=true.json"}
LEFT = {
    "v2_reference_news_apiKey=KEY_limit=1000_order=desc_ticker=AAPL",
    "v2_reference_news_ticker=NFLX.json",
    "v3_reference_conditions_asset_class=stocks.json",
    "v3_reference_exchanges.json",
    "v3_reference_tickers.json",
    "v3_reference_tickers_AAPL.json",
    "v3_reference_tickers_AAPL_date=2020-10-01.json",
    "v3_reference_tickers_types.json",
    "vX_reference_financials.json",
    "vX_reference_tickers_META_events_types=ticker_change.json",
    "v3_reference_tickers_cursor=YWN0aXZlPXRydWUmZGF0ZT0yMDIyLTA0LTI3JmxpbWl0PTImb3JkZXI9YXNjJnBhZ2VfbWFya2Vy"
    "PUFBJT",
}
"""News, listings, financials and code lists: no prices, actions or options."""


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, Recording]:
    return of_host(shared, HOST)


@pytest.mark.shared
def test_every_recording_is_read_here_or_left_to_another_dataset(recorded: dict[str, Recording]) -> None:
    here = {*AGGREGATES, *CHAINS, *CONTRACTS, *ACTIONS, *TICKERS, *ANYTHING, *OPEN_CLOSE}
    assert set(recorded) == here | LEFT
    assert not here & LEFT


@pytest.mark.shared
@pytest.mark.parametrize("name", AGGREGATES)
def test_bars_are_the_files(recorded: dict[str, Recording], name: str) -> None:
    told = recorded[name].told
    found = polygon.read_aggregates(recorded[name].body)
    assert sum(len(bars) for bars in found.bars.values()) == AGGREGATES[name] == len(told["results"])
    assert found.adjusted is told["adjusted"]
    expected: dict[str, list[tuple[Any, ...]]] = {}
    for row in told["results"]:
        day = datetime.fromtimestamp(row["t"] / 1000, NEW_YORK).date()
        values = tuple(row[key] for key in ("o", "h", "l", "c", "v", "vw", "n"))
        expected.setdefault(row.get("T") or told["ticker"], []).append((day, *values))
    assert {ticker: [tuple(bar) for bar in bars] for ticker, bars in found.bars.items()} == expected


@pytest.mark.shared
def test_figures_of_recorded_bars(recorded: dict[str, Recording]) -> None:
    bars = polygon.read_aggregates(recorded[JANUARY].body).bars["AAPL"]
    assert bars[0] == Bar(date(2023, 1, 3), 130.28, 130.9, 124.17, 125.07, 112117471.0, 125.725, 1021065)
    assert [str(bar.day) for bar in bars] == [
        "2023-01-03", "2023-01-04", "2023-01-05", "2023-01-06", "2023-01-09", "2023-01-10",
    ]  # fmt: skip
    assert polygon.read_aggregates(recorded[GROUPED].body).bars == {
        "GIK": (Bar(date(2020, 10, 14), 9.99, 10.02, 9.9, 10.02, 895345.0, 9.9979, 96),)
    }


def test_a_bars_day_is_the_new_york_date_of_its_stamp() -> None:
    stamp = int(datetime(2026, 7, 9, 2, 0, tzinfo=UTC).timestamp() * 1000)
    body = json.dumps({"status": "OK", "ticker": "A", "results": [{"t": stamp, "c": 1.0}]}).encode()
    assert [bar.day for bar in polygon.read_aggregates(body).bars["A"]] == [date(2026, 7, 8)]


@pytest.mark.shared
def test_splits_are_the_files(recorded: dict[str, Recording]) -> None:
    told = recorded["v3_reference_splits.json"].told["results"]
    found = polygon.read_splits(recorded["v3_reference_splits.json"].body).splits
    flat = [(ticker, str(s.day), s.numerator, s.denominator) for ticker, each in found.items() for s in each]
    assert len(flat) == len(told) == 10
    assert sorted(flat) == sorted(
        (t["ticker"], t["execution_date"], t["split_to"], t["split_from"]) for t in told
    )
    assert found["AMZN"] == (Split(date(2022, 6, 6), 20, 1),)
    assert found["BRW"][0].ratio == 0.5


@pytest.mark.shared
def test_dividends_are_the_files(recorded: dict[str, Recording]) -> None:
    told = recorded["v3_reference_dividends.json"].told["results"]
    found = polygon.read_dividends(recorded["v3_reference_dividends.json"].body).dividends
    flat = [(ticker, str(paid.day), paid.amount) for ticker, each in found.items() for paid in each]
    assert len(flat) == len(told) == 10
    assert sorted(flat) == sorted((t["ticker"], t["ex_dividend_date"], t["cash_amount"]) for t in told)
    assert found["AIRTP"] == (Dividend(date(2023, 11, 13), 0.5), Dividend(date(2023, 8, 11), 0.5))


def paid(amount: float, kind: str) -> dict[str, Any]:
    return {"cash_amount": amount, "dividend_type": kind, "ex_dividend_date": "2023-12-27", "ticker": "COST"}


def test_a_regular_and_a_special_dividend_of_one_day_are_one_sum() -> None:
    body = json.dumps({"status": "OK", "results": [paid(1.02, "CD"), paid(15.0, "SC"), paid(1.02, "CD")]})
    assert polygon.read_dividends(body.encode()).dividends["COST"] == (Dividend(date(2023, 12, 27), 16.02),)


@pytest.mark.shared
@pytest.mark.parametrize("name", CHAINS)
def test_chains_are_the_files(recorded: dict[str, Recording], name: str) -> None:
    page = polygon.read_snapshot(recorded[name].body)
    told = recorded[name].told["results"]
    told = told[0] if isinstance(told, list) else told
    (quote,) = page.quotes
    assert (page.symbol, page.price, page.further) == ("AAPL", 159.9606, None)
    assert page.priced_at == datetime(2022, 4, 29, 17, 44, 23, 172073, tzinfo=UTC)
    assert quote[:8] == ("AAPL230616C00150000", "call", date(2023, 6, 16), 150.0, 28.9, 29.25, 29.25, 8.0)
    assert quote.open_interest == told["open_interest"] == 8133
    assert quote.implied_volatility == told["implied_volatility"]
    greeks = told["greeks"]
    assert quote[10:15] == (greeks["delta"], greeks["gamma"], greeks["theta"], greeks["vega"], None)
    assert quote.traded_at == datetime(2023, 3, 13, 14, 42, 7, 714665, tzinfo=UTC)


@pytest.mark.shared
def test_expirations_are_the_files(recorded: dict[str, Recording]) -> None:
    for name in CONTRACTS:
        told = recorded[name].told["results"]
        expected = {c["expiration_date"] for c in (told if isinstance(told, list) else [told])}
        found, _ = polygon.read_expirations(recorded[name].body)
        assert [str(day) for day in found] == sorted(expected)
    assert polygon.read_expirations(recorded["v3_reference_options_contracts.json"].body) == (
        (date(2022, 5, 20),),
        "/v3/reference/options/contracts?cursor=YXA9JTdCJTIySUQlMjIlM0ElMjIy",
    )


@pytest.mark.shared
@pytest.mark.parametrize("name", TICKERS)
def test_snapshots_of_stocks_are_the_files(recorded: dict[str, Recording], name: str) -> None:
    told = recorded[name].told
    expected = {t["ticker"]: t for t in told.get("tickers") or [told["ticker"]]}
    found = polygon_snapshots.read_tickers(recorded[name].body)
    assert len(found) == TICKERS[name] == len(expected)
    for ticker, seen in found.items():
        t = expected[ticker]
        assert (seen.price, seen.volume) == (t["lastTrade"]["p"], t["day"]["v"])
        assert seen.previous_close == t["prevDay"]["c"]
        assert seen.at is not None
        assert int(seen.at.timestamp() * 1e6) == pytest.approx(t["lastTrade"]["t"] / 1000, abs=2)


@pytest.mark.shared
def test_the_universal_snapshot_is_the_file_without_its_errors(recorded: dict[str, Recording]) -> None:
    found = {name: polygon_snapshots.read_any(recorded[name].body) for name in ANYTHING}
    assert {name: len(seen) for name, seen in found.items()} == ANYTHING
    option, stock = found["v3_snapshot.json"].values()
    assert option[:4] == ("O:NCLH221014C00005000", 0.05, 67.0, 6.71)
    assert stock[:4] == ("AAPL", 0.05, 37.0, 22.45)
    (index,) = found["v3_snapshot_indices_ticker.any_of=SPX_2CAPx_2CAPy.json"].values()
    assert index == ("SPX", 3822.39, None, 3812.19, None)


@pytest.mark.shared
def test_an_open_and_close_is_the_file(recorded: dict[str, Recording]) -> None:
    (name,) = OPEN_CLOSE
    assert polygon_snapshots.read_open_close(recorded[name].body) == (
        "AAPL", Bar(date(2021, 4, 1), 123.66, 124.18, 122.49, 123.0, 75089134.0),
    )  # fmt: skip


def test_the_next_page_carries_no_key_and_stays_with_polygon() -> None:
    def further(url: str) -> str | None:
        body = json.dumps({"status": "OK", "results": [], "next_url": url}).encode()
        return polygon.read_splits(body).further

    assert further("https://api.massive.com/v3/reference/splits?cursor=a%3D&apiKey=SECRET") == (
        "/v3/reference/splits?cursor=a%3D"
    )
    for elsewhere in ("https://example.org/v3/x?cursor=1", "http://[", "/v3/x"):
        with pytest.raises(MalformedPrices):
            further(elsewhere)


@pytest.mark.parametrize(
    "broken",
    [
        b"", b"[]", b"{}", b'{"status":"ERROR","results":[]}', b'{"status":"OK","resultsCount":1}',
        b'{"status":"OK","results":[{"t":1,"c":1}]}',
        b'{"status":"OK","ticker":"A","results":[{"t":"1","c":1}]}',
        b'{"status":"OK","ticker":"A","results":[{"t":99999999999999999,"c":1}]}',
    ],
)  # fmt: skip
def test_a_body_without_the_promised_bars_is_malformed(broken: bytes) -> None:
    with pytest.raises(MalformedPrices):
        polygon.read_aggregates(broken)


@pytest.mark.parametrize(
    "broken",
    [
        b"{}",
        b'{"status":"OK","results":[{"details":{"contract_type":"other","expiration_date":"2023-06-16",'
        b'"strike_price":1,"ticker":"O:AAPL230616C00150000"}}]}',
        b'{"status":"OK","results":[{"details":{"contract_type":"call","expiration_date":"2023-06-31",'
        b'"strike_price":1,"ticker":"O:AAPL230616C00150000"}}]}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_chain_is_malformed(broken: bytes) -> None:
    with pytest.raises(MalformedChain):
        polygon.read_snapshot(broken)


def test_splits_and_dividends_on_days_that_are_none_are_malformed() -> None:
    split = {"execution_date": "2022-02-30", "split_from": 1, "split_to": 2, "ticker": "A"}
    for wrong in (split, {**split, "execution_date": "2022-02-01", "split_from": 0}):
        with pytest.raises(MalformedPrices):
            polygon.read_splits(json.dumps({"status": "OK", "results": [wrong]}).encode())
    with pytest.raises(MalformedPrices):
        polygon.read_dividends(
            json.dumps({"status": "OK", "results": [{**paid(1, "CD"), "ex_dividend_date": ""}]}).encode()
        )
