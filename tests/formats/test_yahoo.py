"""Yahoo's bodies become bars and chains with the figures that the recorded files hold."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evertape.formats import yahoo
from evertape.formats.bars import Bar, Dividend, MalformedPrices, Series, Split, as_traded
from evertape.formats.chains import MalformedChain
from tests.formats.test_yahoo_quotes import QUOTES
from tests.sources.market_recordings import Recording, of_host

HOST = "query2.finance.yahoo.com"
NEW_YORK = ZoneInfo("America/New_York")
CLOSED = date(2025, 6, 23)
NVDA = "historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv"
MSFT = "historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv"
AAPL = "chart-AAPL-2020-08-31-to-2020-11-07"
CHARTS = {
    "chart-AAPL": 1,
    AAPL: 49,
    "chart-AMZN-2020-01-01-to-2020-01-03": 1,
    "chart-GOOG-2020-01-01-to-2020-01-03": 1,
    "chart-EPAC-2020-01-01-to-2020-01-03": 1,
    NVDA: 252,
    MSFT: 252,
}
OXY = {
    "2025-06-27": 68, "2025-07-03": 65, "2025-07-11": 51, "2025-07-18": 58, "2025-07-25": 35,
    "2025-08-01": 30, "2025-08-15": 38, "2025-09-19": 42, "2025-10-17": 25, "2025-11-21": 36,
    "2026-01-16": 58, "2026-02-20": 11, "2026-03-20": 40, "2026-06-18": 39, "2026-09-18": 26,
    "2026-12-18": 50, "2027-01-15": 44,
}  # fmt: skip
"""Contracts of each expiration, calls and puts."""
CHAINS = {
    "options-AAPL": (54, 48), "options-AAPL-expire-2022-03-01": (0, 0), "options-ABBV": (25, 22),
    "options-EBAY": (28, 19), "options-PYPL": (43, 37), "options-QQQ": (78, 102), "options-EPAC": (0, 1),
    "options-EURUSD=X": (0, 0), "options-ADH": (0, 0),
}  # fmt: skip


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, Recording]:
    return of_host(shared, HOST)


def chart(recording: Recording, *, whole: bool = False) -> Series:
    series = yahoo.read_chart(recording.body, closed=CLOSED, basis=recording.at.date(), whole=whole)
    assert series is not None
    return series


@pytest.mark.shared
def test_every_recording_is_read_by_one_of_these_tests(recorded: dict[str, Recording]) -> None:
    others = {name for name in recorded if not name.startswith("v7_finance_options_OXY")}
    assert others == {*CHARTS, *CHAINS, *QUOTES}


@pytest.mark.shared
@pytest.mark.parametrize("name", CHARTS)
def test_bars_are_the_files(recorded: dict[str, Recording], name: str) -> None:
    series = chart(recorded[name])
    told = recorded[name].told["chart"]["result"][0]
    (quote,) = told["indicators"]["quote"]
    days = [datetime.fromtimestamp(stamp, NEW_YORK).date() for stamp in told["timestamp"]]
    assert len(series.bars) == CHARTS[name]
    columns = (quote[each] for each in ("open", "high", "low", "close", "volume"))
    assert [tuple(bar[:6]) for bar in series.bars] == list(zip(days, *columns, strict=True))
    assert (series.symbol, series.currency, series.adjusted) == (told["meta"]["symbol"], "USD", True)
    assert (series.basis, series.tells_splits) == (recorded[name].at.date(), False)


@pytest.mark.shared
def test_splits_dividends_and_first_days_of_recorded_charts(recorded: dict[str, Recording]) -> None:
    apple, nvidia, microsoft = (chart(recorded[name]) for name in (AAPL, NVDA, MSFT))
    assert apple.splits == (Split(date(2020, 8, 31), 4, 1),)
    assert apple.dividends == (Dividend(date(2020, 11, 6), 0.205, "USD"),)
    assert apple.first_day == date(1980, 12, 12)
    assert apple.bars[0][:2] == (date(2020, 8, 31), 127.58000183105469)
    assert nvidia.splits == (Split(date(2021, 7, 20), 4, 1),)
    assert [(str(paid.day), paid.amount) for paid in microsoft.dividends] == [
        ("2021-02-17", 0.56), ("2021-05-19", 0.56), ("2021-08-18", 0.56), ("2021-11-17", 0.62),
    ]  # fmt: skip
    assert microsoft.splits == ()


TEN = Split(date(2024, 6, 10), 10, 1)
"""NVDA's split after the end of the recorded answer, for which its numbers are adjusted."""


