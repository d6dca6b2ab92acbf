"""The truth of the generated market: consistent in itself, and what its facts say."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from evertape.sandbox.market import LAG_REQUESTS, Market
from evertape.sandbox.tags import series_of
from evertape.sandbox.traps import CYCLE
from tests.sandbox.published import facts_of, truth_of

TODAY = date(2026, 6, 30)


def test_balance_sheets_balance_and_cash_flows_tie(market: Market) -> None:
    rows = 0
    for profile in market.profiles:
        quarters = [p for p in truth_of(market, profile.cik)["periods"] if p["period_type"] == "quarter"]
        for before, row in pairwise(quarters):
            v = row["values"]
            assert v["total_assets"] == v["total_liabilities"] + v["total_equity"]
            sections = (v["operating_cash_flow"], v["investing_cash_flow"], v["financing_cash_flow"])
            assert sum(sections) == v["net_cash_flow"]
            assert v["cash_and_equivalents"] - before["values"]["cash_and_equivalents"] == v["net_cash_flow"]
            assert v["short_term_debt"] + v["long_term_debt"] == v["total_debt"]
            if "gross_profit" in v:
                assert v["gross_profit"] == v["revenue"] - v["cost_of_revenue"]
            rows += 1
    assert rows > 1000


def test_quarters_sum_to_their_year(market: Market) -> None:
    checked = 0
    lines = ("revenue", "net_income", "operating_cash_flow", "capital_expenditures")
    for profile in market.profiles:
        periods = truth_of(market, profile.cik)["periods"]
        for year in (p for p in periods if p["period_type"] == "annual"):
            parts = [
                p["values"]
                for p in periods
                if p["period_type"] == "quarter"
                and year["period_start"] <= p["period_start"]
                and p["report_date"] <= year["report_date"]
            ]
            for line in lines:
                if len(parts) == 4 and line in year["values"]:
                    assert sum(p[line] for p in parts) == year["values"][line]
                    checked += 1
    assert checked > 500


def test_facts_agree_with_the_truth(market: Market) -> None:
    cik = market.profiles[0].cik
    gaap = facts_of(market, cik)["facts"]["us-gaap"]
    checked = 0
    for row in truth_of(market, cik)["periods"]:
        for line, tag in (("net_income", "NetIncomeLoss"), ("income_tax", "IncomeTaxExpenseBenefit")):
            found = [
                fact["val"]
                for fact in sorted(gaap[tag]["units"]["USD"], key=lambda fact: str(fact["filed"]))
                if (fact["start"], fact["end"]) == (row["period_start"], row["report_date"])
            ]
            if found:
                assert found[-1] == row["values"][line]
                checked += 1
    assert checked > 50


def latest(facts: list[dict[str, Any]], start: str | None, end: str) -> Any:
    """The value filed last for a period, proxies aside, or None."""
    found = [f for f in facts if (f.get("start"), f["end"]) == (start, end) and f["form"] != "DEF 14A"]
    return max(found, key=lambda fact: (fact["filed"], fact["accn"]))["val"] if found else None


@pytest.mark.parametrize("index", range(len(CYCLE)), ids=["+".join(traps) or "ordinary" for traps in CYCLE])
def test_the_last_filed_fact_of_every_cell_is_the_truth(market: Market, index: int) -> None:
    profile = market.profiles[index]
    if not profile.has_facts:
        assert truth_of(market, profile.cik)["periods"] == []
        return
    for _ in range(LAG_REQUESTS):
        facts_of(market, profile.cik)
    facts = facts_of(market, profile.cik)["facts"]
    first = [s for s in series_of(profile) if s.statement != "cover"]
    checked = 0
    for row in truth_of(market, profile.cik)["periods"]:
        for line, expected in row["values"].items():
            tags = [s for s in first if s.line == line]
            if not tags:
                assert line in ("total_debt", "short_term_debt")
                continue
            start = None if tags[0].statement == "balance" else row["period_start"]
            unit = _unit_of(line, row["currency"])
            units = [facts.get(s.taxonomy, {}).get(s.tag, {}).get("units", {}).get(unit, []) for s in tags]
            found = {latest(values, start, row["report_date"]) for values in units} - {None}
            if not found:
                continue
            as_filed = row.get("as_filed", {}).get(line, expected)
            assert as_filed in found, (line, row["report_date"], as_filed, found)
            checked += 1
    assert checked > 200


def _unit_of(line: str, currency: str) -> str:
    if line.startswith("eps_"):
        return f"{currency}/shares"
    return "shares" if line.startswith("shares_") else currency


def test_history_stays_when_today_moves() -> None:
    market = Market(4, 1, date(2025, 1, 15))
    cik = market.profiles[0].cik
    before = truth_of(market, cik)["periods"]
    market.today = TODAY
    after = truth_of(market, cik)["periods"]
    assert len(after) > len(before)
    assert all(row in after for row in before)
