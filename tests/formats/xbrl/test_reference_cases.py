"""Shape, periods and points in time of companyfacts: a case a sentence of the reference."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from evertape.formats.xbrl import CompanyFacts, Fact, Statements, decode, fold, standardize
from evertape.formats.xbrl.concepts import LINES
from tests.formats.xbrl.conftest import COMPANIES, Recorded
from tests.formats.xbrl.made import cells, day, fact, filing, period, plain_year, rows_of, sheet, statements

K21 = filing(4, "10-K", "2022-02-20")
CAPEX = "PaymentsToAcquirePropertyPlantAndEquipment"
shared = pytest.mark.shared


def _values(document: Any) -> Iterator[dict[str, Any]]:
    for tags in document["facts"].values():
        for tag in tags.values():
            for reports in tag["units"].values():
                yield from reports


def _changed(body: bytes, change: Callable[[dict[str, Any]], None]) -> Statements:
    document = json.loads(body)
    for value in _values(document):
        change(value)
    return standardize(decode(json.dumps(document).encode()))


def _rows(told: Statements, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    rows = (*told.income, *told.balance, *told.cash_flow)
    return [{name: value for name, value in row.items() if name not in without} for row in rows]


def _annual(told: Statements, column: str) -> dict[int, float | None]:
    return {r["fiscal_year"]: r[column] for r in told.income if r["period_type"] == "annual"}


# Shape


@shared
def test_repeats_fold_and_conflicting_values_stay(recorded: Recorded) -> None:
    document = json.loads(recorded.body("SNOW"))
    facts: list[Fact] = [
        (
            taxonomy,
            tag,
            unit,
            day(v["start"]) if "start" in v else None,
            day(v["end"]),
            float(v["val"]),
            v["accn"],
            v["form"],
            day(v["filed"]),
        )
        for taxonomy, tags in document["facts"].items()
        for tag, about in tags.items()
        for unit, values in about["units"].items()
        for v in values
    ]
    rows = Counter((*key, f.start, f.end) for key, series in fold(facts).items() for f in series)
    assert (len(facts), len(rows)) == (8_163, 4_781)
    assert sum(n > 1 for n in rows.values()) == 55


@shared
@pytest.mark.parametrize("name", ["AAPL", "SNOW", "TSM"])
def test_fiscal_year_and_period_of_a_filing_date_no_fact(name: str, recorded: Recorded) -> None:
    def wrong(value: dict[str, Any]) -> None:
        value.update(fy=1999, fp="Q3")

    def absent(value: dict[str, Any]) -> None:
        value.update(fy=None, fp=None)

    named = ("fiscal_year",)
    plain = _rows(recorded.statements(name), named)
    assert _rows(_changed(recorded.body(name), wrong), named) == plain
    assert _rows(_changed(recorded.body(name), absent), named) == plain


@shared
@pytest.mark.parametrize("name", ["AAPL", "TSM"])
def test_the_body_does_have_facts_without_a_fiscal_year(name: str, recorded: Recorded) -> None:
    nameless = sum(v["fy"] is None for v in _values(json.loads(recorded.body(name))))
    assert nameless == {"AAPL": 569, "TSM": 501}[name]


@shared
@pytest.mark.parametrize("name", ["GOOGL", "SNOW"])
def test_a_frame_means_nothing(name: str, recorded: Recorded) -> None:
    def unframed(value: dict[str, Any]) -> None:
        value.pop("frame", None)

    def framed(value: dict[str, Any]) -> None:
        value["frame"] = "CY1999Q1"

    body = recorded.body(name)
    assert b'"frame"' in body
    plain = _rows(recorded.statements(name))
    assert _rows(_changed(body, unframed)) == plain
    assert _rows(_changed(body, framed)) == plain


@shared
def test_the_order_of_facts_means_nothing(recorded: Recorded) -> None:
    company = recorded.facts("SNOW")
    shuffled = list(company.facts)
    random.Random(11).shuffle(shuffled)
    assert _rows(standardize(shuffled, cik=company.cik)) == _rows(recorded.statements("SNOW"))


@pytest.mark.parametrize("taxonomy", ["us-gaap", "ifrs-full", "dei", "srt", "invest", "ecd", "ffd"])
def test_every_taxonomy_is_read_and_unknown_tags_are_left(taxonomy: str) -> None:
    value = {"end": "2021-12-31", "val": 5, "accn": K21[0], "form": "10-K", "filed": K21[2]}
    about = {"label": None, "description": None, "units": {"USD": [value]}}
    document = {"cik": 1, "entityName": "One", "facts": {taxonomy: {"TagOfTheFilersOwn": about}}}
    company = decode(json.dumps(document).encode(), [K21[0]])
    assert (company.facts, list(company.filings)) == ([], [K21[0]])


@shared
def test_a_company_without_a_share_count_on_the_cover_has_the_balance_sheets(recorded: Recorded) -> None:
    assert not [f for f in recorded.facts("GOOGL").facts if f[1] == "EntityCommonStockSharesOutstanding"]
    rows = [r for r in recorded.statements("GOOGL").balance if r["report_date"] >= day("2015-12-31")]
    assert all(r["shares_outstanding"] for r in rows)


# Periods


def _quarter_lasting(days: int) -> float | None:
    end = day("2021-03-31")
    start = end - timedelta(days=days - 1)
    by = filing(1, "10-Q", "2021-05-01")
    facts = [*plain_year(2021), fact("InterestExpense", str(start), str(end), 7.0, by)]
    return cells(statements(facts), "income", "interest_expense")["2021-03-31", "quarter"]


@pytest.mark.parametrize(("days", "value"), [(76, None), (77, 7.0), (119, 7.0), (120, None)])
def test_a_quarter_has_77_to_119_days(days: int, value: float | None) -> None:
    assert _quarter_lasting(days) == value


def _to_date(*lengths: int) -> list[str]:
    """Fiscal periods of a year of which filings say nothing but figures from its start, so many days long."""
    start = date(2021, 1, 1)
    facts: list[Fact] = []
    for number, length in enumerate(lengths, start=1):
        end = start + timedelta(days=length - 1)
        by = filing(number, "10-Q", str(end + timedelta(days=30)))
        facts += period(str(start), str(end), 10.0 * number, by)
    return [r["fiscal_period"] for r in statements(facts).cash_flow]


@pytest.mark.parametrize(("days", "told"), [(153, False), (154, True), (204, True), (205, False)])
def test_a_half_has_154_to_204_days(days: int, told: bool) -> None:
    assert _to_date(90, days) == (["Q1", "Q2"] if told else ["Q1"])


@pytest.mark.parametrize(("days", "told"), [(237, False), (238, True), (287, True), (288, False)])
def test_nine_months_have_238_to_287_days(days: int, told: bool) -> None:
    assert _to_date(90, 181, days) == (["Q1", "Q2", "Q3"] if told else ["Q1", "Q2"])


def test_a_third_quarter_needs_no_first() -> None:
    assert _to_date(181, 273) == ["Q3"]


@pytest.mark.parametrize(("days", "years"), [(349, 0), (350, 1), (379, 1), (380, 0)])
def test_a_year_has_350_to_379_days(days: int, years: int) -> None:
    start = date(2021, 1, 1)
    end = start + timedelta(days=days - 1)
    told = statements(period(str(start), str(end), 400.0, filing(1, "10-K", "2022-03-20")))
    assert len(rows_of(told.income)) == years


@shared
def test_years_of_52_and_53_weeks_end_where_the_company_says(recorded: Recorded) -> None:
    lengths = {
        name: Counter(
            (r["report_date"] - r["period_start"]).days + 1
            for r in recorded.statements(name).income
            if r["period_type"] == "annual"
        )
        for name in ("AAPL", "NVDA", "AMD", "CSCO", "HD", "MRVL")
    }
    assert lengths == {
        "AAPL": {364: 16, 371: 3},
        "NVDA": {364: 16, 371: 3},
        "AMD": {364: 13, 371: 3},
        "CSCO": {364: 11, 371: 2},
        "HD": {364: 11, 371: 3},
        "MRVL": {364: 6, 371: 1},
    }


def test_two_currencies_are_never_subtracted() -> None:
    facts = [f for f in plain_year(2021) if f[6] != K21[0]]
    facts += period("2021-01-01", "2021-12-31", 400.0, K21, unit="CAD") + sheet("2021-12-31", 9.0, K21)
    told = statements([*plain_year(2020), *facts])
    assert cells(told, "income", "revenue").get(("2021-12-31", "quarter")) is None
    for cell in told.lineage.values():
        assert len({o.unit for o in cell.operands}) == 1


def _is_of_one_line(*tags: str) -> bool:
    return any({tag.name for tag in line.tags}.issuperset(tags) for line in LINES)


@shared
@pytest.mark.parametrize("name", [name for name in COMPANIES if name != "NONE"])
def test_what_is_subtracted_is_of_one_line_and_unit_from_one_start_or_quarters_alone(
    name: str, recorded: Recorded
) -> None:
    told = recorded.statements(name)
    for (statement, end, period_type, column), cell in told.lineage.items():
        if statement == "balance":
            assert all(o.start is None for o in cell.operands)
            continue
        if period_type == "ttm":
            continue
        for shorter in (o for o in cell.operands if o.end < end - timedelta(days=20)):
            assert period_type == "quarter"
            wholes = [
                o
                for o in cell.operands
                if (o.unit, -o.sign) == (shorter.unit, shorter.sign) and o.end > shorter.end
            ]
            # A figure from the start of the year, or the quarters of a year that are reported alone.
            alone = {o.end for o in cell.operands if o.tag == shorter.tag and o.sign == shorter.sign}
            starts = {o.start for o in wholes if _is_of_one_line(o.tag, shorter.tag)}
            assert shorter.start in starts or (starts and len(alone) > 1), (name, end, column)


@shared
def test_a_fourth_quarter_is_marked_as_derived(recorded: Recorded) -> None:
    told = recorded.statements("AAPL")
    (row,) = [
        r for r in told.income if (str(r["report_date"]), r["period_type"]) == ("2024-09-28", "quarter")
    ]
    assert (row["fiscal_period"], row["revenue"]) == ("Q4", 94_930e6)
    assert {"revenue", "net_income", "gross_profit"} <= set(row["derived"].split())
    assert row["eps_diluted"] is None


def test_a_transition_year_of_its_own_form_closes_and_the_next_year_starts_after_it() -> None:
    short = filing(5, "10-KT", "2022-08-20")
    facts = plain_year(2021)
    facts += period("2022-01-01", "2022-06-30", 210.0, short) + sheet("2022-06-30", 1010.0, short)
    first = filing(6, "10-Q", "2022-11-01")
    facts += period("2022-07-01", "2022-09-30", 107.0, first) + sheet("2022-09-30", 1020.0, first)
    full = filing(7, "10-K", "2023-08-20")
    facts += period("2022-07-01", "2023-06-30", 430.0, full) + sheet("2023-06-30", 1030.0, full)
    told = cells(statements(facts), "income", "revenue")
    assert {end: value for (end, kind), value in told.items() if kind == "annual"} == {
        "2021-12-31": 400.0,
        "2023-06-30": 430.0,
    }
    assert told["2022-09-30", "quarter"] == 107.0
    assert ("2022-06-30", "quarter") not in told


# Point in time


@pytest.fixture(scope="module")
def investments(recorded: Recorded) -> CompanyFacts:
    """Snowflake's purchases of investments, as the body has them, under the tag of a line."""
    document = json.loads(recorded.body("SNOW"))
    tags = document["facts"]["us-gaap"]
    tags[CAPEX] = tags["PaymentsToAcquireInvestments"]
    return decode(json.dumps(document).encode())