@pytest.mark.shared
def test_nvda_comes_out_as_it_was_traded(recorded: dict[str, Recording]) -> None:
    series = replace(chart(recorded[NVDA]), tells_splits=True)
    bars = {bar.day: bar for bar in as_traded(series, (TEN,)).bars}
    assert bars[date(2021, 2, 1)].close == pytest.approx(529.48, abs=0.01)
    assert bars[date(2021, 2, 1)].volume == 217_204_000 / 40
    assert bars[date(2021, 7, 19)].close == pytest.approx(751.19, abs=0.01)
    june = [bar.close for day, bar in bars.items() if date(2021, 6, 25) <= day < date(2021, 7, 20)]
    assert all(close is not None and 720 < close < 830 for close in june)
    assert bars[date(2021, 7, 20)].close == pytest.approx(186.12, abs=0.01)


@pytest.mark.shared
def test_an_answer_that_ends_before_its_basis_is_not_rescaled(recorded: dict[str, Recording]) -> None:
    series = chart(recorded[NVDA])
    assert as_traded(series, (TEN,)) is series


@pytest.mark.shared
def test_dividends_are_adjusted_for_later_splits(recorded: dict[str, Recording]) -> None:
    """NVDA paid 16 cents before its split of July 2021 and 4 cents after it; both are 0.4 cents of today's
    shares, and only that explains the steps of the closes that Yahoo adjusts for dividends."""
    told = recorded[NVDA].told["chart"]["result"][0]
    closes, adjusted = told["indicators"]["quote"][0]["close"], told["indicators"]["adjclose"][0]["adjclose"]
    factors = [a / c for a, c in zip(adjusted, closes, strict=True)]
    steps = [
        (before, (1 - before / after) * close)
        for before, after, close in zip(factors, factors[1:], closes, strict=False)
        if after / before - 1 > 1e-4
    ]
    assert [paid for _, paid in steps] == pytest.approx([0.004] * 4, abs=1e-5)


def apple(**more: Any) -> bytes:
    """AAPL around its split of 2020-08-31, in the recorded shape and on the basis of 2025."""
    days = [date(2020, 8, 7), date(2020, 8, 28), date(2020, 8, 31)]
    stamps = [int(datetime(d.year, d.month, d.day, 9, 30, tzinfo=NEW_YORK).timestamp()) for d in days]
    quote = {
        "open": [113.205002, 126.012497, 127.580002],
        "high": [113.675003, 126.442497, 131.0],
        "low": [110.292503, 124.577499, 126.0],
        "close": [111.112503, 124.807503, 129.039993],
        "volume": [198045600, 187630000, 225702700],
    }
    events = {
        "dividends": {str(stamps[0]): {"amount": 0.205, "date": stamps[0]}},
        "splits": {str(stamps[2]): {"date": stamps[2], "numerator": 4, "denominator": 1}},
    }
    meta = {
        "symbol": "AAPL",
        "currency": "USD",
        "gmtoffset": -18000,
        "exchangeTimezoneName": "America/New_York",
    }
    result = {"meta": meta, "timestamp": stamps, "events": events, "indicators": {"quote": [quote]}, **more}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def read(body: bytes, closed: date = CLOSED, *, whole: bool = True) -> Series:
    series = yahoo.read_chart(body, closed=closed, basis=date(2025, 6, 24), whole=whole)
    assert series is not None
    return series


def test_aapl_before_its_split_comes_out_at_500_dollars_and_82_cents() -> None:
    traded = as_traded(read(apple()))
    assert [bar.close for bar in traded.bars] == pytest.approx([444.45, 499.23, 129.04], abs=0.01)
    assert [bar.volume for bar in traded.bars] == [198045600 / 4, 187630000 / 4, 225702700]
    assert traded.dividends == (Dividend(date(2020, 8, 7), 0.82, "USD"),)


def test_a_session_that_has_not_closed_is_no_bar() -> None:
    assert [bar.day for bar in read(apple(), closed=date(2020, 8, 28)).bars] == [
        date(2020, 8, 7), date(2020, 8, 28),
    ]  # fmt: skip


def at(*moments: datetime, close: list[float | None]) -> bytes:
    stamps = [int(moment.timestamp()) for moment in moments]
    quote = {"close": close, "open": close, "high": close, "low": close, "volume": [1] * len(close)}
    return apple(timestamp=stamps, indicators={"quote": [quote]}, events={})


