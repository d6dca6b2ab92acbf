"""Every state that a company's statement rows have been in, each with the days on which it was so."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from operator import attrgetter
from typing import Any, TypeAlias

from evertape.formats.xbrl.concepts import COLUMNS, LINES
from evertape.formats.xbrl.facts import Facts, Filed, FoldedFact, Key, Series, day_of
from evertape.formats.xbrl.grid import Grid
from evertape.formats.xbrl.index import FactIndex
from evertape.formats.xbrl.periods import INTERIM_FORMS, PERIODIC_FORMS, Period, Span
from evertape.formats.xbrl.statements import SHARED, _Rows

Row: TypeAlias = tuple[Any, ...]
Vintage: TypeAlias = tuple[Any, ...]
"""The values of `HEAD`, then those of the statement's columns."""

FILING = ("filed_date", "accession_number", "form", "known_from")
"""What a statement row says of its filing alone: a repeat by a later one is no new state."""
HEAD = (
    "cik", "report_date", "period_type", "known_from", "known_to",
    *(name for name in SHARED if name not in ("cik", "report_date", "period_type", "known_from")),
)  # fmt: skip
"""What a vintage says of its period, its days and the filing that brought it."""

REACH = 60
"""A fact speaks of no period that ends more days before it: filers mistype days, quarters have 77 to 119."""
MEMORY = 600
"""Facts that end earlier before a period's end play no part in it: four quarters with drift between them
(518 days), and the figure to date that the first of them is the difference to."""

FAR = 10**6
"""Days beyond all that facts speak of."""
STRAY = 0.1
"""Below this share of the main one's figures a currency is none of the statements'; see `FactIndex.money`."""
_END = attrgetter("end")
_KEPT = [SHARED.index(name) for name in HEAD[5:]]
_WIDTH = len(SHARED)
_FIRST, _LAST = SHARED.index("filed_date"), SHARED.index("known_from") + 1
_WHOLE_TAGS = frozenset((tag.taxonomy, tag.name) for line in LINES if line.on_sheet for tag in line.tags)
"""Whether these count depends on whether they were ever reported in a quarter: all their facts are read."""
_IF_USED = frozenset(
    name for line in LINES for formula in line.formulas for _, name, need in formula if need == "if used"
)
"""Lines that a formula of any period needs once the company has ever used them."""


def vintages(series: Facts, filed: Filed, cik: int) -> dict[str, list[Vintage]]:
    """By statement, each row as `standardize_series` gives it as of any day, in order of period and day.

    A row was known on a day where `known_from` <= day < `known_to`; `known_to` is null while it stands.
    A state begins where a value, a currency, a fiscal year or what else is not `FILING` changes, and ends
    where it changes again or the row is there no more. Between two filings nothing can change.

    Args:
        series: folded. filed: of every accession that they name.
    """
    states = {name: _States() for name in COLUMNS}
    for day, after, rows in _rows_by_day(series, filed, cik):
        for statement, told in rows.items():
            states[statement].advance(told, day, after)
    return {statement: found.vintages() for statement, found in states.items()}


class _States:
    """The rows of a statement that stand, and those that stood."""

    def __init__(self) -> None:
        self._standing: dict[tuple[date, str], tuple[date, Row]] = {}
        self._done: list[Vintage] = []

    def advance(self, rows: list[Row], day: date, after: date) -> None:
        """Take the rows that end after a date, as of a day; the others are as they were."""
        gone = {key: was for key, was in self._standing.items() if key[0] > after}
        for row in rows:
            if row[1] <= after:
                continue
            key = row[1:3]
            was = gone.pop(key, None)
            if was is not None:
                if _same(was[1], row):
                    continue
                self._done.append(_vintage(was[1], was[0], day))
            self._standing[key] = (day, row)
        for key, (since, row) in gone.items():
            self._done.append(_vintage(row, since, day))
            del self._standing[key]

    def vintages(self) -> list[Vintage]:
        """All, in order of period and first day."""
        found = self._done + [_vintage(row, since, None) for since, row in self._standing.values()]
        return sorted(found, key=lambda vintage: vintage[1:4])


def _same(one: Row, other: Row) -> bool:
    return one[_LAST:] == other[_LAST:] and one[:_FIRST] == other[:_FIRST]


def _vintage(row: Row, since: date, until: date | None) -> Vintage:
    return (*row[:3], since, until, *(row[at] for at in _KEPT), *row[_WIDTH:])


