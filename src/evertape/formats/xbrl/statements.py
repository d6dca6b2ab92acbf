"""Facts of one company to its standardized statements, as known on a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import Any, TypeAlias

from evertape.formats.xbrl.cells import (
    Figure,
    Series,
    combine,
    consolidated,
    last_quarter_figure,
    latest,
    of_one_taxonomy,
    on_one_filing,
    quarter_figure,
    reported,
)
from evertape.formats.xbrl.concepts import ANCHORS, COLUMNS, LINES, Line, Term
from evertape.formats.xbrl.facts import CompanyFacts, Fact
from evertape.formats.xbrl.index import Currencies, FactIndex, balance_dates, nearest
from evertape.formats.xbrl.periods import Period, Span, fiscal_periods, fiscal_years, year_naming

Row: TypeAlias = dict[str, Any]
"""A statement's row: the shared columns, then the statement's lines, None where unknown."""
RowKey: TypeAlias = tuple[str, date, str]
"""(statement, report date, period type)."""

FEWEST_LINES = 3
"""A period with fewer lines than this is a stray mention, not a statement."""

_FILED = itemgetter(8, 6)


@dataclass(frozen=True, kw_only=True)
class Operand:
    """A fact that a cell was computed from, and the sign it went in with."""

    sign: int
    taxonomy: str
    tag: str
    unit: str
    start: date | None
    end: date
    value: float
    accession: str
    form: str
    filed: date


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Where a cell comes from: its tag, or the sum of its operands."""

    value: float
    formula: str
    operands: tuple[Operand, ...]

    @property
    def known_from(self) -> date:
        """The day on which the last operand was filed."""
        return max(operand.filed for operand in self.operands)


@dataclass(frozen=True, kw_only=True)
class Statements:
    """Rows of the three statements in order of report date; no two share (report date, period type)."""

    income: list[Row]
    balance: list[Row]
    cash_flow: list[Row]
    figures: Mapping[RowKey, Mapping[str, Figure]] = field(repr=False)

    def explain(self, statement: str, report_date: date, period_type: str, column: str) -> Cell | None:
        """The lineage of a cell; None where it is unknown."""
        figure = self.figures.get((statement, report_date, period_type), {}).get(column)
        return None if figure is None else _cell(figure)

    @property
    def lineage(self) -> dict[tuple[str, date, str, str], Cell]:
        """The lineage of every cell that has a value."""
        return {
            (*key, column): _cell(f) for key, cells in self.figures.items() for column, f in cells.items()
        }


def _cell(figure: Figure) -> Cell:
    operands = tuple(
        Operand(
            sign=sign,
            taxonomy=f[0],
            tag=f[1],
            unit=f[2],
            start=f[3],
            end=f[4],
            value=f[5],
            accession=f[6],
            form=f[7],
            filed=f[8],
        )
        for sign, f in figure.sources
    )
    terms = [f"{'-' if o.sign < 0 else '+'} {o.tag}[{o.start or ''}..{o.end}]" for o in operands]
    return Cell(value=figure.value, formula=" ".join(terms).removeprefix("+ "), operands=operands)


def standardize(
    source: CompanyFacts | Iterable[Fact], *, cik: int | None = None, as_of: date | None = None
) -> Statements:
    """The statements that facts filed on or before `as_of` (None: all) tell.

    Args:
        source: a company's facts, or the facts alone; then `cik` says whose.

    Raises:
        ValueError: facts without a CIK.
    """
    if isinstance(source, CompanyFacts):
        facts: Iterable[Fact] = source.facts
        cik = source.cik
    else:
        facts = source
    if cik is None:
        raise ValueError("facts alone do not say whose they are: pass cik=")
    return _Company(cik, FactIndex(facts, as_of)).statements()


_BY_STATEMENT = {
    statement: tuple(line for line in LINES if line.statement == statement)
    for statement in ("income", "balance", "cash_flow")
}
_COMPUTED = tuple(line for line in LINES if line.formulas)
_FLOW_KINDS = frozenset({"flow", "per_share", "average"})

Candidates: TypeAlias = list[tuple[Line, list[tuple[int, Series]]]]
"""Lines with the series of their tags that the company uses, by rank, each with its tag's sign."""


