"""Every state that a company's statement rows have been in, each with the days on which it was so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, TypeAlias

from evertape.formats.xbrl.concepts import COLUMNS
from evertape.formats.xbrl.facts import Facts, Filed, FoldedFact, Key, Series, day_of
from evertape.formats.xbrl.statements import SHARED, standardize_series

Vintage: TypeAlias = tuple[Any, ...]
"""The values of `HEAD`, then those of the statement's columns."""

FILING = ("filed_date", "accession_number", "form", "known_from")
"""What a statement row says of its filing alone: a repeat by a later one is no new state."""
HEAD = (
    "cik", "report_date", "period_type", "known_from", "known_to",
    *(name for name in SHARED if name not in ("cik", "report_date", "period_type", "known_from")),
)  # fmt: skip
"""What a vintage says of its period, its days and the filing that brought it."""

_WIDTH = len(SHARED)
_KEPT = [SHARED.index(name) for name in HEAD[5:]]
_FIRST, _LAST = SHARED.index("filed_date"), SHARED.index("known_from") + 1


def vintages(series: Facts, filed: Filed, cik: int, sic: str | None = None) -> dict[str, list[Vintage]]:
    """By statement, each row as `standardize_series` gives it as of any day, in order of period and day.

    A row was known on a day where `known_from` <= day < `known_to`; `known_to` is null while it stands.
    A state begins where a value, a currency, a fiscal year or what else is not `FILING` changes, and ends
    where it changes again or the row is there no more. Between two filings nothing can change.

    Args:
        series: folded. filed: of every accession that they name.
        sic: today's, as for every day: nobody says since when a company has its code.
    """
    open_: dict[str, dict[tuple[date, str], tuple[date, Vintage]]] = {name: {} for name in COLUMNS}
    done: dict[str, list[Vintage]] = {name: [] for name in COLUMNS}
    for day, known in _known_by_day(series, filed):
        made = standardize_series(known, filed, cik, sic=sic).rows
        for statement, rows in made.items():
            _advance(open_[statement], done[statement], rows, day)
    for statement, standing in open_.items():
        done[statement] += [_vintage(row, since, None) for since, row in standing.values()]
        done[statement].sort(key=lambda vintage: vintage[1:4])
    return done


def _advance(
    standing: dict[tuple[date, str], tuple[date, Vintage]],
    done: list[Vintage],
    rows: list[tuple[Any, ...]],
    day: date,
) -> None:
    """Take the rows as of a day: what differs begins, what it differs from or is gone ends."""
    gone = dict(standing)
    for row in rows:
        key = row[1:3]
        was = gone.pop(key, None)
        if was is not None:
            if _same(was[1], row):
                continue
            done.append(_vintage(was[1], was[0], day))
        standing[key] = (day, row)
    for key, (since, row) in gone.items():
        done.append(_vintage(row, since, day))
        del standing[key]


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return one[_LAST:] == other[_LAST:] and one[:_FIRST] == other[:_FIRST]


def _vintage(row: tuple[Any, ...], since: date, until: date | None) -> Vintage:
    return (*row[:3], since, until, *(row[at] for at in _KEPT), *row[_WIDTH:])


def _known_by_day(series: Facts, filed: Filed) -> Iterator[tuple[date, Facts]]:
    """By each day on which one of the facts was filed, what was known at its end.

    Only the keys that a day's filings speak of are cut again: most of a company's tags rest.
    """
    touched: dict[int, set[Key]] = defaultdict(set)
    for key, folded in series.items():
        for fact in folded:
            touched[fact.filed].add(key)
            for again in fact.repeats:
                touched[filed[again][0]].add(key)
    known: Facts = {key: [] for key in series}
    for day in sorted(touched):
        for key in touched[day]:
            known[key] = _until(series[key], day, filed)
        yield day_of(day), known


def _until(folded: Series, day: int, filed: Filed) -> Series:
    return [_repeats_until(f, day, filed) if f.repeats else f for f in folded if f.filed <= day]


def _repeats_until(fact: FoldedFact, day: int, filed: Filed) -> FoldedFact:
    # Repeats stand in filing order: the last one tells whether any is to be left out.
    if filed[fact.repeats[-1]][0] <= day:
        return fact
    return FoldedFact(
        fact.end,
        fact.start,
        fact.value,
        fact.filed,
        fact.accession,
        fact.form,
        tuple(again for again in fact.repeats if filed[again][0] <= day),
    )


def as_of(found: Mapping[str, list[Vintage]], day: date) -> dict[str, list[Vintage]]:
    """The vintages that stood at the end of a day."""
    from_, to = HEAD.index("known_from"), HEAD.index("known_to")
    return {
        statement: [v for v in rows if v[from_] <= day and (v[to] is None or day < v[to])]
        for statement, rows in found.items()
    }


__all__ = ["FILING", "HEAD", "Vintage", "as_of", "vintages"]
