"""Sums within a row, and between a cash flow statement and the balance sheets around it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.engine.quality import judge
from evertape.engine.quality.company import CLOSE, difference
from evertape.engine.quality.identities import IDENTITIES
from tests.engine.quality.made import NOW, M, cash, company, counted, found, income, quarters, sheet

END = "2024-12-31"
WIDE: dict[str, Any] = {
    "minority_interest": None,
    "temporary_equity": None,
    "equity_with_minority": None,
    "liabilities_and_equity": None,
}
"""The columns that a balance sheet needs before a difference is the row's own fault."""


def test_a_sound_company_is_counted_and_not_doubted() -> None:
    rows = [make(start, end) for start, end in quarters(9) for make in (income, cash)]
    sheets = [sheet(end, 100 * M + 20 * M * n) for n, (_, end) in enumerate(quarters(9))]
    judged = company(*rows, *sheets)
    assert judge(judged, NOW).findings == ()
    for check, of in {"balance": 9, "gross_profit": 9, "cash_sections": 9, "cash_change": 8}.items():
        assert counted(judged, check) == [of] * 6, check


def test_a_balance_sheet_that_does_not_balance_is_hard_and_says_by_how_much() -> None:
    judged = company(sheet(END, total_equity=35 * M, **WIDE))
    (finding,) = found(judged, "balance")
    assert (finding.severity, finding.column_name, finding.table_name) == (
        "hard",
        "total_assets",
        "balance_sheets",
    )
    assert (finding.expected, finding.found, finding.relative_difference) == (110 * M, 100 * M, 10 / 110)
    assert "total_liabilities + total_equity is 110,000,000 USD" in finding.sentence
    assert finding.accession_number == "0000000001-24-000012"
    assert counted(judged, "balance") == [1, 0, 0, 1, 0, 0]


def test_where_the_table_lacks_a_term_the_difference_is_a_note() -> None:
    judged = sheet(END, total_equity=35 * M, **WIDE)
    del judged["minority_interest"]
    (finding,) = found(company(judged), "balance")
    assert finding.severity == "note"


@pytest.mark.parametrize(
    "more",
    [
        {"minority_interest": 7 * M},
        {"temporary_equity": 4 * M, "minority_interest": 3 * M},
        {"equity_with_minority": 25 * M, "minority_interest": 999 * M},
        {"equity_with_minority": 20 * M, "temporary_equity": 5 * M},
    ],
)
def test_equity_besides_the_holders_own_makes_the_balance(more: dict[str, float]) -> None:
    judged = company(sheet(END, total_equity=18 * M, **{**WIDE, **more}))
    assert counted(judged, "balance")[:3] == [1, 1, 1]
    assert found(judged, "balance") == []


@pytest.mark.parametrize("part", ["total_assets", "total_liabilities", "total_equity"])
def test_a_row_that_lacks_a_part_is_not_judged(part: str) -> None:
    judged = company(sheet(END, **{**WIDE, "minority_interest": 30 * M, part: None}))
    assert counted(judged, "balance") == []
    assert found(judged, "balance") == []


def test_the_other_side_of_the_sheet_is_checked_where_it_is_known() -> None:
    judged = company(sheet(END, **{**WIDE, "liabilities_and_equity": 90 * M}))
    assert [f.severity for f in found(judged, "balance_total")] == ["hard"]
    assert counted(company(sheet(END)), "balance_total") == []


def test_gross_profit_is_revenue_less_its_cost() -> None:
    start, end = quarters(1)[0]
    (finding,) = found(company(income(start, end, gross_profit=25 * M)), "gross_profit")
    assert (finding.severity, finding.expected, finding.found) == ("soft", 20 * M, 25 * M)
    assert "revenue - cost_of_revenue" in finding.sentence


