"""The head of a company's submissions, against plain json."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from evertape.formats.submissions import FormerName, MalformedProfile, read_profile
from tests.conformance.answers import SUBMISSIONS

PLAIN = {
    "sic": "sic",
    "sic_description": "sicDescription",
    "entity_type": "entityType",
    "fiscal_year_end": "fiscalYearEnd",
    "state_of_incorporation": "stateOfIncorporation",
    "ein": "ein",
    "website": "website",
}


def changed(**parts: Any) -> bytes:
    """A sound body with some parts said otherwise; a part that is ... is left out."""
    told = {**json.loads(SUBMISSIONS), **parts}
    return json.dumps({name: part for name, part in told.items() if part is not ...}).encode()


@pytest.mark.shared
def test_recorded_companies_are_read_as_json_has_them(shared: Path) -> None:
    files = sorted((shared / "upstream").glob("*/data.sec.gov/submissions/CIK*.json.gz"))
    assert len(files) >= 10
    former = statuses = 0
    for file in files:
        body = gzip.decompress(file.read_bytes())
        told, profile = json.loads(body), read_profile(body)
        assert (profile.cik, profile.name) == (int(file.name[3:13]), told["name"])
        for ours, theirs in PLAIN.items():
            assert getattr(profile, ours) == (told[theirs] or None), (file.name, ours)
        assert "<br>".join(profile.category) == told["category"]
        assert [(n.name, n.since, n.until) for n in profile.former_names] == [
            (n["name"], n["from"].split("T")[0], n["to"].split("T")[0]) for n in told["formerNames"]
        ]
        former += len(profile.former_names)
        statuses += len(profile.category) > 1
    assert former > 5
    assert statuses


@pytest.mark.shared
def test_the_body_of_a_missing_company_is_no_profile(shared: Path) -> None:
    body = (shared / "recordings" / "data.sec.gov" / "no_such_key_404.xml.gz").read_bytes()
    with pytest.raises(MalformedProfile, match="not what EDGAR documents"):
        read_profile(gzip.decompress(body))


def test_statuses_and_former_names_are_told_apart() -> None:
    profile = read_profile(changed(category="Non-accelerated filer<br>Smaller reporting company"))
    assert profile.category == ("Non-accelerated filer", "Smaller reporting company")
    assert profile.former_names == (
        FormerName(name="APPLE COMPUTER INC", since="1994-01-26", until="2007-01-04"),
    )


@pytest.mark.parametrize("said", [None, "", "  "])
def test_what_edgar_does_not_say_is_unknown(said: str | None) -> None:
    profile = read_profile(changed(**dict.fromkeys(PLAIN.values(), said), category=said))
    assert {getattr(profile, name) for name in PLAIN} == {None}
    assert profile.category == ()


def test_a_company_without_its_number_has_none_and_a_code_has_four_digits() -> None:
    profile = read_profile(changed(ein="000000000", sic="100"))
    assert (profile.ein, profile.sic) == (None, "0100")


@pytest.mark.parametrize(
    "body",
    [
        changed(cik=...),
        changed(cik="0"),
        changed(cik="x"),
        changed(cik="9" * 5000),
        changed(name=...),
        changed(name=" "),
        changed(sic=...),
        changed(sic=3571),
        changed(formerNames=[{}]),
        b"<?xml version='1.0'?><Error/>",
        b"[]",
        b"",
    ],
)
def test_anything_else_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedProfile):
        read_profile(body)
