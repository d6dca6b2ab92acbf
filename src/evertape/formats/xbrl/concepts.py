"""The catalogue of concepts, read from concepts.toml beside this file, which says how to add a tag."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

Statement = Literal["part", "income", "balance", "cash_flow"]
Kind = Literal["flow", "instant", "per_share", "average", "shares", "cover"]
Industry = Literal["general", "bank", "insurer", "reit", "utility"]
"""How a company reports: banks and insurers, for one, have no current assets."""
Need = Literal["always", "if used", "never"]
"""Whether a formula gives nothing without a term: always, where the company uses one of its tags, never."""
Term: TypeAlias = tuple[int, str, Need]
"""(sign, line, need)."""


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A ranked tag of a line; `sign` is -1 where the tag counts the other way."""

    taxonomy: str
    name: str
    sign: int = 1


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a statement, or a part that only formulas use; concepts.toml explains the fields."""

    name: str
    statement: Statement
    kind: Kind
    doc: str = field(repr=False)
    tags: tuple[Tag, ...] = ()
    formulas: tuple[tuple[Term, ...], ...] = ()
    proven: tuple[tuple[Term, ...], ...] = ()
    whole: bool = False
    on_sheet: bool = False
    restated_alone: bool = False
    industries: tuple[Industry, ...] = field(default=get_args(Industry), repr=False)

    @property
    def unit(self) -> str:
        """The unit of its values: currency, currency/shares or shares."""
        return _UNITS.get(self.kind, "currency")


FISCAL_YEAR = ("dei", "DocumentFiscalYearFocus", "gYear")
"""Taxonomy, tag and unit of the fiscal year as a filing's cover calls it."""

_UNITS: dict[Kind, str] = {
    "per_share": "currency/shares",
    "average": "shares",
    "shares": "shares",
    "cover": "shares",
}
_SIC: tuple[tuple[Industry, range], ...] = (
    ("utility", range(4900, 4950)),
    ("utility", range(4960, 5000)),
    ("bank", range(6000, 6212)),
    ("insurer", range(6300, 6400)),
    ("reit", range(6510, 6520)),
    ("bank", range(6710, 6720)),
    ("reit", range(6798, 6799)),
)
_TERM = re.compile(r"([+-]?)\s*(\w+)([?~]?)")
_NEEDS: dict[str, Need] = {"": "always", "~": "if used", "?": "never"}
_TAXONOMIES = {"": "us-gaap", "ifrs": "ifrs-full", "dei": "dei"}


def _tag(text: str) -> Tag:
    taxonomy, _, name = text.lstrip("-").rpartition(":")
    return Tag(taxonomy=_TAXONOMIES[taxonomy], name=name, sign=-1 if text.startswith("-") else 1)


def _formula(text: str) -> tuple[Term, ...]:
    return tuple((-1 if m[1] == "-" else 1, m[2], _NEEDS[m[3]]) for m in _TERM.finditer(text))


def _lines(catalogue: Mapping[str, Mapping[str, Any]]) -> Iterator[Line]:
    statements: tuple[Statement, ...] = get_args(Statement)
    for statement in statements:
        for name, entry in catalogue[statement].items():
            ready = {**entry, "tags": tuple(map(_tag, entry.get("tags", ())))}
            for formulas in ("formulas", "proven"):
                ready[formulas] = tuple(map(_formula, entry.get(formulas, ())))
            if "industries" in entry:
                ready["industries"] = tuple(entry["industries"])
            yield Line(name=name, statement=statement, **ready)


_CATALOGUE = Path(__file__).with_name("concepts.toml").read_text(encoding="utf-8")

_READ = tomllib.loads(_CATALOGUE)

LINES: tuple[Line, ...] = tuple(_lines(_READ))
"""Parts first, then the statements; formulas are tried in this order."""

COLUMNS: dict[str, tuple[str, ...]] = {
    statement: tuple(line.name for line in LINES if line.statement == statement)
    for statement in ("income", "balance", "cash_flow")
}

ANCHORS: dict[str, tuple[str, ...]] = {
    "income": ("revenue", "net_income", "pretax_income"),
    "balance": ("liabilities_and_equity", "total_liabilities"),
    "cash_flow": (
        "operating_cash_flow",
        "investing_cash_flow",
        "financing_cash_flow",
        "net_cash_flow",
        "capital_expenditures",
    ),
}
"""Lines of which a statement has at least one; without, a period is a stray comparative."""


