"""Whether two sources' prices of one session are the same, and on which share count they are. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from evertape.datasets.price_marks import Mark
from evertape.formats.bar_doubts import Doubt
from evertape.formats.bars import Series, Split, factor, rescaled

SAME, CENT = 0.005, 0.0051
"""Two closes of one session that differ by less than this share, or by a rounding to cents, are the same."""
LEAST_SPLIT = 0.04
"""No split changes a price by less: the smallest in use is 21 for 20."""


def same(one: float, other: float) -> bool:
    """Whether two closes of one session are the same price, both above zero."""
    return abs(one / other - 1.0) <= SAME or abs(one - other) <= CENT


def on_basis(traded: Series, mark: Mark) -> tuple[Series, str, list[Doubt]]:
    """Check the session that is held already against its close; see `settle`.

    Another price by less than the smallest split is a correction and does not unsettle anything.
    """
    again = next((bar.close for bar in traded.bars if bar.day == mark.last), None)
    if again is None or mark.last is None or not mark.closes or not 0.0 < again < math.inf:
        return traded, "", []
    held = mark.closes[-1]
    if not traded.adjusted and mark.basis is not None:
        held *= factor(traded.splits, mark.last, mark.basis)
    if same(again, held):
        return traded, "", []
    later = [split for split in traded.splits if split.day > mark.last]
    for splits in (*([split] for split in later), later):
        ratio = factor(splits, mark.last, None)
        for power in (1, -1):
            if ratio != 1.0 and abs(again / held / ratio**power - 1.0) <= SAME:
                note = (
                    f"the source's prices before the split of {splits[0].day} are {ratio**power:g} times "
                    "what was traded; put right by that ratio"
                )
                return _mended(traded, splits, power), note, []
    note = f"{mark.last} closed at {held:g}, and the source now says {again:g}"
    if abs(again / held - 1.0) < LEAST_SPLIT:
        return traded, note, []
    sentence = f"{note}; no split that it tells explains it"
    return traded, note, [Doubt("bar_basis", mark.last, "close", "hard", sentence, held, again)]


def _mended(traded: Series, splits: Sequence[Split], power: int) -> Series:
    return replace(
        traded,
        bars=tuple(rescaled(bar, factor(splits, bar.day, None) ** -power) for bar in traded.bars),
        dividends=tuple(
            paid._replace(amount=round(paid.amount * factor(splits, paid.day, None) ** -power, 6))
            for paid in traded.dividends
        ),
    )