def _rows_by_day(series: Facts, filed: Filed, cik: int) -> Iterator[tuple[date, date, dict[str, list[Row]]]]:
    """By each day on which a fact was filed: the rows as of that day that end after a date.

    A filing speaks of the last few years. Earlier periods are worked out again only where what holds for
    the whole company has changed for them: its fiscal calendar, its tags, how it reports.
    """
    history = _History(series, filed)
    before: _Outline | None = None
    for day, earliest in history.days():
        after = earliest - REACH
        grid = history.grid(day, after - MEMORY) if before is not None and history.is_plain else None
        outline = None if grid is None else _Outline.of(grid)
        if grid is None or outline is None or before is None or not outline.agrees(before, after):
            after = -FAR
            grid = history.grid(day, None)
            outline = _Outline.of(grid)
        before = outline
        first = date.min if after == -FAR else day_of(after)
        yield day_of(day), first, _Rows(cik, grid).statements().rows


@dataclass(frozen=True)
class _Outline:
    """What a row depends on besides the facts around its period.

    Attributes:
        periods: each with its name, its currency and whether its end has a sheet.
        company: what holds for all periods.
        bases: by accession, the fiscal year that the filing is about.
    """

    periods: list[tuple[Period, int, str, bool]]
    company: tuple[object, ...]
    bases: dict[int, int | None]

    @classmethod
    def of(cls, grid: Grid) -> _Outline:
        """Read off a grid."""
        starts = sorted(grid.names)
        quarter_ends = frozenset(p.end for p in grid.periods if p.quarter in (1, 2, 3))
        keys = grid.index.series
        quarterly = frozenset(
            key
            for key, facts in keys.items()
            if key[:2] in _WHOLE_TAGS and any(end in quarter_ends for _, end in facts)
        )
        return cls(
            periods=[
                (p, grid.names[p.year.start], currency, grid.has_sheet(p))
                for p, currency in zip(grid.periods, grid.currency, strict=True)
            ],
            company=(
                grid.industry,
                grid.index.money,
                len({key[0] for key in keys}) > 1,
                grid._unused & _IF_USED,
                bool(quarter_ends),
                quarterly,
            ),
            bases={a: _year_of(starts, grid.index.main_end(a)) for a in grid.index.filings},
        )

    def agrees(self, earlier: _Outline, until: int) -> bool:
        """Whether rows that end until a day are what they were."""
        near = until + REACH // 2
        return (
            self.company == earlier.company
            and [p for p in self.periods if p[0].end <= near]
            == [p for p in earlier.periods if p[0].end <= near]
            and all(self.bases.get(accession) == start for accession, start in earlier.bases.items())
        )


def _year_of(starts: list[int], end: int | None) -> int | None:
    at = 0 if end is None else bisect_left(starts, end)
    return starts[at - 1] if at else None


