"""Which figures stand in a company's statements, and which only in notes to its annual reports."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence

from evertape.formats.xbrl.cells import AnyFigure, last_filed
from evertape.formats.xbrl.durations import Cells, Signed
from evertape.formats.xbrl.facts import is_rounded
from evertape.formats.xbrl.index import FactIndex, Latest
from evertape.formats.xbrl.periods import INTERIM_FORMS, Period


class Faces:
    """What interim reports use is on the face of a statement; what they do not is a note.

    Args:
        basis: an accession's filing basis, the first day of the fiscal year that the filing is about.
    """

    def __init__(
        self,
        index: FactIndex,
        periods: Sequence[Period],
        starts: Sequence[int],
        basis: Callable[[int], object],
    ) -> None:
        self._index = index
        self._periods = periods
        self._starts = starts
        self._basis = basis
        self.interim = {p.year.start for p in periods if p.quarter in (1, 2, 3)}
        self._told: dict[int, Collection[object]] = {}

    def by_rank(self, tags: Sequence[Signed], found: Sequence[Cells]) -> Cells:
        """By rank, but a tag that interim reports of its filing's year use not comes after one that they do.

        Notes to annual reports tell a line again, often of a part of the company or with other items.
        """
        cells: Cells = {}
        for rank in reversed(range(len(tags))):
            each, series = found[rank], tags[rank][1]
            kept = {}
            for n in each.keys() & cells.keys():
                first, other = each[n].value, cells[n].value
                if first == other or is_rounded(first, other):
                    continue
                if not self._is_on_face(series, each[n]):
                    by = next(tags[r][1] for r in range(rank + 1, len(tags)) if found[r].get(n) is cells[n])
                    if self._is_on_face(by, cells[n]):
                        kept[n] = cells[n]
            cells.update(each)
            cells.update(kept)
        return cells

    def _is_on_face(self, series: Latest, figure: AnyFigure) -> bool:
        year = self._basis(last_filed(figure).accession)
        return year not in self.interim or year in self._said(series)

    def take_notes(self, series: Latest, cells: Cells) -> Cells:
        """Take out, of a year with interim reports, what a tag says that none of them uses in the year."""
        if not cells:
            return {}
        noted = self.interim.difference(self._said(series))
        return {n: cells.pop(n) for n in list(cells) if self._periods[n].year.start in noted}

    def _said(self, series: Latest) -> Collection[object]:
        """The fiscal years of which interim reports use a tag, by their first days."""
        if id(series) not in self._told:
            self._told[id(series)] = {
                self._year_of(f.end)
                for f in series.values()
                if f.form in INTERIM_FORMS or any(self._index.filed(a)[1] in INTERIM_FORMS for a in f.repeats)
            }
        return self._told[id(series)]

    def _year_of(self, end: int) -> int:
        return self._starts[max(bisect_right(self._starts, end) - 1, 0)]
