"""Who a company is, from the head of data.sec.gov/submissions; its list of filings is left unread.

Shape: https://www.sec.gov/search-filings/edgar-application-programming-interfaces
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from evertape.formats.edgar import is_cik


class MalformedProfile(ValueError):
    """The body is not a company's submissions; says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class FormerName:
    """A name and its first and last day, ISO dates as EDGAR writes them; "" where it has none."""

    name: str
    since: str
    until: str


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A company as EDGAR describes it, texts as written; None where EDGAR says nothing.

    Attributes:
        sic: in four digits. fiscal_year_end: MMDD. ein: nine digits.
        category: filer statuses in EDGAR's order.
    """

    cik: int
    name: str
    sic: str | None
    sic_description: str | None
    entity_type: str | None
    category: tuple[str, ...]
    fiscal_year_end: str | None
    state_of_incorporation: str | None
    ein: str | None
    website: str | None
    former_names: tuple[FormerName, ...]


class _Former(msgspec.Struct):
    name: str
    since: str | None = msgspec.field(name="from", default=None)
    until: str | None = msgspec.field(name="to", default=None)


class _Submissions(msgspec.Struct, rename="camel"):
    cik: str
    name: str
    entity_type: str | None
    sic: str | None
    sic_description: str | None
    category: str | None = None
    fiscal_year_end: str | None = None
    state_of_incorporation: str | None = None
    ein: str | None = None
    website: str | None = None
    former_names: list[_Former] = []


_DECODER = msgspec.json.Decoder(_Submissions)


def read_profile(body: bytes) -> Profile:
    """The head of CIK##########.json. Raises MalformedProfile."""
    try:
        told = _DECODER.decode(body)
        cik = int(told.cik)
    except (ValueError, RecursionError) as error:
        raise MalformedProfile(f"the submissions are not what EDGAR documents: {error}") from error
    if not is_cik(cik) or not told.name.strip():
        raise MalformedProfile(f"the submissions are of no company: CIK {cik}, name {told.name!r}")
    sic = _text(told.sic)
    return Profile(
        cik=cik,
        name=told.name.strip(),
        sic=sic.zfill(4) if sic else None,
        sic_description=_text(told.sic_description),
        entity_type=_text(told.entity_type),
        category=tuple(filter(None, map(str.strip, (told.category or "").split("<br>")))),
        fiscal_year_end=_text(told.fiscal_year_end),
        state_of_incorporation=_text(told.state_of_incorporation),
        ein=_number(told.ein),
        website=_text(told.website),
        former_names=tuple(_former(former) for former in told.former_names),
    )


def _text(said: str | None) -> str | None:
    return (said or "").strip() or None


def _number(ein: str | None) -> str | None:
    """EDGAR writes nine zeros for a company that has not given its number."""
    return _text(ein) if (ein or "").strip(" 0") else None


def _former(former: _Former) -> FormerName:
    # The time of day is midnight of New York in some files and of UTC in others; the day is right as written.
    return FormerName(
        name=former.name.strip(), since=(former.since or "")[:10], until=(former.until or "")[:10]
    )
