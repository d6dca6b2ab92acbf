"""A company's facts arranged for asking: by tag and dates, by filing, by currency."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal, TypeAlias

from evertape.formats.xbrl.concepts import FISCAL_YEAR, RESTATED_ALONE
from evertape.formats.xbrl.facts import Facts, Filed, FoldedFact, Key, Series, without_rounded
from evertape.formats.xbrl.periods import FEW, INTERIM_FORMS, PERIODIC_FORMS, SLIP, Period, Span

Reading = Literal["latest", "first"]
"""Which value of a fact counts: the most recent one, or the one reported first."""
Latest: TypeAlias = dict[Span, FoldedFact]
"""The value that counts of one key, by its dates."""

_TOTALS = frozenset({"Assets", "LiabilitiesAndStockholdersEquity", "EquityAndLiabilities"})
_MINOR = 0.1
"""A currency with a smaller share of the money facts than this is a stray mention, never the statements'."""


def is_foreign_to_statements(form: str) -> bool:
    """Whether a form's figures are never used: proxies and prospectuses come in other scales."""
    return form.startswith(("DEF", "PRE", "424"))


class FactIndex:
    """Facts of one company, known on one day.

    Attributes:
        series: by key and dates, the value that counts; one that but rounds the one before it counts as
            that one told again. Forms other than the periodic ones (8-K, 6-K)
            speak only where no periodic form does. What a balance sheet says is restated only by filings
            that say the day's total assets too, and by amendments: a statement of changes in equity
            that begins on the day is no balance sheet.
        revised: by the id of a fact in `series`, all values that its period had, in filing order; only
            where there are several. A value that but rounds the one before it is none.
        rounded: the same with such values; only where there are some.
        filings: by accession, its form and how many facts it has of each duration.
        focus: (period end, fiscal year, form) of each filing's cover.
        first: whether the value reported first counts.
        unperiodic: ids of those of `series` in which other forms speak.
    """

    def __init__(
        self, facts: Facts, filed: Filed, as_of: int | None = None, reading: Reading = "latest"
    ) -> None:
        self.series: dict[Key, Latest] = {}
        self.revised: dict[int, Series] = {}
        self.rounded: dict[int, Series] = {}
        self.focus: list[tuple[int, int, str]] = []
        self.unperiodic: set[int] = set()
        self._filed = filed
        self.first = reading == "first"
        self._covers: list[tuple[Key, FoldedFact]] = []
        self._main: dict[int, int | None] = {}
        self._key_of: dict[int, Key] | None = None
        self._odd = frozenset(a for a, (_, form) in filed.items() if form not in PERIODIC_FORMS)
        known = facts if as_of is None else _cut(facts, as_of, filed)
        self._sheets = _sheets(known)
        counted: list[Series] = []
        for key, folded in known.items():
            if key[0] == "dei":
                self._note_cover(key, folded)
                continue
            if not folded:
                continue
            self._add(key, folded)
            if folded[-1].start is not None:
                counted.append(folded)
        self.filings = self._count(counted)
        self.money = self._money()

    def _add(self, key: Key, folded: Series) -> None:
        others = False
        if self._odd and not self._odd.isdisjoint([f.accession for f in folded]):
            odd = {(f.start, f.end) for f in folded if f.accession in self._odd}
            mended = list(_by_periodic_forms([f for f in folded if (f.start, f.end) in odd], self._filed))
            folded = [*(f for f in folded if (f.start, f.end) not in odd), *mended]
            others = any(f.form not in PERIODIC_FORMS for f in mended)
        spans: list[Span] = [(f.start, f.end) for f in folded]
        latest: Latest = dict(zip(spans, folded, strict=True))
        if len(latest) < len(folded):
            for span, values in _of_several(spans, folded):
                if self.first:
                    latest[span] = values[0]
                else:
                    if span[0] is None and key[1] not in RESTATED_ALONE:
                        values = self._of_sheets(span[1], values)  # noqa: PLW2901
                    kept = without_rounded(values)
                    latest[span] = kept[-1]
                    if len(kept) < len(values):
                        self.rounded[id(kept[-1])] = values
                    if len(kept) > 1:
                        self.revised[id(kept[-1])] = kept
        self.series[key] = latest
        if others:
            self.unperiodic.add(id(latest))

    def _of_sheets(self, day: int, values: Series) -> Series:
        """The values that filings with a balance sheet of the day said; all, where none has one."""
        sheets = self._sheets.get(day)
        if sheets is None:
            return values
        kept = [
            f
            for f in values
            if f.form.endswith("/A") or f.accession in sheets or not sheets.isdisjoint(f.repeats)
        ]
        return kept or values

    def _note_cover(self, key: Key, folded: Series) -> None:
        if key[1] != FISCAL_YEAR[1]:
            filings = [(f, accession) for f in folded for accession in (f.accession, *f.repeats)]
            self._covers += [(key, _of_filing(f, accession, self._filed)) for f, accession in filings]
            return
        for f in folded:
            self.focus.append((f.end, int(f.value), f.form))
            self.focus += [(f.end, int(f.value), self._filed[again][1]) for again in f.repeats]

    def _count(self, counted: list[Series]) -> dict[int, tuple[str, dict[Span, int]]]:
        """How many facts of each duration a periodic or interim filing has."""
        # A statement's lines were mostly reported, and repeated, by the same filings: counted together.
        together = Counter([(f.start, f.end, f.accession, f.repeats) for f in chain.from_iterable(counted)])
        filings: dict[int, tuple[str, dict[Span, int]]] = {}
        for (start, end, accession, repeats), n in together.items():
            if start is None:
                continue
            for filing in (accession, *repeats):
                if filing not in filings:
                    form = self._filed[filing][1]
                    if form not in PERIODIC_FORMS and form not in INTERIM_FORMS:
                        continue
                    filings[filing] = (form, {})
                spans = filings[filing][1]
                spans[start, end] = spans.get((start, end), 0) + n
        return filings

    def totals(self) -> Counter[Span]:
        """How many facts of periodic and interim forms there are of each duration."""
        total: Counter[Span] = Counter()
        for _, spans in self.filings.values():
            for span, n in spans.items():
                total[span] += n
        return total

    def shown(self) -> set[Span]:
        """Durations of which one filing has as many facts as a statement has lines."""
        return {span for _, spans in self.filings.values() for span, n in spans.items() if n >= FEW}

    def reports(self, fact: FoldedFact) -> Series:
        """All values that the fact's period had, in filing order."""
        return self.revised.get(id(fact)) or [fact]

    def readings(self, fact: FoldedFact) -> Series:
        """The same, and what later filings rounded."""
        return self.rounded.get(id(fact)) or self.reports(fact)

    def key_of(self, fact: FoldedFact) -> Key:
        """The taxonomy, tag and unit of a fact of this index."""
        if self._key_of is None:
            self._key_of = {id(f): key for key, latest in self.series.items() for f in latest.values()}
            for last, values in chain(self.revised.items(), self.rounded.items()):
                self._key_of.update((id(f), self._key_of[last]) for f in values)
            self._key_of.update((id(f), key) for key, f in self._covers)
        return self._key_of[id(fact)]

    def filed(self, accession: int) -> tuple[int, str]:
        """Day of filing and form."""
        return self._filed[accession]

    def main_end(self, accession: int) -> int | None:
        """The last day of the period that a filing is about."""
        if accession not in self._main:
            _, spans = self.filings.get(accession, ("", {}))
            ends = [end for (_, end), n in spans.items() if n >= FEW]
            self._main[accession] = max(ends or [end for _, end in spans], default=None)
        return self._main[accession]

    def cover_shares(self) -> list[tuple[int, FoldedFact]]:
        """Cover page share counts in filing order, with the end of the period that the filing is about."""
        found = [(end, f) for _, f in self._covers if (end := self.main_end(f.accession)) is not None]
        return sorted(found, key=lambda told: (told[1].filed, told[1].accession))

    def _money(self) -> tuple[str, ...]:
        counted: Counter[str] = Counter()
        for (_, _, unit), series in self.series.items():
            if len(unit) == 3 and unit.isupper():
                counted[unit] += len(series)
        most = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        return tuple(unit for unit, n in most if n >= _MINOR * most[0][1])


