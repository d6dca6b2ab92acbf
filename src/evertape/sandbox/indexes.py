"""EDGAR's indexes of a generated market, in the SEC's bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from evertape.sandbox.profile import Profile
from evertape.sandbox.schedule import Filing, is_business_day

_NEW_YORK = ZoneInfo("America/New_York")
_TITLES = {"master": "Master Index", "xbrl": "XBRL Index", "daily": "Daily Index"}
_RULE = "-" * 80


@dataclass(frozen=True, slots=True)
class Row:
    """A filing and its filer."""

    profile: Profile
    filing: Filing

    def seen_on(self, today: date) -> bool:
        """True where an index as of `today` has the row."""
        until = self.filing.seen_until
        return self.filing.seen_from <= today and (until is None or today < until)


def quarter_of(day: date) -> tuple[int, int]:
    """The year and quarter of the folder that a day's filings are in."""
    return day.year, (day.month + 2) // 3


def quarter_days(year: int, quarter: int) -> list[date]:
    """The days of a quarter for which EDGAR publishes an index."""
    first = date(year, 3 * quarter - 2, 1)
    days = (first + timedelta(days=n) for n in range(92))
    return [day for day in days if quarter_of(day) == (year, quarter) and is_business_day(day)]


def index_text(kind: str, rows: Iterable[Row], through: date) -> bytes:
    """A master, xbrl or daily index. `through` is the day after which nothing can be in it."""
    daily = kind == "daily"
    heads = [
        f"Description:           {_TITLES[kind]} of EDGAR Dissemination Feed",
        f"Last Data Received:    {through:%B} {through.day}, {through.year}",
        "Comments:              webmaster@sec.gov",
        "Anonymous FTP:         ftp://ftp.sec.gov/edgar/",
        " ",
        f"CIK|Company Name|Form Type|Date Filed|{'File Name' if daily else 'Filename'}",
        _RULE,
    ]
    lines = sorted(_line(row, daily) for row in rows)
    return ("\n".join([*heads, *lines]) + "\n").encode("latin-1")


def _line(row: Row, daily: bool) -> str:
    filing, cik = row.filing, row.profile.cik
    filed = f"{filing.filed:%Y%m%d}" if daily else filing.filed.isoformat()
    return f"{cik}|{row.profile.name}|{filing.form}|{filed}|edgar/data/{cik}/{filing.accession}.txt"


def published(day: date, rows: Sequence[Row], today: date) -> datetime:
    """When a day's index was last written, as of `today`: that evening, or when its rows changed."""
    written = datetime(day.year, day.month, day.day, 22, 2, 11, tzinfo=_NEW_YORK)
    for row in rows:
        for change in (row.filing.seen_from, row.filing.seen_until):
            if change is not None and day < change <= today:
                again = datetime(change.year, change.month, change.day, 11, 11, 5, tzinfo=_NEW_YORK)
                written = max(written, again)
    return written


def listing(year: int, quarter: int, files: Sequence[tuple[date, datetime, int]]) -> bytes:
    """index.json of a daily-index folder; `files` are (day, last written, bytes)."""
    items = [
        {
            "last-modified": f"{written:%m/%d/%Y %I:%M:%S %p}",
            "name": f"master.{day:%Y%m%d}.idx",
            "type": "file",
            "href": f"master.{day:%Y%m%d}.idx",
            "size": f"{max(1, size // 1024)} KB",
        }
        for day, written, size in files
    ]
    folder = {"item": items, "name": f"daily-index/{year}/QTR{quarter}/", "parent-dir": "../"}
    return json.dumps({"directory": folder}).encode()
