"""A company's fiscal calendar, read from the dates of its own facts. `fy` and `fp` are not asked.

Days are counted from 1970-01-01.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import TypeAlias

from evertape.formats.xbrl.facts import day_of

Span: TypeAlias = tuple[int | None, int]
"""(start or None for an instant, end)."""

QUARTER = range(77, 120)
HALF = range(154, 205)
NINE_MONTHS = range(238, 288)
YEAR = range(350, 380)
"""Windows of a duration in days (DQC_0006). Other durations belong to no fiscal period."""
_INTERIM = frozenset((*QUARTER, *HALF, *NINE_MONTHS))

DRIFT = 14
"""Days by which a fiscal year of 52 or 53 weeks may end earlier or later than the last one."""
SLIP = 7
"""Two days this close name the same end of a fiscal period; filers mistype days."""
FEW = 3
"""Lines with which a filing shows that a period is one of its own."""

ANNUAL_FORMS = frozenset({"10-K", "10-K/A", "10-KT", "10-KT/A", "20-F", "20-F/A", "40-F", "40-F/A"})
INTERIM_FORMS = frozenset({"10-Q", "10-Q/A", "10-QT", "10-QT/A", "6-K", "6-K/A"})
_OPEN_YEAR_FORMS = INTERIM_FORMS | {"10-KT", "10-KT/A"}
PERIODIC_FORMS = ANNUAL_FORMS | {"10-Q", "10-Q/A", "10-QT", "10-QT/A"}


@dataclass(frozen=True, kw_only=True)
class FiscalYear:
    """A fiscal year. While it is not closed, its end is estimated and it has no fourth quarter."""

    start: int
    end: int
    closed: bool


@dataclass(frozen=True, kw_only=True)
class Period:
    """A fiscal quarter (1-4) or year (0), and the dates under which facts speak of it.

    Attributes:
        spans: durations of the period itself, the most used first.
        to_date: durations from the start of the fiscal year to the end of this quarter.
        before: the same to the end of the quarter before.
        start, end: the dates most used.
    """

    year: FiscalYear
    quarter: int
    start: int
    end: int
    spans: tuple[Span, ...]
    to_date: tuple[Span, ...]
    before: tuple[Span, ...] = ()


@dataclass
class _Dates:
    spans: dict[Span, int] = field(default_factory=dict)
    to_date: dict[Span, int] = field(default_factory=dict)


_NO_DATES = _Dates()
_Placed: TypeAlias = tuple[int, int]
"""The number of a fiscal year, and the quarter."""

Support: TypeAlias = Mapping[int, tuple[str, Mapping[Span, int]]]
"""By accession: its form, and how many facts it has of each span."""


def fiscal_years(filings: Support) -> list[FiscalYear]:
    """Fiscal years in order: those of annual filings, of interim ones, and those just before them."""
    return _years_before(_closed_by_next(_open_years(_annual_years(filings), filings)))


def _days(span: Span) -> int:
    return span[1] - span[0] + 1 if span[0] is not None else 0


def _annual_years(filings: Support) -> list[FiscalYear]:
    """Years reported by annual filings. Of two that overlap, the better reported one is kept."""
    total: Counter[Span] = Counter()
    for form, spans in filings.values():
        if form not in ANNUAL_FORMS:
            continue
        annual = {span: n for span, n in spans.items() if _days(span) in YEAR}
        most = max(annual.values(), default=0)
        total.update({span: n for span, n in annual.items() if n >= max(FEW, most // 4)})
    years: list[FiscalYear] = []
    for (start, end), _ in sorted(total.items(), key=lambda item: (-item[1], item[0][1])):
        assert start is not None
        if all(_apart(start, end, y) for y in years):
            years.append(FiscalYear(start=start, end=end, closed=True))
    return sorted(years, key=lambda y: y.start)


def _apart(start: int, end: int, year: FiscalYear) -> bool:
    return start > year.end - DRIFT or end < year.start + DRIFT


def _open_years(years: list[FiscalYear], filings: Support) -> list[FiscalYear]:
    """Adds the years that no annual filing covers yet, from the starts of year-to-date figures."""
    starts: Counter[tuple[int, int]] = Counter()
    for form, spans in filings.values():
        if form not in _OPEN_YEAR_FORMS:
            continue
        for span, n in _to_date(spans).items():
            length = _days(span)
            rank = 2 if length in NINE_MONTHS else 1 if length in HALF else 0
            assert span[0] is not None
            starts[rank, span[0]] += n
    known = list(years)
    for (_, start), _ in sorted(starts.items(), key=lambda item: (-item[0][0], -item[1], item[0][1])):
        if all(_room(start, y) for y in known):
            known.append(FiscalYear(start=start, end=start + 364, closed=False))
    return sorted(known, key=lambda y: y.start)


def _room(start: int, year: FiscalYear) -> bool:
    """Whether a year of its own can start here, beside a known one."""
    if start < year.start:
        return year.start - start >= (YEAR[0] if not year.closed else QUARTER[0])
    return start > year.end - DRIFT


def _to_date(spans: Mapping[Span, int]) -> dict[Span, int]:
    """The longest duration of an interim filing up to its own period's end, and the one a year before."""
    own = {s: n for s, n in spans.items() if n >= FEW and _days(s) in _INTERIM}
    if not own:
        return {}
    end = max(end for _, end in own)
    longest = max((s for s in own if end - s[1] <= SLIP), key=_days)
    return {
        span: n
        for span, n in own.items()
        if span == longest or (longest[1] - span[1] in YEAR and abs(_days(span) - _days(longest)) <= DRIFT)
    }


