"""What was known on a day, where a value comes from, and what changed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.world import World


@pytest.fixture
def apple(world: World, serve: Callable[..., str], shared: Path) -> World:
    """Apple's facts as recorded in July 2026."""
    world.url = serve(data=shared / "upstream" / "2026-07-10")
    world.now = "2026-07-10"
    done = world.run("refresh", "financials", "--symbols", "AAPL", "--yes")
    assert done.returncode == 0, done.stderr
    return world


@pytest.mark.shared
def test_statements_as_of_a_day_hold_nothing_filed_later(apple: World) -> None:
    rows = apple.json("statements", "AAPL", "--as-of", "2021-11-01")
    assert max(row["filed_date"] for row in rows) == "2021-10-29"
    year = next(r for r in rows if (r["report_date"], r["period_type"]) == ("2021-09-25", "annual"))
    assert (year["revenue"], year["accession_number"]) == (365_817e6, "0000320193-21-000105")
    day_before = apple.json("statements", "AAPL", "--as-of", "2021-10-28")
    assert max(row["report_date"] for row in day_before) == "2021-06-26"


@pytest.mark.shared
@pytest.mark.parametrize("statement", [(), ("--statement", "income"), ("--statement", "cash_flow")])
def test_as_of_today_is_what_is_stored(apple: World, statement: tuple[str, ...]) -> None:
    stored = apple.json("statements", "AAPL", *statement)
    assert apple.json("statements", "AAPL", *statement, "--as-of", "2026-07-10") == stored


@pytest.mark.shared
def test_a_reported_and_a_derived_value_are_explained_down_to_the_filing(apple: World) -> None:
    (quarter,) = apple.json("explain", "AAPL", "revenue", "2024-06-29")
    (operand,) = quarter["operands"]
    assert quarter["value"] == operand["value"] == 85_777e6
    assert operand["tag"] == "us-gaap:RevenueFromContractWithCustomerExcludingAssessedTax"
    assert operand["address"] == (
        "https://www.sec.gov/Archives/edgar/data/320193/000032019324000081/0000320193-24-000081-index.html"
    )
    (flow,) = apple.json("explain", "AAPL", "operating_cash_flow", "2024-06-29")
    assert flow["value"] == 28_858e6
    assert [(o["sign"], o["value"]) for o in flow["operands"]] == [(1, 91_443e6), (-1, 62_585e6)]
    (capital,) = apple.json("explain", "AAPL", "capital_expenditures", "2024-06-29")
    assert [(o["sign"], o["value"]) for o in capital["operands"]] == [(1, 6_539e6), (-1, 4_388e6)]


@pytest.mark.shared
def test_what_is_not_known_is_said_with_the_nearest_dates(apple: World) -> None:
    done = apple.run("explain", "AAPL", "revenue", "2024-06-30")
    assert done.returncode == 2
    assert "2024-06-29" in done.stderr
    done = apple.run("explain", "AAPL", "profitability", "2024-06-29")
    assert (done.returncode, "no line" in done.stderr) == (2, True)


@pytest.mark.shared
def test_restatements_name_both_filings_and_the_difference(apple: World) -> None:
    found = apple.json("restatements", "AAPL", "--limit", "1000")
    debt = next(r for r in found if r["tag"] == "us-gaap:LongTermDebt" and r["end"] == "2025-09-27")
    assert (debt["was"], debt["now"], debt["change"]) == (90_678e6, 90_700e6, 22e6)
    assert (debt["said_by"], debt["changed_by"]) == ("0000320193-25-000079", "0000320193-26-000006")
