"""Pages of chains and of bars: the datasets' rules applied to what a vendor's codec has read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evertape.datasets import options, prices
from evertape.datasets.quality import Finding
from evertape.model.feed import Page
from evertape.model.records import Batch

if TYPE_CHECKING:
    from datetime import datetime

    from evertape.formats.bars import Series
    from evertape.formats.chains import Chain
    from evertape.model.call import Reply
    from evertape.model.records import Record, Row
    from evertape.model.unit import Holding, Unit


def page_of_chains(
    unit: Unit,
    chains: Sequence[Chain],
    reply: Reply,
    was: Holding | None,
    at: datetime | None = None,
    size: int | None = None,
) -> Page:
    """One snapshot from all answers about a unit, or a part of it; `reply` is the last of them.

    Quotes without a finite price of the underlying are kept, their returns are null.

    Args:
        at: the snapshot's time where it is not this reply's.
        size: bytes on the wire of all answers where there were several.
    """
    taken, wire = at or reply.at, size or reply.wire or None
    read = options.settle(unit, chains, reply.call.source, taken, was, wire)
    return Page(
        batches=batches((options.OptionQuote, read.quotes), (Finding, read.findings)),
        settled=(read.holding,),
    )


def page_of_series(unit: Unit, series: Series, reply: Reply, was: Holding | None, size: int | None) -> Page:
    """One listing's bars from an answer that tells neither splits nor dividends, of which `size` bytes on the
    wire are its share."""
    answer = prices.Answer(
        unit=unit, series=series, source=reply.call.source, at=reply.at, size=size, silent=True
    )
    return page_of_answer(answer, was)


def page_of_answer(answer: prices.Answer, was: Holding | None) -> Page:
    """What is true once an answer about one listing's bars is settled."""
    read = prices.settle(answer, was)
    return Page(
        batches=batches(
            (prices.DailyPrice, read.bars), (prices.CorporateAction, read.actions), (Finding, read.findings)
        ),
        settled=(read.holding,) if read.holding is not None else (),
        notes=read.notes,
    )


def batches(*told: tuple[type[Record], Sequence[Row]]) -> tuple[Batch, ...]:
    """Of each record that there are rows of."""
    return tuple(Batch(record=record, rows=rows) for record, rows in told if rows)
