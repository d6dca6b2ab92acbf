"""Rows of a commit, inside its transaction: in, stamped absent, deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from evertape.clock import new_york_date
from evertape.model.records import Batch, Record, Row, Table, Truth, table_of
from evertape.model.store import Commit
from evertape.stores import schema
from evertape.stores.coding import encode_rows, encode_values
from evertape.stores.schema import SQLITE
from evertape.stores.sqlite_codes import Codes

CELLS = 512
"""Of a statement, where there are so many. One short row alone costs a quarter more, and between statements
other threads take the interpreter; to prepare a longer statement costs more than it saves."""


@dataclass(frozen=True, kw_only=True)
class _Coded:
    """A batch as it is stored."""

    record: type[Record]
    rows: Sequence[Row]

    @property
    def table(self) -> Table:
        return table_of(self.record)


class _Given(dict[str, set[Row]]):
    """Keys of a commit's rows by table, made when they are asked for: where nothing was held, nobody asks."""

    def __init__(self, batches: Sequence[_Coded]) -> None:
        super().__init__()
        self._batches = batches

    def __missing__(self, name: str) -> set[Row]:
        keys = self[name] = set()
        for batch in self._batches:
            if batch.table.name == name:
                positions = [batch.table.position(column) for column in batch.table.key]
                keys.update(zip(*(map(itemgetter(at), batch.rows) for at in positions), strict=True))
        return keys


def write_rows(writer: sqlite3.Connection, codes: Codes, commit: Commit) -> int:
    """Write batches, truths and deletions; returns how many rows were new, differed or were stamped.

    Raises:
        ValueError: a row does not fit its record type, or a truth's table has no absent column.
    """
    coded = [_coded(writer, codes, batch) for batch in _by_record(commit.batches)]
    given = _Given(coded)
    packed = [truth for truth in commit.truths if truth.record.packed]
    named = {batch.table.name for batch in coded}
    emptied = [_Coded(record=t.record, rows=()) for t in packed if t.record.table not in named]
    coded = [_merged(writer, batch, packed, commit.at) for batch in _joined((*coded, *emptied))]
    # What was held is read before the new rows come, so that a first answer costs no comparison.
    plain = [truth for truth in commit.truths if not truth.record.packed]
    missing = [_missing(writer, truth, given) for truth in plain]
    gone = [_less(_held(writer, truth), truth, given) for truth in commit.replaced]
    changed = 0
    for batch in coded:
        changed += _upsert(writer, batch)
    for truth, keys in zip(plain, missing, strict=True):
        changed += _stamp(writer, truth, commit.at, keys) + _unstamp(writer, truth, given)
    for truth, keys in zip(commit.replaced, gone, strict=True):
        _delete(writer, truth, keys)
    return changed


