"""An oracle that shares no code with the product: cells of fourteen companies, read from the raw facts.

`literals/NAME.csv` has a row a cell: its value and the operands it is the sum of, each as
`sign taxonomy:tag@accession[start..end]`. A cell without a value is one that the facts do not tell. The
accession is the first that said what is said now. Restated quarters are taken on one filing basis.
"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import evertape
from evertape.formats.xbrl import Cell
from tests.formats.xbrl.conftest import COMPANIES, Recorded

FOLDER = Path(__file__).with_name("literals")
NAMES = [
    "AAPL",
    "NVDA",
    "GOOGL",
    "MSFT",
    "XOM",
    "F",
    "HD",
    "CSCO",
    "ABT",
    "AMD",
    "APD",
    "SNOW",
    "MRVL",
    "TSM",
]
FEWEST_LINES, FEWEST_PERIODS = 12, 8
PERIODIC = {"10-K", "10-K/A", "10-Q", "10-Q/A", "20-F", "20-F/A"}
TERM = re.compile(r"([+-])([\w-]+):(\w+)@(\d{10}-\d{2}-\d{6})\[([\d-]*)\.\.([\d-]+)\]")


class Term(NamedTuple):
    """An operand as the oracle names it; `start` is empty for an instant."""

    sign: str
    taxonomy: str
    tag: str
    accession: str
    start: str
    end: str


class Literal(NamedTuple):
    """A cell of the oracle; no value and no terms where the facts do not tell it."""

    period_type: str
    report_date: str
    statement: str
    column: str
    value: float | None
    terms: tuple[Term, ...]

    @property
    def name(self) -> str:
        return f"{self.period_type} {self.report_date} {self.column}"


_NOTE = """Only a note to the annual report tells the line, of a part of what it is. Should be: unknown; but
the facts do not say that the line of the statement stands under a tag of the company's own."""

KNOWN_WRONG: dict[str, str] = {
    **dict.fromkeys(
        [
            "CSCO annual 2016-07-30 depreciation_amortization",
            "CSCO annual 2018-07-28 depreciation_amortization",
            "CSCO annual 2020-07-25 depreciation_amortization",
        ],
        _NOTE,
    ),
}
"""Cells that are not what the oracle says, with the rule that would mend each. One that becomes right fails
the test until it is taken off."""


