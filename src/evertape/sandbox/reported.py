"""Which periods each filing of a company reports, and from which books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from evertape.sandbox.books import Books, books_of
from evertape.sandbox.fiscal import Quarter, Year, periods
from evertape.sandbox.profile import Profile
from evertape.sandbox.revisions import versions_of
from evertape.sandbox.schedule import REVISED_YEAR, Filing, filings_of

INSTANT = -1
"""In place of a first quarter, for figures at a period's end."""
Span = tuple[int, int]
AMENDED_LINES = ("cost_of_revenue", "gross_profit", "selling_general_administrative")
LATE_LINES = ("capital_expenditures", "stock_compensation")
PER_SHARE = ("eps_basic", "eps_diluted", "shares_basic", "shares_diluted")


@dataclass(frozen=True, kw_only=True)
class Company:
    """A company as of a day: its calendar, every filing so far, and its books in each version."""

    profile: Profile
    quarters: Sequence[Quarter]
    years: Sequence[Year]
    filings: Sequence[Filing]
    versions: Sequence[Books]

    def spans(self, filing: Filing, statement: str) -> list[Span]:
        """The periods of a statement in a filing, as (first, last) quarter, or (INSTANT, quarter)."""
        if filing.role == "proxy" or not filing.in_facts:
            return []
        if filing.role in ("amendment", "recast"):
            year = self.years[filing.year]
            return [(year.first, year.last)] if statement == "income" else []
        if statement == "cover":
            return [(INSTANT, filing.quarter)]
        if statement == "balance":
            before = self.years[filing.year].first - 1
            return [(INSTANT, filing.quarter)] + ([(INSTANT, before)] if before >= 0 else [])
        if filing.annual:
            recent = self.years[max(0, filing.year - 2) : filing.year + 1]
            return [(year.first, year.last) for year in reversed(recent)]
        last, first = filing.quarter, self.years[filing.year].first
        spans = [(first, last), (first - 4, last - 4)]
        if statement == "income" and last > first:
            spans = [(last, last), (last - 4, last - 4), *spans]
        return [span for span in spans if span[0] >= 0]

    def carries(self, filing: Filing, line: str, span: Span) -> bool:
        """False for the cells that a filing leaves out although it reports the period."""
        if filing.role == "amendment":
            return line in AMENDED_LINES
        # The half-year operand is missing from its own 10-Q and comes a year later as a comparative.
        late = "half-year-later" in self.profile.traps and line in LATE_LINES
        if late and span[0] != INSTANT and span[1] == span[0] + 1 and filing.quarter == span[1]:
            return filing.year not in (REVISED_YEAR, REVISED_YEAR + 1)
        return True

    def value(self, filing: Filing, line: str, span: Span) -> int | float:
        """The figure of a line for a period, from the books that the filing reports from."""
        books = self.versions[filing.version]
        first, last = span
        if first == INSTANT:
            return books.instants[line][last]
        if line in ("shares_basic", "shares_diluted"):
            return books.shares(line, first, last)
        if line in ("eps_basic", "eps_diluted"):
            return books.per_share(line, first, last)
        return books.flow(line, first, last)

    def slip(self) -> tuple[str, int] | None:
        """The line and the quarter that are reported a thousand times too large, if any."""
        year = self.years[2]
        if "scale-slip" in self.profile.traps:
            return "revenue", year.first + 1
        if "scale-slip-standing" in self.profile.traps:
            return "selling_general_administrative", year.first + 1
        return None

    def slipped(self, filing: Filing, line: str, span: Span) -> bool:
        """True where the filing reports the cell a thousand times too large."""
        found = self.slip()
        if found is None or found != (line, span[1]) or span[0] != span[1]:
            return False
        return "scale-slip-standing" in self.profile.traps or filing.quarter == span[1]


def company_of(profile: Profile, today: date) -> Company:
    """The company as of the end of a day."""
    quarters, years = periods(profile.calendar)
    filings = filings_of(profile, quarters, years, today)
    count = max((filing.quarter for filing in filings), default=0) + 1
    books = books_of(profile, count)
    return Company(
        profile=profile,
        quarters=quarters,
        years=years,
        filings=filings,
        versions=versions_of(profile, books, years, count),
    )
