"""Option chains of a generated market, priced with Black-Scholes from their own implied volatility."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from evertape.sandbox.exchange import closes_at, is_session, next_session, number_of, sessions
from evertape.sandbox.securities import Floats, Listing, last_bars

RATE = 0.042
"""The yearly interest, continuously compounded. Dividends do not enter."""
_YEAR = 365 * 86400.0
_STEPS = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0)
BAD = ("iv-zero", "sentinel", "crossed", "strike-zero")
"""What is wrong on purpose with some contracts, as every vendor publishes them."""
_BAD_ODDS = 120
_ROOT_2, _ROOT_2PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Chain:
    """Every contract of one underlying at the end of a session; equally long columns in dollars and shares.

    `expiries` are days, `calls` is True for a call, `bad` one of BAD or None. `last`, `volume`, `greeks`
    and `iv` are the true ones also where `bad` says that another value is published. `traded` is in seconds
    since 1970 of the last trade, None where the contract never traded; an absent volume is None.
    Greeks: vega and rho for one point of volatility and of interest, theta for one calendar day.
    """

    listing: Listing
    day: date
    spot: float
    before: float
    codes: list[str]
    expiries: list[date]
    calls: list[bool]
    strikes: list[float]
    bids: list[float]
    asks: list[float]
    lasts: list[float]
    changes: list[float]
    volumes: list[int | None]
    interests: list[int]
    traded: list[int | None]
    ivs: list[float]
    theos: list[float]
    deltas: list[float]
    gammas: list[float]
    thetas: list[float]
    vegas: list[float]
    rhos: list[float]
    bad: list[str | None]

    @cached_property
    def quotes(self) -> tuple[list[float], list[float]]:
        """Bids and asks as vendors show them: the wrong way round where so spoiled."""
        bids, asks = list(self.bids), list(self.asks)
        for place, wrong in enumerate(self.bad):
            if wrong == "crossed":
                bids[place], asks[place] = asks[place], bids[place]
        return bids, asks

    @cached_property
    def places(self) -> dict[tuple[date, bool, float], int]:
        """Where each contract stands."""
        return {key: n for n, key in enumerate(zip(self.expiries, self.calls, self.strikes, strict=True))}

    def of_expiry(self, expiry: date) -> list[int]:
        """The places of an expiration's contracts."""
        return [place for place, day in enumerate(self.expiries) if day == expiry]

    def dates(self) -> list[date]:
        """Its expirations in order."""
        return sorted(set(self.expiries))


def _fridays(first: date) -> Iterator[date]:
    day = first + timedelta(days=(4 - first.weekday()) % 7)
    while True:
        yield day
        day += timedelta(days=7)


def _expiry(friday: date) -> date:
    """An expiration falls on the day before where its Friday is a holiday."""
    return friday if is_session(friday) else friday - timedelta(days=1)


def _third_friday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def expirations(today: date, count: int) -> list[date]:
    """`count` expirations after `today`, or as many as there are: weeklies, monthlies and LEAPS mixed."""
    fridays = _fridays(today + timedelta(days=1))
    weeklies = [_expiry(next(fridays)) for _ in range(8)]
    months = [divmod(today.year * 12 + today.month - 1 + n, 12) for n in range(26)]
    monthlies = [_expiry(_third_friday(year, month + 1)) for year, month in months]
    monthlies = [day for day in monthlies if day > today]
    leaps = [_expiry(_third_friday(today.year + n, 1)) for n in (1, 2, 3)]
    order = [weeklies[0], monthlies[1], leaps[1], monthlies[0], weeklies[1], leaps[0]]
    order += [day for pair in zip(monthlies[2:8], weeklies[2:], strict=False) for day in pair]
    order += [leaps[2], *monthlies[8:]]
    chosen = list(dict.fromkeys(day for day in order if day > today))[:count]
    return sorted(chosen)


