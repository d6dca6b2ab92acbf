"""What the SEC's answers really say: refusals, absences, and what a file is the whole truth about."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from evertape.datasets import facts, filings, universe
from evertape.errors import Malformed
from evertape.formats.xbrl.facts import accession_text, day_of
from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.records import Truth
from evertape.model.unit import Freshness, Holding, Outcome, Span, Standing, Unit
from evertape.sources import sec
from tests.conformance.answers import LISTING, TICKERS, index

AT = datetime(2026, 7, 10, 3, 0, tzinfo=UTC)
"""Eleven in the evening of 9 July in New York."""
QUARTER = "quarter/2026/QTR3"
FACTS = Unit("facts", "0000320193")
PAGE = '<!DOCTYPE html>\n<html lang="en">\n<head>\n<title>SEC.gov | {}</title>\n</head>\n<body></body></html>'


def reply(
    body: bytes | str,
    status: int = 200,
    *,
    unit: Unit = FACTS,
    awaited: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
    at: datetime = AT,
) -> Reply:
    call = Call(source="sec", feed="sec", url="https://www.sec.gov/file", units=(unit,), awaited=awaited)
    sent = body.encode() if isinstance(body, str) else body
    return Reply(call=call, status=status, headers=headers or {}, body=sent, wire=len(sent), at=at)


def recorded(shared: Path, name: str) -> bytes:
    return gzip.decompress((shared / "recordings" / name).read_bytes())


def one(pages: Any) -> Page:
    (page,) = pages
    assert isinstance(page, Page)
    return page


def rows(page: Page, record: type) -> list[tuple[Any, ...]]:
    return [row for batch in page.batches if batch.record is record for row in batch.rows]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "status"),
    [("www.sec.gov/absent_403.xml.gz", 403), ("data.sec.gov/no_such_key_404.xml.gz", 404)],
)
def test_a_missing_file_is_an_answer_and_no_refusal(shared: Path, name: str, status: int) -> None:
    assert sec.refusal(reply(recorded(shared, name), status)) is None


@pytest.mark.shared
def test_an_unavailable_file_is_worth_another_try(shared: Path) -> None:
    told = sec.refusal(reply(recorded(shared, "www.sec.gov/getcurrent_start5100.html.gz"), 503))
    assert told is not None
    assert (told.kind, told.retry_after, told.pause) == ("transient", None, None)


@pytest.mark.parametrize("status", [403, 429, 200])
def test_the_threshold_page_pauses_the_whole_source_for_ten_minutes(status: int) -> None:
    told = sec.refusal(reply(PAGE.format("Request Rate Threshold Exceeded"), status))
    assert told is not None
    assert (told.kind, told.pause) == ("throttled", 600.0)


@pytest.mark.parametrize("status", [403, 200])
def test_an_undeclared_tool_is_told_how_to_declare_itself(status: int) -> None:
    page = PAGE.format("Your Request Originates from an Undeclared Automated Tool")
    told = sec.refusal(reply(page, status))
    assert told is not None
    assert (told.kind, told.pause) == ("denied", None)
    assert "EDGAR_IDENTITY" in told.reason


@pytest.mark.parametrize("status", [200, 304])
def test_a_page_for_people_in_place_of_the_file_is_no_answer(status: int) -> None:
    told = sec.refusal(reply("\n " + PAGE.format("File Unavailable"), status))
    assert told is not None
    assert told.kind == "transient"


def test_html_that_forbids_is_neither_an_absence_nor_a_pause() -> None:
    told = sec.refusal(reply(PAGE.format("Forbidden"), 403))
    assert told is not None
    assert (told.kind, told.pause) == ("malformed", None)


@pytest.mark.parametrize(("status", "kind"), [(429, "throttled"), (503, "transient"), (500, "transient")])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120.0), ("", None), ("-5", None), ("Fri, 10 Jul 2026 03:10:00 GMT", None)],
)
def test_retry_after_is_heeded_where_it_counts_seconds(
    status: int, kind: str, header: str, seconds: float | None
) -> None:
    told = sec.refusal(reply("", status, headers={"retry-after": header}))
    assert told is not None
    assert (told.kind, told.retry_after, told.pause) == (kind, seconds, None)


def test_the_files_themselves_are_not_refused() -> None:
    for body in (TICKERS, LISTING, index("July 9, 2026"), b'{"cik":320193,"facts":{}}'):
        assert sec.refusal(reply(body)) is None


def due(dataset: str, key: str) -> Standing:
    span = Span(date(2026, 7, 9), date(2026, 7, 9)) if key.startswith("day/") else None
    return Standing(dataset=dataset, key=key, level=Freshness.STALE, unit=Unit(dataset, key, span))


def test_each_index_has_its_address() -> None:
    keys = ("listing/2026/QTR3", "quarter/2026/QTR2", "day/2026-07-09")
    assert [call.url for call in sec.ask_indexes([due("filings", key) for key in keys])] == [
        "https://www.sec.gov/Archives/edgar/daily-index/2026/QTR3/index.json",
        "https://www.sec.gov/Archives/edgar/full-index/2026/QTR2/xbrl.idx",
        "https://www.sec.gov/Archives/edgar/daily-index/2026/QTR3/master.20260709.idx",
    ]


LINES = (
    "320193|Apple Inc.|10-Q|2026-07-08|edgar/data/320193/0000320193-26-000070.txt",
    "320193|Apple Inc.|8-K|2026-07-08|edgar/data/320193/0000320193-26-000069.txt",
    "37996|FORD MOTOR CO|10-K/A|2026-07-07|edgar/data/37996/0000037996-26-000041.txt",
)


def quarter(received: str, *lines: str, at: datetime = AT) -> Page:
    body = index(received, *lines)
    return one(sec.read_indexes(reply(body, unit=Unit("filings", QUARTER), at=at), {}))


def span_of(truth: Truth) -> tuple[date, date]:
    told = {c.op: c.value for c in truth.where if c.column == "filed_date"}
    return told[">="], told["<="]


def test_periodic_filings_of_an_index_become_rows() -> None:
    found = rows(quarter("July 8, 2026", *LINES), filings.Filing)
    assert [row[:5] for row in found] == [
        (320193, "0000320193-26-000070", "10-Q", date(2026, 7, 8), True),
        (37996, "0000037996-26-000041", "10-K/A", date(2026, 7, 7), True),
    ]


def test_a_running_quarter_is_the_truth_up_to_the_last_day_received() -> None:
    page = quarter("July 8, 2026", *LINES)
    (truth,) = page.truths
    assert span_of(truth) == (date(2026, 7, 1), date(2026, 7, 8))
    (held,) = page.settled
    assert held.unit == Unit("filings", QUARTER, Span(date(2026, 7, 1), date(2026, 7, 8)))
    assert held.outcome is Outcome.SETTLED


@pytest.mark.parametrize(
    ("lines", "last"), [(LINES, date(2026, 7, 8)), ((), date(2026, 6, 30))], ids=["rows", "empty"]
)
def test_an_index_that_does_not_say_when_covers_no_day_without_a_row(
    lines: tuple[str, ...], last: date
) -> None:
    (held,) = quarter("some day", *lines).settled
    assert held.unit.span == Span(date(2026, 7, 1), last)


def test_a_quarter_just_past_is_covered_as_far_as_its_file_says() -> None:
    page = quarter("September 29, 2026", *LINES, at=datetime(2026, 10, 2, 12, tzinfo=UTC))
    assert span_of(page.truths[0]) == (date(2026, 7, 1), date(2026, 9, 29))


def test_a_past_quarter_is_covered_to_its_end() -> None:
    page = quarter("September 29, 2026", *LINES, at=datetime(2026, 10, 20, 12, tzinfo=UTC))
    assert span_of(page.truths[0]) == (date(2026, 7, 1), date(2026, 9, 30))
    assert page.settled[0].unit.span == filings.quarter_span("2026/QTR3")


def test_what_facts_have_shown_is_never_withdrawn_by_an_index() -> None:
    (truth,) = quarter("July 8, 2026", *LINES).truths
    told = {(c.column, c.op) for c in truth.where}
    assert {("in_facts_at", "is null"), ("indexed_at", "is not null"), ("periodic", "=")} <= told


def test_a_days_index_is_the_truth_about_that_day_alone() -> None:
    day = Unit("filings", "day/2026-07-08", Span(date(2026, 7, 8), date(2026, 7, 8)))
    body = index("Jul 8, 2026", LINES[0].replace("2026-07-08", "20260708"))
    page = one(sec.read_indexes(reply(body, unit=day), {}))
    assert span_of(page.truths[0]) == (date(2026, 7, 8), date(2026, 7, 8))
    assert [row[3] for row in rows(page, filings.Filing)] == [date(2026, 7, 8)]
    assert page.settled[0].unit == day


def test_an_accession_of_two_filers_is_two_filings() -> None:
    other = LINES[0].replace("320193|Apple Inc.", "37996|FORD MOTOR CO")
    found = rows(quarter("July 8, 2026", LINES[0], other, LINES[0]), filings.Filing)
    assert [row[:2] for row in found] == [(320193, "0000320193-26-000070"), (37996, "0000320193-26-000070")]


@pytest.mark.parametrize("key", [QUARTER, "listing/2026/QTR3", "day/2026-07-09"])
def test_an_index_that_is_not_published_settles_nothing_of_its_days(key: str) -> None:
    span = Span(date(2026, 7, 9), date(2026, 7, 9)) if key.startswith("day/") else None
    page = one(sec.read_indexes(reply("<?xml?>", 403, unit=Unit("filings", key, span)), {}))
    assert (page.batches, page.truths) == ((), ())
    (held,) = page.settled
    assert (held.unit, held.outcome) == (Unit("filings", key), Outcome.NOTHING)


def test_a_listing_names_the_days_and_when_they_were_written() -> None:
    page = one(sec.read_indexes(reply(LISTING, unit=Unit("filings", "listing/2026/QTR3")), {}))
    assert rows(page, filings.ListedDay) == [
        (date(2026, 7, 9), datetime(2026, 7, 10, 2, 2, 11, tzinfo=UTC), "812 KB", AT)
    ]
    assert page.truths == ()


@pytest.mark.parametrize("cut", [5, 60, 420])
def test_a_half_read_index_is_refused(cut: int) -> None:
    quarter_body = index("July 8, 2026", *LINES)[:-cut]
    with pytest.raises(Malformed, match="index"):
        list(sec.read_indexes(reply(quarter_body, unit=Unit("filings", QUARTER)), {}))


def test_the_ticker_file_is_the_whole_truth_about_listings() -> None:
    page = one(sec.read_tickers(reply(TICKERS, unit=Unit("universe", universe.TICKERS)), {}))
    assert [(row[1], row[2], row[3], row[4]) for row in rows(page, universe.Listing)] == [
        (1045810, "NVDA", "Nasdaq", 0),
        (320193, "AAPL", "Nasdaq", 1),
        (1067983, "BRK-B", "NYSE", 2),
        (1067983, "BRK-A", "NYSE", 3),
        (37996, "F", None, 4),
    ]
    assert len(rows(page, universe.Stock)) == 4
    assert [truth.record for truth in page.truths] == [universe.Listing]


def test_a_missing_ticker_file_is_an_error_and_not_an_empty_market() -> None:
    with pytest.raises(Malformed, match="no ticker file"):
        list(sec.read_tickers(reply("", 404, unit=Unit("universe", universe.TICKERS)), {}))


ACCESSION = "0000320193-26-000070"


def body(cik: int = 320193, val: object = 331_612_000_000, accession: str = ACCESSION) -> bytes:
    fact = {"end": "2026-06-27", "val": val, "accn": accession, "form": "10-Q", "filed": "2026-07-08"}
    shape = {"label": None, "description": None, "units": {"USD": [{**fact, "fy": None, "fp": None}]}}
    told = {"cik": cik, "entityName": "Apple Inc.", "facts": {"us-gaap": {"Assets": shape}}}
    return json.dumps(told).encode()


def read_facts(answer: Reply, was: Holding | None = None) -> Page:
    return one(sec.read_facts(answer, {was.unit.key: was} if was else {}))


def test_facts_come_with_the_filings_that_reported_them() -> None:
    page = read_facts(reply(body(), awaited=(ACCESSION,)))
    (row,) = rows(page, facts.FactSeries)
    assert row[:4] == (320193, "us-gaap", "Assets", "USD")
    (fact,) = facts.unpack(row[4])
    assert (day_of(fact.end), fact.start, fact.value) == (date(2026, 6, 27), None, 331_612_000_000.0)
    assert (day_of(fact.filed), accession_text(fact.accession), fact.form) == (
        date(2026, 7, 8), ACCESSION, "10-Q",
    )  # fmt: skip
    assert (fact.repeats, fact.absent) == ((), None)
    (filing,) = rows(page, filings.Filing)
    assert filing[:5] == (320193, ACCESSION, "10-Q", date(2026, 7, 8), True)
    assert filing[filings_at("in_facts_at")] == AT
    assert filing[filings_at("indexed_at")] is None
    (truth,) = page.truths
    assert [(c.column, c.op, c.value) for c in truth.where] == [("cik", "=", 320193)]
    (held,) = page.settled
    assert (held.outcome, held.size, held.mark) == (Outcome.SETTLED, len(body()), "")


def filings_at(name: str) -> int:
    from evertape.model.records import table_of

    return table_of(filings.Filing).position(name)


def test_facts_without_the_awaited_filing_are_pending() -> None:
    later = "0000320193-26-000099"
    (held,) = read_facts(reply(body(), awaited=(later,))).settled
    assert (held.outcome, held.mark, held.strikes) == (Outcome.PENDING, later, 1)
    assert held.not_before is not None
    assert held.not_before > AT


@pytest.mark.parametrize(
    "empty", [b'{"cik":320193,"entityName":"","facts":{}}', b'{"cik":"320193","facts":{}}']
)
def test_a_company_without_facts_is_settled_at_once(empty: bytes) -> None:
    page = read_facts(reply(empty))
    assert [row for batch in page.batches for row in batch.rows] == []
    (held,) = page.settled
    assert (held.outcome, held.note) == (Outcome.NOTHING, "no facts")


def test_an_absence_is_believed_when_it_repeats_and_writes_nothing() -> None:
    held: Holding | None = None
    outcomes = []
    for _ in range(facts.ABSENCE.strikes):
        page = read_facts(reply("<?xml?><Error/>", 404), held)
        assert (page.batches, page.truths) == ((), ())
        (held,) = page.settled
        outcomes.append(held.outcome)
    assert outcomes == [Outcome.PENDING, Outcome.PENDING, Outcome.NOTHING]


@pytest.mark.parametrize(
    "broken",
    [
        body(cik=37996),
        body(val="331612"),
        body(val=None),
        body(accession="not-an-accession"),
        body()[:-7],
        b'{"cik":320193}',
        b"[]",
    ],
    ids=["wrong CIK", "text value", "null value", "accession", "cut", "no facts key", "list"],
)
def test_a_body_that_is_not_this_companys_facts_is_malformed(broken: bytes) -> None:
    with pytest.raises(Malformed):
        read_facts(reply(broken))


def test_the_declared_identity_is_the_user_agent() -> None:
    told = {"EDGAR_IDENTITY": "Ada Lovelace ada@example.org", "SEC_USER_AGENT": "other"}
    assert sec.headers(told) == {"User-Agent": "Ada Lovelace ada@example.org"}
    assert sec.headers({"SEC_USER_AGENT": "other"}) == {"User-Agent": "other"}


def test_one_call_asks_for_the_file_with_all_companies() -> None:
    due = [
        Standing(dataset="facts", key=key, level=Freshness.MISSING, unit=Unit("facts", key))
        for key in ("0000320193", "0000037996")
    ]
    (call,) = sec.ask_bulk(due)
    assert call.url == "https://www.sec.gov/Archives/edgar/daily-index/xbrl/companyfacts.zip"
    assert (call.into, call.archive, call.conditional) == ("bulk/companyfacts.zip", False, False)
    assert call.units == tuple(standing.unit for standing in due)


def test_the_file_is_settled_as_itself_and_its_companies_stay_due() -> None:
    told = reply("", headers={"content-length": "1234", "etag": '"7"'})
    page = one(sec.read_bulk(replace(told, path=Path("companyfacts.zip"), status=304), {}))
    (held,) = page.settled
    assert (held.unit, held.size, held.mark) == (Unit("sec.bulk", "companyfacts.zip"), 1234, '"7"')
    assert not page.batches
    assert not page.truths


def test_a_file_that_the_sec_does_not_have_is_malformed() -> None:
    with pytest.raises(Malformed, match=r"has no file https://www.sec.gov/file \(status 403\)"):
        list(sec.read_bulk(reply("<?xml?>", 403), {}))
