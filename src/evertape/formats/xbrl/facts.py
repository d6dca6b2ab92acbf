"""A companyfacts body to facts, and facts to bitemporal rows and back.

Days are counted from 1970-01-01 and accessions are numbers (0000000007-24-000081 is 724000081) wherever many
are kept; `Fact` is the form for reading.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import msgspec

from evertape.formats.xbrl.concepts import ANCHOR_TAGS, FISCAL_YEAR, TAGS

Fact: TypeAlias = tuple[str, str, str, date | None, date, float, str, str, date]
"""(taxonomy, tag, unit, start or None for an instant, end, value, accession, form, filed)."""
Key: TypeAlias = tuple[str, str, str]
"""(taxonomy, tag, unit)."""

EPOCH = date(1970, 1, 1).toordinal()
_ACCESSION = re.compile(r"\d{10}-\d{2}-\d{6}", re.ASCII)
_ACCESSION_HEAD = re.compile(rb'\s*:\s*"(\d{10}-\d{2}-\d{6})"')
_LARGE = frozenset({"us-gaap", "ifrs-full"})
_HEAD = 28
"""Bytes after an "accn" key that hold its value, spaces included."""


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


class FoldedFact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A value of one period, from the first filing that reported it.

    Attributes:
        end, start, filed: days from 1970-01-01; no start for an instant.
        accession, form: of that first filing.
        repeats: accessions of the next filings, as long as they say the same.
        absent: the day on which the source was first seen without it.
    """

    end: int
    start: int | None
    value: float
    filed: int
    accession: int
    form: str
    repeats: tuple[int, ...] = ()
    absent: int | None = None


Series: TypeAlias = list[FoldedFact]
"""Folded facts of one key, by period and, within a period, in filing order."""
Facts: TypeAlias = dict[Key, Series]
Filed: TypeAlias = Mapping[int, tuple[int, str]]
"""By accession: day of filing and form."""


class CompanyFacts(msgspec.Struct, kw_only=True):
    """One company's facts of the catalogue's tags, and every filing the body mentions.

    Attributes:
        series: folded. `fy` of a body belongs to the filing (it is its dei:DocumentFiscalYearFocus), so
            it is kept as one such fact a filing.
        filed: of all filings.
    """

    cik: int
    name: str
    series: Facts
    filed: dict[int, tuple[int, str]]

    @property
    def count(self) -> int:
        """How many folded facts there are."""
        return sum(map(len, self.series.values()))

    @property
    def facts(self) -> list[Fact]:
        """Each report by itself."""
        return unfold(self.series, self.filed)

    @property
    def filings(self) -> dict[str, FilingSeen]:
        """The filings by accession."""
        seen = {}
        for number, (filed, form) in self.filed.items():
            text = accession_text(number)
            seen[text] = FilingSeen(accession=text, form=form, filed=day_of(filed))
        return seen


def day_of(number: int) -> date:
    """The date of a day number."""
    return date.fromordinal(number + EPOCH)


def day_number(day: date) -> int:
    """Days from 1970-01-01."""
    return day.toordinal() - EPOCH


def accession_text(number: int) -> str:
    """724000081 as 0000000007-24-000081."""
    digits = f"{number:018d}"
    return f"{digits[:10]}-{digits[10:12]}-{digits[12:]}"


def accession_number(text: str) -> int:
    """0000000007-24-000081 as 724000081. Raises ValueError for anything else."""
    if not _ACCESSION.fullmatch(text):
        raise ValueError(f"{text!r} is no accession number")
    return int(text.replace("-", ""))


class _Days(dict[str, int]):
    """ISO dates to day numbers, remembered: a market has some ten thousand days."""

    def __missing__(self, text: str) -> int:
        if len(text) != 10 or text[7] != "-":
            raise ValueError(f"{text!r} is no date such as 2024-06-29")
        number = self[text] = day_number(date.fromisoformat(text))
        return number


_DAYS = _Days()


class _Said(msgspec.Struct, gc=False, kw_only=True):
    """A value by itself: what it repeats of its filing is not read."""

    start: str | None = None
    end: str
    val: float
    accn: str


class _Value(_Said, gc=False, kw_only=True):
    """A value with its filing."""

    form: str
    filed: str
    fy: int | None = None


class _Short(msgspec.Struct, gc=False):
    units: dict[str, list[_Said]]


class _Tag(msgspec.Struct, gc=False):
    units: dict[str, list[_Value]]


class _Body(msgspec.Struct, gc=False):
    cik: int | str
    facts: dict[str, dict[str, msgspec.Raw]]
    entityName: str | None = None  # noqa: N815 - the document's own key


_BODY = msgspec.json.Decoder(_Body)
_SHORT = msgspec.json.Decoder(_Short)
_TAG = msgspec.json.Decoder(_Tag)
_VALUE = msgspec.json.Decoder(_Value)

