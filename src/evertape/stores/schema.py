"""Tables as SQL: made from the record types' declarations, for a dialect. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evertape.model.records import Column, Condition, Kind, PackedKind, Row, Table
from evertape.stores.coding import encode_values, null_key


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What differs between databases.

    Attributes:
        plain, compact: column types by kind.
        table_options: what follows a table's closing bracket.
        mark: a parameter's place.
        member: a set given as one JSON parameter, as the right side of IN.
        date_of, instant_of, accession_of: a coded column's SQL to readable text.
        each: a JSON array's SQL to a table of its members. member_of: a place of a member, by its number.
        accessions_of: an array of accession numbers to their texts, space between; null for none.
    """

    name: str
    plain: Mapping[Kind, str]
    compact: Mapping[Kind, str]
    table_options: str
    mark: str
    member: str
    date_of: Callable[[str], str]
    instant_of: Callable[[str], str]
    accession_of: Callable[[str], str]
    each: Callable[[str], str]
    member_of: Callable[[int], str]
    accessions_of: Callable[[str], str]


_TEXT: dict[Kind, str] = {
    "integer": "INTEGER",
    "real": "REAL",
    "text": "TEXT",
    "date": "TEXT",
    "instant": "TEXT",
    "boolean": "INTEGER",
    "accession": "TEXT",
    "coded": "TEXT",
    "packed": "TEXT",
}


def _accession(value: str) -> str:
    parts = f"{value} / 100000000, {value} / 1000000 % 100, {value} % 1000000"
    return f"CASE WHEN {value} IS NOT NULL THEN printf('%010d-%02d-%06d', {parts}) END"


SQLITE = Dialect(
    name="sqlite",
    plain=_TEXT,
    compact={**_TEXT, "date": "INTEGER", "instant": "INTEGER", "accession": "INTEGER", "coded": "INTEGER"},
    table_options=" WITHOUT ROWID",
    mark="?",
    member="(SELECT value FROM json_each(?))",
    date_of=lambda c: f"date({c} * 86400, 'unixepoch')",
    instant_of=lambda c: f"strftime('%Y-%m-%dT%H:%M:%SZ', {c}, 'unixepoch')",
    accession_of=_accession,
    each=lambda c: f"json_each({c}) AS packed",
    member_of=lambda n: f"json_extract(packed.value, '$[{n}]')",
    accessions_of=lambda c: f"(SELECT group_concat({_accession('a.value')}, ' ') FROM json_each({c}) AS a)",  # noqa: S608
)


def stored_name(table: Table) -> str:
    """The table that holds the rows; `table.name` itself is a view where the table is compact."""
    return f"{table.name}_coded" if table.compact else table.name


def create_table(table: Table, dialect: Dialect) -> str:
    """The statement that makes the table."""
    lines = [f"  {column_ddl(table, column, dialect)}" for column in table.columns]
    lines.append(f"  PRIMARY KEY ({', '.join(table.key)})")
    # A row of many small ones is large: in a table by row number more of it lies in its own page.
    options = "" if table.packed else dialect.table_options
    return f"CREATE TABLE {stored_name(table)} (\n" + ",\n".join(lines) + f"\n){options}"


def column_ddl(table: Table, column: Column, dialect: Dialect) -> str:
    """A column's declaration, as it stands in CREATE TABLE and ALTER TABLE."""
    kind = (dialect.compact if table.compact else dialect.plain)[column.kind]
    required = column.name in table.key or not column.nullable
    return f"{column.name} {kind}{' NOT NULL' if required else ''}"


def create_indexes(table: Table) -> dict[str, str]:
    """Index names and the statements that make them."""
    indexes = {}
    for columns in table.indexes:
        name = f"{stored_name(table)}_by_{'_'.join(columns)}"
        indexes[name] = f"CREATE INDEX {name} ON {stored_name(table)} ({', '.join(columns)})"
    return indexes


def create_view(table: Table, dialect: Dialect) -> str | None:
    """The readable view of a compact table: ISO dates, dashed accessions, texts; None for a plain one."""
    if not table.compact:
        return None
    shown, joins = [], []
    for number, column in enumerate(table.columns):
        if table.packed and column.name == table.packed.column:
            shown += [
                f"  {_member(n, kind, dialect)} AS {name}"
                for n, (name, kind) in enumerate(table.packed.fields)
            ]
        elif column.kind == "coded":
            # An outer join is left out where its text is not asked for, and turned inner by a filter.
            joins.append(f"\n  LEFT JOIN codes AS c{number} ON c{number}.id = t.{column.name}")
            shown.append(f"  c{number}.text AS {column.name}")
        else:
            shown.append(f"  {_readable(table, column, dialect)} AS {column.name}")
    body = ",\n".join(shown)
    source = f"{stored_name(table)} AS t"
    if table.packed:
        # A cross join keeps the order: rows are found by their key before their members are looked at.
        source += f" CROSS JOIN {dialect.each(f't.{table.packed.column}')}"
    return f"CREATE VIEW {table.name} AS SELECT\n{body}\n  FROM {source}" + "".join(joins)


def _member(number: int, kind: PackedKind, dialect: Dialect) -> str:
    value = dialect.member_of(number)
    forms = {"date": dialect.date_of, "accession": dialect.accession_of, "accessions": dialect.accessions_of}
    return forms.get(kind, str)(value)


def _readable(table: Table, column: Column, dialect: Dialect) -> str:
    value = f"t.{column.name}"
    null = null_key(table, column)
    if null is not None:
        value = f"NULLIF({value}, {literal(null)})"
    forms = {
        "date": dialect.date_of,
        "instant": dialect.instant_of,
        "accession": dialect.accession_of,
    }
    return forms.get(column.kind, str)(value)


