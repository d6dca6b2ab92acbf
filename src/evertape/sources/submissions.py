"""How EDGAR answers for who a company is: one request a company to data.sec.gov/submissions.

https://www.sec.gov/search-filings/edgar-application-programming-interfaces
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from evertape.datasets import companies
from evertape.errors import Malformed
from evertape.formats.submissions import FormerName, MalformedProfile, Profile, read_profile
from evertape.model.call import Call, Reply
from evertape.model.feed import Feed, Page
from evertape.model.records import Batch, Row
from evertape.model.unit import Holding, Standing

FEED = "sec.submissions"
_ADDRESS = "https://data.sec.gov/submissions/CIK{}.json"


def ask(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a company."""
    return [
        Call(
            source="sec",
            feed=FEED,
            url=_ADDRESS.format(s.key),
            units=(s.unit,),
            label=s.label,
            size=s.size,
            archive=True,
        )
        for s in standings
        if s.unit is not None
    ]


def read(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """The company's row, or that EDGAR has no such company: a 404 with a body of XML."""
    (unit,) = reply.call.units
    found = reply.status == 200
    settled = replace(
        companies.settle(unit, found, held.get(unit.key), reply.at),
        size=reply.wire or None if found else None,
    )
    if not found:
        yield Page(settled=(settled,))
        return
    try:
        profile = read_profile(reply.body)
    except MalformedProfile as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    if profile.cik != int(unit.key):
        raise Malformed(f"{reply.call.url} describes CIK {profile.cik}")
    yield Page(batches=(Batch(record=companies.Company, rows=[_row(profile, reply)]),), settled=(settled,))


def _row(profile: Profile, reply: Reply) -> Row:
    return (
        profile.cik,
        profile.name,
        profile.sic,
        profile.sic_description,
        profile.entity_type,
        "; ".join(profile.category) or None,
        profile.fiscal_year_end,
        profile.state_of_incorporation,
        profile.ein,
        profile.website,
        "; ".join(map(_former, profile.former_names)) or None,
        FEED,
        reply.at,
    )


def _former(former: FormerName) -> str:
    days = f"{former.since or '?'} to {former.until or '?'}"
    return f"{former.name} ({days})"


FEEDS = (Feed(name=FEED, source="sec", dataset=companies.NAME, ask=ask, read=read, size=25_000),)
