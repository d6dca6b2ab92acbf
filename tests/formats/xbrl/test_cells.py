"""Rules of a single cell, on values written out."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.formats.xbrl.cells import consolidated, is_scale_slip, of_one_taxonomy
from evertape.formats.xbrl.facts import FoldedFact, day_number


def figure(value: float, filed: date, accession: int = 119000001) -> FoldedFact:
    return FoldedFact(day_number(date(2018, 12, 31)), None, value, day_number(filed), accession, "10-K")


EARLY, LATE = date(2017, 8, 3), date(2018, 8, 2)


def test_a_slip_of_scale_that_a_later_filing_mends_is_not_the_consolidated_figure() -> None:
    slip, mended = figure(745e9, EARLY), figure(745e6, LATE)
    assert consolidated([mended, slip]) is mended
    assert consolidated([figure(745e6, EARLY), figure(745e9, LATE)]).value == 745e9


def test_a_slice_yields_to_the_whole_whenever_it_was_filed() -> None:
    assert consolidated([figure(2.4e9, LATE), figure(77.1e9, EARLY)]).value == 77.1e9


@given(st.floats(1, 1e12), st.sampled_from([1e3, 1e6]), st.floats(-0.004, 0.004))
def test_a_thousand_and_a_million_are_slips_whichever_comes_first(
    value: float, scale: float, rounding: float
) -> None:
    assert is_scale_slip(value, value * scale * (1 + rounding))
    assert is_scale_slip(-value * scale, value)


@pytest.mark.parametrize(
    ("one", "other"), [(0.0, 0.0), (0.0, 5.0), (5.0, 5.0), (2.4e9, 77.1e9), (1.0, 900.0)]
)
def test_what_is_no_slip(one: float, other: float) -> None:
    assert not is_scale_slip(one, other)


def test_one_debt_in_two_taxonomies_is_counted_once() -> None:
    old, new = figure(398e6, EARLY), figure(398e6, LATE)
    taxonomies = {id(old): "us-gaap", id(new): "ifrs-full"}

    def taxonomy(fact: FoldedFact) -> str:
        return taxonomies[id(fact)]

    assert of_one_taxonomy([(1, old, True), (1, new, True)], taxonomy) == [(1, new)]
    assert of_one_taxonomy([(1, old, False), (1, new, True)], taxonomy) == [(1, old), (1, new)]
