"""Ratios and company figures of statements, from ratios.toml beside this file, which has the rules. Pure."""

from __future__ import annotations

import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from evertape.formats.xbrl.formula import Expression, Name, evaluate, names, parse

Unit = Literal["percent", "ratio", "currency", "currency per share"]

PERIOD_TYPES = ("annual", "quarter", "ttm")
PRICE = "price"
"""The one name in formulas that is no column of a statement."""
YEAR = timedelta(days=365)
QUARTER = timedelta(days=91)
SLACK = timedelta(days=20)
"""52/53-week years and quarters of 12 to 14 weeks end this close to a calendar year or quarter before."""
OLDEST_PRICE = timedelta(days=7)
"""The price of a report date is the last one traded by then, over weekends and holidays."""
NEXT_BASIS = timedelta(days=150)
"""Figures filed later than this after a period may count shares as after a split that its price is before."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """An entry of the catalogue. `expression` and `positive` are read from `formula` and `conditions`."""

    name: str
    doc: str
    unit: Unit
    formula: str
    conditions: tuple[str, ...]
    expression: Expression
    positive: tuple[Expression, ...]
    periods: tuple[str, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The columns it is made of, conditions included; `price` among them where it needs one."""
        return frozenset(name.column for tree in (self.expression, *self.positive) for name in names(tree))


@dataclass(frozen=True, kw_only=True)
class Part:
    """A value, the day from which it was known, and the filing it was known from."""

    value: float
    known_from: date
    accession: str


@dataclass(frozen=True, kw_only=True)
class Period:
    """What the statements of one period say: known cells only, by column."""

    report_date: date
    period_type: str
    currency: str
    cells: Mapping[str, Part]


def read_catalogue(text: str) -> tuple[Ratio, ...]:
    """The ratios that a catalogue declares, in its order.

    Raises:
        ValueError: a formula cannot be read, or a unit or period type is unknown.
    """
    return tuple(_ratio(name, entry) for name, entry in tomllib.loads(text).items())


def _ratio(name: str, entry: Mapping[str, Any]) -> Ratio:
    periods = tuple(entry.get("periods", PERIOD_TYPES))
    conditions = tuple(entry.get("positive", ()))
    if entry["unit"] not in get_args(Unit) or not set(periods) <= set(PERIOD_TYPES):
        raise ValueError(f"{name}: unit {entry['unit']!r} or periods {periods!r} are unknown")
    return Ratio(
        name=name,
        doc=entry["doc"],
        unit=entry["unit"],
        formula=entry["formula"],
        conditions=conditions,
        expression=parse(entry["formula"]),
        positive=tuple(map(parse, conditions)),
        periods=periods,
    )


RATIOS: tuple[Ratio, ...] = read_catalogue(Path(__file__).with_name("ratios.toml").read_text("utf-8"))


class Figures:
    """The ratios of one company over its periods of one type.

    Args:
        periods: of one period type, in any order, one a report date.
        reported: columns that the company reports in some period; a "x~" outside of them is zero.
        price: of a share as traded, by day, in the currency of the statements.
    """

    def __init__(
        self,
        periods: Sequence[Period],
        *,
        reported: frozenset[str],
        columns: frozenset[str],
        price: Mapping[date, float] | None = None,
    ) -> None:
        self._periods = sorted(periods, key=lambda period: period.report_date)
        self._days = [period.report_date for period in self._periods]
        self._never = columns - reported
        self._price = price or {}
        self._priced = sorted(self._price)

    def of(self, ratio: Ratio, period: Period) -> Part | None:
        """A ratio with its lineage: known from the day, and the filing, of its newest part; or None."""
        if period.period_type not in ratio.periods:
            return None
        used: list[Part] = []

        def look(name: Name) -> float | None:
            if name.column == PRICE:
                return self._price_at(period.report_date)
            source = self.source_of(name, period)
            found = source.cells.get(name.column) if source else None
            if found is None:
                return self.unused(name)
            used.append(found)
            return found.value

        for condition in ratio.positive:
            held = evaluate(condition, look)
            if held is None or held <= 0:
                return None
        value = evaluate(ratio.expression, look)
        if value is None or not used:
            return None
        newest = max(used, key=lambda part: (part.known_from, part.accession))
        if PRICE in ratio.columns and newest.known_from > period.report_date + NEXT_BASIS:
            return None
        return Part(value=value, known_from=newest.known_from, accession=newest.accession)

    def unused(self, name: Name) -> float | None:
        """What stands in for a column that the company reports in no period."""
        return name.unused if name.column in self._never else None

    def source_of(self, name: Name, period: Period) -> Period | None:
        """The period that a name is taken from; None where it is not held, or of another currency."""
        if name.when == "now":
            return period
        back = QUARTER if name.when == "opening" and period.period_type == "quarter" else YEAR
        return self._before(period, back)

    def _before(self, period: Period, back: timedelta) -> Period | None:
        """The period that ended so long before, in the same currency."""
        meant = period.report_date - back
        first, end = bisect_left(self._days, meant - SLACK), bisect_right(self._days, meant + SLACK)
        close = self._periods[first:end]
        found = min(close, key=lambda p: abs(p.report_date - meant), default=None)
        return found if found and found.currency == period.currency else None

    def _price_at(self, day: date) -> float | None:
        at = bisect_right(self._priced, day) - 1
        if at < 0 or day - self._priced[at] > OLDEST_PRICE:
            return None
        return self._price[self._priced[at]]
