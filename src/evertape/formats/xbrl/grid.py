"""The figures of one company, line by line: which period has which, reported, subtracted or computed.

A line is worked out for all periods at once; that is what makes it quick.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cache

from evertape.formats.xbrl.cells import AnyFigure, combine, consolidated
from evertape.formats.xbrl.computing import Computing, admit_notes
from evertape.formats.xbrl.concepts import LINES, Line, industry_of
from evertape.formats.xbrl.durations import Cells, Durations, Signed, Slots, merged
from evertape.formats.xbrl.faces import Faces
from evertape.formats.xbrl.facts import Key
from evertape.formats.xbrl.index import Currencies, FactIndex, Latest, balance_dates, nearest, one_series
from evertape.formats.xbrl.periods import SLIP, Period, fiscal_periods, fiscal_years, year_naming
from evertape.formats.xbrl.settling import FLOWS_SETTLED, HELD, settle_cash_held, settle_flows, settle_sheets

FLOW_KINDS = frozenset({"flow", "per_share", "average"})

_NONE: Cells = {}


class _Bases(dict[int, int | None]):
    """The fiscal year that a filing is about, by its first day.

    Not the grid's own method: a grid that its parts hold would outlive its use, with all its facts,
    until cyclic garbage is collected.
    """

    def __init__(self, index: FactIndex, starts: Sequence[int]) -> None:
        super().__init__()
        self._index = index
        self._starts = starts

    def __missing__(self, accession: int) -> int | None:
        end = self._index.main_end(accession)
        at = 0 if end is None else bisect_left(self._starts, end)
        year = self[accession] = self._starts[at - 1] if at else None
        return year


class Grid:
    """Figures by line.

    Attributes:
        periods: in order of their ends; their numbers are the keys of `flows`.
        names: what the company calls each fiscal year, by the year's first day.
        currency: by period number. industry: how the company reports, as `industry_of` has it.
        flows: by line and period number. sheets: by line and the day a period ends.
    """

    def __init__(self, index: FactIndex, sic: str | None = None) -> None:
        self.index = index
        years = fiscal_years(index.filings)
        self.periods = fiscal_periods(years, index.totals(), index.shown())
        self.names = year_naming(years, index.focus)
        self._starts = sorted(self.names)
        basis = _Bases(index, self._starts).__getitem__
        money = Currencies(index)
        self.currency = [money.of(p) for p in self.periods]
        self._durations = Durations(self.periods, index, basis)
        self._faces = Faces(index, self.periods, self._starts, basis)
        self._quarter_ends = frozenset(p.end for p in self.periods if p.quarter in (1, 2, 3))
        self.industry = industry_of({key[1] for key in index.series}, sic)
        self._sheet_days()
        self.flows: dict[str, Cells] = {}
        self.sheets: dict[str, Cells] = {}
        self._notes: dict[str, Cells] = {}
        self._trailing: dict[str, dict[int, AnyFigure | None]] = {}
        self._fill()
        admit_notes(self.flows, self._notes)
        settle_flows(self.flows, self._notes, self._readings)
        settle_sheets(self.sheets)
        formulas = Computing(index)
        formulas.fill(self.flows, self._notes)
        formulas.fill(self.sheets, {})
        settle_cash_held(self.sheets, self._changes(), self._held)

    def has_sheet(self, period: Period) -> bool:
        """The end of a year closes a quarter too, where the company reports quarters around it."""
        if period.quarter != 4:
            return True
        at = self._starts.index(period.year.start)
        return not self._faces.interim.isdisjoint(self._starts[at : at + 2])

    def trailing(self, n: int) -> dict[str, AnyFigure | None]:
        """By line, the twelve months to a quarter's end where they are not the sum of its four quarters."""
        return {line: cells[n] for line, cells in self._trailing.items() if n in cells}

    def _sheet_days(self) -> None:
        days = balance_dates(self.index)
        currency: dict[int, str] = {}
        for n, p in enumerate(self.periods):
            currency.setdefault(p.end, self.currency[n])
        self._currency_at = currency
        self._instants = Slots((end, [(None, day) for day in nearest(days, end)]) for end in currency)

    def _fill(self) -> None:
        """What the tags themselves give."""
        for currency in dict.fromkeys(self.currency):
            only = len(set(self.currency)) > 1
            numbers = {n for n, c in enumerate(self.currency) if c == currency}
            ends = {end for end, c in self._currency_at.items() if c == currency}
            for line in LINES:
                flow = line.kind in FLOW_KINDS
                notes: Cells = {}
                cells = self._cover() if line.kind == "cover" else self._line(line, currency, notes)
                if only:
                    kept = numbers if flow else ends
                    cells = {n: figure for n, figure in cells.items() if n in kept}
                    notes = {n: figure for n, figure in notes.items() if n in kept}
                (self.flows if flow else self.sheets).setdefault(line.name, {}).update(cells)
                if notes:
                    self._notes.setdefault(line.name, {}).update(notes)

    def _line(self, line: Line, currency: str, notes: Cells) -> Cells:
        """What a line's tags give; what is but a note goes to `notes`."""
        tags = self._tags(line, currency)
        if line.on_sheet and self._quarter_ends and line.kind not in FLOW_KINDS:
            tags = [(sign, s) for sign, s in tags if _is_quarterly(s, self._quarter_ends)]
        found = []
        for sign, series in tags:
            cells = self._cells(line, series)
            if sign < 0:
                cells = {n: combine([(-1, figure)]) for n, figure in cells.items()}
            found.append(cells)
        torn = [at for at, (_, s) in enumerate(tags) if id(s) in self._durations.torn]
        if line.on_sheet and line.kind == "flow":
            taken = [self._faces.take_notes(s, cells) for (_, s), cells in zip(tags, found, strict=True)]
            notes.update(merged(taken))
        if len(found) < 2:
            cells = found[0] if found else {}
        elif line.kind != "flow":
            return merged(found)
        else:
            cells = _consolidated(found) if line.whole else self._faces.by_rank(tags, found)
            if not line.whole:
                self._durations.by_year(found, cells)
            self._durations.across(tags, cells)
        for at in torn:
            sign, series = tags[at]
            trailing = self._durations.trailing(series, found[at], cells, sign)
            self._trailing.setdefault(line.name, {}).update(trailing)
        return cells

    def _tags(self, line: Line, currency: str) -> list[Signed]:
        """The facts of each of the line's tags in a currency, in rank."""
        found, units = self.index.series, _units(line, currency)
        keys = _keys(line.name, units[0])
        if len(units) == 1:
            return [(sign, found[key]) for sign, key in keys if key in found]
        tags = []
        for (sign, key), (_, other) in zip(keys, _keys(line.name, units[1]), strict=True):
            both = [found[each] for each in (key, other) if each in found]
            if both:
                tags.append((sign, both[0] if len(both) == 1 else one_series(*both, first=self.index.first)))
        return tags

    def _cells(self, line: Line, series: Latest) -> Cells:
        if line.kind not in FLOW_KINDS:
            return self._instants.fill(series)
        return self._durations.flow(series) if line.kind == "flow" else self._durations.alone(series)

    def _cover(self) -> Cells:
        """Cover page share counts, on the period that the filing is about."""
        cells: Cells = {}
        ends = sorted(self._currency_at)
        for about, fact in self.index.cover_shares():
            for end in ends[bisect_left(ends, about - SLIP) : bisect_right(ends, about + SLIP)]:
                if end not in cells or cells[end].value != fact.value:
                    cells[end] = fact
        return cells

    def _readings(self, n: int, name: str) -> list[AnyFigure]:
        """Everything that a line that is settled may be in a period."""
        return list(self._durations.readings(n, self._tags(FLOWS_SETTLED[name], self.currency[n])))

    def _changes(self) -> list[tuple[int, int, float]]:
        periods = self.periods
        change = self.flows.get("net_cash_flow", _NONE)
        return [(periods[n].start - 1, periods[n].end, figure.value) for n, figure in change.items()]

    def _held(self, day: int) -> list[AnyFigure]:
        """Everything that all cash may be on a day: by tag in rank, the latest first."""
        return [
            fact
            for line in HELD
            for _, series in self._tags(line, self._currency_at[day])
            if (None, day) in series
            for fact in reversed(self.index.readings(series[None, day]))
        ]


def _consolidated(found: Sequence[Cells]) -> Cells:
    if len(found) < 2:
        return merged(found)
    every = dict.fromkeys(n for cells in found for n in cells)
    return {n: consolidated([cells[n] for cells in found if n in cells]) for n in every}


def _is_quarterly(series: Latest, quarter_ends: frozenset[int]) -> bool:
    """Whether a tag is reported at the end of a quarter within a year, not in annual reports alone."""
    return any(end in quarter_ends for _, end in series)


_TAGS = {line.name: line.tags for line in LINES}


@cache
def _keys(name: str, unit: str) -> tuple[tuple[int, Key], ...]:
    """Sign and key of each of a line's tags in a unit, in rank."""
    return tuple((tag.sign, (tag.taxonomy, tag.name, unit)) for tag in _TAGS[name])


def _units(line: Line, currency: str) -> tuple[str, ...]:
    """Units of a line's facts. Older bodies write a value per share in the bare currency."""
    if line.kind == "per_share":
        return (f"{currency}/shares", currency)
    return ("shares",) if line.kind in ("average", "shares") else (currency,)
