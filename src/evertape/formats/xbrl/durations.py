"""Facts over a time to figures of fiscal periods: as reported, or as differences of figures to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from evertape.formats.xbrl.cells import (
    ROUGH,
    AnyFigure,
    Figure,
    adding_up,
    combine,
    difference,
    is_roughly,
    is_rounding,
    last_quarter,
    minus,
    rest,
    shares_basis,
    sources_of,
    subtracted,
)
from evertape.formats.xbrl.facts import FoldedFact
from evertape.formats.xbrl.index import FactIndex, Latest
from evertape.formats.xbrl.periods import PERIODIC_FORMS, Period, Span, twelve_months

Cells: TypeAlias = dict[int, AnyFigure]
"""By period number (flows), or by the day a period ends (balance sheets)."""
Signed: TypeAlias = tuple[int, Latest]
"""A tag's sign and its facts."""

_NONE = -1
"""The number of a period that is none."""


_Fact = TypeVar("_Fact")


class Slots:
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

    def fill(self, series: Mapping[Span, _Fact]) -> dict[int, _Fact]:
        """By period, the fact under its most used dates that has one."""
        numbers = map(self.first.get, series)
        cells = {n: fact for n, fact in zip(numbers, series.values(), strict=True) if n is not None}
        self.add_others(series, cells)
        return cells

    def add_others(self, series: Mapping[Span, _Fact], cells: dict[int, _Fact]) -> None:
        """Add, where a period has no fact under its most used dates, one under other dates."""
        for number, span in self.others:
            if number not in cells and span in series:
                cells[number] = series[span]


