"""Asking the vendors of a generated market, the way the tests need it."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from evertape.sandbox.manners import load_manners
from evertape.sandbox.profile import profile_of
from evertape.sandbox.vendors import Vendors
from evertape.sandbox.wire import Call, Reply
from evertape.sandbox.yahoo import crumb_of

TODAY = date(2026, 6, 30)
COOKIE = {"cookie": "A3=d=here"}
CRUMB = crumb_of("d=here")
Q2 = "https://query2.finance.yahoo.com"
POLYGON = "https://api.polygon.io"
CBOE = "https://cdn.cboe.com/api/global/delayed_quotes"
RESTLESS = "GAAH"
"""The symbol of the company that splits 3:2 on 2026-07-02."""


def market_of(
    companies: int = 40, *, contracts: int = 60, today: date = TODAY, **settings: object
) -> Vendors:
    """The vendors of a market with seed 1."""
    profiles = [profile_of(1, index) for index in range(companies)]
    return Vendors(profiles, 1, today, contracts, load_manners(settings))


def ask(
    vendors: Vendors,
    url: str,
    *,
    form: bytes | None = None,
    at: float = 0.0,
    **headers: str,
) -> Reply:
    """One request; `at` is monotonic seconds."""
    parts = urlsplit(url)
    call = vendors.take(
        Call(
            method="GET" if form is None else "POST",
            host=parts.netloc,
            path=parts.path.lstrip("/"),
            query=dict(parse_qsl(parts.query)),
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            form=form or b"",
            at=0.0,
        )
    )
    return vendors.turned_away(call, at) or vendors.answer(call)


def document(reply: Reply) -> Any:
    assert reply.status == 200, reply.content
    return json.loads(reply.content)


def ask_json(vendors: Vendors, url: str, **headers: str) -> Any:
    return document(ask(vendors, url, form=None, at=0.0, **headers))


def truth(vendors: Vendors, symbol: str, kind: str) -> dict[str, Any]:
    found = vendors.truth(vendors.world.listings[symbol], kind)
    assert found is not None
    return found


def optionable(vendors: Vendors) -> list[str]:
    """Symbols that every vendor has a chain of."""
    return [one.symbol for one in vendors.world.traded("cboe") if one.optionable]
