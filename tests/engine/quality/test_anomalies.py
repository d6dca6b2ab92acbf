"""Slips of scale, wrong signs, and lines that stopped."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.engine.quality import Company
from tests.engine.quality.made import M, Told, cash, company, found, income, quarters, sheet

SPANS = quarters(9)


def sheets(at: int, factor: float, column: str = "total_assets", **more: float) -> Company:
    rows: list[Told] = [sheet(end, total_liabilities=None, **more) for _, end in SPANS]
    rows[at][column] *= factor
    return company(*rows)


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e-3, 1e-6, 1_300, 0.0009, -1e3])
def test_a_steady_line_that_jumps_and_returns_is_hard(factor: float) -> None:
    (finding,) = found(sheets(4, factor), "scale")
    assert (finding.severity, finding.report_date) == ("hard", date(2021, 3, 31))
    assert finding.column_name == "total_assets"
    assert abs(finding.expected or 0) == pytest.approx(100 * M)


@pytest.mark.parametrize("factor", [1, 3, 100, 0.01, 30_000, 1e-9, -1])
def test_what_is_not_about_a_thousand_is_no_slip(factor: float) -> None:
    assert found(sheets(4, factor), "scale") == []


@pytest.mark.parametrize("at", [0, 8])
def test_at_either_end_of_the_history_it_is_soft(at: int) -> None:
    assert [f.severity for f in found(sheets(at, 1e3), "scale")] == ["soft"]


def test_a_recurring_line_can_vanish_but_not_grow_so() -> None:
    more = {"current_assets": 30 * M}
    assert [f.severity for f in found(sheets(4, 1e3, "current_assets", **more), "scale")] == ["hard"]
    assert [f.severity for f in found(sheets(4, 1e-3, "current_assets", **more), "scale")] == ["note"]


def test_a_line_that_passes_through_zero_is_small_at_times() -> None:
    spans = [cash(start, end, net_cash_flow=2 * M * (-1) ** n) for n, (start, end) in enumerate(SPANS)]
    spans[4]["net_cash_flow"] = 2_000.0
    assert found(company(*spans), "scale") == []
    spans[4]["net_cash_flow"] = 2_000 * M
    assert [f.severity for f in found(company(*spans), "scale")] == ["soft"]


def test_a_company_that_grew_a_thousandfold_did_not_slip() -> None:
    rows = [sheet(end, M if n < 5 else 1000 * M) for n, (_, end) in enumerate(SPANS)]
    assert found(company(*rows), "scale") == []


def test_another_currency_is_no_neighbour() -> None:
    rows = [
        sheet(end, M * 1_000, currency="JPY") if n == 4 else sheet(end, M) for n, (_, end) in enumerate(SPANS)
    ]
    assert found(company(*rows), "scale") == []


@given(st.lists(st.floats(1e6, 9e6), min_size=3, max_size=12))
def test_no_history_within_a_factor_of_ten_has_a_slip(assets: list[float]) -> None:
    spans = quarters(len(assets))
    rows = [sheet(end, round(value)) for (_, end), value in zip(spans, assets, strict=True)]
    assert found(company(*rows), "scale") == []


@given(
    assets=st.lists(st.integers(2 * 10**6, 9 * 10**6), min_size=3, max_size=12),
    at=st.integers(0, 11),
    scale=st.sampled_from((1_000, 1_000_000)),
)
def test_every_slip_of_such_a_history_is_found_where_it_is(assets: list[int], at: int, scale: int) -> None:
    at %= len(assets)
    steady = [5 * 10**6 + value // 10 for value in assets]
    steady[at] *= scale
    spans = quarters(len(assets))
    rows = [sheet(end, float(value)) for (_, end), value in zip(spans, steady, strict=True)]
    days = {f.report_date for f in found(company(*rows), "scale") if f.column_name == "total_assets"}
    assert days == {rows[at]["report_date"]}


@pytest.mark.parametrize(
    ("column", "severity"), [("total_assets", "hard"), ("shares_outstanding", "hard"), ("goodwill", "soft")]
)
def test_what_cannot_be_negative_is_doubted_when_it_is(column: str, severity: str) -> None:
    rows = [sheet(end, total_liabilities=None) for _, end in SPANS[:2]]
    rows[1][column] = -5 * M
    (finding,) = found(company(*rows), "sign")
    assert (finding.column_name, finding.severity, finding.found) == (column, severity, -5 * M)


@pytest.mark.parametrize("column", ["total_equity", "retained_earnings"])
def test_what_can_be_negative_is_not(column: str) -> None:
    assert found(company(sheet(SPANS[0][1], **{column: -5 * M})), "sign") == []


def test_negative_revenue_is_soft() -> None:
    told = found(company(income(*SPANS[0], revenue=-5 * M, cost_of_revenue=None)), "sign")
    assert [(f.column_name, f.severity) for f in told] == [("revenue", "soft")]


def test_a_payment_is_judged_by_the_companys_own_history() -> None:
    rows = [cash(*span) for span in SPANS]
    rows[5] |= {"capital_expenditures": -M, "derived": "capital_expenditures"}
    (finding,) = found(company(*rows), "sign")
    assert finding.severity == "soft"
    assert "was computed as -1,000,000" in finding.sentence
    usual = [{**told, "capital_expenditures": -M} for told in rows]
    assert found(company(*usual), "sign") == []


GOODWILL = ("us-gaap", "Goodwill", "USD")


def stopped(at: int, **alive: str) -> Company:
    rows = [sheet(end, goodwill=M if n < at else None) for n, (_, end) in enumerate(SPANS)]
    days = {("us-gaap", tag, "USD"): date.fromisoformat(day) for tag, day in alive.items()}
    return company(*rows, alive=days)


def test_a_line_that_stopped_though_its_tag_lives_is_doubted_on_its_last_row() -> None:
    (finding,) = found(stopped(4, Goodwill="2022-03-31"), "stale_tag")
    assert (finding.column_name, finding.severity, finding.report_date) == (
        "goodwill",
        "soft",
        date(2020, 12, 31),
    )
    assert "us-gaap:Goodwill is reported to 2022-03-31" in finding.sentence


@pytest.mark.parametrize(
    ("at", "alive"),
    [
        (4, {}),
        (4, {"Goodwill": "2020-12-31"}),
        (4, {"InventoryNet": "2022-03-31"}),
        (6, {"Goodwill": "2022-03-31"}),
        (3, {"Goodwill": "2022-03-31"}),
        (9, {"Goodwill": "2022-03-31"}),
    ],
    ids=["no tag", "dead tag", "another line's tag", "lately", "seldom", "never"],
)
def test_a_line_whose_tags_died_or_that_goes_on_is_not(at: int, alive: dict[str, str]) -> None:
    assert found(stopped(at, **alive), "stale_tag") == []
