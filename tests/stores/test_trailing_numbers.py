"""Tables that end in nullable numbers, as statements do: these columns are checked and bound together."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.model.records import Batch, Record, Row, column, table_of
from evertape.model.store import Commit
from evertape.stores.coding import encode_rows
from evertape.stores.sqlite import SqliteStore

AT = datetime(2024, 2, 3, tzinfo=UTC)


class Sheet(Record):
    """Some texts and days, then numbers."""

    table = "sheets"
    key = ("cik", "day")

    cik: int = column("an integer")
    day: date = column("a day")
    form: str | None = column("a text, or nothing")
    cash: float | None = column("a number", unit="currency")
    debt: float | None = column("a number", unit="currency", keep=True)
    shares: float | None = column("a number", unit="shares")


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
SHEETS = st.tuples(
    st.integers(0, 50), st.dates(), st.none() | st.text("ab", max_size=2), *[st.none() | NUMBERS] * 3
)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    """An empty store of sheets."""
    store = SqliteStore(tmp_path / "sheets.db")
    store.migrate((Sheet,))
    return store


def put(store: SqliteStore, *rows: Row) -> int:
    """Commit rows."""
    return store.commit(Commit(at=AT, batches=(Batch(record=Sheet, rows=rows),)))


def sheet(*numbers: Any) -> Row:
    """A row of three numbers."""
    return (1, date(2024, 1, 1), None, *numbers)


@given(st.lists(SHEETS, min_size=1, max_size=200, unique_by=lambda row: row[:2]))
def test_rows_come_back_as_they_went_in(rows: list[Row]) -> None:
    encoded = encode_rows(table_of(Sheet), rows, {})
    expected = [(cik, day.isoformat(), *rest) for cik, day, *rest in rows]
    back = [tuple(None if cell != cell else cell for cell in row) for row in encoded]
    assert back == expected


@pytest.mark.parametrize("count", [1, 2, 85, 86, 200])
def test_nulls_among_numbers_are_stored_as_nulls(store: SqliteStore, count: int) -> None:
    rows = [(n, date(2024, 1, 1), None, float(n) if n % 3 else None, None, n / 7) for n in range(count)]
    assert put(store, *rows) == count
    assert store.read(Sheet) == rows
    assert store.sql("SELECT DISTINCT typeof(debt) FROM sheets")[1] == [("null",)]
    assert put(store, *rows) == 0


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 2**53 + 1, -(2**60), True, False, "7", "", b""])
@pytest.mark.parametrize("beside", [1.5, None, 3])
def test_what_is_no_number_is_refused_by_its_column(store: SqliteStore, odd: Any, beside: Any) -> None:
    with pytest.raises(ValueError, match=r"sheets\.debt"):
        put(store, sheet(beside, 1.0, None), (2, date(2024, 1, 1), None, beside, odd, None))
    assert store.read(Sheet) == []


def test_numbers_whose_sum_is_not_finite_are_stored(store: SqliteStore) -> None:
    most = 1.7976931348623157e308
    put(store, sheet(most, most, None))
    assert store.read(Sheet, ("cash", "debt", "shares")) == [(most, most, None)]


def test_integers_among_numbers_are_stored_exactly(store: SqliteStore) -> None:
    put(store, sheet(2**53, None, -0.0))
    assert store.read(Sheet, ("cash", "debt", "shares")) == [(2.0**53, None, 0.0)]


def test_a_null_replaces_a_number_but_in_a_kept_column(store: SqliteStore) -> None:
    put(store, sheet(1.0, 2.0, 3.0))
    assert put(store, sheet(1.0, None, 3.0)) == 0
    assert put(store, sheet(None, None, 3.0)) == 1
    assert store.read(Sheet, ("cash", "debt", "shares")) == [(None, 2.0, 3.0)]


@pytest.mark.parametrize("rows", [[sheet(1.0, 2.0)], [sheet(1.0, 2.0, 3.0), sheet(1.0, 2.0)]])
def test_a_row_of_another_length_is_refused(store: SqliteStore, rows: list[Row]) -> None:
    with pytest.raises(ValueError, match="sheets: "):
        put(store, *rows)
