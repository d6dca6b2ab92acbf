"""Option chains as snapshots: what each contract was quoted at, its greeks, and what selling it returns.

A snapshot is never changed; a later one stands beside it. Bad values are not stored and not silently
dropped either: the row stays, the value is null, and a row of `quality_findings` says what was sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from evertape.clock import new_york_date
from evertape.datasets import universe
from evertape.formats import sessions
from evertape.formats.chains import Chain
from evertape.formats.greeks import years_to
from evertape.formats.quotes import Complaint, judged
from evertape.model.dataset import Asked, Dataset, Evidence
from evertape.model.feed import Backoff
from evertape.model.records import Record, Row, column
from evertape.model.unit import Freshness, Holding, Outcome, Standing, Unit

NAME = "options"
ALL = "all"
NEAREST = 3
"""Expirations that are asked for near the target."""
CACHED = timedelta(hours=1)
"""In market hours a chain this young is not asked for again."""
VERY_STALE = timedelta(days=7)
ABSENCE = Backoff(first=timedelta(days=1), most=timedelta(days=30), strikes=1_000_000)


class OptionQuote(Record):
    """One contract in one snapshot of a chain. Amounts are dollars a share of the underlying."""

    table = "option_quotes"
    key = ("listing_id", "taken_at", "contract")

    listing_id: int = column("the underlying's listing, see listings")
    taken_at: datetime = column("when the source answered, UTC; the same for the whole snapshot")
    contract: str = column("OCC symbol without padding: AAPL260116C00150000")
    day: date = column("New York date of the snapshot")
    source: str = column("the source that quoted it")
    kind: str = column('"call" or "put"')
    expiration: date = column("last day on which it can be exercised")
    strike: float | None = column(
        "price at which it can be exercised; null where none was sent that is a number", unit="USD a share"
    )
    dte: int = column("calendar days from the snapshot's day to expiration", unit="days")
    bid: float | None = column("best bid", unit="USD a share")
    ask: float | None = column("best ask", unit="USD a share")
    mid: float | None = column(
        "mean of bid and ask; null unless both stand and do not cross", unit="USD a share"
    )
    last: float | None = column("last trade", unit="USD a share")
    volume: int | None = column("contracts traded that day")
    open_interest: int | None = column("contracts open")
    implied_volatility: float | None = column("a year, as a fraction", unit="a year")
    delta: float | None = column("price change for one dollar of the stock, -1 to 1")
    gamma: float | None = column("delta's change for one dollar of the stock", unit="1/USD")
    theta: float | None = column("price change in one calendar day", unit="USD a share")
    vega: float | None = column("price change for one percentage point of volatility", unit="USD a share")
    greeks_computed: bool | None = column(
        "whether the greeks were computed from the implied volatility (Black-Scholes, no dividends, no "
        "interest) because the source sent none; null where there are none"
    )
    stock_price: float | None = column("of the underlying in the same answer", unit="USD a share")
    monthly_return: float | None = column(
        "mid / collateral x 30 / dte; collateral is the strike of a put, the stock price of a call"
    )
    annual_return: float | None = column("mid / collateral x 365 / dte, see monthly_return")
    traded_at: datetime | None = column("when it last traded, UTC")


def extent_of(target_dte: int | None) -> str:
    """What is asked of a chain: "dte 30" is the expirations nearest to thirty days, "all" every one."""
    return ALL if target_dte is None else f"dte {target_dte}"


def nearest(expirations: Sequence[date], extent: str, day: date) -> tuple[date, ...]:
    """The expirations of an extent, in order: all from `day` on, or the `NEAREST` to its target.

    Of two equally near the earlier one comes first.
    """
    ahead = sorted({expiration for expiration in expirations if expiration >= day})
    if extent == ALL:
        return tuple(ahead)
    target = day + timedelta(days=int(extent.removeprefix("dte ")))
    return tuple(sorted(sorted(ahead, key=lambda e: abs((e - target).days))[:NEAREST]))


def due(evidence: Evidence, asked: Asked, now: datetime) -> Sequence[Standing]:
    """One standing a listing: due where the latest snapshot of that extent is too old."""
    held = evidence.holdings.get(NAME, {})
    extent = extent_of(asked.target_dte)
    return [
        _standing(key, symbol, _of_extent(held.get(key), extent), extent, asked.max_age, now)
        for key, symbol in asked.listings.items()
    ]


def _of_extent(held: Holding | None, extent: str) -> Holding | None:
    """The latest snapshot that has an extent; that there are no options concerns every extent, and so does
    that nobody knows the symbol, where nothing was answered since."""
    if held is None or held.outcome is not Outcome.SETTLED:
        return held
    snapshots = (each for each in (held, *held.beside) if each.outcome is Outcome.SETTLED)
    return next((each for each in snapshots if each.unit.extent in (extent, ALL)), None)


def _standing(
    key: str, symbol: str, held: Holding | None, extent: str, max_age: timedelta, now: datetime
) -> Standing:
    unit = Unit(NAME, key, extent=extent)
    standing = Standing(dataset=NAME, key=key, label=symbol, level=Freshness.MISSING, unit=unit)
    if held is None:
        return replace(standing, reason="no snapshot of these expirations")
    waiting = held.not_before is not None and now < held.not_before
    if held.outcome is Outcome.PENDING:
        again = None if waiting else unit
        tried = tuple(held.source.split())
        return replace(standing, level=Freshness.PENDING, unit=again, reason=held.note, tried=tried)
    age = now - held.checked_at
    if held.outcome is Outcome.NOTHING and waiting:
        return replace(standing, level=Freshness.FRESH, unit=None, reason=held.note)
    if _is_latest(held.checked_at, now):
        return replace(standing, level=Freshness.FRESH, unit=None, size=held.size)
    if age < max_age:
        return replace(standing, level=Freshness.RECENT, unit=None, size=held.size)
    level = Freshness.VERY_STALE if age > VERY_STALE else Freshness.STALE
    hours = age / timedelta(hours=1)
    reason = held.note if waiting else f"{hours:.0f} hours old"
    again = None if waiting else unit
    return replace(standing, level=level, unit=again, days=age.days, size=held.size, reason=reason)


def _is_latest(taken: datetime, now: datetime) -> bool:
    """Whether asking again would tell nothing new: young in market hours, or since the close."""
    if now - taken < CACHED:
        return True
    return not sessions.is_open(now) and taken >= sessions.closed_at(sessions.last_closed(now))


@dataclass(frozen=True, kw_only=True)
class Read:
    """What a snapshot makes true: rows, doubts about them, and the coverage."""

    quotes: tuple[Row, ...]
    findings: tuple[Row, ...]
    holding: Holding


def settle(
    unit: Unit,
    chains: Sequence[Chain],
    source: str,
    at: datetime,
    was: Holding | None,
    size: int | None = None,
) -> Read:
    """Chains of one underlying, answered for one unit, as rows of one snapshot. Pure.

    Args:
        chains: one for each answer; the first sound price that one of them names is the stock's.
        at: of the last answer, the snapshot's time.
    """
    symbol, cik = universe.split_listing(unit.key)
    ident, day = universe.listing_id(symbol, cik), new_york_date(at)
    price, complaints = _price([chain.price for chain in chains if chain.price is not None])
    findings = [_finding(cik, symbol, day, at, said) for said in complaints]
    rows: dict[str, Row] = {}
    ahead: dict[date, tuple[int, float]] = {}
    for chain in chains:
        for quote in chain.quotes:
            contract, right, expiration, strike, *_, traded_at = quote
            if expiration not in ahead:
                ahead[expiration] = (expiration - day).days, years_to(expiration, at)
            dte, years = ahead[expiration]
            values, complaints = judged(quote, price, dte, years)
            rows[contract] = (
                ident, at, contract, day, source, right, expiration,
                strike if math.isfinite(strike) else None, dte, *values, traded_at,
            )  # fmt: skip
            if complaints:
                findings += [_finding(cik, contract, day, at, said) for said in complaints]
    strikes = was.strikes + 1 if was is not None and was.outcome is Outcome.NOTHING else 1
    holding = Holding(
        unit=unit,
        outcome=Outcome.SETTLED if rows else Outcome.NOTHING,
        checked_at=at,
        source=source,
        strikes=0 if rows else strikes,
        not_before=None if rows else ABSENCE.not_before(at, strikes),
        size=size,
        note="" if rows else f"no options, says {source}",
    )
    return Read(quotes=tuple(rows.values()), findings=tuple(findings), holding=holding)


def _price(sent: Sequence[float]) -> tuple[float | None, tuple[Complaint, ...]]:
    """The stock's price, and one complaint where prices were sent and none of them can be."""
    price = next((price for price in sent if 0.0 < price < math.inf), None)
    if price is not None or not sent:
        return price, ()
    found = sent[0] if math.isfinite(sent[0]) else None
    sentence = f"the stock's price was sent as {sent[0]:g}"
    return None, (("option_amount", "stock_price", "soft", sentence, found),)


def _finding(cik: int, name: str, day: date, at: datetime, said: Complaint) -> Row:
    """A complaint as a row of `quality_findings`, filed under the contract (the symbol) `name`."""
    check, column_name, severity, sentence, found = said
    row = (check, OptionQuote.table, day, name, column_name, severity, None, found, None)
    return (cik, *row, f"{name}: {sentence}", None, at, None)


DATASET = Dataset(
    name=NAME,
    doc="option chains as snapshots, with greeks and the return of the premium",
    records=(OptionQuote,),
    needs=("universe",),
    due=due,
    absence=ABSENCE,
)