def _cut(facts: Facts, as_of: int, filed: Filed) -> Facts:
    """What filings until a day said."""
    later = {accession for accession, (day, _) in filed.items() if day > as_of}
    return {
        key: [
            f if later.isdisjoint(f.repeats) else _repeated(f, [a for a in f.repeats if a not in later])
            for f in folded
            if f.filed <= as_of
        ]
        for key, folded in facts.items()
    }


def _repeated(f: FoldedFact, repeats: Iterable[int]) -> FoldedFact:
    return FoldedFact(f.end, f.start, f.value, f.filed, f.accession, f.form, tuple(repeats))


def _of_filing(f: FoldedFact, accession: int, filed: Filed) -> FoldedFact:
    """The same value as one of the filings that said it reported it."""
    if accession == f.accession:
        return f
    day, form = filed[accession]
    return FoldedFact(f.end, f.start, f.value, day, accession, form)


def _of_several(spans: list[Span], folded: Series) -> Iterator[tuple[Span, Series]]:
    """The values of each period that has more than one. A period's facts stand together."""
    since, before = 0, spans[0]
    for at, span in enumerate(spans):
        if span != before:
            if at - since > 1:
                yield before, folded[since:at]
            since, before = at, span
    if len(spans) - since > 1:
        yield before, folded[since:]


