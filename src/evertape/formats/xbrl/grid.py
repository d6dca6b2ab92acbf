"""The figures of one company, line by line: which period has which, reported, subtracted or computed.

A line is worked out for all periods at once; that is what makes it quick.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from evertape.formats.xbrl.cells import (
    AnyFigure,
    combine,
    consolidated,
    last_filed,
    of_one_taxonomy,
    on_one_filing,
)
from evertape.formats.xbrl.concepts import LINES, Line, Term, industry_of
from evertape.formats.xbrl.durations import Cells, Durations, Signed, Slots, merged
from evertape.formats.xbrl.index import Currencies, FactIndex, Latest, balance_dates, nearest, one_series
from evertape.formats.xbrl.periods import (
    INTERIM_FORMS,
    SLIP,
    Period,
    fiscal_periods,
    fiscal_years,
    year_naming,
)
from evertape.formats.xbrl.settling import FLOWS_SETTLED, HELD, settle_cash_held, settle_flows, settle_sheets

FLOW_KINDS = frozenset({"flow", "per_share", "average"})

_COMPUTED = tuple(line for line in LINES if line.formulas or line.proven or line.on_sheet)
_NONE: Cells = {}
PROOF = 3
"""Periods in which a formula must agree with a company's own line before it speaks for the line."""


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
        self.periods = fiscal_periods(years, index.totals(), index.shown())
        self.names = year_naming(years, index.focus)
        self._starts = sorted(self.names)
        self._bases: dict[int, int | None] = {}
        money = Currencies(index)
        self.currency = [money.of(p) for p in self.periods]
        self._durations = Durations(self.periods, index, self._basis)
        self._quarter_ends = frozenset(p.end for p in self.periods if p.quarter in (1, 2, 3))
        self.industry = industry_of({key[1] for key in index.series})
        self._unused = _unused(index)
        self._mixed = len({key[0] for key in index.series}) > 1
        self._sheet_days()
        self.flows: dict[str, Cells] = {}
        self.sheets: dict[str, Cells] = {}
        self._notes: dict[str, Cells] = {}
        self._told: dict[int, set[int]] = {}
        self._fill()
        self._admit_notes()
        settle_flows(self.flows, self._notes, self._readings)
        settle_sheets(self.sheets)
        self._compute(self.flows)
        self._compute(self.sheets)
        settle_cash_held(self.sheets, self._changes(), self._held)

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
        self._instants = Slots((end, [(None, day) for day in nearest(days, end)]) for end in currency)

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
        tags = self._tags(line, currency)
        if line.on_sheet and self._quarter_ends and line.kind not in FLOW_KINDS:
            tags = [(sign, s) for sign, s in tags if _is_quarterly(s, self._quarter_ends)]
        found = []
        for sign, series in tags:
            cells = self._cells(line, series)
            if sign < 0:
                cells = {n: combine([(-1, figure)]) for n, figure in cells.items()}
            found.append(cells)
        if line.on_sheet and line.kind == "flow" and self._interim:
            notes = [self._split_notes(series, cells) for (_, series), cells in zip(tags, found, strict=True)]
            self._notes.setdefault(line.name, {}).update(merged(notes))
        if len(found) < 2:
            return found[0] if found else {}
        if line.kind != "flow":
            return merged(found)
        cells = _consolidated(found) if line.whole else self._by_face(tags, found)
        self._durations.across(tags, cells)
        return cells

    def _by_face(self, tags: Sequence[Signed], found: Sequence[Cells]) -> Cells:
        """By rank, but a tag that interim reports of its filing's year use not comes after one that they do.

        Notes to annual reports tell a line again, often of a part of the company or with other items.
        """
        cells: Cells = {}
        for rank in reversed(range(len(tags))):
            each, series = found[rank], tags[rank][1]
            kept = {}
            for n in each.keys() & cells.keys():
                if each[n].value != cells[n].value and not self._is_on_face(series, each[n]):
                    by = next(tags[r][1] for r in range(rank + 1, len(tags)) if found[r].get(n) is cells[n])
                    if self._is_on_face(by, cells[n]):
                        kept[n] = cells[n]
            cells.update(each)
            cells.update(kept)
        return cells

    def _is_on_face(self, series: Latest, figure: AnyFigure) -> bool:
        year = self._basis(last_filed(figure).accession)
        return year not in self._interim or year in self._said(series)

    def _tags(self, line: Line, currency: str) -> list[Signed]:
        """The facts of each of the line's tags in a currency, in rank."""
        found, units = self.index.series, _units(line, currency)
        if len(units) == 1:
            return [
                (tag.sign, series)
                for tag in line.tags
                if (series := found.get((tag.taxonomy, tag.name, units[0]))) is not None
            ]
        tags = []
        for tag in line.tags:
            both = [s for unit in units if (s := found.get((tag.taxonomy, tag.name, unit))) is not None]
            if both:
                tags.append(
                    (tag.sign, both[0] if len(both) == 1 else one_series(*both, first=self.index.first))
                )
        return tags

    def _split_notes(self, series: Latest, cells: Cells) -> Cells:
        """Take out, of a year with interim reports, what a tag says that none of them uses in the year."""
        if not cells:
            return {}
        noted = self._interim - self._said(series)
        return {n: cells.pop(n) for n in list(cells) if self.periods[n].year.start in noted}

    def _said(self, series: Latest) -> set[int]:
        """The fiscal years of which interim reports use a tag, by their first days."""
        if id(series) not in self._told:
            self._told[id(series)] = {
                self._year_of(f.end)
                for f in series.values()
                if f.form in INTERIM_FORMS or any(self.index.filed(a)[1] in INTERIM_FORMS for a in f.repeats)
            }
        return self._told[id(series)]

    def _year_of(self, end: int) -> int:
        return self._starts[max(bisect_right(self._starts, end) - 1, 0)]

    def _cells(self, line: Line, series: Latest) -> Cells:
        if line.kind not in FLOW_KINDS:
            return dict(self._instants.fill(series))
        return self._durations.flow(series) if line.kind == "flow" else self._durations.alone(series)

    def _cover(self) -> Cells:
        """Cover page share counts, on the period that the filing is about."""
        cells: Cells = {}
        for about, fact in self.index.cover_shares():
            for end in self._currency_at:
                if abs(end - about) <= SLIP and (end not in cells or cells[end].value != fact.value):
                    cells[end] = fact
        return cells

    def _basis(self, accession: int) -> object:
        """The fiscal year that a filing is about, by its first day."""
        if accession not in self._bases:
            end = self.index.main_end(accession)
            at = 0 if end is None else bisect_left(self._starts, end)
            self._bases[accession] = self._starts[at - 1] if at else None
        return self._bases[accession]

    def _compute(self, axis: dict[str, Cells]) -> None:
        """What formulas give where the tags gave nothing, formulas in their order."""
        for line in _COMPUTED:
            if line.name not in axis:
                continue
            cells = axis[line.name]
            for formula in line.formulas:
                self._apply(formula, axis, cells)
            for n, figure in self._notes.get(line.name, _NONE).items():
                if n not in cells or cells[n].value == figure.value:
                    cells[n] = figure
            for formula in line.proven:
                computed: Cells = {}
                self._apply(formula, axis, computed)
                if _is_proven(computed, cells):
                    cells.update({n: figure for n, figure in computed.items() if n not in cells})

    def _admit_notes(self) -> None:
        """Let notes speak where what is reported besides gives no formula of their line all its terms."""
        for line in _COMPUTED:
            for n, figure in self._notes.get(line.name, _NONE).items():
                terms = [[self.flows.get(name, _NONE) for _, name, _ in formula] for formula in line.formulas]
                if not any(all(n in cells for cells in found) for found in terms):
                    self.flows[line.name].setdefault(n, figure)

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
            for fact in reversed(self.index.reports(series[None, day]))
        ]

    def _apply(self, formula: Sequence[Term], axis: Mapping[str, Cells], cells: Cells) -> None:
        needed = [axis.get(name, _NONE) for _, name, need in formula if self._is_needed(name, need)]
        terms = [(sign, axis.get(name, _NONE), need == "never") for sign, name, need in formula]
        among = needed[:1] or [found for _, found, _ in terms]
        for n in [n for found in among for n in found if n not in cells]:
            if n in cells or any(n not in found for found in needed):
                continue
            had = [(sign, found[n], optional) for sign, found, optional in terms if n in found]
            cells[n] = had[0][1] if len(had) == 1 and had[0][0] > 0 else self._sum(had)

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


def _consolidated(found: Sequence[Cells]) -> Cells:
    if len(found) < 2:
        return merged(found)
    every = dict.fromkeys(n for cells in found for n in cells)
    return {n: consolidated([cells[n] for cells in found if n in cells]) for n in every}


def _is_proven(computed: Cells, told: Cells) -> bool:
    """Whether a formula gives what the company reports wherever it reports it, three times at least."""
    common = computed.keys() & told.keys()
    return len(common) >= PROOF and all(computed[n].value == told[n].value for n in common)


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
