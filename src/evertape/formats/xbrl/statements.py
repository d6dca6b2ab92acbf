"""Facts of one company to its standardized statements, as known on a day."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

from evertape.formats.xbrl.cells import AnyFigure, Cell, Figure, Operand, last_filed, sources_of
from evertape.formats.xbrl.concepts import ANCHORS, COLUMNS
from evertape.formats.xbrl.durations import Cells
from evertape.formats.xbrl.facts import (
    CompanyFacts,
    Fact,
    Facts,
    Filed,
    FoldedFact,
    accession_text,
    day_number,
    day_of,
    filed_of,
    fold,
)
from evertape.formats.xbrl.grid import Grid
from evertape.formats.xbrl.index import FactIndex, Reading
from evertape.formats.xbrl.periods import twelve_months
from evertape.formats.xbrl.trailing import FLOWS, Figured, Figures, last_of, replaced, summed

Row: TypeAlias = dict[str, Any]
"""A statement's row: the shared columns, then the statement's lines, None where unknown."""
RowKey: TypeAlias = tuple[str, date, str]
"""(statement, report date, period type)."""

FEWEST_LINES = 3
"""A period with fewer lines than this is a stray mention, not a statement."""
_QUARTERS = 4
_COPIES = 4
"""Lines with more figures than this many a needed fact are not asked how many facts they have."""
SHARED = (
    "cik", "report_date", "period_type", "fiscal_year", "fiscal_period", "period_start", "filed_date",
    "accession_number", "form", "known_from", "currency", "industry", "derived",
)  # fmt: skip
"""What every row says of its period and its filing, in the order of a row's values."""
PERIOD_TYPES = ("annual", "quarter", "ttm")


class Statements:
    """Rows of the three statements in order of report date; no two share (report date, period type).

    Args:
        rows: by statement, the values of `SHARED` and of the statement's columns.
        figures: behind each row, by column: its own, or the four that it sums and what counts in their stead.
    """

    def __init__(
        self,
        rows: dict[str, list[tuple[Any, ...]]],
        figures: dict[RowKey, tuple[Figures, ...]],
        index: FactIndex,
    ) -> None:
        self.rows = rows
        self._figures = figures
        self._index = index

    @cached_property
    def income(self) -> list[Row]:
        """Income statements."""
        return self._told("income")

    @cached_property
    def balance(self) -> list[Row]:
        """Balance sheets."""
        return self._told("balance")

    @cached_property
    def cash_flow(self) -> list[Row]:
        """Cash flow statements."""
        return self._told("cash_flow")

    def _told(self, statement: str) -> list[Row]:
        names = (*SHARED, *COLUMNS[statement])
        return [dict(zip(names, row, strict=True)) for row in self.rows[statement]]

    def explain(self, statement: str, report_date: date, period_type: str, column: str) -> Cell | None:
        """The lineage of a cell; None where it is unknown."""
        figures = self._figures.get((statement, report_date, period_type))
        if figures is None or column not in COLUMNS[statement]:
            return None
        return self._cell(statement, figures, COLUMNS[statement].index(column))

    def filing_of(
        self, statement: str, report_date: date, period_type: str, column: str
    ) -> tuple[date, str] | None:
        """Day and accession of the filing with which a cell became known; None where it is unknown."""
        figures = self._figures.get((statement, report_date, period_type), ())
        at = COLUMNS[statement].index(column)
        facts = [last_filed(figure) for each in figures if (figure := each.get(at)) is not None]
        if not facts:
            return None
        last = max(facts, key=lambda fact: (fact.filed, fact.accession))
        return day_of(last.filed), accession_text(last.accession)

    @property
    def lineage(self) -> dict[tuple[str, date, str, str], Cell]:
        """The lineage of every cell that has a value."""
        return {
            (*key, column): cell
            for key, figures in self._figures.items()
            for at, column in enumerate(COLUMNS[key[0]])
            if (cell := self._cell(key[0], figures, at)) is not None
        }

    def _cell(self, statement: str, figures: tuple[Figures, ...], at: int) -> Cell | None:
        *quarters, other = figures if len(figures) > _QUARTERS else (*figures, {})
        parts = [figure for each in quarters if (figure := each.get(at)) is not None]
        if at in other:
            parts = [other[at]]
        elif len(parts) < len(quarters) or (len(parts) > 1 and at not in FLOWS[statement]):
            return None
        operands = tuple(self._operand(sign, fact) for part in parts for sign, fact in sources_of(part))
        terms = [f"{'-' if o.sign < 0 else '+'} {o.tag}[{o.start or ''}..{o.end}]" for o in operands]
        value = sum(part.value for part in parts)
        return Cell(value=value, formula=" ".join(terms).removeprefix("+ "), operands=operands)

    def _operand(self, sign: int, fact: FoldedFact) -> Operand:
        taxonomy, tag, unit = self._index.key_of(fact)
        return Operand(
            sign=sign,
            taxonomy=taxonomy,
            tag=tag,
            unit=unit,
            start=None if fact.start is None else day_of(fact.start),
            end=day_of(fact.end),
            value=fact.value,
            accession=accession_text(fact.accession),
            form=fact.form,
            filed=day_of(fact.filed),
        )


