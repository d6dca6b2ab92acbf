"""Sums that must hold within a row, and between a row and its neighbours in time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from evertape.engine.quality.company import (
    SLIP,
    TABLES,
    Cells,
    Difference,
    Doubt,
    Notebook,
    Severity,
    derived_in,
    difference,
    place,
)

Terms = tuple[tuple[int, str], ...]
"""(sign, column)."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One way in which a total is the sum of its parts; `maybe` are terms a company may not have."""

    parts: Terms
    maybe: Terms = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns it names."""
        return tuple(name for _, name in (*self.parts, *self.maybe))


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A total and the readings of it, of which a row need satisfy one."""

    name: str
    table: str
    total: str
    readings: tuple[Reading, ...]
    severity: Severity


def _terms(text: str) -> Terms:
    return tuple((-1 if name.startswith("-") else 1, name.lstrip("-")) for name in text.split())


_SECTIONS = "operating_cash_flow investing_cash_flow financing_cash_flow"
IDENTITIES = (
    Identity(
        name="balance",
        table=TABLES["balance"],
        total="total_assets",
        readings=(
            Reading(
                parts=_terms("total_liabilities total_equity"),
                maybe=_terms("minority_interest temporary_equity"),
            ),
            Reading(
                parts=_terms("total_liabilities equity_with_minority"),
                maybe=_terms("temporary_equity"),
            ),
        ),
        severity="hard",
    ),
    Identity(
        name="balance_total",
        table=TABLES["balance"],
        total="total_assets",
        readings=(Reading(parts=_terms("liabilities_and_equity")),),
        severity="hard",
    ),
    Identity(
        name="gross_profit",
        table=TABLES["income"],
        total="gross_profit",
        readings=(Reading(parts=_terms("revenue -cost_of_revenue")),),
        severity="soft",
    ),
    # The sections of some companies include discontinued operations, those of others do not.
    Identity(
        name="cash_sections",
        table=TABLES["cash_flow"],
        total="net_cash_flow",
        readings=(
            Reading(parts=_terms(_SECTIONS), maybe=_terms("exchange_effect")),
            Reading(parts=_terms(f"{_SECTIONS} net_cash_flow_discontinued"), maybe=_terms("exchange_effect")),
        ),
        severity="soft",
    ),
)


def check_identities(book: Notebook) -> None:
    """Judge every row that has a total and all parts of a reading.

    A term under `maybe` that is None counts as 0, but only where the parts are all there; a row that
    lacks a part is not judged. Of several complete readings the nearest counts. Where the table does
    not have all columns that the identity names, what is missing may explain a difference: such a
    failure is a note.
    """
    for identity in IDENTITIES:
        for row in book.company.judged(identity.table):
            read = _nearest(identity, row)
            if read is None:
                continue
            told, reading = read
            reported = derived_in(row).isdisjoint({identity.total, *reading.columns})
            book.count((identity.name, identity.table, identity.total), told, reported=reported)
            if not told.close:
                book.doubt(identity.table, row, _unequal(identity, row, told, reading))


def _nearest(identity: Identity, row: Cells) -> tuple[Difference, Reading] | None:
    total = row.get(identity.total)
    if total is None:
        return None
    read = [(told, r) for r in identity.readings if (told := _summed(r, row, total)) is not None]
    return min(read, key=lambda pair: pair[0].relative, default=None)


def _summed(reading: Reading, row: Cells, total: float) -> Difference | None:
    values = [(sign, row.get(name)) for sign, name in reading.parts]
    if any(value is None for _, value in values):
        return None
    values += [(sign, row.get(name)) for sign, name in reading.maybe]
    amounts = [sign * value for sign, value in values if value is not None]
    return difference(sum(amounts), total, amounts)


def _unequal(identity: Identity, row: Cells, told: Difference, reading: Reading) -> Doubt:
    columns = {name for each in identity.readings for name in each.columns}
    severity: Severity = identity.severity if columns <= set(row) else "note"
    signs = [(sign, name) for sign, name in (*reading.parts, *reading.maybe) if row.get(name) is not None]
    sums = " ".join(f"{'-' if sign < 0 else '+'} {name}" for sign, name in signs).removeprefix("+ ")
    sentence = (
        f"{identity.total} of {place(row)} is {told.found:,.0f}, and {sums} is {told.expected:,.0f} "
        f"{row['currency']}"
    )
    return Doubt(check=identity.name, column=identity.total, severity=severity, sentence=sentence, told=told)


_CASH = ("cash_and_restricted_cash", "cash_and_equivalents")


def check_cash_change(book: Notebook) -> None:
    """The net cash flow of a period against the change of cash between the balance sheets around it.

    Cash with restricted cash and cash alone are both tried where both sheets have them, and the nearer
    counts: the meaning of the net cash flow changed with ASU 2016-18. Where restricted cash is not
    known at both ends, it may be the difference, and a failure is a note.
    """
    sheets = _Sheets(book.company.judged(TABLES["balance"]))
    table = TABLES["cash_flow"]
    for row in book.company.judged(table):
        net, start = row.get("net_cash_flow"), row.get("period_start")
        if net is None or start is None:
            continue
        before, after = sheets.at(start - timedelta(days=1)), sheets.at(row["report_date"])
        if before is None or after is None or before["currency"] != after["currency"]:
            continue
        changes = list(_changes(before, after, net))
        if not changes:
            continue
        told, name = min(changes, key=lambda change: change[0].relative)
        reported = not any(
            n in derived_in(r) for n, r in (("net_cash_flow", row), (name, before), (name, after))
        )
        book.count(("cash_change", table, "net_cash_flow"), told, reported=reported)
        if not told.close:
            severity: Severity = "soft" if len(changes) == len(_CASH) else "note"
            sentence = (
                f"net_cash_flow of {place(row)} is {told.found:,.0f}, and {name} changed by "
                f"{told.expected:,.0f} {row['currency']}"
            )
            doubt = Doubt(
                check="cash_change", column="net_cash_flow", severity=severity, sentence=sentence, told=told
            )
            book.doubt(table, row, doubt)


def _changes(before: Cells, after: Cells, net: float) -> Iterator[tuple[Difference, str]]:
    for name in _CASH:
        was, now = before.get(name), after.get(name)
        if was is not None and now is not None:
            yield difference(now - was, net, (was, now)), name


class _Sheets:
    """Balance sheets by day; two days a week apart are one end of a period."""

    def __init__(self, rows: Sequence[Cells]) -> None:
        self._rows = {row["report_date"]: row for row in rows}
        self._days = sorted(self._rows)

    def at(self, day: date) -> Cells | None:
        """The sheet of a day, or the nearest within a week."""
        if day in self._rows:
            return self._rows[day]
        first = bisect_left(self._days, day - SLIP)
        near = [d for d in self._days[first : first + 4] if abs(d - day) <= SLIP]
        return self._rows[min(near, key=lambda d: abs(d - day))] if near else None
