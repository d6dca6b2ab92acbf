"""Tables to files: what is asked for, as a stream of rows, into a file that is whole or not there."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from evertape.database.survey import Selection
from evertape.database.writers import (
    FORMATS,
    MOST_XLSX_ROWS,
    TO_STDOUT,
    Writer,
    XlsxWriter,
    too_many_for_xlsx,
)
from evertape.datasets.statements import NO_TWELVE_MONTHS, STATEMENTS
from evertape.datasets.vintages import STATEMENTS as VINTAGES
from evertape.errors import UserError
from evertape.formats.xbrl import Reading
from evertape.model.records import Column, Row, Table, table_of

if TYPE_CHECKING:
    from evertape.database.facade import Database

BATCH = 5_000
"""Rows in memory at once."""
DIMENSIONS: Mapping[str, tuple[str, Reading]] = {
    "ARQ": ("quarter", "first"),
    "ARY": ("annual", "first"),
    "ART": ("ttm", "first"),
    "MRQ": ("quarter", "latest"),
    "MRY": ("annual", "latest"),
    "MRT": ("ttm", "latest"),
}
"""As first reported and most recently reported; quarter, year, twelve months. Sharadar's names.

Of balance sheets, those of twelve months are the ones of the day on which they end.
"""
_SYMBOL = Column(
    name="symbol", kind="text", nullable=True, doc="the company's largest listing; null for none"
)
_DAYS = ("report_date", "filed_date")
_STATEMENT_OF = {table_of(record).name: name for name, record in STATEMENTS.items()}
_SHEETS = table_of(STATEMENTS["balance"]).name
_MOMENTARY = (_SHEETS, table_of(VINTAGES["balance"]).name)
_INSTEAD = {_SHEETS: ", or --dimension MRT for the sheets of the days on which they end"}
_TWELVE_MONTHS = "ttm"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be exported.

    Attributes:
        since, until: by report date, else by filing date, else by the table's own day; both included.
        dimension: one of `DIMENSIONS`, of statements; in any case.
    """

    table: str
    symbols: tuple[str, ...] = ()
    scope: str | None = None
    since: date | None = None
    until: date | None = None
    period: str | None = None
    dimension: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Rows to come, in the order of the table's key.

    Attributes:
        columns: the table's, `symbol` first where rows are of a company and do not name one.
        count: how many rows there will be; None where that shows only at the end.
    """

    table: str
    columns: tuple[Column, ...]
    batches: Iterator[list[Row]]
    count: Callable[[], int | None]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A file that was written. `size` is in bytes."""

    table: str
    format: str
    path: str
    rows: int
    size: int


def stream(db: Database, asked: Request) -> Stream:
    """The rows asked for.

    Raises:
        UserError: no such table, symbol or scope, or the table has not what is selected by.
    """
    table = _table(db, asked.table)
    period, reading = _period(table, asked)
    at_ends = table.name == _SHEETS and period == _TWELVE_MONTHS
    period = None if at_ends else period
    day = _day(table, asked)
    ciks = _companies(db, table, asked)
    if reading == "first":
        batches = _first_reported(db, table, period, ciks, lambda at: _within(asked, at))
        found = Stream(table=table.name, columns=table.shown, batches=batches, count=lambda: None)
    else:
        where, parameters = _where({"period_type": period, "cik": ciks}, day, asked)
        found = _stored(db, table, where, parameters)
    found = _at_ends(found) if at_ends else found
    return _with_symbols(db, found) if _is_unnamed(table) else found


def _table(db: Database, name: str) -> Table:
    tables = {table.name: table for table in map(table_of, db.catalog.records)}
    if name not in tables:
        raise UserError(f"{name} is no table; choose one of {', '.join(sorted(tables))}")
    return tables[name]


