"""The figures of one company, line by line: which period has which, reported, subtracted or computed.

A line is worked out for all periods at once; that is what makes it quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from evertape.formats.xbrl.cells import (
    AnyFigure,
    combine,
    consolidated,
    last_quarter,
    minus,
    of_one_taxonomy,
    on_one_filing,
    subtracted,
)
from evertape.formats.xbrl.concepts import LINES, Line, Term, industry_of
from evertape.formats.xbrl.facts import FoldedFact
from evertape.formats.xbrl.index import Currencies, FactIndex, Latest, balance_dates, nearest
from evertape.formats.xbrl.periods import SLIP, Period, Span, fiscal_periods, fiscal_years, year_naming

FLOW_KINDS = frozenset({"flow", "per_share", "average"})
Cells: TypeAlias = dict[int, AnyFigure]
"""By period number (flows), or by the day a period ends (balance sheets)."""

_COMPUTED = tuple(line for line in LINES if line.formulas)
_NONE: Cells = {}


class _Slots:
    """Which period a duration belongs to. Where filers mistype days, several belong to one."""

    def __init__(self, spans: Iterable[tuple[int, Sequence[Span]]]) -> None:
        self.first: dict[Span, int] = {}
        self.others: list[tuple[int, Span]] = []
        for number, found in spans:
            for rank, span in enumerate(found):
                if rank:
                    self.others.append((number, span))
                else:
                    self.first[span] = number

    def fill(self, series: Latest) -> Cells:
        """By period, the fact under its most used dates that has one."""
        at = self.first.get
        cells: Cells = {n: fact for span, fact in series.items() if (n := at(span)) is not None}
        for number, span in self.others:
            if number not in cells and span in series:
                cells[number] = series[span]
        return cells


class Grid:
    """Figures by line.

    Attributes:
        periods: in order of their ends; their numbers are the keys of `flows`.
        names: what the company calls each fiscal year, by the year's first day.
        currency: by period number. industry: how the company reports, by the tags it uses.
        flows: by line and period number. sheets: by line and the day a period ends.
    """

    def __init__(self, index: FactIndex) -> None:
        self.index = index
        years = fiscal_years(index.filings)
        self.periods = fiscal_periods(years, index.totals())
        self.names = year_naming(years, index.focus)
        self._starts = sorted(self.names)
        money = Currencies(index)
        self.currency = [money.of(p) for p in self.periods]
        numbers = {(p.year.start, p.quarter): n for n, p in enumerate(self.periods)}
        self._before = {
            n: numbers[p.year.start, p.quarter - 1]
            for n, p in enumerate(self.periods)
            if p.quarter > 1 and (p.year.start, p.quarter - 1) in numbers
        }
        self._last_quarters = {n for n, p in enumerate(self.periods) if p.quarter == 4}
        self._own = _Slots((n, p.spans) for n, p in enumerate(self.periods))
        self._to_date = _Slots((n, p.to_date) for n, p in enumerate(self.periods) if p.quarter)
        self._ambiguous = {n for n, _ in self._to_date.others}
        self._quarter_ends = frozenset(p.end for p in self.periods if p.quarter in (1, 2, 3))
        self.industry = industry_of({key[1] for key in index.series})
        self._unused = _unused(index)
        self._mixed = len({key[0] for key in index.series}) > 1
        self._sheet_days()
        self.flows: dict[str, Cells] = {}
        self.sheets: dict[str, Cells] = {}
        self._fill()
        self._compute(self.flows)
        self._compute(self.sheets)

    def has_sheet(self, period: Period) -> bool:
        """The end of a year closes a quarter too, where the company reports quarters around it."""
        if period.quarter != 4:
            return True
        at = self._starts.index(period.year.start)
        return not self._interim.isdisjoint(self._starts[at : at + 2])

    def _sheet_days(self) -> None:
        self._interim = {p.year.start for p in self.periods if p.quarter in (1, 2, 3)}
        days = balance_dates(self.index)
        currency: dict[int, str] = {}
        for n, p in enumerate(self.periods):
            currency.setdefault(p.end, self.currency[n])
        self._currency_at = currency
        self._instants = _Slots((end, [(None, day) for day in nearest(days, end)]) for end in currency)

    def _fill(self) -> None:
        """What the tags themselves give."""
        for currency in dict.fromkeys(self.currency):
            only = len(set(self.currency)) > 1
            numbers = {n for n, c in enumerate(self.currency) if c == currency}
            ends = {end for end, c in self._currency_at.items() if c == currency}
            for line in LINES:
                flow = line.kind in FLOW_KINDS
                cells = self._cover() if line.kind == "cover" else self._line(line, currency)
                if only:
                    kept = numbers if flow else ends
                    cells = {n: figure for n, figure in cells.items() if n in kept}
                (self.flows if flow else self.sheets).setdefault(line.name, {}).update(cells)

    def _line(self, line: Line, currency: str) -> Cells:
        tags = [
            (tag.sign, series)
            for tag in line.tags
            for unit in _units(line, currency)
            if (series := self.index.series.get((tag.taxonomy, tag.name, unit))) is not None
        ]
        if line.on_sheet and self._quarter_ends:
            tags = [(sign, s) for sign, s in tags if _is_quarterly(s, self._quarter_ends)]
        found = []
        for sign, series in tags:
            cells = self._cells(line, series)
            if sign < 0:
                cells = {n: combine([(-1, figure)]) for n, figure in cells.items()}
            found.append(cells)
        if not line.whole or len(found) < 2:
            merged: Cells = {}
            for cells in reversed(found):
                merged.update(cells)
            return merged
        every = dict.fromkeys(n for cells in found for n in cells)
        return {n: consolidated([cells[n] for cells in found if n in cells]) for n in every}

    def _cells(self, line: Line, series: Latest) -> Cells:
        if line.kind not in FLOW_KINDS:
            return self._instants.fill(series)
        cells = self._own.fill(series)
        if line.kind == "flow":
            self._subtract(series, cells)
        return cells

    def _subtract(self, series: Latest, cells: Cells) -> None:
        """Add the quarters that are differences of figures to date."""
        to_date = self._to_date.fill(series)
        revised = self.index.revised
        for n, before in self._before.items():
            if n in cells and n not in self._last_quarters:
                continue
            whole, part = to_date.get(n), to_date.get(before)
            if not isinstance(whole, FoldedFact) or not isinstance(part, FoldedFact):
                continue
            plain = n not in self._ambiguous and before not in self._ambiguous
            if plain and id(whole) not in revised and id(part) not in revised:
                figure = minus(whole, part) if whole.start == part.start else None
            else:
                spans = self.periods[n].to_date, self.periods[before].to_date
                figure = subtracted(series, *spans, self.index.reports, self._basis)
            if figure is not None:
                cells[n] = last_quarter(cells.get(n), figure)

    def _cover(self) -> Cells:
        """Cover page share counts, on the period that the filing is about."""
        cells: Cells = {}
        for about, fact in self.index.cover_shares():
            for end in self._currency_at:
                if abs(end - about) <= SLIP and (end not in cells or cells[end].value != fact.value):
                    cells[end] = fact
        return cells

    def _basis(self, accession: int) -> object:
        """The fiscal year that a filing is about."""
        end = self.index.main_end(accession)
        return None if end is None else max((s for s in self._starts if s < end), default=None)

    def _compute(self, axis: dict[str, Cells]) -> None:
        """What formulas give where the tags gave nothing, formulas in their order."""
        for line in _COMPUTED:
            if line.name not in axis:
                continue
            cells = axis[line.name]
            for formula in line.formulas:
                self._apply(formula, axis, cells)

    def _apply(self, formula: Sequence[Term], axis: Mapping[str, Cells], cells: Cells) -> None:
        needed = [axis.get(name, _NONE) for _, name, need in formula if self._is_needed(name, need)]
        terms = [(sign, axis.get(name, _NONE), need == "never") for sign, name, need in formula]
        among = needed[:1] or [found for _, found, _ in terms]
        for n in [n for found in among for n in found if n not in cells]:
            if n in cells or any(n not in found for found in needed):
                continue
            had = [(sign, found[n], optional) for sign, found, optional in terms if n in found]
            cells[n] = self._sum(had)

    def _is_needed(self, name: str, need: str) -> bool:
        return need == "always" or (need == "if used" and name not in self._unused)

    def _sum(self, terms: Sequence[tuple[int, AnyFigure, bool]]) -> AnyFigure:
        if self._mixed:
            kept = of_one_taxonomy(terms, lambda fact: self.index.key_of(fact)[0])
        else:
            kept = [(sign, figure) for sign, figure, _ in terms]
        if len(kept) == 1:
            ((sign, figure),) = kept
            return figure if sign > 0 else combine(kept)
        if not self.index.revised:
            return combine(kept)
        return combine(on_one_filing(kept, self.index.revised, lambda a: self.index.filed(a)[0]))


def _is_quarterly(series: Latest, quarter_ends: frozenset[int]) -> bool:
    """Whether a tag is reported at the end of a quarter within a year, not in annual reports alone."""
    return any(end in quarter_ends for _, end in series)


def _units(line: Line, currency: str) -> tuple[str, ...]:
    """Units of a line's facts. Older bodies write a value per share in the bare currency."""
    if line.kind == "per_share":
        return (f"{currency}/shares", currency)
    return ("shares",) if line.kind in ("average", "shares") else (currency,)


def _unused(index: FactIndex) -> frozenset[str]:
    """Lines of which the company has no tag at all, nor of what they are computed from."""
    tags = {key[:2] for key in index.series}
    used: set[str] = set()
    for line in LINES:
        if any((tag.taxonomy, tag.name) in tags for tag in line.tags) or any(
            name in used for formula in line.formulas for _, name, _ in formula
        ):
            used.add(line.name)
    return frozenset(line.name for line in LINES) - used