def standardize(
    source: CompanyFacts | Iterable[Fact],
    *,
    cik: int | None = None,
    as_of: date | None = None,
    reading: Reading = "latest",
    sic: str | None = None,
) -> Statements:
    """The statements that facts filed on or before `as_of` (None: all) tell.

    Args:
        source: a company's facts, or the facts alone; then `cik` says whose.
        reading: the most recent value of each fact, or the one reported first.
        sic: the company's code, where it is known; the industry is chosen with it.

    Raises:
        ValueError: facts without a CIK.
    """
    if isinstance(source, CompanyFacts):
        told = source.series, source.filed, source.cik
    elif cik is not None:
        facts = list(source)
        told = fold(facts), filed_of(facts), cik
    else:
        raise ValueError("facts alone do not say whose they are: pass cik=")
    return standardize_series(*told, as_of=as_of, reading=reading, sic=sic)


def standardize_series(
    series: Facts,
    filed: Filed,
    cik: int,
    *,
    as_of: date | None = None,
    reading: Reading = "latest",
    sic: str | None = None,
) -> Statements:
    """The same from folded facts. `filed` holds every accession that they name."""
    cut = None if as_of is None else day_number(as_of)
    return _Rows(cik, Grid(FactIndex(series, filed, cut, reading), sic)).statements()


_PERIOD = itemgetter(1, 2)
_Made = TypeVar("_Made")


class _Told(dict[int, _Made]):
    """Days as dates, or accessions as text, remembered: a company's rows share some hundred."""

    def __init__(self, make: Callable[[int], _Made]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, number: int) -> _Made:
        return self.setdefault(number, self._make(number))


