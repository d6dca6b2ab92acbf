"""docs/concepts.md: `python -m evertape.formats.xbrl.catalogue_page > docs/concepts.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import get_args

from evertape.formats.xbrl.concepts import LINES, Industry, Kind, Line, Need, Statement, Tag, Term

_TITLES: dict[Statement, str] = {
    "income": "Income statement",
    "balance": "Balance sheet",
    "cash_flow": "Cash flow statement",
    "part": "Parts that only formulas use",
}
_KINDS: dict[Kind, str] = {
    "flow": "flow",
    "instant": "at a day",
    "per_share": "a share",
    "average": "average",
    "shares": "count",
    "cover": "cover page",
}
_NEEDS: dict[Need, str] = {"always": "", "if used": "~", "never": "?"}
_PREFIXES = {"us-gaap": "", "ifrs-full": "ifrs:", "dei": "dei:"}
_INTRODUCTION = """# Concepts

Which lines the three statements have, from which tags, and how a line is computed where no tag gives it.
Generated from `src/evertape/formats/xbrl/concepts.toml`: to add a tag or a line, edit that file, make this
page anew (`python -m evertape.formats.xbrl.catalogue_page > docs/concepts.md`), then `evertape rebuild`.

- Tags stand in the order of their rank: the first that has a value for the period gives the line. They are
  of us-gaap where nothing is said, `ifrs:` is ifrs-full. A leading `-` turns the sign.
- Signs are those of XBRL: payments are positive, and so is an increase of an asset or of a liability.
- A flow belongs to a period, and a quarter of it may be the difference of two reported figures. Values a
  share and averages are never computed.
- Formulas are tried in order once no tag has given a value. `a?` may be missing in the period; `a~` may be
  missing where the company uses no tag of it at all; without a mark there is no value without it.
  A formula marked *proven* counts only for a company whose own line it gives wherever it reports the line.
- *largest*: another of the tags that is at least twice as large is the consolidated figure and wins.
  *on the sheet*: a tag that only annual reports have comes from a note, and does not count where the
  company reports quarters; of a flow, it counts after the formulas. *restated alone*: a later filing may
  restate it without the day's total assets, which other lines of a balance sheet need.
- The latest value that a filing tells of a period counts. A later one that but writes it in thousands,
  tenths of millions or millions restates nothing: the precise value stays, with the filing that told it.
- A fourth quarter is the year less nine months; less the three quarters, where these are the nine months
  but for two of the last digit, which is rounding: then the four add up to the year.
- A tag that gives a year gives its quarters too, where others do not add up to it. Not so where *largest*.
- Figures of one period that contradict each other are settled by what one filing told together: total
  liabilities by assets and equity, gross profit by revenue and cost, the sections by the change in cash.
- A line without industries exists in all of them. A company's industry is what the tags it uses show, and
  where `evertape refresh companies` has brought its SIC code what the code says, unless its tags show that
  to be wrong (`industry_of` in `formats/xbrl/concepts.py`).

{count} lines, of which {columns} are columns, and {tags} tags.
"""


def page(lines: Sequence[Line] = LINES) -> str:
    """The catalogue as Markdown, a table a statement in the order of the columns."""
    tags = {(tag.taxonomy, tag.name) for line in lines for tag in line.tags}
    columns = sum(line.statement != "part" for line in lines)
    parts = [_INTRODUCTION.format(count=len(lines), columns=columns, tags=len(tags))]
    for statement, title in _TITLES.items():
        rows = [_row(line) for line in lines if line.statement == statement]
        head = ["line", "what it is", "kind", "unit", "tags by rank", "else", "industries"]
        table = [head, ["---"] * len(head), *rows]
        parts.append(f"## {title}\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in table) + "\n")
    return "\n".join(parts)


def _row(line: Line) -> list[str]:
    marks = {"largest": line.whole, "on the sheet": line.on_sheet, "restated alone": line.restated_alone}
    kind = _KINDS[line.kind] + "".join(f", *{mark}*" for mark, holds in marks.items() if holds)
    formulas = [*map(_formula, line.formulas), *(f"{_formula(formula)} (proven)" for formula in line.proven)]
    everywhere = set(line.industries) == set(get_args(Industry))
    return [
        f"`{line.name}`",
        line.doc,
        kind,
        line.unit,
        _listed(map(_tag, line.tags)),
        _listed(formulas),
        "" if everywhere else ", ".join(line.industries),
    ]


def _listed(texts: Iterable[str]) -> str:
    return "<br>".join(f"`{text}`" for text in texts)


def _tag(tag: Tag) -> str:
    return f"{'-' if tag.sign < 0 else ''}{_PREFIXES[tag.taxonomy]}{tag.name}"


def _formula(terms: Iterable[Term]) -> str:
    text = " ".join(f"{'-' if sign < 0 else '+'} {name}{_NEEDS[need]}" for sign, name, need in terms)
    return text.removeprefix("+ ")


if __name__ == "__main__":
    sys.stdout.write(page())