class Durations:
    """The periods of a company, to be filled from a tag's facts.

    Args:
        basis: an accession's filing basis, the fiscal year that the filing is about.
    """

    def __init__(self, periods: Sequence[Period], index: FactIndex, basis: Callable[[int], object]) -> None:
        self._periods = periods
        self._index = index
        self._basis = basis
        numbers = {(p.year.start, p.quarter): n for n, p in enumerate(periods)}
        self._own = Slots((n, p.spans) for n, p in enumerate(periods))
        to_date = {n: p.to_date for n, p in enumerate(periods) if p.quarter}
        self._before: dict[int, int] = {}
        self._earlier: dict[int, list[int]] = {}
        for n, p in enumerate(periods):
            if p.quarter > 1:
                before = numbers.get((p.year.start, p.quarter - 1))
                if before is None:
                    # Two quarters may be told by their sum alone, which is no period of its own.
                    before = len(periods) + n
                    to_date[before] = p.before
                self._before[n] = before
                self._earlier[n] = [numbers.get((p.year.start, q), _NONE) for q in range(1, p.quarter)]
        self._spans = to_date
        self._to_date = Slots(to_date.items())
        spans = self._own.first.keys() | self._to_date.first.keys()
        self._places = {s: (self._own.first.get(s), self._to_date.first.get(s)) for s in spans}
        ambiguous = {n for n, _ in self._to_date.others}
        self._steps = [
            (n, before, periods[n].quarter == 4, n not in ambiguous and before not in ambiguous)
            for n, before in self._before.items()
        ]
        """Quarters after the first: the one before, whether it closes the year, whether dates are sure."""
        self._years = [
            (numbers[start, 0], [numbers[start, q] for q in (1, 2, 3, 4)])
            for start, quarter in numbers
            if quarter == 0 and all((start, q) in numbers for q in (1, 2, 3, 4))
        ]
        self._totals: dict[int, dict[int, FoldedFact]] = {}
        self._windows = {n: numbers for n, numbers in twelve_months(list(periods)) if len(numbers) > 1}
        self.torn: dict[int, set[int]] = {}
        """By the id of a tag's facts, quarters that are differences of figures to date restated since."""

    def alone(self, series: Latest) -> Cells:
        """What facts of the periods themselves say."""
        return self._own.fill(series)

    def flow(self, series: Latest) -> Cells:
        """The same, and the quarters that are differences of figures to date.

        A quarter that no periodic report has is taken from other forms only where it is no difference.
        """
        cells, to_date = self._placed(series)
        self._totals[id(series)] = to_date
        if id(series) not in self._index.unperiodic:
            self._subtract(series, to_date, cells)
            return cells
        odd = {n: f for n, f in cells.items() if n in self._before and not _is_periodic(f)}
        for n in odd:
            del cells[n]
        self._subtract(series, to_date, cells)
        for n, figure in odd.items():
            if n not in cells or not _is_periodic(cells[n]):
                cells[n] = figure
        return cells

    def _placed(self, series: Latest) -> tuple[Cells, dict[int, FoldedFact]]:
        """Facts of the periods themselves, and those to date, in one pass over a tag's facts."""
        cells: Cells = {}
        to_date: dict[int, FoldedFact] = {}
        for places, fact in zip(map(self._places.get, series), series.values(), strict=True):
            if places is not None:
                own, until = places
                if own is not None:
                    cells[own] = fact
                if until is not None:
                    to_date[until] = fact
        self._own.add_others(series, cells)
        self._to_date.add_others(series, to_date)
        return cells, to_date

    def _subtract(self, series: Latest, to_date: Mapping[int, FoldedFact], cells: Cells) -> None:
        """Add the quarters that are differences of figures to date.

        A quarter that is said to be as much as the year to its end, of which part was told before, is a
        figure to date under a quarter's dates.
        """
        if not to_date:
            return
        revised = self._index.revised
        for n, before, closes, plain in [step for step in self._steps if step[0] in to_date]:
            whole = to_date[n]
            told = None if closes else cells.get(n)
            rough = None if told is None or told.value == whole.value else told.value
            if rough is not None and rough % ROUGH:
                continue
            part = to_date.get(before)
            if told is not None and (part is None or not part.value):
                continue
            figure: Figure | None = None
            if part is None:
                if n not in cells and self._earlier[n][0] in cells:
                    figure = self._less_quarters(n, whole, cells)
            elif plain and id(whole) not in revised and id(part) not in revised:
                figure = minus(whole, part) if whole.start == part.start else None
            else:
                spans = self._spans[n], self._spans[before]
                figure = subtracted(series, *spans, self._index.reports, self._basis)
                if figure is not None and (figure.terms[0][1] is not whole or figure.terms[1][1] is not part):
                    self.torn.setdefault(id(series), set()).add(n)
            if figure is None or (rough is not None and not is_roughly(rough, figure.value)):
                continue
            if not closes:
                cells[n] = figure
                continue
            if part is not None and type(third := cells.get(before)) is FoldedFact:
                first, second = cells.get(self._earlier[n][0]), cells.get(self._earlier[n][1])
                if first and second and first.value + second.value + third.value != part.value:
                    figure = adding_up(figure, (first, second, third))
            cells[n] = last_quarter(cells[n], figure) if n in cells else figure

    def _less_quarters(self, n: int, whole: FoldedFact, cells: Cells) -> Figure | None:
        """A quarter as the year to its end less the quarters before, where they are reported alone."""
        parts = [cells.get(m) for m in self._earlier[n]]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return rest(whole, known, self._index.reports, self._basis)

    def trailing(self, series: Latest, own: Cells, cells: Cells, sign: int) -> dict[int, AnyFigure | None]:
        """Twelve months whose quarters add a period's figure on one basis and subtract it on another.

        They are the year less its first quarters, told together, and the figure to date; None where one of
        these is not told.

        Args:
            own: the tag's own figures. cells: the line's.
        """
        torn, to_date = self.torn[id(series)], self._totals[id(series)]
        found: dict[int, AnyFigure | None] = {}
        for n, numbers in self._windows.items():
            alone = all(m in own and cells.get(m) is own[m] for m in numbers)
            if torn.isdisjoint(numbers[1:]) or not alone or not _contradict([own[m] for m in numbers]):
                continue
            year = next(m for m in numbers if self._periods[m].quarter == 4)
            whole, part, since = to_date.get(year), to_date.get(self._before[numbers[0]]), to_date.get(n)
            if whole is None or part is None or since is None or whole.start != part.start:
                found[n] = None
                continue
            reports = self._index.reports
            rest_of_year = difference(reports(whole), reports(part), self._basis)
            figure = combine([(1, rest_of_year), (1, since)])
            found[n] = figure if sign > 0 else combine([(-1, figure)])
        return found

    def across(self, tags: Sequence[Signed], cells: Cells) -> None:
        """Add the quarters of which one tag of a line tells the longer and another the shorter time.

        A company that changes its tag within a year leaves a quarter that no tag alone tells. Two tags
        are one line's if they say the same of the latest period of which both speak.
        """
        totals = [self._totals[id(series)] for _, series in tags]
        if sum(map(bool, totals)) < 2:
            return
        for n, before in self._before.items():
            if n in cells:
                continue
            for (sign, one), wholes in zip(tags, totals, strict=True):
                if n not in wholes:
                    continue
                for (other_sign, other), parts in zip(tags, totals, strict=True):
                    part = parts.get(before)
                    if (
                        part is not None
                        and part.start == wholes[n].start
                        and sign == other_sign
                        and n not in cells
                        and _agree(one, other)
                    ):
                        figure = minus(wholes[n], part)
                        cells[n] = figure if sign > 0 else combine([(-1, figure)])

    def by_year(self, found: Sequence[Cells], cells: Cells) -> None:
        """Let the tag that gives a year give its quarters, where others do not add up to it and it tells all.

        Interim reports may tell a part of a line under a tag that is first in rank.
        """
        first, *others = found
        for year, quarters in self._years:
            whole = cells.get(year)
            if whole is None:
                continue
            self._restate_fourth(whole, quarters, cells)
            if first.get(year) is whole:
                continue
            tag = next((each for each in others if each.get(year) is whole), first)
            strange = [n for n in quarters if n not in tag or cells.get(n) is not tag[n]]
            if not strange or any(n not in tag for n in strange):
                continue
            if not is_rounding(whole.value, sum(cells[n].value for n in quarters)):
                cells.update({n: tag[n] for n in strange})

    def _restate_fourth(self, whole: AnyFigure, quarters: Sequence[int], cells: Cells) -> None:
        """The fourth quarter where another tag restates the year after the three before it were restated.

        What the year is less the three, if filings about one fiscal year told all four; the difference that
        the older tag tells is on the basis that was given up.
        """
        *first, last = (cells.get(n) for n in quarters)
        if type(whole) is not FoldedFact or type(last) is not Figure or None in first:
            return
        known: list[AnyFigure] = [figure for figure in first if figure is not None]
        if last.last.filed >= whole.filed or is_rounding(
            whole.value, last.value + sum(figure.value for figure in known)
        ):
            return
        figure = rest(whole, known, self._index.reports, self._basis)
        if shares_basis(whole, known, self._basis) and not shares_basis(whole, [last], self._basis):
            cells[quarters[-1]] = figure

    def readings(self, n: int, tags: Sequence[Signed]) -> Iterator[AnyFigure]:
        """Everything the facts let a period's figure be: by tag in rank, the latest first."""
        period = self._periods[n]
        for sign, series in tags:
            for fact in self._reports(series, period.spans):
                yield fact if sign > 0 else combine([(-1, fact)])
        if n not in self._before:
            return
        parts = [(sign, f) for sign, s in tags for f in self._reports(s, self._spans[self._before[n]])]
        for sign, series in tags:
            for whole in self._reports(series, period.to_date):
                for other_sign, part in parts:
                    if part.start == whole.start and sign == other_sign:
                        figure = minus(whole, part)
                        yield figure if sign > 0 else combine([(-1, figure)])

    def _reports(self, series: Latest, spans: Sequence[Span]) -> Iterator[FoldedFact]:
        for span in spans:
            if span in series:
                yield from reversed(self._index.readings(series[span]))


def _is_periodic(figure: AnyFigure) -> bool:
    return all(fact.form in PERIODIC_FORMS for _, fact in sources_of(figure))


def _agree(one: Latest, other: Latest) -> bool:
    """Whether two tags say the same, rounding aside, of the latest period of which both speak."""
    common = one.keys() & other.keys()
    if not common:
        return False
    last = max(common, key=lambda span: (span[1], span[0] or 0))
    return is_rounding(one[last].value, other[last].value)


def merged(found: Sequence[Mapping[int, AnyFigure]]) -> Cells:
    """Of several tags' figures, those of the first that has one."""
    cells: Cells = {}
    for each in reversed(found):
        cells.update(each)
    return cells


def _contradict(figures: Sequence[AnyFigure]) -> bool:
    """Whether a period's value is added by one figure and another of its values subtracted by the next."""
    added: dict[Span, float] = {}
    subtracted: dict[Span, float] = {}
    for figure in figures:
        for sign, fact in sources_of(figure):
            (added if sign > 0 else subtracted)[fact.start, fact.end] = fact.value
    return any(value != added.get(span, value) for span, value in subtracted.items())
