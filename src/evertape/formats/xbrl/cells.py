"""One figure of one period: which fact, which filing's, or which difference of two. Small, pure rules.

A figure that one fact gives is that fact itself; only what is computed is a `Figure`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import msgspec

from evertape.formats.xbrl.facts import FoldedFact, Series, is_rounded
from evertape.formats.xbrl.index import Latest
from evertape.formats.xbrl.periods import Span

BasisOf: TypeAlias = Callable[[int], object]
"""An accession's filing basis: the fiscal year that the filing itself is about."""
ReportsOf: TypeAlias = Callable[[FoldedFact], Series]
"""All values that a fact's period had, in filing order, the one that counts among them."""


_MOST_ROUNDED = 2e6
"""Two of the largest last digit."""
ROUGH = 1e8
"""A tenth of a billion."""
_DIGITS = (1e6, 1e5, 1e4, 1e3, 1e2, 1e1)


class Figure(msgspec.Struct, frozen=True, gc=False):
    """A value and what it was computed from.

    Attributes:
        terms: facts, or figures in their turn, each with its sign.
        last: the fact among them that was filed last: the figure could not be known earlier.
    """

    value: float
    terms: tuple[tuple[int, FoldedFact | Figure], ...]
    last: FoldedFact


AnyFigure: TypeAlias = FoldedFact | Figure


def sources_of(figure: AnyFigure) -> tuple[tuple[int, FoldedFact], ...]:
    """The facts that a figure is the signed sum of."""
    if isinstance(figure, FoldedFact):
        return ((1, figure),)
    return tuple((sign * s, fact) for sign, term in figure.terms for s, fact in sources_of(term))


def last_filed(figure: AnyFigure) -> FoldedFact:
    """The fact of a figure that was filed last: the figure could not be known earlier."""
    return figure if isinstance(figure, FoldedFact) else figure.last


def _later(one: FoldedFact, other: FoldedFact) -> FoldedFact:
    if one.filed != other.filed:
        return one if one.filed > other.filed else other
    return one if one.accession >= other.accession else other


def difference(longer: Series, shorter: Series, basis: BasisOf) -> Figure:
    """A longer period minus a shorter one with the same start, unit and tag, on one filing basis.

    Where a value was restated, the latest two that one filing, or filings about one fiscal year,
    reported together are taken: never a restated year minus nine months as first reported.
    """
    if len(longer) > 1 or len(shorter) > 1:
        for whole in reversed(longer):
            bases = _bases(whole, basis)
            for part in reversed(shorter):
                if not bases.isdisjoint(_bases(part, basis)):
                    return minus(whole, part)
    return minus(longer[-1], shorter[-1])


def _bases(fact: FoldedFact, basis: BasisOf) -> set[object]:
    """Filings that said a value, each also by the fiscal year it is about."""
    accessions = (fact.accession, *fact.repeats)
    # A fiscal year begins on a day far below any accession number: the two cannot be taken for each other.
    return {*accessions, *(basis(a) for a in accessions)} - {None}


def minus(whole: FoldedFact, part: FoldedFact) -> Figure:
    """The difference of two facts."""
    return Figure(whole.value - part.value, ((1, whole), (-1, part)), _later(whole, part))


def subtracted(
    series: Latest, to_date: Iterable[Span], before: Sequence[Span], reports: ReportsOf, basis: BasisOf
) -> Figure | None:
    """The quarter as the year to its end minus the year to the last quarter's end.

    Args:
        to_date, before: durations from the start of the year to the end of this quarter, and of the
            one before.
    """
    for whole in to_date:
        if whole not in series:
            continue
        for part in before:
            if part[0] == whole[0] and part in series:
                return difference(reports(series[whole]), reports(series[part]), basis)
    return None


def rest(whole: FoldedFact, parts: Sequence[AnyFigure], reports: ReportsOf, basis: BasisOf) -> Figure:
    """A year to date less its first quarters, as filings about one fiscal year reported them.

    The latest value of the whole to which such values of all quarters are known is taken; the latest
    of each, where there is none.
    """
    chains: list[Sequence[AnyFigure]] = [
        reports(part) if isinstance(part, FoldedFact) else [part] for part in parts
    ]
    for total in reversed(reports(whole)):
        bases = _bases(total, basis)
        fitting = ([f for f in chain if _shares(f, bases, basis)] for chain in chains)
        picked = [found[-1] for found in fitting if found]
        if len(picked) == len(parts):
            return combine([(1, total), *((-1, f) for f in picked)])
    return combine([(1, whole), *((-1, part) for part in parts)])


def shares_basis(whole: FoldedFact, parts: Sequence[AnyFigure], basis: BasisOf) -> bool:
    """Whether filings about one fiscal year told a value and all that the parts are computed from."""
    bases = _bases(whole, basis)
    return all(_shares(part, bases, basis) for part in parts)


def _shares(figure: AnyFigure, bases: set[object], basis: BasisOf) -> bool:
    return all(not bases.isdisjoint(_bases(fact, basis)) for _, fact in sources_of(figure))


def last_quarter(alone: AnyFigure | None, derived: Figure) -> AnyFigure:
    """The fourth quarter's flow: year minus nine months, unless the quarter itself was reported.

    An annual report may give the quarter; a later restatement of the year leaves that as it was, so
    what was filed later wins. It may also give it rounded, where year and nine months are not.
    """
    if alone is None or last_filed(derived).filed > last_filed(alone).filed:
        return derived
    if is_rounded(derived.value, alone.value):
        return derived
    return alone


