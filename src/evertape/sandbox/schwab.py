"""Schwab's Trader API: tokens with two clocks, quotes, price history and chains."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from evertape.sandbox.exchange import midnight, number_of, sessions
from evertape.sandbox.schwab_bodies import chain_body, history_body, quote_body
from evertape.sandbox.wire import Call, Reply, as_json, digest
from evertape.sandbox.world import World

ACCESS_SECONDS = 30 * 60
REFRESH_SECONDS = 7 * 24 * 3600
_PERIOD_DAYS = {"day": 1, "month": 31, "year": 366, "ytd": 366}


class Schwab:
    """The protocol for the listings of a world. Any application and any code but `bad...` are accepted.

    Tokens carry their own time, so that they outlive the sandbox's process.
    """

    name: str = "schwab"
    hosts: tuple[str, ...] = ("api.schwabapi.com",)

    def __init__(self, world: World) -> None:
        self._world = world

    def admit(self, call: Call) -> Reply | None:
        """401 without an access token of the last half hour."""
        if call.path.startswith("v1/oauth/"):
            return None
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        made = made_at(token, "access")
        if made is not None and 0 <= call.at - made < ACCESS_SECONDS:
            return None
        detail = "Client not authorized: the token is invalid or has expired"
        return _errors(call, 401, "Unauthorized", detail)

    def answer(self, call: Call) -> Reply:
        """The page asked for."""
        path = call.path.removeprefix("marketdata/v1/")
        if call.path == "v1/oauth/token":
            return _token(call)
        if call.path == "v1/oauth/authorize":
            return _authorized(call)
        if path == "quotes":
            return self._quotes(call, call.listed("symbols"))
        if path.endswith("/quotes"):
            return self._quotes(call, [path.removesuffix("/quotes")])
        if path == "pricehistory":
            return self._history(call)
        if path == "chains":
            return self._chain(call)
        if path == "expirationchain":
            return self._expirations(call)
        return self.absent(call)

    def absent(self, call: Call) -> Reply:
        """A page that does not exist."""
        return _errors(call, 404, "Not Found", f"No resource at /{call.path}")

    def refuse(self, call: Call, seconds: int) -> Reply:
        """429 with nothing in it, or an array of errors: Schwab has both."""
        if call.number % 2 == 0:
            return Reply(status=429, content=b"", content_type="text/plain")
        return _errors(call, 429, "Too Many Requests", "The application has exceeded its allowance.")

    def _quotes(self, call: Call, symbols: list[str]) -> Reply:
        body: dict[str, Any] = {}
        unknown = []
        for symbol in symbols:
            listing = self._world.find(self.name, symbol)
            if listing is None:
                unknown.append(symbol)
            else:
                body[symbol] = quote_body(listing, symbol, self._world.number, call.listed("fields"))
        if unknown:
            body["errors"] = {"invalidSymbols": unknown}
        return as_json(body, lasting=True)

    def _history(self, call: Call) -> Reply:
        symbol = call.query.get("symbol", "")
        if not symbol:
            return _errors(call, 400, "Bad Request", "Missing parameter: symbol")
        if call.query.get("frequencyType", "daily") != "daily":
            return _errors(call, 400, "Bad Request", "This sandbox has daily candles alone")
        listing = self._world.find(self.name, symbol)
        if listing is None:
            return as_json({"symbol": symbol, "empty": True, "candles": []})
        number = self._world.number
        last = _day(call.query.get("endDate")) or sessions()[number]
        days = _PERIOD_DAYS.get(call.query.get("periodType", "year"), 366) * call.whole("period", 1, 20)
        first = _day(call.query.get("startDate")) or last - timedelta(days=days)
        span = number_of(first - timedelta(days=1)) + 1, min(number_of(last), number) + 1
        return as_json(history_body(listing, symbol, span, number), lasting=True)

    def _chain(self, call: Call) -> Reply:
        symbol = call.query.get("symbol", "")
        listing = self._world.find(self.name, symbol)
        chain = self._world.chain(listing) if listing is not None else None
        low, high = call.query.get("fromDate", "0001-01-01"), call.query.get("toDate", "9999-12-31")
        kind = call.query.get("contractType", "ALL").upper()
        strikes = call.whole("strikeCount", 1_000_000, 1_000_000)
        body = chain_body(chain, symbol, (low[:10], high[:10]), kind, strikes)
        if chain is not None and call.query.get("includeUnderlyingQuote", "").lower() == "true":
            body["underlying"] = quote_body(chain.listing, symbol, self._world.number, ["quote"])["quote"]
            body["underlying"]["symbol"] = symbol
        return as_json(body, lasting=True)

    def _expirations(self, call: Call) -> Reply:
        listing = self._world.find(self.name, call.query.get("symbol", ""))
        chain = self._world.chain(listing) if listing is not None else None
        rows = [
            {
                "expirationDate": day.isoformat(),
                "daysToExpiration": (day - chain.day).days,
                "expirationType": "S" if 15 <= day.day <= 21 else "W",
                "standard": True,
            }
            for day in (chain.dates() if chain is not None else ())
            if chain is not None
        ]
        return as_json({"status": "SUCCESS" if rows else "FAILED", "expirationList": rows}, lasting=True)


def token_of(kind: str, made: float) -> str:
    """A token of a kind (access, refresh) made at a time, in seconds since 1970."""
    return f"I0.{kind}.{int(made)}.{digest('schwab', kind, int(made))[:24]}@"


def made_at(token: str, kind: str) -> float | None:
    """When a token was made, or None where it is none of this kind."""
    parts = token.split(".")
    if len(parts) != 4 or not parts[2].isdigit() or token_of(kind, int(parts[2])) != token:
        return None
    return float(parts[2])


def _token(call: Call) -> Reply:
    given = dict(parse_qsl(call.form.decode("latin-1")))
    if call.method != "POST":
        return _errors(call, 405, "Method Not Allowed", "Use POST")
    if _application(call) is None:
        return _refused("invalid_client", "Unauthorized: no application key and secret")
    granted = given.get("grant_type")
    if granted == "authorization_code":
        code = given.get("code", "")
        if not code or code.startswith("bad"):
            return _refused("invalid_grant", "Bad authorization code")
        begun = call.at
    elif granted == "refresh_token":
        made = made_at(given.get("refresh_token", ""), "refresh")
        if made is None or not 0 <= call.at - made < REFRESH_SECONDS:
            return _refused("invalid_client", "refresh token invalid")
        begun = made
    else:
        return _refused("unsupported_grant_type", f"grant_type {granted} is not supported")
    body = {
        "expires_in": ACCESS_SECONDS,
        "token_type": "Bearer",
        "scope": "api",
        # Refreshing gives the same token back: its seven days are not extended.
        "refresh_token": token_of("refresh", begun),
        "access_token": token_of("access", call.at),
        "id_token": digest("id", int(call.at)),
    }
    return as_json(body)


def _application(call: Call) -> str | None:
    """The application's key of a Basic header, where it comes with a secret."""
    scheme, _, coded = call.headers.get("authorization", "").partition(" ")
    try:
        key, _, secret = base64.b64decode(coded).decode("latin-1").partition(":")
    except ValueError:
        return None
    return key if scheme == "Basic" and key and secret else None


