"""Facts as filings reported them: each by itself, or folded with the filings that repeat it.

Days are counted from 1970-01-01 and accessions are numbers (0000000007-24-000081 is 724000081) wherever many
are kept; `Fact` is the form for reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TypeAlias

import msgspec

Fact: TypeAlias = tuple[str, str, str, date | None, date, float, str, str, date]
"""(taxonomy, tag, unit, start or None for an instant, end, value, accession, form, filed)."""
Key: TypeAlias = tuple[str, str, str]
"""(taxonomy, tag, unit)."""

EPOCH = date(1970, 1, 1).toordinal()
_COARSER = ((1e3, 1e3), (1e5, 1e5), (1e6, 1e5))
"""Units that later reports round to, and for each what an unrounded value is no multiple of: who writes
tenths of millions writes every tenth value in whole millions by chance."""
_FINEST, _COARSEST = _COARSER[0][0], _COARSER[-1][0]
_ACCESSION = re.compile(r"\d{10}-\d{2}-\d{6}", re.ASCII)


class MalformedFacts(ValueError):
    """The body is not a companyfacts document. `what` says what is wrong with it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, kw_only=True)
class FilingSeen:
    """A filing that reported at least one fact, of whatever tag."""

    accession: str
    form: str
    filed: date


class FoldedFact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A value of one period, from the first filing that reported it.

    Attributes:
        end, start, filed: days from 1970-01-01; no start for an instant.
        accession, form: of that first filing.
        repeats: accessions of the next filings, as long as they say the same.
        absent: the day on which the source was first seen without it.
    """

    end: int
    start: int | None
    value: float
    filed: int
    accession: int
    form: str
    repeats: tuple[int, ...] = ()
    absent: int | None = None


Series: TypeAlias = list[FoldedFact]
"""Folded facts of one key, by period and, within a period, in filing order."""
Facts: TypeAlias = dict[Key, Series]
Reporter: TypeAlias = tuple[int, int, str]
"""(day of filing, accession, form): filings sort by it."""
Filed: TypeAlias = Mapping[int, tuple[int, str]]
"""By accession: day of filing and form."""


class CompanyFacts(msgspec.Struct, kw_only=True):
    """One company's facts of the catalogue's tags, and every filing the body mentions.

    Attributes:
        series: folded. `fy` of a body belongs to the filing (it is its dei:DocumentFiscalYearFocus), so
            it is kept as one such fact a filing.
        filed: of all filings.
    """

    cik: int
    name: str
    series: Facts
    filed: dict[int, tuple[int, str]]

    @property
    def count(self) -> int:
        """How many folded facts there are."""
        return sum(map(len, self.series.values()))

    @property
    def facts(self) -> list[Fact]:
        """Each report by itself."""
        return unfold(self.series, self.filed)

    @property
    def filings(self) -> dict[str, FilingSeen]:
        """The filings by accession."""
        seen = {}
        for number, (filed, form) in self.filed.items():
            text = accession_text(number)
            seen[text] = FilingSeen(accession=text, form=form, filed=day_of(filed))
        return seen


def day_of(number: int) -> date:
    """The date of a day number."""
    return date.fromordinal(number + EPOCH)


def day_number(day: date) -> int:
    """Days from 1970-01-01."""
    return day.toordinal() - EPOCH


def accession_text(number: int) -> str:
    """724000081 as 0000000007-24-000081."""
    digits = f"{number:018d}"
    return f"{digits[:10]}-{digits[10:12]}-{digits[12:]}"


def accession_number(text: str) -> int:
    """0000000007-24-000081 as 724000081. Raises ValueError for anything else."""
    if not _ACCESSION.fullmatch(text):
        raise ValueError(f"{text!r} is no accession number")
    return int(text.replace("-", ""))


def closed(end: int, start: int | None, reports: list[tuple[Reporter, float]]) -> Series:
    """The reports of one period folded: equal neighbours in filing order become one."""
    reports.sort()
    folded: Series = []
    (origin, value), *rest = reports
    repeats: list[int] = []
    for again, said in rest:
        if said == value:
            repeats.append(again[1])
        else:
            folded.append(FoldedFact(end, start, value, *origin, tuple(repeats)))
            origin, value, repeats = again, said, []
    folded.append(FoldedFact(end, start, value, *origin, tuple(repeats)))
    return folded


def is_rounded(value: float, later: float) -> bool:
    """Whether a later value is an earlier one written in a coarser unit, which restates nothing.

    That is so where the later value is a multiple of the unit, the earlier one is none, and they are half a
    unit apart at most; a unit, where the later one has three digits of it or more: filers round up and down
    until their sums are right. A value per share is far below the smallest unit.
    """
    if later % _FINEST:
        return False
    off, size = abs(later - value), abs(later)
    if off >= _COARSEST:
        return False
    for unit, finer in _COARSER:
        if later % unit == 0 and value % finer != 0:
            if off <= unit / 2 and size >= 10 * unit:
                return True
            if off < unit and size >= 100 * unit:
                return True
    return False


def without_rounded(values: Series) -> Series:
    """The values that one period had, in filing order; what only rounds the one before it repeats it."""
    for one, other in pairwise(values):
        if is_rounded(one.value, other.value):
            break
    else:
        return values
    kept = values[:1]
    for f in values[1:]:
        last = kept[-1]
        if f.value == last.value or is_rounded(last.value, f.value):
            repeats = (*last.repeats, f.accession, *f.repeats)
            kept[-1] = FoldedFact(
                last.end, last.start, last.value, last.filed, last.accession, last.form, repeats, last.absent
            )
        else:
            kept.append(f)
    return kept


def refold(facts: Series) -> Series:
    """Unrepeated facts, sorted by period and filing, folded."""
    folded: Series = []
    reports: list[tuple[Reporter, float]] = []
    for number, f in enumerate(facts):
        reports.append(((f.filed, f.accession, f.form), f.value))
        after = facts[number + 1] if number + 1 < len(facts) else None
        if after is None or (after.end, after.start) != (f.end, f.start):
            folded += closed(f.end, f.start, reports)
            reports = []
    return folded


def fold(facts: Iterable[Fact]) -> Facts:
    """Facts by key and period in filing order; equal neighbours become one.

    A changed value opens a new one, also where it changes back. Order within a day is by accession.
    """
    series: Facts = {}
    for taxonomy, tag, unit, start, end, value, accession, form, filed in facts:
        series.setdefault((taxonomy, tag, unit), []).append(
            FoldedFact(
                day_number(end),
                None if start is None else day_number(start),
                value,
                day_number(filed),
                accession_number(accession),
                form,
            )
        )
    return {key: refold(sorted(found, key=_by_filing)) for key, found in series.items()}


def _by_filing(f: FoldedFact) -> tuple[int, int, int, int, str]:
    return (f.end, -(1 << 40) if f.start is None else f.start, f.filed, f.accession, f.form)


def filed_of(facts: Iterable[Fact]) -> dict[int, tuple[int, str]]:
    """Day of filing and form by accession."""
    return {accession_number(f[6]): (day_number(f[8]), f[7]) for f in facts}


def unfold(series: Facts, filed: Filed) -> list[Fact]:
    """The facts that were folded, each report by itself.

    Args:
        filed: of the filings that repeat a value.
    """
    facts: list[Fact] = []
    for (taxonomy, tag, unit), folded in series.items():
        for f in folded:
            start = None if f.start is None else day_of(f.start)
            key = (taxonomy, tag, unit, start, day_of(f.end), f.value)
            facts.append((*key, accession_text(f.accession), f.form, day_of(f.filed)))
            for again in f.repeats:
                day, form = filed[again]
                facts.append((*key, accession_text(again), form, day_of(day)))
    return facts
