"""Rows to a file, a batch at a time: CSV, JSON lines, Parquet, XLSX. None keeps what it has written."""

from __future__ import annotations

import csv
import importlib
import io
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any, BinaryIO, Protocol

import msgspec

from evertape.errors import UserError
from evertape.formats.spreadsheet import cell
from evertape.model.records import Column, Kind, Row

ROW_GROUP = 100_000
"""Rows of a Parquet row group: columns compress and are skipped by it."""
MOST_XLSX_ROWS = 1_048_575
"""Rows that a sheet holds below its header."""
LONGEST_XLSX_TEXT = 32_767


class Writer(Protocol):
    """A file being written. Rows are as stored: ISO texts for dates, 0 and 1 for booleans."""

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""

    def close(self) -> None:
        """Write what is still held. The file itself stays open."""

    def abandon(self) -> None:
        """Let go of everything after a failure; the file is not whole."""


class CsvWriter:
    """CSV in UTF-8, a header line first; null is empty, and formulas are quoted."""

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._file = file
        self._put([[column.name for column in columns]])

    def _put(self, rows: Iterable[Iterable[object]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue().encode())

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        self._put([cell(value) for value in row] for row in rows)

    def close(self) -> None:
        """Nothing is held."""

    abandon = close


class JsonLinesWriter:
    """One JSON object a line, in UTF-8."""

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._file = file
        self._names = [column.name for column in columns]
        self._booleans = [at for at, column in enumerate(columns) if column.kind == "boolean"]
        self._encoder = msgspec.json.Encoder()

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        told = [dict(zip(self._names, row, strict=True)) for row in rows]
        for at in self._booleans:
            name = self._names[at]
            for one in told:
                one[name] = _boolean(one[name])
        self._file.write(self._encoder.encode_lines(told))

    def close(self) -> None:
        """Nothing is held."""

    abandon = close


class ParquetWriter:
    """Parquet with typed columns: dates as days, instants as UTC milliseconds.

    Raises:
        UserError: pyarrow is not installed.
    """

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._arrow = _needed("pyarrow", "parquet")
        parquet = _needed("pyarrow.parquet", "parquet")
        self._columns = columns
        self._schema = self._arrow.schema(
            [
                self._arrow.field(
                    column.name, self._type(column.kind), metadata={"doc": column.doc, "unit": column.unit}
                )
                for column in columns
            ]
        )
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._held: list[Any] = []
        self._rows = 0

    def _type(self, kind: Kind) -> Any:
        arrow = self._arrow
        types: Mapping[Kind, Any] = {
            "integer": arrow.int64(),
            "real": arrow.float64(),
            "boolean": arrow.bool_(),
            "date": arrow.date32(),
            "instant": arrow.timestamp("ms", tz="UTC"),
        }
        return types.get(kind, arrow.string())

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows; they are held column by column until a row group is full."""
        arrays = [
            self._arrow.array(_typed(column.kind, values), type=field.type)
            for column, field, values in zip(
                self._columns, self._schema, zip(*rows, strict=True), strict=True
            )
        ]
        self._held.append(self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows += len(rows)
        if self._rows >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            table = self._arrow.Table.from_batches(self._held)
            self._held, self._rows = [], 0
            self._writer.write_table(table, row_group_size=ROW_GROUP)

    def close(self) -> None:
        """Write what is still held, and the footer."""
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Nothing to let go of: the file is the caller's."""
        self._writer.is_open = False


class XlsxWriter:
    """A workbook of one sheet, its header frozen; dates and instants (UTC) are real dates.

    Excel keeps 15 to 16 digits of a number.

    Raises:
        UserError: the library is not installed, a sheet is full, or a text is longer than a cell holds.
    """

    def __init__(
        self,
        file: BinaryIO,
        columns: Sequence[Column],
        *,
        most: int = MOST_XLSX_ROWS,
        folder: str | None = None,
    ) -> None:
        library = _needed("xlsxwriter", "xlsx")
        self._failed: type[Exception] = _needed("xlsxwriter.exceptions", "xlsx").FileCreateError
        self._most = most
        self._columns = columns
        # Rows wait in a file until the workbook is put together; beside the target there is room for them.
        self._folder = tempfile.TemporaryDirectory(prefix=".evertape-xlsx-", dir=folder)
        options = {"constant_memory": True, "tmpdir": self._folder.name, "default_date_format": "yyyy-mm-dd"}
        self._book = library.Workbook(file, options)
        self._book.use_zip64()
        self._sheet = self._book.add_worksheet()
        self._instant = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._sheet.freeze_panes(1, 0)
        for at, column in enumerate(columns):
            self._sheet.write_string(0, at, column.name)
        self._put = [self._cell_writer(column.kind) for column in columns]
        self._rows = 0

    def _cell_writer(self, kind: Kind) -> Callable[[int, int, Any], None]:
        if kind in ("integer", "real"):
            return self._put_number
        if kind == "boolean":
            return self._put_boolean
        if kind in ("date", "instant"):
            return self._put_moment
        return self._put_text

    def _put_number(self, row: int, at: int, value: float) -> None:
        self._sheet.write_number(row, at, value)

    def _put_boolean(self, row: int, at: int, value: int) -> None:
        self._sheet.write_boolean(row, at, bool(value))

    def _put_moment(self, row: int, at: int, value: str) -> None:
        """A date as such; as text where it is before 1900, from which Excel counts."""
        moment = datetime.fromisoformat(value)
        if moment.year < 1900:
            self._sheet.write_string(row, at, value)
        elif moment.tzinfo is None:
            self._sheet.write_datetime(row, at, moment.date())
        else:
            naive = moment.astimezone(UTC).replace(tzinfo=None)
            self._sheet.write_datetime(row, at, naive, self._instant)

    def _put_text(self, row: int, at: int, value: str) -> None:
        if len(value) > LONGEST_XLSX_TEXT:
            raise UserError(
                f"{self._columns[at].name} has a text of {len(value)} characters, and a cell of xlsx holds "
                f"{LONGEST_XLSX_TEXT}; choose --format csv or parquet"
            )
        self._sheet.write_string(row, at, value)

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        if self._rows + len(rows) > self._most:
            raise too_many_for_xlsx(self._rows + len(rows), self._most, "at least ")
        for row in rows:
            self._rows += 1
            for at, value in enumerate(row):
                if value is not None:
                    self._put[at](self._rows, at, value)

    def close(self) -> None:
        """Put the workbook together."""
        try:
            self._book.close()
        except self._failed as error:
            self.abandon()
            raise error.args[0] from error
        self._folder.cleanup()

    def abandon(self) -> None:
        """Close and remove what waits to be put together."""
        self._sheet.row_data_fh.close()
        self._folder.cleanup()


def too_many_for_xlsx(rows: int, most: int, about: str = "") -> UserError:
    """The sentence for more rows than a sheet holds."""
    return UserError(
        f"there are {about}{rows:,} rows, and a sheet of xlsx holds {most:,}; "
        "choose --format csv or parquet, or fewer companies or days"
    )


FORMATS: Mapping[str, Callable[..., Writer]] = {
    "csv": CsvWriter,
    "parquet": ParquetWriter,
    "jsonl": JsonLinesWriter,
    "xlsx": XlsxWriter,
}
TO_STDOUT = frozenset({"csv", "jsonl"})
"""Formats that can be written to what cannot be rewound."""


def _needed(module: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UserError(
            f"--format {extra} needs a library that is not installed; run: pip install 'evertape[{extra}]'"
        ) from None


def _boolean(value: Any) -> bool | None:
    return None if value is None else bool(value)


def _typed(kind: Kind, values: Sequence[Any]) -> Sequence[Any]:
    """A column's values as Python values of its kind."""
    if kind == "boolean":
        return [_boolean(value) for value in values]
    if kind == "date":
        return [None if value is None else date.fromisoformat(value) for value in values]
    if kind == "instant":
        return [None if value is None else datetime.fromisoformat(value) for value in values]
    return values
