"""Brings a SQLite file to what the code declares: own tables by number, record tables by declaration.

All of it is one transaction, so that a crash leaves the old or the new state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from evertape.errors import SchemaMismatch
from evertape.model.records import Table
from evertape.stores import schema
from evertape.stores.coding import instant_text
from evertape.stores.schema import SQLITE
from evertape.stores.sqlite_file import SqliteFile, corrupt


@dataclass(frozen=True, kw_only=True)
class Change:
    """One step of a migration: what a person is told, and the statements."""

    told: str
    statements: tuple[tuple[str, tuple[object, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the database should become.

    Attributes:
        rebuildable: names of derived tables, which are emptied where they cannot be altered.
        migrations: a folder of NNNN_name.sql files; the package's own where None.
    """

    tables: Sequence[Table]
    rebuildable: Collection[str] = ()
    migrations: Traversable | None = None

    @property
    def scripts(self) -> dict[int, Traversable]:
        """Numbered files, in order."""
        folder = self.migrations or files("evertape.stores") / "migrations" / "sqlite"
        found = {int(entry.name[:4]): entry for entry in folder.iterdir() if entry.name.endswith(".sql")}
        return dict(sorted(found.items()))


def migrate(file: SqliteFile, target: Target) -> Sequence[str]:
    """Do what is missing, after a backup where rows are already held; returns what was done.

    Raises:
        SchemaMismatch: the database is newer, or a table changed in a way that needs a number.
        StoreError: the file is damaged.
    """
    scripts = target.scripts
    names = [script.name for script in scripts.values()]
    wanted = schema.fingerprint(target.tables, SQLITE, *names)
    with file.reading() as reader:
        number = check_version(file, reader, max(scripts))
        if number and not file.unclean and _state(reader, "fingerprint") == wanted:
            return []
        _quick_check(file, reader)
    with file.writing() as writer:
        number = check_version(file, writer, max(scripts))
        # Looked at again under the lock: another process may have done it meanwhile.
        changes = _numbered(number, scripts, instant_text(file.clock.real_now()))
        if number and changes:
            file.backup_before(number)
        _apply(writer, changes)
        # Looked for once the numbers are applied, which may change dataset tables too.
        tables = _table_by_table(writer, bool(number or changes), target)
        # The copy is read by another connection, which sees the state before this transaction.
        if number and tables and not changes:
            file.backup_before(number)
        _apply(writer, tables)
        changes += tables
        if changes or _state(writer, "fingerprint") != wanted:
            _set_state(writer, "fingerprint", wanted)
    file.unclean = False
    return [change.told for change in changes]


def check_version(file: SqliteFile, connection: sqlite3.Connection, newest: int) -> int:
    """The database's schema number, 0 for an empty one. Raises SchemaMismatch where it is newer."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_versions'").fetchone():
        return 0
    (number,) = connection.execute("SELECT COALESCE(MAX(number), 0) FROM schema_versions").fetchone()
    if number > newest:
        raise SchemaMismatch(
            f"{file.path} was written by a newer evertape (schema {number}, this one knows {newest}); "
            "upgrade evertape"
        )
    return int(number)


def _quick_check(file: SqliteFile, reader: sqlite3.Connection) -> None:
    (told,) = reader.execute("PRAGMA quick_check(1)").fetchone()
    if told != "ok":
        raise corrupt(file.path, told.splitlines()[0])


def _state(connection: sqlite3.Connection, name: str) -> object:
    found = connection.execute("SELECT value FROM store_state WHERE name = ?", (name,)).fetchone()
    return found[0] if found else None


def _set_state(connection: sqlite3.Connection, name: str, value: object) -> None:
    connection.execute("INSERT OR REPLACE INTO store_state (name, value) VALUES (?, ?)", (name, value))


def _apply(writer: sqlite3.Connection, changes: Sequence[Change]) -> None:
    for change in changes:
        for statement, values in change.statements:
            writer.execute(statement, values)


def _numbered(number: int, scripts: dict[int, Traversable], now: str) -> list[Change]:
    """The numbered files that the database has not seen."""
    changes = []
    for step, script in scripts.items():
        if step > number:
            statements: list[tuple[str, tuple[object, ...]]] = [
                (s, ()) for s in _statements(script.read_text())
            ]
            applied = "INSERT INTO schema_versions (number, name, applied_at) VALUES (?, ?, ?)"
            statements.append((applied, (step, script.name, now)))
            changes.append(Change(told=f"applied {script.name}", statements=tuple(statements)))
    return changes


def _table_by_table(connection: sqlite3.Connection, made: bool, target: Target) -> list[Change]:
    """What differs from the declarations; a table's view falls with any change of it and is made again."""
    known: dict[str, str] = {}
    if made:
        known = dict(connection.execute("SELECT name, declaration FROM table_fingerprints").fetchall())
    present = dict(
        connection.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('index', 'view')").fetchall()
    )
    changes: list[Change] = []
    for table in target.tables:
        changes += _table_changes(table, known.get(table.name), present, target.rebuildable)
    return changes


