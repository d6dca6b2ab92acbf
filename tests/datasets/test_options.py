"""Chains become snapshots whole, whatever is wrong with single quotes; they are asked for when old."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from evertape.datasets import options
from evertape.datasets.options import OptionQuote
from evertape.datasets.quality import Finding
from evertape.datasets.universe import listing_id
from evertape.formats.chains import Chain, Quote
from evertape.formats.greeks import greeks, years_to
from evertape.model.dataset import Asked, Evidence
from evertape.model.records import Row, table_of
from evertape.model.unit import Freshness, Holding, Outcome, Standing, Unit

KEY = "AAPL:320193"
AT = datetime(2026, 7, 10, 20, 30, tzinfo=UTC)
FRIDAY = date(2026, 8, 14)
UNIT = Unit("options", KEY, extent="dte 30")


def quote(name: str, **changes: object) -> Quote:
    sound = Quote(
        name,
        "put",
        FRIDAY,
        190.0,
        bid=2.0,
        ask=2.2,
        last=2.1,
        volume=5,
        open_interest=7,
        implied_volatility=0.3,
    )
    return sound._replace(**changes)  # type: ignore[arg-type]


def chain(*quotes: Quote, price: float | None = 200.0) -> Chain:
    return Chain(symbol="AAPL", price=price, priced_at=AT, quotes=quotes)


def settle(*chains: Chain, was: Holding | None = None) -> options.Read:
    return options.settle(UNIT, chains, "cboe", AT, was, 1234)


def named(record: type, row: Row) -> dict[str, object]:
    return dict(zip(table_of(record).names, row, strict=True))


def test_a_quote_becomes_a_row_in_the_records_order() -> None:
    read = settle(chain(quote("A", traded_at=AT)))
    row = named(OptionQuote, read.quotes[0])
    expected = greeks("put", 200.0, 190.0, years_to(FRIDAY, AT), 0.3)
    assert row == {
        "listing_id": listing_id("AAPL", 320193), "taken_at": AT, "contract": "A", "day": date(2026, 7, 10),
        "source": "cboe", "kind": "put", "expiration": FRIDAY, "strike": 190.0, "dte": 35, "bid": 2.0,
        "ask": 2.2, "mid": pytest.approx(2.1), "last": 2.1, "volume": 5, "open_interest": 7,
        "implied_volatility": 0.3, **expected._asdict(), "greeks_computed": True, "stock_price": 200.0,
        "monthly_return": pytest.approx(2.1 / 190 * 30 / 35, abs=1e-12),
        "annual_return": pytest.approx(2.1 / 190 * 365 / 35, abs=1e-12), "traded_at": AT,
    }  # fmt: skip
    assert read.findings == ()
    assert (read.holding.outcome, read.holding.size) == (Outcome.SETTLED, 1234)


def test_no_bad_quote_stops_a_chain_and_each_is_flagged() -> None:
    bad: dict[str, dict[str, object]] = {
        "zero volatility": {"implied_volatility": 0.0},
        "no number": {"implied_volatility": math.nan},
        "sentinel": {"implied_volatility": -999.0},
        "crossed": {"bid": 3.0},
        "no strike": {"strike": 0.0},
        "strike unknown": {"strike": math.nan},
        "no volume": {"volume": None},
    }
    read = settle(
        chain(quote("first"), *(quote(name, **changes) for name, changes in bad.items()), quote("last"))
    )
    assert [row[2] for row in read.quotes] == ["first", *bad, "last"]
    found = [named(Finding, row) for row in read.findings]
    assert [(f["period_type"], f["severity"]) for f in found] == [
        ("zero volatility", "soft"),
        ("no number", "soft"),
        ("sentinel", "soft"),
        ("crossed", "hard"),
        ("no strike", "hard"),
        ("strike unknown", "hard"),
        ("no volume", "note"),
    ]
    assert {(f["cik"], f["table_name"], f["report_date"]) for f in found} == {
        (320193, "option_quotes", date(2026, 7, 10))
    }
    assert found[3]["sentence"] == "crossed: the bid of 3 is above the ask of 2.2"
    keys = [tuple(f[name] for name in Finding.key) for f in found]
    assert len(set(keys)) == len(keys)


def test_the_first_sound_price_of_the_answers_is_the_stocks() -> None:
    read = settle(chain(price=math.nan), chain(quote("A"), price=201.0))
    assert named(OptionQuote, read.quotes[0])["stock_price"] == 201.0
    assert read.findings == ()
    read = settle(chain(quote("A"), quote("B"), price=-999.0))
    assert named(OptionQuote, read.quotes[0])["stock_price"] is None
    assert [named(Finding, row)["sentence"] for row in read.findings] == [
        "AAPL: the stock's price was sent as -999"
    ]


def test_no_options_is_knowledge_with_a_longer_wait_each_time() -> None:
    first = settle(chain()).holding
    second = settle(chain(), was=first).holding
    assert (first.outcome, first.not_before, first.strikes) == (Outcome.NOTHING, AT + timedelta(days=1), 1)
    assert (second.not_before, second.strikes) == (AT + timedelta(days=2), 2)
    assert settle(chain(quote("A")), was=second).holding.strikes == 0


def test_the_expirations_nearest_to_a_target() -> None:
    days = [date(2026, 7, 3), *(date(2026, 7, 10) + timedelta(days=7 * n) for n in range(9))]
    assert options.nearest(days, "all", date(2026, 7, 10)) == tuple(days[1:])
    found = options.nearest(days[::-1], "dte 30", date(2026, 7, 10))
    assert [(day - date(2026, 7, 10)).days for day in found] == [21, 28, 35]
    assert options.nearest([], "dte 30", date(2026, 7, 10)) == ()


def taken_at(taken: datetime, extent: str, outcome: Outcome = Outcome.SETTLED) -> Holding:
    return Holding(
        unit=Unit("options", KEY, extent=extent),
        outcome=outcome,
        checked_at=taken,
        source="cboe",
        not_before=None if outcome is Outcome.SETTLED else taken + timedelta(days=1),
    )


def standing(now: datetime, taken: datetime, extent: str = "dte 30", **asked: object) -> Standing:
    return standing_of(now, taken_at(taken, extent), **asked)


def standing_of(now: datetime, held: Holding, **asked: object) -> Standing:
    wish = Asked(
        companies={}, scope="symbols", since=date(2020, 1, 1), listings={KEY: "AAPL"}, **asked  # type: ignore[arg-type]
    )  # fmt: skip
    return options.due(Evidence(rows={}, holdings={"options": {KEY: held}}), wish, now)[0]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of July 2026; New York is four hours behind, and the 10th is a Friday."""
    return datetime(2026, 7, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("taken", "now", "level"),
    [
        (at(10, 15), at(10, 15, 59), Freshness.FRESH),
        (at(10, 15), at(10, 16), Freshness.RECENT),
        (at(10, 20), at(13, 13, 29), Freshness.FRESH),
        (at(10, 20), at(13, 13, 30), Freshness.STALE),
        (at(10, 19, 59), at(11, 12), Freshness.RECENT),
        (at(10, 19, 59), at(12, 12), Freshness.STALE),
        (at(1, 12), at(10, 12), Freshness.VERY_STALE),
    ],
)
def test_a_snapshot_is_as_fresh_as_the_market_lets_it_be(
    taken: datetime, now: datetime, level: Freshness
) -> None:
    found = standing(now, taken)
    assert found.level is level
    assert (found.unit is None) == level.current