def test_the_live_row_beside_a_sessions_bar_is_left_out() -> None:
    moments = datetime(2025, 6, 20, 13, 30, tzinfo=UTC), datetime(2025, 6, 20, 20, 0, 1, tzinfo=UTC)
    assert read(at(*moments, close=[200.0, 201.0])).bars == (
        Bar(date(2025, 6, 20), 200.0, 200.0, 200.0, 200.0, 1),
    )
    (bar,) = read(at(*moments, close=[None, 201.0])).bars
    assert bar.close == 201.0


def test_a_bar_without_numbers_stays_an_empty_place() -> None:
    bars = read(at(datetime(2025, 6, 20, 13, 30, tzinfo=UTC), close=[None])).bars
    assert [(bar.day, bar.empty) for bar in bars] == [(date(2025, 6, 20), True)]


def test_a_bars_day_is_the_date_at_its_exchange() -> None:
    moment = datetime(2025, 6, 20, 0, 0, tzinfo=UTC)
    tokyo = {"symbol": "7203.T", "gmtoffset": 32400, "exchangeTimezoneName": "Asia/Tokyo"}
    body = json.loads(at(moment, close=[1.0]))
    assert read(json.dumps(body).encode()).bars[0].day == date(2025, 6, 19)
    body["chart"]["result"][0]["meta"] = tokyo
    assert read(json.dumps(body).encode()).bars[0].day == date(2025, 6, 20)
    body["chart"]["result"][0]["meta"] = {**tokyo, "exchangeTimezoneName": "No/Where"}
    assert read(json.dumps(body).encode()).bars[0].day == date(2025, 6, 20)


def test_a_symbol_without_bars_in_the_days_asked_for_has_none() -> None:
    body = b'{"chart":{"result":[{"meta":{"symbol":"X"},"indicators":{"quote":[{}]}}],"error":null}}'
    assert read(body).bars == ()


@pytest.mark.parametrize(
    "error",
    [
        {"code": "Not Found", "description": "No data found, symbol may be delisted"},
        {"code": "Bad Request", "description": "Data doesn't exist for startDate = 1, endDate = 2"},
    ],
)
def test_an_unknown_symbol_is_no_series(error: dict[str, str]) -> None:
    body = json.dumps({"chart": {"result": None, "error": error}}).encode()
    assert yahoo.read_chart(body, closed=CLOSED, basis=CLOSED, whole=True) is None
    told = yahoo.read_error(body)
    assert told == yahoo.Told(code=error["code"], description=error["description"], unknown=True)


