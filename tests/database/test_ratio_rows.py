"""Ratios from statement rows: which row a cell is taken from, and whose filing it keeps."""

from __future__ import annotations

from datetime import date

import pytest

from evertape.database.ratios import as_records, ratio_rows
from evertape.model.records import Row

NAMES = (
    "symbol", "cik", "report_date", "period_type", "fiscal_year", "fiscal_period", "known_from",
    "accession_number", "currency",
)  # fmt: skip


class Rows:
    """Statement rows as the facade gives them: twelve months of flows, and the quarters' balance sheets."""

    def company(self, symbol: str) -> tuple[str, str]:
        return "0000000001", symbol

    def statement_rows(
        self, symbol: str, *, statement: str | None, period: str | None, as_of: date | None
    ) -> tuple[tuple[str, ...], list[Row]]:
        if (statement, period) == ("income", "ttm"):
            return (*NAMES, "revenue", "net_income"), [
                (*lead("2024-06-30", "ttm", "2024-08-01"), 400.0, 40.0),
                (*lead("2023-06-30", "ttm", "2023-08-01"), 320.0, 32.0),
            ]
        if (statement, period) == ("balance", "quarter"):
            return (*NAMES, "total_equity", "total_debt"), [
                (*lead("2024-06-30", "quarter", "2024-08-20"), 120.0, 60.0),
                (*lead("2024-03-31", "quarter", "2024-05-01"), 999.0, 60.0),
                (*lead("2023-06-30", "quarter", "2023-08-01"), 80.0, None),
            ]
        return NAMES, []


def lead(day: str, period: str, filed: str) -> Row:
    return ("X", 1, day, period, 2024, "Q2", filed, f"of {filed}", "USD")


def test_twelve_months_take_the_balance_sheet_of_the_quarter_they_end_with() -> None:
    rows = ratio_rows(Rows(), "X", period="ttm")
    assert [row.lead["report_date"] for row in rows] == ["2024-06-30", "2023-06-30"]
    told = as_records(rows)[0]
    assert told["return_on_equity"] == pytest.approx(40.0)
    assert told["debt_to_equity"] == 0.5
    assert told["revenue_growth"] == pytest.approx(25.0)
    assert (told["period_type"], told["gross_margin"]) == ("ttm", None)


def test_a_cell_keeps_the_filing_of_its_own_statement() -> None:
    row = ratio_rows(Rows(), "X", period="ttm")[0]
    assert row.ratios["net_margin"].accession == "of 2024-08-01"
    assert row.ratios["return_on_equity"].accession == "of 2024-08-20"
    told = as_records([row])[0]
    assert (told["known_from"], told["accession_number"]) == ("2024-08-20", "of 2024-08-20")
