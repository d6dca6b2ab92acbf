"""Which periodic filings there are, read from EDGAR's indexes and never a company at a time.

Days that EDGAR has published are covered by quarter files and day files. A check asks for the
listing of the daily index, then for what the listing shows and the store does not cover: the
changed days, or one quarter file for a longer gap. A day that was listed anew after it was read
(EDGAR republishes now and then) is read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from evertape.clock import new_york_date
from evertape.model.dataset import Asked, Dataset, Evidence, Wanted
from evertape.model.records import Condition, Record, column
from evertape.model.unit import Freshness, Holding, Outcome, Span, Standing, Unit

LISTING_AGE = timedelta(minutes=10)
"""The daily index changes once in an evening; a listing this young is not asked for again."""
REPUBLISHED = timedelta(days=7)
"""How long a published day is watched for a second publication."""
DAYS_AT_ONCE = 5
"""More missing days than this are cheaper as one quarter file."""
_KEY = re.compile(r"(listing|quarter|day)/(.+)")


class Filing(Record):
    """A filing of one filer: (accession, CIK), since one accession can have several filers."""

    table = "sec_filings"
    key = ("cik", "accession_number")
    absent = "absent_at"
    indexes = (("filed_date",),)

    cik: int = column("SEC central index key of the filer")
    accession_number: str = column("0000320193-24-000081")
    form: str = column("form type as EDGAR writes it, amendments with /A")
    filed_date: date = column("New York date of filing")
    periodic: bool = column("whether the form carries financial statements for a period")
    company_name: str | None = column("filer's name in the index", keep=True)
    path: str | None = column("below https://www.sec.gov/Archives/", keep=True)
    indexed_at: datetime | None = column("when an index last showed it, UTC", keep=True)
    in_facts_at: datetime | None = column("when its facts were last seen in companyfacts, UTC", keep=True)
    absent_at: datetime | None = column("when an index that covers its day was first seen without it")


class ListedDay(Record):
    """A day's index as the daily-index folder lists it."""

    table = "edgar_index_days"
    key = ("day",)

    day: date = column("New York date of filing")
    modified_at: datetime = column("when EDGAR wrote the file, UTC")
    size: str = column("size as EDGAR writes it")
    listed_at: datetime = column("when the listing was read, UTC")


def quarter_of(day: date) -> str:
    """The calendar quarter of a day as EDGAR's folders name it: 2026/QTR3."""
    return f"{day.year}/QTR{(day.month + 2) // 3}"


