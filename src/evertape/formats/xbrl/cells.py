"""One figure of one period: which fact, which filing's, or which difference of two. Small, pure rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from operator import itemgetter
from typing import TypeAlias

import msgspec

from evertape.formats.xbrl.facts import Fact
from evertape.formats.xbrl.periods import Span

Series: TypeAlias = Mapping[Span, Sequence[Fact]]
"""The facts of one tag and unit by their dates."""
BasisOf: TypeAlias = Callable[[str], object]
"""An accession's filing basis: the fiscal year that the filing itself is about."""

_FILED = itemgetter(8, 6)


class Figure(msgspec.Struct, frozen=True, gc=False):
    """A value and the facts that it was computed from, each with its sign.

    Attributes:
        reports: where one fact is the value, what all filings said of it.
    """

    value: float
    sources: tuple[tuple[int, Fact], ...]
    reports: Sequence[Fact] = ()


def current(reports: Sequence[Fact]) -> Fact:
    """The latest filed value, by the first filing that has said so without a change since."""
    if len(reports) == 1:
        return reports[0]
    ordered = sorted(reports, key=_FILED)
    first = ordered[-1]
    for fact in reversed(ordered):
        if fact[5] != first[5]:
            break
        first = fact
    return first


def runs(reports: Iterable[Fact]) -> list[list[Fact]]:
    """Reports in filing order, those that agree with the one before grouped with it."""
    found: list[list[Fact]] = []
    for fact in sorted(reports, key=_FILED):
        if found and found[-1][0][5] == fact[5]:
            found[-1].append(fact)
        else:
            found.append([fact])
    return found


def difference(longer: Sequence[Fact], shorter: Sequence[Fact], basis: BasisOf) -> Figure:
    """A longer period minus a shorter one with the same start, unit and tag, on one filing basis.

    Where a value was restated, the latest two that one filing, or filings about one fiscal year,
    reported together are taken: never a restated year minus nine months as first reported.
    """
    if len(longer) == 1 and len(shorter) == 1:
        return _minus(longer[0], shorter[0])
    long_runs, short_runs = runs(longer), runs(shorter)
    if len(long_runs) > 1 or len(short_runs) > 1:
        for whole in reversed(long_runs):
            bases = {basis(f[6]) for f in whole} | {f[6] for f in whole}
            for part in reversed(short_runs):
                if not bases.isdisjoint({basis(f[6]) for f in part} | {f[6] for f in part}):
                    return _minus(whole[0], part[0])
    return _minus(long_runs[-1][0], short_runs[-1][0])


def _minus(whole: Fact, part: Fact) -> Figure:
    return Figure(whole[5] - part[5], ((1, whole), (-1, part)))


def reported(series: Series, spans: Iterable[Span]) -> Figure | None:
    """The figure as reported for the period itself."""
    for span in spans:
        if span in series:
            return latest(series[span])
    return None


def latest(reports: Sequence[Fact]) -> Figure:
    """The current value of what filings reported."""
    fact = current(reports)
    return Figure(fact[5], ((1, fact),), reports)


def subtracted(
    series: Series, to_date: Iterable[Span], before: Sequence[Span], basis: BasisOf
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
                return difference(series[whole], series[part], basis)
    return None


def known_from(figure: Figure) -> date:
    """The day its last operand was filed: the figure could not be known earlier."""
    return max(fact[8] for _, fact in figure.sources)


def quarter_figure(
    series: Series,
    spans: Iterable[Span],
    to_date: Iterable[Span],
    before: Sequence[Span],
    basis: BasisOf,
) -> Figure | None:
    """A quarter's flow: as reported for the quarter alone, else subtracted."""
    alone = reported(series, spans)
    if alone is None and before:
        return subtracted(series, to_date, before, basis)
    return alone


def last_quarter_figure(
    series: Series,
    spans: Iterable[Span],
    to_date: Iterable[Span],
    before: Sequence[Span],
    basis: BasisOf,
) -> Figure | None:
    """The fourth quarter's flow: year minus nine months, unless the quarter itself was reported.

    An annual report may give the quarter; a later restatement of the year leaves that as it was, so
    what was filed later wins.
    """
    alone = reported(series, spans)
    derived = subtracted(series, to_date, before, basis) if before else None
    if alone is None or (derived is not None and known_from(derived) > known_from(alone)):
        return derived
    return alone


def consolidated(figures: Sequence[Figure]) -> Figure:
    """The first in rank, unless another of the line's tags is at least twice as large.

    A thousandfold is a slip of scale in one of two filings, not a slice: then the later one counts.
    """
    first = figures[0]
    largest = max(figures, key=lambda figure: abs(figure.value))
    if abs(largest.value) < 2 * abs(first.value):
        return first
    if is_scale_slip(largest.value, first.value):
        return max((first, largest), key=known_from)
    return largest


def is_scale_slip(one: float, other: float) -> bool:
    """Whether one value is a thousand or a million times the other, within half a percent."""
    small, large = sorted((abs(one), abs(other)))
    return small > 0 and any(abs(large / small / scale - 1) <= 0.005 for scale in (1e3, 1e6))


def of_one_taxonomy(terms: Sequence[tuple[int, Figure, bool]]) -> list[tuple[int, Figure]]:
    """The terms without those that may be missing and are of an older taxonomy than the latest.

    A company that moved from us-gaap to ifrs-full reports a year's end in both: one debt, two tags.

    Args:
        terms: sign, figure, and whether the term may be missing.
    """
    newest = max(terms, key=lambda term: known_from(term[1]))[1].sources[0][1][0]
    return [
        (sign, figure)
        for sign, figure, optional in terms
        if not optional or figure.sources[0][1][0] == newest
    ]


def on_one_filing(terms: Sequence[tuple[int, Figure]]) -> Sequence[tuple[int, Figure]]:
    """The terms as one filing reported them, the latest that has all, where any was restated.

    A later filing often restates equity alone; assets as first reported less that would be a
    liability that nobody reported.
    """
    if not any(f.reports and any(r[5] != f.value for r in f.reports) for _, f in terms):
        return terms
    if not all(f.reports for _, f in terms):
        return terms
    common = set.intersection(*({r[6] for r in f.reports} for _, f in terms))
    if not common:
        return terms
    _, accession = max((r[8], r[6]) for r in terms[0][1].reports if r[6] in common)
    aligned = []
    for sign, figure in terms:
        (run,) = [run for run in runs(figure.reports) if any(r[6] == accession for r in run)][-1:]
        aligned.append((sign, Figure(run[0][5], ((1, run[0]),), figure.reports)))
    return aligned


def combine(terms: Sequence[tuple[int, Figure]]) -> Figure:
    """The signed sum of figures, with all their facts."""
    value = sum(sign * figure.value for sign, figure in terms)
    return Figure(value, tuple((sign * s, fact) for sign, figure in terms for s, fact in figure.sources))
