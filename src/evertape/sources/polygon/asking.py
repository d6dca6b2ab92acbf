"""What all of Polygon's addresses have in common."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode, urlsplit

from evertape.datasets import universe
from evertape.model.call import Call, Reply
from evertape.model.unit import Unit

BASE = "https://api.polygon.io"


def spelled(symbol: str) -> str:
    """The symbol as Polygon writes it: BRK.B."""
    return symbol.replace("-", ".")


def ticker_of(unit: Unit) -> str:
    return spelled(universe.split_listing(unit.key)[0])


def path_of(reply: Reply) -> str:
    return urlsplit(reply.call.url).path


def url_of(path: str, **asked: object) -> str:
    return f"{BASE}{path}?{urlencode(asked)}"


def further(reply: Reply, path: str, **asked: object) -> Call:
    """A call that the reader of this answer needs in turn, for the same units."""
    return replace(reply.call, url=url_of(path, **asked), size=None, carried=(), expected=1)
