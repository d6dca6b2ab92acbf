"""Robinhood's unofficial API: a login with its verification, quotes, histories and options, all as text."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from urllib.parse import urlencode

from evertape.sandbox.robinhood_bodies import (
    chain_row,
    history_row,
    instrument_row,
    listing_place,
    market_row,
    option_place,
    option_row,
    quote_row,
)
from evertape.sandbox.robinhood_login import TOKEN_SECONDS, Logins, made_at
from evertape.sandbox.securities import Listing
from evertape.sandbox.wire import Call, Reply, as_json
from evertape.sandbox.world import World

_PAGE = 100


class Robinhood:
    """The protocol for the listings of a world.

    A user name that begins with `plain` is let in at once, `sms...` is asked for the code 123456, and all
    others are approved on their device by the second time that somebody looks.
    """

    name: str = "robinhood"
    hosts: tuple[str, ...] = ("api.robinhood.com",)

    def __init__(self, world: World) -> None:
        self._world = world
        self._logins = Logins()

    def admit(self, call: Call) -> Reply | None:
        """401 without a token of the last day; the login's own pages are open."""
        if call.path.startswith(("oauth2/", "pathfinder/", "push/", "challenge/")):
            return None
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        made = made_at(token)
        if made is not None and 0 <= call.at - made < TOKEN_SECONDS:
            return None
        return as_json({"detail": "Incorrect authentication credentials."}, status=401)

    def answer(self, call: Call) -> Reply:
        """The page asked for."""
        path = call.path.rstrip("/")
        first, _, last = path.partition("/")
        if first in ("oauth2", "pathfinder", "push", "challenge"):
            return self._logins.answer(call, path) or self.absent(call)
        listed = {
            "quotes": self._quotes,
            "instruments": self._instruments,
            "quotes/historicals": self._histories,
            "options/chains": self._chains,
            "options/instruments": self._options,
            "marketdata/options": self._market,
        }
        if path in listed:
            return listed[path](call)
        parent, _, last = path.rpartition("/")
        if parent == "quotes" and (one := self._world.find(self.name, last)) is not None:
            return as_json(quote_row(one, last, self._world), lasting=True)
        if parent == "instruments" and (one := self._listing(last)) is not None:
            return as_json(instrument_row(one, self._world), lasting=True)
        if parent == "options/chains" and (one := self._listing(last)) is not None and one.optionable:
            return as_json(chain_row(one, self._world), lasting=True)
        if parent == "marketdata/options" and (found := option_place(last, self._world)) is not None:
            return as_json(market_row(*found), lasting=True)
        if parent == "options/instruments" and (found := option_place(last, self._world)) is not None:
            return as_json(option_row(*found), lasting=True)
        return self.absent(call)

    def absent(self, call: Call) -> Reply:
        """A page that does not exist."""
        return as_json({"detail": "Not found."}, status=404)

    def refuse(self, call: Call, seconds: int) -> Reply:
        """429 with the seconds in its text alone."""
        text = f"Request was throttled. Expected available in {seconds} second{'s' * (seconds != 1)}."
        return as_json({"detail": text}, status=429)

    def _listing(self, identity: str) -> Listing | None:
        place = listing_place(identity)
        return self._world.by_index(self.name, *place) if place is not None else None

    def _named(self, call: Call) -> list[tuple[str, Listing | None]]:
        names = call.listed("symbols") or call.listed("symbol")
        return [(name, self._world.find(self.name, name)) for name in names]

    def _quotes(self, call: Call) -> Reply:
        found = self._named(call)
        rows = [quote_row(one, name, self._world) if one is not None else None for name, one in found]
        return as_json({"results": rows}, lasting=True)

    def _instruments(self, call: Call) -> Reply:
        found = [instrument_row(one, self._world) for _, one in self._named(call) if one is not None]
        return as_json({"next": None, "previous": None, "results": found}, lasting=True)

    def _histories(self, call: Call) -> Reply:
        interval, span = call.query.get("interval", "day"), call.query.get("span", "year")
        if interval != "day":
            return as_json({"detail": "This sandbox has daily bars alone."}, status=400)
        found = self._named(call)
        rows = [history_row(one, name, span, self._world) for name, one in found if one is not None]
        return as_json({"results": rows}, lasting=True)

    def _chains(self, call: Call) -> Reply:
        found = [self._listing(one) for one in call.listed("equity_instrument_ids")]
        found += [one for _, one in self._named(call)]
        rows = [chain_row(one, self._world) for one in found if one is not None and one.optionable]
        return as_json({"next": None, "previous": None, "results": rows}, lasting=True)

    def _options(self, call: Call) -> Reply:
        listing = self._world.find(self.name, call.query.get("chain_symbol", ""))
        if "chain_id" in call.query:
            listing = self._listing(call.query["chain_id"])
        chain = self._world.chain(listing) if listing is not None else None
        places: Sequence[int] = []
        if chain is not None and call.query.get("state", "active") == "active":
            days, kind = set(call.listed("expiration_dates")), call.query.get("type")
            strike = call.query.get("strike_price")
            places = [
                n
                for n in range(len(chain.codes))
                if (not days or chain.expiries[n].isoformat() in days)
                and (kind is None or chain.calls[n] == (kind == "call"))
                and (strike is None or chain.strikes[n] == float(strike))
            ]
        start = _cursor(call)
        rows = [option_row(chain, n) for n in places[start : start + _PAGE]] if chain is not None else []
        page = {
            "next": _page(call, start + _PAGE) if start + _PAGE < len(places) else None,
            "previous": _page(call, max(0, start - _PAGE)) if start else None,
            "results": rows,
        }
        return as_json(page, lasting=True)

    def _market(self, call: Call) -> Reply:
        asked = call.listed("instruments") or call.listed("ids")
        found = [option_place(one.rstrip("/").rpartition("/")[2], self._world) for one in asked]
        rows = [market_row(*one) if one is not None else None for one in found]
        return as_json({"results": rows}, lasting=True)


def _cursor(call: Call) -> int:
    try:
        text = base64.b64decode(call.query.get("cursor", "")).decode()
    except ValueError:
        return 0
    return int(text[2:]) if text.startswith("p=") and text[2:].isdigit() else 0


def _page(call: Call, start: int) -> str:
    kept = {name: value for name, value in call.query.items() if name != "cursor"}
    cursor = base64.b64encode(f"p={start}".encode()).decode()
    return f"https://{call.host}/{call.path}?{urlencode({**kept, 'cursor': cursor})}"