def _table_changes(
    table: Table, was: str | None, present: dict[str, str], rebuildable: Collection[str]
) -> Iterator[Change]:
    declared = schema.declaration(table)
    name = schema.stored_name(table)
    note = (
        "INSERT OR REPLACE INTO table_fingerprints (name, declaration) VALUES (?, ?)",
        (table.name, declared),
    )
    create = (schema.create_table(table, SQLITE), ())
    fresh = was is None
    if was is None:
        yield Change(told=f"created {table.name}", statements=(create, note))
    elif was != declared:
        added = schema.added_columns(was, table)
        if added is not None:
            alter = tuple(
                (f"ALTER TABLE {name} ADD COLUMN {schema.column_ddl(table, column, SQLITE)}", ())
                for column in added
            )
            columns = ", ".join(column.name for column in added)
            told = f"added {columns} to {table.name}" if added else f"noted {table.name}"
            yield Change(told=told, statements=(*alter, note))
        elif table.name in rebuildable:
            fresh = True
            drop = tuple((f"DROP {what} IF EXISTS {old}", ()) for what, old in _objects(table, was))
            yield Change(
                told=f"emptied {table.name}, its columns changed; fill it with: evertape rebuild",
                statements=(*drop, create, note),
            )
        else:
            raise SchemaMismatch(
                f"the table {table.name} was written by another version of evertape and cannot be altered; "
                "use that version, or move the database away and run: evertape rebuild"
            )
    yield from _view_and_indexes(table, {} if fresh else present)


def _objects(table: Table, was: str) -> list[tuple[str, str]]:
    if schema.was_compact(was):
        return [("VIEW", table.name), ("TABLE", f"{table.name}_coded")]
    return [("TABLE", table.name)]


def _view_and_indexes(table: Table, present: dict[str, str]) -> Iterator[Change]:
    view = schema.create_view(table, SQLITE)
    if view is not None and present.get(table.name) != view:
        statements = ((f"DROP VIEW IF EXISTS {table.name}", ()), (view, ()))
        yield Change(told=f"made the view {table.name}", statements=statements)
    indexes = schema.create_indexes(table)
    for name, statement in indexes.items():
        if present.get(name) != statement:
            yield Change(
                told=f"made the index {name}",
                statements=((f"DROP INDEX IF EXISTS {name}", ()), (statement, ())),
            )
    for name in present:
        if name.startswith(f"{schema.stored_name(table)}_by_") and name not in indexes:
            yield Change(told=f"dropped the index {name}", statements=((f"DROP INDEX {name}", ()),))


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, each whole; `executescript` would commit before it begins."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending.strip()
            pending = ""
    if pending.strip():
        raise ValueError(f"a migration ends in the middle of a statement: {pending.strip()[:60]}")