@shared
@pytest.mark.parametrize(
    ("as_of", "third", "fourth"),
    [
        ("2021-12-31", None, None),
        ("2022-03-29", None, None),
        ("2022-03-30", None, 1_207_942_000.0),
        ("2022-08-31", None, 1_207_942_000.0),
        ("2022-09-01", 1_053_763_000.0, 1_207_942_000.0),
    ],
)
def test_a_quarter_is_not_known_before_its_last_operand(
    investments: CompanyFacts, as_of: str, third: float | None, fourth: float | None
) -> None:
    told = standardize(investments, as_of=day(as_of))
    spent = cells(told, "cash_flow", "capital_expenditures")
    assert spent.get(("2021-10-31", "quarter")) == third
    assert spent.get(("2022-01-31", "quarter")) == fourth


@shared
def test_its_operands_name_the_day(investments: CompanyFacts) -> None:
    told = standardize(investments)
    third = told.explain("cash_flow", day("2021-10-31"), "quarter", "capital_expenditures")
    fourth = told.explain("cash_flow", day("2022-01-31"), "quarter", "capital_expenditures")
    assert third is not None
    assert fourth is not None
    assert [(o.sign, o.value) for o in third.operands] == [(1, 3_042_396_000.0), (-1, 1_988_633_000.0)]
    assert [(o.sign, o.value) for o in fourth.operands] == [(1, 4_250_338_000.0), (-1, 3_042_396_000.0)]
    assert (third.known_from, fourth.known_from) == (day("2022-09-01"), day("2022-03-30"))


@shared
def test_as_first_reported_and_most_recent_are_two_readings(recorded: Recorded) -> None:
    company = recorded.facts("AAPL")
    first = standardize(company, as_of=day("2009-10-27"))
    amended = standardize(company, as_of=day("2010-01-25"))
    assert _annual(first, "revenue")[2009] == 36_537e6
    assert _annual(amended, "revenue")[2009] == _annual(recorded.statements("AAPL"), "revenue")[2009]
    assert _annual(amended, "revenue")[2009] == 42_905e6
