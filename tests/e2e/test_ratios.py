"""Apple's ratios, stored and as of a day, against figures of its reports worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from evertape.database.facade import Database
from evertape.database.ratios import ratio_rows
from evertape.errors import UserError
from evertape.settings import load
from tests.e2e.world import World

pytestmark = pytest.mark.shared


@pytest.fixture
def apple(world: World, serve: Callable[..., str], shared: Path) -> World:
    """Apple's facts as recorded in July 2026."""
    world.url = serve(data=shared / "upstream" / "2026-07-10")
    world.now = "2026-07-10"
    done = world.run("refresh", "financials", "--symbols", "AAPL", "--yes")
    assert done.returncode == 0, done.stderr
    return world


@pytest.fixture
def opened(apple: World) -> Database:
    """The home in this process, for reading."""
    return Database(load(apple.environment), read_only=True)


# Millions, of the 10-K for 2024: revenue 391,035, gross profit 180,683, operating income 123,216, pretax
# 123,485, tax 29,749, net income 93,736; assets 364,980, equity 56,950; cash 29,943; current 152,987 by
# 176,392, inventories 7,286; debt 9,967 commercial paper + 10,912 + 85,750; operating cash 118,254, capital
# expenditures 9,447, dividends 15,234; diluted shares 15,408.095, basic 15,343.783, outstanding 15,116.786;
# earnings a share 6.08, the year before 6.13. The year before: revenue 383,285, net income 96,995, assets
# 352,583, equity 62,146, debt 5,985 + 9,822 + 95,281, cash 29,965.
YEAR_2024 = {
    "gross_margin": 180_683 / 391_035 * 100,
    "operating_margin": 123_216 / 391_035 * 100,
    "net_margin": 93_736 / 391_035 * 100,
    "free_cash_flow_margin": 108_807 / 391_035 * 100,
    "revenue_growth": 2.0220,
    "net_income_growth": -3.3599,
    "eps_growth": (6.08 / 6.13 - 1) * 100,
    "return_on_assets": 93_736 / 358_781.5 * 100,
    "return_on_equity": 93_736 / 59_548 * 100,
    "return_on_invested_capital": 123_216 * (1 - 29_749 / 123_485) / (108_858.5 + 59_548 - 29_954) * 100,
    "asset_turnover": 391_035 / 358_781.5,
    "debt_to_equity": 106_629 / 56_950,
    "debt_to_assets": 106_629 / 364_980,
    "net_debt": 76_686e6,
    "current_ratio": 152_987 / 176_392,
    "quick_ratio": 145_701 / 176_392,
    "free_cash_flow": 108_807e6,
    "revenue_per_share": 391_035 / 15_408.095,
    "free_cash_flow_per_share": 108_807 / 15_408.095,
    "book_value_per_share": 56_950 / 15_116.786,
    "dividends_paid_per_share": 15_234 / 15_343.783,
    "payout": 15_234 / 93_736 * 100,
    "effective_tax_rate": 29_749 / 123_485 * 100,
}


def test_a_year_of_apple_is_what_its_report_gives(apple: World) -> None:
    rows = apple.json("ratios", "AAPL")
    assert [row["report_date"] for row in rows[:2]] == ["2025-09-27", "2024-09-28"]
    year = rows[1]
    for name, value in YEAR_2024.items():
        assert year[name] == pytest.approx(value, rel=2e-5), name
    assert year["interest_cover"] is None
    assert year["market_cap"] is None
    assert (year["known_from"], year["accession_number"]) == ("2024-11-01", "0000320193-24-000123")
    assert (year["fiscal_year"], year["fiscal_period"], year["currency"]) == (2024, "FY", "USD")


def test_a_quarter_grows_against_the_same_quarter_a_year_before(apple: World) -> None:
    rows = apple.json("ratios", "AAPL", "--period", "quarter")
    quarter = next(row for row in rows if row["report_date"] == "2024-06-29")
    # Against 81,797 and 19,881 of the quarter to 2023-07-01; equity 74,194 a quarter before.
    assert quarter["revenue_growth"] == pytest.approx((85_777 / 81_797 - 1) * 100)
    assert quarter["net_income_growth"] == pytest.approx((21_448 / 19_881 - 1) * 100)
    assert quarter["return_on_equity"] == pytest.approx(21_448 / ((66_708 + 74_194) / 2) * 100)
    assert quarter["free_cash_flow"] == 26_707e6
    assert len(apple.json("ratios", "AAPL", "--period", "quarter", "--limit", "3")) == 3


def test_as_of_a_day_nothing_filed_later_counts(apple: World) -> None:
    rows = apple.json("ratios", "AAPL", "--as-of", "2021-01-01")
    assert rows[0]["report_date"] == "2020-09-26"
    assert max(row["known_from"] for row in rows if row["known_from"]) == "2020-10-30"
    assert apple.json("ratios", "AAPL", "--as-of", "2026-07-10") == apple.json("ratios", "AAPL")


def test_growth_across_the_split_of_2020_is_not_told(apple: World) -> None:
    by_year = {row["report_date"]: row for row in apple.json("ratios", "AAPL")}
    # The report for 2020 counts 2018 after the split; nothing does so for 2017.
    assert by_year["2018-09-29"]["eps_growth"] is None
    assert by_year["2018-09-29"]["revenue_growth"] == pytest.approx((265_595 / 229_234 - 1) * 100)
    assert by_year["2019-09-28"]["eps_growth"] == pytest.approx((2.97 / 2.98 - 1) * 100)


def test_the_table_shows_what_is_known_in_millions(apple: World) -> None:
    done = apple.run("ratios", "aapl", "--limit", "1")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.split()}
    assert lines["free_cash_flow"] == ["millions", "98,767"]
    assert lines["gross_margin"] == ["%", "46.91"]
    assert "market_cap" not in lines


def test_the_frame_takes_prices(opened: Database) -> None:
    frame = opened.ratios("AAPL", price={date(2024, 9, 27): 227.79})
    row = frame[frame["report_date"] == "2024-09-28"].iloc[0]
    assert row["market_cap"] == pytest.approx(227.79 * 15_116_786_000)
    assert row["price_to_earnings"] == pytest.approx(227.79 / 6.08)
    assert row["price_to_book"] == pytest.approx(227.79 * 15_116_786_000 / 56_950e6)
    assert frame["market_cap"].notna().sum() == 1
    opened.close()


def test_each_ratio_keeps_its_own_filing(opened: Database) -> None:
    rows = {str(row.lead["report_date"]): row for row in ratio_rows(opened, "AAPL", period="annual")}
    parts = rows["2019-09-28"].ratios
    assert parts["eps_growth"].accession == "0000320193-20-000096"
    assert rows["2019-09-28"].newest is not None
    assert rows["2019-09-28"].newest.known_from == max(part.known_from for part in parts.values())
    opened.close()


def test_an_unknown_period_is_refused(opened: Database) -> None:
    with pytest.raises(UserError, match="month is no period; choose one of annual, quarter, ttm"):
        opened.ratios("AAPL", period="month")
    opened.close()


def test_nothing_held_is_said(apple: World) -> None:
    done = apple.run("ratios", "MSFT")
    assert (
        done.returncode,
        "never fetched; run: evertape refresh financials --symbols MSFT" in done.stderr,
    ) == (1, True)