def _closed_by_next(years: list[FiscalYear]) -> list[FiscalYear]:
    """A year without an annual filing ends the day before the next one starts."""
    closed = []
    for year, following in zip(years, (*years[1:], None) if years else (), strict=True):
        if not year.closed and following is not None:
            end = following.start - 1
            if abs(end - year.end) <= DRIFT:
                year = FiscalYear(start=year.start, end=end, closed=True)  # noqa: PLW2901
        closed.append(year)
    return closed


def _years_before(years: list[FiscalYear]) -> list[FiscalYear]:
    """Adds, before each year with no year before it, one whose end is known only as a balance date."""
    added = list(years)
    for number, year in enumerate(years):
        end = year.start - 1
        if number and end - years[number - 1].end <= DRIFT:
            continue
        start = end - 364
        if number and start <= years[number - 1].end - DRIFT:
            continue
        added.append(FiscalYear(start=start, end=end, closed=True))
    return sorted(added, key=lambda y: y.start)


def fiscal_periods(years: list[FiscalYear], totals: Mapping[Span, int], shown: Set[Span]) -> list[Period]:
    """Quarters and years that facts speak of, in order of their ends.

    A quarter within a year needs a filing with several lines of it: dividends alone make none.

    Args:
        totals: how many facts there are of each span.
        shown: spans of which some filing has several lines.
    """
    dates: defaultdict[_Placed, _Dates] = defaultdict(_Dates)
    starts = [y.start + 60 for y in years]
    for span, n in totals.items():
        number = bisect_right(starts, span[1]) - 1
        if number < 0 or span[0] is None:
            continue
        _place(dates, number, years[number], span, n)
    periods: list[Period] = []
    for number, year in enumerate(years):
        end = year.start - 1
        before: tuple[Span, ...] = ()
        for quarter in (1, 2, 3, 4, 0):
            found = dates.get((number, quarter), _NO_DATES)
            if quarter in (4, 0):
                exists = year.closed
            else:
                told = found.spans or (found.to_date and (number, quarter - 1) in dates)
                exists = bool(told) and not (
                    shown.isdisjoint(found.spans) and shown.isdisjoint(found.to_date)
                )
            period = _period(year, quarter, found, end + 1, before) if exists else None
            if period is not None:
                periods.append(period)
                end = period.end
            before = period.to_date if period is not None else _most_used(found.to_date)
    return periods


