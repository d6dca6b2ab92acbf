"""Figures that stand out from the company's own: in scale, in sign, or by having stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from evertape.datasets.statements import RECORDS
from evertape.engine.quality.company import (
    STATEMENT_LINES,
    Cells,
    Doubt,
    Notebook,
    Severity,
    derived_in,
    difference,
    place,
)
from evertape.formats.xbrl.concepts import Line
from evertape.model.records import table_of

AMOUNTS: Mapping[str, tuple[str, ...]] = {
    table_of(record).name: tuple(c.name for c in table_of(record).columns if c.unit in ("currency", "shares"))
    for record in RECORDS
}
"""Columns that hold an amount of money or shares, by table."""
SCALES = (1_000, 1_000_000)
WINDOW = 2.0
"""A figure this many times off a thousand is still taken for a slip: companies grow and shrink."""
ALIKE = 10.0
"""Neighbours further apart than this say nothing about the scale of what lies between them."""
LEAST = SCALES[0] / WINDOW / ALIKE
STEADY = frozenset(
    {"total_assets", "revenue", "shares_basic", "shares_diluted", "shares_outstanding", "total_liabilities"}
)
"""Lines that do not pass through a thousandth of themselves and back within three periods."""
RECURRING = frozenset(
    {
        "cost_of_revenue", "selling_general_administrative", "research_and_development", "current_assets",
        "current_liabilities", "total_equity",
    }
)  # fmt: skip
"""Lines that do not grow a thousandfold for one period, though they may nearly vanish."""


def check_scale(book: Notebook) -> None:
    """Figures about a thousand or a million times their neighbours', or as small a part of them.

    Neighbours are of the same period type and currency, and agree. Between two of them the jump of a
    steady or recurring line is hard, another line's soft. At either end of the history both lie on one
    side and the jump may be real: soft. A line may come close to nothing by itself: a small part is a
    note unless the line is steady, and nothing where the line has had both signs.
    """
    for table, columns in AMOUNTS.items():
        rows = sorted(book.company.judged(table), key=itemgetter("period_type", "currency", "report_date"))
        for _, group in groupby(rows, key=itemgetter("period_type", "currency")):
            listed = list(group)
            for column in columns:
                for row, doubt in _slips(listed, column):
                    book.doubt(table, row, doubt)


def _slips(rows: Sequence[Cells], column: str) -> Iterator[tuple[Cells, Doubt]]:
    known = [(row, value) for row in rows if (value := row.get(column))]
    last = len(known) - 1
    if last < 2:
        return
    sizes = [abs(value) for _, value in known]
    for at, size in enumerate(sizes):
        near = (at - 1, at + 1) if 0 < at < last else ((1, 2) if at == 0 else (last - 1, last - 2))
        one, other = sizes[near[0]], sizes[near[1]]
        # Nearly all figures go no further than this.
        if one / LEAST < size < one * LEAST or max(one, other) > ALIKE * min(one, other):
            continue
        slip = _slip(size, (one * other) ** 0.5)
        row, value = known[at]
        if slip is None or (slip.small and min(known_value for _, known_value in known) < 0):
            continue
        days = sorted(known[n][0]["report_date"] for n in near)
        yield row, _slipped(column, row, slip, days, inside=0 < at < last)


class Slip(NamedTuple):
    """A factor of scale, the size that would be usual, and whether the figure is too small."""

    scale: int
    usual: float
    small: bool


def _slip(size: float, usual: float) -> Slip | None:
    large = max(size / usual, usual / size)
    for scale in SCALES:
        if scale / WINDOW <= large <= scale * WINDOW:
            return Slip(scale, usual, size < usual)
    return None


def _slipped(column: str, row: Cells, slip: Slip, days: Sequence[date], *, inside: bool) -> Doubt:
    sure = column in STEADY or (column in RECURRING and not slip.small)
    severity: Severity = "note" if slip.small and not sure else "soft"
    if sure and inside:
        severity = "hard"
    value = row[column]
    times = f"one {slip.scale:,}th of" if slip.small else f"{slip.scale:,} times"
    sentence = f"{column} of {place(row)} is {value:,.0f}, about {times} what {days[0]} and {days[1]} have"
    told = difference(slip.usual if value > 0 else -slip.usual, value)
    return Doubt(check="scale", column=column, severity=severity, sentence=sentence, told=told)


IMPOSSIBLE = frozenset(
    {
        "total_assets", "current_assets", "shares_basic", "shares_diluted", "shares_outstanding",
        "liabilities_and_equity",
    }
)  # fmt: skip
"""Columns that cannot be negative."""
UNLIKELY = frozenset(
    {
        "revenue", "cash_and_equivalents", "cash_and_restricted_cash", "short_term_investments",
        "receivables", "inventory", "property_plant_equipment", "goodwill", "total_liabilities", "total_debt",
    }
)  # fmt: skip
"""Columns whose negative values are rare and mostly wrong."""
PAYMENTS = frozenset(
    {
        "cost_of_revenue", "research_and_development", "selling_general_administrative",
        "capital_expenditures", "depreciation_amortization", "depreciation_expense", "dividends_paid",
        "share_repurchases", "stock_compensation",
    }
)  # fmt: skip
"""Columns that are positive by convention: a negative one is judged by the company's own history."""
ENOUGH = 4
MOSTLY = 0.8


