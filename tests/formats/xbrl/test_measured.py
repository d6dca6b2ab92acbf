"""What the statements of the recorded companies reach: fill, and identities that hold."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from benchmarks.measure_fill import CORE, Tally, fill, identities
from benchmarks.recorded import companies

pytestmark = pytest.mark.shared

REACHED = {
    "balance sheet": (0.99, 0.99, 1.0),
    "gross profit": (0.99, 0.99, 0.995),
    "sections": (0.98, 0.99, 0.995),
    "change in cash": (0.98, 0.995, 0.995),
    "four quarters": (0.98, 0.985, 0.99),
    "four quarters, all of one year's filings": (0.985, 0.99, 0.995),
}
"""Shares of the rows with all parts: to the dollar, to the last digit, within 1 %."""

EXCUSED = {
    "AGNICO EAGLE MINES LIMITED annual capital_expenditures": 5,
    "AGNICO EAGLE MINES LIMITED annual operating_income": 1,
    "ALPHABET INC. annual eps_diluted": 1,
    "ALPHABET INC. quarter eps_diluted": 1,
    "CISCO SYSTEMS, INC. last quarter operating_cash_flow": 2,
    "CISCO SYSTEMS, INC. quarter operating_cash_flow": 4,
    "Exxon Mobil Corporation last quarter operating_cash_flow": 3,
    "Exxon Mobil Corporation last quarter revenue": 1,
    "Exxon Mobil Corporation quarter operating_cash_flow": 7,
    "Exxon Mobil Corporation quarter revenue": 3,
    "Ford Motor Co last quarter operating_cash_flow": 5,
    "Ford Motor Co quarter operating_cash_flow": 10,
    "NVIDIA CORP annual capital_expenditures": 9,
    "NVIDIA CORP last quarter capital_expenditures": 11,
    "NVIDIA CORP quarter capital_expenditures": 8,
}
"""Core cells of a period with a filing in which no tag of the catalogue tells the line: the company used a
tag of its own, split the figure by kinds of shares, or told only the year to date without the part before."""

LONGER = {
    "CISCO SYSTEMS, INC. last quarter operating_cash_flow": 2,
    "Exxon Mobil Corporation last quarter operating_cash_flow": 3,
    "Exxon Mobil Corporation last quarter revenue": 1,
    "Exxon Mobil Corporation quarter operating_cash_flow": 1,
    "Ford Motor Co last quarter operating_cash_flow": 5,
    "NVIDIA CORP last quarter capital_expenditures": 2,
    "NVIDIA CORP quarter capital_expenditures": 1,
}
"""Those of them in which a fact of a longer time ends with the quarter, and none at all with the quarter
before, under whatever tag of the line and in whatever filing: there is nothing to subtract."""

AS_FILED = {
    "balance sheet Abbott Laboratories 2013-12-31 annual",  # assets restated in selected figures, alone
    "balance sheet Abbott Laboratories 2013-12-31 quarter",
    "change in cash Abbott Laboratories 2012-12-31 quarter",  # the year's change is told in millions alone
    "change in cash AIR PRODUCTS AND CHEMICALS, INC. 2016-09-30 annual",  # disposal group's cash apart
    "change in cash AIR PRODUCTS AND CHEMICALS, INC. 2016-09-30 quarter",
    "gross profit Ford Motor Co 2015-06-30 quarter",  # the next year's revenue under this year's dates
    "gross profit Taiwan Semiconductor Manufacturing Company Limited 2015-12-31 annual",  # profit on sales
    "gross profit Taiwan Semiconductor Manufacturing Company Limited 2016-12-31 annual",  # to associates
    "gross profit Taiwan Semiconductor Manufacturing Company Limited 2017-12-31 annual",
    "gross profit Taiwan Semiconductor Manufacturing Company Limited 2018-12-31 annual",
    "sections Abbott Laboratories 2008-12-31 quarter",
    "sections AIR PRODUCTS AND CHEMICALS, INC. 2021-03-31 quarter",  # discontinued operations untold
    "sections AIR PRODUCTS AND CHEMICALS, INC. 2023-09-30 quarter",
    "sections Exxon Mobil Corporation 2018-06-30 quarter",  # exchange effect of the quarter untold
    "sections Exxon Mobil Corporation 2018-09-30 quarter",
    "sections Ford Motor Co 2009-03-31 quarter",  # a line of the company's own
    "sections Ford Motor Co 2009-12-31 annual",
}
"""Rows of which the identity does not hold, and no other figure of the facts makes it hold."""


@pytest.fixture(scope="module")
def measured(shared: Path) -> Tally:
    everything = Tally()
    for company in companies(shared / "upstream/2026-07-10"):
        fill(company, everything)
        identities(company, everything)
    return everything


@pytest.mark.parametrize("what", REACHED)
def test_identities_hold(what: str, measured: Tally) -> None:
    counts = measured.counts[what]
    assert counts["all parts"] > 700
    shares = [counts[key] / counts["all parts"] for key in ("exact", "rounded", "near")]
    assert all(share >= least for share, least in zip(shares, REACHED[what], strict=True)), shares


def test_what_does_not_agree_is_as_filed(measured: Tally) -> None:
    told = [m for m in measured.misses if m.startswith("identity ") and "four quarters" not in m]
    assert {re.sub(r"^identity (.*?):.*", r"\1", m) for m in told} == AS_FILED


@pytest.mark.parametrize("what", ["balance sheet", "gross profit", "sections"])
def test_all_parts_are_there_where_tags_tell_them(what: str, measured: Tally) -> None:
    counts = measured.counts[f"{what}: all parts (industrial)"]
    assert counts["exact"] >= 0.99 * counts["due"] > 0


@pytest.mark.parametrize(("kind", "least"), [("quarters", 0.99), ("years", 0.99)])
def test_core_lines_are_filled(kind: str, least: float, measured: Tally) -> None:
    counts = measured.counts[f"fill of {kind}"]
    assert counts["exact"] >= least * counts["due"] > 0


def test_every_miss_is_of_a_line_that_no_tag_tells(measured: Tally) -> None:
    assert [miss for miss in measured.misses if miss.startswith("fill ")] == []
    assert Counter(re.sub(r" \d{4}-\d\d-\d\d ", " ", miss) for miss in measured.excused) == EXCUSED


@pytest.mark.parametrize(("kind", "least"), [("quarters", 0.98), ("years", 0.99)])
def test_each_core_line_is_filled_unless_no_fact_at_all_ends_with_the_period(
    kind: str, least: float, measured: Tally
) -> None:
    shares = {}
    for name in [name for names in CORE.values() for name in names]:
        counts = measured.counts[f"fill of {kind}: {name}"]
        heard = counts["due"] - counts["silent"]
        assert heard > 100
        shares[name] = counts["exact"] / heard
    assert min(shares.values()) >= least, shares


def test_what_is_told_of_a_longer_time_alone_has_nothing_to_be_subtracted(measured: Tally) -> None:
    assert Counter(re.sub(r" \d{4}-\d\d-\d\d ", " ", miss) for miss in measured.longer) == LONGER
    silent = sum(
        counts["silent"] for what, counts in measured.counts.items() if "fill of" in what and ":" in what
    )
    assert len(measured.excused) == silent + len(measured.longer)
