"""A table as lines in which no word is ever broken. Pure.

A row is one line where the table fits, and wherever no width is given, as for a pipe. Else sentences are
wrapped between words, if that is enough; else the columns that do not fit beside the others go below: into
further lines of each row, or, with `keys`, into further tables that repeat the first columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import NamedTuple

GAP = "  "
INDENT = 4
LEAST = 24
"""A sentence is not wrapped to less."""
_FIGURE = re.compile(r"-|[+-]?\d[\d,./]*( ?[%*])?")


class Line(NamedTuple):
    """A line of a table, and whether it is one of its head."""

    text: str
    head: bool


class _Column(NamedTuple):
    cells: Sequence[str]
    width: int
    right: bool


def lines(
    heads: Sequence[str] | None, body: Sequence[Sequence[str]], width: int | None, keys: int = 0
) -> list[Line]:
    """A table in so many columns; only a word longer than a line is wider. None: one line a row.

    Args:
        heads: None for a table without a head.
        keys: so many first columns say what a row is about; all others are figures, to the right.
    """
    table = [*([] if heads is None else [heads]), *body]
    if not table:
        return []
    columns = [
        _column(cells, at >= keys if keys else _figures(cells[heads is not None :]))
        for at, cells in enumerate(zip(*table, strict=True))
    ]
    first = heads is not None
    if width is None or _size(columns) <= width:
        return list(_shown([columns], len(table), first))
    if keys:
        made: list[Line] = []
        repeated = columns[:keys]
        for part in _parts(columns[keys:], width - _size(repeated) - len(GAP)):
            made += [*([Line("", head=False)] if made else []), *_shown([repeated + part], len(table), first)]
        return made
    narrowed = _narrowed(columns, width)
    if _size(narrowed) <= width:
        return list(_shown([narrowed], len(table), first))
    bounded = [c._replace(width=max(_word(c), min(c.width, width - INDENT))) for c in columns]
    return list(_shown(_parts(bounded, width - INDENT), len(table), first))


def _column(cells: Sequence[str], right: bool) -> _Column:
    return _Column(cells, max(map(len, cells)), right)


def _figures(cells: Sequence[str]) -> bool:
    return any(cells) and all(not cell or _FIGURE.fullmatch(cell) for cell in cells)


def _size(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def _word(column: _Column) -> int:
    return max((len(word) for cell in column.cells for word in cell.split()), default=0)


def _narrowed(columns: Sequence[_Column], width: int) -> list[_Column]:
    """The widest sentences give way first, none below its longest word."""
    least = [max(_word(column), min(column.width, LEAST)) for column in columns]
    widths = [column.width for column in columns]
    over = _size(columns) - width
    while over > 0:
        spare = [(size, at) for at, size in enumerate(widths) if size > least[at]]
        if not spare:
            break
        widths[max(spare)[1]] -= 1
        over -= 1
    return [column._replace(width=size) for column, size in zip(columns, widths, strict=True)]


def _parts(columns: Sequence[_Column], width: int) -> list[list[_Column]]:
    """As many columns beside each other as fit, and then as many of the rest."""
    parts: list[list[_Column]] = []
    for column in columns:
        if parts and _size([*parts[-1], column]) <= width:
            parts[-1].append(column)
        else:
            parts.append([column])
    return parts


def _shown(parts: Sequence[Sequence[_Column]], rows: int, first: bool) -> Iterator[Line]:
    """Row by row, its parts below each other; what has nothing in a row takes no line of it."""
    for row in range(rows):
        head = first and row == 0
        for number, part in enumerate(parts):
            cells = [_wrapped(column.cells[row], column.width) for column in part]
            indent = " " * INDENT if number else ""
            for texts in zip_longest(*cells, fillvalue=""):
                padded = [
                    text.rjust(column.width) if column.right else text.ljust(column.width)
                    for text, column in zip(texts, part, strict=True)
                ]
                text = (indent + GAP.join(padded)).rstrip()
                if text or not number:
                    yield Line(text, head)


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    return wrap(text, width, break_long_words=False, break_on_hyphens=False)