def test_another_extent_is_missing_unless_all_was_taken() -> None:
    now = at(10, 20, 30)
    assert standing(now, now, "dte 30", target_dte=60).level is Freshness.MISSING
    assert standing(now, now, "dte 30", target_dte=None).level is Freshness.MISSING
    assert standing(now, now, "all", target_dte=60).level is Freshness.FRESH


def test_each_extent_is_as_fresh_as_its_own_snapshot_whichever_was_taken_last() -> None:
    now = at(10, 20, 30)
    near, far, every = (
        taken_at(at(10, 20, minute), name) for minute, name in ((20, "dte 30"), (10, "dte 60"), (5, "all"))
    )
    both = replace(near, beside=(far,))
    assert [standing_of(now, both, target_dte=n).level.current for n in (30, 60, 90)] == [True, True, False]
    assert standing_of(now, replace(near, beside=(every,)), target_dte=None).level is Freshness.FRESH
    assert standing_of(now, replace(near, beside=(far, every)), target_dte=90).level is Freshness.FRESH
    old = taken_at(at(1, 12), "dte 60")
    assert standing_of(now, replace(near, beside=(old,)), target_dte=60).level is Freshness.VERY_STALE


def test_that_nobody_knows_a_chain_holds_for_every_extent_until_one_is_answered() -> None:
    now = at(10, 20, 30)
    unknown = taken_at(at(10, 20, 20), "dte 30", Outcome.PENDING)
    near = taken_at(at(10, 20, 10), "dte 60")
    pending = standing_of(now, replace(unknown, beside=(near,)), target_dte=90)
    assert (pending.level, pending.unit) == (Freshness.PENDING, None)
    later = replace(near, checked_at=at(10, 20, 25), beside=(unknown,))
    assert standing_of(now, later, target_dte=30).level is Freshness.MISSING
