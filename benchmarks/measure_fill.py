"""How full and how right the statements of the recorded companies are, with a list of every miss.

Fill: the core lines over the fiscal quarters and years that a periodic filing of the body is about. A
fourth quarter counts where the third has a filing; what is never subtracted (per share) is not due
there. A line that a company has in no row at all is listed once and not counted. A miss is untold where
no tag of the line, nor of what it is computed from, tells the period, alone or as a difference. It is
silent where none of them has a fact of whatever duration that ends with the period; the second share
leaves out only those, and what it misses is listed as told of a longer time alone.

Identities: over the rows that have all parts, to the dollar, to the last digit that the company writes
(each part rounded alone), and within 1 % of the largest part. All parts are due where tags tell them.

    python -m benchmarks.measure_fill [folder of a recorded tree] [--misses]
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from benchmarks.recorded import BY_NAME, SLIP, Company, Row, candidates, companies, speaks, speaks_before

from evertape.formats.xbrl import Statements
from evertape.formats.xbrl.concepts import COLUMNS

TREE = Path(__file__).resolve().parents[2] / "shared/upstream/2026-07-10"
CORE = {
    "income": ("revenue", "operating_income", "net_income", "eps_diluted"),
    "balance": ("total_assets", "total_liabilities", "total_equity", "cash_and_equivalents"),
    "cash_flow": ("operating_cash_flow", "capital_expenditures"),
}
Reading = list[float]
"""The signed parts of an identity: their sum is zero."""
SHARES = (("exact", "exact"), ("to the last digit", "rounded"), ("within 1 %", "near"))


@dataclass
class Tally:
    """Counts by what is measured, and a line for every miss."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    misses: list[str] = field(default_factory=list)
    excused: list[str] = field(default_factory=list)
    longer: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another tally in."""
        for what, counts in other.counts.items():
            self.counts[what].update(counts)
        self.misses += other.misses
        self.excused += other.excused
        self.longer += other.longer


def at(company: Company, statement: str, end: date, period_type: str) -> Row:
    """The row at about a day; an empty one where there is none."""
    rows = company.rows[statement]
    found = [key for key in rows if key[1] == period_type and abs((key[0] - end).days) <= SLIP]
    return rows[found[0]] if found else {}


def fill(company: Company, tally: Tally) -> list[str]:
    """Count the core lines; the lines that the company has nowhere."""
    nowhere = []
    for statement, names in CORE.items():
        for name in names:
            if all(row[name] is None for row in company.rows[statement].values()):
                nowhere.append(name)
                continue
            for period_type, ends in (
                ("annual", company.years),
                ("quarter", company.quarters),
                ("last quarter", company.last_quarters),
            ):
                if period_type == "last quarter" and BY_NAME[name].kind == "per_share":
                    continue
                for end in sorted(ends):
                    row = at(company, statement, end, period_type.removeprefix("last "))
                    _note(tally, company, (name, period_type, end), row.get(name) is not None)
    return nowhere


def _note(tally: Tally, company: Company, what: tuple[str, str, date], there: bool) -> None:
    name, period_type, end = what
    kind = "years" if period_type == "annual" else "quarters"
    line = BY_NAME[name]
    told = [] if there else candidates(company, line, end, period_type)
    silent = not there and not speaks(company, line, end)
    for counts in (tally.counts[f"fill of {kind}"], tally.counts[f"fill of {kind}: {name}"]):
        counts["due"] += 1
        counts["exact"] += there
        counts["excused"] += not there and not told
        counts["silent"] += silent
    if there:
        return
    if not silent:
        before = ", the quarter before too" if speaks_before(company, line, end) else ""
        tally.longer.append(f"{company.name} {end} {period_type} {name}{before}")
    if told:
        tally.misses.append(f"fill {company.name} {end} {period_type} {name}: {', '.join(told)}")
    else:
        tally.excused.append(f"{company.name} {end} {period_type} {name}")


def digit(value: float) -> float:
    """What the last digit of a value stands for, millions at most: companies round each value alone."""
    return max((10.0**n for n in range(7) if value and value % 10**n == 0), default=1.0)


def measured(tally: Tally, what: str, where: str, readings: Iterable[Reading]) -> None:
    """Count one row of an identity; the nearest of its readings counts."""
    nearest = min(readings, key=lambda reading: abs(sum(reading)), default=None)
    if nearest is None:
        return
    counts = tally.counts[what]
    off = abs(sum(nearest))
    exact, rounded = off < 0.5, off <= max(map(digit, nearest)) * len(nearest) / 2
    counts["all parts"] += 1
    counts["exact"] += exact
    counts["rounded"] += rounded
    counts["near"] += off <= 0.01 * max(map(abs, nearest))
    if not rounded and where:
        parts = " ".join(f"{part:+,.0f}" for part in nearest)
        tally.misses.append(f"identity {what} {where}: {parts} is not 0")


def _known(row: Row, *names: str) -> list[float] | None:
    """The values of lines; None where one is missing."""
    values = [row.get(name) for name in names]
    return None if None in values else [float(v) for v in values if v is not None]


def sheet(row: Row) -> Iterator[Reading]:
    """Assets are liabilities and all equity."""
    temporary = row["temporary_equity"] or 0.0
    for equity in (("equity_with_minority",), ("total_equity", "minority_interest"), ("total_equity",)):
        parts = _known(row, "total_assets", "total_liabilities", *equity)
        if parts is not None:
            yield [parts[0], *(-part for part in parts[1:]), -temporary]


def gross(row: Row) -> Iterator[Reading]:
    """Revenue less its cost is gross profit."""
    parts = _known(row, "revenue", "cost_of_revenue", "gross_profit")
    if parts is not None:
        yield [parts[0], -parts[1], -parts[2]]


def sections(row: Row) -> Iterator[Reading]:
    """The three sections and the exchange effect are the change in cash."""
    parts = _known(row, "operating_cash_flow", "investing_cash_flow", "financing_cash_flow", "net_cash_flow")
    if parts is None:
        return
    parts[3] = -parts[3]
    yield [*parts, row["exchange_effect"] or 0.0]
    if row["net_cash_flow_discontinued"] is not None:
        yield [*parts, row["exchange_effect"] or 0.0, row["net_cash_flow_discontinued"]]


def change(now: Row, before: Row, flow: Row) -> Iterator[Reading]:
    """The change in cash between two balance sheets is the cash flow statement's."""
    net = flow.get("net_cash_flow")
    for name in ("cash_and_restricted_cash", "cash_and_equivalents"):
        last, first = now.get(name), before.get(name)
        if last is not None and first is not None and net is not None:
            yield [last, -first, -net]