def _authorized(call: Call) -> Reply:
    """Back to the application at once, as if its owner had logged in and agreed."""
    target = call.query.get("redirect_uri")
    if not target or not call.query.get("client_id"):
        return _errors(call, 400, "Bad Request", "client_id and redirect_uri are required")
    code = f"C0.{digest('code', call.number)[:32]}@"
    query = urlencode({"code": code, "session": digest("session", call.number)[:32]}, quote_via=quote)
    if "state" in call.query:
        query += f"&state={quote(call.query['state'])}"
    return Reply(status=302, content=b"", content_type="text/html", headers={"Location": f"{target}?{query}"})


def _refused(error: str, text: str) -> Reply:
    status = 401 if error == "invalid_client" else 400
    return as_json({"error": error, "error_description": text}, status=status)


def _errors(call: Call, status: int, title: str, detail: str) -> Reply:
    reference = digest(call.path, call.number)
    one: dict[str, Any] = {
        "id": f"{reference[:8]}-{reference[8:12]}-{reference[12:16]}-{reference[16:20]}-{reference[20:32]}",
        "status": str(status),
        "title": title,
        "detail": detail,
        "source": {"header": "Authorization"} if status == 401 else {},
    }
    return as_json({"errors": [one]}, status=status, Schwab_Client_CorrelId=one["id"])


def _day(milliseconds: str | None) -> date | None:
    """The New York day of a moment in milliseconds since 1970."""
    if not milliseconds or not milliseconds.lstrip("-").isdigit():
        return None
    at = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    return at.date() if at.timestamp() >= midnight(at.date()) else at.date() - timedelta(days=1)
