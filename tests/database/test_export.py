"""Exports: what is read back is what is stored, memory stays flat, and a file is whole or not there."""

from __future__ import annotations

import csv
import json
import re
import resource
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from evertape.database import Database
from evertape.database import export as exporting
from evertape.database.writers import XlsxWriter
from evertape.datasets.facts import FactSeries, pack
from evertape.datasets.filings import Filing
from evertape.datasets.universe import Listing, listing_id
from evertape.errors import UserError
from evertape.formats.xbrl import Fact, FoldedFact, fold
from evertape.formats.xbrl.facts import filed_of
from evertape.formats.xbrl.index import FactIndex
from evertape.model.records import Batch, Record, Row, table_of
from evertape.model.store import Commit
from evertape.settings import load

AT = datetime(2026, 7, 10, 1, 2, 3, tzinfo=UTC)
FORMATS = ("csv", "jsonl", "parquet", "xlsx")
NASTY = ["=1+1", "+1", "-1", "@SUM(A1)", 'say "no", or\nnot', "Zürich  ", "", None, "_x0041_", "it's"]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A new home."""
    with Database(load({"EVERTAPE_HOME": str(tmp_path / "home")})) as made:
        yield made


def keep(db: Database, record: type[Record], rows: list[Row]) -> None:
    db.store.commit(Commit(at=AT, batches=[Batch(record=record, rows=rows)]))


def filing(number: int, name: str | None = "X", cik: int = 1) -> Row:
    filed = date(2020, 1, 1) + timedelta(days=number % 2000)
    seen = AT if number % 2 else None
    return (cik, f"0000000001-20-{number:06d}", "10-Q", filed, bool(number % 3), name, None, seen, None, None)


def fact(value: float, number: int = 1, cik: int = 1) -> Row:
    folded = FoldedFact(19813, 19723, value, 19833, 124000000 + number, "10-Q")
    return (cik, "us-gaap", "Revenues", "USD", pack([folded]))


def listing(symbol: str, cik: int, rank: int) -> Row:
    return (listing_id(symbol, cik), cik, symbol, "NYSE", rank, "sec.tickers", AT, None)


@pytest.fixture
def held(db: Database) -> Database:
    """Filings with texts that are hard to write, facts with numbers that are, and listings."""
    keep(db, Filing, [filing(n, name, cik=n % 2 + 1) for n, name in enumerate(NASTY)])
    numbers = [0.1 + 0.2, -5e-324, 2.0**53, 143_756e6, 0.0, -1.5]
    keep(db, FactSeries, [fact(value, n, cik=n) for n, value in enumerate(numbers, 1)])
    keep(db, Listing, [listing("ONE", 1, 3), listing("ONE-B", 1, 9), listing("TWO", 2, 1)])
    return db


def write(db: Database, table: str, form: str, folder: Path, **chosen: Any) -> Path:
    target = folder / f"{table}.{form}"
    exporting.to_file(exporting.stream(db, exporting.Request(table=table, **chosen)), target, form)
    return target


def read_csv(path: Path, columns: Mapping[str, str]) -> list[Row]:
    kinds = {"integer": int, "real": float, "boolean": int}

    def value(text: str, kind: str) -> Any:
        return kinds.get(kind, lambda t: t.removeprefix("'"))(text) if text else None

    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    assert names == list(columns)
    return [tuple(map(value, row, columns.values())) for row in rows]


def read_jsonl(path: Path, columns: Mapping[str, str]) -> list[Row]:
    told = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert all(list(row) == list(columns) for row in told)
    assert all(isinstance(row[c], bool) for row in told for c, k in columns.items() if k == "boolean")
    return [tuple(row.values()) for row in told]


def text_of(value: Any, kind: str) -> Any:
    """A Python value as the database's text."""
    if kind == "instant" and value is not None:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if kind == "date" and value is not None else value


def read_parquet(path: Path, columns: Mapping[str, str]) -> list[Row]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    assert table.column_names == list(columns)
    return [
        tuple(text_of(value, kind) for value, kind in zip(row.values(), columns.values(), strict=True))
        for row in table.to_pylist()
    ]


