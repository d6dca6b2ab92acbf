"""The S&P 500's members from the public list of the datasets project, which follows Wikipedia."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from evertape.datasets import universe
from evertape.errors import Malformed
from evertape.formats.constituents import Constituent, MalformedList, read_constituents
from evertape.model.call import Call, Reply
from evertape.model.feed import Backoff, Feed, Limit, Page, Refusal, Source
from evertape.model.records import Batch, Condition, Row, Truth
from evertape.model.unit import Holding, Outcome, Standing, Unit

URL = "https://raw.githubusercontent.com/datasets/s-and-p-500-companies/main/data/constituents.csv"
ABSENCE = Backoff(first=timedelta(days=1), most=timedelta(days=7), strikes=1_000_000)


def refusal(reply: Reply) -> Refusal | None:
    """429 and 5xx; anything else that is no file is read as absent."""
    if reply.status == 429:
        return Refusal(kind="throttled", reason="the host of the S&P 500 list answered 429")
    if reply.status >= 500:
        return Refusal(kind="transient", reason=f"the host of the S&P 500 list answered {reply.status}")
    return None


def ask(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call for the list."""
    return [
        Call(
            source="constituents",
            feed="constituents.sp500",
            url=URL,
            units=(s.unit,),
            label=s.label,
            conditional=True,
            archive=True,
        )
        for s in standings
        if s.key == universe.SP500 and s.unit
    ]


def read(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """The members; the list is the whole truth. An absent list is noted, and looked for again later."""
    (unit,) = reply.call.units
    if reply.status != 200:
        yield _absent(unit, reply, held.get(unit.key))
        return
    try:
        members = read_constituents(reply.body)
    except MalformedList as error:
        raise Malformed(str(error)) from error
    rows = {(m.cik, m.symbol): _row(m, reply) for m in members}
    settled = Holding(
        unit=unit,
        outcome=Outcome.SETTLED,
        checked_at=reply.at,
        source="constituents",
        size=reply.wire or None,
    )
    listed = Condition(column="index_name", op="=", value="sp500")
    yield Page(
        batches=(Batch(record=universe.Membership, rows=list(rows.values())),),
        truths=(Truth(record=universe.Membership, where=(listed,)),),
        settled=(settled,),
    )


def _row(member: Constituent, reply: Reply) -> Row:
    return (
        "sp500",
        member.cik,
        member.symbol,
        member.name,
        member.sector,
        member.sub_industry,
        member.added,
        "constituents.sp500",
        reply.at,
        None,
    )


def _absent(unit: Unit, reply: Reply, was: Holding | None) -> Page:
    strikes = was.strikes + 1 if was and was.outcome is Outcome.PENDING else 1
    note = f"the S&P 500 list is absent (status {reply.status})"
    holding = Holding(
        unit=unit,
        outcome=Outcome.PENDING,
        checked_at=reply.at,
        source="constituents",
        strikes=strikes,
        not_before=ABSENCE.not_before(reply.at, strikes),
        note=note,
    )
    return Page(settled=(holding,), notes=(note,))


SOURCE = Source(
    name="constituents",
    hosts=("raw.githubusercontent.com",),
    limits=(Limit(count=2, seconds=1.0, page="https://docs.github.com/site-policy"),),
    refusal=refusal,
    headers=lambda _credentials: {"User-Agent": "evertape"},
)
FEEDS = (
    Feed(
        name="constituents.sp500",
        source="constituents",
        dataset="universe",
        ask=ask,
        read=read,
        size=17_000,
    ),
)
