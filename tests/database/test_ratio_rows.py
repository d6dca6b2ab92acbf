"""Ratios from a company's facts: which period a cell is taken from, and whose filing it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evertape.database import Database
from evertape.database.ratios import as_records, ratio_rows
from evertape.datasets.facts import FactSeries, rows_of
from evertape.datasets.filings import Filing
from evertape.formats.xbrl import Fact, fold
from evertape.formats.xbrl.facts import day_of, filed_of
from evertape.model.records import Batch
from evertape.model.store import Commit
from evertape.settings import load
from tests.formats.xbrl.made import fact, filing, plain_year

AT = datetime(2026, 7, 10, tzinfo=UTC)
AMENDED = filing(9, "10-Q/A", "2022-09-20")


def facts() -> list[Fact]:
    """Two calendar years; the second grows by a quarter, and its half-year's equity is amended later."""
    first, second = plain_year(2021, 80.0), plain_year(2022, 100.0)
    return [*first, *second, fact("StockholdersEquity", None, "2022-06-30", 200.0, AMENDED)]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A home that holds them."""
    told = facts()
    seen = {a: (day_of(day), form) for a, (day, form) in filed_of(told).items()}
    accessions = {f[6]: seen_at for f in told for seen_at in [seen[int(f[6].replace("-", ""))]]}
    filings = [(1, a, form, day, True, None, None, None, AT, None) for a, (day, form) in accessions.items()]
    with Database(load({"EVERTAPE_HOME": str(tmp_path / "home")})) as made:
        rows = Batch(record=FactSeries, rows=rows_of(1, fold(told)))
        made.store.commit(Commit(at=AT, batches=[rows, Batch(record=Filing, rows=filings)]))
        yield made


def test_twelve_months_take_the_balance_sheet_of_the_quarter_they_end_with(db: Database) -> None:
    rows = {row.lead["report_date"]: row for row in ratio_rows(db, "1", period="ttm")}
    told = as_records([rows["2022-12-31"]])[0]
    # Four quarters of 100 against the sheets of the last quarter and of the one a year before, both 250.75.
    assert told["return_on_equity"] == pytest.approx(400 / 250.75 * 100)
    assert told["revenue_growth"] == pytest.approx(25.0)
    assert told["net_margin"] == pytest.approx(100.0)
    assert (told["period_type"], told["gross_margin"]) == ("ttm", None)


def test_a_cell_keeps_the_filing_with_which_it_became_known(db: Database) -> None:
    row = next(r for r in ratio_rows(db, "1", period="quarter") if r.lead["report_date"] == "2022-06-30")
    assert row.ratios["net_margin"].accession == filing(2, "10-Q", "2022-08-01")[0]
    assert row.ratios["return_on_equity"].accession == AMENDED[0]
    told = as_records([row])[0]
    assert (told["known_from"], told["accession_number"]) == ("2022-09-20", AMENDED[0])
