"""Bars as traded, by the splits and dividends that were told, as series comparable over time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple, TypeVar

from evertape.formats.bars import Bar, Dividend, Split, factor, rescaled

NEAR = 5
"""Days. Sources that differ by so much in the day of one split or dividend mean the same one."""
ALIKE = 1e-3
"""... where its ratio or amount differs by less than this share."""


class ToldBar(NamedTuple):
    """A source's bar; counted in shares as of `split_basis`, or as traded where that is None."""

    source: str
    bar: Bar
    split_basis: date | None = None


class ToldSplit(NamedTuple):
    """A split, and who told it."""

    source: str
    split: Split


class ToldDividend(NamedTuple):
    """A dividend, for a share as of `split_basis`, or as it was paid where that is None."""

    source: str
    dividend: Dividend
    split_basis: date | None = None


class AdjustedBar(NamedTuple):
    """A session as traded, and what makes it comparable with the last one.

    `split_factor` is how many shares of the last session one of this session has become; `dividend_factor`,
    at most 1, what is left of a price once the dividends paid since are taken out of it. `split_basis` is
    the day up to whose splits the source has adjusted where not all of them are told, so that the bar is as
    traded but for those unknown; None where it is as traded.
    """

    source: str
    bar: Bar
    split_factor: float
    dividend_factor: float
    split_basis: date | None = None

    @property
    def by_splits(self) -> Bar:
        """Prices and volume in shares of the last session."""
        return self._scaled(1.0 / self.split_factor)

    @property
    def by_all(self) -> Bar:
        """As `by_splits`, with prices net of later dividends: their ratios are total returns."""
        return self._scaled(self.dividend_factor / self.split_factor)

    def _scaled(self, ratio: float) -> Bar:
        bar = self.bar
        prices = [None if price is None else price * ratio for price in (*bar[1:5], bar.vwap)]
        volume = None if bar.volume is None else bar.volume * self.split_factor
        return Bar(bar.day, prices[0], prices[1], prices[2], prices[3], volume, prices[4], bar.trades)


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """A listing's series.

    Attributes:
        splits, dividends: those that told it, each once, in order; dividends as they were paid.
        left_out: dividends that no factor follows from: in another currency than the prices, or not
            below the price that they were paid out of.
    """

    bars: tuple[AdjustedBar, ...]
    splits: tuple[Split, ...]
    dividends: tuple[Dividend, ...]
    left_out: tuple[Dividend, ...] = ()


def adjusted(
    bars: Iterable[ToldBar],
    splits: Iterable[ToldSplit],
    dividends: Iterable[ToldDividend],
    rank: Sequence[str],
    *,
    currency: str | None = None,
    told: date | None = None,
) -> Adjusted:
    """The series as traded, with the factors by which it is adjusted up to its last session.

    Where several sources have a bar of one day, or told of one split or dividend, the one first in `rank`
    is heard; sources that it does not name come last, by name. Splits and dividends after the last session
    are left for the day when they come.

    A dividend's factor is 1 - amount / close of the session before, both for a share of its ex-date, and
    holds for all sessions before. Source: CRSP's price adjustment, which Yahoo follows too.

    Args:
        currency: of the prices; dividends in another are left out. None takes every currency for the same.
        told: the day through which `splits` has all that there were; None where it has all.
    """
    places = {source: (place, source) for place, source in enumerate(rank)}

    def place(source: str) -> tuple[int, str]:
        return places.get(source, (len(rank), source))

    heard_of = _once(splits, lambda t: t.split.day, lambda t: t.split.ratio, place)
    known = tuple(t.split for t in heard_of)
    days: dict[date, ToldBar] = {}
    for bar in bars:
        held = days.get(bar.bar.day)
        if not bar.bar.empty and (held is None or place(bar.source) < place(held.source)):
            days[bar.bar.day] = bar
    traded = [
        (b.source, rescaled(b.bar, factor(known, day, b.split_basis)) if b.split_basis else b.bar)
        for day, b in sorted(days.items())
    ]
    heard = _once(
        (t._replace(dividend=_as_paid(t, known), split_basis=None) for t in dividends),
        lambda t: t.dividend.day,
        lambda t: t.dividend.amount,
        place,
    )
    return _flagged(_adjusted(traded, known, tuple(t.dividend for t in heard), currency), days, told)


def _flagged(made: Adjusted, sent: Mapping[date, ToldBar], told: date | None) -> Adjusted:
    """With the basis of those bars between whose day and basis a split may be that is not told."""

    def flagged(one: AdjustedBar) -> AdjustedBar:
        basis = sent[one.bar.day].split_basis
        unsure = basis is not None and told is not None and max(one.bar.day, told) < basis
        return one._replace(split_basis=basis) if unsure else one

    return replace(made, bars=tuple(map(flagged, made.bars)))


def _as_paid(told: ToldDividend, splits: Sequence[Split]) -> Dividend:
    paid = told.dividend
    if told.split_basis is None:
        return paid
    return paid._replace(amount=paid.amount * factor(splits, paid.day, told.split_basis))


_Told = TypeVar("_Told", ToldSplit, ToldDividend)


def _once(
    told: Iterable[_Told],
    day: Callable[[_Told], date],
    value: Callable[[_Told], float],
    place: Callable[[str], tuple[int, str]],
) -> list[_Told]:
    """Each event once, in order of its day: what sources of a lower place tell of it is dropped."""
    kept: dict[date, _Told] = {}
    for new in sorted(told, key=lambda t: (place(t.source), day(t))):
        beside = (kept.get(day(new) + timedelta(days=n)) for n in range(-NEAR, NEAR + 1) if n)
        if day(new) not in kept and not any(
            old is not None
            and old.source != new.source
            and abs(value(old) - value(new)) <= ALIKE * abs(value(old))
            for old in beside
        ):
            kept[day(new)] = new
    return [kept[day] for day in sorted(kept)]


def _adjusted(
    traded: Sequence[tuple[str, Bar]],
    splits: tuple[Split, ...],
    dividends: tuple[Dividend, ...],
    currency: str | None,
) -> Adjusted:
    """From the last session back, each event at the first session that it had happened at."""
    if not traded:
        return Adjusted(bars=(), splits=splits, dividends=dividends)
    last = traded[-1][1].day
    splits_left = [split for split in splits if split.day <= last]
    paid_left = [paid for paid in dividends if paid.day <= last]
    shares, kept = 1.0, 1.0
    bars, left_out = [], []
    for source, bar in reversed(traded):
        while splits_left and splits_left[-1].day > bar.day:
            shares *= splits_left.pop().ratio
        while paid_left and paid_left[-1].day > bar.day:
            paid = paid_left.pop()
            # The close of the session before, for a share of the ex-date.
            close = (bar.close or 0.0) / factor(splits, bar.day, paid.day)
            other = currency is not None and paid.currency is not None and paid.currency != currency
            if other or not 0.0 <= paid.amount < close:
                left_out.append(paid)
            else:
                kept *= 1.0 - paid.amount / close
        bars.append(AdjustedBar(source, bar, shares, kept))
    return Adjusted(
        bars=tuple(reversed(bars)), splits=splits, dividends=dividends, left_out=tuple(reversed(left_out))
    )
