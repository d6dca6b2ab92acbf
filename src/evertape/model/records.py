"""Records: what a row is. Tables, views, help and documentation are read off the record types."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, ClassVar, Literal, Self, dataclass_transform

Kind = Literal["integer", "real", "text", "date", "instant", "boolean", "accession", "coded", "packed"]
_KINDS: dict[type, Kind] = {
    bool: "boolean",
    int: "integer",
    float: "real",
    str: "text",
    date: "date",
    datetime: "instant",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        kind: how the value is stored. `date` is an ISO text (a day number in a compact table),
            `instant` an ISO UTC text, `accession` 0000320193-24-000081 (an integer in a compact
            table), `coded` a text kept once in a dictionary table (compact tables only), `packed` a JSON
            array of many small rows (see `Packed`).
        unit: of the number: a currency, "shares", "bytes"; empty where it has none.
        keep: a null in a new row leaves the stored value as it is.
    """

    name: str
    kind: Kind
    nullable: bool
    doc: str
    unit: str = ""
    keep: bool = False


PackedKind = Literal["date", "real", "text", "accession", "accessions"]


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Many small rows kept as one: a compact table's column holds them as a JSON array of arrays.

    Twenty facts of a tag cost one row in place of twenty; the readable view shows each by itself.

    Attributes:
        column: of kind "packed".
        fields: name and kind of each place of an inner array. Dates are days from 1970-01-01, accessions
            numbers, "accessions" an array of them.
        merge: the array held, the array of a whole truth (None where that omits the row), and the day, to
            the array that is kept. Pure.
    """

    column: str
    fields: tuple[tuple[str, PackedKind], ...]
    merge: Callable[[str, str | None, date], str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Where the rows of one record type are kept.

    Attributes:
        key: the columns that identify a row.
        compact: stored integer-coded in `<name>_coded`; `name` is then a readable view.
        absent: the nullable column stamped when the whole truth no longer holds the row.
        packed: how a column of many small rows is shown and merged; such a table has no `absent`.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    compact: bool = False
    absent: str | None = None
    packed: Packed | None = None
    indexes: tuple[tuple[str, ...], ...] = ()
    doc: str = ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names in the order of a row's values."""
        return tuple(column.name for column in self.columns)

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that a reader sees: small rows that are kept packed are shown one by one."""
        if self.packed is None:
            return self.columns
        fields = [
            Column(name=name, kind="text" if kind == "accessions" else kind, nullable=True, doc="")
            for name, kind in self.packed.fields
        ]
        return (*(c for c in self.columns if c.name != self.packed.column), *fields)

    def position(self, name: str) -> int:
        """Where a column stands in a row."""
        return self.names.index(name)


def column(doc: str, *, unit: str = "", kind: Kind | None = None, keep: bool = False) -> Any:
    """A record's field: what it means, its unit, and how it is stored."""
    return dataclasses.field(metadata={"doc": doc, "unit": unit, "kind": kind, "keep": keep})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(column,))
class Record:
    """Base of all record types: subclassing makes a frozen, keyword-only dataclass with a table.

    Rows travel as tuples in field order (`Batch`); an instance is for reading and for tests, so that
    the dataclass is only made when the first one is: a command that makes none does not pay for it.
    """

    table: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    compact: ClassVar[bool] = False
    absent: ClassVar[str | None] = None
    packed: ClassVar[Packed | None] = None
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = ()

    def __new__(cls, **_values: Any) -> Self:
        for base in reversed(cls.__mro__):
            if base is not Record and issubclass(base, Record) and "__dataclass_fields__" not in vars(base):
                dataclass(frozen=True, kw_only=True)(base)
        return super().__new__(cls)


def _fields(record: type[Record]) -> dict[str, dataclasses.Field[Any]]:
    """Its columns and inherited ones, also before the dataclass is made. Raises TypeError for any other."""
    found: dict[str, dataclasses.Field[Any]] = {}
    for base in reversed(record.__mro__):
        made: dict[str, dataclasses.Field[Any]] = vars(base).get("__dataclass_fields__", {})
        for name in () if base in (object, Record) else inspect.get_annotations(base):
            field = made.get(name, vars(base).get(name))
            if not isinstance(field, dataclasses.Field) or "doc" not in field.metadata:
                raise TypeError(f"{record.__name__}.{name} needs a column(...)")
            found[name] = field
    return found


_TABLES: dict[type[Record], Table] = {}


def table_of(record: type[Record]) -> Table:
    """The table that a record type declares.

    Raises:
        TypeError: a field has no `column(...)` or a type that cannot be stored.
    """
    if record not in _TABLES:
        _TABLES[record] = _read_off(record)
    return _TABLES[record]


def _read_off(record: type[Record]) -> Table:
    hints = typing.get_type_hints(record)
    columns = []
    for name, field in _fields(record).items():
        hint, nullable = _optional(hints[name])
        kind = field.metadata["kind"] or _KINDS.get(hint)
        if kind is None:
            raise TypeError(f"{record.__name__}.{name}: {hint!r} cannot be stored")
        columns.append(
            Column(
                name=name,
                kind=kind,
                nullable=nullable,
                doc=field.metadata["doc"],
                unit=field.metadata["unit"],
                keep=field.metadata["keep"],
            )
        )
    return Table(
        name=record.table,
        columns=tuple(columns),
        key=record.key,
        compact=record.compact,
        absent=record.absent,
        packed=record.packed,
        indexes=record.indexes,
        doc=(record.__doc__ or "").strip(),
    )


def _optional(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        return inner[0], True
    return hint, False


Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows of one record type, each a tuple in the record's field order.

    Attributes:
        size: how many things the rows hold, where that is not one each.
        made_from: what the rows were made from, so that what derives from them need not read them again.
    """

    record: type[Record]
    rows: Sequence[Row]
    size: int | None = None
    made_from: object = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def count(self) -> int:
        """How many things there are."""
        return len(self.rows) if self.size is None else self.size

    @classmethod
    def of(cls, records: Sequence[Record]) -> Batch:
        """A batch from instances of one record type. Raises IndexError for an empty sequence."""
        names = table_of(type(records[0])).names
        return cls(record=type(records[0]), rows=[tuple(getattr(r, n) for n in names) for r in records])


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One restriction on a column; conditions are joined by "and"."""

    column: str
    op: Literal["=", "<", "<=", ">", ">=", "in", "is null", "is not null"]
    value: Any = None


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A page is the whole truth for the rows under these conditions.

    In a table with a packed column the small rows are merged. In others, a stored row under them that
    the page omits gets its table's `absent` column stamped; a row that is back has the stamp removed.
    Nothing is deleted.
    """

    record: type[Record]
    where: tuple[Condition, ...]