_Filing: TypeAlias = tuple[int, int, str]
"""(day of filing, accession, form): filings sort by it."""
_NO_FILING: _Filing = (0, 0, "")
_NO_REPEATS: tuple[int, ...] = ()


def decode(body: bytes, awaited: Collection[str] = ()) -> CompanyFacts:
    """The facts of the catalogue's tags, and the filings.

    Args:
        awaited: accessions that are looked for in the tags of the large taxonomies that the catalogue
            lacks, too.

    Raises:
        MalformedFacts: the body is no companyfacts document, or a value has the wrong type.
    """
    try:
        read = _BODY.decode(body)
        cik = int(read.cik)
        found = _Found()
        for taxonomy, tags in read.facts.items():
            found.read(taxonomy, tags)
        for value in (*_other_filings(found), *_awaited_filings(body, awaited, found)):
            found.filing(value)
        found.add_fiscal_years()
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise MalformedFacts(f"no companyfacts document: {error}") from error
    filed = {accession: (day, form) for day, accession, form in found.filings.values()}
    return CompanyFacts(cik=cik, name=read.entityName or "", series=found.series, filed=filed)


class _Found:
    """What one pass over a body gathers.

    Attributes:
        covers: by accession text, the last day and the fiscal year of the filing's own period.
        unread: tags of small taxonomies that are not the catalogue's.
    """

    def __init__(self) -> None:
        self.series: Facts = {}
        self.filings: dict[str, _Filing] = {}
        self.covers: dict[str, tuple[str, int | None]] = {}
        self.unread: list[msgspec.Raw] = []

    def read(self, taxonomy: str, tags: dict[str, msgspec.Raw]) -> None:
        """Types and folds the catalogue's tags."""
        wanted = TAGS.get(taxonomy, frozenset())
        for tag, raw in tags.items():
            if tag not in wanted:
                if taxonomy not in _LARGE:
                    self.unread.append(raw)
                continue
            for unit, folded in self._units(tag, raw).items():
                if not math.isfinite(sum([fact.value for fact in folded])):
                    raise ValueError(f"{tag} has a value that is no number")
                self.series[taxonomy, tag, unit] = folded

    def _units(self, tag: str, raw: msgspec.Raw) -> dict[str, Series]:
        """A tag's series by unit; all that its values say is read only where a filing of theirs is new."""
        if tag not in ANCHOR_TAGS:
            with suppress(KeyError):
                return {unit: self._folded(values) for unit, values in _SHORT.decode(raw).units.items()}
        units = _TAG.decode(raw).units
        for values in units.values():
            for value in values:
                if value.accn not in self.filings:
                    self.filing(value)
            if tag in ANCHOR_TAGS:
                self._note_periods(values)
        return {unit: self._folded(values) for unit, values in units.items()}

    def filing(self, value: _Value) -> _Filing:
        """The filing that reported a value, entered where it is new."""
        made = (_DAYS[value.filed], accession_number(value.accn), value.form)
        return self.filings.setdefault(value.accn, made)

    def _note_periods(self, values: list[_Value]) -> None:
        covers = self.covers
        for v in values:
            if v.start is not None:
                known = covers.get(v.accn)
                if known is None or v.end > known[0]:
                    covers[v.accn] = (v.end, v.fy)

    def _folded(self, values: Sequence[_Said]) -> Series:
        """One pass: EDGAR lists a tag's values by end and start, so that a period's stand together.

        Mostly they stand in filing order, too, and are folded as they come. Raises KeyError for a filing
        that is not entered.
        """
        folded: Series = []
        filings, days = self.filings, _DAYS
        end, start = "", None
        # Of the period being read: its days, where it begins in `values` and in `folded`, whether it is
        # out of order; and its last fact: value, first filing, further ones, the latest of them.
        last, first, since, kept, mixed = 0, None, 0, 0, False
        value, origin, repeats, latest = 0.0, _NO_FILING, _NO_REPEATS, _NO_FILING
        for at, v in enumerate(values):
            filing = filings[v.accn]
            if at and v.end == end and v.start == start:
                if filing < latest or (filing is latest and v.val < value):
                    mixed = True
                elif v.val == value:
                    repeats = (*repeats, filing[1])
                    latest = filing
                else:
                    folded.append(FoldedFact(last, first, value, origin[0], origin[1], origin[2], repeats))
                    value, origin, repeats, latest = v.val, filing, _NO_REPEATS, filing
                continue
            if v.end < end or (v.end == end and start is not None and (v.start is None or v.start < start)):
                return self._folded(sorted(values, key=lambda one: (one.end, one.start or "")))
            if mixed:
                folded[kept:] = self._in_filing_order(last, first, values[since:at])
            elif at:
                folded.append(FoldedFact(last, first, value, origin[0], origin[1], origin[2], repeats))
            since, kept = at, len(folded)
            end, start = v.end, v.start
            last, first, mixed = days[end], None if start is None else days[start], False
            value, origin, repeats, latest = v.val, filing, _NO_REPEATS, filing
        if mixed:
            folded[kept:] = self._in_filing_order(last, first, values[since:])
        elif values:
            folded.append(FoldedFact(last, first, value, origin[0], origin[1], origin[2], repeats))
        return folded

    def _in_filing_order(self, end: int, start: int | None, values: Sequence[_Said]) -> Series:
        """One period whose reports are listed in another order."""
        return _closed(end, start, [(self.filings[v.accn], v.val) for v in values])

    def add_fiscal_years(self) -> None:
        """The fiscal year of each filing's cover, as facts of the filing's own period."""
        folded: Series = []
        for accession, (end, year) in self.covers.items():
            if year is not None:
                filed, number, form = self.filings[accession]
                folded.append(FoldedFact(_DAYS[end], None, float(year), filed, number, form))
        if folded:
            folded.sort(key=lambda f: (f.end, f.filed, f.accession))
            self.series[FISCAL_YEAR] = _refold(folded)