def literal(value: float | str) -> str:
    """A sentinel as SQL."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "-9e999" if value == -math.inf else str(value)


def upsert(table: Table, dialect: Dialect, rows: int = 1) -> str:
    """So many rows in: inserted, or updated where they differ; a null does not replace a `keep` column."""
    name = stored_name(table)
    # Only rows that differ are rewritten: an unchanged company costs no page of the log.
    rest = [column for column in table.columns if column.name not in table.key]
    marks = f"({', '.join([dialect.mark] * len(table.columns))})"
    head = (
        f"INSERT INTO {name} ({', '.join(table.names)}) VALUES {', '.join([marks] * rows)} "  # noqa: S608
        f"ON CONFLICT ({', '.join(table.key)})"
    )
    if not rest:
        return f"{head} DO NOTHING"
    values = {
        c.name: f"COALESCE(excluded.{c.name}, {name}.{c.name})" if c.keep else f"excluded.{c.name}"
        for c in rest
    }
    sets = ", ".join(f"{column} = {value}" for column, value in values.items())
    differs = " OR ".join(f"{name}.{column} IS NOT {value}" for column, value in values.items())
    return f"{head} DO UPDATE SET {sets} WHERE {differs}"


def where(table: Table, conditions: Sequence[Condition], dialect: Dialect) -> tuple[str, list[Any]]:
    """Conditions as SQL over the stored columns, with " WHERE " in front, and its parameters.

    Raises:
        ValueError: a column is unknown or a value does not fit it.
    """
    parts, parameters = [], []
    for condition in conditions:
        if condition.column not in table.names:
            raise ValueError(f"{table.name} has no column {condition.column}")
        part, values = _condition(table, condition, dialect)
        parts.append(part)
        parameters += values
    return (" WHERE " + " AND ".join(parts) if parts else ""), parameters


def _condition(table: Table, condition: Condition, dialect: Dialect) -> tuple[str, list[Any]]:
    column = table.columns[table.position(condition.column)]
    null = null_key(table, column)
    if condition.op in ("is null", "is not null"):
        if null is None:
            return f"{column.name} {condition.op.upper()}", []
        return f"{column.name} {'=' if condition.op == 'is null' else '<>'} {literal(null)}", []
    given = list(condition.value) if condition.op == "in" else [condition.value]
    if None in given:
        raise ValueError(f'{table.name}.{column.name}: use "is null" to look for nulls')
    coded = table.compact and column.kind == "coded"
    values = list(given if coded else encode_values(table, column, given, {}))
    parameters = [json.dumps(values)] if condition.op == "in" else values
    right = f"IN {dialect.member}" if condition.op == "in" else f"{condition.op} {dialect.mark}"
    if coded and condition.op in ("=", "in"):
        return f"{column.name} IN (SELECT id FROM codes WHERE text {right})", parameters  # noqa: S608
    if coded:
        return f"(SELECT text FROM codes WHERE id = {column.name}) {right}", parameters  # noqa: S608
    # A sentinel sorts before every value, and no comparison may find a null.
    if null is not None and condition.op in ("<", "<="):
        return f"({column.name} {right} AND {column.name} <> {literal(null)})", parameters
    return f"{column.name} {right}", parameters


def select(
    table: Table, columns: Sequence[str], conditions: Sequence[Condition], dialect: Dialect
) -> tuple[str, Row]:
    """A query for stored columns in the order of the key's values, nulls first, and its parameters."""
    unknown = [name for name in columns if name not in table.names]
    if unknown:
        raise ValueError(f"{table.name} has no column {unknown[0]}")
    clause, parameters = where(table, conditions, dialect)
    order = [
        f"(SELECT text FROM codes WHERE id = {name})"  # noqa: S608
        if table.compact and table.columns[table.position(name)].kind == "coded"
        else name
        for name in table.key
    ]
    query = f"SELECT {', '.join(columns)} FROM {stored_name(table)}{clause} ORDER BY {', '.join(order)}"  # noqa: S608
    return query, tuple(parameters)


def declaration(table: Table) -> str:
    """What a table is stored as, as JSON; docs, units and `keep` do not change it."""
    columns = [[c.name, c.kind, c.nullable] for c in table.columns]
    return json.dumps({"key": table.key, "compact": table.compact, "columns": columns}, sort_keys=True)


def was_compact(declared: str) -> bool:
    """Whether a stored declaration is of a compact table."""
    return bool(json.loads(declared)["compact"])


def added_columns(was: str, table: Table) -> list[Column] | None:
    """Nullable columns to add to a table declared as `was`; None where it cannot be brought up so."""
    old = json.loads(was)
    new = json.loads(declaration(table))
    if (old["key"], old["compact"]) != (new["key"], new["compact"]):
        return None
    known = {name: [kind, nullable] for name, kind, nullable in old["columns"]}
    wanted = {name: [kind, nullable] for name, kind, nullable in new["columns"]}
    if any(wanted.get(name) != what for name, what in known.items()):
        return None
    added = [column for column in table.columns if column.name not in known]
    if any(not column.nullable or column.name in table.key for column in added):
        return None
    return added


def fingerprint(tables: Sequence[Table], dialect: Dialect, *more: str) -> str:
    """A digest over everything that the statements of all tables are made from."""
    parts = list(more)
    for table in tables:
        parts += [create_table(table, dialect), declaration(table), create_view(table, dialect) or ""]
        parts += create_indexes(table).values()
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
