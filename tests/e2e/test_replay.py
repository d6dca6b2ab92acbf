"""The walk over recorded filings of eight companies, five years apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World

EIGHT = "AAPL,MSFT,NVDA,CSCO,HD,XOM,F,LMND"
OTHERS = "GOOGL,MRVL,SNOW,TSM,AMD,ABT,APD,AEM,2491,3146,2110"


@pytest.fixture
def then(world: World, serve: Callable[..., str], shared: Path) -> World:
    world.url = serve(data=shared / "upstream" / "2021-06-30")
    world.now = "2021-06-30"
    return world


@pytest.fixture
def later(then: World, serve: Callable[..., str], shared: Path) -> World:
    """The same home, filled in 2021, five years on."""
    done = then.run("refresh", "financials", "--symbols", EIGHT, "--yes")
    assert done.returncode == 0, done.stderr
    then.url = serve(data=shared / "upstream" / "2026-07-10")
    then.now = "2026-07-10"
    return then


def requests(world: World, kind: str) -> int:
    return int(world.stats()["by_path_kind"].get(kind, 0))


@pytest.mark.shared
def test_a_first_refresh_makes_one_request_a_company_and_plans_what_it_costs(then: World) -> None:
    told = then.json("refresh", "financials", "--symbols", EIGHT, "--yes")
    stats = then.stats()
    assert told["job"]["right"] == 8
    assert told["job"]["failed"] == 0
    assert stats["by_path_kind"]["companyfacts"] == 8
    assert stats["requests"] - 8 <= 5
    assert told["check"]["requests"] == stats["requests"] - 8
    (step,) = told["plan"]["steps"]
    assert step["cost"]["requests"] == 8
    assert abs(step["cost"]["bytes"] - stats["bytes"]["companyfacts"]) <= 0.3 * stats["bytes"]["companyfacts"]
    report = then.json("status")
    assert (report["total"], report["current"]) == (8, 8)


@pytest.mark.shared
def test_five_years_on_exactly_two_companies_are_stale(later: World) -> None:
    later.reset()
    checked = later.json("refresh", "financials", "--symbols", EIGHT, "--check", code=3)
    report = checked["check"]
    assert later.stats()["requests"] == report["requests"] <= 30
    assert requests(later, "companyfacts") == 0
    assert {(s["label"], s["missing"]) for s in report["most_stale"]} == {("AAPL", 19), ("NVDA", 20)}
    assert (report["stale"], report["more_stale"], report["current"]) == (2, 0, 6)
    later.reset()
    told = later.json("refresh", "financials", "--symbols", EIGHT, "--yes")
    assert told["job"]["right"] == 2
    assert requests(later, "companyfacts") == later.stats()["requests"] == 2
    fetched = later.stats()["bytes"]["companyfacts"]
    assert abs(told["plan"]["steps"][0]["cost"]["bytes"] - fetched) <= 0.3 * fetched
    later.reset()
    again = later.run("refresh", "financials", "--symbols", EIGHT)
    assert again.returncode == 0
    assert "All current" in again.stderr
    assert later.stats()["requests"] == 0


@pytest.mark.shared
def test_every_company_of_the_tree_ends_current_and_none_is_a_failure(later: World) -> None:
    told = later.json("refresh", "financials", "--symbols", f"{EIGHT},{OTHERS}", "--yes")
    assert told["job"]["failed"] == 0
    assert told["job"]["right"] == 13
    report = later.json("status")
    assert (report["total"], report["current"]) == (19, 19)
    empty = later.json("status", "2110")
    assert empty["holding"]["outcome"] == "nothing"
    assert empty["holding"]["note"] == "no facts"
    assert_rows_hang_together(later, report)


def assert_rows_hang_together(world: World, report: Any) -> None:
    """Every statement row has its filing, periods are unique, and the report's counts are SQL's."""
    for table in ("income_statements", "balance_sheets", "cash_flow_statements"):
        ((held,),) = world.sql(f"SELECT COUNT(*) FROM {table}")
        assert report["rows"][table] == held > 0
        orphans = world.sql(
            f"SELECT cik, accession_number FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM sec_filings f "
            "WHERE f.cik = t.cik AND f.accession_number = t.accession_number)"
        )
        assert orphans == []
        twins = world.sql(
            f"SELECT cik, report_date, period_type FROM {table} GROUP BY 1, 2, 3 HAVING COUNT(*) > 1"
        )
        assert twins == []


@pytest.mark.shared
def test_known_good_values_to_the_dollar(later: World) -> None:
    later.json("refresh", "financials", "--symbols", "AAPL", "--yes")
    rows = later.json("statements", "AAPL")
    quarter = next(r for r in rows if (r["report_date"], r["period_type"]) == ("2024-06-29", "quarter"))
    expected = {
        "revenue": 85_777e6,
        "gross_profit": 39_678e6,
        "operating_income": 25_352e6,
        "net_income": 21_448e6,
        "shares_diluted": 15_348_175e3,
        "total_assets": 331_612e6,
        "total_liabilities": 264_904e6,
        "total_equity": 66_708e6,
        "cash_and_equivalents": 25_565e6,
        "operating_cash_flow": 28_858e6,
        "capital_expenditures": 2_151e6,
    }
    assert {name: quarter[name] for name in expected} == expected
    year = next(r for r in rows if (r["report_date"], r["period_type"]) == ("2025-09-27", "annual"))
    assert (year["revenue"], year["net_income"]) == (416_161e6, 112_010e6)
    nine = later.sql(
        "SELECT tag, value FROM facts WHERE cik = 320193 AND start_date = '2023-10-01' "
        "AND end_date = '2024-06-29' AND tag IN ('NetCashProvidedByUsedInOperatingActivities', "
        "'PaymentsToAcquirePropertyPlantAndEquipment')"
    )
    assert dict(nine) == {
        "NetCashProvidedByUsedInOperatingActivities": 91_443e6,
        "PaymentsToAcquirePropertyPlantAndEquipment": 6_539e6,
    }
