"""Recorded companies with what their filings are about, and which tags of a line tell a period of it."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from evertape.formats.xbrl import Cell, Operand, Statements, decode, standardize
from evertape.formats.xbrl.concepts import COLUMNS, LINES, Industry, Line, industry_of

FEWEST_FILINGS = 8
SLIP, FEW, WHOLE = 7, 3, 20
"""Days by which dates may differ; facts that make a period a filing's own; facts that make a report."""
QUARTER, YEAR = range(77, 120), range(350, 380)
TO_DATE = {*range(154, 205), *range(238, 288), *YEAR}
ANNUAL = ("10-K", "10-K/A", "10-KT", "20-F", "20-F/A", "40-F", "40-F/A")
QUARTERLY = ("10-Q", "10-Q/A")
BY_NAME = {line.name: line for line in LINES}
TAXONOMIES = ("us-gaap", "ifrs-full")
Row = dict[str, Any]


@dataclass(kw_only=True)
class Company:
    """One body: its statements, what its filings are about, and the raw facts to look for a miss in."""

    name: str
    industry: Industry
    made: Statements
    rows: dict[str, dict[tuple[date, str], Row]]
    years: set[date] = field(default_factory=set)
    quarters: set[date] = field(default_factory=set)
    last_quarters: set[date] = field(default_factory=set)
    raw: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    filed_about: dict[str, date] = field(default_factory=dict)
    _spans: dict[str, set[tuple[date | None, date]]] = field(default_factory=dict)

    def spans(self, tag: str) -> set[tuple[date | None, date]]:
        """Start (None for an instant) and end of a tag's facts in periodic reports."""
        if tag not in self._spans:
            self._spans[tag] = {
                (date.fromisoformat(v["start"]) if "start" in v else None, date.fromisoformat(v["end"]))
                for v in self.raw.get(tag, ())
                if v["form"] in (*ANNUAL, *QUARTERLY)
            }
        return self._spans[tag]

    def common_years(self, cells: list[Cell]) -> set[date]:
        """Ends of the fiscal years about which filings told every operand of all cells."""
        told = [self._years_of(operand) for cell in cells for operand in cell.operands]
        return set.intersection(*told) if told else set()

    def _years_of(self, operand: Operand) -> set[date]:
        span = (None if operand.start is None else operand.start.isoformat(), operand.end.isoformat())
        by = {
            v["accn"]
            for v in self.raw.get(operand.tag, ())
            if (v.get("start"), v["end"]) == span and v["val"] == operand.value
        }
        about = [self.filed_about[accession] for accession in by if accession in self.filed_about]
        return {min((year for year in self.years if year >= end), default=date.max) for end in about}


def read(path: Path) -> Company | None:
    """A company of the tree; None where it has too few filings."""
    body = gzip.decompress(path.read_bytes())
    document = json.loads(body)
    raw: dict[str, list[dict[str, Any]]] = {}
    for taxonomy in TAXONOMIES:
        for tag, said in document["facts"].get(taxonomy, {}).items() if document["facts"] else ():
            raw.setdefault(tag, []).extend(
                {**v, "unit": unit} for unit, values in said["units"].items() for v in values
            )
    ends = main_ends(raw)
    if len(ends) < FEWEST_FILINGS:
        return None
    made = standardize(decode(body))
    rows = {
        s: {(r["report_date"], r["period_type"]): r for r in getattr(made, s) if r["period_type"] != "ttm"}
        for s in COLUMNS
    }
    company = Company(name=document["entityName"], industry=industry_of(raw), made=made, rows=rows, raw=raw)
    company.filed_about = {accession: end for accession, (_, end) in ends.items()}
    company.years = {end for form, end in ends.values() if form in ANNUAL}
    company.quarters = {end for form, end in ends.values() if form in QUARTERLY}
    company.last_quarters = {
        year for year in company.years if any(80 <= (year - end).days <= 105 for end in company.quarters)
    }
    return company


def main_ends(raw: dict[str, list[dict[str, Any]]]) -> dict[str, tuple[str, date]]:
    """By accession of a periodic report: its form and the last day of the period it is about."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    forms: dict[str, str] = {}
    for values in raw.values():
        for v in values:
            if "start" in v and v["form"] in (*ANNUAL, *QUARTERLY):
                counted[v["accn"]][v["end"]] += 1
                forms[v["accn"]] = v["form"]
    return {
        accession: (forms[accession], date.fromisoformat(max(e for e, n in ends.items() if n >= FEW)))
        for accession, ends in counted.items()
        if ends.total() >= WHOLE and max(ends.values()) >= FEW
    }


def candidates(company: Company, line: Line, end: date, period_type: str) -> list[str]:
    """Tags of a line that tell a period, or formulas of which all that is needed is told so."""
    told = [tag.name for tag in line.tags if tells(company, line, tag.name, end, period_type)]
    for formula in line.formulas:
        needed = [BY_NAME[name] for _, name, need in formula if need != "never"]
        if needed and all(
            any(tells(company, part, tag.name, end, period_type) for tag in part.tags) for part in needed
        ):
            told.append(" ".join(f"{'-' if sign < 0 else '+'} {name}" for sign, name, _ in formula))
    return told


def tells(company: Company, line: Line, tag: str, end: date, period_type: str) -> bool:
    """Whether a tag tells a period: as it is, as a difference to date, or as a year less three quarters."""
    spans = company.spans(tag)
    if line.kind in ("instant", "shares", "cover"):
        return any(start is None and abs((day - end).days) <= SLIP for start, day in spans)
    closed = {(start, day): (day - start).days + 1 for start, day in spans if start is not None}
    here = {start: days for (start, day), days in closed.items() if abs((day - end).days) <= SLIP}
    if any(days in (YEAR if period_type == "annual" else QUARTER) for days in here.values()):
        return True
    if period_type == "annual" or line.kind != "flow":
        return False
    for start, days in here.items():
        before = [d for (s, day), d in closed.items() if s == start and days - d in QUARTER]
        alone = {day for (s, day), d in closed.items() if d in QUARTER and start <= s and day < end}
        if days in TO_DATE and (before or (days in YEAR and len(alone) >= 3)):
            return True
    return False


def speaks(company: Company, line: Line, end: date) -> bool:
    """Whether a fact of any duration ends on a day under a tag of a line, or of all that a formula needs."""

    def ends(part: Line) -> bool:
        days = (day for tag in part.tags for _, day in company.spans(tag.name))
        return any(abs((day - end).days) <= SLIP for day in days)

    formulas = [[BY_NAME[name] for _, name, need in formula if need != "never"] for formula in line.formulas]
    return ends(line) or any(needed and all(map(ends, needed)) for needed in formulas)


def speaks_before(company: Company, line: Line, end: date) -> bool:
    """The same of the end of the quarter before: without, no difference tells the quarter."""
    return any(
        speaks(company, line, end - timedelta(days=days)) for days in range(QUARTER[0], QUARTER[-1], SLIP)
    )


def companies(folder: Path) -> Iterator[Company]:
    """Companies of a recorded tree with enough filings."""
    for path in sorted((folder / "data.sec.gov/api/xbrl/companyfacts").glob("*.json.gz")):
        company = read(path)
        if company is not None:
            yield company
