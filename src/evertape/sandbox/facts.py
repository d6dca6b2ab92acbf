"""companyfacts JSON of a generated company, in the shape of data.sec.gov/api/xbrl/companyfacts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import cache
from operator import itemgetter
from typing import NamedTuple

from evertape.sandbox.padding import padding_tags
from evertape.sandbox.profile import Profile
from evertape.sandbox.reported import INSTANT, PER_SHARE, Company
from evertape.sandbox.schedule import Filing
from evertape.sandbox.tags import Series, parts_of_debt, series_of, words_of

Chunks = dict[tuple[str, str], dict[str, list[str]]]
"""JSON text of facts, by (taxonomy, tag) and unit."""
_POOL = 997
_POOLS = 4


class Slot(NamedTuple):
    """A place for one fact: a period in a filing. Sorts as the SEC sorts facts: end, start, filing."""

    end: str
    start: str
    number: int
    first: int
    last: int


class Pattern:
    """The facts of one tag as text with a hole for each value: most tags of a company share few of them."""

    def __init__(self, slots: list[Slot], origins: Sequence[str], *, frames: bool) -> None:
        self.slots = sorted(slots)
        newest = {(slot.first, slot.last): slot.number for slot in self.slots} if frames else {}
        self._text = ",".join(
            _fact_text(slot, origins[slot.number], newest.get((slot.first, slot.last)) == slot.number)
            for slot in self.slots
        )
        keys = [(slot.first * 61 + slot.last * 7) % _POOL for slot in self.slots]
        self._pick: Callable[[Sequence[int]], tuple[int, ...]] = _picker(keys)

    def filled(self, values: Sequence[int | float]) -> str:
        """The facts as JSON text, `values` in the order of `slots`."""
        return self._text % tuple(values)

    def picked(self, pool: Sequence[int]) -> str:
        """The facts as JSON text, each period's value taken from a pool of numbers."""
        return self._text % self._pick(pool)


def _picker(keys: list[int]) -> Callable[[Sequence[int]], tuple[int, ...]]:
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda pool: tuple(pool[key] for key in keys)


def _fact_text(slot: Slot, origin: str, newest: bool) -> str:
    start = f'"start":"{slot.start}",' if slot.start else ""
    frame = _frame(slot) if newest else ""
    return f'{{{start}"end":"{slot.end}","val":%s,{origin}{frame}}}'


def _origin_text(filing: Filing) -> str:
    year, period = json.dumps(filing.fiscal_year), json.dumps(filing.fiscal_period)
    return (
        f'"accn":"{filing.accession}","fy":{year},"fp":{period},'
        f'"form":"{filing.form}","filed":"{filing.filed.isoformat()}"'
    )


@cache
def _frame_name(start: str, end: str) -> str:
    last = date.fromisoformat(end)
    if not start:
        return f"CY{last.year}Q{(last.month + 2) // 3}I"
    first = date.fromisoformat(start)
    middle = first + (last - first) / 2
    days = (last - first).days + 1
    if 335 <= days <= 395:
        return f"CY{middle.year}"
    return f"CY{middle.year}Q{(middle.month + 2) // 3}" if 61 <= days <= 121 else ""


def _frame(slot: Slot) -> str:
    name = _frame_name(slot.start, slot.end)
    return f',"frame":"{name}"' if name else ""


