"""Daily bars as vendors send them, in one shape, and how bars adjusted for splits become bars as traded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple


class MalformedPrices(ValueError):
    """The body is not the answer that the vendor promises; says what is wrong."""


class Bar(NamedTuple):
    """One session of one listing. Prices in the series' currency a share; None where the source has none.

    `day` is the New York date of the session. `volume` counts shares, `trades` transactions, and `vwap`
    is the volume-weighted average price.
    """

    day: date
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    vwap: float | None = None
    trades: int | None = None

    @property
    def empty(self) -> bool:
        """A place the source holds for a session that it has no prices of."""
        return self.close is None


class Split(NamedTuple):
    """From `day` on a holder has `numerator` shares for every `denominator` held before: 4 for 1."""

    day: date
    numerator: float
    denominator: float

    @property
    def ratio(self) -> float:
        """New shares for one old."""
        return self.numerator / self.denominator


class Dividend(NamedTuple):
    """Cash a share, in `currency`, to whoever held it before `day`, the ex-dividend date."""

    day: date
    amount: float
    currency: str | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """What a source says of one listing.

    Attributes:
        symbol: as the source spells it.
        adjusted: prices, volumes and dividends are adjusted for every split up to `basis`.
        basis: the day up to whose splits the numbers are adjusted; None for numbers as traded.
        tells_splits: every split up to `basis` is among `splits`, so that the numbers as traded follow.
        first_day: the listing's first session, where the source says it.
    """

    symbol: str
    bars: tuple[Bar, ...] = ()
    splits: tuple[Split, ...] = ()
    dividends: tuple[Dividend, ...] = ()
    currency: str | None = None
    adjusted: bool = False
    basis: date | None = None
    tells_splits: bool = True
    first_day: date | None = None


def factor(splits: Sequence[Split], day: date, basis: date | None) -> float:
    """New shares on `basis` for one share that was traded on `day`: the ratios of the splits between.

    A split's own day trades at the new count already.
    """
    product = 1.0
    for split in splits:
        if day < split.day and (basis is None or split.day <= basis):
            product *= split.ratio
    return product


def as_traded(series: Series, splits: Sequence[Split] = ()) -> Series:
    """The series as it was traded: prices times, volumes by the splits that came later.

    A series that is adjusted for splits which its source does not tell is returned as it is.

    Args:
        splits: further ones that the source has adjusted for and does not list itself.
    """
    if not series.adjusted or not series.tells_splits:
        return series
    known = {split.day: split for split in (*splits, *series.splits)}
    later = tuple(known[day] for day in sorted(known))
    return replace(
        series,
        bars=tuple(rescaled(bar, factor(later, bar.day, series.basis)) for bar in series.bars),
        dividends=tuple(
            paid._replace(amount=_cents(paid.amount * factor(later, paid.day, series.basis)))
            for paid in series.dividends
        ),
        adjusted=False,
    )


def rescaled(bar: Bar, ratio: float) -> Bar:
    """Prices times, volume by `ratio`: the same session counted in fewer, larger shares."""
    if ratio == 1.0:
        return bar
    price = [None if value is None else _cents(value * ratio) for value in (*bar[1:5], bar.vwap)]
    volume = None if bar.volume is None else round(bar.volume / ratio, 4)
    return Bar(bar.day, price[0], price[1], price[2], price[3], volume, price[4], bar.trades)


def _cents(value: float) -> float:
    """A product of single-precision numbers without the tail that the multiplication left."""
    return round(value, 6)