def _tags() -> dict[str, frozenset[str]]:
    wanted: dict[str, set[str]] = {FISCAL_YEAR[0]: {FISCAL_YEAR[1]}}
    for line in LINES:
        for tag in line.tags:
            wanted.setdefault(tag.taxonomy, set()).add(tag.name)
    return {taxonomy: frozenset(names) for taxonomy, names in wanted.items()}


TAGS: dict[str, frozenset[str]] = _tags()
"""The catalogue's tags by taxonomy: what is decoded and kept."""

ANCHOR_TAGS = frozenset(
    tag.name
    for line in LINES
    if line.name in {"profit_with_minority", *ANCHORS["income"], *ANCHORS["cash_flow"]}
    for tag in line.tags
)
"""Flows that every periodic filing has for its own period."""

RESTATED_ALONE = frozenset(
    tag.name for line in LINES if line.restated_alone or line.kind == "shares" for tag in line.tags
)
"""Of a day, but restated without the rest of the balance sheet."""

_MARKS: dict[Industry, tuple[frozenset[str], ...]] = {
    industry: tuple(
        frozenset(tag.name for line in LINES if line.name == name for tag in line.tags) for name in names
    )
    for industry, names in _READ["industries"].items()
}


_SHEET = {line.name: line for line in LINES if line.name in ("current_assets", "current_liabilities")}
_CURRENT = tuple(frozenset(tag.name for tag in line.tags) for line in _SHEET.values())
_CLASSIFIED = frozenset(_SHEET["current_assets"].industries)
"""Industries whose balance sheets tell current from noncurrent."""
_CODED = re.compile(r"\d{1,4}", re.ASCII)
_TRUST = 6798
"""Real estate investment trusts."""


def industry_of(tags_used: Collection[str], sic: str | int | None = None) -> Industry:
    """How a company reports: as its SIC code says, unless the tags it uses show that to be wrong.

    The codes are the SEC's: https://www.sec.gov/search-filings/standard-industrial-classification-sic-code-list
    Its offices assign them when a company registers, by what it does. Brokers of insurance and of real
    estate, managers of funds, pipelines for oil and collectors of waste report as the general company does.

    - Without a code, the industry is the one that the tags show: of every line that is named for it.
    - A bank's, insurer's, lessor's or utility's code stands where a tag of one of these lines is used.
      Without any, the industry that the tags show counts in its place; and a company with current assets
      and liabilities is no bank, insurer or lessor (exchanges have the code of brokers).
    - A real estate investment trust is one by law, whatever its tags are.
    - Any other code stands against tags of a bank, an insurer or a REIT where there are current assets and
      liabilities: a maker with a bank of its own. Else the tags count: a shell that has become a bank.

    Args:
        tags_used: names of tags without the taxonomy.
        sic: up to four digits; anything else is no code.
    """
    shown = _shown(tags_used)
    told = _told(sic)
    if told is None or told == shown:
        return shown
    classified = all(not names.isdisjoint(tags_used) for names in _CURRENT)
    if told == "general":
        return told if classified and shown not in _CLASSIFIED else shown
    if int(str(sic)) == _TRUST or any(not names.isdisjoint(tags_used) for names in _MARKS[told]):
        return told
    if shown != "general":
        return shown
    return "general" if classified and told not in _CLASSIFIED else told


def _shown(tags_used: Collection[str]) -> Industry:
    """The industry of which all lines that mark it are used, the first that fits."""
    for industry, marks in _MARKS.items():
        if all(not names.isdisjoint(tags_used) for names in marks):
            return industry
    return "general"


def _told(sic: str | int | None) -> Industry | None:
    """The industry of a code; None for what is no code."""
    text = str(sic or "").strip()
    if not _CODED.fullmatch(text) or not int(text):
        return None
    return next((industry for industry, codes in _SIC if int(text) in codes), "general")


_CODE = 6

_SAID = repr((LINES, _READ["industries"]))

EXTRACTOR_VERSION: str = f"{_CODE}.{hashlib.sha256(_SAID.encode()).hexdigest()[:10]}"
"""Changes with the catalogue, its words aside, and with the number before the dot: the rules in code."""
