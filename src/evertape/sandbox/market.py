"""A generated market: companies, what they have filed up to a day, and every page that shows it."""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from isal import igzip

from evertape.sandbox import archive, indexes, listings
from evertape.sandbox.facts import FactsWriter
from evertape.sandbox.fiscal import periods
from evertape.sandbox.indexes import Row
from evertape.sandbox.options import MOST_COMPANIES
from evertape.sandbox.origin import GZIP, JSON, TEXT, Body
from evertape.sandbox.profile import Profile, profile_of
from evertape.sandbox.reported import Company, company_of
from evertape.sandbox.schedule import LAG, Filing, filings_of
from evertape.sandbox.truth import truth_of

LAG_REQUESTS = 3
"""Requests of a company's facts after which lagging ones appear."""
_LEVEL = 3  # 5 ms for 1.7 MB; level 1 takes 1.5 ms and leaves 10 % more bytes
_HELD_BYTES = 200_000_000
_PIECE = 50  # about 0.1 s
_COMPANY = re.compile(r"(api/xbrl/companyfacts|submissions)/CIK(\d{10})\.json")
_FULL = re.compile(r"Archives/edgar/full-index/(?:(\d{4})/QTR([1-4])/)?(master|xbrl)\.(idx|gz)")
_DAILY = re.compile(r"Archives/edgar/daily-index/(\d{4})/QTR([1-4])/(?:index\.json|master\.(\d{8})\.idx)")
_CONSTITUENTS = "datasets/s-and-p-500-companies/main/data/constituents.csv"


