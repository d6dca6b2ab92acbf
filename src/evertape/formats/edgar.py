"""EDGAR's text and JSON shapes as values: ticker files, filing indexes, index listings.

Shapes: https://www.sec.gov/search-filings/edgar-search-assistance/accessing-edgar-data
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec

_NEW_YORK = ZoneInfo("America/New_York")

PERIODIC_FORMS = frozenset(
    form + amended for form in ("10-K", "10-Q", "20-F", "40-F", "10-KT", "10-QT") for amended in ("", "/A")
)
"""Forms that carry financial statements for a period (XBRL is required in all of them)."""

_CIK = re.compile(r"0*[1-9]\d{0,9}")
_ACCESSION = re.compile(r"(\d{10}-\d{2}-\d{6})\.txt$")
_DAILY = re.compile(r"master\.(\d{8})\.idx")
_RECEIVED = re.compile(r"^Last Data Received:\s*(.+?)\s*$", re.MULTILINE)


class MalformedIndex(ValueError):
    """The text is not the EDGAR file that it should be; says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Ticker:
    """One line of company_tickers_exchange.json. `exchange` is None where EDGAR names none."""

    cik: int
    name: str
    symbol: str
    exchange: str | None


@dataclass(frozen=True, kw_only=True)
class IndexEntry:
    """One filer's line of a master or xbrl index."""

    cik: int
    name: str
    form: str
    filed: date
    accession: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Index:
    """A master or xbrl index. `through` is the last day whose filings it can contain."""

    through: date | None
    entries: tuple[IndexEntry, ...]


@dataclass(frozen=True, kw_only=True)
class ListedDay:
    """A published day of a daily-index folder; `modified` is aware UTC, `size` as written."""

    day: date
    modified: datetime
    size: str


class _TickerFile(msgspec.Struct):
    fields: list[str]
    data: list[tuple[int, str, str | None, str | None]]


class _Listed(msgspec.Struct, rename={"modified": "last-modified"}):
    name: str
    modified: str
    size: str = ""


class _Directory(msgspec.Struct):
    item: list[_Listed]


class _Listing(msgspec.Struct):
    directory: _Directory


def canonical_symbol(text: str) -> str:
    """A ticker as evertape writes it: upper case, share classes after a hyphen (BRK-B)."""
    return re.sub(r"[./ _]+", "-", text.strip().upper())


def cik10(cik: int | str) -> str:
    """A CIK as ten digits. Raises ValueError for what is none."""
    number = int(str(cik).removeprefix("CIK"))
    if not is_cik(number):
        raise ValueError(f"{cik} is no CIK: it has one to ten digits")
    return f"{number:010d}"


def is_cik(number: int) -> bool:
    """Whether a number can be a CIK: one to ten digits, not zero."""
    return 0 < number < 10**10


def read_tickers(body: bytes) -> list[Ticker]:
    """company_tickers_exchange.json. Raises MalformedIndex."""
    try:
        table = msgspec.json.decode(body, type=_TickerFile)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedIndex(f"the ticker file is not what EDGAR documents: {error}") from error
    if table.fields != ["cik", "name", "ticker", "exchange"]:
        raise MalformedIndex(f"the ticker file has columns {table.fields}")
    odd = next((row for row in table.data if not is_cik(row[0])), None)
    if odd is not None:
        raise MalformedIndex(f"the ticker file has a line that is no company: {odd}")
    return [
        Ticker(cik=cik, name=name, symbol=canonical_symbol(symbol), exchange=exchange)
        for cik, name, symbol, exchange in table.data
        if symbol
    ]


def read_index(body: bytes) -> Index:
    """A pipe-separated master or xbrl index of a day or a quarter. Raises MalformedIndex.

    Lines that are no entry (five fields, a CIK, a date, an accession) are refused, not skipped:
    a half-read index would hide filings.
    """
    text = body.decode("latin-1")
    head, rule, rows = text.partition("\n-----")
    if not rule or "|" not in head:
        raise MalformedIndex("the index has no heading line: it is not an EDGAR index")
    lines = rows.split("\n")[1:]
    return Index(through=_received(head), entries=tuple(_entries(lines)))


def _entries(lines: list[str]) -> Iterator[IndexEntry]:
    for line in lines:
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("|")
        accession = _ACCESSION.search(fields[-1])
        if len(fields) != 5 or not accession or not _CIK.fullmatch(fields[0]):
            raise MalformedIndex(f"the index has a line that is no filing: {line[:80]!r}")
        yield IndexEntry(
            cik=int(fields[0]),
            name=fields[1],
            form=fields[2],
            filed=_index_date(fields[3]),
            accession=accession.group(1),
            path=fields[4],
        )


def _index_date(text: str) -> date:
    """Daily indexes write 20260731, quarterly ones 2026-07-31."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise MalformedIndex(f"the index has a filing date {text!r}") from error


def _received(head: str) -> date | None:
    found = _RECEIVED.search(head)
    if not found:
        return None
    for pattern in ("%B %d, %Y", "%b %d, %Y"):
        try:
            return datetime.strptime(found.group(1), pattern).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None


def read_listing(body: bytes) -> list[ListedDay]:
    """The index.json of a daily-index folder: its master files by day. Raises MalformedIndex."""
    try:
        listing = msgspec.json.decode(body, type=_Listing)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedIndex(f"the listing of the daily index is not readable: {error}") from error
    days = []
    for item in listing.directory.item:
        named = _DAILY.fullmatch(item.name)
        if not named:
            continue
        try:
            modified = datetime.strptime(item.modified, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=_NEW_YORK)
        except ValueError as error:
            raise MalformedIndex(f"{item.name} is listed with time {item.modified!r}") from error
        days.append(
            ListedDay(
                day=date.fromisoformat(named.group(1)), modified=modified.astimezone(UTC), size=item.size
            )
        )
    return sorted(days, key=lambda listed: listed.day)
