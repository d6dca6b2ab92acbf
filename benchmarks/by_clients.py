"""Reads a sandbox with the vendors' own clients, run by another interpreter: yfinance, massive, schwab-py.

Takes, as JSON on standard input: `url` of the sandbox, `symbols` in the SEC's style, `parts` to read (names
of `PARTS`), days `since`, `recent`, `until` and `grouped`, `key` for Polygon and `token` for Schwab. Prints,
as JSON, the versions and, by part and symbol, either `rows` (by key, values in evertape's names and units;
Yahoo's and Polygon's as traded) or the kind of an `error`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import logging
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

HOW = (
    "python3 -m venv /tmp/agree && /tmp/agree/bin/pip install 'yfinance==1.7.*' 'massive==2.9.*' "
    "'schwab-py==1.5.*'; then give --clients /tmp/agree/bin/python"
)
NEW_YORK = ZoneInfo("America/New_York")
Given = dict[str, Any]
Rows = dict[str, dict[str, Any]]


def number(value: Any) -> float | None:
    """None for what a data frame has in place of nothing."""
    return None if value is None or math.isnan(float(value)) else float(value)


def dotted(symbol: str) -> str:
    """BRK.B, as Polygon writes it."""
    return symbol.replace("-", ".")


def slashed(symbol: str) -> str:
    """BRK/B, as Schwab writes it."""
    return symbol.replace("-", "/")


def of_yahoo(given: Given) -> Any:
    """yfinance, whose session asks the sandbox in place of Yahoo."""
    requests, base = importlib.import_module("curl_cffi.requests"), given["url"]

    class Loopback(requests.Session):  # type: ignore[misc, name-defined]
        def request(self, method: str, url: str, *args: Any, **named: Any) -> Any:
            return super().request(method, url.replace("https://", f"{base}/", 1), *args, **named)

    client = importlib.import_module("yfinance")
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    client.set_tz_cache_location(tempfile.mkdtemp())
    client.config.debug.hide_exceptions = False
    return partial(client.Ticker, session=Loopback(impersonate="chrome"))


def history(ticker: Any, symbol: str, given: Given) -> Rows:
    """Bars and actions. yfinance has them adjusted for splits, and tells those."""
    until = date.fromisoformat(given["until"]) + timedelta(days=1)
    frame = ticker(symbol).history(start=given["since"], end=until, auto_adjust=False, keepna=True)
    days = [stamp.date().isoformat() for stamp in frame.index]
    splits = {d: float(ratio) for d, ratio in zip(days, frame["Stock Splits"], strict=True) if ratio}
    rows: Rows = {f"split {day}": {"ratio": ratio} for day, ratio in splits.items()}
    for day, (_, told) in zip(days, frame.iterrows(), strict=True):
        later = math.prod(ratio for other, ratio in splits.items() if other > day)
        prices = {n.lower(): number(told[n]) for n in ("Open", "High", "Low", "Close")}
        if prices["close"] is not None:
            row = {name: None if price is None else price * later for name, price in prices.items()}
            rows[day] = row | {"volume": told["Volume"] / later}
        if told["Dividends"]:
            rows[f"dividend {day}"] = {"amount": told["Dividends"] * later}
    return rows


def option_chain(ticker: Any, symbol: str, given: Given) -> Rows:
    """Every expiration's calls and puts."""
    asked, rows = ticker(symbol), {}
    for expiration in asked.options:
        chain = asked.option_chain(expiration)
        for kind, frame in (("call", chain.calls), ("put", chain.puts)):
            for told in frame.to_dict("records"):
                traded = told["lastTradeDate"]
                rows[told["contractSymbol"]] = {
                    "kind": kind,
                    "expiration": expiration,
                    "strike": number(told["strike"]),
                    "bid": number(told["bid"]),
                    "ask": number(told["ask"]),
                    "last": number(told["lastPrice"]),
                    "volume": number(told["volume"]),
                    "open_interest": number(told["openInterest"]),
                    "implied_volatility": number(told["impliedVolatility"]),
                    "traded_at": None if traded != traded else traded.timestamp(),
                    "stock_price": chain.underlying["regularMarketPrice"],
                }
    return rows


def of_polygon(given: Given) -> Any:
    """massive, which takes the sandbox's address."""
    client = importlib.import_module("massive").RESTClient
    return client(given["key"], base=f"{given['url']}/api.massive.com", retries=0)


