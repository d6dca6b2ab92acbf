"""The store in one SQLite file: rows, coverage, jobs."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from evertape.clock import Clock
from evertape.errors import UserError
from evertape.model.records import Condition, Record, Row, table_of
from evertape.model.store import Commit
from evertape.model.unit import Holding, Outcome, Span, Unit
from evertape.stores import schema
from evertape.stores.coding import decode_rows, instant_of, instant_text
from evertape.stores.schema import SQLITE
from evertape.stores.sqlite_codes import Codes
from evertape.stores.sqlite_file import is_fatal
from evertape.stores.sqlite_jobs import SqliteJobs, write_items
from evertape.stores.sqlite_migrate import Target, check_version, migrate
from evertape.stores.sqlite_rows import write_rows

_HOLDING = (
    "dataset", "key", "extent", "span_from", "span_to", "outcome", "checked_at", "source", "version",
    "strikes", "not_before", "size", "mark", "note",
)  # fmt: skip
_UPSERT_HOLDING = (
    f"INSERT OR REPLACE INTO holdings ({', '.join(_HOLDING)}) VALUES ({', '.join('?' * len(_HOLDING))})"  # noqa: S608
)
_READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_LOOKS = {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "database_list"}


class SqliteStore(SqliteJobs):
    """A `Store` in one SQLite file, in WAL mode: many readers, one writer at a time.

    Args:
        path: the file; its folder is made (mode 0700) where it is missing.
        clock: names backups and dates migrations.
        trace: sees every statement of the writing connection before it runs.
        read_only: nothing is written or created; UserError where there is no database.
        pragmas: further settings of the writing connection.

    Raises:
        StoreError: the file cannot be used; the message says why and what to do.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        trace: Callable[[str], None] | None = None,
        read_only: bool = False,
        pragmas: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(path, clock=clock, trace=trace, read_only=read_only, pragmas=pragmas)
        self._ids = Codes()
        self._texts = Codes()
        if read_only:
            with self.reading() as reader:
                if not check_version(self, reader, max(Target(tables=()).scripts)):
                    raise UserError(f"no database at {self.path} yet; run: evertape refresh financials")

    def migrate(
        self,
        records: Sequence[type[Record]],
        *,
        rebuildable: Collection[str] = (),
        migrations: Traversable | None = None,
    ) -> Sequence[str]:
        """Bring the tables to what the record types declare, after a backup where anything is changed.

        Args:
            rebuildable: derived tables, emptied where their columns changed.
            migrations: another folder of numbered SQL files than the package's own.

        Raises:
            SchemaMismatch: the database is newer, or a table changed in a way that needs a number.
            StoreError: the file is damaged, full or not writable.
        """
        tables = [table_of(record) for record in records]
        target = Target(tables=tables, rebuildable=rebuildable, migrations=migrations)
        return migrate(self, target)

    def commit(self, commit: Commit) -> int:
        """Write all of it or nothing; returns how many rows were inserted, changed or stamped.

        Raises:
            ValueError: a row does not fit its record type. StoreError: the database refused.
        """
        holdings = [_holding_row(holding) for holding in commit.holdings]
        # Texts numbered in a commit that fails, even at its COMMIT, are forgotten before the lock opens.
        with self._lock, self._ids.restored_on_failure(), self.writing() as writer:
            self._ids.texts(writer)
            changed = write_rows(writer, self._ids, commit)
            writer.executemany(_UPSERT_HOLDING, holdings)
            write_items(writer, commit.items)
        return changed

    def read(
        self, record: type[Record], columns: Sequence[str] = (), where: Sequence[Condition] = ()
    ) -> list[Row]:
        """Rows in key order (nulls first), Python values; all columns where none is named.

        Raises:
            ValueError: a column is unknown or a condition's value does not fit it.
        """
        table = table_of(record)
        names = tuple(columns) or table.names
        query, parameters = schema.select(table, names, where, SQLITE)
        chosen = [table.columns[table.position(name)] for name in names]
        with self.reading() as reader:
            rows = reader.execute(query, parameters).fetchall()
            # Texts are read after the rows, so that none of theirs is missing.
            coded = table.compact and any(column.kind == "coded" for column in chosen)
            texts = self._texts.texts(reader) if coded and rows else {}
        return decode_rows(table, chosen, rows, texts)

    def count(
        self, record: type[Record], by: Sequence[str], counting: str, where: Sequence[Condition] = ()
    ) -> list[Row]:
        """How many different values a column has for each combination of the columns `by`.

        Raises:
            ValueError: a column is unknown, or stored as a code.
        """
        table = table_of(record)
        chosen = [table.columns[table.position(name)] for name in by]
        if any(column.kind == "coded" for column in chosen):
            raise ValueError(f"{table.name} is not counted by a coded column")
        names = ", ".join(by)
        clause, parameters = schema.where(table, where, SQLITE)
        counted = table.columns[table.position(counting)].name
        query = (
            f"SELECT {names}, COUNT(DISTINCT {counted}) FROM {schema.stored_name(table)}{clause} "  # noqa: S608
            f"GROUP BY {names} ORDER BY {names}"
        )
        with self.reading() as reader:
            rows = reader.execute(query, parameters).fetchall()
        values = decode_rows(table, chosen, [row[:-1] for row in rows], {})
        return [(*value, row[-1]) for value, row in zip(values, rows, strict=True)]

    def holdings(self, dataset: str, keys: Collection[str] | None = None) -> Mapping[str, Holding]:
        """Coverage by key; where a key has several extents, of the one looked at last, with the others beside
        it."""
        query = f"SELECT {', '.join(_HOLDING)} FROM holdings WHERE dataset = ?"  # noqa: S608
        parameters = [dataset]
        if keys is not None:
            query += " AND key IN (SELECT value FROM json_each(?))"
            parameters.append(json.dumps(list(keys)))
        with self.reading() as reader:
            rows = reader.execute(f"{query} ORDER BY key, checked_at", parameters).fetchall()
        found: dict[str, Holding] = {}
        for holding in map(_holding_of, rows):
            before = found.get(holding.unit.key)
            beside = () if before is None else (replace(before, beside=()), *before.beside)
            found[holding.unit.key] = replace(holding, beside=beside) if beside else holding
        return found

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> tuple[tuple[str, ...], list[Row]]:
        """Column names and rows of one SELECT.

        Raises:
            UserError: the query is wrong or would write, with SQLite's message.
        """
        with self._asked(query, parameters) as cursor:
            return tuple(column[0] for column in cursor.description or ()), cursor.fetchall()

    def rows(self, query: str, parameters: Sequence[Any] = (), batch: int = 1000) -> Iterator[list[Row]]:
        """The rows of one SELECT as of one moment, at most `batch` at a time.

        Raises:
            UserError: the query is wrong or would write, with SQLite's message.
        """
        with self._asked(query, parameters) as cursor:
            while found := cursor.fetchmany(batch):
                yield found

    @contextlib.contextmanager
    def _asked(self, query: str, parameters: Sequence[Any]) -> Iterator[sqlite3.Cursor]:
        """A query that is not ours, being read on a connection that is not allowed anything else."""
        with self.reading() as reader:
            reader.set_authorizer(_only_reads)
            cursor = reader.cursor()
            try:
                yield cursor.execute(query, tuple(parameters))
            except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError) as error:
                if isinstance(error, sqlite3.Error) and is_fatal(error):
                    raise
                denied = "not authorized" in str(error) or "authorization denied" in str(error)
                hint = "; only reading is allowed here" if denied else ""
                raise UserError(f"the query failed: {error}{hint}") from error
            finally:
                cursor.close()
                reader.set_authorizer(None)