class _Rows:
    """A company's grid being cut into rows."""

    def __init__(self, cik: int, grid: Grid) -> None:
        self._cik = cik
        self._grid = grid
        self._rows: dict[str, list[tuple[Any, ...]]] = {statement: [] for statement in COLUMNS}
        self._figures: dict[RowKey, tuple[Figures, ...]] = {}
        self._dates = _Told(day_of)
        self._accessions = _Told(accession_text)

    def statements(self) -> Statements:
        grid = self._grid
        told: set[int] = set()
        for statement in ("income", "cash_flow"):
            lines = _turned(grid.flows, statement, told)
            told.update(lines)
            for n in range(len(grid.periods)):
                if n in lines:
                    self._append(statement, n, lines[n])
            self._append_trailing(statement, lines)
        sheets = _turned(grid.sheets, "balance", ())
        for n, period in enumerate(grid.periods):
            if period.end in sheets and grid.has_sheet(period):
                self._append("balance", n, sheets[period.end])
        for listed in self._rows.values():
            listed.sort(key=_PERIOD)
        return Statements(self._rows, self._figures, grid.index)

    def _append(self, statement: str, n: int, line: Figured, period_type: str | None = None) -> None:
        period = self._grid.periods[n]
        period_type = period_type or ("quarter" if period.quarter else "annual")
        start = None if statement == "balance" else period.start
        self._add((statement, n, period_type, start), line.last, line.computed, line.values, (line.figures,))

    def _append_trailing(self, statement: str, lines: Mapping[int, Figured]) -> None:
        """Twelve months to the end of each quarter: four quarters, or the year itself at its end."""
        several = len(set(self._grid.currency)) > 1
        for n, numbers in twelve_months(self._grid.periods):
            if several and len({self._grid.currency[m] for m in numbers}) > 1:
                continue
            parts = [lines[m] for m in numbers if m in lines]
            if len(parts) < len(numbers):
                continue
            if len(parts) == 1:
                self._append(statement, n, parts[0], "ttm")
                continue
            values, computed = summed(statement, parts)
            if len(computed) < FEWEST_LINES:
                continue
            figures = tuple(part.figures for part in parts)
            last = last_of(parts, values)
            if other := self._grid.trailing(n):
                figures, last = replaced(COLUMNS[statement], other, figures, (values, computed), last)
            start = self._grid.periods[numbers[0]].start
            self._add((statement, n, "ttm", start), last, computed, values, figures)

    def _add(
        self,
        what: tuple[str, int, str, int | None],
        last: FoldedFact,
        computed: list[str],
        values: list[float | None],
        figures: tuple[Figures, ...],
    ) -> None:
        statement, n, period_type, start = what
        period = self._grid.periods[n]
        end = self._dates[period.end]
        key = (statement, end, period_type)
        if key in self._figures:
            return
        filed = self._dates[last.filed]
        self._rows[statement].append(
            (
                self._cik,
                end,
                period_type,
                self._grid.names[period.year.start],
                f"Q{period.quarter}" if period.quarter else "FY",
                None if start is None else self._dates[start],
                filed,
                self._accessions[last.accession],
                last.form,
                filed,
                self._grid.currency[n],
                self._grid.industry,
                " ".join(computed) or None,
                *values,
            )
        )
        self._figures[key] = figures


def _has_enough(told: Collection[AnyFigure]) -> bool:
    """Whether a period has as many distinct facts as a statement needs; lines may copy one another."""
    if len(told) < FEWEST_LINES or len(told) > _COPIES * FEWEST_LINES:
        return len(told) >= FEWEST_LINES
    return len({id(fact) for figure in told for _, fact in sources_of(figure)}) >= FEWEST_LINES


def _turned(axis: Mapping[str, Cells], statement: str, told: Collection[int]) -> dict[int, Figured]:
    """Figures by period (or end), of those that have an anchor, or an income statement, and lines enough.

    Args:
        told: periods that have an income statement.
    """
    columns = COLUMNS[statement]
    anchored = {n for anchor in ANCHORS[statement] for n in axis.get(anchor, ())}.union(told)
    turned: dict[int, Figures] = {n: {} for n in anchored}
    for at, column in enumerate(columns):
        for n, figure in axis.get(column, {}).items():
            if (figures := turned.get(n)) is not None:
                figures[at] = figure
    lines = ((n, _line(columns, figures)) for n, figures in turned.items())
    return {n: line for n, line in lines if line is not None}


def _line(columns: Sequence[str], figures: Figures) -> Figured | None:
    """A period's line; None where it has too few figures."""
    if not _has_enough(figures.values()):
        return None
    computed: list[str] = []
    values: list[float | None] = [None] * len(columns)
    last: FoldedFact | None = None
    day, number, where = -math.inf, 0, 0
    # Some thousand figures a company pass here: no calls, and each is looked at once.
    for at, figure in figures.items():
        values[at] = figure.value
        if type(figure) is Figure:
            computed.append(columns[at])
            fact = figure.last
        else:
            fact = figure  # type: ignore[assignment]
        filed = fact.filed
        if filed >= day and (filed > day or fact.accession > number):
            last, day, number, where = fact, filed, fact.accession, at
    assert last is not None
    return Figured(figures, values, last, where, (last.filed, number), computed)