def bar(told: Any) -> dict[str, Any]:
    """One bar's values."""
    names = ("open", "high", "low", "close", "volume", "vwap")
    return {**{name: getattr(told, name) for name in names}, "trades": told.transactions}


def bar_day(told: Any) -> str:
    """Its session."""
    return datetime.fromtimestamp(told.timestamp / 1000, NEW_YORK).date().isoformat()


def aggregates(client: Any, symbol: str, given: Given) -> Rows:
    """A range of daily bars as traded."""
    span = given["recent"], given["until"]
    told = client.get_aggs(dotted(symbol), 1, "day", *span, adjusted=False, limit=50000)
    return {bar_day(each): bar(each) for each in told}


def actions(client: Any, symbol: str, given: Given) -> Rows:
    """Splits and dividends."""
    found = {
        f"split {told.execution_date}": {"numerator": told.split_to, "denominator": told.split_from}
        for told in client.list_splits(ticker=dotted(symbol), limit=10)
    }
    for told in client.list_dividends(ticker=dotted(symbol), limit=10):
        day = told.ex_dividend_date
        found[f"dividend {day}"] = {"amount": told.cash_amount, "currency": told.currency}
    return found


def snapshots(client: Any, symbol: str, given: Given) -> Rows:
    """A chain, page by page."""
    rows = {}
    for told in client.list_snapshot_options_chain(dotted(symbol), params={"limit": 250}):
        trade = told.last_trade
        rows[told.details.ticker.removeprefix("O:")] = {
            "kind": told.details.contract_type,
            "expiration": told.details.expiration_date,
            "strike": told.details.strike_price,
            "bid": told.last_quote.bid,
            "ask": told.last_quote.ask,
            "last": told.day.close if trade is None else trade.price,
            "volume": told.day.volume,
            "open_interest": told.open_interest,
            "implied_volatility": told.implied_volatility,
            "delta": told.greeks.delta,
            "gamma": told.greeks.gamma,
            "theta": told.greeks.theta,
            "vega": told.greeks.vega,
            "traded_at": None if trade is None else trade.sip_timestamp / 1e9,
            "stock_price": told.underlying_asset.price,
        }
    return rows


def grouped(client: Any, given: Given) -> dict[str, Rows]:
    """The sessions of the whole market, of which the symbols' bars are kept."""
    rows: dict[str, Rows] = {symbol: {} for symbol in given["symbols"]}
    wanted = {dotted(symbol): symbol for symbol in rows}
    for day in given["grouped"]:
        for told in client.get_grouped_daily_aggs(day, adjusted=False):
            if told.ticker in wanted:
                rows[wanted[told.ticker]][bar_day(told)] = bar(told)
    return rows


def of_schwab(given: Given) -> Any:
    """schwab-py, with a ready token and a transport that asks the sandbox in place of Schwab."""
    httpx, base = importlib.import_module("httpx"), given["url"]

    class Loopback(httpx.HTTPTransport):  # type: ignore[misc, name-defined]
        def handle_request(self, request: Any) -> Any:
            request.url = httpx.URL(str(request.url).replace("https://", f"{base}/", 1))
            request.headers["host"] = request.url.netloc.decode()
            return super().handle_request(request)

    token = {"access_token": given["token"], "token_type": "Bearer", "expires_at": 2**40}
    session = importlib.import_module("authlib.integrations.httpx_client").OAuth2Client(
        "app key", token=token, transport=Loopback()
    )
    return importlib.import_module("schwab.client").Client("app key", session)


class Refused(Exception):
    """schwab-py hands out whatever came; this is the status of what is no answer."""


def sent(reply: Any) -> Any:
    """The JSON of an answer of Schwab's. Raises Refused."""
    if reply.status_code != 200:
        raise Refused(str(reply.status_code))
    return json.loads(reply.text)


def candles(client: Any, symbol: str, given: Given) -> Rows:
    """Daily candles, which are adjusted for splits."""
    start, end = (datetime.fromisoformat(given[n]).replace(tzinfo=NEW_YORK) for n in ("since", "until"))
    reply = client.get_price_history_every_day(slashed(symbol), start_datetime=start, end_datetime=end)
    return {
        datetime.fromtimestamp(told["datetime"] / 1000, NEW_YORK).date().isoformat(): {
            name: told[name] for name in ("open", "high", "low", "close", "volume")
        }
        for told in sent(reply)["candles"]
    }