def check_sign(book: Notebook) -> None:
    """Negative amounts where there can be none (hard), hardly be one, or where the company has few (soft)."""
    for table, columns in AMOUNTS.items():
        rows = book.company.judged(table)
        for column in columns:
            negative = [row for row in rows if (row.get(column) or 0) < 0]
            if not negative or not _is_odd(column, rows):
                continue
            for row in negative:
                book.doubt(table, row, _negative(column, row))


def _is_odd(column: str, rows: Sequence[Cells]) -> bool:
    if column in IMPOSSIBLE or column in UNLIKELY:
        return True
    if column not in PAYMENTS:
        return False
    values = [value for row in rows if (value := row.get(column))]
    positive = sum(1 for value in values if value > 0)
    return positive >= max(ENOUGH, MOSTLY * len(values))


def _negative(column: str, row: Cells) -> Doubt:
    severity: Severity = "hard" if column in IMPOSSIBLE else "soft"
    how = "was computed as" if column in derived_in(row) else "is"
    usual = ", which the company otherwise reports as positive" if column in PAYMENTS else ""
    sentence = f"{column} of {place(row)} {how} {row[column]:,.0f}, below zero{usual}"
    told = difference(0.0, row[column])
    return Doubt(check="sign", column=column, severity=severity, sentence=sentence, told=told)


STOPPED = timedelta(days=400)
"""Longer than a year: a line that only annual reports have is not taken for one that stopped."""
ALIVE = timedelta(days=100)
"""A tag reported for a day this close to the last row's is in use."""


def check_stale_tags(book: Notebook) -> None:
    """A line that stopped while the company goes on, and one of its tags is still reported.

    Lines that only count where quarters have them are left out: their tags live on in annual notes.
    """
    for table, lines in STATEMENT_LINES.items():
        rows = book.company.judged(table)
        if not rows:
            continue
        last = rows[-1]["report_date"]
        for column, line in lines.items():
            valued = [row for row in rows if row.get(column) is not None]
            if line.on_sheet or len(valued) < ENOUGH or last - valued[-1]["report_date"] <= STOPPED:
                continue
            alive = _alive(book, line, rows[-1]["currency"])
            if alive is None or last - alive[1] > ALIVE:
                continue
            row = valued[-1]
            sentence = (
                f"{column} has no value after {row['report_date']}, although {alive[0]} is reported "
                f"to {alive[1]}"
            )
            book.doubt(
                table, row, Doubt(check="stale_tag", column=column, severity="soft", sentence=sentence)
            )


def _alive(book: Notebook, line: Line, currency: str) -> tuple[str, date] | None:
    """The line's tag that was reported for the latest day, in the currency of the rows or in shares."""
    units = (currency, f"{currency}/shares", "shares")
    days = [
        (book.company.alive[tag.taxonomy, tag.name, unit], f"{tag.taxonomy}:{tag.name}")
        for tag in line.tags
        for unit in units
        if (tag.taxonomy, tag.name, unit) in book.company.alive
    ]
    if not days:
        return None
    day, tag_name = max(days)
    return tag_name, day
