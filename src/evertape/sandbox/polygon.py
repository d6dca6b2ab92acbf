"""Polygon.io, renamed Massive: bars, splits, dividends, tickers and option snapshots behind a key."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import msgspec

from evertape.sandbox.contracts import Chain
from evertape.sandbox.exchange import is_session, number_of, sessions
from evertape.sandbox.polygon_bodies import (
    Snapshot,
    day_bars,
    dividend_rows,
    listing_bars,
    option_rows,
    split_rows,
    ticker_row,
)
from evertape.sandbox.securities import Listing
from evertape.sandbox.wire import Call, Reply, as_json, digest
from evertape.sandbox.world import World

_YEARS = 2
_RANGE = re.compile(
    r"v2/aggs/ticker/([^/]+)/range/(\d+)/(\w+)/(\d{4}-\d\d-\d\d|\d{13})/(\d{4}-\d\d-\d\d|\d{13})"
)
_GROUPED = re.compile(r"v2/aggs/grouped/locale/us/market/stocks/(\d{4}-\d\d-\d\d)")
_TOO_OFTEN = (
    "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue. "
    "https://polygon.io/pricing"
)
_NOT_ENTITLED = "You are not entitled to this data. Please upgrade your plan at https://polygon.io/pricing"
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "": lambda a, b: a == b,
    ".gt": lambda a, b: a > b,
    ".gte": lambda a, b: a >= b,
    ".lt": lambda a, b: a < b,
    ".lte": lambda a, b: a <= b,
}
_SHORTEST_KEY = 6


class Polygon:
    """The protocol for the listings of a world. History reaches two years back.

    Any key of six characters is known unless it begins with `bad`; one that begins with `free` has no
    options.
    """

    name: str = "polygon"
    hosts: tuple[str, ...] = ("api.polygon.io", "api.massive.com")

    def __init__(self, world: World) -> None:
        self._world = world
        self._actions_held: tuple[object, list[Listing], list[dict[str, Any]]] = (None, [], [])
        self._snapshots: tuple[Chain | None, list[Snapshot]] = (None, [])

    def admit(self, call: Call) -> Reply | None:
        """401 without a known key, 403 for options where the key's plan has none."""
        given = call.headers.get("authorization", "")
        key = call.query.get("apiKey") or given.removeprefix("Bearer ").strip()
        if len(key) < _SHORTEST_KEY or key.startswith("bad"):
            return _said(call, 401, status="ERROR", error="Unknown API Key")
        if key.startswith("free") and call.path.startswith("v3/snapshot"):
            return _said(call, 403, status="NOT_AUTHORIZED", message=_NOT_ENTITLED)
        return None

    def answer(self, call: Call) -> Reply:
        """The page asked for."""
        if found := _GROUPED.fullmatch(call.path):
            return self._grouped(call, found[1])
        if found := _RANGE.fullmatch(call.path):
            return self._range(call, found)
        if found := re.fullmatch(r"v2/aggs/ticker/([^/]+)/prev", call.path):
            return self._previous(call, found[1])
        if found := re.fullmatch(r"v3/snapshot/options/([^/]+)", call.path):
            return self._options(call, found[1])
        if call.path == "v3/reference/splits":
            return self._actions(call, split_rows, "execution_date")
        if call.path == "v3/reference/dividends":
            return self._actions(call, dividend_rows, "ex_dividend_date")
        if call.path == "v3/reference/tickers":
            return self._tickers(call)
        return self.absent(call)

    def absent(self, call: Call) -> Reply:
        """A page that does not exist."""
        return Reply(status=404, content=b"404 page not found", content_type="text/plain")

    def refuse(self, call: Call, seconds: int) -> Reply:
        """429 as JSON, without Retry-After."""
        return _said(call, 429, status="ERROR", error=_TOO_OFTEN)

    def _grouped(self, call: Call, day: str) -> Reply:
        try:
            asked = date.fromisoformat(day)
        except ValueError:
            return _said(call, 400, status="ERROR", error=f"Could not parse the date {day}")
        if asked < self._earliest():
            told = "Your plan doesn't include this data timeframe. Please upgrade your plan."
            return _said(call, 403, status="NOT_AUTHORIZED", message=told)
        if not is_session(asked) or asked > self._world.today:
            return _bars(call, [], None)
        number, today = number_of(asked), self._world.number
        listings = [one for one in self._world.traded(self.name) if one.first <= number]
        naming = partial(self._world.name, self.name)
        return _bars(call, day_bars(listings, number, today, naming, adjusted=_adjusted(call)), None)

    def _earliest(self) -> date:
        today = self._world.today
        return date(today.year - _YEARS, today.month, min(today.day, 28))

    def _range(self, call: Call, found: re.Match[str]) -> Reply:
        ticker, multiplier, timespan = found[1], found[2], found[3]
        listing = self._world.find(self.name, ticker)
        if (multiplier, timespan) != ("1", "day"):
            return _said(call, 400, status="ERROR", error="this sandbox has bars of one day alone")
        low, high = (_day(found[place]) for place in (4, 5))
        if listing is None or low is None or high is None:
            return _bars(call, [], ticker)
        # Too early a start is cut off without a word.
        first = number_of(max(low, self._earliest()) - timedelta(days=1)) + 1
        stop = min(number_of(high), self._world.number) + 1
        rows = listing_bars(listing, (first, stop), self._world.number, adjusted=_adjusted(call))
        if call.query.get("sort") == "desc":
            rows.reverse()
        start, limit = _cursor(call), call.whole("limit", 5000, 50000)
        more = _next(call, start + limit) if start + limit < len(rows) else None
        return _bars(call, rows[start : start + limit], ticker, more)

    def _previous(self, call: Call, ticker: str) -> Reply:
        listing = self._world.find(self.name, ticker)
        number = self._world.number
        rows = [] if listing is None else listing_bars(listing, (number - 10, number + 1), number)
        last = rows[-1:]
        for row in last:
            row.T = ticker
        return _bars(call, last, ticker)

    def _actions(self, call: Call, rows_of: Callable[..., list[dict[str, Any]]], when: str) -> Reply:
        asked = sorted((k, v) for k, v in call.query.items() if k not in ("apiKey", "limit", "cursor"))
        key, traded = (call.path, asked, self._world.today), self._world.traded(self.name)
        if self._actions_held[0] != key or self._actions_held[1] is not traded:
            self._actions_held = (key, traded, self._all_actions(call, rows_of, when))
        return _paged(call, self._actions_held[2], call.whole("limit", 10, 1000))

    def _all_actions(
        self, call: Call, rows_of: Callable[..., list[dict[str, Any]]], when: str
    ) -> list[dict[str, Any]]:
        """Every row that the query asks for, kept for its next page."""
        ticker = call.query.get("ticker")
        listings = self._world.traded(self.name)
        if ticker is not None:
            found = self._world.find(self.name, ticker)
            listings = [found] if found is not None else []
        rows = [
            row
            for one in listings
            for row in rows_of(one, self._world.name(self.name, one), self._world.number)
            if _passes(call, row, (when, "ticker"))
        ]
        sort = call.query.get("sort", when)
        order = call.query.get("order", "desc" if sort == when else "asc")
        rows.sort(key=lambda row: (row.get(sort, row[when]), row["ticker"]), reverse=order == "desc")
        return rows

    def _tickers(self, call: Call) -> Reply:
        day = date.fromisoformat(call.query.get("date") or self._world.today.isoformat())
        listings = [one for one in self._world.traded(self.name) if sessions()[one.first] <= day]
        active = call.query.get("active", "true") == "true"
        rows = [ticker_row(one, self._world.name(self.name, one), day) for one in listings if active]
        rows = [row for row in rows if _passes(call, row, ("ticker", "cik"))]
        rows.sort(key=lambda row: str(row["ticker"]), reverse=call.query.get("order") == "desc")
        return _paged(call, rows, call.whole("limit", 100, 1000), counted=True)

    def _options(self, call: Call, ticker: str) -> Reply:
        listing = self._world.find(self.name, ticker)
        chain = self._world.chain(listing) if listing is not None else None
        rows = self._rows(chain, ticker) if chain is not None else []
        filters = ("expiration_date", "strike_price", "contract_type")
        if any(name.partition(".")[0] in filters for name in call.query):
            rows = [row for row in rows if _passes(call, msgspec.structs.asdict(row.details), filters)]
        return _paged(call, rows, call.whole("limit", 10, 250))

    def _rows(self, chain: Chain, ticker: str) -> list[Snapshot]:
        """All of a chain, kept for its next page."""
        if self._snapshots[0] is not chain:
            self._snapshots = (chain, option_rows(chain, ticker))
        return self._snapshots[1]


