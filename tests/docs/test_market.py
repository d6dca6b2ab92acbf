"""The commands of docs/market.md run as they stand, with two listings of a generated market for its own."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from evertape.formats.greeks import years_to
from evertape.formats.quotes import LEAST_VOLATILITY, MOST_VOLATILITY
from tests.e2e.conftest import market, serve, world
from tests.e2e.world import World

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "market.md").read_text()
__all__ = ["market", "serve", "world"]


def optionable(url: str, symbols: list[str]) -> list[str]:
    """Those that have options, by the market's own truth."""
    found = []
    for symbol in symbols:
        with urllib.request.urlopen(f"{url}/_sandbox/truth?symbol={symbol}&kind=options") as answer:
            if json.load(answer)["contracts"]:
                found.append(symbol)
    return found


def test_the_commands_of_the_page_fetch_and_show(market: Callable[..., World]) -> None:
    told = market(8, contracts=1000)
    told.extra = {"EVERTAPE_LIMITS": "yahoo=500/s,cboe=500/s"}
    with urllib.request.urlopen(f"{told.url}/_sandbox/companies") as answer:
        listed = [company["symbol"] for company in json.load(answer) if company["symbol"]]
    first, second, *_ = optionable(told.url, listed)
    block = re.search(r"```\n(evertape .*?)```", PAGE, re.DOTALL)
    assert block
    for command in block.group(1).strip().splitlines():
        words = command.replace("AAPL", first).replace("MSFT", second).split()[1:]
        done = told.run(*words, *(["--yes"] if words[0] == "refresh" else []))
        assert done.returncode == 0, (words, done.stderr)
        if words[0] != "refresh":
            assert first in done.stdout
    prices = told.json("prices", first)
    assert len(prices) > 400
    assert {row["source"] for row in prices} == {"yahoo"}
    chain = told.json("options", first, "--dte", "25-40", "--delta", "0.2-0.35")
    assert chain
    assert all(25 <= row["dte"] <= 40 and 0.2 <= abs(row["delta"]) <= 0.35 for row in chain)


def test_the_time_and_the_bounds_of_computed_greeks_are_those_of_the_page() -> None:
    page = " ".join(PAGE.split())
    told = re.search(
        r"to 16:00 in New York on the day of expiration, at least (\d+) hour, in years of 365", page
    )
    assert told
    # 23:59 in New York, as a pretended day ends, is four in the morning of UTC in summer.
    ended = datetime(2026, 7, 3, 3, 59, tzinfo=UTC)
    assert years_to(date(2026, 7, 10), ended) == pytest.approx((8 - (8 - 1 / 60) / 24) / 365)
    assert years_to(date(2026, 7, 2), ended) == pytest.approx(int(told[1]) / 24 / 365)
    bounds = re.search(r"0\.00001, whatever is below ([\d.]+) % or above (\d+) % a year", page)
    assert bounds
    assert [float(bound) / 100 for bound in bounds.groups()] == [LEAST_VOLATILITY, MOST_VOLATILITY]


def test_every_setting_of_the_page_is_read(world: World) -> None:
    settings = dict(re.findall(r"`(EVERTAPE_[A-Z]+)=([^`]+)`", PAGE))
    assert set(settings) == {"EVERTAPE_SOURCES", "EVERTAPE_LIMITS", "EVERTAPE_CIRCUIT"}
    world.extra = settings
    told = {row["source"]: row for row in world.json("providers")}
    assert (told["cboe"]["limit_count"], told["cboe"]["window_seconds"]) == (60, 60.0)
    for name, wrong in (("EVERTAPE_LIMITS", "yahoo=fast"), ("EVERTAPE_CIRCUIT", "20")):
        world.extra = {name: wrong}
        done = world.run("providers")
        assert done.returncode == 2
        assert name in done.stderr
