"""Bodies to facts, facts to bitemporal rows and back."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.formats.xbrl import (
    EXTRACTOR_VERSION,
    CompanyFacts,
    Fact,
    FilingSeen,
    MalformedFacts,
    decode,
    fold,
    standardize,
    unfold,
)
from evertape.formats.xbrl.facts import accession_text, day_of, filed_of
from tests.formats.xbrl.conftest import COMPANIES, Recorded
from tests.formats.xbrl.made import day, fact, filing


def _body(**changes: Any) -> dict[str, Any]:
    value = {
        "end": "2021-12-31",
        "val": 5,
        "accn": "0000000001-22-000001",
        "fy": 2021,
        "fp": "FY",
        "form": "10-K",
        "filed": "2022-02-20",
    }
    value.update(changes)
    tags = {"Assets": {"label": None, "description": None, "units": {"USD": [value]}}}
    return {"cik": 1, "entityName": "One", "facts": {"us-gaap": tags}}


def _decode(document: Any) -> CompanyFacts:
    return decode(json.dumps(document).encode())


def test_a_fact_is_what_the_body_says() -> None:
    company = _decode(_body())
    assert company.facts == [
        (
            "us-gaap",
            "Assets",
            "USD",
            None,
            day("2021-12-31"),
            5.0,
            "0000000001-22-000001",
            "10-K",
            day("2022-02-20"),
        )
    ]
    assert (company.cik, company.name) == (1, "One")


@pytest.mark.parametrize("cik", [320193, "0000320193"])
def test_a_cik_is_a_number_or_padded(cik: int | str) -> None:
    assert _decode({"cik": cik, "entityName": "", "facts": {}}) == CompanyFacts(
        cik=320193, name="", series={}, filed={}
    )


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_filing_with_none_of_the_catalogues_tags_is_seen(separators: tuple[str, str]) -> None:
    document = _body()
    other = {"end": "2026-01-25", "val": 1, "accn": "0001308179-26-000342", "fy": None, "fp": None}
    other |= {"form": "DEF 14A", "filed": "2026-04-24"}
    document["facts"]["ecd"] = {"PeoTotalCompAmt": {"label": 'says "accn": none', "units": {"USD": [other]}}}
    company = decode(json.dumps(document, separators=separators).encode())
    assert company.filings["0001308179-26-000342"] == FilingSeen(
        accession="0001308179-26-000342", form="DEF 14A", filed=date(2026, 4, 24)
    )
    assert len(company.facts) == 1


def test_an_awaited_filing_is_found_wherever_it_stands() -> None:
    document = _body()
    other = dict(document["facts"]["us-gaap"]["Assets"]["units"]["USD"][0], accn="0000000001-23-000007")
    document["facts"]["us-gaap"]["TagOfNoCatalogue"] = {"units": {"USD": [other]}}
    body = json.dumps(document).encode()
    assert set(decode(body).filings) == {"0000000001-22-000001"}
    awaited = decode(body, ["0000000001-23-000007", "0000000001-23-000008"]).filings
    assert set(awaited) == {"0000000001-22-000001", "0000000001-23-000007"}


def test_the_order_of_a_body_does_not_matter() -> None:
    document = _body()
    value = document["facts"]["us-gaap"]["Assets"]["units"]["USD"][0]
    values = [
        dict(value, end=end, val=val, accn=f"0000000001-22-{n:06d}", filed=f"2022-03-0{n}")
        for n, (end, val) in enumerate([("2021-12-31", 1), ("2020-12-31", 2), ("2021-12-31", 1)], start=1)
    ]
    document["facts"]["us-gaap"]["Assets"]["units"]["USD"] = values
    told = _decode(document)
    document["facts"]["us-gaap"]["Assets"]["units"]["USD"] = values[::-1]
    assert _decode(document).series == told.series
    assert [(f.value, len(f.repeats)) for f in told.series["us-gaap", "Assets", "USD"]] == [
        (2.0, 0),
        (1.0, 1),
    ]


def test_the_fiscal_year_of_a_cover_is_kept_for_the_filings_own_period() -> None:
    document = _body()
    years = [_body(start=f"{year}-01-01", end=f"{year}-12-31") for year in (2020, 2021)]
    reports = [y["facts"]["us-gaap"]["Assets"]["units"]["USD"][0] for y in years]
    document["facts"]["us-gaap"]["NetIncomeLoss"] = {"units": {"USD": reports}}
    focus = [f for f in _decode(document).facts if f[0] == "dei"]
    assert focus == [
        (
            "dei",
            "DocumentFiscalYearFocus",
            "gYear",
            None,
            day("2021-12-31"),
            2021.0,
            "0000000001-22-000001",
            "10-K",
            day("2022-02-20"),
        )
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"val": "5"},
        {"val": None},
        {"val": True},
        {"end": "2021-13-31"},
        {"end": None},
        {"start": 20210101},
        {"filed": "soon"},
        {"form": None},
        {"accn": 1},
        {"accn": "0000000001-22-1"},
        {"fy": "2021"},
    ],
)
def test_a_value_of_the_wrong_type_gives_no_facts_at_all(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedFacts):
        _decode(_body(**changes))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><html><body>Request Rate Threshold Exceeded</body></html>",
        b"[]",
        b'{"cik": 1, "entityName": "One"}',
        b'{"entityName": "One", "facts": {}}',
        b'{"cik": "one", "entityName": "One", "facts": {}}',
        b'{"cik": 1, "entityName": 1, "facts": {}}',
        b'{"cik": 1, "entityName": "One", "facts": []}',
        b'{"cik": 1, "entityName": "One", "facts": {"us-gaap": {"Assets": {}}}}',
        b'{"cik": 1, "entityName": "One", "facts": {"us-gaap": {"Assets": {"units": {"USD": 1}}}}}',
        json.dumps(_body()).encode()[:-20],
        json.dumps(_body()).replace('"val": 5', '"val": 1e999').encode(),
        json.dumps(_body()).replace('"val": 5', '"val": NaN').encode(),
        json.dumps(_body()).replace("us-gaap", "ecd").replace('"0000000001-22-000001"', "17").encode(),
    ],
)
def test_what_is_no_companyfacts_document_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedFacts) as refused:
        decode(body)
    assert refused.value.what


_DAYS = st.dates(date(2020, 1, 1), date(2020, 1, 5))
_FACTS = st.lists(
    st.builds(
        lambda tag, end, value, number: (
            "us-gaap",
            tag,
            "USD",
            None,
            end,
            value,
            f"0000000001-20-{number:06d}",
            "10-K",
            # A filing has one day; the order of days is not the order of accessions.
            date(2020, 1, 1 + number * 2 % 5),
        ),
        st.sampled_from(["Assets", "Liabilities"]),
        _DAYS,
        st.sampled_from([0.0, 1.0, -1.0]),
        st.integers(1, 4),
    ),
    max_size=40,
)


@given(_FACTS)
def test_unfolding_gives_back_what_was_folded(facts: list[Fact]) -> None:
    assert Counter(unfold(fold(facts), filed_of(facts))) == Counter(facts)


@given(_FACTS)
def test_neighbours_of_one_period_differ_in_value(facts: list[Fact]) -> None:
    for series in fold(facts).values():
        for one, following in pairwise(series):
            if one.end == following.end:
                assert one.value != following.value
                assert (one.filed, one.accession) <= (following.filed, following.accession)


def test_a_value_that_changes_back_opens_a_third_row() -> None:
    said = [
        fact("Assets", None, "2021-12-31", value, filing(number, "10-Q", f"2022-0{number}-01"))
        for number, value in enumerate([1.0, 1.0, 2.0, 1.0], start=1)
    ]
    (rows,) = fold(reversed(said)).values()
    assert [(r.value, day_of(r.filed), len(r.repeats)) for r in rows] == [
        (1.0, day("2022-01-01"), 1),
        (2.0, day("2022-03-01"), 0),
        (1.0, day("2022-04-01"), 0),
    ]
    assert [accession_text(a) for a in rows[0].repeats] == [said[1][6]]


@pytest.mark.shared
@pytest.mark.parametrize("name", COMPANIES)
def test_recorded_facts_survive_folding(name: str, recorded: Recorded) -> None:
    company = recorded.facts(name)
    assert {key: s for key, s in fold(company.facts).items() if s} == {
        k: s for k, s in company.series.items() if s
    }
    told = recorded.statements(name)
    again = standardize(company.facts, cik=company.cik)
    assert (again.income, again.balance, again.cash_flow) == (told.income, told.balance, told.cash_flow)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["AAPL", "NVDA", "GOOGL", "TSM", "LMND"])
def test_every_accession_of_a_recorded_body_is_seen(name: str, recorded: Recorded) -> None:
    body, company = recorded.body(name), recorded.facts(name)
    written = {a.decode() for a in re.findall(rb'"accn":"([^"]+)"', body)}
    assert set(company.filings) == written
    document = json.loads(body)
    said = {
        (r["accn"], r["form"], r["filed"])
        for tags in document["facts"].values()
        for tag in tags.values()
        for reports in tag["units"].values()
        for r in reports
    }
    assert said == {(a, seen.form, seen.filed.isoformat()) for a, seen in company.filings.items()}


def test_the_extractor_version_is_stable_within_a_run() -> None:
    assert re.fullmatch(r"\d+\.[0-9a-f]{10}", EXTRACTOR_VERSION)
