"""Polygon's (Massive's) single days and last prices: open-close, snapshots of stocks, of anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from evertape.formats.bars import Bar, MalformedPrices


class Seen(NamedTuple):
    """What a symbol was last seen at: the running or last session's figures, in dollars a share.

    `at` is when, aware UTC; None where the answer does not say.
    """

    symbol: str
    price: float | None
    volume: float | None
    previous_close: float | None
    at: datetime | None


class _OpenClose(msgspec.Struct):
    status: str
    symbol: str
    day: str = msgspec.field(name="from")
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: float | None = None


class _Window(msgspec.Struct):
    c: float | None = None
    v: float | None = None


class _Trade(msgspec.Struct):
    p: float | None = None
    t: int | None = None


class _Ticker(msgspec.Struct, rename="camel"):
    ticker: str
    day: _Window = msgspec.field(default_factory=_Window)
    prev_day: _Window = msgspec.field(default_factory=_Window)
    last_trade: _Trade = msgspec.field(default_factory=_Trade)
    updated: int | None = None


class _Tickers(msgspec.Struct):
    status: str
    tickers: list[_Ticker] = []
    ticker: _Ticker | None = None


class _Session(msgspec.Struct):
    close: float | None = None
    volume: float | None = None
    previous_close: float | None = None


class _LastTrade(msgspec.Struct):
    price: float | None = None
    sip_timestamp: int | None = None
    last_updated: int | None = None


class _Any(msgspec.Struct):
    ticker: str
    error: str | None = None
    value: float | None = None
    session: _Session = msgspec.field(default_factory=_Session)
    last_trade: _LastTrade = msgspec.field(default_factory=_LastTrade)


class _Anything(msgspec.Struct):
    results: list[_Any]


_OPEN_CLOSE = msgspec.json.Decoder(_OpenClose)
_TICKERS = msgspec.json.Decoder(_Tickers)
_ANYTHING = msgspec.json.Decoder(_Anything)
_BROKEN = (msgspec.MsgspecError, ValueError, OverflowError, OSError, RecursionError)


def read_open_close(body: bytes) -> tuple[str, Bar]:
    """One session of one ticker. Raises MalformedPrices."""
    try:
        told = _OPEN_CLOSE.decode(body)
        day = date.fromisoformat(told.day)
    except _BROKEN as error:
        raise MalformedPrices(f"this is no open and close of Polygon's: {error}") from error
    return told.symbol, Bar(day, told.open, told.high, told.low, told.close, told.volume)


def read_tickers(body: bytes) -> Mapping[str, Seen]:
    """Stocks by ticker, of the snapshot of one, of all, or of those that moved most.

    Raises MalformedPrices.
    """
    try:
        answer = _TICKERS.decode(body)
        found = (*answer.tickers, *((answer.ticker,) if answer.ticker else ()))
        return {
            told.ticker: Seen(
                told.ticker,
                told.last_trade.p if told.last_trade.p is not None else told.day.c,
                told.day.v,
                told.prev_day.c,
                _instant(told.last_trade.t or told.updated),
            )
            for told in found
        }
    except _BROKEN as error:
        raise MalformedPrices(f"this is no snapshot of tickers of Polygon's: {error}") from error


def read_any(body: bytes) -> Mapping[str, Seen]:
    """Stocks, contracts and indices by ticker, without those that the answer has only an error for.

    An index has a value and no trades. Raises MalformedPrices.
    """
    try:
        return {
            told.ticker: Seen(
                told.ticker,
                told.last_trade.price if told.value is None else told.value,
                told.session.volume,
                told.session.previous_close,
                _instant(told.last_trade.sip_timestamp or told.last_trade.last_updated),
            )
            for told in _ANYTHING.decode(body).results
            if told.error is None
        }
    except _BROKEN as error:
        raise MalformedPrices(f"this is no universal snapshot of Polygon's: {error}") from error


def _instant(nanoseconds: int | None) -> datetime | None:
    return None if nanoseconds is None else datetime.fromtimestamp(nanoseconds // 1000 / 1_000_000, UTC)
