"""A companyfacts body to facts: only what the catalogue names is built, and folded as it is read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date

import msgspec

from evertape.formats.xbrl.concepts import ANCHOR_TAGS, FISCAL_YEAR, TAGS
from evertape.formats.xbrl.facts import (
    CompanyFacts,
    Facts,
    FoldedFact,
    MalformedFacts,
    Reporter,
    Series,
    accession_number,
    closed,
    day_number,
    refold,
)

_ACCESSION_HEAD = re.compile(rb'\s*:\s*"(\d{10}-\d{2}-\d{6})"')
_LARGE = frozenset({"us-gaap", "ifrs-full"})
_HEAD = 28
"""Bytes after an "accn" key that hold its value, spaces included."""


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

_NO_FILING: Reporter = (0, 0, "")
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
        self.filings: dict[str, Reporter] = {}
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

    def filing(self, value: _Value) -> Reporter:
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
        # Some thousand values a company pass here: each of their fields is looked up once.
        for at, v in enumerate(values):
            filing = filings[v.accn]
            said = v.val
            ends = v.end
            starts = v.start
            if ends == end and starts == start and at:
                if filing < latest or (filing is latest and said < value):
                    mixed = True
                elif said == value:
                    repeats += (filing[1],)
                    latest = filing
                else:
                    folded.append(FoldedFact(last, first, value, origin[0], origin[1], origin[2], repeats))
                    value, origin, repeats, latest = said, filing, _NO_REPEATS, filing
                continue
            if ends <= end and (ends < end or (start is not None and (starts is None or starts < start))):
                return self._folded(sorted(values, key=lambda one: (one.end, one.start or "")))
            if mixed:
                folded[kept:] = self._in_filing_order(last, first, values[since:at])
            elif at:
                folded.append(FoldedFact(last, first, value, origin[0], origin[1], origin[2], repeats))
            since, kept = at, len(folded)
            end, start = ends, starts
            last, first, mixed = days[end], None if start is None else days[start], False
            value, origin, repeats, latest = said, filing, _NO_REPEATS, filing
        if mixed:
            folded[kept:] = self._in_filing_order(last, first, values[since:])
        elif values:
            folded.append(FoldedFact(last, first, value, origin[0], origin[1], origin[2], repeats))
        return folded

    def _in_filing_order(self, end: int, start: int | None, values: Sequence[_Said]) -> Series:
        """One period whose reports are listed in another order."""
        return closed(end, start, [(self.filings[v.accn], v.val) for v in values])

    def add_fiscal_years(self) -> None:
        """The fiscal year of each filing's cover, as facts of the filing's own period."""
        folded: Series = []
        for accession, (end, year) in self.covers.items():
            if year is not None:
                filed, number, form = self.filings[accession]
                folded.append(FoldedFact(_DAYS[end], None, float(year), filed, number, form))
        if folded:
            folded.sort(key=lambda f: (f.end, f.filed, f.accession))
            self.series[FISCAL_YEAR] = refold(folded)


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