class FactsWriter:
    """Writes one company's facts as of a day, for the filings that companyfacts already has."""

    def __init__(self, company: Company, filings: Sequence[Filing]) -> None:
        self._company = company
        self._profile: Profile = company.profile
        self._filings = [filing for filing in filings if filing.in_facts]
        self._origins = [_origin_text(filing) for filing in self._filings]
        self._frames = "no-frame" not in company.profile.traps
        self._starts = [quarter.start.isoformat() for quarter in company.quarters]
        self._ends = [quarter.end.isoformat() for quarter in company.quarters]
        self._patterns: dict[object, Pattern] = {}
        self._debt = parts_of_debt(company.versions[0])

    def text(self) -> str:
        """The whole document."""
        name = json.dumps(self._profile.name)
        if "empty-facts" in self._profile.traps or not self._filings:
            return f'{{"cik":"{self._profile.cik:010d}","entityName":"","facts":{{}}}}'
        chunks: Chunks = {}
        for series in series_of(self._profile):
            self._write_series(series, chunks)
        self._write_padding(chunks)
        self._write_extras(chunks)
        taxonomies: dict[str, list[str]] = {}
        for (taxonomy, tag), units in sorted(chunks.items()):
            facts = ",".join(f'"{unit}":[{",".join(texts)}]' for unit, texts in units.items())
            taxonomies.setdefault(taxonomy, []).append(f'"{tag}":{{{_about(tag)},"units":{{{facts}}}}}')
        body = ",".join(f'"{name}":{{{",".join(tags)}}}' for name, tags in taxonomies.items())
        return f'{{"cik":{self._profile.cik},"entityName":{name},"facts":{{{body}}}}}'

    def _slots(self, statement: str, keep: Callable[[Filing], bool]) -> Iterator[Slot]:
        for number, filing in enumerate(self._filings):
            if not keep(filing):
                continue
            for first, last in self._company.spans(filing, statement):
                if statement == "cover":
                    end = date.fromordinal(filing.filed.toordinal() - 6).isoformat()
                else:
                    end = self._ends[last]
                yield Slot(end, "" if first == INSTANT else self._starts[first], number, first, last)

    def _pattern(self, series: Series) -> Pattern:
        special = self._special(series.line)
        key = (series.statement, series.first, series.last, series.line if special else "")
        if key not in self._patterns:
            years, company = self._company.years, self._company
            slots = [
                slot
                for slot in self._slots(
                    series.statement, lambda f: series.first <= years[f.year].label <= series.last
                )
                if company.carries(self._filings[slot.number], series.line, (slot.first, slot.last))
            ]
            self._patterns[key] = Pattern(slots, self._origins, frames=self._frames)
        return self._patterns[key]

    def _special(self, line: str) -> bool:
        return bool({"half-year-later", "amended-annual"} & set(self._profile.traps)) and bool(line)

    def _write_series(self, series: Series, chunks: Chunks) -> None:
        pattern = self._pattern(series)
        if not pattern.slots:
            return
        unit = self._unit(series.line)
        values = self._values(series, pattern)
        texts = chunks.setdefault((series.taxonomy, series.tag), {}).setdefault(unit, [])
        texts.append(pattern.filled(values))
        if "ifrs-annual" in self._profile.traps and unit == "TWD":
            self._write_convenience(series, chunks)

    def _values(self, series: Series, pattern: Pattern) -> list[int | float]:
        company, filings, line = self._company, self._filings, series.line
        if line in self._debt:
            return [self._debt[line][slot.last] for slot in pattern.slots]
        if company.slip() is None or company.slip()[0] != line:  # type: ignore[index]
            return [company.value(filings[s.number], line, (s.first, s.last)) for s in pattern.slots]
        values = []
        for slot in pattern.slots:
            span = (slot.first, slot.last)
            value = company.value(filings[slot.number], line, span)
            values.append(value * 1000 if company.slipped(filings[slot.number], line, span) else value)
        return values

    def _write_convenience(self, series: Series, chunks: Chunks) -> None:
        """One filing repeats its own year in dollars, at the rate of its last day."""
        for number, filing in enumerate(self._filings):
            if filing.year != 4:
                continue
            slots = [
                s for s in self._pattern(series).slots if s.number == number and s.last == filing.quarter
            ]
            dollars = [
                round(self._company.value(filing, series.line, (s.first, s.last)) / 30.5) for s in slots
            ]
            pattern = Pattern(slots, self._origins, frames=self._frames)
            if slots:
                chunks[series.taxonomy, series.tag].setdefault("USD", []).append(pattern.filled(dollars))

    def _unit(self, line: str) -> str:
        if line in ("eps_basic", "eps_diluted"):
            return f"{self._profile.currency}/shares"
        return "shares" if line in PER_SHARE or line == "shares_outstanding" else self._profile.currency

    def _write_padding(self, chunks: Chunks) -> None:
        draw = self._profile.random("padding")
        unit = self._profile.unit
        pools = [
            [int(draw.random() * 10**exponent) * unit for _ in range(_POOL)]
            for exponent in (1.5, 2.0, 3.0, 4.0)
        ]
        taxonomy = "ifrs-full" if "ifrs-annual" in self._profile.traps else "us-gaap"
        for tag, statement, number in padding_tags():
            shape = draw.randrange(14)
            pattern = self._padding_pattern(statement, shape)
            if shape >= 8 or not pattern.slots:
                continue
            pool, turn = pools[number % _POOLS], draw.randrange(_POOL)
            text = pattern.picked(pool[turn:] + pool[:turn])
            chunks[taxonomy, tag] = {self._profile.currency: [text]}

    def _padding_pattern(self, statement: str, shape: int) -> Pattern:
        key = ("padding", statement, shape)
        if key not in self._patterns:
            count = len(self._filings)
            first = count * shape // 12
            last = count if shape == 0 else min(count, first + count // 4 + 1)
            within = {filing.accession for filing in self._filings[first:last]}
            annual = shape == 10
            slots = list(
                self._slots(
                    statement, lambda f: f.accession in within and f.role == "report" and f.annual >= annual
                )
            )
            self._patterns[key] = Pattern(slots, self._origins, frames=self._frames)
        return self._patterns[key]

    def _write_extras(self, chunks: Chunks) -> None:
        traps = set(self._profile.traps)
        if "slice-tag" in traps:
            self._add_slice(chunks)
        if "proxy-scale" in traps:
            self._add_proxies(chunks)
        if "odd-durations" in traps:
            self._add_odd_durations(chunks)

    def _add_slice(self, chunks: Chunks) -> None:
        """A part of the revenue under a tag that other companies use for all of it."""
        tag = "RevenueFromContractWithCustomerExcludingAssessedTax"
        pattern = self._pattern(Series("revenue", tag, "income", first=2018))
        values = [
            int(self._company.value(self._filings[s.number], "revenue", (s.first, s.last)) * 0.03)
            for s in pattern.slots
        ]
        if values:
            chunks["us-gaap", tag] = {self._profile.currency: [pattern.filled(values)]}

    def _add_proxies(self, chunks: Chunks) -> None:
        """Net income of five years in a proxy statement, in millions."""
        for number, filing in enumerate(self._filings):
            if filing.role == "proxy":
                years = self._company.years[max(0, filing.year - 4) : filing.year + 1]
                slots = [
                    Slot(self._ends[y.last], self._starts[y.first], number, y.first, y.last) for y in years
                ]
                pattern = Pattern(slots, self._origins, frames=False)
                values = [
                    round(self._company.value(filing, "net_income", (s.first, s.last)) / 1_000_000, 1)
                    for s in pattern.slots
                ]
                chunks["us-gaap", "NetIncomeLoss"]["USD"].append(pattern.filled(values))

    def _add_odd_durations(self, chunks: Chunks) -> None:
        """Sums since the first quarter and over two years, under the tags of the statements."""
        for number, filing in enumerate(self._filings):
            if not (filing.reports and filing.annual and filing.year >= 2):
                continue
            last = filing.quarter
            slots = [
                Slot(self._ends[last], self._starts[first], number, first, last) for first in (0, last - 7)
            ]
            pattern = Pattern(slots, self._origins, frames=False)
            for line, tag in (("net_income", "NetIncomeLoss"), ("income_tax", "IncomeTaxExpenseBenefit")):
                values = [self._company.value(filing, line, (s.first, s.last)) for s in pattern.slots]
                chunks["us-gaap", tag]["USD"].append(pattern.filled(values))


@cache
def _about(tag: str) -> str:
    words = words_of(tag)
    if sum(tag.encode()) % 23 == 0:
        return '"label":null,"description":null'
    description = (
        f"Generated figure, from a sandbox and not from a filing: {words.lower()} of the reporting entity, "
        f"as of the end of the period or for the period, in the reporting currency or in shares."
    )
    return f'"label":{json.dumps(words)},"description":{json.dumps(description)}'
