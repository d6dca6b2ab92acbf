"""A generated market knows its truth: every cell derived from its facts is that, trap by trap."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import pytest

from evertape.formats.xbrl import CompanyFacts, Statements, decode, fold, standardize, standardize_series
from evertape.sandbox.market import LAG_REQUESTS, Market
from evertape.sandbox.traps import CYCLE

TODAY = date(2026, 6, 30)
EARLIER = date(2024, 8, 15)
STATEMENTS = ("income", "balance", "cash_flow")
WITH_FACTS = [n for n, traps in enumerate(CYCLE) if not {"no-companyfacts", "empty-facts"} & set(traps)]
by_trap = pytest.mark.parametrize(
    "place", WITH_FACTS, ids=[f"{n}-{'+'.join(CYCLE[n]) or 'ordinary'}" for n in WITH_FACTS]
)
Key = tuple[str, str]


@cache
def market(today: date) -> Market:
    return Market(len(CYCLE), 11, today)


@cache
def company(place: int) -> CompanyFacts:
    """Facts as of the last day; those that lag appear once they were asked for often enough."""
    published = market(TODAY)
    path = f"api/xbrl/companyfacts/CIK{published.profiles[place].cik:010d}.json"
    body = None
    for _ in range(LAG_REQUESTS + 1):
        body = published.fetch("data.sec.gov", path)
    assert body is not None
    return decode(body.unzipped())


def true_rows(place: int, today: date) -> dict[Key, dict[str, Any]]:
    """Rows by report date and period type; a scale slip that was never mended is kept as filed."""
    told = market(today).truth(cik=str(market(today).profiles[place].cik), symbol=None)
    assert told is not None
    return {
        (row["report_date"], row["period_type"]): {**row, **row["values"], **row.get("as_filed", {})}
        for row in told["periods"]
    }


def derived_rows(made: Statements) -> dict[Key, dict[str, Any]]:
    rows: dict[Key, dict[str, Any]] = {}
    for statement in STATEMENTS:
        for row in getattr(made, statement):
            if row["period_type"] == "ttm":
                continue
            known = {name: value for name, value in row.items() if value is not None}
            rows.setdefault((str(row["report_date"]), row["period_type"]), {}).update(known)
    return rows


def differences(made: Statements, truth: dict[Key, dict[str, Any]]) -> list[str]:
    """Cells that are not the truth's, and periods of which the truth knows nothing."""
    rows = derived_rows(made)
    wrong = [
        f"{key} {line}: {rows.get(key, {}).get(line)} is not {true[line]}"
        for key, true in truth.items()
        for line in (*true["values"], "currency", "fiscal_period")
        if rows.get(key, {}).get(line) != true[line]
    ]
    wrong += [
        f"{key} starts {rows[key].get('period_start')}, not {true['period_start']}"
        for key, true in truth.items()
        if key in rows and str(rows[key].get("period_start")) != true["period_start"]
    ]
    return wrong + [f"{key} is made up" for key in rows if key not in truth]


@by_trap
def test_every_cell_is_the_truth(place: int) -> None:
    truth = true_rows(place, TODAY)
    assert sum(len(true["values"]) for true in truth.values()) > 300
    assert not differences(standardize(company(place)), truth)


@by_trap
def test_an_earlier_day_sees_what_was_true_that_day(place: int) -> None:
    assert not differences(standardize(company(place), as_of=EARLIER), true_rows(place, EARLIER))


@by_trap
def test_folding_repeats_loses_no_cell(place: int) -> None:
    facts = company(place).facts
    folded = fold(facts)
    assert sum(map(len, folded.values())) < 0.75 * len(facts)
    made = standardize_series(folded, company(place).filed, company(place).cik)
    assert not differences(made, true_rows(place, TODAY))


@by_trap
def test_the_fiscal_year_is_the_one_on_the_cover(place: int) -> None:
    if "fiscal-year-null" in CYCLE[place]:
        pytest.skip("most covers of this company name the wrong year, so no reading of them can be right")
    rows = derived_rows(standardize(company(place)))
    for key, true in true_rows(place, TODAY).items():
        assert rows[key]["fiscal_year"] == true["fiscal_year"], key


def test_companies_without_facts_have_no_statements() -> None:
    published = market(TODAY)
    empty, absent = (
        next(p for p in published.profiles if trap in p.traps) for trap in ("empty-facts", "no-companyfacts")
    )
    body = published.fetch("data.sec.gov", f"api/xbrl/companyfacts/CIK{empty.cik:010d}.json")
    assert body is not None
    assert derived_rows(standardize(decode(body.unzipped()))) == {}
    assert published.fetch("data.sec.gov", f"api/xbrl/companyfacts/CIK{absent.cik:010d}.json") is None
