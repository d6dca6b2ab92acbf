"""Who a company is: its SIC code, filer status, fiscal year end, state and former names.

The profile is the one of the day it was fetched: EDGAR does not say since when a company has its code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from evertape.model.dataset import Asked, Dataset, Evidence
from evertape.model.feed import Backoff
from evertape.model.records import Batch, Record, Row, column, table_of
from evertape.model.unit import Freshness, Holding, Outcome, Standing, Unit

NAME = "companies"
MAX_AGE = timedelta(days=90)
"""A company seldom changes its business, its name or its status, and does so in a periodic filing."""
ABSENCE = Backoff(first=timedelta(hours=12), most=timedelta(days=7), strikes=3)
"""A 404 may be an outage; only its repetition says that EDGAR has no such company."""
_SIC = re.compile(r"\d{4}", re.ASCII)
_YEAR_END = re.compile(r"(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", re.ASCII)


class Company(Record):
    """A company as EDGAR's submissions describe it on the day they were fetched."""

    table = "companies"
    key = ("cik",)

    cik: int = column("SEC central index key")
    name: str = column("name as EDGAR conforms it")
    sic: str | None = column("Standard Industrial Classification, four digits; null where it has none")
    sic_description: str | None = column("the SEC's words for the code")
    entity_type: str | None = column('what EDGAR takes it for: "operating", "investment", "other"')
    category: str | None = column("filer status under the Exchange Act; several with a semicolon between")
    fiscal_year_end: str | None = column("last day of the fiscal year as MMDD; the year's own may differ")
    state_of_incorporation: str | None = column("EDGAR's code of the state or country")
    ein: str | None = column("employer identification number, nine digits")
    website: str | None = column("address as the company gave it")
    former_names: str | None = column(
        "the names it had, as EDGAR orders them, each with its days: NAME (2007-01-10 to 2019-08-05); "
        "a semicolon between"
    )
    source: str = column("feed that described it")
    fetched_at: datetime = column("when the feed answered, UTC")


_AT_CIK, _AT_SIC = (table_of(Company).position(name) for name in ("cik", "sic"))
_AT_YEAR_END = table_of(Company).position("fiscal_year_end")


def due(evidence: Evidence, asked: Asked, now: datetime) -> Sequence[Standing]:
    """One standing a company asked for: never fetched, too old, or waiting for the next look."""
    held = evidence.holdings.get(NAME, {})
    return [_standing(cik, label, held.get(cik), now) for cik, label in asked.companies.items()]


def _standing(cik: str, label: str, held: Holding | None, now: datetime) -> Standing:
    told = Standing(
        dataset=NAME,
        key=cik,
        label=label,
        level=Freshness.MISSING,
        unit=Unit(NAME, cik),
        reason="never fetched",
    )
    if held is None:
        return told
    told = replace(told, size=held.size or None)
    if held.outcome is Outcome.PENDING:
        waiting = held.not_before is not None and now < held.not_before
        unit = None if waiting else told.unit
        return replace(told, level=Freshness.PENDING, unit=unit, reason=held.note)
    age = now - held.checked_at
    if age < MAX_AGE:
        return replace(told, level=Freshness.FRESH, unit=None, reason=held.note)
    return replace(told, level=Freshness.STALE, days=age.days, reason=f"fetched {age.days} days ago")


def settle(unit: Unit, found: bool, was: Holding | None, at: datetime) -> Holding:
    """The coverage that an answer settles. `found` is false where EDGAR has no such company (404)."""
    settled = Holding(unit=unit, outcome=Outcome.SETTLED, checked_at=at, source="sec")
    if found:
        return settled
    strikes = was.strikes + 1 if was is not None and was.outcome is Outcome.PENDING else 1
    if strikes >= ABSENCE.strikes:
        return replace(settled, outcome=Outcome.NOTHING, note=f"no profile: absent {strikes} times in a row")
    return replace(
        settled,
        outcome=Outcome.PENDING,
        note=f"not found (404), {strikes} of {ABSENCE.strikes} looks",
        strikes=strikes,
        not_before=ABSENCE.not_before(at, strikes),
    )


def check(_record: type[Record], row: Row) -> Sequence[str]:
    """Complaints of a code or a year end that is not what its column says."""
    sic, year_end = row[_AT_SIC], row[_AT_YEAR_END]
    said = []
    if sic is not None and not _SIC.fullmatch(sic):
        said.append(f"the SIC code {sic!r} is not four digits")
    if year_end is not None and not _YEAR_END.fullmatch(year_end):
        said.append(f"the fiscal year end {year_end!r} is no MMDD")
    return said


def sic_codes(batches: Iterable[Batch]) -> Mapping[int, str | None]:
    """SIC codes by CIK, of the companies in the batches."""
    return {row[_AT_CIK]: row[_AT_SIC] for b in batches if b.record is Company for row in b.rows}


DATASET = Dataset(
    name=NAME,
    doc="who a company is: SIC code, filer status, fiscal year end, state, former names",
    records=(Company,),
    needs=("universe",),
    due=due,
    check=check,
)
