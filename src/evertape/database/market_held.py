"""What is held of one listing's prices and option chains, and why nothing was found among it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from evertape.database.market import listing_of
from evertape.datasets.universe import Listing, listing_key
from evertape.model.records import Condition
from evertape.model.unit import Outcome

if TYPE_CHECKING:
    from evertape.database.facade import Database

_TABLES = {"prices": ("daily_prices", "day"), "options": ("option_quotes", "taken_at")}


@dataclass(frozen=True, kw_only=True)
class MarketHeld:
    """What is held of a listing in one dataset.

    Attributes:
        rows: bars, or contracts of all snapshots. days: sessions with a bar, or days with a snapshot.
        first, last: of these days, New York dates; `latest` is the last snapshot's instant.
        checked_at, note, not_before: of the last answer, where there was one: what it said where it had
            nothing, and until when nobody is asked again.
    """

    dataset: str
    symbol: str
    rows: int
    days: int
    first: date | None
    last: date | None
    latest: datetime | None = None
    checked_at: datetime | None = None
    outcome: Outcome | None = None
    note: str = ""
    not_before: datetime | None = None


def market_held(db: Database, symbol: str) -> list[MarketHeld]:
    """One each for prices and options that are held or were asked for; none without a listing.

    Raises:
        UserError: an unknown ticker.
    """
    cik, _ = db.company(symbol)
    if not db.store.read(Listing, ("symbol",), (Condition(column="cik", op="=", value=int(cik)),)):
        return []
    found = [held_of(db, dataset, symbol) for dataset in _TABLES]
    return [one for one in found if one.rows or one.checked_at is not None]


def held_of(db: Database, dataset: str, symbol: str) -> MarketHeld:
    """What is held of a listing's "prices" or "options". Raises UserError for an unknown ticker."""
    ident, label = listing_of(db, symbol)
    table, instant = _TABLES[dataset]
    query = f"SELECT COUNT(*), COUNT(DISTINCT day), MIN(day), MAX(day), MAX({instant}) FROM {table}"  # noqa: S608
    _, [(rows, days, first, last, latest)] = db.store.sql(f"{query} WHERE listing_id = ?", (ident,))
    (cik,) = db.store.read(Listing, ("cik",), (Condition(column="listing_id", op="=", value=ident),))[0]
    key = listing_key(label, cik)
    holding = db.store.holdings(dataset, [key]).get(key)
    return MarketHeld(
        dataset=dataset,
        symbol=label,
        rows=rows,
        days=days,
        first=None if first is None else date.fromisoformat(first),
        last=None if last is None else date.fromisoformat(last),
        latest=None if instant == "day" or latest is None else datetime.fromisoformat(latest),
        checked_at=None if holding is None else holding.checked_at,
        outcome=None if holding is None else holding.outcome,
        note="" if holding is None else holding.note,
        not_before=None if holding is None else holding.not_before,
    )


def why_none(held: MarketHeld, now: datetime) -> str:
    """One sentence: why nothing of it was found, and what to type. Pure.

    Args:
        now: as freshness is judged at.
    """
    what = "prices" if held.dataset == "prices" else "option chains"
    if held.first is not None and held.dataset == "prices":
        return (
            f"prices of {held.symbol} are held from {held.first} to {held.last}, none in the days asked for; "
            "choose --start and --end within"
        )
    if held.first is not None:
        return (
            f"option chains of {held.symbol} are held from {held.first} to {held.last}, none of what "
            "--dte, --delta, --kind and --day ask for; ask for more"
        )
    again = f"run: evertape refresh {held.dataset} --symbols {held.symbol}"
    if held.checked_at is None or held.outcome is Outcome.SETTLED:
        return f"no {what} of {held.symbol} are held; {again}"
    said = held.note or f"no source knows {held.symbol}"
    if held.not_before is not None and now < held.not_before:
        again = f"it is not asked for again before {held.not_before:%Y-%m-%d %H:%M} UTC"
    return f"no {what} of {held.symbol} are held: {said}; {again}"