@pytest.mark.parametrize(
    ("more", "doubts"),
    [
        ({"net_cash_flow": 3 * M}, 1),
        ({"net_cash_flow": 3 * M, "exchange_effect": 1 * M}, 0),
        ({"net_cash_flow": 3 * M, "net_cash_flow_discontinued": 1 * M}, 0),
        ({"net_cash_flow": 2 * M, "net_cash_flow_discontinued": 1 * M}, 0),
        ({"net_cash_flow": 1 * M, "net_cash_flow_discontinued": 1 * M, "exchange_effect": -2 * M}, 0),
        ({"net_cash_flow": 2 * M, "exchange_effect": 1 * M}, 1),
        ({"net_cash_flow": None}, 0),
    ],
)
def test_the_sections_make_the_net_cash_flow(more: dict[str, Any], doubts: int) -> None:
    start, end = quarters(1)[0]
    assert len(found(company(cash(start, end, **more)), "cash_sections")) == doubts


def test_a_computed_part_is_counted_apart() -> None:
    judged = company(sheet(END, derived="total_liabilities"), sheet("2024-09-30"))
    assert counted(judged, "balance") == [2, 2, 2, 1, 1, 1]


def test_a_row_summed_from_others_is_not_judged_again() -> None:
    start, end = quarters(1)[0]
    judged = company(income(start, end, gross_profit=0.0, period_type="ttm"))
    assert counted(judged, "gross_profit") == []
    assert judge(judged, NOW).findings == ()


@given(
    parts=st.lists(st.integers(-(10**12), 10**12), min_size=2, max_size=4),
    off=st.floats(-0.2, 0.2),
)
def test_within_a_percent_of_the_largest_part_is_close(parts: list[int], off: float) -> None:
    largest = max(map(abs, parts))
    total = sum(parts) + off * largest
    told = difference(sum(parts), total, parts)
    assert told.exact == (abs(off * largest) <= 0.5) or abs(abs(off * largest) - 0.5) < 1e-3
    if abs(off) < CLOSE * 0.99 and abs(total) <= largest and abs(sum(parts)) <= largest:
        assert told.close
    assert 0 <= told.relative <= 2


def test_every_identity_names_each_column_once_a_reading() -> None:
    for identity in IDENTITIES:
        for reading in identity.readings:
            assert len(set(reading.columns)) == len(reading.columns)
            assert identity.total not in reading.columns


FIRST, SECOND = quarters(2)


def test_cash_moves_by_the_net_cash_flow() -> None:
    sheets = [sheet(FIRST[1], cash_and_equivalents=10 * M), sheet(SECOND[1], cash_and_equivalents=12 * M)]
    assert counted(company(*sheets, cash(*SECOND)), "cash_change") == [1] * 6
    (finding,) = found(company(*sheets, cash(*SECOND, net_cash_flow=3 * M)), "cash_change")
    assert (finding.severity, finding.expected, finding.found) == ("note", 2 * M, 3 * M)


def test_with_restricted_cash_known_the_difference_is_the_rows_own() -> None:
    sheets = [
        sheet(FIRST[1], cash_and_equivalents=10 * M, cash_and_restricted_cash=11 * M),
        sheet(SECOND[1], cash_and_equivalents=12 * M, cash_and_restricted_cash=14 * M),
    ]
    for net, severities in ((2 * M, []), (3 * M, []), (5 * M, ["soft"])):
        judged = company(*sheets, cash(*SECOND, net_cash_flow=net))
        assert [f.severity for f in found(judged, "cash_change")] == severities


def test_cash_is_compared_only_between_two_sheets_of_one_currency() -> None:
    flow = cash(*SECOND, net_cash_flow=99 * M)
    assert counted(company(sheet(SECOND[1]), flow), "cash_change") == []
    mixed = company(sheet(FIRST[1], currency="EUR"), sheet(SECOND[1]), flow)
    assert counted(mixed, "cash_change") == []


def test_a_sheet_dated_some_days_off_is_the_same_end() -> None:
    sheets = [
        sheet("2020-03-28", cash_and_equivalents=10 * M),
        sheet(SECOND[1], cash_and_equivalents=12 * M),
    ]
    assert counted(company(*sheets, cash(*SECOND)), "cash_change")[:2] == [1, 1]
