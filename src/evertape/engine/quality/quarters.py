"""Quarters against years, and computed quarters against reported ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from evertape.datasets.statements import STATEMENTS
from evertape.engine.quality.company import (
    EXACT,
    SLIP,
    STATEMENT_LINES,
    TABLES,
    Cells,
    Company,
    Difference,
    Doubt,
    Notebook,
    Report,
    Series,
    derived_in,
    difference,
    place,
)
from evertape.formats.xbrl.cells import is_roughly
from evertape.formats.xbrl.periods import HALF, NINE_MONTHS, QUARTER, YEAR
from evertape.model.records import table_of

FLOWS: Mapping[str, tuple[str, ...]] = {
    TABLES[statement]: tuple(c.name for c in table_of(STATEMENTS[statement]).columns if c.unit == "currency")
    for statement in ("income", "cash_flow")
}
"""Columns of money over a period, by table: those that add up over time."""
_DAY = timedelta(days=1)
_LINES_OF_TAG = {
    (tag.taxonomy, tag.name): (table, name)
    for table, lines in STATEMENT_LINES.items()
    for name, line in lines.items()
    if line.kind == "flow"
    for tag in line.tags
}


def check_four_quarters(book: Notebook) -> None:
    """The four quarters within a year add up to it, line by line, where all five are known.

    A fourth quarter that was computed as the year less nine months holds by itself, unless an earlier
    quarter was restated: the rates of rows without a computed amount say more.
    """
    for table, columns in FLOWS.items():
        rows = book.company.judged(table)
        quarters = [r for r in rows if r["period_type"] == "quarter" and r["period_start"]]
        for year in (r for r in rows if r["period_type"] == "annual" and r["period_start"]):
            within = _within(year, quarters)
            if within is not None:
                _add_up(book, table, columns, [year, *within])


def _within(year: Cells, quarters: Sequence[Cells]) -> list[Cells] | None:
    """The four quarters that tile a year in its currency; None where they do not."""
    found = [
        q
        for q in quarters
        if q["period_start"] >= year["period_start"] - SLIP and q["report_date"] <= year["report_date"] + SLIP
    ]
    if len(found) != 4 or any(q["currency"] != year["currency"] for q in found):
        return None
    starts = [year["period_start"], *(q["report_date"] + _DAY for q in found)]
    met = [abs(q["period_start"] - start) <= SLIP for q, start in zip(found, starts, strict=False)]
    return found if all(met) and abs(starts[-1] - _DAY - year["report_date"]) <= SLIP else None


def _add_up(book: Notebook, table: str, columns: Sequence[str], rows: Sequence[Cells]) -> None:
    year, *quarters = rows
    computed = frozenset[str]().union(*(derived_in(row) for row in rows))
    for column in columns:
        amounts = [q.get(column) for q in quarters]
        total = year.get(column)
        known = [amount for amount in amounts if amount is not None]
        if total is None or len(known) < 4:
            continue
        told = difference(sum(known), total, known)
        book.count(("four_quarters", table, column), told, reported=column not in computed)
        if not told.close:
            sentence = (
                f"{column} of {place(year)} is {total:,.0f}, and its four quarters add up to "
                f"{told.expected:,.0f} {year['currency']}"
            )
            doubt = Doubt(check="four_quarters", column=column, severity="soft", sentence=sentence, told=told)
            book.doubt(table, year, doubt)


def check_derived_quarters(book: Notebook) -> None:
    """A quarter that was computed as a difference, against what a filing says of the quarter alone.

    Only a tag whose longer and shorter period give the cell is compared, so that a line computed from
    other lines, or from another tag, is not; nor with what a note tells in tenths of billions.
    """
    for table in FLOWS:
        for row in book.company.judged(table):
            if row["period_type"] != "quarter" or not row["period_start"]:
                continue
            for column in derived_in(row):
                alone = _said_alone(book.company, table, column, row)
                if alone is not None:
                    _compare(book, table, column, row, alone)


def _compare(book: Notebook, table: str, column: str, row: Cells, alone: tuple[float, str]) -> None:
    value, accession = alone
    if is_roughly(value, row[column]):
        return
    told = difference(value, row[column])
    book.count(("derived_quarter", table, column), told, reported=False)
    if not told.close:
        sentence = (
            f"{column} of {place(row)} was computed as {told.found:,.0f}, and {accession} reports "
            f"{value:,.0f} {row['currency']} for the quarter alone"
        )
        doubt = Doubt(check="derived_quarter", column=column, severity="soft", sentence=sentence, told=told)
        book.doubt(table, row, doubt)


def _said_alone(company: Company, table: str, column: str, row: Cells) -> tuple[float, str] | None:
    """What the last filing that reports the quarter alone says, under the tag the cell was computed from."""
    line = STATEMENT_LINES[table].get(column)
    if line is None or line.kind != "flow" or row.get(column) is None:
        return None
    span = (row["period_start"], row["report_date"])
    for tag in line.tags:
        series = company.flows.get((tag.taxonomy, tag.name, row["currency"]), {})
        if span not in series:
            continue
        pairs = list(_pairs(series, span))
        gives = any(
            abs(tag.sign * (whole.value - part.value) - row[column]) <= EXACT
            for wholes, parts in pairs
            for whole in wholes
            for part in parts
        )
        said = max(series[span])
        # A figure to date under a quarter's dates says nothing of the quarter.
        if gives and all(whole.value != said.value for wholes, _ in pairs for whole in wholes):
            return tag.sign * said.value, said.accession
    return None


def _pairs(series: Series, span: tuple[date, date]) -> Iterator[tuple[Sequence[Report], Sequence[Report]]]:
    """Reports of a longer period to the quarter's end, and of the same without the quarter."""
    start, end = span
    for (first, last), wholes in series.items():
        if last == end and first < start and _days(first, last) in _LONGER:
            parts = series.get((first, start - _DAY))
            if parts:
                yield wholes, parts


def check_quarter_difference(book: Notebook) -> None:
    """The rule that a quarter is a difference, tried on every quarter that is also reported alone.

    The longer period is the one of the filing that reports the quarter, else the latest; the shorter
    is what was known of it when that filing was made. Rates only: where the two disagree, the
    statement holds the reported quarter.
    """
    for (taxonomy, tag, _), series in book.company.flows.items():
        place_of = _LINES_OF_TAG.get((taxonomy, tag))
        if place_of is None:
            continue
        for told in _differences(series):
            book.count(("quarter_difference", *place_of), told, reported=True)


def _differences(series: Series) -> Iterator[Difference]:
    starts: dict[date, list[date]] = {}
    for first, last in series:
        if _days(first, last) in _LONGER:
            starts.setdefault(last, []).append(first)
    for (start, end), reports in series.items():
        if _days(start, end) not in QUARTER:
            continue
        for first in starts.get(end, ()):
            parts = series.get((first, start - _DAY))
            if first < start and parts:
                alone = max(reports)
                wholes = series[first, end]
                whole = max([r for r in wholes if r.accession == alone.accession] or wholes)
                part = max([r for r in parts if r.filed <= alone.filed] or parts)
                yield difference(whole.value - part.value, alone.value, (whole.value, part.value))
                break


_LONGER = frozenset({*HALF, *NINE_MONTHS, *YEAR})


def _days(start: date, end: date) -> int:
    return (end - start).days + 1