def is_roughly(told: float, exact: float) -> bool:
    """Whether a told value is an exact one in tenths of billions, as notes in words have it ($1.4 billion).

    Two of the last digit apart is the rounding of figures in millions.
    """
    off = abs(told - exact)
    return _MOST_ROUNDED < off <= ROUGH / 2 and abs(told) >= 10 * ROUGH and exact % ROUGH != 0


def adding_up(derived: Figure, quarters: Sequence[AnyFigure]) -> Figure:
    """The fourth quarter as the year less the three that were told, where these are its nine months.

    Each figure that a filing tells is rounded by itself: three quarters and their nine months may be two
    of the last digit apart. Only the quarters make four that add up to the year.
    """
    (_, year), (_, nine_months) = derived.terms
    off = abs(nine_months.value - sum(q.value for q in quarters))
    if not off or off > _MOST_ROUNDED or off > 2 * last_digit(nine_months.value):
        return derived
    if any(type(q) is Figure for q in quarters):
        return derived
    return combine([(1, year), *((-1, q) for q in quarters)])


def last_digit(value: float) -> float:
    """What the last digit of a value stands for, millions at most."""
    for digit in _DIGITS:
        if value % digit == 0:
            return digit
    return 1.0


def consolidated(figures: Sequence[AnyFigure]) -> AnyFigure:
    """The first in rank, unless another of the line's tags is at least twice as large.

    A thousandfold is a slip of scale in one of two filings, not a slice: then the later one counts.
    """
    first = figures[0]
    largest = max(figures, key=lambda figure: abs(figure.value))
    if abs(largest.value) < 2 * abs(first.value):
        return first
    if is_scale_slip(largest.value, first.value):
        return max((first, largest), key=lambda figure: last_filed(figure).filed)
    return largest


def is_rounding(one: float, other: float) -> bool:
    """Whether two values are apart by no more than the rounding of one of them: a thousandth."""
    return abs(one - other) <= 0.001 * max(abs(one), abs(other))


def is_scale_slip(one: float, other: float) -> bool:
    """Whether one value is a thousand or a million times the other, within half a percent."""
    small, large = sorted((abs(one), abs(other)))
    return small > 0 and any(abs(large / small / scale - 1) <= 0.005 for scale in (1e3, 1e6))


def of_one_taxonomy(
    terms: Sequence[tuple[int, AnyFigure, bool]], taxonomy: Callable[[FoldedFact], str]
) -> list[tuple[int, AnyFigure]]:
    """The terms without those that may be missing and are of an older taxonomy than the latest.

    A company that moved from us-gaap to ifrs-full reports a year's end in both: one debt, two tags.

    Args:
        terms: sign, figure, and whether the term may be missing.
    """
    newest = taxonomy(sources_of(max(terms, key=lambda term: last_filed(term[1]).filed)[1])[0][1])
    return [
        (sign, figure)
        for sign, figure, optional in terms
        if not optional or taxonomy(sources_of(figure)[0][1]) == newest
    ]


def on_one_filing(
    terms: Sequence[tuple[int, AnyFigure]], revised: Mapping[int, Series], filed: Callable[[int], object]
) -> Sequence[tuple[int, AnyFigure]]:
    """The terms as one filing reported them, the latest that has all, where any was restated.

    A later filing often restates equity alone; assets as first reported less that would be a
    liability that nobody reported.

    Args:
        revised: by the id of a fact, all values that its period had. filed: a filing's day.
    """
    for _, figure in terms:
        if id(figure) in revised:
            break
    else:
        return terms
    facts = [figure for _, figure in terms if isinstance(figure, FoldedFact)]
    if len(facts) < len(terms):
        return terms
    chains = [revised.get(id(fact)) or [fact] for fact in facts]
    common = set.intersection(*({a for f in values for a in (f.accession, *f.repeats)} for values in chains))
    if not common:
        return terms
    accession = max(common, key=lambda a: (filed(a), a))
    return [
        (sign, next(f for f in reversed(values) if accession == f.accession or accession in f.repeats))
        for (sign, _), values in zip(terms, chains, strict=True)
    ]


def combine(terms: Sequence[tuple[int, AnyFigure]]) -> Figure:
    """The signed sum of one figure or more."""
    value = 0.0
    last: FoldedFact | None = None
    for sign, figure in terms:
        value += sign * figure.value
        fact = figure if type(figure) is FoldedFact else figure.last  # type: ignore[union-attr]
        # Inlined `_later`: most figures are sums.
        if (
            last is None
            or fact.filed > last.filed
            or (fact.filed == last.filed and fact.accession > last.accession)
        ):
            last = fact
    if last is None:
        raise ValueError("the sum of no figures is unknown, not zero")
    return Figure(value, tuple(terms), last)


@dataclass(frozen=True, kw_only=True)
class Operand:
    """A fact that a cell was computed from, and the sign it went in with."""

    sign: int
    taxonomy: str
    tag: str
    unit: str
    start: date | None
    end: date
    value: float
    accession: str
    form: str
    filed: date


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Where a cell comes from: its tag, or the sum of its operands."""

    value: float
    formula: str
    operands: tuple[Operand, ...]

    @property
    def known_from(self) -> date:
        """The day on which the last operand was filed."""
        return max(operand.filed for operand in self.operands)
