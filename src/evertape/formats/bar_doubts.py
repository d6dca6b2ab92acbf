"""Doubts about daily bars: prices that cannot be, and moves that want an explanation. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from evertape.formats.bars import Bar, Split

RECENT_CLOSES = 21
LEAST_MOVES = 10
DEVIATIONS = 3.0
_ROUNDING = 1e-6
"""Prices as traded that were multiplied out of adjusted ones differ by so much of themselves."""


class Doubt(NamedTuple):
    """What is doubtful in one column of one session's bar."""

    check: str
    day: date
    column: str
    severity: str
    sentence: str
    found: float | None = None
    expected: float | None = None


MOST_TRADES = 10**12


def sound(bar: Bar) -> tuple[Bar, list[Doubt]]:
    """The bar with None for prices and amounts that cannot be, and a doubt for each of them."""
    doubts = []
    wrong = set()
    for name in ("open", "high", "low", "close", "vwap", "volume"):
        value: float | None = getattr(bar, name)
        if value is None or 0.0 < value < math.inf or (value == 0.0 and name == "volume"):
            continue
        wrong.add(name)
        found = value if math.isfinite(value) else None
        what = "number of shares" if name == "volume" else "price"
        sentence = f"{name} was sent as {value:g}, which is no {what}"
        doubts.append(Doubt("bar_value", bar.day, name, "hard", sentence, found))
    if bar.trades is not None and not 0 <= bar.trades < MOST_TRADES:
        wrong.add("trades")
        sentence = f"trades was sent as {bar.trades:g}, which is no number of trades"
        doubts.append(Doubt("bar_value", bar.day, "trades", "hard", sentence, None))
    if wrong:
        bar = Bar._make(None if name in wrong else getattr(bar, name) for name in Bar._fields)
    return bar, doubts


def out_of_range(bar: Bar) -> Iterator[Doubt]:
    """Prices of a sound bar that lie outside its own low and high."""
    if bar.low is None or bar.high is None:
        return
    low, high = bar.low * (1 - _ROUNDING), bar.high * (1 + _ROUNDING)
    if low > high:
        sentence = f"the low of {bar.low:g} is above the high of {bar.high:g}"
        yield Doubt("bar_range", bar.day, "low", "hard", sentence, bar.low)
        return
    for name, value in (("open", bar.open), ("close", bar.close)):
        if value is not None and not low <= value <= high:
            sentence = f"{name} {value:g} is outside the day's range {bar.low:g} to {bar.high:g}"
            yield Doubt("bar_range", bar.day, name, "hard", sentence, value)


def split_between(splits: Iterable[Split], earlier: date | None, day: date) -> bool:
    """Whether prices after `earlier` and up to `day` count other shares than that of `earlier`."""
    return earlier is not None and any(earlier < split.day <= day for split in splits)


def recent(
    closes: Sequence[float], last: date | None, bars: Iterable[Bar], splits: Sequence[Split]
) -> list[float]:
    """The latest closes since the last split, once `bars` follow `closes`, the last of which is of `last`."""
    kept = list(closes)
    for bar in bars:
        if split_between(splits, last, bar.day):
            kept = []
        last = bar.day
        if bar.close is not None:
            kept.append(bar.close)
    return kept[-RECENT_CLOSES:]


def moves(
    closes: Sequence[float], last: date | None, bars: Iterable[Bar], splits: Sequence[Split]
) -> Iterator[Doubt]:
    """Moves beyond three standard deviations of the twenty before, where no split explains them.

    Args:
        closes: of the sessions before, as traded; the last of them on `last`.
        bars: sound ones, in order.
    """
    before = closes[-1] if closes else None
    logs = [math.log(later / earlier) for earlier, later in itertools.pairwise(closes[-RECENT_CLOSES:])]
    for bar in bars:
        if split_between(splits, last, bar.day):
            before, logs = None, []
        last = bar.day
        if bar.close is None:
            continue
        if before is not None:
            move = math.log(bar.close / before)
            size = _deviations(move, logs)
            if size > DEVIATIONS:
                sentence = (
                    f"closed at {bar.close:g}, {size:.1f} standard deviations of the {len(logs)} moves "
                    f"before from {before:g}, and no split is known"
                )
                yield Doubt("bar_move", bar.day, "close", "soft", sentence, bar.close, before)
            logs = [*logs[2 - RECENT_CLOSES :], move]
        before = bar.close


def _deviations(move: float, logs: Sequence[float]) -> float:
    """How many deviations a move lies from the mean of those before; 0 where fewer than ten are known or
    none of them differed."""
    if len(logs) < LEAST_MOVES:
        return 0.0
    mean = math.fsum(logs) / len(logs)
    variance = math.fsum([(known - mean) ** 2 for known in logs]) / (len(logs) - 1)
    return abs(move - mean) / math.sqrt(variance) if variance > 0.0 else 0.0