def quarter_span(name: str) -> Span:
    """First and last day of a quarter such as 2026/QTR3."""
    year, quarter = int(name[:4]), int(name[-1])
    start = date(year, quarter * 3 - 2, 1)
    after = date(year + quarter // 4, quarter % 4 * 3 + 1, 1)
    return Span(start, after - timedelta(days=1))


def quarters(start: date, end: date) -> Iterator[str]:
    """Names of all quarters from the one of `start` to the one of `end`."""
    day = start
    while day <= end:
        name = quarter_of(day)
        yield name
        day = quarter_span(name).end + timedelta(days=1)


def covered_through(holdings: Mapping[str, Holding]) -> date | None:
    """The last day that an index read so far covers; None where none was read."""
    ends = [
        held.unit.span.end
        for key, held in holdings.items()
        if held.unit.span and not key.startswith("listing/")
    ]
    return max(ends, default=None)


def due(evidence: Evidence, _asked: Asked, now: datetime) -> Sequence[Standing]:
    """Listings to ask for; and, as far as the listings read tell, days and quarters to read."""
    held = evidence.holdings.get("filings", {})
    today = new_york_date(now)
    starts = [h.unit.span.start for k, h in held.items() if k.startswith("quarter/") and h.unit.span]
    # A quarter's first days have no file yet: the one before then tells what is filed.
    watched = min(starts, default=quarter_span(quarter_of(today - REPUBLISHED)).start)
    standings = []
    for name in quarters(watched, today):
        span = quarter_span(name)
        if today - span.end > REPUBLISHED and _is_done(name, span, evidence):
            continue
        standings += _quarter(name, evidence, now)
    return standings


def _is_done(name: str, span: Span, evidence: Evidence) -> bool:
    """Whether all of a past quarter was read: by its own file, or day by day to its end."""
    held = evidence.holdings.get("filings", {})
    if _is_complete(held.get(f"quarter/{name}"), span):
        return True
    listing = held.get(f"listing/{name}")
    listed_whole = listing is not None and new_york_date(listing.checked_at) > span.end
    return listed_whole and not _due_days(span, evidence)


def _is_complete(quarter: Holding | None, span: Span) -> bool:
    return quarter is not None and quarter.unit.span is not None and quarter.unit.span.end >= span.end


def _quarter(name: str, evidence: Evidence, now: datetime) -> list[Standing]:
    held = evidence.holdings.get("filings", {})
    span = quarter_span(name)
    today = new_york_date(now)
    past = span.end < today
    listing = held.get(f"listing/{name}")
    quarter = held.get(f"quarter/{name}")
    watching = any(
        key.startswith("day/") and h.unit.span and span.covers(h.unit.span) for key, h in held.items()
    )
    if past and not watching and not (quarter and _is_complete(quarter, span)):
        return [_index(f"quarter/{name}", span, "not read to its end")]
    if listing is None or now - listing.checked_at >= LISTING_AGE:
        return [_index(f"listing/{name}", None, "which days are published")]
    days = _due_days(span, evidence)
    if not days and (quarter is not None or watching or listing.outcome is Outcome.NOTHING):
        return []
    looked_just_now = quarter is not None and now - quarter.checked_at < LISTING_AGE
    unread = quarter is None and not watching and not past
    if (unread or len(days) > DAYS_AT_ONCE) and not looked_just_now:
        return [_index(f"quarter/{name}", span, f"{len(days)} days not read")]
    return [_index(f"day/{day.isoformat()}", Span(day, day), "published, not read") for day in days]


def _due_days(span: Span, evidence: Evidence) -> list[date]:
    """Listed days of a quarter that no index covers, or that were written after they were read."""
    held = evidence.holdings.get("filings", {})
    quarter = held.get(f"quarter/{quarter_of(span.start)}")
    listed = sorted(evidence.rows.get(ListedDay.table, ()))
    latest = listed[-1][0] if listed else span.end
    days = []
    for day, modified_at in listed:
        if not span.start <= day <= span.end:
            continue
        readings = [
            h.checked_at
            for h in (held.get(f"day/{day.isoformat()}"), quarter)
            if h and h.unit.span and h.unit.span.start <= day <= h.unit.span.end
        ]
        read_at = max(readings, default=None)
        if read_at is None or (modified_at > read_at and latest - day <= REPUBLISHED):
            days.append(day)
    return days


def _index(key: str, span: Span | None, reason: str) -> Standing:
    return Standing(
        dataset="filings",
        key=key,
        label=f"EDGAR index {key}",
        level=Freshness.STALE,
        unit=Unit("filings", key, span),
        reason=reason,
    )


def split_key(key: str) -> tuple[str, str]:
    """("quarter", "2026/QTR3") of an index unit's key. Raises ValueError for another key."""
    found = _KEY.fullmatch(key)
    if not found:
        raise ValueError(f"{key} names no EDGAR index")
    return found.group(1), found.group(2)


DATASET = Dataset(
    name="filings",
    doc="periodic filings with the SEC, from EDGAR's indexes and companies' own facts",
    records=(Filing, ListedDay),
    needs=("universe",),
    evidence=True,
    wanted=(Wanted(record=ListedDay, columns=("day", "modified_at")),),
    due=due,
)
PERIODIC = Condition(column="periodic", op="=", value=True)
