"""What is traded in a generated market: listings, their bars as traded, splits and dividends."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertape.sandbox.exchange import number_from, number_of, sessions

Cents = NDArray[np.int64]
Floats = NDArray[np.float64]
_PERIODS = np.array([1250.0, 377.0, 89.0, 34.0, 13.0, 5.0])
_SWINGS = np.array([14.0, 7.0, 4.0, 2.5, 1.2, 0.6])
_WAVES = len(_PERIODS)
_HALT_ODDS = 300
_RATIOS = ((2, 1), (3, 1), (4, 1), (1, 10), (3, 2))
_RESTLESS_EVERY, _RESTLESS_AT = 25, 7
_RESTLESS = ((2, 1), (3, 2), (1, 3))  # their product is one, so that the price stays where it is


@dataclass(frozen=True, slots=True)
class Split:
    """`numerator` new shares for `denominator` old ones from the open of session `number` on."""

    number: int
    numerator: int
    denominator: int

    @property
    def ratio(self) -> float:
        """New shares an old one."""
        return self.numerator / self.denominator

    @property
    def day(self) -> date:
        """The first day at the new price."""
        return sessions()[self.number]


@dataclass(frozen=True, slots=True)
class Dividend:
    """`cents` a share as declared; session `number` is the first without it."""

    number: int
    cents: int

    @property
    def day(self) -> date:
        """The ex-dividend day."""
        return sessions()[self.number]


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars as traded: prices in cents, volumes in shares, True in `halted` where there was no trade."""

    number: NDArray[np.int64]
    open: Cents
    high: Cents
    low: Cents
    close: Cents
    volume: Cents
    halted: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One symbol of a company, in the SEC's style (GABC-B). All of it follows from the seed and the symbol.

    `index` is the company's, `place` says which of its symbols this is. A delisted symbol stands in the
    SEC's files and is unknown to every vendor.
    """

    symbol: str
    name: str
    cik: int
    exchange: str
    index: int
    place: int
    seed: int

    @cached_property
    def digits(self) -> bytes:
        """64 random bytes."""
        return hashlib.sha512(f"{self.seed}|{self.symbol}".encode()).digest()

    def share(self, place: int) -> float:
        """A number from 0 up to 1, another for each even `place` below 64."""
        return int.from_bytes(self.digits[place : place + 2], "big") / 65536

    @property
    def key(self) -> int:
        """64 bits that seed the noise of its bars."""
        return int.from_bytes(self.digits[:8], "big")

    @property
    def delisted(self) -> bool:
        """True for about one in fifty."""
        return self.share(8) < 0.02 and self.index % _RESTLESS_EVERY != _RESTLESS_AT

    @property
    def optionable(self) -> bool:
        """True for about 85 in a hundred."""
        return self.share(10) < 0.85

    @property
    def halts(self) -> bool:
        """True where sessions without a trade happen: one in ten."""
        return self.share(12) < 0.1

    @cached_property
    def first(self) -> int:
        """The number of the first session with a bar: 2016's for most, later for one in twelve."""
        newer = self.share(14) < 0.08 and self.index % _RESTLESS_EVERY != _RESTLESS_AT
        return int(self.share(16) * number_of(date(2027, 6, 30))) if newer else 0

    @cached_property
    def level(self) -> float:
        """The dollars that its price moves around before splits."""
        return float(4.0 * math.exp(self.share(18) * 4.6))

    @cached_property
    def volatility(self) -> float:
        """A year's, as a fraction."""
        return 0.16 + 0.6 * self.share(20) ** 2

    @cached_property
    def splits(self) -> tuple[Split, ...]:
        """Its splits of all times. Every 25th company splits each quarter, the others seldom."""
        if self.index % _RESTLESS_EVERY == _RESTLESS_AT:
            return _restless(self.index // _RESTLESS_EVERY)
        count = 0 if self.share(22) > 0.18 else 1 + (self.share(22) < 0.03)
        drawn: list[Split] = []
        for nth in range(count):
            number = int(self.share(24 + 2 * nth) * number_of(date(2030, 12, 31)))
            ratio = _RATIOS[int(self.share(28 + 2 * nth) * len(_RATIOS))]
            if number > self.first and all(split.number != number for split in drawn):
                drawn.append(Split(number, *ratio))
        return tuple(sorted(drawn, key=lambda split: split.number))

    @cached_property
    def dividends(self) -> tuple[Dividend, ...]:
        """Quarterly ones for four in ten, as declared."""
        if self.share(32) > 0.4:
            return ()
        month, day = int(self.share(34) * 3), 5 + int(self.share(36) * 19)
        quarterly = self.level * (0.0015 + 0.008 * self.share(38))
        paid = []
        for year in range(2016, 2036):
            for m in range(1 + month, 13, 3):
                number = number_from(date(year, m, day))
                if number > self.first + 40:
                    growth = 1.0 + 0.03 * (year - 2016)
                    cents = max(1, round(100 * quarterly * growth / self.factor(number)))
                    paid.append(Dividend(number, cents))
        return tuple(paid)

    def factor(self, number: int) -> float:
        """Shares in session `number` for one share of the first."""
        return math.prod(split.ratio for split in self.splits if split.number <= number)

    def factors(self, first: int, stop: int) -> Floats:
        """`factor` of each session from `first` up to `stop`."""
        values = np.ones(stop - first)
        for split in self.splits:
            values[max(0, split.number - first) :] *= split.ratio if split.number < stop else 1.0
        return values

    def bars(self, first: int, stop: int) -> Bars:
        """The bars of the sessions from `first` up to `stop`, those before its first left out."""
        first = max(first, self.first)
        stop = max(first, stop)
        return _bars(_Shape.of([self]), np.arange(first, stop, dtype=np.int64), self.factors(first, stop))

    def ratios(self, first: int, stop: int, today: int) -> Floats:
        """What prices of each session are divided by so that they compare with session `today`'s."""
        first = max(first, self.first)
        return np.asarray(self.factor(today) / self.factors(first, max(first, stop)))


def _restless(turn: int) -> tuple[Split, ...]:
    """A split each quarter, on other days for each `turn`: in a large market some split is always near."""
    months = [(y, m) for y in range(2021, 2036) for m in range(1, 13) if (m - 1) % 3 == turn % 3]
    days = [date(y, m, 2 + turn * 5 % 25) for y, m in months]
    return tuple(Split(number_from(day), *_RESTLESS[n % len(_RESTLESS)]) for n, day in enumerate(days))


@dataclass(frozen=True, slots=True)
class _Shape:
    """The parameters of some listings' prices, one row each."""

    keys: NDArray[np.uint64]
    levels: Floats
    swings: Floats
    phases: Floats
    halts: NDArray[np.bool_]

    @staticmethod
    def of(listings: Iterable[Listing]) -> _Shape:
        rows = list(listings)
        phases = [[one.share(40 + 2 * wave) for wave in range(_WAVES)] for one in rows]
        return _Shape(
            np.array([one.key for one in rows], dtype=np.uint64),
            np.array([one.level for one in rows]),
            np.array([one.volatility / 16.0 for one in rows]),
            2 * np.pi * np.array(phases).reshape(len(rows), _WAVES),
            np.array([one.halts for one in rows], dtype=np.bool_),
        )


def _noise(keys: NDArray[np.uint64], number: NDArray[np.int64]) -> NDArray[np.uint64]:
    """64 random bits for each listing and session: splitmix64, so that any session is had at once."""
    state = keys + (number.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)))


