"""Twelve months to the end of a quarter: the sum of four quarters, and what counts in its stead."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import TypeAlias

import msgspec

from evertape.formats.xbrl.cells import AnyFigure, last_filed
from evertape.formats.xbrl.concepts import COLUMNS, LINES
from evertape.formats.xbrl.facts import FoldedFact

Figures: TypeAlias = dict[int, AnyFigure]
"""By position of the statement's columns, in their order; none of those that are unknown."""

_FLOW = frozenset(line.name for line in LINES if line.kind == "flow")
FLOWS = {s: [at for at, name in enumerate(names) if name in _FLOW] for s, names in COLUMNS.items()}
"""By statement, the columns that can be added."""
_PICKED = {s: itemgetter(*flows) for s, flows in FLOWS.items() if flows}
_RANK = attrgetter("rank")
_FILING = attrgetter("filed", "accession")


class Figured(msgspec.Struct, gc=False):
    """The figures of a period and their values, the latter in the order of the statement's columns.

    Attributes:
        last: the fact of them that was filed last, and in which column it stands.
        rank: day of filing and accession of `last`.
        computed: columns whose figure is no fact itself.
    """

    figures: Figures
    values: list[float | None]
    last: FoldedFact
    at: int
    rank: tuple[int, int]
    computed: list[str]


def summed(statement: str, parts: list[Figured]) -> tuple[list[float | None], list[str]]:
    """The flows of four quarters and their names; shares, averages and values per share cannot be added."""
    flows, pick, columns = FLOWS[statement], _PICKED[statement], COLUMNS[statement]
    values: list[float | None] = [None] * len(columns)
    computed: list[str] = []
    first, second, third, fourth = (pick(part.values) for part in parts)
    for at, a, b, c, d in zip(flows, first, second, third, fourth, strict=True):
        if a is not None and b is not None and c is not None and d is not None:
            values[at] = a + b + c + d
            computed.append(columns[at])
    return values, computed


def last_of(parts: list[Figured], values: list[float | None]) -> FoldedFact:
    """The fact filed last among those that the values were summed from."""
    latest = max(parts, key=_RANK)
    if values[latest.at] is not None:
        return latest.last
    last, rank = latest.last, (-math.inf, 0)
    # No fact of a part was filed after its last one: most parts need not be looked through.
    for part in sorted(parts, key=_RANK, reverse=True):
        if part.rank <= rank:
            break
        for at, figure in part.figures.items():
            fact = last_filed(figure)
            if values[at] is not None and (fact.filed, fact.accession) > rank:
                last, rank = fact, (fact.filed, fact.accession)
    return last


def replaced(
    columns: Sequence[str],
    other: Mapping[str, AnyFigure | None],
    figures: tuple[Figures, ...],
    sums: tuple[list[float | None], list[str]],
    last: FoldedFact,
) -> tuple[tuple[Figures, ...], FoldedFact]:
    """Figures behind four quarters of which some lines are not the sum, and the fact filed last.

    Args:
        sums: values and the names of those that are known; changed.
    """
    values, computed = sums
    instead: Figures = {}
    for line, figure in other.items():
        at = columns.index(line) if line in columns else -1
        if at < 0 or values[at] is None:
            continue
        if figure is None:
            values[at] = None
            computed.remove(line)
            continue
        values[at], instead[at] = figure.value, figure
        last = max(last, last_filed(figure), key=_FILING)
    quarters = ({at: f for at, f in each.items() if values[at] is not None} for each in figures)
    return (*quarters, instead), last
