"""Values as they are stored: column by column, both ways, with types checked. Pure.

Plain tables keep dates and instants as ISO text, compact tables as days and seconds since 1970.
A key column cannot be null in a database, so that a null there is stored as a sentinel which no
value of the kind can be (`null_key`) and comes back as None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from evertape.model.records import Column, Kind, Row, Table

EPOCH = date(1970, 1, 1).toordinal()
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_ACCESSION = re.compile(r"\d{10}-\d{2}-\d{6}", re.ASCII)
_MEMORY = 100_000
"""Dates, instants and accessions repeat; so many of each are remembered."""

_TYPES: dict[Kind, tuple[type, ...]] = {
    "integer": (int,),
    "real": (float, int),
    "text": (str,),
    "date": (date,),
    "instant": (datetime,),
    "boolean": (bool,),
    "accession": (str,),
    "coded": (str,),
    "packed": (str,),
}
_REALS = {float, type(None)}
NULL = math.nan
"""Among numbers that are bound. SQLite stores a NaN as null (https://sqlite.org/floatingpoint.html), and
binding one takes half of the time that None takes, which is looked up among the module's adapters."""
_PLAIN_NULLS: dict[Kind, int | float | str] = {"integer": -(2**63), "real": -math.inf, "boolean": -1}
_COMPACT_NULLS: dict[Kind, int | float | str] = {
    **_PLAIN_NULLS,
    "date": -EPOCH,
    "instant": -EPOCH * 86_400,
    "accession": -1,
    "coded": 0,
}


class Memo(dict[Any, Any]):
    """A function's results, remembered up to a bound; reading one is a dictionary's own speed."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, value: Any) -> Any:
        result = self._function(value)
        if len(self) >= _MEMORY:
            self.clear()
        self[value] = result
        return result


def instant_text(at: datetime, timespec: str = "seconds") -> str:
    """An instant as 2021-06-30T23:59:59Z, cut to `timespec`. Raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone; give an aware instant")
    there = at if at.tzinfo is UTC else at.astimezone(UTC)
    return there.isoformat(timespec=timespec)[:-6] + "Z"


def instant_of(text: str) -> datetime:
    """The instant that `instant_text` wrote, aware UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def accession_number(text: str) -> int:
    """0000320193-24-000081 as 32019324000081. Raises ValueError for anything else."""
    return int(_accession(text).replace("-", ""))


def accession_text(number: int) -> str:
    """32019324000081 as 0000320193-24-000081."""
    digits = f"{number:018d}"
    return f"{digits[:10]}-{digits[10:12]}-{digits[12:]}"


def _accession(text: str) -> str:
    if not _ACCESSION.fullmatch(text):
        raise ValueError(f"{text!r} is no accession number such as 0000320193-24-000081")
    return text


def _seconds(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone; give an aware instant")
    return (at - _FIRST) // timedelta(seconds=1)


_PLAIN_IN: dict[Kind, Mapping[Any, Any]] = {
    "date": Memo(date.isoformat),
    "instant": Memo(instant_text),
    "accession": Memo(_accession),
}
_COMPACT_IN: dict[Kind, Mapping[Any, Any]] = {
    "date": Memo(lambda day: day.toordinal() - EPOCH),
    "instant": Memo(_seconds),
    "accession": Memo(accession_number),
}
_PLAIN_OUT: dict[Kind, Mapping[Any, Any]] = {
    "date": Memo(date.fromisoformat),
    "instant": Memo(instant_of),
    "boolean": {0: False, 1: True},
}
_COMPACT_OUT: dict[Kind, Mapping[Any, Any]] = {
    "date": Memo(lambda days: date.fromordinal(days + EPOCH)),
    "instant": Memo(lambda seconds: _FIRST + timedelta(seconds=seconds)),
    "boolean": {0: False, 1: True},
    "accession": Memo(accession_text),
}


def null_key(table: Table, column: Column) -> int | float | str | None:
    """What a null is stored as in a nullable key column; None for every other column.

    Sentinels sort before all values. Plain: '' for texts, dates and instants; compact: the day
    before 0001-01-01, accession -1, code 0; both: the least integer, minus infinity, boolean -1.
    """
    if not column.nullable or column.name not in table.key:
        return None
    return _COMPACT_NULLS.get(column.kind, "") if table.compact else _PLAIN_NULLS.get(column.kind, "")


def encode_rows(table: Table, rows: Sequence[Row], codes: Mapping[str, int]) -> list[Row]:
    """One row or more as they are stored, ready to be bound.

    Args:
        codes: ids of all texts that the rows' coded columns hold.

    Raises:
        ValueError: a row's length or a value does not fit the declaration; it names the column.
    """
    lengths = set(map(len, rows))
    if len(lengths) > 1:
        raise ValueError(f"{table.name}: rows differ in length")
    if lengths != {len(table.columns)}:
        raise ValueError(f"{table.name}: a row has {lengths.pop()} values, not {len(table.columns)}")
    split = _reals_from(table)
    firsts = rows if split == len(table.columns) else [row[:split] for row in rows]
    heads = _encoded(table, table.columns[:split], firsts, codes)
    if split == len(table.columns):
        return heads
    cells: list[Any] = []
    for row in rows:
        cells += row[split:]
    if not _are_reals(cells):
        tails = _encoded(table, table.columns[split:], [row[split:] for row in rows], codes)
        return [(*head, *tail) for head, tail in zip(heads, tails, strict=True)]
    cells = [NULL if cell is None else cell for cell in cells]
    width = len(table.columns) - split
    places = range(0, len(cells), width)
    return [(*head, *cells[at : at + width]) for head, at in zip(heads, places, strict=True)]


def _encoded(
    table: Table, columns: Sequence[Column], rows: Sequence[Row], codes: Mapping[str, int]
) -> list[Row]:
    given = zip(columns, zip(*rows, strict=True), strict=True)
    return list(zip(*[encode_values(table, column, values, codes) for column, values in given], strict=True))


def _reals_from(table: Table) -> int:
    """Where the columns begin that are nullable numbers, up to the last one: these are stored as they are."""
    split = len(table.columns)
    for column in reversed(table.columns):
        if column.kind != "real" or not column.nullable or column.name in table.key:
            break
        split -= 1
    return split


def _are_reals(cells: Sequence[Any]) -> bool:
    """Whether all are None or, beyond doubt, finite floats: other cells are looked at column by column."""
    numbers = [cell for cell in cells if cell is not None]
    return set(map(type, numbers)) <= {float} and math.isfinite(sum(numbers))


def encode_values(
    table: Table, column: Column, values: Sequence[Any], codes: Mapping[str, int]
) -> Sequence[Any]:
    """Values of one column as they are stored. Raises ValueError, naming the column."""
    types = set(map(type, values))
    _check_types(table, column, types)
    null = null_key(table, column)
    try:
        _check_range(column.kind, values, types, null)
        known = codes if table.compact and column.kind == "coded" else _encoder(table, column.kind)
        # An empty memory is false: compare with None, never by truth.
        if known is None:
            return values if null is None else [null if value is None else value for value in values]
        if type(None) in types:
            return [null if value is None else known[value] for value in values]
        return list(map(known.__getitem__, values))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{table.name}.{column.name}: {error}") from error


def _encoder(table: Table, kind: Kind) -> Mapping[Any, Any] | None:
    return (_COMPACT_IN if table.compact else _PLAIN_IN).get(kind)


def _check_types(table: Table, column: Column, types: set[type]) -> None:
    # Types are looked at once a column: a set of a few, whatever the number of rows.
    for found in types:
        if found is type(None):
            if not column.nullable:
                raise ValueError(f"{table.name}.{column.name} cannot be null")
        elif not issubclass(found, _TYPES[column.kind]) or (
            issubclass(found, bool | datetime) and column.kind not in ("boolean", "instant")
        ):
            raise ValueError(f"{table.name}.{column.name} is a {column.kind}, not a {found.__name__}")


def _check_range(kind: Kind, values: Sequence[Any], types: set[type], null: Any) -> None:
    if kind == "text" and null is not None and null in values:
        raise ValueError("an empty text stands for null in a key; it cannot be stored")
    if kind not in ("integer", "real"):
        return
    if kind == "real" and types <= _REALS:
        # All at once: a sum is finite only where each of its terms is. Zeros fall away with the nulls.
        if not math.isfinite(sum(filter(None, values))) and not all(map(math.isfinite, filter(None, values))):
            raise ValueError("a number must be finite")
        return
    numbers = [value for value in values if value is not None] if type(None) in types else values
    if kind == "real" and not all(map(math.isfinite, numbers)):
        raise ValueError("a number must be finite")
    if kind == "real" and int in types and any(abs(v) > 2**53 for v in numbers if isinstance(v, int)):
        raise ValueError("an integer beyond 2^53 is not exact as a real")
    if kind == "integer" and numbers and not -(2**63) < min(numbers) <= max(numbers) < 2**63:
        raise ValueError("an integer must fit 64 bits")


def decode_rows(
    table: Table, columns: Sequence[Column], rows: Iterable[Row], texts: Mapping[int, str]
) -> list[Row]:
    """Stored rows of some columns as Python values.

    Args:
        texts: the coded texts by id.
    """
    stored = list(zip(*rows, strict=True))
    if not stored:
        return []
    decoded = [decode_values(table, c, v, texts) for c, v in zip(columns, stored, strict=True)]
    return list(zip(*decoded, strict=True))


def decode_values(
    table: Table, column: Column, values: Sequence[Any], texts: Mapping[int, str]
) -> Sequence[Any]:
    """Stored values of one column as Python values."""
    known = (_COMPACT_OUT if table.compact else _PLAIN_OUT).get(column.kind)
    if table.compact and column.kind == "coded":
        known = texts
    null = null_key(table, column)
    if known is None:
        return values if null is None else [None if value == null else value for value in values]
    if column.nullable:
        return [None if value is None or value == null else known[value] for value in values]
    return list(map(known.__getitem__, values))
