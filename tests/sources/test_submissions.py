"""What an answer of EDGAR's submissions makes known of a company."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evertape.datasets import companies
from evertape.errors import Malformed
from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.records import table_of
from evertape.model.unit import Freshness, Holding, Outcome, Standing, Unit
from evertape.sources import sec, submissions
from tests.conformance.answers import SUBMISSIONS

AT = datetime(2026, 7, 10, 3, 0, tzinfo=UTC)
UNIT = Unit("companies", "0000320193")
DUE = Standing(dataset="companies", key=UNIT.key, level=Freshness.MISSING, label="AAPL", unit=UNIT)
(CALL,) = submissions.ask([DUE])


def reply(body: bytes, status: int = 200, call: Call = CALL) -> Reply:
    return Reply(call=call, status=status, headers={}, body=body, wire=len(body), at=AT)


def page(body: bytes, status: int = 200, held: Holding | None = None) -> Page:
    (one,) = submissions.read(reply(body, status), {} if held is None else {UNIT.key: held})
    return one


def test_a_company_is_asked_for_under_ten_digits_and_kept_for_rebuild() -> None:
    assert CALL.url == "https://data.sec.gov/submissions/CIK0000320193.json"
    assert CALL.archive
    assert not CALL.conditional


def test_a_profile_is_one_row_and_settles_the_company() -> None:
    told = page(SUBMISSIONS)
    (batch,) = told.batches
    (row,) = batch.rows
    said = dict(zip(table_of(companies.Company).names, row, strict=True))
    assert said == {
        "cik": 320193,
        "name": "Apple Inc.",
        "sic": "3571",
        "sic_description": "Electronic Computers",
        "entity_type": "operating",
        "category": "Large accelerated filer",
        "fiscal_year_end": "0926",
        "state_of_incorporation": "CA",
        "ein": "942404110",
        "website": None,
        "former_names": "APPLE COMPUTER INC (1994-01-26 to 2007-01-04)",
        "source": "sec.submissions",
        "fetched_at": AT,
    }
    (held,) = told.settled
    assert (held.outcome, held.size) == (Outcome.SETTLED, len(SUBMISSIONS))


@pytest.mark.shared
def test_a_404_of_xml_is_an_answer_that_gives_up_at_the_third_time(shared: Path) -> None:
    body = gzip.decompress((shared / "recordings" / "data.sec.gov" / "no_such_key_404.xml.gz").read_bytes())
    assert sec.refusal(reply(body, 404)) is None
    held, outcomes = None, []
    for _ in range(3):
        told = page(body, 404, held)
        assert told.batches == ()
        (held,) = told.settled
        outcomes.append(held.outcome)
    assert outcomes == [Outcome.PENDING, Outcome.PENDING, Outcome.NOTHING]


def test_the_profile_of_another_company_is_malformed() -> None:
    with pytest.raises(Malformed, match="describes CIK 37996"):
        page(SUBMISSIONS.replace(b"0000320193", b"0000037996"))
