"""Small true-shaped answers of the market's vendors, for the listings and the day of the made-up world."""

from __future__ import annotations

import json
from datetime import UTC, datetime

_TRADED = int(datetime(2026, 7, 9, 20, tzinfo=UTC).timestamp())
_OPENED = int(datetime(2026, 7, 9, 13, 30, tzinfo=UTC).timestamp())
_EXPIRES = int(datetime(2026, 8, 14, tzinfo=UTC).timestamp())
CONTRACT = "AAPL260814C00210000"


def _told(value: object) -> bytes:
    return json.dumps(value).encode()


YAHOO_CHART = _told(
    {
        "chart": {
            "result": [
                {
                    "meta": {
                        "currency": "USD",
                        "symbol": "AAPL",
                        "firstTradeDate": 345479400,
                        "gmtoffset": -14400,
                        "exchangeTimezoneName": "America/New_York",
                        "dataGranularity": "1d",
                    },
                    "timestamp": [_OPENED],
                    "indicators": {
                        "quote": [
                            {
                                "open": [210.5],
                                "high": [213.5],
                                "low": [209.5],
                                "close": [212.5],
                                "volume": [5],
                            }
                        ]
                    },
                }
            ],
            "error": None,
        }
    }
)
YAHOO_QUOTES = _told(
    {
        "quoteResponse": {
            "result": [
                {
                    "symbol": "AAPL",
                    "quoteType": "EQUITY",
                    "currency": "USD",
                    "regularMarketTime": _TRADED,
                    "regularMarketOpen": 210.5,
                    "regularMarketDayHigh": 213.5,
                    "regularMarketDayLow": 209.5,
                    "regularMarketPrice": 212.5,
                    "regularMarketVolume": 5,
                    "regularMarketPreviousClose": 211.5,
                }
            ],
            "error": None,
        }
    }
)
MARK = '{"n":1,"first":"2026-07-08","last":"2026-07-08","closes":[211.5]}'
"""What is remembered of bars through the day before."""
YAHOO_OPTIONS = _told(
    {
        "optionChain": {
            "result": [
                {
                    "underlyingSymbol": "AAPL",
                    "expirationDates": [_EXPIRES],
                    "strikes": [210.0],
                    "quote": {"symbol": "AAPL", "regularMarketPrice": 212.5, "regularMarketTime": _TRADED},
                    "options": [
                        {
                            "expirationDate": _EXPIRES,
                            "calls": [
                                {
                                    "contractSymbol": CONTRACT,
                                    "strike": 210.0,
                                    "bid": 6.5,
                                    "ask": 6.7,
                                    "lastPrice": 6.6,
                                    "volume": 10,
                                    "openInterest": 20,
                                    "impliedVolatility": 0.25,
                                    "expiration": _EXPIRES,
                                    "lastTradeDate": _TRADED,
                                }
                            ],
                            "puts": [],
                        }
                    ],
                }
            ],
            "error": None,
        }
    }
)
_BAR = {"v": 5e7, "vw": 211.5, "o": 210.5, "c": 212.5, "h": 213.5, "l": 209.5, "t": _OPENED * 1000, "n": 400}
POLYGON_GROUPED = _told(
    {
        "queryCount": 3,
        "resultsCount": 3,
        "count": 3,
        "adjusted": False,
        "status": "OK",
        "results": [{"T": ticker, **_BAR} for ticker in ("AAPL", "F", "BRK.B")],
    }
)
POLYGON_RANGE = _told(
    {
        "ticker": "AAPL",
        "queryCount": 1,
        "resultsCount": 1,
        "adjusted": False,
        "status": "OK",
        "results": [_BAR],
    }
)
POLYGON_CHAIN = _told(
    {
        "status": "OK",
        "results": [
            {
                "details": {
                    "contract_type": "call",
                    "exercise_style": "american",
                    "expiration_date": "2026-08-14",
                    "shares_per_contract": 100,
                    "strike_price": 210,
                    "ticker": f"O:{CONTRACT}",
                },
                "day": {"volume": 10, "close": 6.6},
                "greeks": {"delta": 0.55, "gamma": 0.01, "theta": -0.1, "vega": 0.2},
                "implied_volatility": 0.25,
                "last_quote": {"bid": 6.5, "ask": 6.7},
                "open_interest": 20,
                "underlying_asset": {"ticker": "AAPL", "price": 212.5},
            }
        ],
    }
)
CBOE = _told(
    {
        "timestamp": "2026-07-09 20:15:00",
        "symbol": "AAPL",
        "data": {
            "symbol": "AAPL",
            "current_price": 212.5,
            "last_trade_time": "2026-07-09T16:00:00",
            "options": [
                {
                    "option": CONTRACT,
                    "bid": 6.5,
                    "ask": 6.7,
                    "iv": 0.25,
                    "open_interest": 20.0,
                    "volume": 10.0,
                    "delta": 0.55,
                    "gamma": 0.01,
                    "theta": -0.1,
                    "vega": 0.2,
                    "rho": 0.1,
                    "last_trade_price": 6.6,
                    "last_trade_time": "2026-07-09T15:59:00",
                }
            ],
        },
    }
)
SCHWAB_CHAIN = _told(
    {
        "symbol": "AAPL",
        "status": "SUCCESS",
        "underlying": {"symbol": "AAPL", "last": 212.5, "quoteTime": _TRADED * 1000},
        "underlyingPrice": 212.5,
        "callExpDateMap": {
            "2026-08-14:35": {
                "210.0": [
                    {
                        "putCall": "CALL",
                        "symbol": "AAPL  260814C00210000",
                        "bid": 6.5,
                        "ask": 6.7,
                        "last": 6.6,
                        "totalVolume": 10,
                        "volatility": 25.0,
                        "delta": 0.55,
                        "gamma": 0.01,
                        "theta": -0.1,
                        "vega": 0.2,
                        "rho": 0.1,
                        "openInterest": 20,
                        "strikePrice": 210.0,
                        "expirationDate": "2026-08-14T20:00:00.000+00:00",
                        "daysToExpiration": 35,
                    }
                ]
            }
        },
        "putExpDateMap": {},
    }
)
SCHWAB_EXPIRATIONS = _told(
    {"expirationList": [{"expirationDate": "2026-08-14", "daysToExpiration": 35, "expirationType": "W"}]}
)
SCHWAB_HISTORY = _told(
    {
        "symbol": "AAPL",
        "empty": False,
        "candles": [
            {
                "open": 210.5,
                "high": 213.5,
                "low": 209.5,
                "close": 212.5,
                "volume": 5,
                "datetime": _OPENED * 1000,
            }
        ],
    }
)
ROBINHOOD_QUOTES = _told(
    {
        "results": [
            {
                "symbol": "AAPL",
                "last_trade_price": "212.500000",
                "updated_at": "2026-07-09T20:00:00Z",
                "instrument": "https://api.robinhood.com/instruments/450dfc6d-5510-4d40-abfb-f633b7d9be3e/",
            }
        ]
    }
)
ROBINHOOD_HISTORY = _told(
    {
        "results": [
            {
                "symbol": symbol,
                "interval": "day",
                "bounds": "regular",
                "historicals": [
                    {
                        "begins_at": "2026-07-09T00:00:00Z",
                        "open_price": "210.500000",
                        "high_price": "213.500000",
                        "low_price": "209.500000",
                        "close_price": "212.500000",
                        "volume": 5,
                        "session": "reg",
                        "interpolated": False,
                    }
                ],
            }
            for symbol in ("AAPL", "F", "BRK.B")
        ]
    }
)
ALL = (
    YAHOO_CHART, YAHOO_QUOTES, YAHOO_OPTIONS, POLYGON_GROUPED, POLYGON_RANGE, POLYGON_CHAIN, CBOE,
    SCHWAB_CHAIN, SCHWAB_EXPIRATIONS, SCHWAB_HISTORY, ROBINHOOD_QUOTES, ROBINHOOD_HISTORY,
)  # fmt: skip
