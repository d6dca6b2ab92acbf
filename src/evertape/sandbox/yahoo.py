"""Yahoo Finance: chart, spark, quote and options, with its cookie and crumb."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, date, datetime, timedelta

from evertape.sandbox.exchange import NEW_YORK, number_of, opens_at, sessions
from evertape.sandbox.securities import Listing
from evertape.sandbox.wire import Call, Reply, as_json, digest
from evertape.sandbox.world import World
from evertape.sandbox.yahoo_bodies import Span, chart_result, option_result, quote_row, spark_row

MOST_SPARKS = 20
_INTERVALS = ("1m", "2m", "5m", "15m", "30m", "60m", "90m", "1h", "4h", "1d", "5d", "1wk", "1mo", "3mo")
RANGES = {"1d": 1, "5d": 7, "1mo": 31, "3mo": 92, "6mo": 183, "1y": 366, "2y": 731, "5y": 1827, "10y": 3653}
"""Days of each range; `ytd` and `max` apart."""
_DOWN = b"""<!DOCTYPE html>
<html lang="en-us"><head><title>Yahoo</title></head>
<body><h1>Will be right back...</h1><p>Thank you for your patience.</p>
<p>Our engineers are working quickly to resolve the issue. This page comes from a sandbox.</p></body></html>
"""


class Yahoo:
    """Yahoo's protocol for the listings of a world. Where `live`, the last session is still under way: it
    ends a chart with a bar of its own, and a quote is of the middle of it."""

    name: str = "yahoo"
    hosts: tuple[str, ...] = (
        "query1.finance.yahoo.com",
        "query2.finance.yahoo.com",
        "fc.yahoo.com",
        "finance.yahoo.com",
        "guce.yahoo.com",
        "consent.yahoo.com",
    )

    def __init__(self, world: World) -> None:
        self._world = world
        self.live = False

    def admit(self, call: Call) -> Reply | None:
        """401 without the crumb that belongs to the cookie, where one is needed."""
        if not call.path.startswith(("v7/finance/quote", "v7/finance/options/", "v10/finance/")):
            return None
        cookie = _cookie(call)
        if cookie is not None and call.query.get("crumb") == crumb_of(cookie):
            return None
        return _error("finance", 401, "Unauthorized", "Invalid Crumb")

    def answer(self, call: Call) -> Reply:
        """The page asked for."""
        first, _, symbol = call.path.rpartition("/")
        if call.host == "fc.yahoo.com":
            return _given_cookie(call)
        if call.path == "v1/test/getcrumb":
            cookie = _cookie(call)
            if cookie is None:
                return _error("finance", 401, "Unauthorized", "Invalid Cookie")
            return Reply(content=crumb_of(cookie).encode(), content_type="text/plain")
        if first == "v8/finance/chart":
            return self._chart(call, symbol)
        if call.path == "v7/finance/spark":
            return self._spark(call)
        if call.path == "v7/finance/quote":
            return self._quote(call)
        if first == "v7/finance/options":
            return self._options(call, symbol)
        return self.absent(call)

    def absent(self, call: Call) -> Reply:
        """A symbol that Yahoo does not know, or a page it does not have."""
        if call.path.startswith("v8/finance/chart/"):
            return _error("chart", 404, "Not Found", "No data found, symbol may be delisted")
        if call.path == "v7/finance/quote":
            return as_json({"quoteResponse": {"result": [], "error": None}})
        if call.path.startswith("v7/finance/options/"):
            return as_json({"optionChain": {"result": [], "error": None}})
        symbol = call.path.rpartition("/")[2]
        if call.path.startswith("v10/finance/quoteSummary/"):
            return _error("quoteSummary", 404, "Not Found", f"Quote not found for symbol: {symbol}")
        if call.path.startswith("ws/fundamentals-timeseries/"):
            return as_json({"timeseries": {"result": [], "error": None}})
        return Reply(status=404, content=b"<html><body>Not Found</body></html>", content_type="text/html")

    def refuse(self, call: Call, seconds: int) -> Reply:
        """429 as plain text, in one of two wordings and without Retry-After."""
        text = b"Too Many Requests\r\n" if call.number % 2 == 0 else b"Edge: Too Many Requests"
        return Reply(status=429, content=text, content_type="text/plain")

    def down(self) -> Reply:
        """The page of a Yahoo that is out of order."""
        return Reply(status=503, content=_DOWN, content_type="text/html")

    def _chart(self, call: Call, symbol: str) -> Reply:
        listing = self._world.find(self.name, symbol)
        if listing is None:
            return self.absent(call)
        interval = call.query.get("interval", "1d")
        if interval not in _INTERVALS:
            text = (
                f"Invalid input - interval={interval} is not supported. Valid intervals: {list(_INTERVALS)}"
            )
            return _error("chart", 400, "Bad Request", text)
        if interval != "1d":
            text = f"{interval} data not available: this sandbox has daily bars alone."
            return _error("chart", 422, "Unprocessable Entity", text)
        given = call.query.get("range") or ("" if "period1" in call.query else "1d")
        bounds = self._bounds(call, listing, given)
        if bounds is None:
            text = f"Invalid input - range={given} is not supported. Valid ranges: {[*RANGES, 'ytd', 'max']}"
            return _error("chart", 400, "Bad Request", text)
        first, stop = bounds
        # An answer without one bar in it exists for a known symbol only after its first day.
        if stop <= listing.first:
            text = "Data doesn't exist for startDate = {}, endDate = {}"
            asked = call.query.get("period1"), call.query.get("period2")
            return _error("chart", 400, "Bad Request", text.format(*asked))
        events = call.query.get("events", "")
        span = Span(first, stop, self._world.number, live=self.live)
        body = chart_result(listing, span, events, given)
        return as_json({"chart": {"result": [body], "error": None}}, lasting=True)

    def _bounds(self, call: Call, listing: Listing, given: str) -> tuple[int, int] | None:
        """The sessions asked for, from the first up to, not including, the last; None for a bad range."""
        number = self._world.number
        if not given:
            after = call.query.get("period1", "0"), call.query.get("period2", "99999999999")
            if not all(part.lstrip("-").isdigit() for part in after):
                return None
            low, high = (_opened_before(int(part)) for part in after)
            return low, min(high, number + 1)
        if given == "max":
            return listing.first, number + 1
        today = sessions()[number]
        since = date(today.year, 1, 1) if given == "ytd" else None
        if given in RANGES:
            since = today - timedelta(days=RANGES[given] - 1)
        return None if since is None else (number_of(since - timedelta(days=1)) + 1, number + 1)

    def _spark(self, call: Call) -> Reply:
        asked = call.listed("symbols")
        if len(asked) > MOST_SPARKS:
            return _error("spark", 400, "Bad Request", "Number of symbols exceeds the limit of 20")
        rows = []
        given = call.query.get("range", "1d")
        # The order of the answer is its own.
        for symbol in sorted(asked, key=digest):
            listing = self._world.find(self.name, symbol)
            bounds = self._bounds(call, listing, given) if listing else None
            if listing is not None and bounds is not None:
                rows.append(spark_row(listing, Span(*bounds, self._world.number), given))
        if not rows:
            return _error("spark", 404, "Not Found", "No data found for spark symbols")
        return as_json({"spark": {"result": rows, "error": None}}, lasting=True)

    def _quote(self, call: Call) -> Reply:
        found = (self._world.find(self.name, symbol) for symbol in call.listed("symbols"))
        number, live = self._world.number, self.live
        rows = [quote_row(listing, number, live=live) for listing in found if listing is not None]
        return as_json({"quoteResponse": {"result": rows, "error": None}}, lasting=True)

    def _options(self, call: Call, symbol: str) -> Reply:
        listing = self._world.find(self.name, symbol)
        if listing is None:
            return self.absent(call)
        asked = call.query.get("date", "")
        quote = quote_row(listing, self._world.number)
        day = datetime.fromtimestamp(int(asked), UTC).date() if asked.isdigit() else None
        body = option_result(listing.symbol, quote, self._world.chain(listing), day)
        return as_json({"optionChain": {"result": [body], "error": None}}, lasting=True)


def crumb_of(cookie: str) -> str:
    """The eleven characters that belong to a cookie."""
    return base64.b64encode(hashlib.sha256(cookie.encode()).digest(), altchars=b"./").decode()[:11]


def _cookie(call: Call) -> str | None:
    parts = (part.strip().partition("=") for part in call.headers.get("cookie", "").split(";"))
    return next((value for name, _, value in parts if name == "A3" and value), None)


def _given_cookie(call: Call) -> Reply:
    value = f"d=AQABBOsandbox{digest('A3', call.number)[:16]}&S=AQAAAsandbox"
    # Neither Domain nor Secure: the sandbox is neither at yahoo.com nor behind TLS.
    cookie = f"A3={value}; Max-Age=31557600; Path=/; SameSite=None; HttpOnly"
    page = b"<html><body>Not Found on Accelerator</body></html>"
    return Reply(status=404, content=page, content_type="text/html", headers={"Set-Cookie": cookie})


def _error(answer: str, status: int, code: str, text: str) -> Reply:
    return as_json({answer: {"result": None, "error": {"code": code, "description": text}}}, status=status)


def _opened_before(at: int) -> int:
    """How many sessions opened before a moment, in seconds since 1970."""
    low = datetime.fromtimestamp(min(max(at, 0), 4_102_444_800), NEW_YORK).date()
    number = number_of(low)
    return number if number >= 0 and opens_at(sessions()[number]) >= at else number + 1
