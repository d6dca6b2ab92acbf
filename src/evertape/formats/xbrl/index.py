"""A company's facts arranged for asking: by tag and dates, by filing, by currency."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta

from evertape.formats.xbrl.concepts import FISCAL_YEAR
from evertape.formats.xbrl.facts import Fact
from evertape.formats.xbrl.periods import FEW, INTERIM_FORMS, PERIODIC_FORMS, SLIP, Period, Span

Key = tuple[str, str, str]
"""(taxonomy, tag, unit)."""

_MINOR = 0.1
"""A currency with a smaller share of the money facts than this is a stray mention, never the statements'."""


def is_foreign_to_statements(form: str) -> bool:
    """Whether a form's figures are never used: proxies and prospectuses come in other scales."""
    return form.startswith(("DEF", "PRE", "424"))


class FactIndex:
    """Facts of one company, known on one day.

    Attributes:
        series: by (taxonomy, tag, unit) and span. Forms other than the periodic ones (8-K, 6-K) speak
            only where no periodic form does.
        filings: by accession, its form and how many facts it has of each duration.
        covers: facts of the cover page's share count.
        focus: (period end, fiscal year, form) of each filing's cover.
    """

    def __init__(self, facts: Iterable[Fact], as_of: date | None = None) -> None:
        self.series: dict[Key, dict[Span, list[Fact]]] = {}
        self.filings: dict[str, tuple[str, dict[Span, int]]] = {}
        self.covers: list[Fact] = []
        self.focus: list[tuple[date, int, str]] = []
        self._main: dict[str, date | None] = {}
        self._covers: list[tuple[date, Fact]] | None = None
        others: list[Fact] = []
        key, series = ("", "", ""), dict[Span, list[Fact]]()
        for fact in facts if as_of is None else [f for f in facts if f[8] <= as_of]:
            taxonomy, tag, unit, start, end, value, accession, form, _ = fact
            if taxonomy == "dei":
                if tag == FISCAL_YEAR[1]:
                    self.focus.append((end, int(value), form))
                else:
                    self.covers.append(fact)
                continue
            span = (start, end)
            if form in PERIODIC_FORMS:
                # Facts come tag by tag: most go where the last one went.
                if tag is not key[1] or unit is not key[2] or taxonomy is not key[0]:
                    key = (taxonomy, tag, unit)
                    series = self.series.setdefault(key, {})
                if span in series:
                    series[span].append(fact)
                else:
                    series[span] = [fact]
            else:
                others.append(fact)
                if form not in INTERIM_FORMS:
                    continue
            if start is not None:
                if accession in self.filings:
                    counted = self.filings[accession][1]
                    counted[span] = counted.get(span, 0) + 1
                else:
                    self.filings[accession] = (form, {span: 1})
        self._add_others(others)
        self.money = self._money()

    def _add_others(self, others: list[Fact]) -> None:
        """Facts of other than periodic forms, for what no periodic form reports."""
        kept = [
            fact
            for fact in others
            if not is_foreign_to_statements(fact[7]) and fact[3:5] not in self.series.get(fact[:3], {})
        ]
        for fact in kept:
            self.series.setdefault(fact[:3], {}).setdefault(fact[3:5], []).append(fact)

    def totals(self) -> Counter[Span]:
        """How many facts of periodic and interim forms there are of each duration."""
        total: Counter[Span] = Counter()
        for _, spans in self.filings.values():
            for span, n in spans.items():
                total[span] += n
        return total

    def main_end(self, accession: str) -> date | None:
        """The last day of the period that a filing is about."""
        if accession not in self._main:
            _, spans = self.filings.get(accession, ("", {}))
            ends = [end for (_, end), n in spans.items() if n >= FEW]
            self._main[accession] = max(ends or [end for _, end in spans], default=None)
        return self._main[accession]

    def cover_reports(self, end: date) -> list[Fact]:
        """Cover page share counts of the filings about the period that ends on a day."""
        if self._covers is None:
            mains = [(self.main_end(fact[6]), fact) for fact in self.covers]
            self._covers = [(main, fact) for main, fact in mains if main is not None]
        first, last = end - SLIP, end + SLIP
        return [fact for main, fact in self._covers if first <= main <= last]

    def _money(self) -> tuple[str, ...]:
        counted: Counter[str] = Counter()
        for (_, _, unit), series in self.series.items():
            if len(unit) == 3 and unit.isupper():
                counted[unit] += len(series)
        most = counted.most_common()
        return tuple(unit for unit, n in most if n >= _MINOR * most[0][1])


class Currencies:
    """The reporting currency of each period: never a convenience translation, never two in a row."""

    def __init__(self, index: FactIndex) -> None:
        self._index = index
        self._by_filing: dict[str, Counter[str]] = {}
        self._spans: dict[Span, Counter[str]] = {}
        self._filed: dict[str, date] = {}
        if len(index.money) > 1:
            self._count()

    def _count(self) -> None:
        for (_, _, unit), series in self._index.series.items():
            if unit not in self._index.money:
                continue
            for span, reports in series.items():
                for fact in reports:
                    self._by_filing.setdefault(fact[6], Counter())[unit] += 1
                    self._spans.setdefault(span, Counter())[fact[6]] += 1
                    self._filed[fact[6]] = fact[8]

    def of(self, period: Period) -> str:
        """The unit most facts have in the last filing that reports the period in full."""
        if len(self._index.money) < 2:
            return self._index.money[0] if self._index.money else "USD"
        counted: Counter[str] = Counter()
        for span in (*period.spans, *period.to_date, (None, period.end)):
            counted.update(self._spans.get(span, Counter()))
        if not counted:
            return self._index.money[0]
        most = max(counted.values())
        full = [accession for accession, n in counted.items() if 2 * n >= most]
        last = max(full, key=lambda accession: (self._filed[accession], accession))
        return self._by_filing[last].most_common(1)[0][0]


def balance_dates(index: FactIndex) -> list[date]:
    """Days of which a balance sheet is reported, in order: those with total assets."""
    days: set[date] = set()
    for (_, tag, _), series in index.series.items():
        if tag in {"Assets", "LiabilitiesAndStockholdersEquity", "EquityAndLiabilities"}:
            days.update(end for start, end in series if start is None)
    return sorted(days)


def nearest(days: list[date], end: date, within: timedelta = SLIP) -> tuple[date, ...]:
    """The days close to a period's end, the closest first."""
    close = days[bisect_left(days, end - within) : bisect_right(days, end + within)]
    return tuple(sorted(close, key=lambda day: (abs(day - end), day)))