def _closed(end: int, start: int | None, reports: list[tuple[_Filing, float]]) -> Series:
    """The reports of one period folded: equal neighbours in filing order become one."""
    reports.sort()
    folded: Series = []
    (origin, value), *rest = reports
    repeats: list[int] = []
    for again, said in rest:
        if said == value:
            repeats.append(again[1])
        else:
            folded.append(FoldedFact(end, start, value, *origin, tuple(repeats)))
            origin, value, repeats = again, said, []
    folded.append(FoldedFact(end, start, value, *origin, tuple(repeats)))
    return folded


def _refold(facts: Series) -> Series:
    """Unrepeated facts, sorted by period and filing, folded."""
    folded: Series = []
    reports: list[tuple[_Filing, float]] = []
    for number, f in enumerate(facts):
        reports.append(((f.filed, f.accession, f.form), f.value))
        after = facts[number + 1] if number + 1 < len(facts) else None
        if after is None or (after.end, after.start) != (f.end, f.start):
            folded += _closed(f.end, f.start, reports)
            reports = []
    return folded


def _other_filings(found: _Found) -> Iterator[_Value]:
    """The first fact of each filing that reported none of the catalogue's tags.

    Such filings are proxies and covers: their tags are not of the large taxonomies, whose 15,000 other
    facts are not looked through. A scan for the key finds the few distinct accessions without building
    a fact each; the key inside a label would be escaped, and so is not found.
    """
    body = b" ".join(map(bytes, found.unread))
    new: set[bytes] = set()
    for head in {part[:_HEAD] for part in body.split(b'"accn"')[1:]}:
        match = _ACCESSION_HEAD.match(head)
        if match is None:
            raise ValueError(f"no accession number in {head!r}")
        if match[1].decode() not in found.filings:
            new.add(match[1])
    for accession in sorted(new):
        yield _first_of(body, body.index(b'"' + accession + b'"'))


def _awaited_filings(body: bytes, awaited: Collection[str], found: _Found) -> Iterator[_Value]:
    for accession in awaited:
        if accession not in found.filings:
            at = body.find(b'"' + accession.encode() + b'"')
            if at >= 0:
                yield _first_of(body, at)


def _first_of(body: bytes, at: int) -> _Value:
    """The fact around a place in the text."""
    return _VALUE.decode(body[body.rindex(b"{", 0, at) : body.index(b"}", at) + 1])


def fold(facts: Iterable[Fact]) -> Facts:
    """Facts by key and period in filing order; equal neighbours become one.

    A changed value opens a new one, also where it changes back. Order within a day is by accession.
    """
    series: Facts = {}
    for taxonomy, tag, unit, start, end, value, accession, form, filed in facts:
        series.setdefault((taxonomy, tag, unit), []).append(
            FoldedFact(
                day_number(end),
                None if start is None else day_number(start),
                value,
                day_number(filed),
                accession_number(accession),
                form,
            )
        )
    return {key: _refold(sorted(found, key=_by_filing)) for key, found in series.items()}


def _by_filing(f: FoldedFact) -> tuple[int, int, int, int, str]:
    return (f.end, -(1 << 40) if f.start is None else f.start, f.filed, f.accession, f.form)


def filed_of(facts: Iterable[Fact]) -> dict[int, tuple[int, str]]:
    """Day of filing and form by accession."""
    return {accession_number(f[6]): (day_number(f[8]), f[7]) for f in facts}


def unfold(series: Facts, filed: Filed) -> list[Fact]:
    """The facts that were folded, each report by itself.

    Args:
        filed: of the filings that repeat a value.
    """
    facts: list[Fact] = []
    for (taxonomy, tag, unit), folded in series.items():
        for f in folded:
            start = None if f.start is None else day_of(f.start)
            key = (taxonomy, tag, unit, start, day_of(f.end), f.value)
            facts.append((*key, accession_text(f.accession), f.form, day_of(f.filed)))
            for again in f.repeats:
                day, form = filed[again]
                facts.append((*key, accession_text(again), form, day_of(day)))
    return facts
