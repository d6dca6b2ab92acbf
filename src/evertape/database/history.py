"""A company's statements as they were known on a day, and where each value comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from evertape.datasets import statements
from evertape.datasets.companies import Company
from evertape.datasets.facts import FactSeries
from evertape.datasets.filings import Filing
from evertape.errors import NotKnown, UserError
from evertape.formats import xbrl
from evertape.formats.xbrl.concepts import COLUMNS
from evertape.model.records import Condition, Row
from evertape.model.store import Store

ARCHIVES = "https://www.sec.gov/Archives/edgar/data"
NEAREST = 3
"""Report dates that are named in place of one at which nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Operand:
    """A fact that went into a value: `sign` times `value`, reported by `accession`, at `address`."""

    sign: int
    tag: str
    unit: str
    start: date | None
    end: date
    value: float
    form: str
    filed: date
    accession: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Where one cell comes from. `known_from` is the day its last operand was filed."""

    column: str
    period_type: str
    report_date: date
    value: float
    formula: str
    known_from: date
    operands: tuple[Operand, ...]


@dataclass(frozen=True, kw_only=True)
class Restatement:
    """A fact that a later filing changed. Values as filed; `change` is the new less the old."""

    tag: str
    unit: str
    start: date | None
    end: date
    was: float
    said_by: str
    now: float
    changed_by: str
    changed_on: date
    change: float


def known(store: Store, cik: int, as_of: date | None, reading: xbrl.Reading = "latest") -> xbrl.Statements:
    """The statements that facts filed on or before `as_of` (None: all) tell."""
    mine = (Condition(column="cik", op="=", value=cik),)
    facts = store.read(FactSeries, (), mine)
    filings = store.read(Filing, ("accession_number", "form", "filed_date"), mine)
    sic = next((code for (code,) in store.read(Company, ("sic",), mine)), None)
    return statements.standardized(facts, filings, cik=cik, as_of=as_of, reading=reading, sic=sic)


def as_rows(
    made: xbrl.Statements, label: str, *, statement: str | None, period: str | None
) -> tuple[tuple[str, ...], list[Row]]:
    """The same columns and order as the stored tables give, dates as ISO texts."""
    wanted = statements.wanted(statement, period)
    parts = [statement] if statement else list(statements.STATEMENTS)
    merged: dict[tuple[date, str], dict[str, Any]] = {}
    derived: dict[tuple[date, str], list[str]] = {}
    for part in parts:
        for row in getattr(made, part):
            key = (row["report_date"], row["period_type"])
            if key[1] not in wanted:
                continue
            told = merged.setdefault(key, {"symbol": label})
            told.update({k: v for k, v in row.items() if told.get(k) is None})
            derived.setdefault(key, []).append(row["derived"] or "")
    names = ("symbol", *statements.columns(statement))
    rows = []
    for key in sorted(merged, key=lambda k: (-k[0].toordinal(), k[1])):
        merged[key]["derived"] = " ".join(filter(None, derived[key])) or None
        rows.append(tuple(_plain(merged[key].get(name)) for name in names))
    return names, rows


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def explained(
    made: xbrl.Statements, cik: int, column: str, day: date, period: str | None = None
) -> list[Explanation]:
    """The cells of a column at a report date: of one period type, or the quarter's and the year's.

    Raises:
        UserError: no such column or period. NotKnown: nothing is known of it at that date.
    """
    statement = next((name for name, lines in COLUMNS.items() if column in lines), None)
    if statement is None:
        raise UserError(f"{column} is no line of a statement; see the columns of: evertape statements --json")
    types = statements.wanted(statement, period)
    found = [
        explanation(cik, column, day, one, cell)
        for one in types
        if (cell := made.explain(statement, day, one, column)) is not None
    ]
    if not found:
        raise NotKnown(_not_known(getattr(made, statement), column, day, types))
    return found


def _not_known(rows: Sequence[Mapping[str, Any]], column: str, day: date, types: Sequence[str]) -> str:
    """That a column is not known at a date, and where it is: rows there may be without a value of it."""
    known = {(row["period_type"], row["report_date"]) for row in rows if row[column] is not None}
    said = f"{column} is not known at {day.isoformat()} for {' or '.join(types)}"
    if others := [one for one, at in sorted(known) if at == day]:
        return f"{said}; it is for --period {', '.join(others)}"
    if days := sorted({at for one, at in known if one in types}, key=lambda at: (abs(at - day), at)):
        return f"{said}; the nearest report dates at which it is are {iso_list(days[:NEAREST])}"
    if others := sorted({one for one, _ in known}):
        return f"{said} nor at any other date; it is for --period {', '.join(others)}"
    return f"{said} nor at any other date: no fact that is held tells it"


def iso_list(days: Sequence[date]) -> str:
    """Days as text, commas between; "none" without any."""
    return ", ".join(day.isoformat() for day in days) or "none"


def explanation(cik: int, column: str, day: date, period: str, cell: xbrl.Cell) -> Explanation:
    """A cell with the addresses of its facts."""
    return Explanation(
        column=column,
        period_type=period,
        report_date=day,
        value=cell.value,
        formula=cell.formula,
        known_from=cell.known_from,
        operands=tuple(
            Operand(
                sign=o.sign,
                tag=f"{o.taxonomy}:{o.tag}",
                unit=o.unit,
                start=o.start,
                end=o.end,
                value=o.value,
                form=o.form,
                filed=o.filed,
                accession=o.accession,
                address=f"{ARCHIVES}/{cik}/{o.accession.replace('-', '')}/{o.accession}-index.html",
            )
            for o in cell.operands
        ),
    )


def restatements(store: Store, cik: int) -> list[Restatement]:
    """Facts whose value a later filing changed, the latest change first. What is but rounded is not."""
    query = (
        "SELECT taxonomy || ':' || tag, unit, start_date, end_date, value, accession_number, filed_date "
        "FROM facts WHERE cik = ? AND absent_on IS NULL AND taxonomy <> 'dei' "
        "ORDER BY 1, 2, 3, 4, filed_date, accession_number"
    )
    _, rows = store.sql(query, (cik,))
    found = [
        Restatement(
            tag=new[0],
            unit=new[1],
            start=_day(new[2]),
            end=date.fromisoformat(new[3]),
            was=old[4],
            said_by=old[5],
            now=new[4],
            changed_by=new[5],
            changed_on=date.fromisoformat(new[6]),
            change=new[4] - old[4],
        )
        for old, new in _pairs(rows)
    ]
    return sorted(found, key=lambda r: (r.changed_on, r.tag, r.end), reverse=True)


def _pairs(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Each value with the one that took its place, from rows by fact and, within a fact, in filing order."""
    pairs: list[tuple[Row, Row]] = []
    standing: Row | None = None
    for row in rows:
        if standing is None or standing[:4] != row[:4]:
            standing = row
        elif standing[4] != row[4] and not xbrl.is_rounded(standing[4], row[4]):
            pairs.append((standing, row))
            standing = row
    return pairs


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