def _period(table: Table, asked: Request) -> tuple[str | None, Reading]:
    """The period type and the reading that are meant."""
    if asked.period is None and asked.dimension is None:
        return None, "latest"
    if "period_type" not in table.names or (asked.dimension and table.name not in _STATEMENT_OF):
        raise UserError(f"{table.name} has no periods; leave out --period and --dimension")
    if asked.period and asked.dimension:
        raise UserError("--dimension says which period is meant; leave out --period")
    if asked.dimension is None:
        if table.name in _MOMENTARY and asked.period == _TWELVE_MONTHS:
            raise UserError(f"{NO_TWELVE_MONTHS}{_INSTEAD.get(table.name, '')}")
        return asked.period, "latest"
    if asked.dimension.upper() not in DIMENSIONS:
        raise UserError(f"{asked.dimension} is no dimension; choose one of {', '.join(DIMENSIONS)}")
    return DIMENSIONS[asked.dimension.upper()]


def _day(table: Table, asked: Request) -> str | None:
    """The column that --since and --until are about."""
    if asked.since is None and asked.until is None:
        return None
    dates = [c.name for c in table.shown if c.kind == "date" and (table.packed or not c.nullable)]
    named = [name for name in (*_DAYS, *dates) if name in dates]
    if not named:
        raise UserError(f"rows of {table.name} have no day; leave out --since and --until")
    return named[0]


def _companies(db: Database, table: Table, asked: Request) -> list[int] | None:
    """CIKs in order; None for every row there is."""
    if not asked.symbols and asked.scope is None:
        return None
    if asked.symbols and asked.scope:
        raise UserError("--symbols and --scope exclude each other; give one")
    if "cik" not in table.names:
        raise UserError(f"rows of {table.name} are not of a company; leave out --symbols and --scope")
    chosen = db.survey.asked(Selection(symbols=asked.symbols, scope=asked.scope))
    return sorted(int(cik) for cik in chosen.companies)


def _where(equal: Mapping[str, Any], day: str | None, asked: Request) -> tuple[str, list[Any]]:
    """Conditions with their parameters; only names of the catalogue stand in the text."""
    parts: list[str] = []
    parameters: list[Any] = []
    for name, value in equal.items():
        if isinstance(value, list):
            parts.append(f"{name} IN ({', '.join('?' * len(value))})")
            parameters += value
        elif value is not None:
            parts.append(f"{name} = ?")
            parameters.append(value)
    for sign, bound in ((">=", asked.since), ("<=", asked.until)):
        if bound is not None:
            parts.append(f"{day} {sign} ?")
            parameters.append(bound.isoformat())
    return (" WHERE " + " AND ".join(parts) if parts else ""), parameters


def _stored(db: Database, table: Table, where: str, parameters: Sequence[Any]) -> Stream:
    # A compact table is kept in the order of its codes: sorting by its texts would first read all of it.
    order = table.key[:1] if table.compact else table.key
    names = ", ".join(column.name for column in table.shown)
    query = f"SELECT {names} FROM {table.name}{where} ORDER BY {', '.join(order)}"  # noqa: S608

    def count() -> int:
        _, rows = db.store.sql(f"SELECT COUNT(*) FROM {table.name}{where}", parameters)  # noqa: S608
        return int(rows[0][0])

    batches = db.store.rows(query, parameters, BATCH)
    return Stream(table=table.name, columns=table.shown, batches=batches, count=count)


def _first_reported(
    db: Database,
    table: Table,
    period: str | None,
    ciks: Sequence[int] | None,
    within: Callable[[str], bool],
) -> Iterator[list[Row]]:
    """Statements as first reported, computed company by company from its facts."""
    held = sorted(map(int, db.store.holdings("facts"))) if ciks is None else ciks
    for cik in held:
        names, rows = db.statement_rows(
            str(cik), statement=_STATEMENT_OF[table.name], period=period, reading="first"
        )
        at = [names.index(name) for name in table.names]
        day, kind = names.index("report_date"), names.index("period_type")
        rows.sort(key=itemgetter(day, kind))
        kept = [tuple(row[i] for i in at) for row in rows if within(row[day])]
        if kept:
            yield kept