def _slice(noise: NDArray[np.uint64], shift: int, bits: int) -> Floats:
    part = (noise >> np.uint64(shift)) & np.uint64((1 << bits) - 1)
    return part.astype(np.float64) / float(1 << bits)


def _bars(shape: _Shape, number: NDArray[np.int64], factor: Floats) -> Bars:
    """One listing's bars of many sessions, or one session's of many listings: the other axis is one long."""
    noise = _noise(shape.keys, number)
    drift = np.zeros(noise.shape)
    for wave in range(_WAVES):
        drift = drift + _SWINGS[wave] * np.sin(2 * np.pi * number / _PERIODS[wave] + shape.phases[:, wave])
    swing = shape.swings
    close = shape.levels * np.exp(swing * (drift + 1.5 * (_slice(noise, 0, 12) - 0.5)))
    opened = close * (1 + swing * (_slice(noise, 12, 10) - 0.5))
    high = np.maximum(opened, close) * (1 + 0.6 * swing * _slice(noise, 22, 10))
    low = np.minimum(opened, close) * (1 - 0.6 * swing * _slice(noise, 32, 10))
    volume = 4e6 * np.exp(1.6 * _slice(noise, 42, 10) + np.sin(shape.phases[:, 0]) * 2) * factor
    halted = shape.halts & (_slice(noise, 52, 12) * _HALT_ODDS < 1)
    return Bars(
        number=np.broadcast_to(number, noise.shape),
        open=_cents(opened / factor),
        high=_cents(high / factor),
        low=_cents(low / factor),
        close=_cents(close / factor),
        volume=np.rint(volume).astype(np.int64) + 100,
        halted=halted,
    )