IDENTITIES: tuple[tuple[str, str, str, Callable[[Row], Iterable[Reading]]], ...] = (
    ("balance", "balance sheet", "total_liabilities", sheet),
    ("income", "gross profit", "gross_profit cost_of_revenue revenue", gross),
    ("cash_flow", "sections", "net_cash_flow", sections),
)
"""Statement, what is measured, the lines that may be computed from the others, the readings of a row."""
PARTS = {
    "balance sheet": ("total_assets",),
    "gross profit": ("revenue", "gross_profit"),
    "sections": ("operating_cash_flow", "investing_cash_flow", "financing_cash_flow", "net_cash_flow"),
}
"""Lines that make all parts of an identity due where tags, or their formulas' tags, tell them."""


def identities(company: Company, tally: Tally) -> None:
    """Count all identities over the company's rows."""
    group = "industrial" if company.industry == "general" else "other"
    for statement, what, may_follow, check in IDENTITIES:
        for (end, period_type), row in company.rows[statement].items():
            readings = list(check(row))
            where = f"{company.name} {end} {period_type}"
            kind = "last quarter" if row["fiscal_period"] == "Q4" else period_type
            due = readings or all(candidates(company, BY_NAME[name], end, kind) for name in PARTS[what])
            counts = tally.counts[f"{what}: all parts ({group})"]
            counts["due"] += bool(due)
            counts["exact"] += bool(readings)
            counts["untold"] += not due
            if due and not readings:
                tally.misses.append(f"parts {what} {where}")
            measured(tally, what, where, readings)
            if not any(follows(company.made, statement, row, name) for name in may_follow.split()):
                measured(tally, f"{what}, no part computed", "", readings)
    for (end, period_type), row in sorted(company.rows["cash_flow"].items()):
        if row["period_start"] is not None:
            eve = row["period_start"] - timedelta(days=1)
            first = at(company, "balance", eve, "quarter") or at(company, "balance", eve, "annual")
            last = at(company, "balance", end, period_type)
            measured(tally, "change in cash", f"{company.name} {end} {period_type}", change(last, first, row))
    for statement in ("income", "cash_flow"):
        four_quarters(company, statement, tally)