def _holding_row(holding: Holding) -> Row:
    unit, span = holding.unit, holding.unit.span
    return (
        unit.dataset,
        unit.key,
        unit.extent,
        span.start.isoformat() if span else None,
        span.end.isoformat() if span else None,
        holding.outcome.value,
        instant_text(holding.checked_at, "milliseconds"),
        holding.source,
        holding.version,
        holding.strikes,
        instant_text(holding.not_before, "milliseconds") if holding.not_before else None,
        holding.size,
        holding.mark,
        holding.note,
    )


def _holding_of(row: Row) -> Holding:
    dataset, key, extent, start, end, outcome, checked_at, source, version, *rest = row
    strikes, not_before, size, mark, note = rest
    span = Span(date.fromisoformat(start), date.fromisoformat(end)) if start else None
    return Holding(
        unit=Unit(dataset, key, span, extent),
        outcome=Outcome(outcome),
        checked_at=instant_of(checked_at),
        source=source,
        version=version,
        strikes=strikes,
        not_before=instant_of(not_before) if not_before else None,
        size=size,
        mark=mark,
        note=note,
    )


def _only_reads(action: int, first: str | None, *_: str | None) -> int:
    """SQLite's question whether a statement may do something: read rows, and look at the schema."""
    looks = action == sqlite3.SQLITE_PRAGMA and str(first).lower() in _LOOKS
    return sqlite3.SQLITE_OK if action in _READS or looks else sqlite3.SQLITE_DENY
