"""A companyfacts body to facts, and facts to bitemporal rows and back."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import TypeAlias

import msgspec

from evertape.formats.xbrl.concepts import ANCHOR_TAGS, FISCAL_YEAR, TAGS

Fact: TypeAlias = tuple[str, str, str, date | None, date, float, str, str, date]
"""(taxonomy, tag, unit, start or None for an instant, end, value, accession, form, filed)."""

_FILED = itemgetter(8, 6)
_HEAD = itemgetter(slice(0, 28))
_ACCESSION = re.compile(r"\d{10}-\d{2}-\d{6}")
_ACCESSION_HEAD = re.compile(rb'\s*:\s*"(\d{10}-\d{2}-\d{6})"')


class MalformedFacts(ValueError):
    """The body is not a companyfacts document. `what` says what is wrong with it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, kw_only=True)
class FilingSeen:
    """A filing that reported at least one fact, of whatever tag."""

    accession: str
    form: str
    filed: date


@dataclass(frozen=True, kw_only=True)
class CompanyFacts:
    """One company's facts of the catalogue's tags, and every filing the body mentions.

    Attributes:
        facts: as reported, repeats included. `fy` of a body belongs to the filing (it is its
            dei:DocumentFiscalYearFocus), so it is kept as one such fact a filing.
    """

    cik: int
    name: str
    facts: list[Fact]
    filings: dict[str, FilingSeen]


class FoldedFact(msgspec.Struct, frozen=True, gc=False):
    """A value of one period, from the first filing that reported it.

    Attributes:
        repeats: (accession, filed, form) of the next filings, as long as they say the same.
    """

    taxonomy: str
    tag: str
    unit: str
    start: date | None
    end: date
    value: float
    accession: str
    filed: date
    form: str
    repeats: tuple[tuple[str, date, str], ...] = ()


class _Value(msgspec.Struct, gc=False):
    end: date
    val: float
    accn: str
    form: str
    filed: date
    fy: int | None = None
    start: date | None = None


class _Tag(msgspec.Struct, gc=False):
    units: dict[str, list[_Value]]


class _Body(msgspec.Struct, gc=False):
    cik: int | str
    facts: dict[str, dict[str, msgspec.Raw]]
    entityName: str | None = None  # noqa: N815 - the document's own key


_BODY = msgspec.json.Decoder(_Body)
_TAG = msgspec.json.Decoder(_Tag)
_VALUE = msgspec.json.Decoder(_Value)


def decode(body: bytes) -> CompanyFacts:
    """The facts of the catalogue's tags, and all filings.

    Raises:
        MalformedFacts: the body is no companyfacts document, or a value has the wrong type.
    """
    try:
        read = _BODY.decode(body)
        cik = int(read.cik)
        found = _Found()
        for taxonomy, tags in read.facts.items():
            found.read(taxonomy, tags)
        others = _other_filings(found)
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise MalformedFacts(f"no companyfacts document: {error}") from error
    seen = {fact[6]: (fact[7], fact[8]) for fact in reversed(found.facts)}
    seen.update({v.accn: (v.form, v.filed) for v in others})
    _refuse_impossible(found.facts, seen)
    found.facts.extend(_fiscal_years(found.covers, seen))
    filings = {
        accession: FilingSeen(accession=accession, form=form, filed=filed)
        for accession, (form, filed) in seen.items()
    }
    return CompanyFacts(cik=cik, name=read.entityName or "", facts=found.facts, filings=filings)


