"""A dataset dropped in as one file and a source as another: plan, fetch, store and show follow."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evertape.clock import ManualClock
from evertape.database import Database, Selection
from evertape.errors import UserError
from evertape.model.call import Call, Reply
from evertape.settings import load
from evertape.sources import constituents
from tests.conformance.answers import CONSTITUENTS, TICKERS

PLUGINS = Path(__file__).parent / "plugins"


@dataclass
class Scripted:
    """Answers by address; counts what it was asked."""

    clock: ManualClock
    answers: dict[str, bytes]
    asked: list[str] = field(default_factory=list)

    async def send(self, call: Call) -> Reply:
        self.asked.append(call.url)
        body = self.answers.get(call.url)
        return Reply(
            call=call,
            status=200 if body is not None else 404,
            headers={},
            body=body or b"<?xml version='1.0'?><Error/>",
            wire=len(body or b""),
            at=self.clock.now(),
        )

    async def close(self) -> None:
        """Nothing is open."""


ANSWERS = {
    "https://www.sec.gov/files/company_tickers_exchange.json": TICKERS,
    constituents.URL: CONSTITUENTS,
    "https://clearing.example/short/0000320193?page=1": json.dumps(
        {"cik": 320193, "rows": [["2026-06-15", 100]], "next": "/short/0000320193?page=2"}
    ).encode(),
    "https://clearing.example/short/0000320193?page=2": json.dumps(
        {"cik": 320193, "rows": [["2026-06-30", 120]], "next": None}
    ).encode(),
}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[tuple[Database, Scripted]]:
    shutil.copytree(PLUGINS, tmp_path / "home" / "plugins")
    clock = ManualClock(datetime(2026, 7, 1, 12, tzinfo=UTC))
    transport = Scripted(clock, ANSWERS)
    settings = load({"EVERTAPE_HOME": str(tmp_path / "home"), "EVERTAPE_STATE": str(tmp_path)})
    with Database(settings, clock=clock, transport=transport) as opened:
        yield opened, transport


def test_a_dropped_in_pair_is_planned_fetched_stored_and_shown(db: tuple[Database, Scripted]) -> None:
    opened, transport = db
    chosen = Selection(symbols=("AAPL",))
    checked = asyncio.run(opened.check("short_interest", chosen))
    assert [(s.feed, len(s.calls)) for s in checked.plan.steps] == [("clearing.short", 1)]
    assert (checked.report.total, checked.report.missing) == (1, 1)
    done = asyncio.run(opened.apply(checked.plan))
    assert (done.right, done.failed, done.requests) == (1, 0, 2)
    _, rows = opened.store.sql("SELECT settled_on, shares FROM short_interest ORDER BY settled_on")
    assert [tuple(row) for row in rows] == [("2026-06-15", 100.0), ("2026-06-30", 120.0)]
    before = len(transport.asked)
    again = asyncio.run(opened.check("short_interest", chosen))
    assert not again.plan.steps
    assert again.report.current == 1
    assert len(transport.asked) == before


def test_its_own_freshness_rule_makes_it_due_again(db: tuple[Database, Scripted]) -> None:
    opened, _ = db
    chosen = Selection(symbols=("AAPL",))
    asyncio.run(opened.apply(asyncio.run(opened.check("short_interest", chosen)).plan))

    async def later() -> int:
        clock = opened.clock
        assert isinstance(clock, ManualClock)
        await clock.advance(15 * 86_400)
        return len((await opened.check("short_interest", chosen)).plan.steps)

    assert asyncio.run(later()) == 1


def test_an_unknown_target_names_the_dropped_in_dataset(db: tuple[Database, Scripted]) -> None:
    opened, _ = db
    with pytest.raises(UserError, match="short_interest"):
        asyncio.run(opened.check("nonsense"))
