"""Quotes as the sandbox sends them: the last session as traded, and of dividends no more than a day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import pytest

from evertape.sandbox.exchange import closes_at, number_of, opens_at, sessions
from evertape.sandbox.vendors import Vendors
from tests.sandbox.bazaar import COOKIE, CRUMB, RESTLESS, ask_json, market_of, truth

DIVIDENDS = {
    "dividendDate", "dividendRate", "dividendYield", "trailingAnnualDividendRate",
    "trailingAnnualDividendYield",
}  # fmt: skip


def quotes(vendors: Vendors, *symbols: str) -> dict[str, Any]:
    url = f"https://query1.finance.yahoo.com/v7/finance/quote?symbols={','.join(symbols)}&formatted=false"
    found = ask_json(vendors, f"{url}&crumb={quote(CRUMB)}", **COOKIE)["quoteResponse"]
    assert found["error"] is None
    return {row["symbol"]: row for row in found["result"]}


def test_a_quote_is_the_last_session_as_traded() -> None:
    vendors = market_of(60)
    symbols = [one.symbol for one in vendors.world.traded("yahoo")]
    found = quotes(vendors, *symbols, "NOPE")
    assert list(found) == symbols
    for symbol, row in found.items():
        rows = truth(vendors, symbol, "prices")
        told = [row[f"regularMarket{name}"] for name in ("Open", "DayHigh", "DayLow", "Price", "Volume")]
        assert told == [rows[name][-1] for name in ("open", "high", "low", "close", "volume")]
        assert row["regularMarketTime"] == closes_at(date.fromisoformat(rows["days"][-1])) + 1


@pytest.mark.parametrize("today", [date(2026, 7, 3), date(2026, 7, 5)])
def test_on_a_holiday_it_is_that_of_the_session_before(today: date) -> None:
    vendors = market_of(today=today)
    row = quotes(vendors, "GAAC")["GAAC"]
    assert row["regularMarketTime"] == closes_at(date(2026, 7, 2)) + 1


def test_the_close_before_a_split_counts_new_shares() -> None:
    vendors = market_of(today=date(2026, 7, 2))
    before = truth(vendors, RESTLESS, "prices")["close"][-2]
    row = quotes(vendors, RESTLESS)[RESTLESS]
    assert row["regularMarketPreviousClose"] == pytest.approx(before / 1.5, abs=1e-4)


def test_while_a_session_is_under_way_a_quote_is_of_its_middle() -> None:
    vendors = market_of()
    vendors.settle({"yahoo": {"live": True}})
    row = quotes(vendors, "GAAC")["GAAC"]
    day = date(2026, 6, 30)
    assert opens_at(day) < row["regularMarketTime"] < closes_at(day)
    assert (row["marketState"], row["regularMarketPrice"]) == ("REGULAR", row["regularMarketOpen"])


def test_a_payer_tells_when_the_dividend_declared_last_is_paid_which_is_after_its_ex_date() -> None:
    vendors = market_of(60)
    days = sessions()
    listings = vendors.world.traded("yahoo")
    assert any(one.dividends for one in listings)
    assert any(not one.dividends for one in listings)
    changed = 0
    for shift in range(0, 70, 3):
        today = days[number_of(date(2026, 3, 2)) + shift]
        vendors.move(today)
        for listing in listings:
            row = quotes(vendors, listing.symbol)[listing.symbol]
            assert DIVIDENDS & row.keys() == (DIVIDENDS if listing.dividends else set())
            if not listing.dividends:
                continue
            paid = datetime.fromtimestamp(row["dividendDate"], UTC)
            assert (paid.hour, paid.minute) == (0, 0)
            told = truth(vendors, listing.symbol, "actions")
            past = [each["day"] for each in told["dividends"]]
            soon = [each["day"] for each in told["scheduled"]["dividends"]]
            ahead = [day for day in soon if number_of(date.fromisoformat(day)) - number_of(today) <= 7]
            latest = date.fromisoformat((past + ahead)[-1])
            between = number_of(paid.date()) - number_of(latest)
            assert 3 <= between <= 15
            changed += bool(ahead)
    assert changed
