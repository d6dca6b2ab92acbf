"""What a generated company files, when, and where that shows: indexes, companyfacts, or only one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from typing import Any

from evertape.sandbox.fiscal import Quarter, Year
from evertape.sandbox.profile import Profile

REVISED_YEAR = 3
"""Index of the fiscal year that restatements and amendments revise."""
LAG = timedelta(days=10)
"""How long facts lag the index, unless they are asked for often."""
_REPUBLISHED_AFTER = timedelta(days=2)
_WITHDRAWN_AFTER = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """A filing. `quarter` and `year` are the indexes of the period that it reports.

    `role` is report, amendment, recast (an 8-K with figures), proxy or notice. `listed` is the day of the
    index that shows it, `seen_from` and `seen_until` the days between which that index does.
    `version` picks the books that it reports from.
    """

    accession: str
    form: str
    filed: date
    quarter: int
    year: int
    annual: bool
    fiscal_year: int | None
    fiscal_period: str | None
    role: str
    version: int
    xbrl: bool
    in_facts: bool
    seen_from: date
    seen_until: date | None = None

    @property
    def reports(self) -> bool:
        """True where the filing carries the statements of its period."""
        return self.role == "report" and self.in_facts


@cache
def is_business_day(day: date) -> bool:
    """True on days that EDGAR publishes an index for: weekdays that are no federal holiday."""
    if day.weekday() >= 5 or (day.month, day.day) in ((1, 1), (7, 4), (11, 11), (12, 25)):
        return False
    if day.weekday() == 0:
        nth = (day.day - 1) // 7 + 1
        monday = (day.month, nth) in ((1, 3), (2, 3), (9, 1), (10, 2))
        return not (monday or (day.month == 5 and day.day > 24))
    return not (day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28)


def next_business_day(day: date) -> date:
    """The day itself, or the next one with an index."""
    while not is_business_day(day):
        day += timedelta(days=1)
    return day


def filings_of(
    profile: Profile, quarters: Sequence[Quarter], years: Sequence[Year], today: date
) -> list[Filing]:
    """Every filing up to `today`, in the order filed."""
    drafts: list[Filing] = []
    for number, quarter in enumerate(quarters):
        if quarter.end >= today or (profile.last_year is not None and quarter.end.year > profile.last_year):
            break
        drafts.extend(_around(profile, number, quarter, years))
    # Numbers count all drafts, also those after today, so that an accession never changes later.
    drafts.sort(key=lambda draft: draft.filed)
    count: Counter[int] = Counter()
    filings = []
    for draft in drafts:
        year = draft.filed.year
        count[year] += 1
        if draft.filed <= today:
            accession = f"{profile.cik:010d}-{year % 100:02d}-{count[year]:06d}"
            filings.append(replace(draft, accession=accession))
    return filings


def _around(profile: Profile, number: int, quarter: Quarter, years: Sequence[Year]) -> Iterator[Filing]:
    year = years[quarter.year]
    annual = number == year.last
    draw = profile.random(f"filed:{number}")
    delay = draw.randrange(40, 60) if annual else draw.randrange(24, 40)
    # These filers report in the last days of June, so that a market as of 06-30 shows the trap.
    if quarter.end.month in (2, 5, 8, 11) and profile.calendar.month in (11, 8) and not annual:
        delay = draw.randrange(22, 29)
    if profile.annual_only:
        delay = draw.randrange(70, 110)
    filed = next_business_day(quarter.end + timedelta(days=delay))
    plain = _draft(profile, number, quarter, years, filed)
    if not profile.has_facts:
        yield _other(plain, "N-CSR" if annual else "N-Q", filed, "notice", xbrl=False)
        return
    if profile.annual_only and not annual:
        yield _other(plain, "6-K", filed, "notice", xbrl=False)
        return
    early = next_business_day(filed - timedelta(days=draw.randrange(1, 6)))
    yield _other(plain, "8-K", min(early, filed), "notice", xbrl=filed.year >= 2020)
    yield plain
    if annual:
        yield from _after_year(profile, plain)
    if "withdrawn-filing" in profile.traps and number >= 4:
        extra = next_business_day(filed + timedelta(days=2))
        yield _other(plain, f"{plain.form}/A", extra, "amendment", seen_until=extra + _WITHDRAWN_AFTER)


def _after_year(profile: Profile, plain: Filing) -> Iterator[Filing]:
    proxy = next_business_day(plain.filed + timedelta(days=45))
    scaled = "proxy-scale" in profile.traps
    if not profile.annual_only:
        yield _other(plain, "DEF 14A", proxy, "proxy" if scaled else "notice", xbrl=scaled, in_facts=scaled)
    later = next_business_day(plain.filed + timedelta(days=75))
    if "amended-annual" in profile.traps and plain.year == REVISED_YEAR:
        yield _other(plain, "10-K/A", later, "amendment", in_facts=True, version=1)
    if "amendment-without-xbrl" in profile.traps:
        yield _other(plain, "10-K/A", later, "notice", xbrl=False)
    if "current-report-facts" in profile.traps and plain.year >= 2:
        yield _other(plain, "8-K", later, "recast", in_facts=True)


def _draft(profile: Profile, number: int, quarter: Quarter, years: Sequence[Year], filed: date) -> Filing:
    year = years[quarter.year]
    annual = number == year.last
    form = ("10-KT" if year.transition else "10-K") if annual else "10-Q"
    if profile.annual_only:
        form = "20-F" if "ifrs-annual" in profile.traps else "40-F"
    fiscal_year: int | None = year.label
    fiscal_period: str | None = "FY" if annual else f"Q{quarter.position + 1}"
    if "fiscal-year-null" in profile.traps and number % 3 == 0:
        fiscal_year = fiscal_period = None
    elif "fiscal-year-null" in profile.traps and number % 3 == 1:
        fiscal_year = year.label + 1
    return Filing(
        accession="",
        form=form,
        filed=filed,
        quarter=number,
        year=quarter.year,
        annual=annual,
        fiscal_year=fiscal_year,
        fiscal_period=fiscal_period,
        role="report",
        version=_version(profile, number, years),
        xbrl=True,
        in_facts=True,
        seen_from=filed + _REPUBLISHED_AFTER if "republished-index" in profile.traps else filed,
    )


def _version(profile: Profile, number: int, years: Sequence[Year]) -> int:
    after = years[REVISED_YEAR + 1].first
    if {"restated-comparatives", "amended-annual"} & set(profile.traps):
        return int(number >= after)
    if "stock-split" in profile.traps:
        return int(number > after)
    return 0


def _other(plain: Filing, form: str, filed: date, role: str, **more: Any) -> Filing:
    more = {"xbrl": True, "in_facts": False, **more}
    if role == "recast":
        more |= {"fiscal_year": None, "fiscal_period": None}
    return replace(plain, form=form, filed=filed, role=role, seen_from=filed, **more)