def chain(client: Any, symbol: str, given: Given) -> Rows:
    """A whole chain. What Schwab sends for nothing, -999 and NaN, is nothing here."""
    told = sent(client.get_option_chain(slashed(symbol), include_underlying_quote=True))
    rows = {}
    for contract in contracts(told):
        traded, volatility = contract["tradeTimeInLong"], unknown(contract["volatility"])
        rows[contract["symbol"].replace(" ", "")] = {
            "kind": contract["putCall"].lower(),
            "expiration": contract["expirationDate"][:10],
            "strike": contract["strikePrice"],
            "bid": contract["bid"],
            "ask": contract["ask"],
            "last": contract["last"],
            "volume": contract["totalVolume"],
            "open_interest": contract["openInterest"],
            "implied_volatility": None if volatility is None else volatility / 100,
            **{name: unknown(contract[name]) for name in ("delta", "gamma", "theta", "vega")},
            "traded_at": traded / 1000 if traded else None,
            "stock_price": told["underlyingPrice"],
        }
    return rows


def contracts(told: Any) -> Iterator[Any]:
    """All that a chain holds."""
    for side in ("callExpDateMap", "putExpDateMap"):
        for strikes in told[side].values():
            for found in strikes.values():
                yield from found


def unknown(value: Any) -> float | None:
    """None for the words and numbers that say so."""
    return None if value in ("NaN", -999.0) else float(value)


def quotes(client: Any, given: Given) -> dict[str, Rows]:
    """The last price of each symbol; none of those that the answer calls invalid."""
    told = sent(client.get_quotes([slashed(symbol) for symbol in given["symbols"]]))
    invalid = told.pop("errors", {}).get("invalidSymbols", [])
    assert not set(invalid) & set(told)
    prices = {name.replace("/", "-"): row["quote"]["lastPrice"] for name, row in told.items()}
    return {s: {"stock": {"price": prices[s]}} if s in prices else {} for s in given["symbols"]}


PARTS: dict[str, tuple[Callable[[Given], Any], Callable[..., Any]]] = {
    "yahoo.history": (of_yahoo, history),
    "yahoo.option_chain": (of_yahoo, option_chain),
    "polygon.aggregates": (of_polygon, aggregates),
    "polygon.actions": (of_polygon, actions),
    "polygon.grouped": (of_polygon, grouped),
    "polygon.snapshots": (of_polygon, snapshots),
    "schwab.history": (of_schwab, candles),
    "schwab.chains": (of_schwab, chain),
    "schwab.quotes": (of_schwab, quotes),
}
_WORDS = {
    "YFTzMissingError": "unknown",
    "YFPricesMissingError": "unknown",
    "HTTP Error 404": "unknown",
    "YFRateLimitError": "throttled",
    "too many 429": "throttled",
    "Refused('429')": "throttled",
    "Refused('401')": "denied",
    "Unknown API Key": "denied",
    "NOT_AUTHORIZED": "denied",
    "too many 503": "transient",
    "Refused('503')": "transient",
    # A page of HTML, or a connection that ends before an answer.
    "JSONDecodeError": "transient",
    "RemoteDisconnected": "transient",
    "RemoteProtocolError": "transient",
    "ConnectionError": "transient",
}


def kind_of(error: Exception) -> str:
    """What an exception of a client's means, or its own words."""
    words = repr(error)
    return next((kind for word, kind in _WORDS.items() if word in words), f"{type(error)}: {error}"[:300])


def read(part: str, given: Given) -> dict[str, Any]:
    """A part's readings by symbol."""
    make, ask = PARTS[part]
    client = make(given)
    if ask in (grouped, quotes):
        try:
            return {symbol: {"rows": rows} for symbol, rows in ask(client, given).items()}
        except Exception as error:  # noqa: BLE001 - each client has its own, and which one is the answer
            told = {"error": kind_of(error)}
            return dict.fromkeys(given["symbols"], told)
    found: dict[str, Any] = {}
    for symbol in given["symbols"]:
        try:
            found[symbol] = {"rows": ask(client, symbol, given)}
        except Exception as error:  # noqa: BLE001 - as above
            found[symbol] = {"error": kind_of(error)}
    return found


def main() -> None:
    """Read every part that is asked for."""
    given = json.load(sys.stdin)
    versions = {name: importlib.metadata.version(name) for name in ("yfinance", "massive", "schwab-py")}
    began = datetime.now(UTC)
    readings = {part: read(part, given) for part in given["parts"]}
    seconds = (datetime.now(UTC) - began).total_seconds()
    print(json.dumps({"versions": versions, "readings": readings, "seconds": seconds}))


if __name__ == "__main__":
    main()
