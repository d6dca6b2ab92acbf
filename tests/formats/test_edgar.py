"""EDGAR's files, as recorded and as they go wrong."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.formats import constituents, edgar
from tests.conformance.answers import CONSTITUENTS, LISTING, TICKERS, index


def test_tickers_are_canonical_and_an_absent_exchange_is_unknown() -> None:
    tickers = {t.symbol: t for t in edgar.read_tickers(TICKERS)}
    assert set(tickers) == {"NVDA", "AAPL", "BRK-B", "BRK-A", "F"}
    assert tickers["F"].exchange is None
    assert tickers["BRK-B"].cik == tickers["BRK-A"].cik == 1067983


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", TICKERS[:-20], b'{"fields":["a"],"data":[]}'])
def test_a_ticker_file_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(edgar.MalformedIndex):
        edgar.read_tickers(body)


@pytest.mark.parametrize("written", ["brk.b", "BRK/B", " BRK-B ", "Brk B"])
def test_a_ticker_is_understood_as_people_write_it(written: str) -> None:
    assert edgar.canonical_symbol(written) == "BRK-B"


def test_a_quarter_index_says_how_far_it_reaches() -> None:
    read = edgar.read_index(
        index("July 10, 2026", "320193|Apple Inc.|10-Q|2026-07-09|edgar/data/320193/0000320193-26-000073.txt")
    )
    assert read.through == date(2026, 7, 10)
    (entry,) = read.entries
    assert (entry.cik, entry.form, entry.filed) == (320193, "10-Q", date(2026, 7, 9))
    assert entry.accession == "0000320193-26-000073"


@pytest.mark.parametrize(
    "line",
    [
        "320193|Apple Inc.|10-Q|2026-07-09",
        "320193|Apple Inc.|10-Q|2026-13-09|edgar/data/320193/0000320193-26-000073.txt",
        "cut off in the mid",
        "x|Apple Inc.|10-Q|2026-07-09|edgar/data/320193/0000320193-26-000073.txt",
    ],
)
def test_a_line_that_is_no_filing_is_refused_and_not_skipped(line: str) -> None:
    with pytest.raises(edgar.MalformedIndex):
        edgar.read_index(index("July 10, 2026", line))


@pytest.mark.parametrize("body", [b"", b"<html>blocked</html>", b"Description: x\n"])
def test_a_text_without_the_heading_is_no_index(body: bytes) -> None:
    with pytest.raises(edgar.MalformedIndex):
        edgar.read_index(body)


def test_a_listing_names_its_master_files_in_new_york_time() -> None:
    (day,) = edgar.read_listing(LISTING)
    assert day.day == date(2026, 7, 9)
    assert day.modified == datetime(2026, 7, 10, 2, 2, 11, tzinfo=UTC)
    assert day.size == "812 KB"


@given(st.integers(1, 9_999_999_999))
def test_a_cik_in_ten_digits_reads_back(cik: int) -> None:
    assert int(edgar.cik10(cik)) == cik
    assert len(edgar.cik10(f"CIK{cik}")) == 10


@pytest.mark.parametrize("bad", ["0", "-1", "12345678901", "AAPL"])
def test_what_is_no_cik_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"CIK|invalid"):
        edgar.cik10(bad)


@pytest.mark.shared
def test_the_recorded_day_of_2018_is_read_whole(shared: Path) -> None:
    body = gzip.decompress(
        (shared / "recordings" / "www.sec.gov" / "daily_master.20181231.idx.gz").read_bytes()
    )
    read = edgar.read_index(body)
    assert read.through == date(2018, 12, 31)
    assert len(read.entries) == 10
    assert read.entries[0].accession == "0001209191-18-064398"
    assert read.entries[-1].name == "BARNWELL INDUSTRIES INC"


@pytest.mark.shared
def test_the_recorded_constituents_are_503(shared: Path) -> None:
    body = gzip.decompress(
        (shared / "recordings" / "raw.githubusercontent.com" / "sp500_constituents.csv.gz").read_bytes()
    )
    members = constituents.read_constituents(body)
    assert len(members) == 503
    assert members[0].symbol == "MMM"
    assert members[0].added == date(1957, 3, 4)


@pytest.mark.parametrize("body", [b"", b"a,b\n1,2\n", CONSTITUENTS.split(b"\n", 1)[0], b"\xff\xfe\x00"])
def test_a_list_without_members_or_columns_is_refused(body: bytes) -> None:
    with pytest.raises(constituents.MalformedList):
        constituents.read_constituents(body)
