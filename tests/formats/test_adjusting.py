"""Reading adjusts: no jump across a split, total returns, each event once, the ranked source's bars."""

from __future__ import annotations

import itertools
import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.formats.adjusting import Adjusted, ToldBar, ToldDividend, ToldSplit, adjusted
from evertape.formats.bars import Bar, Dividend, Series, Split, as_traded

RANK = ("first", "second")


def bar(day: date, close: float, volume: float = 100.0) -> Bar:
    return Bar(day, close, close, close, close, volume)


def series(
    bars: list[Bar], splits: list[Split], dividends: list[Dividend], source: str = "first"
) -> Adjusted:
    return adjusted(
        [ToldBar(source, b) for b in bars],
        [ToldSplit(source, s) for s in splits],
        [ToldDividend(source, d) for d in dividends],
        RANK,
    )


def test_apple_four_for_one_and_its_dividend() -> None:
    """Closes as traded, and the closes adjusted for the split that every vendor shows since."""
    bars = [
        bar(date(2020, 8, 6), 455.61),
        bar(date(2020, 8, 7), 444.45),
        bar(date(2020, 8, 28), 499.23, 46_907_479),
        bar(date(2020, 8, 31), 129.04, 225_702_688),
    ]
    split, paid = Split(date(2020, 8, 31), 4, 1), Dividend(date(2020, 8, 7), 0.82)
    found = series(bars, [split], [paid])
    assert [round(b.by_splits.close or 0, 4) for b in found.bars] == [113.9025, 111.1125, 124.8075, 129.04]
    assert found.bars[2].by_splits.volume == 4 * 46_907_479
    assert [b.dividend_factor for b in found.bars] == [pytest.approx(1 - 0.82 / 455.61), 1, 1, 1]
    assert (found.splits, found.dividends, found.left_out) == ((split,), (paid,), ())
    assert found.bars[0].by_all.close == pytest.approx(113.9025 * (1 - 0.205 / 113.9025))


@pytest.mark.parametrize(
    ("told", "unsure"),
    [(None, []), (date(2020, 8, 31), []), (date(2020, 8, 30), [6, 28]), (date(2020, 8, 1), [6, 28])],
)
def test_bars_adjusted_for_splits_are_as_traded_by_those_told_and_say_so_where_some_may_lack(
    told: date | None, unsure: list[int]
) -> None:
    basis = date(2020, 8, 31)
    sent = [bar(date(2020, 8, 6), 113.9025, 400), bar(date(2020, 8, 28), 124.8075, 400), bar(basis, 129.04)]
    split = ToldSplit("second", Split(basis, 4, 1))
    found = adjusted([ToldBar("first", each, basis) for each in sent], [split], [], RANK, told=told)
    assert [each.bar.close for each in found.bars] == [455.61, 499.23, 129.04]
    assert [each.bar.volume for each in found.bars] == [100, 100, 100]
    assert [each.bar.day.day for each in found.bars if each.split_basis] == unsure
    assert {each.split_basis for each in found.bars} <= {basis, None}


def test_a_split_that_is_announced_changes_nothing_before_its_day() -> None:
    found = series([bar(date(2020, 8, 28), 499.23)], [Split(date(2020, 8, 31), 4, 1)], [])
    assert found.bars[0].split_factor == 1
    assert series([], [Split(date(2020, 8, 31), 4, 1)], []).bars == ()


def test_a_dividend_and_a_split_on_one_day_count_the_same_shares() -> None:
    """100 a share before; 2 for 1 and 1.00 a new share; 49.00 after: nothing was gained or lost."""
    days = [date(2020, 1, 6), date(2020, 1, 7)]
    found = series([bar(days[0], 100), bar(days[1], 49)], [Split(days[1], 2, 1)], [Dividend(days[1], 1.0)])
    assert [b.by_all.close for b in found.bars] == [pytest.approx(49), 49]


def test_what_two_sources_tell_counts_once_and_the_first_is_heard() -> None:
    days = [date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8)]
    found = adjusted(
        [
            ToldBar("second", bar(days[0], 99)),
            ToldBar("first", bar(days[0], 100)),
            ToldBar("other", bar(days[1], 50)),
            ToldBar("another", bar(days[1], 51)),
            ToldBar("second", bar(days[2], 52)),
            ToldBar("first", Bar(days[2], None, None, None, None, None)),
        ],
        [
            ToldSplit("second", Split(days[1], 2.0, 1.0)),
            ToldSplit("first", Split(days[1], 4, 2)),
            ToldSplit("third", Split(days[2], 2, 1)),
        ],
        [
            ToldDividend("second", Dividend(days[1], 1.01)),
            ToldDividend("first", Dividend(days[1], 1.0)),
            ToldDividend("second", Dividend(days[2], 0.5)),
        ],
        RANK,
    )
    assert [(b.source, b.bar.close) for b in found.bars] == [("first", 100), ("another", 51), ("second", 52)]
    assert found.splits == (Split(days[1], 4, 2),)
    assert [d.amount for d in found.dividends] == [1.0, 0.5]
    assert [b.split_factor for b in found.bars] == [2, 1, 1]


