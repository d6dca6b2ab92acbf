"""A made-up source that answers in two pages a company."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from evertape_plugins_datasets_short_interest import ShortInterest

from evertape.errors import Malformed
from evertape.model.call import Call, Reply
from evertape.model.feed import Feed, Limit, Page, Refusal, Source
from evertape.model.records import Batch
from evertape.model.unit import Holding, Outcome, Standing

HOST = "https://clearing.example"


def refusal(reply: Reply) -> Refusal | None:
    """It hides its refusals behind status 200."""
    if reply.body.startswith(b'{"sorry"'):
        return Refusal(kind="throttled", reason="the clearing house is sorry", retry_after=1.0)
    return None


def ask(standings: Sequence[Standing]) -> Sequence[Call]:
    """The first page of each company."""
    return [
        Call(
            source="clearing",
            feed="clearing.short",
            url=f"{HOST}/short/{s.key}?page=1",
            units=(s.unit,),
            label=s.label,
        )
        for s in standings
        if s.unit
    ]


def read(reply: Reply, _held: Mapping[str, Holding]) -> Iterator[Page]:
    """Rows, and the next page where there is one; the last page settles the company."""
    try:
        told = json.loads(reply.body)
        if int(told["cik"]) not in {int(unit.key) for unit in reply.call.units}:
            raise Malformed(f"{reply.call.url} is about CIK {told['cik']}")
        rows = [
            (int(told["cik"]), date.fromisoformat(day), float(shares), "clearing.short")
            for day, shares in told["rows"]
        ]
        following = told["next"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed(f"{reply.call.url}: {error!r}") from error
    calls = (replace(reply.call, url=f"{HOST}{following}"),) if following else ()
    settled = (
        ()
        if following
        else tuple(
            Holding(unit=unit, outcome=Outcome.SETTLED, checked_at=reply.at, source="clearing")
            for unit in reply.call.units
        )
    )
    yield Page(batches=(Batch(record=ShortInterest, rows=rows),), calls=calls, settled=settled)


SOURCE = Source(
    name="clearing",
    hosts=("clearing.example",),
    limits=(Limit(count=50, seconds=1.0, page=HOST),),
    refusal=refusal,
    headers=lambda _credentials: {"User-Agent": "evertape test"},
)
FEEDS = (
    Feed(name="clearing.short", source="clearing", dataset="short_interest", ask=ask, read=read, size=200),
)