class _Found:
    """What one pass over a body gathers.

    Attributes:
        covers: by accession, the last day and the fiscal year of the filing's own period.
        unread: the tags that are not the catalogue's.
    """

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.covers: dict[str, tuple[date, int | None]] = {}
        self.accessions: dict[str, str] = {}
        self.unread: list[msgspec.Raw] = []

    def read(self, taxonomy: str, tags: dict[str, msgspec.Raw]) -> None:
        """Types the catalogue's tags. One string an accession keeps memory and hashing small."""
        wanted = TAGS.get(taxonomy, frozenset())
        one = self.accessions.setdefault
        for tag, raw in tags.items():
            if tag not in wanted:
                self.unread.append(raw)
                continue
            for unit, values in _TAG.decode(raw).units.items():
                self.facts += [
                    (taxonomy, tag, unit, v.start, v.end, v.val, one(v.accn, v.accn), v.form, v.filed)
                    for v in values
                ]
                if tag in ANCHOR_TAGS:
                    self._note_periods(values)

    def _note_periods(self, values: list[_Value]) -> None:
        for v in values:
            if v.start is not None:
                known = self.covers.get(v.accn)
                if known is None or v.end > known[0]:
                    self.covers[v.accn] = (v.end, v.fy)


def _refuse_impossible(facts: list[Fact], filings: Iterable[str]) -> None:
    for fact in facts:
        if not math.isfinite(fact[5]):
            raise MalformedFacts(f"{fact[1]} has the value {fact[5]}")
    for accession in filings:
        if not _ACCESSION.fullmatch(accession):
            raise MalformedFacts(f"{accession!r} is no accession number")


def _fiscal_years(
    covers: dict[str, tuple[date, int | None]], seen: dict[str, tuple[str, date]]
) -> Iterator[Fact]:
    taxonomy, tag, unit = FISCAL_YEAR
    for accession, (end, year) in covers.items():
        if year is not None:
            yield (taxonomy, tag, unit, None, end, float(year), accession, *seen[accession])


def _other_filings(found: _Found) -> list[_Value]:
    """The first fact of each filing that reported none of the catalogue's tags.

    A scan for the key finds the few distinct accessions without building 20,000 facts; the key
    inside a label would be escaped, and so is not found.
    """
    body = b" ".join(map(bytes, found.unread))
    new: set[bytes] = set()
    for head in set(map(_HEAD, body.split(b'"accn"')[1:])):
        match = _ACCESSION_HEAD.match(head)
        if match is None:
            raise MalformedFacts(f"no accession number in {head!r}")
        if match[1].decode() not in found.accessions:
            new.add(match[1])
    others = []
    for accession in sorted(new):
        at = body.index(b'"' + accession + b'"')
        others.append(_VALUE.decode(body[body.rindex(b"{", 0, at) : body.index(b"}", at) + 1]))
    return others


def fold(facts: Iterable[Fact]) -> list[FoldedFact]:
    """Facts by (taxonomy, tag, unit, start, end) in filing order; equal neighbours become one row.

    A changed value opens a new row, also where it changes back. Order within a day is by accession.
    """
    periods: dict[tuple[str, str, str, date | None, date], list[Fact]] = {}
    for fact in facts:
        key = fact[:5]
        if key in periods:
            periods[key].append(fact)
        else:
            periods[key] = [fact]
    folded: list[FoldedFact] = []
    for key, reports in periods.items():
        if len(reports) == 1:
            _, _, _, _, _, value, accession, form, filed = reports[0]
            folded.append(FoldedFact(*key, value, accession, filed, form))
            continue
        reports.sort(key=_FILED)
        start = 0
        value = reports[0][5]
        for at, report in enumerate(reports):
            if report[5] != value:
                folded.append(_folded(reports[start:at]))
                start, value = at, report[5]
        folded.append(_folded(reports[start:] if start else reports))
    return folded


def _folded(run: list[Fact]) -> FoldedFact:
    taxonomy, tag, unit, start, end, value, accession, form, filed = run[0]
    repeats = tuple([(r[6], r[8], r[7]) for r in run[1:]])
    return FoldedFact(taxonomy, tag, unit, start, end, value, accession, filed, form, repeats)


def unfold(folded: Iterable[FoldedFact]) -> list[Fact]:
    """The facts that were folded, each report by itself."""
    facts: list[Fact] = []
    for f in folded:
        key = (f.taxonomy, f.tag, f.unit, f.start, f.end, f.value)
        facts.append((*key, f.accession, f.form, f.filed))
        facts.extend([(*key, accession, form, filed) for accession, filed, form in f.repeats])
    return facts