def _cents(dollars: Floats) -> Cents:
    """At least one cent."""
    return np.maximum(1, np.rint(100 * dollars)).astype(np.int64)


def day_of(listings: list[Listing], number: int) -> Bars:
    """One session's bars of many listings, in their order, each of which must have begun."""
    factor = np.array([one.factor(number) if one.splits else 1.0 for one in listings])
    return _bars(_Shape.of(listings), np.array([number], dtype=np.int64), factor)


def last_bars(listing: Listing, today: int) -> Bars:
    """The bars of the last two sessions up to `today` with a trade; one, where it is new."""
    if not listing.halts:
        return listing.bars(today - 1, today + 1)
    bars = listing.bars(today - 60, today + 1)
    kept = np.flatnonzero(~bars.halted)[-2:]
    if not len(kept):
        kept = np.arange(len(bars.number))[-1:]
    return Bars(
        number=bars.number[kept],
        open=bars.open[kept],
        high=bars.high[kept],
        low=bars.low[kept],
        close=bars.close[kept],
        volume=bars.volume[kept],
        halted=bars.halted[kept],
    )


def prices_truth(listing: Listing, today: date) -> dict[str, Any]:
    """Every bar as traded up to `today`, in dollars; halted sessions are listed apart."""
    stop = number_of(today) + 1
    bars = listing.bars(0, stop) if not listing.delisted else listing.bars(0, 0)
    traded = ~bars.halted
    days = sessions()
    columns = {
        name: (getattr(bars, name)[traded] / 100).tolist() for name in ("open", "high", "low", "close")
    }
    return {
        "symbol": listing.symbol,
        "delisted": listing.delisted,
        "today": today.isoformat(),
        "days": [days[number].isoformat() for number in bars.number[traded].tolist()],
        **columns,
        "volume": bars.volume[traded].tolist(),
        "halted": [days[number].isoformat() for number in bars.number[bars.halted].tolist()],
    }


def actions_truth(listing: Listing, today: date) -> dict[str, Any]:
    """Splits and dividends as of `today`, and the next ones of a year under `scheduled`."""
    number = number_of(today)

    def split(one: Split) -> dict[str, Any]:
        return {"day": one.day.isoformat(), "numerator": one.numerator, "denominator": one.denominator}

    def dividend(one: Dividend) -> dict[str, Any]:
        return {"day": one.day.isoformat(), "amount": one.cents / 100}

    shown = () if listing.delisted else listing.splits
    paid = () if listing.delisted else listing.dividends
    ahead = number + 252
    return {
        "symbol": listing.symbol,
        "delisted": listing.delisted,
        "today": today.isoformat(),
        "splits": [split(one) for one in shown if one.number <= number],
        "dividends": [dividend(one) for one in paid if one.number <= number],
        "scheduled": {
            "splits": [split(one) for one in shown if number < one.number <= ahead],
            "dividends": [dividend(one) for one in paid if number < one.number <= ahead],
        },
    }
