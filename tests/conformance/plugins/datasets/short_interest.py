"""A made-up dataset: shares sold short, twice a month, for companies that file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from evertape.clock import new_york_date
from evertape.model.dataset import Asked, Dataset, Evidence
from evertape.model.records import Record, Row, column
from evertape.model.unit import Freshness, Standing, Unit


class ShortInterest(Record):
    """Shares sold short at a settlement day."""

    table = "short_interest"
    key = ("cik", "settled_on")

    cik: int = column("SEC central index key")
    settled_on: date = column("settlement day")
    shares: float | None = column("shares sold short", unit="shares")
    source: str = column("feed")


def due(evidence: Evidence, asked: Asked, now: datetime) -> Sequence[Standing]:
    """Due once the last look is fifteen days old: a rule that no other dataset has."""
    held = evidence.holdings["short_interest"]
    standings = []
    for cik, label in asked.companies.items():
        seen = held.get(cik)
        fresh = seen is not None and now - seen.checked_at < timedelta(days=15)
        standings.append(
            Standing(
                dataset="short_interest",
                key=cik,
                label=label,
                level=Freshness.FRESH if fresh else Freshness.MISSING,
                unit=None if fresh else Unit("short_interest", cik),
            )
        )
    return standings


def check(_record: type[Record], row: Row) -> Sequence[str]:
    """Nobody sells a negative number of shares short."""
    return ["negative shares"] if row[2] is not None and row[2] < 0 else []


DATASET = Dataset(
    name="short_interest",
    doc="shares sold short, twice a month",
    records=(ShortInterest,),
    needs=("universe",),
    due=due,
    check=check,
)
__all__ = ["DATASET", "new_york_date"]
