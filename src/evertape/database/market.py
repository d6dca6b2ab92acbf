"""Reading bars and option chains: adjusted as of now, or as traded; the latest snapshot, or that of a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from evertape.database.choosing import day_of, days_of, kind_of, range_of, symbols_of
from evertape.datasets.options import OptionQuote
from evertape.datasets.prices import NAME, CorporateAction, DailyPrice, mark_of
from evertape.datasets.universe import Listing, listing_key
from evertape.errors import UserError
from evertape.formats.adjusting import Adjusted, ToldBar, ToldDividend, ToldSplit, adjusted
from evertape.formats.bars import Bar, Dividend, Split
from evertape.formats.edgar import canonical_symbol
from evertape.model.records import Condition, Row, table_of

if TYPE_CHECKING:
    import pandas as pd

    from evertape.database.facade import Database

PRICE_COLUMNS = ("symbol", *Bar._fields, "source", "split_factor", "dividend_factor", "split_basis")
_OPTION_COLUMNS = tuple(name for name in table_of(OptionQuote).names if name != "listing_id")
OPTION_COLUMNS = ("symbol", *_OPTION_COLUMNS)


def listing_of(db: Database, symbol: str) -> tuple[int, str]:
    """A listing's identifier and symbol, by its ticker or its company's CIK.

    Raises:
        UserError: an unknown ticker, or none at all.
    """
    if not isinstance(symbol, str):
        raise UserError(f"symbol is {symbol!r}; name one ticker or CIK, such as AAPL")
    cik, label = db.company(symbol)
    named = canonical_symbol(symbol)
    rows = db.store.read(
        Listing, ("rank", "listing_id", "symbol"), (Condition(column="cik", op="=", value=int(cik)),)
    )
    for _, ident, held in sorted(rows, key=lambda row: (row[2] != named, row[0])):
        return ident, held
    raise UserError(f"{label} has no listing; see: evertape universe {label}")


def series_of(db: Database, ident: int) -> Adjusted:
    """A listing's bars with the factors that adjust them; of several sources' the preferred one's."""
    mine = (Condition(column="listing_id", op="=", value=ident),)
    bars = [
        ToldBar(source, Bar(day, *numbers), basis)
        for _, day, source, *numbers, basis, _ in db.store.read(DailyPrice, where=mine)
    ]
    splits, dividends = [], []
    for _, day, kind, source, new, old, amount, currency, basis, _ in db.store.read(
        CorporateAction, where=mine
    ):
        if kind == "split":
            splits.append(ToldSplit(source, Split(day, new, old)))
        else:
            dividends.append(ToldDividend(source, Dividend(day, amount, currency), basis))
    ranks = list(dict.fromkeys(feed.source for feed in db.survey.feeds_of("prices")))
    return adjusted(bars, splits, dividends, ranks, told=_told(db, ident))


def _told(db: Database, ident: int) -> date | None:
    """The day through which a listing's splits are all told; None where none is owed."""
    mine = (Condition(column="listing_id", op="=", value=ident),)
    keys = [listing_key(symbol, cik) for symbol, cik in db.store.read(Listing, ("symbol", "cik"), mine)]
    held = [holding for holding in db.store.holdings(NAME, keys).values() if holding.mark]
    return min((mark.told for mark in map(mark_of, held) if mark.told), default=None if held else date.min)


def price_rows(
    db: Database,
    symbols: Sequence[str],
    start: date | None = None,
    end: date | None = None,
    *,
    adjusted: bool = True,
) -> list[Row]:
    """Bars of listings, a row a session, as `PRICE_COLUMNS`.

    The factors are those by which a price as traded is divided (splits) and multiplied (dividends). Bars of a
    source that adjusts for splits are given back as traded by the splits that any source has told; where
    some may be untold, `split_basis` is the day up to whose splits the source has adjusted, else None.

    Raises UserError for an unknown ticker, or a start after the end.
    """
    start, end = days_of(start, end, ("start", "end"))
    found: list[Row] = []
    for symbol in symbols:
        ident, label = listing_of(db, symbol)
        for told in series_of(db, ident).bars:
            if (start is None or told.bar.day >= start) and (end is None or told.bar.day <= end):
                bar = told.by_all if adjusted else told.bar
                found.append(
                    (label, *bar, told.source, told.split_factor, told.dividend_factor, told.split_basis)
                )
    return found


def prices(
    db: Database,
    symbols: str | Sequence[str],
    start: date | str | None = None,
    end: date | str | None = None,
    *,
    adjusted: bool = True,
) -> pd.DataFrame:
    """Daily bars as a frame, the earliest session first.

    Args:
        symbols: one ticker or several.
        start, end: New York dates, both included.
        adjusted: for splits and dividends, as they are known now; False for the numbers as traded, which
            those with a `split_basis` are but for splits that nobody has told yet.

    Raises:
        UserError: an unknown ticker, no date, or a start after the end.
    """
    import pandas as pd

    first, last = days_of(start, end, ("start", "end"))
    rows = price_rows(db, symbols_of(symbols), first, last, adjusted=adjusted)
    return pd.DataFrame(rows, columns=list(PRICE_COLUMNS))


def option_rows(
    db: Database,
    symbol: str,
    *,
    dte: tuple[float, float] | None = None,
    delta: tuple[float, float] | None = None,
    kind: str | None = None,
    day: date | None = None,
) -> list[Row]:
    """Contracts of the latest snapshot, as `OPTION_COLUMNS`, by expiration, kind and strike.

    Args:
        dte: calendar days to expiration, both bounds included.
        delta: its size, whatever its sign, both bounds included.
        kind: "call" or "put". day: the latest snapshot of that New York date or before.

    Raises:
        UserError: an unknown ticker, or bounds that are none: not two numbers, below zero, or reversed.
    """
    dte, delta = range_of(dte, "dte", "(25, 40)"), range_of(delta, "delta", "(0.2, 0.35)")
    kind = kind_of(kind)
    ident, label = listing_of(db, symbol)
    before = "" if day is None else " AND day <= ?"
    latest = f"(SELECT MAX(taken_at) FROM option_quotes WHERE listing_id = ?{before})"  # noqa: S608
    clauses, values = [f"listing_id = ? AND taken_at = {latest}"], [ident, ident]
    given: list[Any] = [*values, *([] if day is None else [day.isoformat()])]
    for name, bounds in (("dte", dte), ("ABS(delta)", delta)):
        if bounds is not None:
            clauses.append(f"{name} BETWEEN ? AND ?")
            given += bounds
    if kind is not None:
        clauses.append("kind = ?")
        given.append(kind)
    columns = ", ".join(_OPTION_COLUMNS)
    query = f"SELECT {columns} FROM option_quotes WHERE {' AND '.join(clauses)}"  # noqa: S608
    _, rows = db.store.sql(f"{query} ORDER BY expiration, kind, strike, contract", given)
    return [(label, *row) for row in rows]


def options(
    db: Database,
    symbol: str,
    *,
    dte: tuple[float, float] | None = None,
    delta: tuple[float, float] | None = None,
    kind: str | None = None,
    day: date | str | None = None,
) -> pd.DataFrame:
    """The contracts of a listing's latest snapshot as a frame; see `option_rows` for the arguments."""
    import pandas as pd

    rows = option_rows(db, symbol, dte=dte, delta=delta, kind=kind, day=day_of(day, "day"))
    return pd.DataFrame(rows, columns=list(OPTION_COLUMNS))