class _Company:
    """One company's facts being turned into rows."""

    def __init__(self, cik: int, index: FactIndex) -> None:
        self.cik = cik
        self.index = index
        totals = index.totals()
        years = fiscal_years(index.filings)
        self.periods = fiscal_periods(years, totals)
        self.names = year_naming(years, index.focus)
        self.year_starts = sorted(self.names)
        self.currencies = Currencies(index)
        self.balance_days = balance_dates(index)
        self.before = {(p.year.start, p.quarter): p.to_date for p in self.periods}
        self.interim = {p.year.start for p in self.periods if p.quarter in (1, 2, 3)}
        self.quarter_ends = frozenset(p.end for p in self.periods if p.quarter in (1, 2, 3))
        self.unused = _unused(index)
        self.candidates: dict[str, tuple[Candidates, Candidates]] = {}
        self.figures: dict[RowKey, Mapping[str, Figure]] = {}

    def statements(self) -> Statements:
        rows: dict[str, list[Row]] = {statement: [] for statement in COLUMNS}
        for period in self.periods:
            currency = self.currencies.of(period)
            flows, instants = self._candidates(currency)
            found = self._with_formulas(self._flows(flows, period))
            for statement in ("income", "cash_flow"):
                self._append(rows, statement, period, currency, found)
            if self._has_balance(period):
                found = self._with_formulas(self._instants(instants, period))
                self._append(rows, "balance", period, currency, found)
        for listed in rows.values():
            listed.sort(key=lambda row: (row["report_date"], row["period_type"]))
        return Statements(**rows, figures=self.figures)

    def _candidates(self, currency: str) -> tuple[Candidates, Candidates]:
        found = self.candidates.get(currency)
        if found is None:
            flows: Candidates = []
            instants: Candidates = []
            for line in LINES:
                series: list[tuple[int, Series]] = [
                    (tag.sign, self.index.series[tag.taxonomy, tag.name, unit])
                    for tag in line.tags
                    for unit in _units(line, currency)
                    if (tag.taxonomy, tag.name, unit) in self.index.series
                ]
                if line.on_sheet and self.quarter_ends:
                    series = [(sign, s) for sign, s in series if _is_quarterly(s, self.quarter_ends)]
                if series or line.kind == "cover":
                    (flows if line.kind in _FLOW_KINDS else instants).append((line, series))
            found = self.candidates[currency] = (flows, instants)
        return found

    def _flows(self, candidates: Candidates, period: Period) -> dict[str, Figure]:
        before: Sequence[Span] = ()
        if period.quarter > 1:
            before = self.before.get((period.year.start, period.quarter - 1), ())
        found: dict[str, Figure] = {}
        quarterly = last_quarter_figure if period.quarter == 4 else quarter_figure
        for line, tags in candidates:
            figures = []
            for sign, series in tags:
                if line.kind == "flow" and before:
                    figure = quarterly(series, period.spans, period.to_date, before, self._basis)
                else:
                    figure = reported(series, period.spans)
                if figure is not None:
                    figures.append(figure if sign > 0 else combine([(sign, figure)]))
                    if not line.whole:
                        break
            if figures:
                found[line.name] = consolidated(figures) if line.whole else figures[0]
        return found

    def _instants(self, candidates: Candidates, period: Period) -> dict[str, Figure]:
        spans = [(None, day) for day in nearest(self.balance_days, period.end)]
        found: dict[str, Figure] = {}
        for line, tags in candidates:
            if line.kind == "cover":
                reports = self.index.cover_reports(period.end)
                if reports:
                    found[line.name] = latest(reports)
                continue
            for sign, series in tags:
                figure = reported(series, spans)
                if figure is not None:
                    found[line.name] = figure if sign > 0 else combine([(sign, figure)])
                    break
        return found

    def _with_formulas(self, found: dict[str, Figure]) -> dict[str, Figure]:
        for line in _COMPUTED:
            if line.name in found:
                continue
            for formula in line.formulas:
                figure = _computed(formula, found, self.unused)
                if figure is not None:
                    found[line.name] = figure
                    break
        return found

    def _has_balance(self, period: Period) -> bool:
        """The end of a year closes a quarter too, where the company reports quarters around it."""
        if period.quarter != 4:
            return True
        starts = self.year_starts
        at = starts.index(period.year.start)
        return not self.interim.isdisjoint(starts[at : at + 2])

    def _basis(self, accession: str) -> object:
        """The fiscal year that a filing is about."""
        end = self.index.main_end(accession)
        return None if end is None else max((s for s in self.year_starts if s < end), default=None)

    def _append(
        self,
        rows: dict[str, list[Row]],
        statement: str,
        period: Period,
        currency: str,
        found: Mapping[str, Figure],
    ) -> None:
        cells = {column: found[column] for column in COLUMNS[statement] if column in found}
        period_type = "quarter" if period.quarter else "annual"
        stray = len(cells) < FEWEST_LINES or not any(anchor in found for anchor in ANCHORS[statement])
        if stray or (statement, period.end, period_type) in self.figures:
            return
        last = max((fact for f in cells.values() for _, fact in f.sources), key=_FILED)
        row: Row = {
            "cik": self.cik,
            "period_type": period_type,
            "fiscal_year": self.names[period.year.start],
            "fiscal_period": f"Q{period.quarter}" if period.quarter else "FY",
            "period_start": None if statement == "balance" else period.start,
            "report_date": period.end,
            "filed_date": last[8],
            "accession_number": last[6],
            "form": last[7],
            "currency": currency,
            "derived": " ".join(column for column, f in cells.items() if len(f.sources) > 1),
            "known_from": last[8],
        }
        for column in COLUMNS[statement]:
            figure = cells.get(column)
            row[column] = None if figure is None else figure.value
        rows[statement].append(row)
        self.figures[statement, period.end, period_type] = cells


def _is_quarterly(series: Series, quarter_ends: frozenset[date]) -> bool:
    """Whether a tag is reported at the end of a quarter within a year, not in annual reports alone."""
    return any(end in quarter_ends for _, end in series)


def _units(line: Line, currency: str) -> tuple[str, ...]:
    """Units of a line's facts. Older bodies write a value per share in the bare currency."""
    if line.kind == "per_share":
        return (f"{currency}/shares", currency)
    return ("shares",) if line.kind in ("average", "shares") else (currency,)


def _unused(index: FactIndex) -> frozenset[str]:
    """Lines of which the company has no tag at all, nor of what they are computed from."""
    tags = {key[:2] for key in index.series}
    used: set[str] = set()
    for line in LINES:
        if any((tag.taxonomy, tag.name) in tags for tag in line.tags) or any(
            name in used for formula in line.formulas for _, name, _ in formula
        ):
            used.add(line.name)
    return frozenset(line.name for line in LINES) - used


def _computed(formula: Sequence[Term], found: Mapping[str, Figure], unused: frozenset[str]) -> Figure | None:
    """A line from others of the period; None where a needed one is missing, or all are."""
    terms = []
    for sign, name, need in formula:
        figure = found.get(name)
        if figure is not None:
            terms.append((sign, figure, need == "never"))
        elif need == "always" or (need == "if used" and name not in unused):
            return None
    if not terms:
        return None
    kept = of_one_taxonomy(terms)
    return combine(on_one_filing(kept) if len(kept) > 1 else kept)