def _at_ends(told: Stream) -> Stream:
    """Balance sheets as those of the twelve months that end with them, one a day: the year's, else the
    quarter's, as statements of flows have it. Rows of a company are by report date and period type."""
    names = [column.name for column in told.columns]
    key, kind = itemgetter(names.index("cik"), names.index("report_date")), names.index("period_type")

    def batches() -> Iterator[list[Row]]:
        last = None
        for rows in told.batches:
            kept = []
            for row in rows:
                if key(row) != last:
                    kept.append((*row[:kind], _TWELVE_MONTHS, *row[kind + 1 :]))
                last = key(row)
            yield kept

    return dataclasses.replace(told, batches=batches(), count=lambda: None)


def _within(asked: Request, day: str) -> bool:
    after = asked.since is None or day >= asked.since.isoformat()
    return after and (asked.until is None or day <= asked.until.isoformat())


def _is_unnamed(table: Table) -> bool:
    return "cik" in table.names and "symbol" not in table.names


def _with_symbols(db: Database, told: Stream) -> Stream:
    symbols = {cik: symbol for symbol, cik in reversed(db.survey.listings())}
    at = [column.name for column in told.columns].index("cik")
    return Stream(
        table=told.table,
        columns=(_SYMBOL, *told.columns),
        batches=([(symbols.get(row[at]), *row) for row in rows] for rows in told.batches),
        count=told.count,
    )


def to_open_file(told: Stream, file: BinaryIO, form: str) -> int:
    """Write a stream as CSV or JSON lines to what is open already; returns how many rows there were.

    Raises:
        UserError: it cannot be written. BrokenPipeError: nobody reads it any more.
    """
    try:
        rows = _copy(told, FORMATS[form](file, told.columns))
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(
            f"the output cannot be written: {error.strerror or error}; {_cure(error)}choose --out"
        ) from error
    return rows


def to_file(told: Stream, target: Path, form: str, *, force: bool = False) -> Exported:
    """Write a stream to a temporary name beside the target, and move it there when it is whole.

    Raises:
        UserError: the file is there and `force` is not given, its folder is not, it cannot be written,
            or a library of an extra is missing.
    """
    partial = target.parent / f".{target.name}.{os.getpid()}.partial"
    try:
        _refuse_existing(target, force)
        if form == "xlsx":
            count = told.count()
            if count is not None and count > MOST_XLSX_ROWS:
                raise too_many_for_xlsx(count, MOST_XLSX_ROWS)
        with partial.open("xb") as file:
            rows = _copy(told, _writer(file, told, form, target))
            file.flush()
            os.fsync(file.fileno())
        _refuse_existing(target, force)
        partial.replace(target)
    except OSError as error:
        raise UserError(
            f"{target} cannot be written: {error.strerror or error}; {_cure(error)}choose another --out"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return Exported(table=told.table, format=form, path=str(target), rows=rows, size=target.stat().st_size)


def _cure(error: OSError) -> str:
    """What else helps where a file could not be written."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "give yourself the right to write there or "
    return "free some space or " if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else ""


def _writer(file: BinaryIO, told: Stream, form: str, target: Path) -> Writer:
    if form == "xlsx":
        return XlsxWriter(file, told.columns, folder=str(target.parent))
    return FORMATS[form](file, told.columns)


def _copy(told: Stream, writer: Writer) -> int:
    rows = 0
    try:
        for batch in told.batches:
            writer.write(batch)
            rows += len(batch)
    except BaseException:
        writer.abandon()
        raise
    writer.close()
    return rows


def _refuse_existing(target: Path, force: bool) -> None:
    if target.is_dir():
        raise UserError(f"{target} is a folder; name a file in it with --out")
    if target.exists() and not force:
        raise UserError(f"{target} is there already; add --force to replace it, or choose another --out")
    if not target.parent.is_dir():
        there = "is no folder" if target.parent.exists() else "does not exist"
        raise UserError(f"{target.parent} {there}; make that folder first, or choose another --out")


__all__ = ["DIMENSIONS", "TO_STDOUT", "Exported", "Request", "Stream", "stream", "to_file", "to_open_file"]
