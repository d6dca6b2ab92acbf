"""Reading what a generated market publishes, the way the tests need it."""

from __future__ import annotations

import json
from typing import Any

from evertape.sandbox.market import Market

DATA = "data.sec.gov"
WWW = "www.sec.gov"


def facts_of(market: Market, cik: int) -> dict[str, Any]:
    body = market.fetch(DATA, f"api/xbrl/companyfacts/CIK{cik:010d}.json")
    assert body is not None
    document: dict[str, Any] = json.loads(body.unzipped())
    return document


def truth_of(market: Market, cik: int) -> dict[str, Any]:
    truth = market.truth(cik=str(cik), symbol=None)
    assert truth is not None
    return truth


def trapped(market: Market, trap: str) -> int:
    return next(p.cik for p in market.profiles if trap in p.traps)


def flat(document: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    return [
        (taxonomy, tag, unit, fact)
        for taxonomy, tags in document["facts"].items()
        for tag, concept in tags.items()
        for unit, facts in concept["units"].items()
        for fact in facts
    ]


def conflicts(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    seen: dict[tuple[Any, ...], set[Any]] = {}
    for taxonomy, tag, unit, fact in flat(document):
        seen.setdefault((taxonomy, tag, unit, fact.get("start"), fact["end"]), set()).add(fact["val"])
    return [key for key, values in seen.items() if len(values) > 1]


def index(market: Market, path: str) -> list[str]:
    body = market.fetch(WWW, f"Archives/edgar/{path}")
    assert body is not None
    lines = body.unzipped().decode("latin-1").split("\n")
    assert lines[6] == "-" * 80
    return [line for line in lines[7:] if line]