def sheet_rows(path: Path) -> list[dict[str, Any]]:
    """Cells of the first sheet by column letter, as Excel's own parts have them."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    rows = []
    for row in sheet.iter(f"{space}row"):
        cells: dict[str, Any] = {}
        for cell in row:
            assert cell.find(f"{space}f") is None, "a formula"
            inline = cell.get("t") == "inlineStr"
            text = "".join(t.text or "" for t in cell.iter(f"{space}t")) if inline else cell[0].text
            letter = (cell.get("r") or "").rstrip("0123456789")
            if inline:
                cells[letter] = re.sub(r"_x([0-9A-F]{4})_", lambda m: chr(int(m[1], 16)), text or "")
            else:
                cells[letter] = float(text or "nan")
        rows.append(cells)
    return rows


def read_xlsx(path: Path, columns: Mapping[str, str]) -> list[Row]:
    head, *body = sheet_rows(path)
    assert list(head.values()) == list(columns)

    def value(told: Any, kind: str) -> Any:
        if told is None or kind not in ("date", "instant"):
            return told
        moment = datetime(1899, 12, 30, tzinfo=UTC) + timedelta(seconds=round(told * 86400))
        return text_of(moment.date() if kind == "date" else moment, kind)

    return [
        tuple(value(row.get(letter), kind) for letter, kind in zip(head, columns.values(), strict=True))
        for row in body
    ]


READERS: dict[str, Callable[[Path, Mapping[str, str]], list[Row]]] = {
    "csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet, "xlsx": read_xlsx,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("record", [Filing, FactSeries, Listing])
def test_what_is_read_back_is_what_is_stored(
    held: Database, tmp_path: Path, form: str, record: type[Record]
) -> None:
    table = table_of(record)
    columns = {column.name: column.kind for column in table.shown}
    query = f"SELECT {', '.join(columns)} FROM {table.name} ORDER BY {', '.join(table.key)}"
    expected = held.store.sql(query)[1]
    if "symbol" not in columns:
        symbols = {1: "ONE", 2: "TWO"}
        expected = [(symbols.get(row[list(columns).index("cik")]), *row) for row in expected]
        columns = {"symbol": "text", **columns}
    found = READERS[form](write(held, table.name, form, tmp_path), {k: str(v) for k, v in columns.items()})
    if form in ("csv", "xlsx"):
        # Neither tells an empty text from null.
        expected = [tuple(None if value == "" else value for value in row) for row in expected]
        found = [tuple(None if value == "" else value for value in row) for row in found]
    if form == "xlsx":
        expected = [
            tuple(pytest.approx(v, rel=1e-15) if isinstance(v, float) else v for v in r) for r in expected
        ]
    assert found == expected


def test_a_formula_in_a_csv_is_quoted(held: Database, tmp_path: Path) -> None:
    text = write(held, "sec_filings", "csv", tmp_path).read_text("utf-8")
    for formula in ("=1+1", "+1", "-1", "@SUM(A1)"):
        assert f",'{formula}," in text


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_to_export_is_a_file_with_columns_alone(held: Database, tmp_path: Path, form: str) -> None:
    told = exporting.stream(held, exporting.Request(table="income_statements"))
    done = exporting.to_file(told, tmp_path / "out", form)
    assert (done.rows, done.size) == (0, (tmp_path / "out").stat().st_size)
    if form != "jsonl":
        assert READERS[form](tmp_path / "out", {c.name: c.kind for c in told.columns}) == []


def test_rows_are_chosen_by_company_and_by_day(held: Database) -> None:
    def rows(**chosen: Any) -> list[Row]:
        told = exporting.stream(held, exporting.Request(table="sec_filings", **chosen))
        return [row for batch in told.batches for row in batch]

    assert {row[:2] for row in rows(symbols=("one-b",))} == {("ONE", 1)}
    assert {row[0] for row in rows(symbols=("2", "ONE"))} == {"ONE", "TWO"}
    assert len(rows(scope="all")) == len(NASTY)
    days = [row[4] for row in rows(since=date(2020, 1, 3), until=date(2020, 1, 5))]
    assert sorted(days) == ["2020-01-03", "2020-01-04", "2020-01-05"]


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"table": "facts; DROP TABLE stocks"}, "is no table; choose one of api_rate_limits, balance_sheets"),
        ({"table": "sync_jobs"}, "is no table"),
        ({"table": "listings", "since": date(2024, 1, 1)}, "have no day"),
        ({"table": "edgar_index_days", "symbols": ("ONE",)}, "not of a company"),
        ({"table": "facts", "period": "annual"}, "facts has no periods"),
        ({"table": "facts", "dimension": "ARQ"}, "facts has no periods"),
        ({"table": "balance_sheets", "dimension": "ARQ", "period": "quarter"}, "leave out --period"),
        ({"table": "balance_sheets", "dimension": "ARM"}, "is no dimension; choose one of ARQ"),
        ({"table": "facts", "symbols": ("ONE",), "scope": "all"}, "exclude each other"),
        ({"table": "facts", "symbols": ("OEN",)}, "did you mean ONE"),
    ],
)
def test_what_cannot_be_exported_is_told(held: Database, chosen: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        exporting.stream(held, exporting.Request(**chosen))


@pytest.mark.parametrize(("module", "form"), [("pyarrow", "parquet"), ("xlsxwriter", "xlsx")])
def test_a_missing_library_is_named_with_its_extra(
    held: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, form: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"pip install 'evertape\[{form}\]'"):
        write(held, "facts", form, tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


# A file is whole or not there


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_there_is_left_unless_forced(held: Database, tmp_path: Path, form: str) -> None:
    target = tmp_path / "kept"
    target.write_text("mine")
    told = exporting.stream(held, exporting.Request(table="facts"))
    with pytest.raises(UserError, match="kept is there already; add --force"):
        exporting.to_file(told, target, form)
    assert target.read_text() == "mine"
    done = exporting.to_file(told, target, form, force=True)
    assert (done.rows, target.stat().st_size) == (6, done.size)
    with pytest.raises(UserError, match="is a folder"):
        exporting.to_file(told, tmp_path, form, force=True)


@pytest.mark.parametrize("form", FORMATS)
def test_a_failure_half_way_leaves_nothing(held: Database, tmp_path: Path, form: str) -> None:
    told = exporting.stream(held, exporting.Request(table="facts"))

    def breaks() -> Iterator[list[Row]]:
        yield from told.batches
        raise KeyboardInterrupt

    broken = exporting.Stream(table="facts", columns=told.columns, batches=breaks(), count=told.count)
    with pytest.raises(KeyboardInterrupt):
        exporting.to_file(broken, tmp_path / "half", form)
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_disk_without_room_is_one_sentence_and_leaves_nothing(
    db: Database, tmp_path: Path, form: str
) -> None:
    keep(db, Filing, [filing(n, f"name {n * 7919 % 100_003}") for n in range(8_000)])
    told = exporting.stream(db, exporting.Request(table="sec_filings"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(UserError, match="out cannot be written: File too large; free some space"):
            exporting.to_file(told, tmp_path / "out", form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_folder_that_is_not_there_is_one_sentence(held: Database, tmp_path: Path, form: str) -> None:
    told = exporting.stream(held, exporting.Request(table="facts"))
    with pytest.raises(UserError, match="nowhere does not exist; make that folder first"):
        exporting.to_file(told, tmp_path / "nowhere" / "out", form)


@pytest.mark.parametrize("place", [".", "home/evertape.db/out"])
def test_a_place_where_no_file_can_be_is_one_sentence(
    held: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = exporting.stream(held, exporting.Request(table="facts"))
    with pytest.raises(
        UserError, match=r"is a folder; name a file|evertape\.db is no folder; make that folder"
    ):
        exporting.to_file(told, Path(place), "csv")


def test_a_sheet_is_not_filled_beyond_its_end(db: Database, tmp_path: Path) -> None:
    keep(db, Filing, [filing(n) for n in range(6)])
    told = exporting.stream(db, exporting.Request(table="sec_filings"))
    with (tmp_path / "out").open("wb") as file:
        writer = XlsxWriter(file, told.columns, most=5)
        with pytest.raises(UserError, match=r"holds 5; choose --format csv or parquet"):
            writer.write(next(told.batches))
        writer.abandon()


def test_more_rows_than_a_sheet_holds_are_refused_before_anything_is_written(
    held: Database, tmp_path: Path
) -> None:
    told = exporting.stream(held, exporting.Request(table="facts"))
    many = exporting.Stream(
        table="facts", columns=told.columns, batches=told.batches, count=lambda: 1_048_576
    )
    with pytest.raises(UserError, match=r"there are 1,048,576 rows, and a sheet of xlsx holds 1,048,575"):
        exporting.to_file(many, tmp_path / "out", "xlsx")
    assert told.count() == 6


def test_a_text_longer_than_a_cell_is_refused(db: Database, tmp_path: Path) -> None:
    keep(db, Filing, [filing(1, "x" * 32_768)])
    with pytest.raises(UserError, match="company_name has a text of 32768 characters"):
        write(db, "sec_filings", "xlsx", tmp_path)


# Memory

MANY, FEW = 200_000, 40_000
"""Filings, spread over two thousand days."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Database]]:
    """Homes with as many filings as are asked for, each made once."""
    with ExitStack() as stack:

        @cache
        def with_filings(count: int) -> Database:
            home = tmp_path_factory.mktemp("large") / "home"
            made = stack.enter_context(Database(load({"EVERTAPE_HOME": str(home)})))
            for start in range(0, count, 20_000):
                keep(made, Filing, [filing(n, f"Company {n}") for n in range(start, start + 20_000)])
            return made

        yield with_filings