def _by_periodic_forms(folded: Series, filed: Filed) -> Iterator[FoldedFact]:
    """Folded facts without what other forms say of a period that a periodic form reports too."""
    chains: dict[Span, Series] = {}
    for f in folded:
        chains.setdefault((f.start, f.end), []).append(f)
    for values in chains.values():
        reports = [_of_filing(f, accession, filed) for f in values for accession in (f.accession, *f.repeats)]
        periodic = [r for r in reports if r.form in PERIODIC_FORMS]
        kept = periodic or [r for r in reports if not is_foreign_to_statements(r.form)]
        last: FoldedFact | None = None
        for r in kept:
            if last is None or last.value != r.value:
                if last is not None:
                    yield last
                last = _repeated(r, ())
            else:
                last = _repeated(last, (*last.repeats, r.accession))
        if last is not None:
            yield last


def _sheets(facts: Facts) -> dict[int, set[int]]:
    """By day, the filings that say its total assets."""
    sheets: dict[int, set[int]] = {}
    for (_, tag, _), folded in facts.items():
        if tag in _TOTALS:
            for f in folded:
                sheets.setdefault(f.end, set()).update((f.accession, *f.repeats))
    return sheets


class Currencies:
    """The reporting currency of each period: never a convenience translation, never two in a row."""

    def __init__(self, index: FactIndex) -> None:
        self._index = index
        self._by_filing: dict[int, Counter[str]] = {}
        self._spans: dict[Span, Counter[int]] = {}
        if len(index.money) > 1:
            self._count()

    def _count(self) -> None:
        for (_, _, unit), series in self._index.series.items():
            if unit not in self._index.money:
                continue
            for span, fact in series.items():
                for value in self._index.reports(fact):
                    for accession in (value.accession, *value.repeats):
                        self._by_filing.setdefault(accession, Counter())[unit] += 1
                        self._spans.setdefault(span, Counter())[accession] += 1

    def of(self, period: Period) -> str:
        """The unit most facts have in the last filing that reports the period in full."""
        if len(self._index.money) < 2:
            return self._index.money[0] if self._index.money else "USD"
        counted: Counter[int] = Counter()
        for span in (*period.spans, *period.to_date, (None, period.end)):
            counted.update(self._spans.get(span, Counter()))
        if not counted:
            return self._index.money[0]
        most = max(counted.values())
        full = [accession for accession, n in counted.items() if 2 * n >= most]
        last = max(full, key=lambda accession: (self._index.filed(accession)[0], accession))
        units = self._by_filing[last]
        return min(units, key=lambda unit: (-units[unit], unit))


def one_series(one: Latest, other: Latest, *, first: bool) -> Latest:
    """A tag's facts under two units that mean the same, as older and newer bodies write them.

    Of equal values the one filed first counts, of others the one filed last.
    """
    both = dict(one)
    for span, f in other.items():
        known = both.get(span)
        if known is None or (f.filed < known.filed) == (first or f.value == known.value):
            both[span] = f
    return both


def balance_dates(index: FactIndex) -> list[int]:
    """Days of which a balance sheet is reported, in order: those with total assets."""
    days: set[int] = set()
    for (_, tag, _), series in index.series.items():
        if tag in _TOTALS:
            days.update(end for start, end in series if start is None)
    return sorted(days)


def nearest(days: list[int], end: int, within: int = SLIP) -> tuple[int, ...]:
    """The days close to a period's end, the closest first."""
    close = days[bisect_left(days, end - within) : bisect_right(days, end + within)]
    return tuple(sorted(close, key=lambda day: (abs(day - end), day)))