def _upsert(writer: sqlite3.Connection, batch: _Coded) -> int:
    """Write rows; returns how many were new or differed."""
    rows = batch.rows
    together = max(1, CELLS // len(batch.table.columns))
    whole = len(rows) - len(rows) % together
    changed = 0
    if whole:
        parts = (_flat(rows[at : at + together]) for at in range(0, whole, together))
        changed = writer.executemany(_statement(batch.record, together), parts).rowcount
    if whole < len(rows):
        changed += writer.executemany(_statement(batch.record, 1), rows[whole:]).rowcount
    return changed


_STATEMENTS: dict[tuple[type[Record], int], str] = {}


def _statement(record: type[Record], rows: int) -> str:
    if (record, rows) not in _STATEMENTS:
        _STATEMENTS[record, rows] = schema.upsert(table_of(record), SQLITE, rows)
    return _STATEMENTS[record, rows]


def _flat(rows: Sequence[Row]) -> list[Any]:
    cells: list[Any] = []
    for row in rows:
        cells += row
    return cells


def _by_record(batches: Sequence[Batch]) -> list[Batch]:
    """One batch a record type: a truth sees all that is given of its table, and a column is coded once."""
    rows: dict[type[Record], list[Row]] = {}
    for batch in batches:
        if batch.rows:
            rows.setdefault(batch.record, []).extend(batch.rows)
    return [Batch(record=record, rows=given) for record, given in rows.items()]


def _coded(writer: sqlite3.Connection, codes: Codes, batch: Batch) -> _Coded:
    table = table_of(batch.record)
    rows = encode_rows(table, batch.rows, codes.numbers(writer, table, batch))
    return _Coded(record=batch.record, rows=rows)


def _joined(batches: Sequence[_Coded]) -> list[_Coded]:
    """Batches of a packed table as one: to the truths of a commit a row of any of them is there."""
    joined = [batch for batch in batches if batch.table.packed is None]
    of: dict[str, list[_Coded]] = {}
    for batch in batches:
        if batch.table.packed is not None:
            of.setdefault(batch.table.name, []).append(batch)
    for first, *others in of.values():
        rows = [*first.rows, *(row for batch in others for row in batch.rows)] if others else first.rows
        joined.append(_Coded(record=first.record, rows=rows))
    return joined


def _merged(writer: sqlite3.Connection, batch: _Coded, truths: Sequence[Truth], at: datetime) -> _Coded:
    """A batch of a packed table with what is held under its whole truth merged in."""
    table = batch.table
    packed = table.packed
    held: dict[Row, str] = {}
    for truth in truths:
        if packed and table_of(truth.record) is table:
            clause, parameters = schema.where(table, truth.where, SQLITE)
            names = ", ".join((*table.key, packed.column))
            query = f"SELECT {names} FROM {schema.stored_name(table)}{clause}"  # noqa: S608
            held.update((row[:-1], row[-1]) for row in writer.execute(query, parameters))
    if packed is None or not held:
        return batch
    day = new_york_date(at)
    keys = [table.position(name) for name in table.key]
    at_packed = table.position(packed.column)
    rows: list[Row] = []
    for row in batch.rows:
        old = held.pop(tuple(row[k] for k in keys), None)
        text = row[at_packed]
        merged = text if old is None or old == text else packed.merge(old, text, day)
        rows.append((*row[:at_packed], merged, *row[at_packed + 1 :]))
    for key, old in held.items():
        gone: list[Any] = [None] * len(table.columns)
        for position, value in zip(keys, key, strict=True):
            gone[position] = value
        gone[at_packed] = packed.merge(old, None, day)
        rows.append(tuple(gone))
    return _Coded(record=batch.record, rows=rows)


def _missing(writer: sqlite3.Connection, truth: Truth, given: _Given) -> set[Row]:
    """Keys of rows held and not stamped that the whole truth omits."""
    return _less(_held(writer, truth, f"{_absent(truth)} IS NULL"), truth, given)


def _less(held: set[Row], truth: Truth, given: _Given) -> set[Row]:
    return held - given[truth.record.table] if held else held


def _stamp(writer: sqlite3.Connection, truth: Truth, at: datetime, keys: set[Row]) -> int:
    table = table_of(truth.record)
    column = table.columns[table.position(_absent(truth))]
    (stamp,) = encode_values(table, column, (new_york_date(at) if column.kind == "date" else at,), {})
    _update(writer, truth, [(stamp, *key) for key in keys])
    return len(keys)


def _unstamp(writer: sqlite3.Connection, truth: Truth, given: _Given) -> int:
    stamped = _held(writer, truth, f"{_absent(truth)} IS NOT NULL")
    back = stamped & given[truth.record.table] if stamped else stamped
    _update(writer, truth, [(None, *key) for key in back])
    return len(back)


def _update(writer: sqlite3.Connection, truth: Truth, stamps: Sequence[Row]) -> None:
    table = table_of(truth.record)
    update = f"UPDATE {schema.stored_name(table)} SET {_absent(truth)} = ? WHERE {_match(table)}"  # noqa: S608
    writer.executemany(update, stamps)


def _delete(writer: sqlite3.Connection, truth: Truth, keys: set[Row]) -> None:
    """Delete rows of a derived table."""
    table = table_of(truth.record)
    delete = f"DELETE FROM {schema.stored_name(table)} WHERE {_match(table)}"  # noqa: S608
    writer.executemany(delete, keys)


def _absent(truth: Truth) -> str:
    if truth.record.absent is None:
        raise ValueError(f"{truth.record.table} has no column that says a row is absent")
    return truth.record.absent


def _held(writer: sqlite3.Connection, truth: Truth, also: str = "1") -> set[Row]:
    """Stored keys under a truth's conditions."""
    table = table_of(truth.record)
    clause, parameters = schema.where(table, truth.where, SQLITE)
    query = f"SELECT {', '.join(table.key)} FROM {schema.stored_name(table)}{clause or ' WHERE 1'} AND {also}"  # noqa: S608
    return set(writer.execute(query, parameters).fetchall())


def _match(table: Table) -> str:
    return " AND ".join(f"{name} = ?" for name in table.key)