def _place(dates: defaultdict[_Placed, _Dates], number: int, year: FiscalYear, span: Span, n: int) -> None:
    start, end = span
    assert start is not None
    quarter = quarter_of(year, end)
    if quarter == 0:
        return
    length = end - start + 1
    if length in QUARTER:
        dates[number, quarter].spans[span] = n
    if abs(start - year.start) > SLIP:
        return
    if length in (QUARTER, HALF, NINE_MONTHS, YEAR)[quarter - 1]:
        dates[number, quarter].to_date[span] = n
        if quarter == 4:
            dates[number, 0].spans[span] = n


def quarter_of(year: FiscalYear, end: int) -> int:
    """The quarter (1-4) of a fiscal year that ends on a day; 0 where no quarter does."""
    days = end - year.start + 1
    if year.closed and abs(end - year.end) <= SLIP:
        return 4
    if year.closed and end > year.end - QUARTER[0]:
        return 0
    for quarter, window in enumerate((QUARTER, HALF, NINE_MONTHS, YEAR), start=1):
        if days in window:
            return quarter
    return 0


def _period(
    year: FiscalYear, quarter: int, found: _Dates, after_last: int, before: tuple[Span, ...]
) -> Period:
    spans, to_date = _most_used(found.spans), _most_used(found.to_date)
    last = quarter in (0, 4)
    end = year.end if last else _most_used_end(found)
    start = next((s[0] for s in spans if s[0] is not None), year.start if quarter == 0 else after_last)
    if quarter == 0:
        start = year.start
    return Period(
        year=year, quarter=quarter, start=start, end=end, spans=spans, to_date=to_date, before=before
    )


def _most_used(spans: Mapping[Span, int]) -> tuple[Span, ...]:
    """The most used first; of equally used ones the later, whatever order the facts came in."""
    if len(spans) == 1:
        return tuple(spans)
    return tuple(sorted(spans, key=lambda span: (-spans[span], -span[1], span[0] or 0)))


def _most_used_end(found: _Dates) -> int:
    ends: dict[int, int] = {}
    for span, n in (*found.spans.items(), *found.to_date.items()):
        ends[span[1]] = ends.get(span[1], 0) + n
    return max(ends, key=lambda end: (ends[end], end))


def twelve_months(periods: list[Period]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """By period number, the numbers of the periods whose sum is the twelve months to its end."""
    quarters: list[int] = []
    for n, period in enumerate(periods):
        if period.quarter == 0:
            yield n, (n,)
            continue
        if quarters and abs(periods[quarters[-1]].end + 1 - period.start) > DRIFT:
            quarters = []
        quarters.append(n)
        if len(quarters) >= 4 and period.quarter != 4:
            yield n, tuple(quarters[-4:])


def base_year(end: int) -> int:
    """The calendar year a fiscal year mostly ends in: the first days of January count as December."""
    return day_of(end - SLIP).year


def year_naming(years: list[FiscalYear], focus: Iterable[tuple[int, int, str]]) -> dict[int, int]:
    """What the company calls each fiscal year, by the year's start.

    The cover's fiscal year of some filings is wrong by one, so the most frequent distance between it
    and the calendar year of the end decides, by the month in which the fiscal year ends; annual
    filings decide where there is one.

    Args:
        focus: (end of the filing's own period, fiscal year on its cover, form).
    """
    if not years:
        return {}
    votes: dict[int, Counter[int]] = {}
    starts = [y.start + 60 for y in years]
    for end, named, form in focus:
        number = bisect_right(starts, end) - 1
        if number < 0:
            continue
        year = years[number]
        weight = 1000 if form in ANNUAL_FORMS else 1
        month = day_of(year.end - SLIP).month
        votes.setdefault(month, Counter())[named - base_year(year.end)] += weight
    every: Counter[int] = sum(votes.values(), Counter())
    names: dict[int, int] = {}
    for year in years:
        counted = votes.get(day_of(year.end - SLIP).month) or every
        offset = counted.most_common(1)[0][0] if counted else 0
        names[year.start] = base_year(year.end) + offset
    return names
