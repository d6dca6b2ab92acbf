"""The generated market: its truth is consistent, its traps are there, and its bytes follow from the seed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from typing import Any

import pytest

from evertape.sandbox.market import LAG_REQUESTS, Market
from evertape.sandbox.traps import CYCLE, EVERYWHERE, NAMES
from tests.sandbox.published import DATA, WWW, conflicts, facts_of, flat, index, trapped, truth_of

TODAY = date(2026, 6, 30)


def test_every_trap_is_in_five_of_any_200_companies() -> None:
    for first in (0, 17, 123):
        names = Counter(name for n in range(first, first + 200) for name in CYCLE[n % len(CYCLE)])
        assert set(names) | set(EVERYWHERE) == set(NAMES)
        assert min(names.values()) >= 5
    assert sum(not slot for slot in CYCLE) >= 10


def test_a_seed_gives_the_same_bytes_and_another_seed_another_market(market: Market) -> None:
    same, other = Market(3, 1, TODAY), Market(3, 2, TODAY)
    for profile in same.profiles:
        path = f"api/xbrl/companyfacts/CIK{profile.cik:010d}.json"
        assert same.fetch(DATA, path) == market.fetch(DATA, path)
    assert not {p.cik for p in same.profiles} & {p.cik for p in other.profiles}
    assert not {s for p in same.profiles for s in p.symbols} & {s for p in other.profiles for s in p.symbols}
    first, second = (truth_of(m, m.profiles[0].cik)["periods"][0]["values"]["revenue"] for m in (same, other))
    assert first != second


def test_facts_have_the_shape_of_the_real_ones(market: Market) -> None:
    document = facts_of(market, market.profiles[0].cik)
    assert document["cik"] == market.profiles[0].cik
    assert set(document["facts"]) == {"dei", "us-gaap"}
    labels = [c["label"] for c in document["facts"]["us-gaap"].values()]
    assert None in labels
    keys = {frozenset(fact) for *_, fact in flat(document)}
    base = {"end", "val", "accn", "fy", "fp", "form", "filed"}
    assert keys == {frozenset(base | extra) for extra in (set(), {"frame"}, {"start"}, {"start", "frame"})}
    assert max(fact["filed"] for *_, fact in flat(document)) <= TODAY.isoformat()


def test_facts_repeat_and_only_the_last_filed_has_a_frame(market: Market) -> None:
    document = facts_of(market, market.profiles[0].cik)
    cells: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for taxonomy, tag, unit, fact in flat(document):
        cells.setdefault((taxonomy, tag, unit, fact.get("start"), fact["end"]), []).append(fact)
    repeated = [facts for facts in cells.values() if len(facts) > 1]
    assert len(repeated) > len(cells) / 5
    for facts in repeated:
        newest = max(facts, key=lambda fact: fact["filed"])
        assert all("frame" not in fact for fact in facts if fact is not newest)


def test_no_fourth_quarter_is_published_and_cash_flows_are_year_to_date(market: Market) -> None:
    document = facts_of(market, market.profiles[0].cik)
    tags = document["facts"]["us-gaap"]
    year_ends = {f["end"] for f in tags["NetIncomeLoss"]["units"]["USD"] if f["form"] == "10-K"}
    quarters = [f for f in tags["NetIncomeLoss"]["units"]["USD"] if "Q" in f.get("frame", "")]
    assert quarters
    assert not {f["end"] for f in quarters} & year_ends
    assert tags["GrossProfit"]["units"]["USD"] != []
    capex = tags["PaymentsToAcquirePropertyPlantAndEquipment"]["units"]["USD"]
    starts = {f["start"] for f in capex}
    assert len({f["end"] for f in capex}) > 2 * len(starts)


@pytest.mark.parametrize(
    "trap", ["restated-comparatives", "amended-annual", "stock-split", "scale-slip", "proxy-scale"]
)
def test_one_cell_has_conflicting_values(market: Market, trap: str) -> None:
    assert conflicts(facts_of(market, trapped(market, trap)))
    assert not conflicts(facts_of(market, market.profiles[0].cik))


def test_an_amendment_holds_only_some_cells(market: Market) -> None:
    facts = flat(facts_of(market, trapped(market, "amended-annual")))
    tags = {tag for _, tag, _, fact in facts if fact["form"] == "10-K/A"}
    assert tags == {"CostOfRevenue", "GrossProfit", "SellingGeneralAndAdministrativeExpense"}


def test_companies_without_facts(market: Market) -> None:
    empty, absent = trapped(market, "empty-facts"), trapped(market, "no-companyfacts")
    assert facts_of(market, empty) == {"cik": f"{empty:010d}", "entityName": "", "facts": {}}
    assert truth_of(market, empty)["expected"] == "no facts"
    assert market.fetch(DATA, f"api/xbrl/companyfacts/CIK{absent:010d}.json") is None
    assert truth_of(market, absent)["expected"] == "absent"


def test_fiscal_calendars(market: Market) -> None:
    january = truth_of(market, trapped(market, "year-end-in-january"))["periods"]
    ends = [date.fromisoformat(p["report_date"]) for p in january if p["period_type"] == "annual"]
    assert any(end.month == 1 and end.day <= 3 for end in ends)
    assert all(end.weekday() == 5 for end in ends)
    weeks = truth_of(market, trapped(market, "53-week-year"))["periods"]
    spans = {
        (date.fromisoformat(p["report_date"]) - date.fromisoformat(p["period_start"])).days + 1
        for p in weeks
        if p["period_type"] == "annual"
    }
    assert spans == {52 * 7, 53 * 7}
    changed = trapped(market, "fiscal-year-change")
    assert "10-KT" in {fact["form"] for *_, fact in flat(facts_of(market, changed))}
    years = [p for p in truth_of(market, changed)["periods"] if p["period_type"] == "annual"]
    assert {p["report_date"][5:] for p in years} == {"12-31", "06-30"}


def test_a_half_year_operand_appears_only_a_year_later(market: Market) -> None:
    gaap = facts_of(market, trapped(market, "half-year-later"))["facts"]["us-gaap"]
    capex, tag = "PaymentsToAcquirePropertyPlantAndEquipment", "NetCashProvidedByUsedInOperatingActivities"

    def first_filed(name: str) -> dict[tuple[str, str], str]:
        filed: dict[tuple[str, str], str] = {}
        for fact in gaap[name]["units"]["USD"]:
            key = (fact["start"], fact["end"])
            filed[key] = min(filed.get(key, "9999"), fact["filed"])
        return filed

    late = [key for key, day in first_filed(capex).items() if day > first_filed(tag)[key]]
    assert len(late) == 2
    assert all(150 < (date.fromisoformat(end) - date.fromisoformat(start)).days < 200 for start, end in late)


def test_tags_migrate_and_slices_are_smaller(market: Market) -> None:
    newer = "RevenueFromContractWithCustomerExcludingAssessedTax"
    moved = facts_of(market, trapped(market, "tag-migration"))["facts"]["us-gaap"]
    last = [max(f["filed"] for f in moved[t]["units"]["USD"]) for t in ("SalesRevenueNet", "Revenues", newer)]
    assert last == sorted(last)
    stale = facts_of(market, trapped(market, "stale-tag"))["facts"]["us-gaap"]
    assert max(f["end"] for f in stale[newer]["units"]["USD"]) < "2022"
    assert max(f["end"] for f in stale["Revenues"]["units"]["USD"]) > "2026"
    sliced = facts_of(market, trapped(market, "slice-tag"))["facts"]["us-gaap"]
    whole = {(f["start"], f["end"]): f["val"] for f in sliced["Revenues"]["units"]["USD"]}
    assert all(f["val"] < whole[f["start"], f["end"]] / 10 for f in sliced[newer]["units"]["USD"])


def test_fiscal_year_and_period_may_be_null_or_wrong(market: Market) -> None:
    facts = flat(facts_of(market, trapped(market, "fiscal-year-null")))
    assert {fact["fp"] for *_, fact in facts} >= {None, "Q1", "FY"}
    recast = flat(facts_of(market, trapped(market, "current-report-facts")))
    assert {(f["fy"], f["fp"]) for *_, f in recast if f["form"] == "8-K"} == {(None, None)}


def test_industries_that_report_other_lines(market: Market) -> None:
    for trap in ("bank", "insurer"):
        gaap = facts_of(market, trapped(market, trap))["facts"]["us-gaap"]
        assert not {"GrossProfit", "AssetsCurrent", "LiabilitiesCurrent"} & set(gaap)
        assert "gross_profit" not in truth_of(market, trapped(market, trap))["periods"][0]["values"]
    negative = truth_of(market, trapped(market, "zero-and-negative"))["periods"]
    assert any(p["values"]["revenue"] == 0 and p["values"]["net_income"] < 0 for p in negative)


def test_debt_in_parts_and_overlapping_totals(market: Market) -> None:
    for trap in ("debt-in-parts", "debt-overlap"):
        cik = trapped(market, trap)
        gaap = facts_of(market, cik)["facts"]["us-gaap"]
        row = truth_of(market, cik)["periods"][-1]
        parts = ("CommercialPaper", "LongTermDebtCurrent", "LongTermDebtNoncurrent")
        values = [
            next(f["val"] for f in gaap[tag]["units"]["USD"] if f["end"] == row["report_date"])
            for tag in parts
        ]
        assert sum(values) == row["values"]["total_debt"]
    assert {"DebtCurrent", "LongTermDebt", "DebtLongtermAndShorttermCombinedAmount"} <= set(gaap)


def test_foreign_filers(market: Market) -> None:
    ifrs = facts_of(market, trapped(market, "ifrs-annual"))
    assert set(ifrs["facts"]) == {"dei", "ifrs-full"}
    revenue = ifrs["facts"]["ifrs-full"]["Revenue"]["units"]
    assert len({fact["accn"] for fact in revenue["USD"]}) == 1
    assert {fact["form"] for fact in revenue["TWD"]} == {"20-F"}
    both = facts_of(market, trapped(market, "moved-to-ifrs"))["facts"]
    old = {f["end"] for f in both["us-gaap"]["NetIncomeLoss"]["units"]["USD"]}
    new = {f["end"] for f in both["ifrs-full"]["ProfitLoss"]["units"]["USD"]}
    assert {end[:4] for end in old | new} == {
        str(year) for year in range(min(map(int, (e[:4] for e in old))), 2026)
    }


def test_a_dormant_company_and_odd_listings(market: Market) -> None:
    facts = flat(facts_of(market, trapped(market, "dormant")))
    assert max(fact["filed"] for *_, fact in facts) < "2021"
    assert "dei" not in facts_of(market, trapped(market, "no-dei-shares"))["facts"]
    assert not any("frame" in f for *_, f in flat(facts_of(market, trapped(market, "no-frame"))))
    tickers = market.fetch(WWW, "files/company_tickers_exchange.json")
    assert tickers is not None
    table = json.loads(tickers.unzipped())
    assert table["fields"] == ["cik", "name", "ticker", "exchange"]
    listed = Counter(row[0] for row in table["data"])
    assert listed[trapped(market, "several-tickers")] == 2
    assert listed[trapped(market, "no-ticker")] == 0
    assert any(row[2].endswith("-B") for row in table["data"])


def test_odd_durations_are_there(market: Market) -> None:
    gaap = facts_of(market, trapped(market, "odd-durations"))["facts"]["us-gaap"]
    days = [
        (date.fromisoformat(f["end"]) - date.fromisoformat(f["start"])).days
        for f in gaap["NetIncomeLoss"]["units"]["USD"]
    ]
    assert any(700 < length < 760 for length in days)
    assert any(length > 1000 for length in days)


def test_lagging_facts_appear_after_some_requests_or_days() -> None:
    market = Market(len(CYCLE), 1, TODAY)
    cik = trapped(market, "facts-lag")
    (waiting,) = truth_of(market, cik)["pending"]
    listed = index(market, "full-index/2026/QTR2/xbrl.idx")
    assert any(waiting in line for line in listed)
    for _ in range(LAG_REQUESTS):
        assert waiting not in {fact["accn"] for *_, fact in flat(facts_of(market, cik))}
    assert waiting in {fact["accn"] for *_, fact in flat(facts_of(market, cik))}
    market.today = date(2026, 7, 20)
    assert waiting in {fact["accn"] for *_, fact in flat(facts_of(market, cik))}


def test_a_withdrawn_filing_disappears_and_an_amendment_may_lack_xbrl() -> None:
    market = Market(len(CYCLE), 1, TODAY)
    cik = trapped(market, "withdrawn-filing")
    (doubtful,) = truth_of(market, cik)["pending"]
    assert any(doubtful in line for line in index(market, "full-index/2026/QTR2/xbrl.idx"))
    market.today = date(2026, 8, 1)
    assert not any(doubtful in line for line in index(market, "full-index/2026/QTR2/xbrl.idx"))
    amended = str(trapped(market, "amendment-without-xbrl"))
    rows = {
        kind: [
            line
            for year in (2023, 2024, 2025)
            for quarter in (1, 2, 3, 4)
            for line in index(market, f"full-index/{year}/QTR{quarter}/{kind}.idx")
            if line.startswith(amended) and "|10-K/A|" in line
        ]
        for kind in ("master", "xbrl")
    }
    assert len(rows["master"]) == 3
    assert not rows["xbrl"]


def test_a_day_is_republished_with_a_row_more() -> None:
    market = Market(len(CYCLE), 1, TODAY)
    cik = trapped(market, "republished-index")
    (accession, filed) = [
        (p["accession"], p["filed_date"])
        for p in truth_of(market, cik)["periods"]
        if p["filed_date"] >= "2026-06"
    ][-1]
    day = date.fromisoformat(filed)
    name = f"master.{day:%Y%m%d}.idx"

    def listed() -> str:
        body = market.fetch(WWW, "Archives/edgar/daily-index/2026/QTR2/index.json")
        assert body is not None
        items = json.loads(body.unzipped())["directory"]["item"]
        return str(next(item["last-modified"] for item in items if item["name"] == name))

    market.today = day
    assert not any(accession in line for line in index(market, f"daily-index/2026/QTR2/{name}"))
    before = listed()
    market.today = TODAY if day < date(2026, 6, 29) else date(2026, 7, 3)
    assert any(accession in line for line in index(market, f"daily-index/2026/QTR2/{name}"))
    assert listed() != before


def test_indexes_end_with_today() -> None:
    market = Market(5, 1, date(2026, 5, 8))
    assert market.fetch(WWW, "Archives/edgar/daily-index/2026/QTR2/master.20260511.idx") is None
    assert market.fetch(WWW, "Archives/edgar/daily-index/2026/QTR2/master.20260509.idx") is None
    assert market.fetch(WWW, "Archives/edgar/full-index/2026/QTR3/xbrl.idx") is None
    rows = index(market, "full-index/2026/QTR2/master.idx")
    assert max(row.split("|")[3] for row in rows) <= "2026-05-08"
    plain = market.fetch(WWW, "Archives/edgar/full-index/2026/QTR2/master.idx")
    zipped = market.fetch(WWW, "Archives/edgar/full-index/2026/QTR2/master.gz")
    assert plain is not None
    assert zipped is not None
    assert zipped.content_type == "application/x-gzip"


def test_constituents_name_companies_with_tickers(market: Market) -> None:
    body = market.fetch(
        "raw.githubusercontent.com", "datasets/s-and-p-500-companies/main/data/constituents.csv"
    )
    assert body is not None
    lines = body.unzipped().decode().splitlines()
    assert lines[0].startswith(
        "Symbol,Security,GICS Sector,GICS Sub-Industry,Headquarters Location,Date added,CIK"
    )
    assert len(lines) == 1 + sum(bool(p.symbols) and p.has_facts for p in market.profiles)
