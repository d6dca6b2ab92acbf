"""What makes a company stale, pending, dormant or current."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from evertape.clock import end_of_day
from evertape.datasets import facts
from evertape.model.dataset import Asked, Evidence
from evertape.model.unit import Freshness, Holding, Outcome, Span, Standing, Unit

NOW = end_of_day(date(2026, 7, 10))
UNIT = Unit("facts", "0000320193")
INDEX = Holding(
    unit=Unit("filings", "quarter/2026/QTR3", Span(date(2026, 7, 1), date(2026, 7, 10))),
    outcome=Outcome.SETTLED,
    checked_at=NOW,
    source="sec",
)
Filed = tuple[int, str, date, datetime | None]


def filing(number: int, filed: date, *, in_facts: bool = False) -> Filed:
    return (320193, f"0000320193-26-{number:06d}", filed, NOW if in_facts else None)


def standing(
    held: Holding | None, filed: list[Filed], *, since: date = date(2016, 1, 1), now: datetime = NOW
) -> Standing:
    evidence = Evidence(
        rows={"sec_filings": filed},
        holdings={"facts": {held.unit.key: held} if held else {}, "filings": {INDEX.unit.key: INDEX}},
    )
    asked = Asked(companies={"0000320193": "AAPL"}, scope="symbols", since=since)
    (one,) = facts.due(evidence, asked, now)
    return one


def settled(**changes: object) -> Holding:
    told: dict[str, object] = {
        "unit": UNIT,
        "outcome": Outcome.SETTLED,
        "checked_at": end_of_day(date(2026, 5, 1)),
        "source": "sec",
        "size": 200_000,
    }
    return Holding(**{**told, **changes})  # type: ignore[arg-type]


def test_a_company_never_fetched_is_missing_and_due() -> None:
    one = standing(None, [filing(1, date(2026, 7, 1))])
    assert (one.level, one.unit, one.size) == (Freshness.MISSING, UNIT, None)
    assert one.evidence == ("0000320193-26-000001",)


@pytest.mark.parametrize(
    ("age", "level"), [(1, Freshness.STALE), (90, Freshness.STALE), (91, Freshness.VERY_STALE)]
)
def test_a_missing_filing_makes_stale_and_after_ninety_days_very_stale(age: int, level: Freshness) -> None:
    filed = date(2026, 7, 10) - timedelta(days=age)
    one = standing(
        settled(), [filing(1, filed), filing(2, date(2026, 7, 9)), filing(3, filed, in_facts=True)]
    )
    assert (one.level, one.days, one.missing, one.unit) == (level, age, 2, UNIT)


def test_filings_before_since_do_not_count() -> None:
    old = [filing(1, date(2015, 12, 31)), filing(2, date(2026, 5, 1), in_facts=True)]
    assert standing(settled(), old).level is Freshness.FRESH
    assert standing(settled(), old, since=date(2015, 1, 1)).level is Freshness.VERY_STALE


def test_a_company_that_stopped_filing_is_current_and_dormant() -> None:
    one = standing(settled(), [filing(1, date(2014, 10, 31), in_facts=True)])
    assert (one.level, one.dormant, one.unit) == (Freshness.FRESH, True, None)


def test_what_an_old_index_says_is_unknown() -> None:
    later = NOW + timedelta(days=6)
    assert (
        standing(settled(), [filing(1, date(2026, 5, 1), in_facts=True)], now=later).level
        is Freshness.UNKNOWN
    )


def test_a_filing_whose_facts_lag_is_pending_then_looked_at_again_then_given_up() -> None:
    accession = "0000320193-26-000001"
    held = facts.settle(UNIT, {"other": 1}, (accession,), settled(), NOW)
    assert (held.outcome, held.strikes, held.mark) == (Outcome.PENDING, 1, accession)
    filed = [filing(1, date(2026, 7, 9))]
    assert standing(held, filed).unit is None
    assert standing(held, filed).level is Freshness.PENDING
    assert standing(held, filed, now=NOW + timedelta(hours=6)).unit == UNIT
    at = NOW
    for _ in range(facts.LAG.strikes - 1):
        at += timedelta(days=7)
        held = facts.settle(UNIT, {"other": 1}, (accession,), held, at)
    assert held.outcome is Outcome.SETTLED
    assert "never" in held.note
    assert standing(held, filed).level is Freshness.FRESH
    assert standing(held, [*filed, filing(2, date(2026, 7, 10))]).level is Freshness.STALE


def test_its_arrival_settles_the_company() -> None:
    accession = "0000320193-26-000001"
    waiting = facts.settle(UNIT, {"other": 1}, (accession,), None, NOW)
    assert facts.settle(UNIT, {accession: 1}, (accession,), waiting, NOW).outcome is Outcome.SETTLED


def test_an_absent_company_is_known_to_be_absent_only_when_the_404_repeats() -> None:
    first = facts.settle(UNIT, None, (), None, NOW)
    second = facts.settle(UNIT, None, (), first, NOW)
    third = facts.settle(UNIT, None, (), second, NOW)
    assert [h.outcome for h in (first, second, third)] == [Outcome.PENDING, Outcome.PENDING, Outcome.NOTHING]
    assert first.not_before == NOW + timedelta(hours=12)
    assert standing(third, []).level is Freshness.FRESH


def test_an_empty_company_is_settled_at_once() -> None:
    held = facts.settle(UNIT, {}, (), None, NOW)
    assert (held.outcome, held.note) == (Outcome.NOTHING, "no facts")


def test_expected_bytes_grow_with_the_filings_that_are_missing() -> None:
    filed = [filing(n, date(2026, 6, 1)) for n in range(19)]
    size = standing(settled(size=177_316), filed).size
    assert size is not None
    assert 0.7 * 247_954 <= size <= 1.3 * 247_954
