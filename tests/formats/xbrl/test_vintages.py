"""A vintage is a state of a row: it begins when a filing changes it and ends when the next one does."""

from __future__ import annotations

from typing import Any

import pytest

from evertape.formats.xbrl import Fact, fold, standardize
from evertape.formats.xbrl.concepts import COLUMNS
from evertape.formats.xbrl.facts import day_of, filed_of
from evertape.formats.xbrl.statements import SHARED
from evertape.formats.xbrl.vintages import FILING, HEAD, as_of, vintages
from evertape.sandbox.traps import CYCLE
from tests.formats.xbrl.made import filing, period, plain_year, sheet
from tests.formats.xbrl.test_generated_truth import WITH_FACTS, company


def states(facts: list[Fact], statement: str, period_type: str, end: str) -> list[dict[str, Any]]:
    found = vintages(fold(facts), filed_of(facts), 1)[statement]
    told = [dict(zip((*HEAD, *COLUMNS[statement]), row, strict=True)) for row in found]
    return [t for t in told if (t["period_type"], str(t["report_date"])) == (period_type, end)]


def spans(found: list[dict[str, Any]]) -> list[tuple[str, str, Any]]:
    return [(str(t["known_from"]), str(t["known_to"]), t["revenue"]) for t in found]


def test_a_row_that_never_changed_has_one_state_without_an_end() -> None:
    (one,) = states(plain_year(2023), "income", "quarter", "2023-06-30")
    assert spans([one]) == [("2023-08-01", "None", 100.0)]
    assert (str(one["filed_date"]), one["form"], one["cik"]) == ("2023-08-01", "10-Q", 1)


def test_a_restatement_ends_a_state_and_begins_the_next_the_same_day() -> None:
    restated = period("2023-01-01", "2023-12-31", 390.0, filing(9, "10-K/A", "2024-06-10"))
    found = states([*plain_year(2023), *restated], "income", "annual", "2023-12-31")
    assert spans(found) == [("2024-02-20", "2024-06-10", 400.0), ("2024-06-10", "None", 390.0)]
    assert [f["accession_number"] for f in found] == ["0000000001-24-000004", "0000000001-24-000009"]


def test_a_repeat_by_a_later_filing_is_no_new_state() -> None:
    again = period("2023-01-01", "2023-12-31", 400.0, filing(9, "10-K", "2025-02-20"))
    found = states([*plain_year(2023), *again], "income", "annual", "2023-12-31")
    assert spans(found) == [("2024-02-20", "None", 400.0)]


def test_a_value_that_comes_back_is_a_state_of_its_own() -> None:
    there = period("2023-01-01", "2023-12-31", 390.0, filing(8, "10-K/A", "2024-06-10"))
    back = period("2023-01-01", "2023-12-31", 400.0, filing(9, "10-K/A", "2024-09-10"))
    found = states([*plain_year(2023), *there, *back], "income", "annual", "2023-12-31")
    assert [f["revenue"] for f in found] == [400.0, 390.0, 400.0]
    assert [f["known_to"] for f in found[:2]] == [f["known_from"] for f in found[1:]]


def test_a_row_that_is_no_more_has_an_end_and_no_next_state() -> None:
    """A quarter's last day was mistyped; the next year's filing names the right one."""
    slip, right = filing(1, "10-Q", "2023-05-01"), filing(2, "10-Q", "2024-05-01")
    facts = [
        *period("2023-01-01", "2023-03-28", 100.0, slip),
        *sheet("2023-03-28", 1000.0, slip),
        *period("2023-01-01", "2023-03-31", 100.0, right),
        *period("2024-01-01", "2024-03-31", 120.0, right),
        *sheet("2024-03-31", 1100.0, right),
    ]
    assert spans(states(facts, "income", "quarter", "2023-03-28")) == [("2023-05-01", "2024-05-01", 100.0)]
    assert spans(states(facts, "income", "quarter", "2023-03-31")) == [("2024-05-01", "None", 100.0)]


def test_nothing_is_known_of_no_facts() -> None:
    assert vintages({}, {}, 1) == {"income": [], "balance": [], "cash_flow": []}


def _told(rows: list[tuple[Any, ...]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows without what is of their filing and days alone."""
    told = [dict(zip(names, row, strict=True)) for row in rows]
    return [{n: v for n, v in t.items() if n not in (*FILING, "known_to")} for t in told]


@pytest.mark.parametrize(
    "place", WITH_FACTS, ids=[f"{n}-{'+'.join(CYCLE[n]) or 'ordinary'}" for n in WITH_FACTS]
)
def test_of_a_generated_company_they_are_the_rows_as_of_days_it_filed(place: int) -> None:
    facts = company(place)
    every = vintages(facts.series, facts.filed, facts.cik)
    days = sorted({day for day, _ in facts.filed.values()})
    wrong = []
    for day in map(day_of, (days[0] - 1, *days[::12], days[-1])):
        then = standardize(facts, as_of=day).rows
        for statement, stood in as_of(every, day).items():
            own = COLUMNS[statement]
            if _told(stood, (*HEAD, *own)) != _told(then[statement], (*SHARED, *own)):
                wrong.append((day, statement))
    assert wrong == []