class Market:
    """`count` companies of a seed as of `today`, which may be moved. Bodies are built when asked for.

    Safe for one thread that fetches and another that asks for truth.
    """

    def __init__(self, count: int, seed: int, today: date) -> None:
        self.profiles = tuple(profile_of(seed, index) for index in range(count))
        self._by_cik = {profile.cik: profile for profile in self.profiles}
        self._by_symbol = {symbol: p for p in self.profiles for symbol in p.symbols}
        self._lock = threading.RLock()
        self._today = today
        self._asked: Counter[int] = Counter()
        self._held: OrderedDict[object, Body] = OrderedDict()
        self._held_bytes = 0
        self._nightly = archive.Nightly()
        self._rows: dict[tuple[int, int], list[Row]] = {}
        self._indexed = 0

    @property
    def today(self) -> date:
        """The last day whose filings exist."""
        return self._today

    @today.setter
    def today(self, day: date) -> None:
        with self._lock:
            self._today = day
            self._asked.clear()
            self._rows, self._indexed = {}, 0

    def warm(self) -> bool:
        """Work out some filings now, so that the first index is answered as fast as the others.

        True while there are more: whoever asks for something else meanwhile need not wait for all of them.
        """
        with self._lock:
            self._by_quarter(_PIECE)
            return self._indexed < len(self.profiles)

    def companies(self) -> list[dict[str, Any]]:
        """Every company with its main trap."""
        return [
            {
                "cik": p.cik,
                "symbol": p.symbols[0] if p.symbols else None,
                "name": p.name,
                "trap": p.trap,
                "traps": list(p.traps),
            }
            for p in self.profiles
        ]

    def truth(self, *, cik: str | None, symbol: str | None) -> dict[str, Any] | None:
        """A company's truth, by CIK or ticker; None where the market has no such company."""
        profile = self._by_symbol.get(symbol or "")
        if cik is not None and cik.isdigit():
            profile = self._by_cik.get(int(cik))
        if profile is None:
            return None
        with self._lock:
            company = company_of(profile, self._today)
            return truth_of(company, [*self._lagging(company), *_doubtful(company, self._today)])

    def fetch(self, host: str, path: str) -> Body | None:
        """The answer for a host and a path as of today."""
        with self._lock:
            if host == "data.sec.gov" and (found := _COMPANY.fullmatch(path)):
                return self._company(found[1], int(found[2]))
            if host == "www.sec.gov":
                return self._www(path)
            if host == "raw.githubusercontent.com" and path == _CONSTITUENTS:
                return _plain(self._today, listings.constituents(self.profiles), TEXT)
        return None

    def _www(self, path: str) -> Body | None:
        if path == "files/company_tickers.json":
            return _plain(self._today, listings.company_tickers(self.profiles), JSON)
        if path == "files/company_tickers_exchange.json":
            return _plain(self._today, listings.company_tickers_exchange(self.profiles), JSON)
        if found := _FULL.fullmatch(path):
            year, quarter = indexes.quarter_of(self._today)
            if found[1]:
                year, quarter = int(found[1]), int(found[2])
            return self._full_index(year, quarter, found[3], zipped=found[4] == "gz")
        if path == archive.PATH:
            return self._nightly.of(self._today, partial(_members, self.profiles))
        if found := _DAILY.fullmatch(path):
            return self._daily(int(found[1]), int(found[2]), found[3])
        return None

    def _company(self, kind: str, cik: int) -> Body | None:
        profile = self._by_cik.get(cik)
        if profile is None:
            return None
        if kind == "submissions":
            company = company_of(profile, self._today)
            return _plain(self._today, listings.submissions(profile, company.filings, company.quarters), JSON)
        if "no-companyfacts" in profile.traps:
            return None
        self._asked[cik] += 1
        # A hidden filing is part of the key: the body before and after it appears are two bodies.
        hidden = "facts-lag" in profile.traps and self._asked[cik] <= LAG_REQUESTS
        key = (cik, self._today, hidden)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        body = self._build(profile)
        self._held[key] = body
        self._held_bytes += len(body.gz or b"")
        while self._held_bytes > _HELD_BYTES:
            _, dropped = self._held.popitem(last=False)
            self._held_bytes -= len(dropped.gz or b"")
        return body

    def _build(self, profile: Profile) -> Body:
        company = company_of(profile, self._today)
        lagging = self._lagging(company)
        text = FactsWriter(company, [f for f in company.filings if f not in lagging]).text()
        return Body(gz=igzip.compress(text.encode(), _LEVEL, mtime=0), content_type=JSON)

    def _lagging(self, company: Company) -> list[Filing]:
        """Filings that the index has and companyfacts not yet."""
        profile = company.profile
        if "facts-lag" not in profile.traps or self._asked[profile.cik] > LAG_REQUESTS:
            return []
        return [f for f in company.filings if f.in_facts and f.filed > self._today - LAG]

    def _by_quarter(self, piece: int = MOST_COMPANIES) -> dict[tuple[int, int], list[Row]]:
        """The rows of all companies, or of `piece` more than before."""
        profiles = self.profiles[self._indexed : self._indexed + piece]
        for profile in profiles:
            for filing in _filings(profile, self._today):
                self._rows.setdefault(indexes.quarter_of(filing.filed), []).append(Row(profile, filing))
        self._indexed += len(profiles)
        return self._rows

    def _full_index(self, year: int, quarter: int, kind: str, *, zipped: bool) -> Body | None:
        if date(year, 3 * quarter - 2, 1) > self._today or year < 1994:
            return None
        days = indexes.quarter_days(year, quarter)
        through = max((day for day in days if day <= self._today), default=days[0])
        rows = [row for row in self._by_quarter().get((year, quarter), ()) if row.seen_on(self._today)]
        if kind == "xbrl":
            rows = [row for row in rows if row.filing.xbrl]
        content = indexes.index_text(kind, rows, through)
        # The whole folder is rebuilt on Saturdays, so validators of past quarters change weekly.
        saturday = self._today - timedelta(days=(self._today.weekday() - 5) % 7)
        rebuilt = max(through, saturday)
        modified = datetime(rebuilt.year, rebuilt.month, rebuilt.day, 7, 11, 2, tzinfo=UTC)
        if zipped:
            return Body(plain=igzip.compress(content, 1, mtime=0), content_type=GZIP, modified=modified)
        return _plain(self._today, content, TEXT, modified)

    def _daily(self, year: int, quarter: int, name: str | None) -> Body | None:
        days = [day for day in indexes.quarter_days(year, quarter) if day <= self._today]
        by_day: dict[date, list[Row]] = {day: [] for day in days}
        for row in self._by_quarter().get((year, quarter), ()):
            if row.filing.filed in by_day:
                by_day[row.filing.filed].append(row)
        if name is not None:
            day = next((day for day in days if f"{day:%Y%m%d}" == name), None)
            if day is None:
                return None
            modified = indexes.published(day, by_day[day], self._today).astimezone(UTC)
            return _plain(self._today, self._day_text(day, by_day[day]), TEXT, modified)
        if not days:
            return None
        files = [
            (day, indexes.published(day, rows, self._today), len(self._day_text(day, rows)))
            for day, rows in by_day.items()
        ]
        newest = max(written for _, written, _ in files)
        return _plain(self._today, indexes.listing(year, quarter, files), JSON, newest.astimezone(UTC))

    def _day_text(self, day: date, rows: list[Row]) -> bytes:
        return indexes.index_text("daily", [row for row in rows if row.seen_on(self._today)], day)


def _filings(profile: Profile, today: date) -> list[Filing]:
    quarters, years = periods(profile.calendar)
    return filings_of(profile, quarters, years, today)


def _members(profiles: Iterable[Profile], evening: date) -> Iterator[tuple[str, bytes]]:
    for profile in sorted(profiles, key=lambda profile: profile.cik):
        if "no-companyfacts" not in profile.traps:
            company = company_of(profile, evening)
            lags = "facts-lag" in profile.traps
            seen = [f for f in company.filings if not (lags and f.in_facts and f.filed > evening - LAG)]
            yield f"CIK{profile.cik:010d}.json", FactsWriter(company, seen).text().encode()


def _doubtful(company: Company, today: date) -> list[Filing]:
    """Periodic filings that stand in the index today and will be withdrawn."""
    rows = (Row(company.profile, filing) for filing in company.filings if filing.seen_until is not None)
    return [row.filing for row in rows if row.seen_on(today)]


def _plain(today: date, content: bytes, content_type: str, modified: datetime | None = None) -> Body:
    rebuilt = datetime(today.year, today.month, today.day, 7, 11, 2, tzinfo=UTC)
    return Body(
        plain=content,
        gz=igzip.compress(content, 1, mtime=0) if len(content) > 1024 else None,
        content_type=content_type,
        modified=modified or rebuilt,
    )
