"""When a company's profile is due, and what becomes of one that EDGAR does not have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from evertape.datasets import companies
from evertape.model.dataset import Asked, Evidence
from evertape.model.records import Batch, table_of
from evertape.model.unit import Freshness, Holding, Outcome, Standing, Unit

NOW = datetime(2026, 7, 10, 12, tzinfo=UTC)
CIK = "0000320193"
UNIT = Unit("companies", CIK)
FOUND = companies.settle(UNIT, True, None, NOW)


def standing(held: Holding | None, at: datetime) -> Standing:
    asked = Asked(companies={CIK: "AAPL"}, scope="symbols", since=date(2016, 1, 1))
    holdings = {"companies": {} if held is None else {CIK: held}}
    (told,) = companies.due(Evidence(rows={}, holdings=holdings), asked, at)
    return told


def row(**values: object) -> tuple[object, ...]:
    made = {"cik": 320193, "sic": "3571", "fiscal_year_end": "0926", **values}
    return tuple(made.get(name) for name in table_of(companies.Company).names)


def test_a_profile_that_was_never_fetched_is_missing() -> None:
    told = standing(None, NOW)
    assert (told.level, told.unit, told.reason) == (Freshness.MISSING, UNIT, "never fetched")


def test_a_profile_is_fresh_for_ninety_days_and_stale_from_then() -> None:
    last = NOW + timedelta(days=90) - timedelta(seconds=1)
    assert (standing(FOUND, last).level, standing(FOUND, last).unit) == (Freshness.FRESH, None)
    told = standing(FOUND, NOW + timedelta(days=90))
    assert (told.level, told.days, told.unit) == (Freshness.STALE, 90, UNIT)


def test_an_absent_company_is_looked_for_three_times_and_again_after_ninety_days() -> None:
    held, at, waits = None, NOW, []
    for _ in range(2):
        held = companies.settle(UNIT, False, held, at)
        assert held.outcome is Outcome.PENDING
        assert held.not_before is not None
        before = standing(held, held.not_before - timedelta(seconds=1))
        assert (before.level, before.unit) == (Freshness.PENDING, None)
        assert standing(held, held.not_before).unit == UNIT
        waits.append(held.not_before - at)
        at = held.not_before
    assert waits == [timedelta(hours=12), timedelta(hours=24)]
    held = companies.settle(UNIT, False, held, at)
    assert (held.outcome, held.note) == (Outcome.NOTHING, "no profile: absent 3 times in a row")
    assert standing(held, at + timedelta(days=89)).level is Freshness.FRESH
    assert standing(held, at + timedelta(days=90)).unit == UNIT


def test_an_absence_after_a_profile_counts_from_one() -> None:
    assert companies.settle(UNIT, False, FOUND, NOW).strikes == 1


def test_an_odd_code_or_year_end_is_said_and_kept() -> None:
    assert companies.check(companies.Company, row()) == []
    assert companies.check(companies.Company, row(sic=None, fiscal_year_end=None)) == []
    assert companies.check(companies.Company, row(sic="35712")) == ["the SIC code '35712' is not four digits"]
    assert companies.check(companies.Company, row(fiscal_year_end="1332")) == [
        "the fiscal year end '1332' is no MMDD"
    ]


def test_codes_are_found_among_other_rows() -> None:
    batch = Batch(record=companies.Company, rows=[row(), row(cik=37996, sic=None)])
    assert companies.sic_codes([batch]) == {320193: "3571", 37996: None}
    assert companies.sic_codes([]) == {}
