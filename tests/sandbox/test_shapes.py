"""What the sandbox's vendors send has the names and types of what was recorded of the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.bazaar import CBOE, COOKIE, CRUMB, POLYGON, Q2, ask_json, market_of, optionable
from tests.sources.market_recordings import of_host

pytestmark = pytest.mark.shared

KEY = "apiKey=abcdef"
EVER = "period1=1451865600&period2=9999999999&interval=1d&events=div%2Csplits"
YAHOO = "query2.finance.yahoo.com"
NAMED = ("dividends", "splits")
"""Objects whose names are dates."""
QUOTE = ("optionChain.result[].quote.", "quoteResponse.result[].")
"""What Yahoo tells of a stock beside its price, of which the sandbox has the half."""
BEYOND = {
    # A session without a trade, as ranaroussi/yfinance has it; none is in the recorded days.
    "yahoo charts": {("chart.result[].indicators.adjclose[].adjclose[]", "null")}
    | {(f"chart.result[].indicators.quote[].{name}[]", "null") for name in ("open", "high", "low", "close")}
    | {("chart.result[].indicators.quote[].volume[]", "null")},
    # The recorded answers are older than these; Polygon's own client has them.
    "polygon splits": {("next_url", "text"), ("results[].id", "text")},
    "polygon dividends": {("next_url", "text"), ("results[].id", "text"), ("results[].currency", "text")},
}
SHORT = {"polygon snapshots": {("results[].fmv", "number")}}
"""Fair values are a plan's of their own."""
Shape = set[tuple[str, str]]


def shape(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every place of a document with the kind of what stands there."""
    if isinstance(value, dict):
        yield path, "object"
        for name, inner in value.items():
            dated = path.rpartition(".")[2] in NAMED
            yield from shape(inner, f"{path}.{'*' if dated else name}".lstrip("."))
    elif isinstance(value, list):
        yield path, "array"
        for inner in value:
            yield from shape(inner, f"{path}[]")
    else:
        kinds = {bool: "truth", str: "text", type(None): "null"}
        yield path, kinds.get(type(value), "number")


def shapes(*documents: Any) -> Shape:
    return {place for document in documents for place in shape(document)}


@pytest.fixture(scope="module")
def sent() -> dict[str, Shape]:
    """By kind of answer, of all listings, splits and dividends, halts and spoiled contracts among them."""
    vendors = market_of(contracts=120)
    traded = [one.symbol for one in vendors.world.traded("yahoo")]
    chains = optionable(vendors)
    dotted = [symbol.replace("-", ".") for symbol in chains]
    reference, aggregates = f"{POLYGON}/v3/reference", f"{POLYGON}/v2/aggs"
    snapshot, option = f"{POLYGON}/v3/snapshot/options", f"{Q2}/v7/finance/options"
    month = "range/1/day/2026-06-01/2026-06-30"
    asked = {
        "yahoo charts": [f"{Q2}/v8/finance/chart/{one}?{EVER}" for one in traded],
        "yahoo options": [f"{option}/{one}?crumb={CRUMB}" for one in chains],
        "yahoo quotes": [f"{Q2}/v7/finance/quote?symbols={','.join(traded)}&crumb={CRUMB}"],
        "polygon aggregates": [f"{aggregates}/ticker/{one}/{month}?{KEY}" for one in dotted],
        "polygon grouped": [f"{aggregates}/grouped/locale/us/market/stocks/2026-06-30?{KEY}"],
        "polygon splits": [f"{reference}/splits?{KEY}"],
        "polygon dividends": [f"{reference}/dividends?{KEY}"],
        "polygon tickers": [f"{reference}/tickers?limit=10&{KEY}"],
        "polygon snapshots": [f"{snapshot}/{one}?limit=250&{KEY}" for one in dotted],
        "cboe chains": [f"{CBOE}/options/{one}.json" for one in dotted],
    }
    return {kind: shapes(*(ask_json(vendors, url, **COOKIE) for url in urls)) for kind, urls in asked.items()}


RECORDED = {
    "yahoo charts": (YAHOO, ("chart-", "historical-via-chart-")),
    "yahoo options": (YAHOO, ("options-", "v7_finance_options_")),
    "yahoo quotes": (YAHOO, ("quote-",)),
    "polygon aggregates": ("api.polygon.io", ("v2_aggs_ticker_AAPL_range",)),
    "polygon grouped": ("api.polygon.io", ("v2_aggs_grouped",)),
    "polygon splits": ("api.polygon.io", ("v3_reference_splits",)),
    "polygon dividends": ("api.polygon.io", ("v3_reference_dividends",)),
    "polygon tickers": ("api.polygon.io", ("v3_reference_tickers.json", "v3_reference_tickers_cursor")),
    "polygon snapshots": ("api.polygon.io", ("v3_snapshot_options_AAPL.json",)),
    "cboe chains": ("cdn.cboe.com", ("api_global_delayed_quotes_options",)),
}
"""By kind of answer the host, and how the recordings' names begin."""


@pytest.mark.parametrize("kind", RECORDED)
def test_an_answer_has_the_names_and_types_of_the_recorded_ones(
    shared: Path, sent: dict[str, Shape], kind: str
) -> None:
    host, starts = RECORDED[kind]
    real = shapes(*(one.told for name, one in of_host(shared, host).items() if name.startswith(starts)))
    assert real
    assert sent[kind] - real == BEYOND.get(kind, set())
    short = {place for place in real - sent[kind] if not place[0].startswith(QUOTE)}
    assert short == SHORT.get(kind, set())