def follows(made: Statements, statement: str, row: Row, name: str) -> bool:
    """Whether a cell was computed from other lines, so that the identity says nothing."""
    cell = made.explain(statement, row["report_date"], row["period_type"], name)
    own = {tag.name for tag in BY_NAME[name].tags}
    return cell is not None and any(operand.tag not in own for operand in cell.operands)


_TYPES = {"Q1": "quarter", "Q2": "quarter", "Q3": "quarter", "Q4": "quarter", "FY": "annual"}


def four_quarters(company: Company, statement: str, tally: Tally) -> None:
    """Four quarters are the year in every line that adds up; apart, where one filing gave the year's end.

    And again where filings about one fiscal year told all five: no restatement lies between them.
    """
    rows = {(r["fiscal_year"], r["fiscal_period"]): r for r in company.rows[statement].values()}
    for (year, part), annual in rows.items():
        if part != "FY":
            continue
        end = annual["report_date"]
        for name in COLUMNS[statement]:
            quarters = [_known(rows.get((year, f"Q{n}"), {}), name) for n in (1, 2, 3, 4)]
            if BY_NAME[name].kind != "flow" or annual[name] is None or None in quarters:
                continue
            reading = [q[0] for q in quarters if q] + [-annual[name]]
            said = [_accessions(company.made, statement, end, p, name) for p in ("annual", "quarter")]
            what = "four quarters" if said[0] <= said[1] else "four quarters, of several filings"
            measured(tally, what, f"{company.name} {end} {name}", [reading])
            cells = [
                company.made.explain(statement, rows[year, p]["report_date"], _TYPES[p], name) for p in _TYPES
            ]
            if company.common_years([cell for cell in cells if cell]):
                measured(tally, "four quarters, all of one year's filings", "", [reading])


def _accessions(made: Statements, statement: str, end: date, period_type: str, name: str) -> set[str]:
    cell = made.explain(statement, end, period_type, name)
    return {operand.accession for operand in cell.operands} if cell else set()


def shown(counts: Counter[str]) -> str:
    """Counts as shares."""
    if counts["due"]:
        without = counts["excused"] or counts["untold"]
        untold = f", {without} untold" if without else ""
        heard = counts["due"] - counts["silent"]
        rest = f", {counts['exact'] / heard:7.2%} of {heard} not silent" if counts["silent"] else ""
        return f"{counts['exact'] / counts['due']:7.2%} of {counts['due']}{untold}{rest}"
    told = (f"{name} {counts[key] / counts['all parts']:7.2%}" for name, key in SHARES)
    return f"{', '.join(told)} of {counts['all parts']}"


def main() -> None:
    """Measure the tree and print."""
    paths = [Path(a) for a in sys.argv[1:] if not a.startswith("--")]
    everything = Tally()
    for company in companies(paths[0] if paths else TREE):
        own = Tally()
        nowhere = fill(company, own)
        identities(company, own)
        lines = {
            n
            for s, rows in company.rows.items()
            for r in rows.values()
            for n in COLUMNS[s]
            if r[n] is not None
        }
        told = f"{len(lines)} lines filled; nowhere: {', '.join(nowhere) or '-'}"
        print(f"\n{company.name} ({company.industry}): {told}")
        for what in sorted(own.counts):
            if ": " not in what:
                print(f"  {what:28} {shown(own.counts[what])}")
        everything.add(own)
    print("\nall companies")
    for what in sorted(everything.counts):
        print(f"  {what:40} {shown(everything.counts[what])}")
    print(f"  {len(everything.misses)} misses, {len(everything.excused)} excused")
    if "--misses" in sys.argv:
        print("\n".join(everything.misses))
        print("\nexcused: no tag tells them")
        print("\n".join(everything.excused))
        print("\nof them told of a longer time alone")
        print("\n".join(everything.longer))


if __name__ == "__main__":
    main()