def _adjusted(call: Call) -> bool:
    return call.query.get("adjusted", "true").lower() != "false"


def _cursor(call: Call) -> int:
    given = call.query.get("cursor", "")
    try:
        text = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode()
    except ValueError:
        return 0
    return int(text[3:]) if text.startswith("at=") and text[3:].isdigit() else 0


def _day(text: str) -> date | None:
    """A day as YYYY-MM-DD or as milliseconds since 1970."""
    try:
        if text.isdigit():
            return date(1970, 1, 1) + timedelta(milliseconds=int(text))
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        return None


def _passes(call: Call, row: dict[str, Any], names: tuple[str, ...]) -> bool:
    """Whether a row fulfils every filter like `execution_date.gte` of the query."""
    for name in names:
        for suffix, fits in _COMPARISONS.items():
            given = call.query.get(name + suffix)
            if given is None:
                continue
            value = row.get(name)
            wanted: Any = float(given) if isinstance(value, float) else given
            if value is None or not fits(value, wanted):
                return False
    return True


def _said(call: Call, code: int, **told: str) -> Reply:
    status = told.pop("status")
    body = {"status": status, "request_id": digest(call.path, call.number)[:32], **told}
    return as_json(body, status=code)


def _bars(call: Call, rows: Sequence[Any], ticker: str | None, more: str | None = None) -> Reply:
    body: dict[str, Any] = {} if ticker is None else {"ticker": ticker}
    body |= {"queryCount": len(rows), "resultsCount": len(rows), "adjusted": _adjusted(call)}
    if rows:
        body["results"] = rows
    body |= {"status": "OK", "request_id": digest(call.path)[:32], "count": len(rows)}
    body |= {} if more is None else {"next_url": more}
    return as_json(body, lasting=True)


def _paged(call: Call, rows: Sequence[Any], limit: int, *, counted: bool = False) -> Reply:
    """One page. The next one's address holds everything but the key."""
    start = _cursor(call)
    page = rows[start : start + limit]
    body: dict[str, Any] = {
        "results": page,
        "status": "OK",
        "request_id": digest(call.path, start)[:32],
    }
    if counted:
        body["count"] = len(page)
    if start + limit < len(rows):
        body["next_url"] = _next(call, start + limit)
    return as_json(body, lasting=True)


def _next(call: Call, start: int) -> str:
    """The address of the page that begins with row `start`, without the key."""
    kept = {k: v for k, v in call.query.items() if k not in ("apiKey", "cursor")}
    place = base64.urlsafe_b64encode(f"at={start}".encode()).decode().rstrip("=")
    return f"https://{call.host}/{call.path}?{urlencode({**kept, 'cursor': place})}"