def exported(large: Database, tmp_path: Path, form: str, days: int, rows: int) -> int:
    """The most bytes that exporting so many days of filings ever holds."""
    first = date(2020, 1, 1)

    def export(until: date) -> exporting.Exported:
        told = exporting.stream(large, exporting.Request(table="sec_filings", until=until))
        return exporting.to_file(told, tmp_path / f"{days}-{until}", form)

    # The libraries' own modules are not the rows.
    export(first)
    tracemalloc.start()
    try:
        done = export(first + timedelta(days=days - 1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert done.rows == rows
    return peak


@pytest.mark.parametrize(("form", "days"), [("csv", 2000), ("jsonl", 2000), ("parquet", 2000), ("xlsx", 500)])
def test_memory_stays_flat_over_many_rows(
    large: Callable[[int], Database], tmp_path: Path, form: str, days: int
) -> None:
    # Writing a workbook under this measurement takes long.
    rows = FEW * days // 2000
    peak = exported(large(FEW), tmp_path, form, days, rows)
    assert peak < 10e6, f"{peak / 1e6:.1f} MB"
    if form != "xlsx":
        # A fifth of the rows of the long form: what grew there by the bound's slack would be told here.
        part = exported(large(FEW), tmp_path, form, days // 2, rows // 2)
        assert peak - part < 10 * rows, f"{part / 1e6:.1f} MB of half as many, {peak / 1e6:.1f} MB of all"


@pytest.mark.soak
@pytest.mark.parametrize(
    ("form", "days"), [("csv", 2000), ("jsonl", 2000), ("parquet", 2000), ("xlsx", 100), ("xlsx", 300)]
)
def test_memory_stays_flat_over_two_hundred_thousand_rows(
    large: Callable[[int], Database], tmp_path: Path, form: str, days: int
) -> None:
    peak = exported(large(MANY), tmp_path, form, days, MANY * days // 2000)
    assert peak < 10e6, f"{peak / 1e6:.1f} MB"


# As first reported


def test_the_first_periodic_report_of_a_period_counts() -> None:
    def said(value: float, number: int, form: str, filed: str) -> Fact:
        days = date(2024, 1, 1), date(2024, 3, 31)
        accession = f"0000000001-24-{number:06d}"
        return ("us-gaap", "Revenues", "USD", *days, value, accession, form, date.fromisoformat(filed))

    proxy, release = said(5.0, 1, "DEF 14A", "2024-04-01"), said(6.0, 2, "8-K", "2024-04-10")
    quarterly, restated = said(6.5, 3, "10-Q", "2024-04-20"), said(7.0, 4, "10-Q", "2025-04-20")
    every = [restated, quarterly, release, proxy]

    def first(facts: list[Fact]) -> list[float]:
        index = FactIndex(fold(facts), filed_of(facts), reading="first")
        return [f.value for series in index.series.values() for f in series.values()]

    assert first(every) == [6.5]
    assert first([release, proxy]) == [6.0]
    assert first([proxy]) == []
