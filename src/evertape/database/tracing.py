"""Where values and ratios come from, and what became of them: what the facade and the command line ask."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol, TypeAlias

from evertape.database import absence, history
from evertape.database.choosing import day_of
from evertape.database.history import Explanation, Restatement
from evertape.database.ratios import cells_of
from evertape.datasets import statements
from evertape.errors import NotKnown, UserError
from evertape.formats import xbrl
from evertape.formats.xbrl.concepts import COLUMNS
from evertape.formats.xbrl.formula import Name, evaluate, names
from evertape.formats.xbrl.ratios import PRICE, RATIOS, Figures, Period, Ratio
from evertape.model.store import Store

if TYPE_CHECKING:
    import pandas as pd


class Home(Protocol):
    """Where a company's facts are held: the facade."""

    store: Store

    def company(self, symbol: str) -> tuple[str, str]:
        """CIK and what to show."""


@dataclass(frozen=True, kw_only=True)
class RatioPart:
    """A column that a formula names.

    Attributes:
        name: the column; in prior(...) that of a year before, in opening(...) that at the period's begin.
        report_date: of the period it is taken from; None where that is not held.
        value: None where it is not known.
        note: why it is not known, or what stands in for it.
        cell: where it comes from, of the period type that it is taken from.
    """

    name: str
    report_date: date | None
    value: float | None
    note: str
    cell: Explanation | None


@dataclass(frozen=True, kw_only=True)
class RatioExplanation:
    """Where a ratio comes from.

    Attributes:
        value: in `unit`, money in `currency`; None where it is null, and `note` says why.
        formula, positive: as the catalogue has them; each of `positive` must be above zero.
        known_from: day on which the newest of its parts was filed.
    """

    column: str
    period_type: str
    report_date: date
    value: float | None
    unit: str
    currency: str
    formula: str
    positive: tuple[str, ...]
    known_from: date | None
    note: str
    parts: tuple[RatioPart, ...]


Explained: TypeAlias = Explanation | RatioExplanation
_RATIO_OF = {ratio.name: ratio for ratio in RATIOS}


def explain(
    db: Home,
    symbol: str,
    line: str,
    day: date | str,
    *,
    period: str | None = None,
    as_of: date | str | None = None,
) -> Sequence[Explained]:
    """Where a statement's cell, or a ratio, comes from: facts and formula, with filings and addresses.

    A value that is null is not known and raises; a ratio that is null says why in its `note`.

    Args:
        line: a column of the statements, or of the ratios.
        day: the report date.
        period: "quarter", "annual" or "ttm"; None for the quarter's and the year's, where they are known.
        as_of: only what was filed on or before this day; None for all that is held.

    Raises:
        UserError: an unknown ticker, line or period, or what is no date.
        NotKnown: the company was never fetched, or the line is not known at that date.
    """
    at, until = day_of(day), day_of(as_of)
    cik, label = db.company(symbol)
    ratio = _RATIO_OF.get(line)
    statement = next((name for name, columns in COLUMNS.items() if line in columns), None)
    if ratio is None and statement is None:
        raise UserError(
            f"{line} is no line of a statement and no ratio; see the columns of: evertape statements --json, "
            "evertape ratios --json"
        )
    types = statements.wanted(statement, period)
    made = history.known(db.store, int(cik), until)
    if not any(made.rows.values()):
        raise NotKnown(absence.no_statements(db, cik, label, as_of=until))
    if ratio is None:
        return history.explained(made, int(cik), line, at, period)
    return _ratios(_Company(made, int(cik), label), ratio, at, types)


@dataclass(frozen=True)
class _Company:
    made: xbrl.Statements
    cik: int
    label: str


def _ratios(company: _Company, ratio: Ratio, day: date, types: Sequence[str]) -> list[RatioExplanation]:
    given = [one for one in types if one in ratio.periods]
    if not given:
        raise NotKnown(
            f"{ratio.name} is given for {' or '.join(ratio.periods)} only; choose one with --period"
        )
    found: list[RatioExplanation] = []
    days: set[date] = set()
    for one in given:
        periods, figures = cells_of(company.made, company.label, one).figures(one)
        days.update(period.report_date for period in periods)
        found += [_ratio(company, ratio, p, figures) for p in periods if p.report_date == day]
    if not found:
        near = sorted(days, key=lambda at: (abs(at - day), at))[: history.NEAREST]
        raise NotKnown(
            f"{ratio.name} is not known at {day.isoformat()}: no {' or '.join(given)} of {company.label} "
            f"ends there; the nearest report dates are {history.iso_list(near)}"
        )
    return found