class _History:
    """A company's facts as they became known.

    Attributes:
        is_plain: whether a part of the facts can stand for all: they are in the order of their ends.
    """

    def __init__(self, series: Facts, filed: Filed) -> None:
        self._series = series
        self._filed = filed
        self._known: Facts = {key: [] for key in series}
        # Whether a tag of days and durations counts changes with its last fact; all others always do.
        self._mixed = [key for key, folded in series.items() if key[0] != "dei" and _is_mixed(folded)]
        pure = {key: folded for key, folded in series.items() if key not in self._mixed}
        self._filings = FactIndex(pure, filed).filings
        self._odd = {accession for accession, (_, form) in filed.items() if form not in PERIODIC_FORMS}
        self._spans: dict[Key, tuple[int, int]] = {}
        self._units = {key[2] for key in series if _is_money(key)}
        self.is_plain = all(
            one.end <= other.end for folded in series.values() for one, other in pairwise(folded)
        )

    def days(self) -> Iterator[tuple[int, int]]:
        """Each day on which a fact was filed, and the earliest end that one of them speaks of.

        Only what a day's filings speak of is cut again: most of a company's tags rest.
        """
        touched: dict[int, dict[Key, int]] = defaultdict(dict)
        for key, folded in self._series.items():
            for fact in folded:
                for day in (fact.filed, *(self._filed[again][0] for again in fact.repeats)):
                    ends = touched[day]
                    ends[key] = min(ends.get(key, fact.end), fact.end)
        for day, ends in sorted(touched.items()):
            for key, end in ends.items():
                self._learn(key, day, end if self.is_plain else -FAR)
            yield day, min(ends.values())

    def _learn(self, key: Key, day: int, end: int) -> None:
        """Take what filings until a day said of one key, from an end on."""
        known, folded = self._known[key], self._series[key]
        self._known[key] = [*known[: _at(known, end)], *_until(folded[_at(folded, end) :], day, self._filed)]
        if len(self._units) > 1 and _is_money(key):
            every = {(f.start, f.end): True for f in self._known[key]}
            sure = {(f.start, f.end) for f in self._known[key] if f.accession not in self._odd}
            self._spans[key] = (len(sure), len(every))

    def currency(self) -> tuple[str, ...] | None:
        """The one currency of the company until now; None where it may have several."""
        if len(self._units) < 2 or not self._spans:
            known = any(folded for key, folded in self._known.items() if _is_money(key))
            return tuple(self._units) if known else ()
        least: Counter[str] = Counter()
        most: Counter[str] = Counter()
        for key, (sure, every) in self._spans.items():
            least[key[2]] += sure
            most[key[2]] += every
        main = max(sorted(least), key=lambda unit: least[unit])
        strays = all(n < STRAY * least[main] for unit, n in most.items() if unit != main)
        return (main,) if strays else None

    def grid(self, day: int, since: int | None) -> Grid:
        """What was known on a day, figures of periods from some months after `since` on; None for all."""
        money = None if since is None else self.currency()
        if since is None or money is None:
            return Grid(FactIndex(self._known, self._filed))
        index = FactIndex(
            {key: _since(key, folded, since) for key, folded in self._known.items()}, self._filed
        )
        for key, folded in self._known.items():
            if folded and key[0] != "dei":
                index.series.setdefault(key, {})
        index.filings = self._counts(day)
        index.money = money
        return Grid(index)

    def _counts(self, day: int) -> dict[int, tuple[str, dict[Span, int]]]:
        """How many facts of each duration the filings until a day have; see `FactIndex.filings`."""
        found = {a: counts for a, counts in self._filings.items() if self._filed[a][0] <= day}
        for key in self._mixed:
            known = self._known[key]
            if not known or known[-1].start is None:
                continue
            for fact in known:
                for accession in (fact.accession, *fact.repeats):
                    form = self._filed[accession][1]
                    if fact.start is not None and (form in PERIODIC_FORMS or form in INTERIM_FORMS):
                        spans = dict(found.get(accession, (form, {}))[1])
                        spans[fact.start, fact.end] = spans.get((fact.start, fact.end), 0) + 1
                        found[accession] = (form, spans)
        return found


def _is_money(key: Key) -> bool:
    return key[0] != "dei" and len(key[2]) == 3 and key[2].isupper()


def _is_mixed(folded: Series) -> bool:
    return len({fact.start is None for fact in folded}) > 1


def _at(folded: Series, end: int) -> int:
    return bisect_left(folded, end, key=_END)


def _since(key: Key, folded: Series, since: int) -> Series:
    if key[0] == "dei" or key[:2] in _WHOLE_TAGS or not folded or folded[0].end >= since:
        return folded
    return folded[_at(folded, since) :]


def _until(folded: Series, day: int, filed: Filed) -> Series:
    return [_repeats_until(f, day, filed) if f.repeats else f for f in folded if f.filed <= day]


def _repeats_until(fact: FoldedFact, day: int, filed: Filed) -> FoldedFact:
    # Repeats stand in filing order: the last one tells whether any is to be left out.
    if filed[fact.repeats[-1]][0] <= day:
        return fact
    return FoldedFact(
        fact.end,
        fact.start,
        fact.value,
        fact.filed,
        fact.accession,
        fact.form,
        tuple(again for again in fact.repeats if filed[again][0] <= day),
    )


def as_of(found: Mapping[str, list[Vintage]], day: date) -> dict[str, list[Vintage]]:
    """The vintages that stood at the end of a day."""
    from_, to = HEAD.index("known_from"), HEAD.index("known_to")
    return {
        statement: [v for v in rows if v[from_] <= day and (v[to] is None or day < v[to])]
        for statement, rows in found.items()
    }


__all__ = ["FILING", "HEAD", "Vintage", "as_of", "vintages"]