@pytest.mark.parametrize(
    "broken",
    [
        b"", b"[]", b"{}", b'{"chart":{"result":[],"error":null}}', apple()[:-9], apple(timestamp=[1]),
        apple(timestamp=["1"]), apple(indicators={"quote": []}),
        apple(indicators={"quote": [{"open": [1, 2, 3]}]}),
        apple(timestamp=[10**15] * 3),
        apple(events={"splits": {"1": {"date": 1, "numerator": 4, "denominator": 0}}}),
        b'{"chart":{"result":null,"error":{"code":"Bad Request","description":"Invalid input"}}}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_chart_is_malformed(broken: bytes) -> None:
    with pytest.raises(MalformedPrices):
        read(broken)


def test_a_spark_is_read_by_symbol_in_any_order() -> None:
    def told(symbol: str, close: list[float | None]) -> dict[str, Any]:
        stamps = [int(datetime(2025, 6, day, 13, 30, tzinfo=UTC).timestamp()) for day in (20, 23, 24)]
        response = {
            "meta": {"symbol": symbol},
            "timestamp": stamps,
            "indicators": {"quote": [{"close": close}]},
        }
        return {"symbol": symbol, "response": [response]}

    result = [told("MSFT", [477.4, 486.0, 490.0]), told("AAPL", [201.0, None, 200.0])]
    body = json.dumps({"spark": {"result": result, "error": None}}).encode()
    found = yahoo.read_spark(body, closed=CLOSED, basis=date(2025, 6, 24))
    assert [(s, [bar.close for bar in series.bars]) for s, series in found.items()] == [
        ("MSFT", [477.4, 486.0]), ("AAPL", [201.0, None]),
    ]  # fmt: skip
    assert not found["AAPL"].tells_splits
    with pytest.raises(MalformedPrices):
        yahoo.read_spark(
            b'{"spark":{"result":null,"error":{"code":"Bad Request"}}}', closed=CLOSED, basis=CLOSED
        )


def contracts_of(told: Any) -> list[dict[str, Any]]:
    return [c for each in told["options"] for right in ("calls", "puts") for c in each[right]]


def same_chain(recording: Recording) -> tuple[int, int]:
    """Compare every contract with the file; returns the counts of calls and puts."""
    chain = yahoo.read_options(recording.body)
    told = recording.told["optionChain"]["result"][0]
    assert chain is not None
    assert (chain.symbol, chain.price) == (told["underlyingSymbol"], told["quote"].get("regularMarketPrice"))
    assert chain.priced_at == datetime.fromtimestamp(told["quote"]["regularMarketTime"], UTC)
    epochs = [datetime.fromtimestamp(epoch, UTC).date() for epoch in told["expirationDates"]]
    assert list(chain.expirations) == epochs
    assert [
        (q.contract, q.strike, q.bid, q.ask, q.last, q.volume, q.open_interest, q.implied_volatility)
        for q in chain.quotes
    ] == [
        (
            c["contractSymbol"], c["strike"], c.get("bid"), c.get("ask"), c.get("lastPrice"), c.get("volume"),
            c.get("openInterest"), c.get("impliedVolatility"),
        )
        for c in contracts_of(told)
    ]  # fmt: skip
    for quote in chain.quotes:
        assert (quote.contract[-9] == "C") is (quote.right == "call")
        assert quote.contract[-15:-9] == f"{quote.expiration:%y%m%d}"
        assert int(quote.contract[-8:]) == round(quote.strike * 1000)
    counts = Counter(quote.right for quote in chain.quotes)
    return counts["call"], counts["put"]


@pytest.mark.shared
@pytest.mark.parametrize("name", CHAINS)
def test_chains_are_the_files(recorded: dict[str, Recording], name: str) -> None:
    assert same_chain(recorded[name]) == CHAINS[name]


@pytest.mark.shared
def test_every_expiration_of_oxy_is_the_files(recorded: dict[str, Recording]) -> None:
    found: dict[str, int] = {}
    names = [name for name in recorded if name.startswith("v7_finance_options_OXY")]
    assert len(names) == 36
    for name in names:
        day = contracts_of(recorded[name].told["optionChain"]["result"][0])[0]["expiration"]
        found[str(datetime.fromtimestamp(day, UTC).date())] = sum(same_chain(recorded[name]))
    assert found == OXY


@pytest.mark.shared
def test_figures_of_recorded_chains(recorded: dict[str, Recording]) -> None:
    chain = yahoo.read_options(recorded["options-EPAC"].body)
    assert chain is not None
    (quote,) = chain.quotes
    assert quote[:8] == ("EPAC250321P00045000", "put", date(2025, 3, 21), 45.0, 0.0, 0.0, 1.41, 1.0)
    assert quote.implied_volatility == 0.015634843750000002
    assert quote.traded_at == datetime(2025, 2, 21, 17, 49, 28, tzinfo=UTC)
    assert (chain.price, chain.priced_at) == (45.46, datetime(2025, 2, 21, 21, 0, 2, tzinfo=UTC))
    none = yahoo.read_options(recorded["options-ADH"].body)
    assert none is not None
    assert (none.quotes, none.expirations, none.price) == ((), (), None)
    euro = yahoo.read_options(recorded["options-EURUSD=X"].body)
    assert euro is not None
    assert (euro.quotes, euro.price) == ((), 1.0481081)


@pytest.mark.parametrize(
    ("body", "known"),
    [
        (b'{"optionChain":{"result":[],"error":null}}', False),
        (
            b'{"optionChain":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}',
            False,
        ),
        (b'{"optionChain":{"result":[{"underlyingSymbol":"ADH","options":[]}],"error":null}}', True),
    ],
)
def test_no_such_symbol_and_no_options_are_two_answers(body: bytes, known: bool) -> None:
    assert (yahoo.read_options(body) is not None) is known


@pytest.mark.parametrize(
    "broken",
    [
        b"", b"null", b"{}", b'{"optionChain":{"result":[{}]}}',
        b'{"optionChain":{"result":null,"error":{"code":"Bad Request","description":"no"}}}',
        b'{"optionChain":{"result":[{"underlyingSymbol":"A","options":[{"expirationDate":1,"calls":[{'
        b'"contractSymbol":"what","strike":1,"expiration":1}]}]}]}}',
        b'{"optionChain":{"result":[{"underlyingSymbol":"A","expirationDates":[99999999999999999]}]}}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_chain_is_malformed(broken: bytes) -> None:
    with pytest.raises(MalformedChain):
        yahoo.read_options(broken)
