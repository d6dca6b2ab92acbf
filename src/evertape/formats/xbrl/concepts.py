"""The catalogue of concepts, read from concepts.toml beside this file, which says how to add a tag."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

Statement = Literal["part", "income", "balance", "cash_flow"]
Kind = Literal["flow", "instant", "per_share", "average", "shares", "cover"]
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
    tags: tuple[Tag, ...] = ()
    formulas: tuple[tuple[Term, ...], ...] = ()
    whole: bool = False
    on_sheet: bool = False


FISCAL_YEAR = ("dei", "DocumentFiscalYearFocus", "gYear")
"""Taxonomy, tag and unit of the fiscal year as a filing's cover calls it."""

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
            ready["formulas"] = tuple(map(_formula, entry.get("formulas", ())))
            yield Line(name=name, statement=statement, **ready)


_CATALOGUE = Path(__file__).with_name("concepts.toml").read_text(encoding="utf-8")

LINES: tuple[Line, ...] = tuple(_lines(tomllib.loads(_CATALOGUE)))
"""Parts first, then the statements; formulas are tried in this order."""

COLUMNS: dict[str, tuple[str, ...]] = {
    statement: tuple(line.name for line in LINES if line.statement == statement)
    for statement in ("income", "balance", "cash_flow")
}

ANCHORS: dict[str, tuple[str, ...]] = {
    "income": ("revenue", "net_income", "pretax_income"),
    "balance": ("liabilities_and_equity", "total_liabilities"),
    "cash_flow": ("operating_cash_flow", "investing_cash_flow", "financing_cash_flow"),
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

_CODE = 3

EXTRACTOR_VERSION: str = f"{_CODE}.{hashlib.sha256(repr(LINES).encode()).hexdigest()[:10]}"
"""Changes with the catalogue, and with the number before the dot: the rules in code."""
