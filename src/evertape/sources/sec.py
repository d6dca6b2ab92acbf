"""The SEC: its manners, and how EDGAR answers for the universe, the filings and the facts.

Fair access: https://www.sec.gov/search-filings/edgar-search-assistance/accessing-edgar-data
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from evertape.clock import new_york_date
from evertape.datasets import facts, filings, universe
from evertape.errors import Malformed
from evertape.formats import edgar, xbrl
from evertape.model.call import Call, Reply
from evertape.model.feed import Feed, Limit, Page, Refusal, Source
from evertape.model.records import Batch, Condition, Truth
from evertape.model.unit import Holding, Outcome, Span, Standing, Unit

_WWW = "https://www.sec.gov"
_DATA = "https://data.sec.gov"
_FAIR_ACCESS = "https://www.sec.gov/search-filings/edgar-search-assistance/accessing-edgar-data"
BULK = "companyfacts.zip"
_PAUSE = 600.0
"""The SEC lifts a block once the rate has been below its threshold for ten minutes."""


def refusal(reply: Reply) -> Refusal | None:
    """What an answer of the SEC really says. A 403 has three meanings, told by its body.

    An XML body is an answer: there is no such file. HTML is a page for people, whatever the status.
    """
    head = reply.body[:4096].lower()
    if b"request rate threshold exceeded" in head:
        return Refusal(kind="throttled", reason="the SEC says: Request Rate Threshold Exceeded", pause=_PAUSE)
    if b"undeclared automated tool" in head:
        return Refusal(
            kind="denied",
            reason='the SEC refuses an undeclared tool; set EDGAR_IDENTITY="Your Name you@example.org"',
        )
    if reply.status == 429:
        return Refusal(kind="throttled", reason="the SEC answered 429", retry_after=reply.retry_after)
    if reply.status >= 500:
        return Refusal(
            kind="transient", reason=f"the SEC answered {reply.status}", retry_after=reply.retry_after
        )
    if reply.status in (200, 304):
        if head.lstrip().startswith((b"<!doctype html", b"<html")):
            return Refusal(kind="transient", reason="the SEC sent a page of HTML in place of the file")
        return None
    if _is_absent(reply):
        return None
    return Refusal(kind="malformed", reason=f"the SEC answered {reply.status}, which it does not document")


def _is_absent(reply: Reply) -> bool:
    """A missing file: 404, or a 403 of the storage behind /Archives, both with an XML body."""
    head = reply.body[:400].lstrip().lower()
    return reply.status == 404 or (reply.status == 403 and head.startswith(b"<?xml"))


def headers(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """The declared identity as the User-Agent, as the SEC asks."""
    return {"User-Agent": credentials.get("EDGAR_IDENTITY") or credentials.get("SEC_USER_AGENT") or ""}


def _call(feed: str, url: str, standing: Standing, **more: object) -> Call:
    if standing.unit is None:
        raise ValueError(f"{standing.key} is not due")
    return Call(
        source="sec",
        feed=feed,
        url=url,
        units=(standing.unit,),
        label=standing.label,
        **more,  # type: ignore[arg-type]
    )


def ask_tickers(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call for the whole ticker file."""
    url = f"{_WWW}/files/company_tickers_exchange.json"
    return [
        _call("sec.tickers", url, s, conditional=True, archive=True)
        for s in standings
        if s.key == universe.TICKERS
    ]


def read_tickers(reply: Reply, _held: Mapping[str, Holding]) -> Iterator[Page]:
    """Companies and listings; the file is the whole truth about today's listings."""
    if reply.status != 200:
        raise Malformed(f"the SEC has no ticker file at {reply.call.url} (status {reply.status})")
    try:
        tickers = edgar.read_tickers(reply.body)
    except edgar.MalformedIndex as error:
        raise Malformed(str(error)) from error
    stocks = {t.cik: (t.cik, t.name, "sec.tickers", reply.at) for t in reversed(tickers)}
    listings = {
        universe.listing_id(t.symbol, t.cik): (
            universe.listing_id(t.symbol, t.cik),
            t.cik,
            t.symbol,
            t.exchange,
            rank,
            "sec.tickers",
            reply.at,
            None,
        )
        for rank, t in enumerate(tickers)
    }
    yield Page(
        batches=(
            Batch(record=universe.Stock, rows=list(stocks.values())),
            Batch(record=universe.Listing, rows=list(listings.values())),
        ),
        truths=(
            Truth(record=universe.Listing, where=(Condition(column="source", op="=", value="sec.tickers"),)),
        ),
        settled=tuple(_settled(unit, reply) for unit in reply.call.units),
    )