def _ratio(company: _Company, ratio: Ratio, period: Period, figures: Figures) -> RatioExplanation:
    wanted = dict.fromkeys(name for tree in (ratio.expression, *ratio.positive) for name in names(tree))
    parts = {name: _part(company, name, period, figures) for name in wanted}
    told = figures.of(ratio, period)
    return RatioExplanation(
        column=ratio.name,
        period_type=period.period_type,
        report_date=period.report_date,
        value=None if told is None else told.value,
        unit=ratio.unit,
        currency=period.currency,
        formula=ratio.formula,
        positive=ratio.conditions,
        known_from=None if told is None else told.known_from,
        note="" if told is not None else _why_null(ratio, parts),
        parts=tuple(parts.values()),
    )


def _part(company: _Company, name: Name, period: Period, figures: Figures) -> RatioPart:
    text = name.column if name.when == "now" else f"{name.when}({name.column})"
    source = None if name.column == PRICE else figures.source_of(name, period)
    held = source.cells.get(name.column) if source else None
    if source is None or held is None:
        value, note = figures.unused(name), _why_unknown(name, period, source)
        note = note if value is None else "the company reports it in no period: counted as zero"
        return RatioPart(
            name=text,
            report_date=source.report_date if source else None,
            value=value,
            note=note,
            cell=None,
        )
    return RatioPart(
        name=text,
        report_date=source.report_date,
        value=held.value,
        note="",
        cell=_cell(company, name.column, source),
    )


def _cell(company: _Company, column: str, source: Period) -> Explanation | None:
    statement = next(name for name, columns in COLUMNS.items() if column in columns)
    # Twelve months have the balance sheet of the quarter that they end with.
    kind = "quarter" if (statement, source.period_type) == ("balance", "ttm") else source.period_type
    cell = company.made.explain(statement, source.report_date, kind, column)
    if cell is None:
        return None
    return history.explanation(company.cik, column, source.report_date, kind, cell)


def _why_unknown(name: Name, period: Period, source: Period | None) -> str:
    if name.column == PRICE:
        return "a share's price is needed; db.ratios(..., price=...) takes them"
    if source is not None:
        return f"not known at {source.report_date.isoformat()}"
    before = "quarter" if (name.when, period.period_type) == ("opening", "quarter") else "year"
    return f"no {period.period_type} of a {before} before is held in {period.currency}"


def _why_null(ratio: Ratio, parts: dict[Name, RatioPart]) -> str:
    unknown = [f"{part.name} ({part.note})" for part in parts.values() if part.value is None]
    if unknown:
        return f"null, for a part is not known: {'; '.join(unknown)}"
    for text, tree in zip(ratio.conditions, ratio.positive, strict=True):
        held = evaluate(tree, lambda name: parts[name].value)
        if held is None or held <= 0:
            return f"null, for it says nothing where {text} is not above zero"
    return "null, for it would be divided by zero"


def restated(db: Home, symbol: str) -> list[Restatement]:
    """Facts of a company whose value a later filing changed, the latest change first.

    Raises:
        UserError: an unknown ticker. NotKnown: the company was never fetched.
    """
    cik, label = db.company(symbol)
    if cik not in db.store.holdings("facts", [cik]):
        raise NotKnown(absence.no_statements(db, cik, label))
    return history.restatements(db.store, int(cik))


def restatements(db: Home, symbol: str) -> pd.DataFrame:
    """Facts of a company that a later filing changed, as a frame: a row a change, the latest first.

    Values are as filed, in `unit`; `change` is the new less the old. `said_by` and `changed_by` are
    accessions. What is but rounded is no change. See `restated` for the errors.
    """
    import pandas as pd

    columns = [field.name for field in dataclasses.fields(Restatement)]
    days = {"start", "end", "changed_on"}
    rows = [
        tuple(
            value.isoformat() if name in days and value is not None else value
            for name in columns
            for value in [getattr(one, name)]
        )
        for one in restated(db, symbol)
    ]
    return pd.DataFrame(rows, columns=columns)