def test_one_sources_dividends_of_neighbouring_days_are_two() -> None:
    days = [date(2020, 1, 6) + timedelta(days=n) for n in range(3)]
    found = series([bar(day, 100) for day in days], [], [Dividend(days[1], 1.0), Dividend(days[2], 1.0)])
    assert found.bars[0].dividend_factor == pytest.approx(0.99 * 0.99)


def test_a_dividend_that_no_factor_follows_from_is_left_out_and_said() -> None:
    days = [date(2020, 1, 6) + timedelta(days=n) for n in range(4)]
    dividends = [Dividend(days[1], 100.0), Dividend(days[2], 1.0, "TWD"), Dividend(days[3], 1.0, "USD")]
    found = adjusted(
        [ToldBar("first", bar(day, 100)) for day in days],
        [],
        [ToldDividend("first", paid) for paid in dividends],
        RANK,
        currency="USD",
    )
    assert found.left_out == (dividends[0], dividends[1])
    assert found.bars[0].dividend_factor == pytest.approx(0.99)


PRICES = st.lists(st.floats(1, 1000), min_size=2, max_size=40)
RATIOS = st.dictionaries(
    st.integers(1, 39), st.sampled_from([(2, 1), (4, 1), (3, 2), (1, 10), (21, 20)]), max_size=4
)
PAID = st.dictionaries(st.integers(1, 39), st.floats(0.001, 0.5), max_size=6)


def made(
    prices: list[float], ratios: dict[int, tuple[int, int]], paid: dict[int, float]
) -> tuple[list[Bar], list[Split], list[Dividend], list[float]]:
    """A listing as it would have traded, and its returns: dividends are shares of the price before."""
    days = [date(2020, 1, 6) + timedelta(days=n) for n in range(len(prices))]
    splits = [Split(days[n], *ratio) for n, ratio in ratios.items() if n < len(days)]
    shares, traded, dividends, returns = 1.0, [], [], []
    for n, price in enumerate(prices):
        if n in ratios:
            shares *= ratios[n][0] / ratios[n][1]
        traded.append(bar(days[n], price / shares))
        if n:
            amount = paid.get(n, 0.0) * prices[n - 1] / shares
            if amount:
                dividends.append(Dividend(days[n], amount))
            returns.append(traded[n].close / (prices[n - 1] / shares - amount))  # type: ignore[operator]
    return traded, splits, dividends, returns


@given(PRICES, RATIOS, PAID)
def test_total_return_is_the_product_of_the_days_and_a_split_makes_no_jump(
    prices: list[float], ratios: dict[int, tuple[int, int]], paid: dict[int, float]
) -> None:
    traded, splits, dividends, returns = made(prices, ratios, paid)
    found = series(traded, splits, dividends).bars
    by_all = [b.by_all.close or math.nan for b in found]
    assert by_all[-1] / by_all[0] == pytest.approx(math.prod(returns))
    by_splits = [b.by_splits.close or math.nan for b in found]
    for n, (earlier, later) in enumerate(itertools.pairwise(by_splits)):
        assert later / earlier == pytest.approx(prices[n + 1] / prices[n])
    assert by_splits[-1] == by_all[-1] == traded[-1].close


@given(PRICES, RATIOS, PAID, st.integers(0, 39))
def test_bars_on_a_later_basis_read_as_bars_that_were_kept_as_traded(
    prices: list[float], ratios: dict[int, tuple[int, int]], paid: dict[int, float], n: int
) -> None:
    """One source told nothing of splits and counts shares of some day; another told the splits."""
    traded, splits, dividends, _ = made(prices, ratios, paid)
    basis = traded[min(n, len(traded) - 1)].day
    silent = [s._replace(numerator=s.denominator, denominator=s.numerator) for s in splits if s.day <= basis]
    seen = as_traded(
        Series(
            symbol="X", bars=tuple(traded), splits=tuple(silent), dividends=tuple(dividends), adjusted=True
        )
    )
    found = adjusted(
        [ToldBar("first", b, basis) for b in seen.bars],
        [ToldSplit("second", s) for s in splits],
        [ToldDividend("first", d, basis) for d in seen.dividends],
        RANK,
    )
    expected = series(traded, splits, dividends)
    assert [b.by_splits.close for b in found.bars] == pytest.approx(
        [b.by_splits.close for b in expected.bars], rel=1e-4
    )
    assert [b.by_all.close for b in found.bars] == pytest.approx(
        [b.by_all.close for b in expected.bars], rel=1e-4, abs=1e-4
    )
