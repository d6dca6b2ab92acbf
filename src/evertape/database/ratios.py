"""Ratios of a company, from its statements; each cell keeps the filing with which it became known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from evertape.database import history
from evertape.database.choosing import day_of
from evertape.errors import UserError
from evertape.formats import xbrl
from evertape.formats.xbrl.concepts import COLUMNS
from evertape.formats.xbrl.ratios import PERIOD_TYPES, PRICE, RATIOS, Figures, Part, Period
from evertape.model.store import Store

if TYPE_CHECKING:
    import pandas as pd

_LEAD = ("symbol", "cik", "report_date", "period_type", "fiscal_year", "fiscal_period", "currency")
COLUMN_NAMES = (*_LEAD, *(ratio.name for ratio in RATIOS), "known_from", "accession_number")
_MOMENTARY = "balance"


class Home(Protocol):
    """Where a company's facts are held: the facade."""

    store: Store

    def company(self, symbol: str) -> tuple[str, str]:
        """CIK and what to show."""


@dataclass(frozen=True, kw_only=True)
class RatioRow:
    """The ratios of one period, each with its lineage; a ratio that is null is not in it."""

    lead: Mapping[str, Any]
    ratios: Mapping[str, Part]

    @property
    def newest(self) -> Part | None:
        """The ratio that became known last; None where all are null."""
        return max(self.ratios.values(), key=lambda part: (part.known_from, part.accession), default=None)


def ratio_rows(
    db: Home,
    symbol: str,
    *,
    period: str = "annual",
    as_of: date | None = None,
    price: Mapping[date, float] | None = None,
) -> list[RatioRow]:
    """A company's ratios with their lineage, the latest period first.

    Raises:
        UserError: an unknown symbol or period.
    """
    if period not in PERIOD_TYPES:
        raise UserError(f"{period} is no period; choose one of {', '.join(PERIOD_TYPES)}")
    cik, label = db.company(symbol)
    return cells_of(history.known(db.store, int(cik), as_of), label, period).ratios(period, price)


def cells_of(made: xbrl.Statements, label: str, period: str) -> CompanyCells:
    """What statements tell of the periods of one type."""
    held = CompanyCells(label, made)
    for statement in COLUMNS:
        held.add(statement, period)
    if period == "ttm":
        # Twelve months end with a quarter: its balance sheet is theirs where they have none of their own.
        held.add(_MOMENTARY, "quarter", only_known=True)
    return held


class CompanyCells:
    """What was read of one company, cell by cell, so that each keeps its own filing."""

    def __init__(self, label: str, made: xbrl.Statements) -> None:
        self._label = label
        self._made = made
        self._leads: dict[date, dict[str, Any]] = {}
        self._cells: dict[date, dict[str, Part]] = {}

    def add(self, statement: str, period_type: str, only_known: bool = False) -> None:
        """Take the rows of one statement; with `only_known` for periods that are there already."""
        for row in getattr(self._made, statement):
            day = row["report_date"]
            if row["period_type"] != period_type or (only_known and day not in self._leads):
                continue
            lead = self._leads.setdefault(day, {**row, "report_date": day.isoformat()})
            if row["currency"] != lead["currency"]:
                continue
            cells = self._cells.setdefault(day, {})
            for column in COLUMNS[statement]:
                filing = self._made.filing_of(statement, day, period_type, column)
                if row[column] is not None and filing is not None and column not in cells:
                    cells[column] = Part(value=row[column], known_from=filing[0], accession=filing[1])

    def figures(
        self, period_type: str, price: Mapping[date, float] | None = None
    ) -> tuple[list[Period], Figures]:
        """The periods, the latest first, and what is computed of them."""
        periods = [
            Period(
                report_date=day,
                period_type=period_type,
                currency=self._leads[day]["currency"],
                cells=self._cells[day],
            )
            for day in sorted(self._leads, reverse=True)
        ]
        return periods, Figures(
            periods,
            reported=frozenset(column for cells in self._cells.values() for column in cells),
            columns=frozenset(column for names in COLUMNS.values() for column in names),
            price=price,
        )

    def ratios(self, period_type: str, price: Mapping[date, float] | None) -> list[RatioRow]:
        """A row of ratios for each period, the latest first."""
        periods, figures = self.figures(period_type, price)
        return [
            RatioRow(
                lead={
                    **{name: self._leads[period.report_date].get(name) for name in _LEAD},
                    "symbol": self._label,
                    "period_type": period_type,
                },
                ratios={
                    ratio.name: part for ratio in RATIOS if (part := figures.of(ratio, period)) is not None
                },
            )
            for period in periods
        ]


def as_records(rows: Sequence[RatioRow]) -> list[dict[str, Any]]:
    """One flat mapping a period: what it is, every ratio (None where null), and its newest part's filing."""
    return [
        {
            **row.lead,
            **{ratio.name: _value(row.ratios.get(ratio.name)) for ratio in RATIOS},
            "known_from": row.newest.known_from.isoformat() if row.newest else None,
            "accession_number": row.newest.accession if row.newest else None,
        }
        for row in rows
    ]


def _value(part: Part | None) -> float | None:
    return None if part is None else part.value


def frame(
    db: Home,
    symbol: str,
    *,
    period: str = "annual",
    as_of: date | str | None = None,
    price: Mapping[date, float] | None = None,
) -> pd.DataFrame:
    """A company's ratios as a frame, the latest period first; the catalogue `ratios.toml` states the rules.

    `known_from` and `accession_number` are of the newest part of any ratio of the row.

    Args:
        period: "annual", "quarter" or "ttm".
        as_of: only what was filed on or before this day; None for all that is held.
        price: of a share as traded, by day; without it the ratios that need one are null.
    """
    import pandas as pd

    rows = as_records(ratio_rows(db, symbol, period=period, as_of=day_of(as_of), price=price))
    return pd.DataFrame(rows, columns=list(COLUMN_NAMES))


__all__ = [
    "COLUMN_NAMES",
    "PRICE",
    "CompanyCells",
    "RatioRow",
    "as_records",
    "cells_of",
    "frame",
    "ratio_rows",
]
