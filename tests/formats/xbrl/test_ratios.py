"""Formulas, the rules of null, and Apple's ratios against figures worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.formats.xbrl.concepts import COLUMNS
from evertape.formats.xbrl.formula import Expression, Name, Number, Operation, evaluate, names, parse
from evertape.formats.xbrl.ratios import (
    PRICE,
    RATIOS,
    Figures,
    Part,
    Period,
    Ratio,
    read_catalogue,
)

CELLS = frozenset(column for columns in COLUMNS.values() for column in columns)
END = date(2024, 9, 28)


def value_of(text: str, **known: float) -> float | None:
    return evaluate(parse(text), lambda name: known.get(name.column, name.unused))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a + b * c", 17.0),
        ("(a + b) * c", 25.0),
        ("a - b - c", -6.0),
        ("c / b / a", 5 / 3 / 2),
        ("-a + b", 1.0),
        ("100 * a / 8", 25.0),
        ("a * -b", -6.0),
        ("0.5*a", 1.0),
        ("a + none~", 2.0),
    ],
)
def test_a_formula_is_arithmetic(text: str, value: float) -> None:
    assert value_of(text, a=2, b=3, c=5) == value


@pytest.mark.parametrize("text", ["a / b", "a / (b - b)", "none + a", "a - (none)", "a * 0 / b"])
def test_an_unknown_part_or_a_zero_denominator_gives_nothing(text: str) -> None:
    assert value_of(text, a=1, b=0) is None


def test_what_is_not_finite_gives_nothing() -> None:
    assert value_of("a * a", a=1e200) is None


@pytest.mark.parametrize(
    "text",
    ["", "a +", "a b", "(a", "a)", "prior a", "prior()", "prior(a + b)", "average(1)", "a ** b", "a.b",
     "__import__('os')", "a[0]", "A", "a; b", "1 2", "a,b"],
)  # fmt: skip
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no formula"):
        parse(text)


def test_the_average_is_of_opening_and_closing_balance() -> None:
    assert [(n.column, n.when) for n in names(parse("average(x) + prior(y~)"))] == [
        ("x", "opening"),
        ("x", "now"),
        ("y", "prior"),
    ]


trees: st.SearchStrategy[Expression] = st.recursive(
    st.sampled_from(["a", "b", "none"]).map(lambda c: Name(column=c))
    | st.integers(0, 9).map(lambda n: Number(value=float(n))),
    lambda inner: st.builds(Operation, sign=st.sampled_from("+-*/"), left=inner, right=inner),
    max_leaves=12,
)


def written(tree: Expression) -> str:
    if isinstance(tree, Operation):
        return f"({written(tree.left)} {tree.sign} {written(tree.right)})"
    return tree.column if isinstance(tree, Name) else f"{tree.value:.0f}"


@given(trees)
def test_a_tree_written_out_is_read_back_the_same(tree: Expression) -> None:
    assert parse(written(tree)) == tree


@given(trees, st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_value_is_finite_and_null_if_and_only_if_a_part_is(tree: Expression, a: float, b: float) -> None:
    known = {"a": a, "b": b}
    value = evaluate(tree, lambda name: known.get(name.column))
    if any(name.column == "none" for name in names(tree)):
        assert value is None
    elif value is None:
        assert any(sign in written(tree) for sign in "/*")
    else:
        assert math.isfinite(value)


# The catalogue


def test_every_name_in_the_catalogue_is_a_column() -> None:
    assert {column for ratio in RATIOS for column in ratio.columns} - CELLS == {PRICE}


def test_names_are_unique_and_are_no_columns_and_each_is_explained() -> None:
    assert len({ratio.name for ratio in RATIOS}) == len(RATIOS)
    assert {ratio.name for ratio in RATIOS}.isdisjoint(CELLS)
    assert all(ratio.doc for ratio in RATIOS)


SIGNED = {"revenue", "net_income", "pretax_income", "total_equity", "eps_diluted", "interest_expense"}


@pytest.mark.parametrize("ratio", RATIOS, ids=lambda r: r.name)
def test_a_sign_without_which_a_ratio_is_null_is_told_in_its_doc(ratio: Ratio) -> None:
    conditions = {name.column for tree in ratio.positive for name in names(tree)}
    assert "null" in ratio.doc or conditions.isdisjoint(SIGNED)


@pytest.mark.parametrize("entry", ['unit = "parts"', 'unit = "ratio"\nperiods = ["month"]'])
def test_an_unknown_unit_or_period_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="x: unit"):
        read_catalogue(f'[x]\ndoc = "d"\nformula = "revenue"\n{entry}')


# Periods


def period(
    day: date, cells: Mapping[str, float], period_type: str = "annual", currency: str = "USD"
) -> Period:
    known = {
        column: Part(value=value, known_from=day + timedelta(days=40), accession=f"{day}")
        for column, value in cells.items()
    }
    return Period(report_date=day, period_type=period_type, currency=currency, cells=known)


def told(name: str, *periods: Period, **more: Mapping[date, float]) -> float | None:
    """A ratio of the first period, the others being held too."""
    reported = frozenset(column for p in periods for column in p.cells)
    figures = Figures(periods, reported=reported, columns=CELLS, price=more.get("price"))
    (ratio,) = [ratio for ratio in RATIOS if ratio.name == name]
    part = figures.of(ratio, periods[0])
    return None if part is None else part.value


@pytest.mark.parametrize(
    ("days", "growth"), [(364, 10.0), (371, 10.0), (345, 10.0), (344, None), (386, None)]
)
@pytest.mark.parametrize("kind", ["annual", "quarter", "ttm"])
def test_a_year_before_is_within_twenty_days(days: int, growth: float | None, kind: str) -> None:
    now = period(END, {"revenue": 110.0}, kind)
    found = told("revenue_growth", now, period(END - timedelta(days=days), {"revenue": 100.0}, kind))
    assert found == (None if growth is None else pytest.approx(growth))


@pytest.mark.parametrize("before", [0.0, -5.0])
def test_growth_from_nothing_or_from_a_loss_says_nothing(before: float) -> None:
    a_year_ago = period(END - timedelta(days=364), {"net_income": before})
    assert told("net_income_growth", period(END, {"net_income": 5.0}), a_year_ago) is None


def test_a_fall_into_loss_is_a_growth_below_minus_a_hundred() -> None:
    a_year_ago = period(END - timedelta(days=364), {"net_income": 10.0})
    assert told("net_income_growth", period(END, {"net_income": -5.0}), a_year_ago) == -150.0


def test_growth_a_share_is_not_told_across_a_split() -> None:
    now = period(END, {"eps_diluted": 3.0, "shares_diluted": 400.0})
    before = END - timedelta(days=364)
    assert told("eps_growth", now, period(before, {"eps_diluted": 2.0, "shares_diluted": 390.0})) == 50.0
    assert told("eps_growth", now, period(before, {"eps_diluted": 8.0, "shares_diluted": 100.0})) is None
    assert told("eps_growth", now, period(before, {"eps_diluted": 0.5, "shares_diluted": 4000.0})) is None


def test_another_currency_a_year_ago_is_no_base() -> None:
    a_year_ago = period(END - timedelta(days=364), {"revenue": 100.0}, currency="CAD")
    assert told("revenue_growth", period(END, {"revenue": 110.0}), a_year_ago) is None


def test_the_opening_balance_of_a_quarter_is_the_quarter_before_and_of_a_year_the_year_before() -> None:
    cells = {"net_income": 10.0, "total_equity": 120.0}
    old, older = {"total_equity": 80.0}, {"total_equity": 40.0}
    quarter, year = END - timedelta(days=91), END - timedelta(days=364)
    for kind, expected in (("quarter", 10.0), ("annual", 12.5), ("ttm", 12.5)):
        periods = [period(END, cells, kind), period(quarter, old, kind), period(year, older, kind)]
        assert told("return_on_equity", *periods) == pytest.approx(expected)


def test_without_an_opening_balance_there_is_no_return() -> None:
    assert told("return_on_equity", period(END, {"net_income": 10.0, "total_equity": 120.0})) is None


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("gross_margin", {"gross_profit": 1.0, "revenue": 0.0}),
        ("net_margin", {"net_income": -1.0, "revenue": -2.0}),
        ("debt_to_equity", {"total_debt": 10.0, "total_equity": -5.0}),
        ("payout", {"dividends_paid": 10.0, "net_income": -5.0}),
        ("effective_tax_rate", {"income_tax": -10.0, "pretax_income": -5.0}),
        ("interest_cover", {"operating_income": 5.0, "interest_expense": 0.0}),
        ("free_cash_flow", {"operating_cash_flow": 5.0}),
        ("market_cap", {"shares_outstanding": 5.0}),
    ],
)
def test_what_would_say_nothing_is_null(name: str, cells: Mapping[str, float]) -> None:
    assert told(name, period(END, cells)) is None


def test_negative_equity_gives_no_return_on_it() -> None:
    before = period(END - timedelta(days=364), {"total_equity": -50.0})
    assert told("return_on_equity", period(END, {"net_income": 10.0, "total_equity": 20.0}), before) is None


def test_inventory_counts_as_zero_only_where_the_company_never_reports_it() -> None:
    cells = {"current_assets": 30.0, "current_liabilities": 20.0}
    assert told("quick_ratio", period(END, cells)) == 1.5
    elsewhere = period(END - timedelta(days=364), {"inventory": 5.0})
    assert told("quick_ratio", period(END, cells), elsewhere) is None


def test_a_column_that_no_table_has_is_unknown_and_not_zero() -> None:
    (ratio,) = read_catalogue('[x]\ndoc = "d"\nunit = "ratio"\nformula = "revenue + patents~"')
    figures = Figures([period(END, {"revenue": 1.0})], reported=frozenset({"revenue"}), columns=CELLS)
    assert figures.of(ratio, period(END, {"revenue": 1.0})) is None


def test_a_price_is_the_last_one_of_the_week_before() -> None:
    now = period(END, {"shares_outstanding": 10.0, "eps_diluted": 2.0})
    friday, later = END - timedelta(days=1), END + timedelta(days=2)
    assert told("market_cap", now, price={friday: 30.0, later: 99.0}) == 300.0
    assert told("price_to_earnings", now, price={friday: 30.0}) == 15.0
    assert told("market_cap", now, price={END - timedelta(days=8): 30.0}) is None
    quarter = period(END, {"shares_outstanding": 10.0, "eps_diluted": 2.0}, "quarter")
    assert told("price_to_earnings", quarter, price={friday: 30.0}) is None


def test_shares_that_a_much_later_filing_tells_meet_no_price() -> None:
    part = Part(value=10.0, known_from=END + timedelta(days=151), accession="a")
    now = Period(report_date=END, period_type="annual", currency="USD", cells={"shares_outstanding": part})
    assert told("market_cap", now, price={END: 30.0}) is None


def test_a_ratio_is_known_from_its_newest_part() -> None:
    restated = Part(value=100.0, known_from=END + timedelta(days=400), accession="restated")
    before = END - timedelta(days=364)
    old = Period(report_date=before, period_type="annual", currency="USD", cells={"revenue": restated})
    now = period(END, {"revenue": 110.0, "gross_profit": 11.0})
    figures = Figures([now, old], reported=frozenset(), columns=CELLS)
    by_name = {ratio.name: figures.of(ratio, now) for ratio in RATIOS}
    growth, margin = by_name["revenue_growth"], by_name["gross_margin"]
    assert growth is not None
    assert margin is not None
    assert (growth.known_from, growth.accession) == (END + timedelta(days=400), "restated")
    assert (margin.known_from, margin.accession) == (END + timedelta(days=40), str(END))


amounts = st.none() | st.floats(-1e12, 1e12) | st.just(0.0)


@given(st.data())
def test_of_any_cells_a_ratio_is_null_or_finite_and_never_made_of_nothing(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["annual", "quarter", "ttm"]))
    days = [END, END - timedelta(days=91), END - timedelta(days=364)]
    wanted = sorted({column for ratio in RATIOS for column in ratio.columns} - {PRICE})
    periods = []
    for day in days:
        drawn = {column: data.draw(amounts) for column in data.draw(st.sets(st.sampled_from(wanted)))}
        periods.append(period(day, {c: v for c, v in drawn.items() if v is not None}, kind))
    reported = frozenset(column for p in periods for column in p.cells)
    figures = Figures(periods, reported=reported, columns=CELLS, price={END: 12.0})
    for ratio in RATIOS:
        found = figures.of(ratio, periods[0])
        if found is None:
            continue
        assert math.isfinite(found.value)
        needed = {n.column for n in names(ratio.expression) if n.when == "now" and n.unused is None}
        assert needed - {PRICE} <= set(periods[0].cells)