def ask_indexes(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a listing, day or quarter."""
    calls = []
    for standing in standings:
        kind, name = filings.split_key(standing.key)
        if kind == "listing":
            path = f"daily-index/{name}/index.json"
        elif kind == "quarter":
            path = f"full-index/{name}/xbrl.idx"
        else:
            day = date.fromisoformat(name)
            path = f"daily-index/{filings.quarter_of(day)}/master.{day:%Y%m%d}.idx"
        calls.append(_call("sec.indexes", f"{_WWW}/Archives/edgar/{path}", standing, archive=True))
    return calls


def read_indexes(reply: Reply, _held: Mapping[str, Holding]) -> Iterator[Page]:
    """Periodic filings of a day or a quarter, or the days that are published."""
    (unit,) = reply.call.units
    kind, name = filings.split_key(unit.key)
    if reply.status != 200:
        gone = Unit("filings", unit.key)
        yield Page(settled=(_settled(gone, reply, Outcome.NOTHING, "not published"),))
        return
    try:
        if kind == "listing":
            yield _listing_page(unit, reply)
        else:
            yield _index_page(unit, kind, name, reply)
    except edgar.MalformedIndex as error:
        raise Malformed(f"{reply.call.url}: {error}") from error


def _listing_page(unit: Unit, reply: Reply) -> Page:
    days = edgar.read_listing(reply.body)
    rows = [(d.day, d.modified, d.size, reply.at) for d in days]
    return Page(batches=(Batch(record=filings.ListedDay, rows=rows),), settled=(_settled(unit, reply),))


def _index_page(unit: Unit, kind: str, name: str, reply: Reply) -> Page:
    index = edgar.read_index(reply.body)
    span = unit.span or filings.quarter_span(name)
    if kind == "quarter" and new_york_date(reply.at) - span.end <= filings.REPUBLISHED:
        last = max((e.filed for e in index.entries), default=span.start - timedelta(days=1))
        span = Span(span.start, min(index.through or last, span.end))
    rows = {
        (e.cik, e.accession): (
            e.cik,
            e.accession,
            e.form,
            e.filed,
            True,
            e.name,
            e.path,
            reply.at,
            None,
            None,
        )
        for e in index.entries
        if e.form in edgar.PERIODIC_FORMS
    }
    truth = Truth(
        record=filings.Filing,
        where=(
            Condition(column="filed_date", op=">=", value=span.start),
            Condition(column="filed_date", op="<=", value=span.end),
            Condition(column="indexed_at", op="is not null"),
            Condition(column="in_facts_at", op="is null"),
            filings.PERIODIC,
        ),
    )
    return Page(
        batches=(Batch(record=filings.Filing, rows=list(rows.values())),),
        truths=(truth,),
        settled=(_settled(Unit("filings", unit.key, span), reply),),
    )


def ask_facts(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a company, never two."""
    return [
        _call(
            "sec.companyfacts",
            f"{_DATA}/api/xbrl/companyfacts/CIK{s.key}.json",
            s,
            size=s.size,
            archive=True,
            awaited=s.evidence,
        )
        for s in standings
    ]


def read_facts(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """A company's facts, the filings they came with, and whether the awaited ones are among them."""
    (unit,) = reply.call.units
    was = held.get(unit.key)
    if reply.status != 200:
        yield Page(settled=(_sized(facts.settle(unit, None, reply.call.awaited, was, reply.at), reply),))
        return
    try:
        company = xbrl.decode(reply.body, reply.call.awaited)
    except xbrl.MalformedFacts as error:
        raise Malformed(f"{reply.subject}: {error}") from error
    cik = int(unit.key)
    if company.cik != cik:
        raise Malformed(f"{reply.subject} holds the facts of CIK {company.cik}")
    seen = company.filings
    yield Page(
        batches=(
            *_named(company, reply),
            Batch(
                record=facts.FactSeries,
                rows=facts.rows_of(cik, company.series),
                size=company.count,
                made_from=company,
            ),
            Batch(record=filings.Filing, rows=[_seen(cik, filing, reply) for filing in seen.values()]),
        ),
        truths=(Truth(record=facts.FactSeries, where=(Condition(column="cik", op="=", value=cik),)),),
        settled=(_sized(facts.settle(unit, seen, reply.call.awaited, was, reply.at), reply),),
        notes=tuple(f"{company.name or cik}: {said}" for said in facts.doubtful(company.series)),
    )


def ask_bulk(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call for all companies: the file with every company's facts, made each night.

    https://www.sec.gov/search-filings/edgar-application-programming-interfaces
    """
    units = tuple(s.unit for s in standings if s.unit is not None)
    if not units:
        return []
    url = f"{_WWW}/Archives/edgar/daily-index/xbrl/{BULK}"
    return [Call(source="sec", feed="sec.bulk", url=url, units=units, label=BULK, into=f"bulk/{BULK}")]


def read_bulk(reply: Reply, _held: Mapping[str, Holding]) -> Iterator[Page]:
    """The file itself is what is settled; its companies are, once their facts are extracted from it."""
    if reply.path is None:
        raise Malformed(f"the SEC has no file {reply.call.url} (status {reply.status})")
    size = reply.headers.get("content-length", "")
    held = Holding(
        unit=Unit("sec.bulk", BULK),
        outcome=Outcome.SETTLED,
        checked_at=reply.at,
        source="sec",
        size=int(size) if size.isdigit() else None,
        mark=reply.headers.get("etag", ""),
    )
    yield Page(settled=(held,))


def _named(company: xbrl.CompanyFacts, reply: Reply) -> tuple[Batch, ...]:
    if not company.name:
        return ()
    row = (company.cik, company.name, "sec.companyfacts", reply.at)
    return (Batch(record=universe.Stock, rows=[row]),)


def _seen(cik: int, seen: xbrl.FilingSeen, reply: Reply) -> tuple[object, ...]:
    periodic = seen.form in edgar.PERIODIC_FORMS
    return (cik, seen.accession, seen.form, seen.filed, periodic, None, None, None, reply.at, None)


def _settled(unit: Unit, reply: Reply, outcome: Outcome = Outcome.SETTLED, note: str = "") -> Holding:
    return Holding(
        unit=unit, outcome=outcome, checked_at=reply.at, source="sec", size=reply.wire or None, note=note
    )


def _sized(holding: Holding, reply: Reply) -> Holding:
    return replace(
        holding, size=reply.wire if reply.status == 200 else holding.size, version=xbrl.EXTRACTOR_VERSION
    )


SOURCE = Source(
    name="sec",
    hosts=("www.sec.gov", "data.sec.gov"),
    limits=(Limit(count=8, seconds=1.0, page=_FAIR_ACCESS, ceiling=10),),
    refusal=refusal,
    credentials=("EDGAR_IDENTITY", "SEC_USER_AGENT"),
    credential_help='the SEC asks for a declared identity: export EDGAR_IDENTITY="Your Name you@example.org"',
    headers=headers,
    rate_setting="EDGAR_RATE_LIMIT_PER_SEC",
)
FEEDS = (
    Feed(
        name="sec.tickers",
        source="sec",
        dataset="universe",
        ask=ask_tickers,
        read=read_tickers,
        size=180_000,
    ),
    Feed(
        name="sec.indexes",
        source="sec",
        dataset="filings",
        ask=ask_indexes,
        read=read_indexes,
        size=120_000,
    ),
    Feed(
        name="sec.companyfacts",
        source="sec",
        dataset="facts",
        ask=ask_facts,
        read=read_facts,
        size=150_000,
    ),
    Feed(
        name="sec.bulk",
        source="sec",
        dataset="facts",
        ask=ask_bulk,
        read=read_bulk,
        size=1_300_000_000,
        rank=200,
        unit_seconds=0.02,
    ),
)