def _roundings() -> list[dict[str, str]]:
    with (FOLDER / "rounded.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


ROUNDED = _roundings()
"""Facts behind cells of the oracle that a later filing but rounds, with the value and the filing of each."""

_ROUNDED_CELLS = {
    "{company} {period_type} {report_date} {column}".format(**one): "{tag} is {value} by {accession}, which "
    "{rounded_by} rounds to {rounded}".format(**one)
    for one in ROUNDED
}

RULED: dict[str, str] = {
    **dict.fromkeys(
        [
            "AMD annual 2016-12-31 total_equity",
            "AMD annual 2016-12-31 receivables",
            "AMD annual 2016-12-31 inventory",
            "AMD annual 2016-12-31 retained_earnings",
            "F annual 2012-12-31 total_equity",
            "MRVL annual 2021-01-30 total_equity",
            "MRVL quarter 2021-07-31 total_equity",
            "MRVL quarter 2021-10-30 total_equity",
            "MSFT quarter 2015-09-30 retained_earnings",
            "MSFT quarter 2016-09-30 total_equity",
            "NVDA annual 2014-01-26 total_equity",
        ],
        "a later filing without the day's total assets restates no balance sheet",
    ),
    **dict.fromkeys(
        [
            "APD annual 2014-09-30 total_liabilities",
            "F annual 2012-12-31 total_liabilities",
            "F quarter 2013-12-31 total_liabilities",
            "F quarter 2015-06-30 total_liabilities",
        ],
        "the difference on a later filing that tells assets and equity without liabilities",
    ),
    **dict.fromkeys(
        [
            "HD annual 2010-01-31 net_cash_flow",
            "HD annual 2013-02-03 net_cash_flow",
            "HD annual 2014-02-02 net_cash_flow",
        ],
        "the tagged change is that of the sections alone, so the exchange effect is added",
    ),
    **dict.fromkeys(
        [
            "ABT quarter 2010-06-30 gross_profit",
            "ABT quarter 2012-03-31 gross_profit",
            "ABT quarter 2013-09-30 cost_of_revenue",
            "ABT quarter 2014-12-31 gross_profit",
            "ABT quarter 2017-06-30 gross_profit",
            "ABT quarter 2018-09-30 gross_profit",
            "APD annual 2014-09-30 gross_profit",
            "APD quarter 2014-12-31 gross_profit",
            "APD annual 2016-09-30 gross_profit",
        ],
        "revenue, cost and gross profit agree: notes to annual reports come after the statement",
    ),
    **dict.fromkeys(
        [
            "AMD annual 2011-12-31 pretax_income",
        ],
        "the tag of the year's interim reports comes before one that annual reports alone have",
    ),
    **dict.fromkeys(
        ["GOOGL quarter 2025-12-31 revenue", "GOOGL quarter 2025-12-31 cost_of_revenue"],
        "three quarters as told are the nine months but for a million of rounding, so the four are the year",
    ),
    **dict.fromkeys(
        [
            "CSCO quarter 2018-01-27 dividends_paid",
            "CSCO quarter 2020-04-25 dividends_paid",
            "CSCO quarter 2021-05-01 dividends_paid",
        ],
        "a note in words tells the quarter in tenths of billions, the cash flow statement to the million",
    ),
    **_ROUNDED_CELLS,
}
"""Cells of the oracle that are no plain reading of the latest facts: each was changed to what a rule of the
product gives, and so does not prove that rule by itself. Their sums are checked against the raw facts."""


def _terms(formula: str) -> tuple[Term, ...]:
    terms = []
    for part in formula.split():
        match = TERM.fullmatch(part)
        assert match, part
        terms.append(Term(*match.groups()))
    return tuple(terms)


@cache
def literals(name: str) -> tuple[Literal, ...]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(
            Literal(
                row["period_type"],
                row["report_date"],
                row["statement"],
                row["column"],
                float(row["value"]) if row["value"] else None,
                _terms(row["formula"]),
            )
            for row in csv.DictReader(lines)
        )


def _told(cell: Cell | None) -> tuple[float | None, list[Term]]:
    if cell is None:
        return None, []
    operands = [
        Term(
            "-" if o.sign < 0 else "+",
            o.taxonomy,
            o.tag,
            o.accession,
            str(o.start) if o.start else "",
            str(o.end),
        )
        for o in cell.operands
    ]
    return cell.value, sorted(operands)


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_every_cell_has_the_value_and_the_lineage_of_the_oracle(name: str, recorded: Recorded) -> None:
    told = recorded.statements(name)
    rows: dict[tuple[str, str, str], dict[str, Any]] = {
        (statement, str(row["report_date"]), row["period_type"]): row
        for statement in ("income", "balance", "cash_flow")
        for row in getattr(told, statement)
    }
    wrong: dict[str, str] = {}
    for one in literals(name):
        day = date.fromisoformat(one.report_date)
        cell = _told(told.explain(one.statement, day, one.period_type, one.column))
        shown = rows.get((one.statement, one.report_date, one.period_type), {}).get(one.column)
        if cell != (one.value, sorted(one.terms)) or shown != one.value:
            wrong[f"{name} {one.name}"] = f"{cell} is not {(one.value, one.terms)}"
    known = {key for key in KNOWN_WRONG if key.split()[0] == name}
    news = {key: why for key, why in wrong.items() if key not in known}
    assert not news, "\n".join(f"{key}: {why}" for key, why in news.items())
    assert not known - set(wrong), f"right now, take off KNOWN_WRONG: {sorted(known - set(wrong))}"


Said = dict[tuple[str, str, str, str], list[tuple[str, str, str, float, str]]]
"""(taxonomy, tag, start, end) to (filed, accession, form, value, unit), in filing order."""


def _said(body: bytes) -> Said:
    said: Said = defaultdict(list)
    for taxonomy, tags in json.loads(body)["facts"].items():
        for tag, about in tags.items():
            for unit, values in about["units"].items():
                for v in values:
                    report = (v["filed"], v["accn"], v["form"], float(v["val"]), unit)
                    said[taxonomy, tag, v.get("start", ""), v["end"]].append(report)
    for reports in said.values():
        reports.sort()
    return said


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_every_literal_is_the_sum_of_raw_facts(name: str, recorded: Recorded) -> None:
    said = _said(recorded.body(name))
    for one in literals(name):
        total = 0.0
        for term in one.terms:
            reports = said[term.taxonomy, term.tag, term.start, term.end]
            values = {
                r[3] for r in reports if r[1] == term.accession and (name != "TSM" or "USD" not in r[4])
            }
            assert len(values) == 1, f"{one.name}: {term} is said as {values}"
            total += values.pop() * (-1 if term.sign == "-" else 1)
        assert one.value is None if not one.terms else total == one.value, one.name


def _rounds(rounded: float, value: float) -> bool:
    """Thousands of single ones, tenths of millions or millions of thousands, with two digits left."""
    written = 1 if value % 1000 else 1000
    units = (1000,) if written == 1 else (100_000, 1_000_000)
    near = [u for u in units if rounded % u == 0 and abs(rounded - value) < u <= abs(rounded) / 10]
    return bool(near) and value % min(units) != 0


@pytest.mark.shared
@pytest.mark.parametrize("name", ["ABT", "MRVL", "NVDA", "SNOW"])
def test_a_ruled_rounding_is_one_in_the_raw_facts(name: str, recorded: Recorded) -> None:
    said = _said(recorded.body(name))
    ruled = [one for one in ROUNDED if one["company"] == name]
    assert ruled
    cells = {one.name: one for one in literals(name)}
    for one in ruled:
        taxonomy, tag = one["tag"].split(":")
        reports = said[taxonomy, tag, one["start"], one["end"]]
        days = {(r[1], r[3]): r[0] for r in reports}
        value, rounded = float(one["value"]), float(one["rounded"])
        assert days[one["accession"], value] < days[one["rounded_by"], rounded], one
        assert _rounds(rounded, value), one
        told = cells["{period_type} {report_date} {column}".format(**one)]
        assert (tag, one["accession"], one["end"]) in {(t.tag, t.accession, t.end) for t in told.terms}


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_a_literal_of_one_fact_is_the_latest_value_by_the_first_to_say_it(
    name: str, recorded: Recorded
) -> None:
    said = _said(recorded.body(name))
    for one in literals(name):
        if len(one.terms) != 1:
            continue
        (term,) = one.terms
        reports = [
            r
            for r in said[term.taxonomy, term.tag, term.start, term.end]
            if r[2] in PERIODIC and (name != "TSM" or "USD" not in r[4])
        ]
        if one.statement == "balance" and not one.column.startswith(("cash", "shares")):
            # What a later filing tells of a day without its total assets restates no balance sheet.
            sheets = {
                r[1]
                for tag in ("Assets", "LiabilitiesAndStockholdersEquity", "EquityAndLiabilities")
                for r in said[term.taxonomy, tag, "", term.end]
            }
            values = {r[3] for r in reports if r[1] in sheets}
            reports = [r for r in reports if r[3] in values] or reports
        if f"{name} {one.name}" in _ROUNDED_CELLS:
            reports = [r for r in reports if not _rounds(r[3], one.value or 0)]
        at = next(n for n, r in enumerate(reports) if r[1] == term.accession)
        assert {r[3] for r in reports[at:]} == {one.value}, one.name
        assert not at or reports[at - 1][3] != one.value, one.name


@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_covers_a_company(name: str) -> None:
    periods: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for one in literals(name):
        periods[one.column].add((one.period_type, one.report_date))
    covered = [column for column, seen in periods.items() if len(seen) >= FEWEST_PERIODS]
    assert len(covered) >= FEWEST_LINES
    assert len({one.name for one in literals(name)}) == len(literals(name))


def test_the_oracle_is_large_and_its_exceptions_are_cells_of_it() -> None:
    every = {f"{name} {one.name}" for name in NAMES for one in literals(name)}
    assert len(every) > len(NAMES) * FEWEST_LINES * FEWEST_PERIODS
    assert set(KNOWN_WRONG) <= every
    assert set(RULED) <= every - set(KNOWN_WRONG)
    derived = sum(
        one.period_type == "quarter" and any(t.sign == "-" for t in one.terms)
        for name in NAMES
        for one in literals(name)
    )
    assert derived > 600


PRODUCT = Path(evertape.__file__).parent
CALLED = re.compile(
    r"\b(apple|nvidia|alphabet|google|microsoft|exxon\w*|ford|home depot|cisco|abbott|advanced micro"
    r"|air products|snowflake|marvell|taiwan semiconductor|tsmc|agnico\w*|metlife)\b",
    re.IGNORECASE,
)
TICKER = re.compile(rf"\b({'|'.join(n for n in COMPANIES if len(n) > 2 and n != 'NONE')})\b")
CIKS = frozenset(cik for cik in COMPANIES.values() if cik > 9_999)
"""Smaller ones are plain numbers too."""


def _modules() -> list[Path]:
    return [p for p in PRODUCT.rglob("*.py") if p.relative_to(PRODUCT).parts[0] != "sandbox"]


def _spoken(tree: ast.AST) -> Iterator[object]:
    """Names and constants of the code; what stands as a sentence of its own documents it."""
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documents:
            yield node.value
        elif isinstance(node, ast.Name):
            yield node.id


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PRODUCT)))
def test_no_rule_is_about_a_company(path: Path) -> None:
    for spoken in _spoken(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(spoken, str):
            assert not CALLED.search(spoken), spoken
            # A ticker may stand in help as an example, never as a value of its own.
            assert not TICKER.fullmatch(spoken.strip()), spoken
            assert not (spoken.isdigit() and int(spoken) in CIKS), spoken
        elif isinstance(spoken, int) and not isinstance(spoken, bool):
            assert spoken not in CIKS, spoken


def test_nothing_of_the_statements_rules_mentions_a_company() -> None:
    for path in (PRODUCT / "formats/xbrl").iterdir():
        if path.suffix in {".py", ".toml"}:
            text = path.read_text(encoding="utf-8")
            mentioned = {m[0] for pattern in (CALLED, TICKER) for m in pattern.finditer(text)}
            mentioned |= {n for n in re.findall(r"\d{5,}", text) if int(n) in CIKS}
            assert not mentioned, f"{path.name} mentions {mentioned}"