def _layout(spot: float, count: int, today: date) -> list[tuple[date, list[float]]]:
    """The strikes of each expiration, `count` contracts in all: a call and a put each."""
    pairs = max(1, count // 2)
    days = expirations(today, max(1, min(pairs, round(0.7 * math.sqrt(pairs)))))
    layout = []
    for nth, day in enumerate(days):
        here = pairs // len(days) + (nth < pairs % len(days))
        wanted = 0.4 * spot / max(3, here)
        step = next((step for step in _STEPS if step >= wanted), _STEPS[-1])
        lowest = max(1, round(spot / step) - here // 2)
        layout.append((day, [step * (lowest + n) for n in range(here)]))
    return layout


def _normal(values: Floats) -> Floats:
    """The distribution function of the standard normal."""
    return 0.5 * (1.0 + np.fromiter(map(math.erf, (values / _ROOT_2).tolist()), np.float64, len(values)))


@dataclass(frozen=True, slots=True)
class Priced:
    """Values of calls (first) and puts for the same strikes."""

    value: Floats
    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats
    rho: Floats


def black_scholes(spot: float, strike: Floats, years: Floats, iv: Floats) -> Priced:
    """European calls, then puts, without dividends. `years` above 0; units of the greeks as in Chain."""
    root = np.sqrt(years)
    d1 = (np.log(spot / strike) + (RATE + iv * iv / 2) * years) / (iv * root)
    d2 = d1 - iv * root
    n1, n2 = _normal(d1), _normal(d2)
    density = np.exp(-d1 * d1 / 2) / _ROOT_2PI
    bond = strike * np.exp(-RATE * years)
    call = spot * n1 - bond * n2
    decay = -spot * density * iv / (2 * root)
    gamma = density / (spot * iv * root)
    vega = spot * density * root / 100
    both = np.concatenate
    return Priced(
        value=both([call, call - spot + bond]),
        delta=both([n1, n1 - 1]),
        gamma=both([gamma, gamma]),
        theta=both([decay - RATE * bond * n2, decay + RATE * bond * (1 - n2)]) / 365,
        vega=both([vega, vega]),
        rho=both([bond * years * n2, -bond * years * (1 - n2)]) / 100,
    )


def years_to(expiry: date, today: date) -> float:
    """From the close of `today`'s session to the close of the expiration, in years of 365 days."""
    return (closes_at(next_session(expiry)) - closes_at(today)) / _YEAR


def root_of(symbol: str) -> str:
    """The option root of a symbol: class letters without their separator."""
    return symbol.replace("-", "").replace(".", "")


def chain_of(listing: Listing, today: date, count: int) -> Chain:
    """The chain of `count` contracts at the end of the last session up to `today`."""
    number = number_of(today)
    day = sessions()[number]
    bars = last_bars(listing, number)
    ratio = listing.factor(int(bars.number[-1])) / listing.factor(int(bars.number[0]))
    spot, before = float(bars.close[-1]) / 100, float(bars.close[0]) / 100 / ratio
    layout = _layout(spot, count, day)
    draw = np.random.default_rng([listing.key, day.toordinal()])
    strikes = np.array([strike for _, row in layout for strike in row])
    years = np.array([years_to(expiry, day) for expiry, row in layout for _ in row])
    money = np.log(strikes / spot) / np.sqrt(years + 0.05)
    near = np.clip(money, -3, 3)
    level = listing.volatility * (0.95 + 0.1 * draw.random())
    smile = level * (1 + 0.12 * near**2 - 0.08 * near)
    iv = np.asarray(np.round(np.clip(smile, 0.08, 4.0), 4), dtype=np.float64)
    priced = black_scholes(spot, strikes, years, iv)
    # Call and put of a strike stand side by side, as the vendors list them.
    pairs = len(strikes)
    side = np.arange(2 * pairs).reshape(2, pairs).T.ravel()
    luck = draw.random((7, 2 * pairs))
    bad = _bad(luck[6], listing)
    expiries = [expiry for expiry, row in layout for _ in row for _ in "CP"]
    shown = strikes[side % pairs].tolist()
    shown = [0.0 if wrong == "strike-zero" else strike for wrong, strike in zip(bad, shown, strict=True)]
    return Chain(
        listing=listing,
        day=day,
        spot=spot,
        before=before,
        codes=_codes(root_of(listing.symbol), expiries, shown),
        expiries=expiries,
        calls=(side < pairs).tolist(),
        strikes=shown,
        ivs=iv[side % pairs].tolist(),
        theos=np.round(np.maximum(0, priced.value[side]), 4).tolist(),
        deltas=np.round(priced.delta[side], 4).tolist(),
        gammas=np.round(priced.gamma[side], 6).tolist(),
        thetas=np.round(priced.theta[side], 4).tolist(),
        vegas=np.round(priced.vega[side], 4).tolist(),
        rhos=np.round(priced.rho[side], 4).tolist(),
        bad=bad,
        **_quotes(np.maximum(0, priced.value[side]), near[side % pairs], luck, closes_at(day)),
    )


def _quotes(value: Floats, near: Floats, luck: Floats, close: int) -> dict[str, Any]:
    """Quotes and trades around theoretical values. The value always lies from bid to ask."""
    half = np.maximum(0.01, value * (0.004 + 0.03 * luck[0] ** 2))
    bid = np.maximum(0, np.floor(100 * (value - half) + 1e-7))
    ask = np.maximum(bid + 1, np.ceil(100 * (value + half) - 1e-7))
    illiquid = luck[1] < 0.04
    bid[illiquid] = 0
    ask[illiquid] = np.ceil(ask[illiquid] * 1.5)
    liquidity = np.exp(-2 * near**2)
    volume = np.rint(4000 * luck[3] ** 4 * liquidity).astype(np.int64).tolist()
    return {
        "bids": (bid / 100).tolist(),
        "asks": (ask / 100).tolist(),
        "lasts": (np.maximum(1, np.rint(100 * value * (0.98 + 0.04 * luck[2]))) / 100).tolist(),
        "changes": (np.rint(100 * value * 0.1 * (luck[5] - 0.5)) / 100).tolist(),
        "volumes": [
            None if lucky > 0.97 else sold for lucky, sold in zip(luck[1].tolist(), volume, strict=True)
        ],
        "interests": np.rint(20000 * luck[4] ** 3 * liquidity).astype(np.int64).tolist(),
        "traded": [
            (close - 60 - int(lucky * 20000)) if sold else (None if lucky < 0.03 else close - 5 * 86400)
            for lucky, sold in zip(luck[2].tolist(), volume, strict=True)
        ],
    }


def _codes(root: str, expiries: list[date], strikes: list[float]) -> list[str]:
    """OCC symbols without padding: root, yymmdd, C or P by turns, thousandths of a dollar."""
    stamps = {expiry: f"{root}{expiry:%y%m%d}" for expiry in set(expiries)}
    return [
        f"{stamps[expiry]}{'CP'[place & 1]}{round(strike * 1000):08d}"
        for place, (expiry, strike) in enumerate(zip(expiries, strikes, strict=True))
    ]


def _bad(luck: Floats, listing: Listing) -> list[str | None]:
    """About one contract in 120 has something wrong; a strike of 0 only one underlying in 16, once."""
    spoiled: list[str | None] = [None] * len(luck)
    for place in np.flatnonzero(luck * _BAD_ODDS < 1).tolist():
        spoiled[place] = BAD[int(luck[place] * _BAD_ODDS * 3)]
    if listing.share(52) * 16 < 1:
        spoiled[0] = "strike-zero"
    return spoiled


def options_truth(chain: Chain) -> dict[str, Any]:
    """The chain as JSON, with what the greeks and parity follow from."""
    rows = [
        {
            "code": chain.codes[n],
            "expiration": chain.expiries[n].isoformat(),
            "type": "call" if chain.calls[n] else "put",
            "strike": chain.strikes[n],
            "bid": chain.bids[n],
            "ask": chain.asks[n],
            "last": chain.lasts[n],
            "volume": chain.volumes[n],
            "open_interest": chain.interests[n],
            "iv": chain.ivs[n],
            "theo": chain.theos[n],
            "delta": chain.deltas[n],
            "gamma": chain.gammas[n],
            "theta": chain.thetas[n],
            "vega": chain.vegas[n],
            "rho": chain.rhos[n],
            "bad": chain.bad[n],
        }
        for n in range(len(chain.codes))
    ]
    return {
        "symbol": chain.listing.symbol,
        "day": chain.day.isoformat(),
        "spot": chain.spot,
        "rate": RATE,
        "years": {day.isoformat(): years_to(day, chain.day) for day in chain.dates()},
        "contracts": rows,
    }


def published(chain: Chain, column: list[Value], **values: Value) -> list[Value]:
    """A column as a vendor shows it: `iv_zero` and `sentinel` in place of the true value where so spoiled."""
    shown = list(column)
    for place, wrong in enumerate(chain.bad):
        if wrong is not None and (name := wrong.replace("-", "_")) in values:
            shown[place] = values[name]
    return shown
