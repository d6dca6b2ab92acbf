"""Polygon.io, since October 2025 Massive: its manners, and how it answers for prices and options.

Bars are asked for as traded (adjusted=false). Its free plan has end-of-day bars of about two years at five
requests a minute, and no snapshots of options.
"""

from __future__ import annotations

from collections.abc import Mapping

from evertape.formats import polygon
from evertape.model.call import Reply
from evertape.model.feed import Feed, Limit, Refusal, Source
from evertape.sources.polygon.bars import (
    DIVIDENDS,
    GROUPED,
    SPLITS,
    ask_grouped,
    ask_range,
    read_grouped,
    read_range,
)
from evertape.sources.polygon.chains import CONTRACTS, ask_options, read_options

_KEYS = ("POLYGON_API_KEY", "MASSIVE_API_KEY")
_PRICING = "https://massive.com/pricing"


def refusal(reply: Reply) -> Refusal | None:
    """What an answer of Polygon's really says; an error may come with status 200."""
    status, said = polygon.read_said(reply.body)
    if reply.status == 429 or "exceeded the maximum requests" in said:
        reason = f"Polygon says: {said or 'too many requests'}"
        return Refusal(kind="throttled", reason=reason, retry_after=reply.retry_after)
    names = " or ".join(_KEYS)
    if reply.status == 401 or said == "Unknown API Key":
        return Refusal(
            kind="denied", reason=f"Polygon does not know the key in {names} ({said or 401}); set it again"
        )
    if reply.status == 403 or status == "NOT_AUTHORIZED":
        return Refusal(
            kind="denied", reason=f"the plan of the key in {names} does not include this: {said or 403}"
        )
    if reply.status >= 500:
        return Refusal(kind="transient", reason=f"Polygon answered {reply.status}")
    if reply.status == 404:
        return None
    if reply.status != 200 or status == "ERROR":
        return Refusal(kind="malformed", reason=f"Polygon answered {reply.status}: {said or 'no words'}")
    return None


def headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """The key, which is never part of an address."""
    key = next((credentials[name] for name in _KEYS if credentials.get(name)), "")
    return {"Authorization": f"Bearer {key}"}


SOURCE = Source(
    name="polygon",
    hosts=polygon.HOSTS,
    limits=(Limit(count=5, seconds=60.0, page=_PRICING), Limit(count=300, seconds=3600.0, page=_PRICING)),
    refusal=refusal,
    credentials=_KEYS,
    credential_help="Polygon asks for a key, which is free for end-of-day bars: export POLYGON_API_KEY=...",
    headers=headers,
)
FEEDS = (
    Feed(
        name="polygon.grouped",
        source="polygon",
        dataset="prices",
        ask=ask_grouped,
        read=read_grouped,
        size=500_000,
        rank=30,
        ordered=True,
        partial=True,
        untelling=True,
    ),
    Feed(
        name="polygon.range",
        source="polygon",
        dataset="prices",
        ask=ask_range,
        read=read_range,
        size=20_000,
        rank=60,
        partial=True,
    ),
    Feed(
        name="polygon.options",
        source="polygon",
        dataset="options",
        ask=ask_options,
        read=read_options,
        size=60_000,
        rank=20,
        partial=True,
    ),
)

__all__ = [
    "CONTRACTS", "DIVIDENDS", "FEEDS", "GROUPED", "SOURCE", "SPLITS", "ask_grouped", "ask_options",
    "ask_range", "headers", "read_grouped", "read_options", "read_range", "refusal",
]  # fmt: skip
