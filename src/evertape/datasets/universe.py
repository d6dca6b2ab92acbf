"""Which companies and listings there are, and who is in the S&P 500."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from evertape.model.dataset import Asked, Dataset, Evidence
from evertape.model.records import Record, column
from evertape.model.unit import Freshness, Holding, Outcome, Standing, Unit

TICKERS = "sec-tickers"
SP500 = "sp500"
_MAX_AGE = {TICKERS: timedelta(hours=24), SP500: timedelta(days=7)}
_LABELS = {TICKERS: "SEC ticker file", SP500: "S&P 500 list"}


class Stock(Record):
    """A company that files with the SEC, identified by its CIK."""

    table = "stocks"
    key = ("cik",)

    cik: int = column("SEC central index key")
    name: str = column("name as the source writes it")
    source: str = column("feed that named it")
    fetched_at: datetime = column("when the feed answered, UTC")


class Listing(Record):
    """A symbol of a company. `listing_id` is a fixed function of symbol and CIK."""

    table = "listings"
    key = ("listing_id",)
    absent = "absent_at"
    indexes = (("symbol",), ("cik",))

    listing_id: int = column("identifies the listing; prices, options and news hang on it")
    cik: int = column("SEC central index key")
    symbol: str = column("canonical ticker, share classes after a hyphen (BRK-B)")
    exchange: str | None = column("exchange as the SEC names it; null where it names none")
    rank: int = column("place in the SEC's file, which is ordered by size; 0 is the largest")
    source: str = column("feed that listed it")
    fetched_at: datetime = column("when the feed answered, UTC")
    absent_at: datetime | None = column("when the source was first seen to list it no longer")


class Membership(Record):
    """A company's membership of an index, as a list of constituents has it."""

    table = "index_membership"
    key = ("index_name", "cik", "symbol")
    absent = "absent_at"

    index_name: str = column('"sp500"')
    cik: int = column("SEC central index key")
    symbol: str = column("canonical ticker")
    name: str = column("name as the list writes it")
    sector: str = column("GICS sector")
    sub_industry: str = column("GICS sub-industry")
    added_on: date | None = column("when it joined; null where the list gives no plain date")
    source: str = column("feed that listed it")
    fetched_at: datetime = column("when the feed answered, UTC")
    absent_at: datetime | None = column("when the list was first seen without it")


def listing_id(symbol: str, cik: int) -> int:
    """The identifier of a listing: 48 bits of a hash, so that any machine finds the same."""
    digest = hashlib.blake2b(f"{symbol}:{cik}".encode(), digest_size=6).digest()
    return int.from_bytes(digest)


def listing_key(symbol: str, cik: int) -> str:
    """The unit key of a listing, AAPL:320193, from which its identifier follows."""
    return f"{symbol}:{cik}"


def split_listing(key: str) -> tuple[str, int]:
    """Symbol and CIK of a listing's unit key. Raises ValueError for another key."""
    symbol, _, cik = key.rpartition(":")
    return symbol, int(cik)


def ident_of(key: str) -> int:
    """The identifier of the listing with this unit key."""
    return listing_id(*split_listing(key))


def due(evidence: Evidence, _asked: Asked, now: datetime) -> Sequence[Standing]:
    """The ticker file once a day, the constituents once a week; an absent list after its back-off."""
    held = evidence.holdings.get("universe", {})
    return [_standing(key, held.get(key), now) for key in (TICKERS, SP500)]


def _standing(key: str, holding: Holding | None, now: datetime) -> Standing:
    unit = Unit("universe", key)
    label = _LABELS[key]
    if holding is None:
        return Standing(
            dataset="universe",
            key=key,
            label=label,
            level=Freshness.MISSING,
            unit=unit,
            reason="never fetched",
        )
    if holding.outcome is Outcome.PENDING:
        waiting = holding.not_before is not None and now < holding.not_before
        return Standing(
            dataset="universe",
            key=key,
            label=label,
            level=Freshness.PENDING,
            unit=None if waiting else unit,
            reason=holding.note,
            size=holding.size,
        )
    age = now - holding.checked_at
    old = age >= _MAX_AGE[key]
    return Standing(
        dataset="universe",
        key=key,
        label=label,
        level=Freshness.STALE if old else Freshness.FRESH,
        days=age.days if old else None,
        unit=unit if old else None,
        reason=f"fetched {age.days} days ago" if old else "",
        size=holding.size,
    )


DATASET = Dataset(
    name="universe",
    doc="companies, their listings, and the members of the S&P 500",
    records=(Stock, Listing, Membership),
    evidence=True,
    due=due,
)
