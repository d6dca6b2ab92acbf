"""Figures of one period that contradict each other, settled by what else the filings said.

What agrees is never touched, and what nothing settles stays as filed. No value is invented: a figure is
replaced by another one that the facts tell, or by the difference of two that one filing told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TypeAlias

from evertape.formats.xbrl.cells import AnyFigure, combine, is_rounding, last_digit, last_filed, sources_of
from evertape.formats.xbrl.concepts import LINES
from evertape.formats.xbrl.durations import Cells
from evertape.formats.xbrl.facts import is_rounded

ReadingsOf: TypeAlias = Callable[[int, str], Sequence[AnyFigure]]
"""Everything that one of `FLOWS_SETTLED` may be in a period, by tag in rank, the latest first."""
Changes: TypeAlias = Sequence[tuple[int, int, float]]

_CASH = (
    "operating_cash_flow",
    "investing_cash_flow",
    "financing_cash_flow",
    "net_cash_flow",
    "exchange_effect",
    "net_cash_flow_discontinued",
)
_GROSS = ("revenue", "cost_of_revenue", "gross_profit")
FLOWS_SETTLED = {line.name: line for line in LINES if line.name in {*_CASH, "revenue", "cost_of_revenue"}}
HELD = tuple(
    line
    for name in ("cash_and_restricted_cash", "cash_and_equivalents")
    for line in LINES
    if line.name == name
)

_SLICE = 0.01
"""Share of revenue by which a cost may miss gross profit for other reasons than being a part of the costs."""
_MOST = 4096
"""Combinations of readings that are tried."""


def settle_flows(flows: dict[str, Cells], notes: Mapping[str, Cells], readings: ReadingsOf) -> None:
    """Make the lines of the income and the cash flow statement agree where the facts allow it.

    Args:
        notes: figures that count only after all others, by line.
    """
    _settle_gross(flows, notes.get("gross_profit", {}), readings)
    _settle_cash(flows, readings)


def _last(figure: AnyFigure) -> int:
    return last_filed(figure).accession


def _is_off(*parts: float) -> bool:
    """Whether signed parts fail to add up to nothing by more than their rounding, each by itself."""
    off = abs(sum(parts))
    return off >= 0.5 and off > min(last_digit(part) for part in parts if part) * len(parts) / 2


def _told_by(*figures: AnyFigure) -> set[int]:
    """The filings that told all of the figures, themselves or all they are computed from."""
    told = [{f.accession, *f.repeats} for figure in figures for _, f in sources_of(figure)]
    return set.intersection(*told)


def settle_sheets(sheets: dict[str, Cells]) -> None:
    """Liabilities as the difference, on the latest filing that tells assets and equity but not them.

    Selected figures of later annual reports restate assets and equity of a day without liabilities; the
    liabilities of the first balance sheet belong to neither. Liabilities that only a later report tells,
    rounded, are the difference of what was told unrounded.
    """
    assets, liabilities = sheets.get("total_assets", {}), sheets.get("total_liabilities", {})
    with_minority, parents = sheets.get("equity_with_minority", {}), sheets.get("total_equity", {})
    minority, temporary = sheets.get("minority_interest", {}), sheets.get("temporary_equity", {})
    for n, told in liabilities.items():
        if n not in assets:
            continue
        if n in with_minority:
            total, others = with_minority, [temporary]
        elif n in parents:
            total, others = parents, [minority, temporary]
        else:
            continue
        less = [cells[n] for cells in (total, *others) if n in cells]
        if not _is_off(assets[n].value, -told.value, *(-figure.value for figure in less)):
            continue
        rest = assets[n].value - sum(figure.value for figure in less)
        common = _told_by(assets[n], total[n])
        if is_rounded(rest, told.value) or (common and common.isdisjoint(_told_by(told))):
            liabilities[n] = combine([(1, assets[n]), *((-1, figure) for figure in less)])


def _settle_gross(flows: dict[str, Cells], notes: Cells, readings: ReadingsOf) -> None:
    """Revenue less its cost is gross profit.

    Of several cost tags the one that fits counts. Where a later filing restates revenue and cost without
    gross profit, or the cost is a part of what lies between the two, the third is the difference.
    """
    revenue, cost, gross = (flows.get(name, {}) for name in _GROSS)
    for n in [n for n in cost if n in revenue]:
        if n not in gross:
            if _last(revenue[n]) != _last(cost[n]):
                _settle_restated(n, flows, notes, readings)
            continue
        whole, part = revenue[n].value, -gross[n].value
        if not _is_off(whole, part, -cost[n].value):
            continue
        between = whole + part
        fitting = [f for f in readings(n, "cost_of_revenue") if f.value == between]
        restated = _told_by(revenue[n], cost[n]) - _told_by(gross[n])
        if fitting:
            cost[n] = fitting[0]
        elif restated and last_filed(gross[n]).filed < min(
            last_filed(revenue[n]).filed, last_filed(cost[n]).filed
        ):
            gross[n] = combine([(1, revenue[n]), (-1, cost[n])])
        elif between - cost[n].value > _SLICE * abs(revenue[n].value):
            cost[n] = combine([(1, revenue[n]), (-1, gross[n])])


def _settle_restated(n: int, flows: dict[str, Cells], notes: Cells, readings: ReadingsOf) -> None:
    """Gross profit where no filing told both revenue and cost as they are now.

    A revenue that was only rounded still is what the cost belongs to. A restated one goes with the
    gross profit of the same note, and the cost is what lies between them.
    """
    revenue, cost, gross = (flows.setdefault(name, {}) for name in _GROSS)
    if _told_by(revenue[n], cost[n]):
        return
    with_cost = _told_by(cost[n])
    if any(
        is_rounding(f.value, revenue[n].value) and not with_cost.isdisjoint(_told_by(f))
        for f in readings(n, "revenue")
    ):
        gross[n] = combine([(1, revenue[n]), (-1, cost[n])])
    elif n in notes and _told_by(revenue[n], notes[n]):
        gross[n] = notes[n]
        cost[n] = combine([(1, revenue[n]), (-1, notes[n])])


def settle_cash_held(
    sheets: dict[str, Cells], changes: Changes, readings: Callable[[int], Sequence[AnyFigure]]
) -> None:
    """All cash of a day as the changes up to it and from it have it, where the facts tell such a figure.

    Args:
        changes: (last day before, last day, change in cash).
        readings: everything that all cash may be on a day.
    """
    held = sheets.get("cash_and_restricted_cash", {})
    plain = sheets.get("cash_and_equivalents", {})
    doubted = [span for span in changes if _is_missed(held, span) and _is_missed(plain, span)]
    for day in dict.fromkeys(day for span in doubted for day in span[:2] if day in held):
        around = [span for span in changes if day in span[:2]]
        missed = sum(_is_missed(held, span) for span in around)
        for figure in readings(day):
            tried: Cells = {**held, day: figure}
            if (now := sum(_is_missed(tried, span) for span in around)) < missed:
                held[day], missed = figure, now


def _is_missed(held: Cells, span: tuple[int, int, float]) -> bool:
    eve, end, change = span
    return eve in held and end in held and _is_off(held[end].value, -held[eve].value, -change)


def _settle_cash(flows: dict[str, Cells], readings: ReadingsOf) -> None:
    """The sections and the exchange effect are the change in cash.

    Where a company's change is that of the sections alone, the effect is added. Where restatements left
    figures that no one filing told together, or a sign was mistyped, the readings that agree count: those
    that change the fewest figures and, among them, the tags first in rank as reported last.
    """
    cells = [flows.setdefault(name, {}) for name in _CASH]
    first, second, third, change, effect, discontinued = cells
    for n in [n for n in change if n in first and n in second and n in third]:
        parts = [first[n].value, second[n].value, third[n].value, -change[n].value]
        moved = [effect[n].value] if n in effect else []
        apart = [discontinued[n].value] if n in discontinued else []
        if moved and moved[0] and sum(parts) == 0:
            change[n] = combine([(1, change[n]), (1, effect[n])])
            continue
        if not _is_off(*parts, *moved) or not _is_off(*parts, *moved, *apart):
            continue
        settled = _agreeing([each.get(n) for each in cells], [readings(n, name) for name in _CASH])
        for each, figure in zip(cells, settled, strict=True):
            if figure is not None:
                each[n] = figure


def _agreeing(
    told: Sequence[AnyFigure | None], readings: Sequence[Sequence[AnyFigure]]
) -> Sequence[AnyFigure | None]:
    """The combination of readings that adds up and changes the fewest figures; as told, if there is none."""
    choices: list[list[AnyFigure | None]] = []
    size = 1
    for figure, others in zip(told, readings, strict=True):
        distinct = {} if figure is None else {figure.value: figure}
        for other in others:
            distinct.setdefault(other.value, other)
        choices.append([None, *distinct.values()] if figure is None else list(distinct.values()))
        size *= len(choices[-1])
    if size > _MOST:
        return told
    best, fewest = told, len(told) + 1
    for chosen in product(*choices):
        first, second, third, change, *moved = (0.0 if f is None else f.value for f in chosen)
        if abs(first + second + third + sum(moved) - change) >= 0.5:
            continue
        changed = sum(one is not other for one, other in zip(chosen, told, strict=True))
        if changed < fewest:
            best, fewest = chosen, changed
    return best
