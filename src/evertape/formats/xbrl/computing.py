"""Lines that are computed from other lines, where no tag gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evertape.formats.xbrl.cells import AnyFigure, combine, of_one_taxonomy, on_one_filing
from evertape.formats.xbrl.concepts import LINES, Term
from evertape.formats.xbrl.durations import Cells
from evertape.formats.xbrl.index import FactIndex

PROOF = 3
"""Periods in which a formula must agree with a company's own line before it speaks for the line."""

_PARTS = tuple(
    (
        line.name,
        frozenset((tag.taxonomy, tag.name) for tag in line.tags),
        frozenset(name for formula in line.formulas for _, name, _ in formula),
    )
    for line in LINES
)
_NAMES = frozenset(line.name for line in LINES)
_COMPUTED = tuple(line for line in LINES if line.formulas or line.proven or line.on_sheet)
_NONE: Cells = {}


class Computing:
    """The catalogue's formulas for one company."""

    def __init__(self, index: FactIndex) -> None:
        self._index = index
        self._unused = _unused(index)
        self._mixed = len({key[0] for key in index.series}) > 1

    def fill(self, axis: Mapping[str, Cells], notes: Mapping[str, Cells]) -> None:
        """Add what formulas give where the tags gave nothing, formulas in their order.

        Args:
            notes: figures by line that count after the formulas; a note that says the same is the figure.
        """
        for line in _COMPUTED:
            if line.name not in axis:
                continue
            cells = axis[line.name]
            for formula in line.formulas:
                self._apply(formula, axis, cells)
            for n, figure in notes.get(line.name, _NONE).items():
                if n not in cells or cells[n].value == figure.value:
                    cells[n] = figure
            for formula in line.proven:
                computed: Cells = {}
                self._apply(formula, axis, computed)
                if _is_proven(computed, cells):
                    cells.update({n: figure for n, figure in computed.items() if n not in cells})

    def _apply(self, formula: Sequence[Term], axis: Mapping[str, Cells], cells: Cells) -> None:
        needed = [axis.get(name, _NONE) for _, name, need in formula if self._is_needed(name, need)]
        terms = [(sign, axis.get(name, _NONE), need == "never") for sign, name, need in formula]
        if needed:
            numbers = [n for n in needed[0] if n not in cells]
            for found in needed[1:]:
                numbers = [n for n in numbers if n in found]
        else:
            numbers = list(dict.fromkeys(n for _, found, _ in terms for n in found if n not in cells))
        if self._mixed:
            for n in numbers:
                had = [(sign, found[n], optional) for sign, found, optional in terms if n in found]
                cells[n] = self._sum(of_one_taxonomy(had, lambda fact: self._index.key_of(fact)[0]))
            return
        for n in numbers:
            cells[n] = self._sum([(sign, found[n]) for sign, found, _ in terms if n in found])

    def _is_needed(self, name: str, need: str) -> bool:
        return need == "always" or (need == "if used" and name not in self._unused)

    def _sum(self, terms: Sequence[tuple[int, AnyFigure]]) -> AnyFigure:
        if len(terms) == 1:
            ((sign, figure),) = terms
            return figure if sign > 0 else combine(terms)
        if not self._index.revised:
            return combine(terms)
        return combine(on_one_filing(terms, self._index.revised, lambda a: self._index.filed(a)[0]))


def admit_notes(flows: Mapping[str, Cells], notes: Mapping[str, Cells]) -> None:
    """Let notes speak where what is reported besides gives no formula of their line all its terms."""
    for line in _COMPUTED:
        for n, figure in notes.get(line.name, _NONE).items():
            terms = [[flows.get(name, _NONE) for _, name, _ in formula] for formula in line.formulas]
            if not any(all(n in cells for cells in found) for found in terms):
                flows[line.name].setdefault(n, figure)


def _is_proven(computed: Cells, told: Cells) -> bool:
    """Whether a formula gives what the company reports wherever it reports it, three times at least."""
    common = computed.keys() & told.keys()
    return len(common) >= PROOF and all(computed[n].value == told[n].value for n in common)


def _unused(index: FactIndex) -> frozenset[str]:
    """Lines of which the company has no tag at all, nor of what they are computed from."""
    tags = {key[:2] for key in index.series}
    used: set[str] = set()
    for line, own, parts in _PARTS:
        if not own.isdisjoint(tags) or not parts.isdisjoint(used):
            used.add(line)
    return _NAMES - used
