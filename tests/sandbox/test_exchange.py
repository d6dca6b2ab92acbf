"""The sandbox's exchange, prices and option chains are consistent in themselves."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest

from evertape.sandbox.contracts import BAD, RATE, chain_of, expirations, options_truth
from evertape.sandbox.exchange import closes_at, closes_early, holidays, is_session, opens_at, sessions
from evertape.sandbox.securities import day_of
from tests.sandbox.bazaar import RESTLESS, TODAY, market_of, optionable, truth


def test_the_exchange_is_closed_on_its_holidays_of_2026() -> None:
    assert sorted(day.isoformat() for day in holidays(2026)) == [
        "2026-01-01",
        "2026-01-19",
        "2026-02-16",
        "2026-04-03",
        "2026-05-25",
        "2026-06-19",
        "2026-07-03",
        "2026-09-07",
        "2026-11-26",
        "2026-12-25",
    ]


@pytest.mark.parametrize(
    ("year", "count"),
    [(2016, 252), (2018, 251), (2019, 252), (2020, 253), (2021, 252), (2022, 251), (2024, 252), (2025, 250)],
)
def test_a_year_has_the_sessions_that_it_had(year: int, count: int) -> None:
    assert sum(day.year == year for day in sessions()) == count


def test_new_year_on_a_saturday_is_no_holiday() -> None:
    assert is_session(date(2021, 12, 31))
    assert not is_session(date(2023, 1, 2))


def test_some_sessions_end_at_one() -> None:
    early = [day.isoformat() for day in sessions() if day.year == 2025 and closes_early(day)]
    assert early == ["2025-07-03", "2025-11-28", "2025-12-24"]
    assert closes_at(date(2025, 7, 3)) - opens_at(date(2025, 7, 3)) == 3.5 * 3600
    assert closes_at(date(2025, 7, 2)) - opens_at(date(2025, 7, 2)) == 6.5 * 3600


def test_prices_do_not_depend_on_the_day_on_which_they_are_asked_for() -> None:
    early, late = market_of(today=date(2024, 1, 5)), market_of()
    for symbol in early.world.listings:
        before, after = truth(early, symbol, "prices"), truth(late, symbol, "prices")
        for column in ("days", "open", "high", "low", "close", "volume"):
            assert after[column][: len(before[column])] == before[column]


def test_bars_are_whole_cents_and_in_order() -> None:
    vendors = market_of()
    for symbol in vendors.world.listings:
        rows = truth(vendors, symbol, "prices")
        for opened, high, low, close in zip(
            rows["open"], rows["high"], rows["low"], rows["close"], strict=True
        ):
            assert 0.01 <= low <= min(opened, close)
            assert max(opened, close) <= high
            assert abs(close * 100 - round(close * 100)) < 1e-6


def test_one_sessions_bars_are_those_of_each_listing() -> None:
    listings = market_of(200).world.traded("polygon")
    number = 2000
    listings = [one for one in listings if one.first <= number]
    day = day_of(listings, number)
    for place, listing in enumerate(listings):
        bar = listing.bars(number, number + 1)
        for name in ("open", "high", "low", "close", "volume", "halted"):
            assert getattr(bar, name)[0] == getattr(day, name)[place]


def test_a_market_has_some_of_everything() -> None:
    listings = market_of(400).world.listings.values()
    today = market_of(1).world.number
    assert any(one.delisted for one in listings)
    assert any(0 < one.first <= today for one in listings)
    assert any(one.first > today for one in listings)
    assert 0.8 < sum(one.optionable for one in listings) / len(listings) < 0.9
    assert {(s.numerator, s.denominator) for one in listings for s in one.splits} >= {
        (2, 1),
        (3, 1),
        (4, 1),
        (1, 10),
        (3, 2),
    }
    assert any(bar for one in listings if one.halts for bar in one.bars(0, today).halted)
    assert 0.3 < sum(bool(one.dividends) for one in listings) / len(listings) < 0.5


def test_moving_on_by_three_days_crosses_a_split() -> None:
    vendors = market_of()
    assert truth(vendors, RESTLESS, "actions")["scheduled"]["splits"][0] == {
        "day": "2026-07-02",
        "numerator": 3,
        "denominator": 2,
    }
    vendors.move(date(2026, 7, 2))
    assert truth(vendors, RESTLESS, "actions")["splits"][-1]["day"] == "2026-07-02"
    closes = truth(vendors, RESTLESS, "prices")["close"]
    assert closes[-2] / closes[-1] == pytest.approx(1.5, rel=0.2)


def test_expirations_are_after_today_and_on_sessions() -> None:
    for shift in range(0, 400, 7):
        day = TODAY + timedelta(days=shift)
        for count in (1, 2, 4, 22):
            days = expirations(day, count)
            assert len(days) == count
            assert days == sorted(set(days))
            assert days[0] > day
            assert all(is_session(one) for one in days)


@pytest.mark.parametrize("contracts", [20, 60, 2000])
def test_a_chain_has_as_many_contracts_as_asked_for(contracts: int) -> None:
    vendors = market_of(contracts=contracts)
    for symbol in optionable(vendors)[:5]:
        codes = [row["code"] for row in truth(vendors, symbol, "options")["contracts"]]
        assert len(codes) == len(set(codes)) == contracts


def test_calls_less_puts_are_the_forward_within_the_spread() -> None:
    vendors = market_of(contracts=400)
    pairs = 0
    for symbol in optionable(vendors):
        chain = truth(vendors, symbol, "options")
        rows = {(row["expiration"], row["strike"], row["type"]): row for row in chain["contracts"]}
        for (expiration, strike, kind), call in rows.items():
            put = rows.get((expiration, strike, "put"))
            if kind == "call" and strike and put is not None:
                forward = chain["spot"] - strike * math.exp(-RATE * chain["years"][expiration])
                assert call["bid"] - put["ask"] <= forward + 1e-6
                assert forward <= call["ask"] - put["bid"] + 1e-6
                assert call["theo"] - put["theo"] == pytest.approx(forward, abs=3e-4)
                pairs += 1
    assert pairs > 5000


def test_greeks_are_the_slopes_of_the_price() -> None:
    vendors = market_of()
    listing = vendors.world.listings[optionable(vendors)[0]]
    chain = vendors.world.chain(listing)
    assert chain is not None
    truth = options_truth(chain)
    for row in truth["contracts"]:
        if row["strike"] == 0:
            continue
        years = truth["years"][row["expiration"]]

        def price(
            spot: float,
            iv: float,
            left: float,
            rate: float,
            strike: float = row["strike"],
            call: bool = row["type"] == "call",
        ) -> float:
            d1 = (math.log(spot / strike) + (rate + iv**2 / 2) * left) / (iv * math.sqrt(left))
            d2 = d1 - iv * math.sqrt(left)
            n1, n2 = (0.5 * (1 + math.erf(d / math.sqrt(2))) for d in (d1, d2))
            value = spot * n1 - strike * math.exp(-rate * left) * n2
            return value if call else value - spot + strike * math.exp(-rate * left)

        spot, iv, step = chain.spot, row["iv"], 0.01
        assert row["theo"] == pytest.approx(price(spot, iv, years, RATE), abs=1e-4)
        up, down = price(spot + step, iv, years, RATE), price(spot - step, iv, years, RATE)
        assert row["delta"] == pytest.approx((up - down) / (2 * step), abs=1e-3)
        gamma = (up - 2 * price(spot, iv, years, RATE) + down) / step**2
        assert row["gamma"] == pytest.approx(gamma, rel=0.02, abs=1e-5)
        vega = (price(spot, iv + 1e-4, years, RATE) - price(spot, iv - 1e-4, years, RATE)) / 0.02
        assert row["vega"] == pytest.approx(vega, abs=1e-3)
        theta = (price(spot, iv, years - 1e-5, RATE) - price(spot, iv, years, RATE)) / 1e-5 / 365
        assert row["theta"] == pytest.approx(theta, abs=max(2e-3, abs(theta) * 0.05))
        rho = (price(spot, iv, years, RATE + 1e-4) - price(spot, iv, years, RATE - 1e-4)) / 0.02
        assert row["rho"] == pytest.approx(rho, abs=1e-3)


def test_bad_contracts_are_few_and_named() -> None:
    vendors = market_of(150, contracts=200)
    wrong = [
        row["bad"] for symbol in optionable(vendors) for row in truth(vendors, symbol, "options")["contracts"]
    ]
    assert {one for one in wrong if one is not None} == set(BAD)
    assert 0.003 < sum(one is not None for one in wrong) / len(wrong) < 0.02


def test_a_chain_follows_from_seed_symbol_and_day_alone() -> None:
    one, other = market_of(40), market_of(200)
    symbol = optionable(one)[3]
    assert truth(one, symbol, "options") == truth(other, symbol, "options")
    listing = one.world.listings[symbol]
    assert chain_of(listing, date(2026, 7, 1), 60).bids != chain_of(listing, TODAY, 60).bids
