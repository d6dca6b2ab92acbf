"""What was known on a day, where a value comes from, and what changed afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from evertape.database.facade import Database
from evertape.settings import load
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
    assert done.returncode == 1
    assert "the nearest report dates at which it is are 2024-06-29, " in done.stderr
    for line in ("profitability", "report_date", "accession_number"):
        done = apple.run("explain", "AAPL", line, "2024-06-29")
        assert (done.returncode, "no line" in done.stderr) == (2, True)
    for asked, said in (
        (("eps_diluted", "2024-09-28", "--period", "quarter"), "it is for --period annual, ttm"),
        (("goodwill", "2024-09-28"), "at which it is are 2017-12-30, 2017-09-30, 2017-07-01"),
        (("deposits", "2024-09-28"), "nor at any other date"),
        (
            ("revenue", "2024-06-29", "--as-of", "1990-01-01"),
            "the first filing that is held is of 2009-07-22",
        ),
        (("gross_margin", "2024-09-30"), "the nearest report dates are 2024-09-28, "),
    ):
        done = apple.run("explain", "AAPL", *asked)
        assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    done = apple.run("explain", "AAPL", "total_assets", "2024-09-28", "--period", "ttm")
    assert (done.returncode, "has no twelve months" in done.stderr) == (2, True)


@pytest.mark.shared
def test_a_ratio_is_explained_by_its_formula_and_the_cells_it_is_made_of(apple: World) -> None:
    (year,) = apple.json("explain", "AAPL", "return_on_equity", "2024-09-28", "--period", "annual")
    assert year["value"] == pytest.approx(93_736 / 59_548 * 100)
    assert year["formula"] == "100 * net_income / average(total_equity)"
    assert (year["unit"], year["known_from"], year["note"]) == ("percent", "2024-11-01", "")
    parts = {part["name"]: part for part in year["parts"]}
    assert {name: part["value"] for name, part in parts.items()} == {
        "net_income": 93_736e6,
        "opening(total_equity)": 62_146e6,
        "total_equity": 56_950e6,
    }
    opening = parts["opening(total_equity)"]
    (cell,) = apple.json("explain", "AAPL", "total_equity", opening["report_date"], "--period", "annual")
    assert opening["cell"] == cell
    shown = apple.run("explain", "AAPL", "return_on_equity", "2024-09-28").stdout
    assert "0000320193-24-000123-index.html" in shown
    assert "average(total_equity) is above zero" in shown


@pytest.mark.shared
def test_python_explains_and_lists_restatements_as_the_command_line_does(apple: World) -> None:
    with Database(load(apple.environment), read_only=True) as db:
        for line, day in (("revenue", "2024-06-29"), ("net_debt", "2024-09-28")):
            told = json.loads(msgspec.json.encode(db.explain("AAPL", line, day)))
            assert told == apple.json("explain", "AAPL", line, day)
        frame = db.restatements("AAPL")
    told = frame.astype(object).where(frame.notna(), None).to_dict("records")
    assert told == apple.json("restatements", "AAPL", "--limit", "100000")


@pytest.mark.shared
def test_restatements_name_both_filings_and_the_difference(apple: World) -> None:
    found = apple.json("restatements", "AAPL", "--limit", "1000")
    debt = next(r for r in found if r["tag"] == "us-gaap:LongTermDebt" and r["end"] == "2025-09-27")
    assert (debt["was"], debt["now"], debt["change"]) == (90_678e6, 90_700e6, 22e6)
    assert (debt["said_by"], debt["changed_by"]) == ("0000320193-25-000079", "0000320193-26-000006")
