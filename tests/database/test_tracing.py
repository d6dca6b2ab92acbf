"""Ratios explained from a company's facts: what each part is, and why one is null."""

from __future__ import annotations

import pytest

from evertape.database import Database
from evertape.database.history import Explanation
from evertape.database.tracing import RatioExplanation
from evertape.errors import NotKnown, UserError
from tests.database.test_ratio_rows import AMENDED, db

__all__ = ["db"]


def ratio(db: Database, name: str, day: str, period: str, as_of: str | None = None) -> RatioExplanation:
    (told,) = db.explain("1", name, day, period=period, as_of=as_of)
    assert isinstance(told, RatioExplanation)
    return told


def test_each_part_is_the_cell_that_is_explained_under_its_own_name(db: Database) -> None:
    told = ratio(db, "return_on_equity", "2022-06-30", "quarter")
    assert (told.note, told.currency, told.unit) == ("", "USD", "percent")
    assert [part.name for part in told.parts] == ["net_income", "opening(total_equity)", "total_equity"]
    for part in told.parts:
        assert part.report_date is not None
        (cell,) = db.explain("1", part.name.split("(")[-1].rstrip(")"), part.report_date, period="quarter")
        assert part.cell == cell
        assert isinstance(cell, Explanation)
        assert part.value == cell.value
    assert told.parts[-1].cell is not None
    assert told.parts[-1].cell.operands[0].accession == AMENDED[0]


def test_value_and_day_are_those_of_the_frame(db: Database) -> None:
    for period in ("annual", "quarter", "ttm"):
        frame = db.ratios("1", period=period)
        for row in frame.to_dict("records"):
            told = ratio(db, "net_margin", row["report_date"], period)
            assert told.value == row["net_margin"]
            assert (told.value is None) == bool(told.note)


def test_twelve_months_show_the_balance_sheet_of_their_last_quarter(db: Database) -> None:
    told = ratio(db, "return_on_equity", "2022-12-31", "ttm")
    (sheet,) = [part for part in told.parts if part.name == "total_equity"]
    assert sheet.cell is not None
    assert sheet.cell.period_type == "quarter"


@pytest.mark.parametrize(
    ("name", "day", "said"),
    [
        ("gross_margin", "2022-12-31", "a part is not known: gross_profit (not known at 2022-12-31)"),
        ("revenue_growth", "2021-12-31", "prior(revenue) (no annual of a year before is held in USD)"),
        ("price_to_book", "2022-12-31", "price (a share's price is needed"),
    ],
)
def test_a_null_ratio_says_which_part_is_not_known(db: Database, name: str, day: str, said: str) -> None:
    told = ratio(db, name, day, "annual")
    assert (told.value, told.known_from) == (None, None)
    assert said in told.note


def test_what_cannot_be_explained_is_said(db: Database) -> None:
    with pytest.raises(UserError, match="no line of a statement and no ratio"):
        db.explain("1", "report_date", "2022-12-31")
    with pytest.raises(NotKnown, match="nearest report dates are 2022-12-31, 2022-09-30"):
        db.explain("1", "net_margin", "2022-12-30")
    with pytest.raises(
        NotKnown, match="never fetched; run: evertape refresh financials --symbols 0000000002"
    ):
        db.explain("0000000002", "revenue", "2022-12-31")
    with pytest.raises(NotKnown, match="never fetched"):
        db.restatements("0000000002")
    with pytest.raises(UserError, match="'then' is no date"):
        db.explain("1", "revenue", "then")
