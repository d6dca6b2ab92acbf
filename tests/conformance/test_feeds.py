"""What holds for every source and feed, also for one dropped in."""

from __future__ import annotations

import copy
import gzip
import json
import math
import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest

from evertape.engine.planner import Roads, make_plan
from evertape.errors import Malformed
from evertape.formats import sessions
from evertape.model.call import Call, Reply
from evertape.model.feed import Feed, Page, Source
from evertape.model.plan import Plan
from evertape.model.records import Column, table_of
from evertape.model.unit import Holding, Outcome, Span, Standing, Unit
from evertape.sources.held import pack
from tests.conformance import market_answers
from tests.conformance.answers import CONSTITUENTS, LISTING, SUBMISSIONS, TICKERS, index
from tests.conformance.worlds import CATALOG, NOW, rounds

every = pytest.mark.parametrize("feed", CATALOG.feeds.values(), ids=list(CATALOG.feeds))
SENDING = {name: source for name, source in CATALOG.sources.items() if source.hosts}
every_source = pytest.mark.parametrize("source", SENDING.values(), ids=list(SENDING))
SECRET = "hunter2-correct-horse"
FACT = {"start": "2026-03-29", "end": "2026-06-27", "val": 1.5, "accn": "0000320193-26-000070", "fy": 2026}
FLOWS = ("Revenues", "NetIncomeLoss", "OperatingIncomeLoss", "GrossProfit")
FACTS = json.dumps(
    {
        "cik": 320193,
        "entityName": "Apple Inc.",
        "facts": {
            "us-gaap": {
                "NetIncomeLoss": {"units": {"USD": [{**FACT, "form": "10-Q", "filed": "2026-07-08"}]}}
            },
            "srt": {"Unread": {"units": {"USD": [{**FACT, "form": "10-Q", "filed": "2026-07-08"}]}}},
        },
    }
).encode()
SHORTS = json.dumps({"cik": 320193, "rows": [["2026-06-15", 100]], "next": None}).encode()
INDEX = index("July 8, 2026", "320193|Apple Inc.|10-Q|2026-07-08|edgar/data/320193/0000320193-26-000070.txt")
HELD = pack(
    {
        "facts": [
            (320193, "us-gaap", tag, "USD", '[[20000,19910,1.5,20030,724000081,"10-Q"]]') for tag in FLOWS
        ],
        "sec_filings": [
            (320193, "0000000007-24-000081", "10-Q", date(2024, 11, 3), True, None, None, None, NOW, None)
        ],
        "companies": [],
    }
)
TRUE = (TICKERS, LISTING, CONSTITUENTS, INDEX, FACTS, SHORTS, HELD, SUBMISSIONS, *market_answers.ALL)
HTML = b"<!DOCTYPE html>\n<html><head><title>Sorry</title></head><body>later</body></html>"
ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    -1,
    10**30,
    -(10**30),
    1e308,
    True,
    [],
    {},
    [[]],
    {"a": None},
    "9999-99-99",
)


@cache
def standings(feed: str) -> tuple[Standing, ...]:
    """All that can be due in its dataset, each once."""
    dataset = CATALOG.datasets[CATALOG.feeds[feed].dataset]
    found = {
        s.key: s for rows in (False, True) for told in rounds(dataset, rows=rows) for s in told if s.unit
    }
    due = tuple(found.values())
    return due if CATALOG.feeds[feed].ask(due) else tuple(map(a_session_later, due))


def a_session_later(standing: Standing) -> Standing:
    """The same once all of its days but the last are held."""
    assert standing.unit is not None
    assert standing.unit.span is not None
    first, last = standing.unit.span.start, standing.unit.span.end
    before = sessions.before(last)
    unit = replace(standing.unit, span=Span(last, last))
    return replace(
        standing, unit=unit, covered=Span(first, before), evidence=(before.isoformat(),), quiet=True
    )


def held_of(feed: Feed, call: Call) -> dict[str, Holding]:
    """What is held of a call's units."""
    keys = {unit.key for unit in call.units}
    return {
        s.key: Holding(
            unit=replace(s.unit, span=s.covered),
            outcome=Outcome.SETTLED,
            checked_at=NOW - timedelta(days=1),
            source=feed.source,
            mark=market_answers.MARK,
        )
        for s in standings(feed.name)
        if s.covered and s.unit and s.key in keys
    }


def calls_of(feed: Feed) -> list[Call]:
    return list(feed.ask(standings(feed.name)))


def named(unit: Unit | None) -> tuple[str, str, str]:
    """A unit whatever its days."""
    assert unit is not None
    return unit.dataset, unit.key, unit.extent


def days_of(units: Iterable[Unit]) -> dict[tuple[str, str, str], set[date] | None]:
    """The sessions that units name, all together; None for those without days."""
    found: dict[tuple[str, str, str], set[date] | None] = {}
    for unit in units:
        days = set(sessions.between(unit.span.start, unit.span.end)) if unit.span else None
        held = found.get(named(unit))
        found[named(unit)] = days | held if days is not None and held is not None else days
    return found


def due_units(feed: str) -> list[Unit]:
    return [s.unit for s in standings(feed) if s.unit]


def sends_file(feed: Feed) -> bool:
    """Whether its answers go to disk, so that `read` sees where, and rows come of it later."""
    return any(call.into for call in calls_of(feed))


def reply(call: Call, body: bytes, status: int = 200) -> Reply:
    return Reply(call=call, status=status, headers={}, body=body, wire=len(body), at=NOW)


def _odd(told: Any) -> Iterator[Any]:
    """A JSON value with one part replaced or left out, for each of its parts."""
    yield from ODD
    parts = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    for key, part in list(parts)[:8]:
        for changed in _odd(part):
            made = copy.copy(told)
            made[key] = changed
            yield made
        rest = copy.copy(told)
        del rest[key]
        yield rest


@cache
def garbage() -> tuple[bytes, ...]:
    found = [b"", b" ", HTML, b"\xff\xfe\x00", b"\x00" * 64, b"null", b"[" * 3000, b'{"a":' * 3000, b"1e999"]
    found += [b"9" * 5000, gzip.compress(TICKERS)]
    for body in TRUE:
        found += [body[: len(body) * n // 7] for n in range(1, 8)]
        found += [gzip.compress(body)[: len(body) // 3], body.replace(b"2", b"9" * 40), body + b"}", body * 2]
        found += [body.replace(b"2026", year) for year in (b"0000", b"99999", b"-1")]
        if body.startswith(b"{"):
            found += [json.dumps(told).encode() for told in _odd(json.loads(body))]
            found.append(body.replace(b"1.5", b"1e999"))
    return tuple(dict.fromkeys(found))


def pages_of(feed: Feed, answer: Reply) -> list[Page] | None:
    """What is read from an answer; None where it is refused as malformed."""
    try:
        return list(feed.read(answer, held_of(feed, answer.call)))
    except Malformed:
        return None


def is_kept(column: Column, value: Any) -> bool:
    """Whether a store can keep a value as its column says."""
    if value is None:
        return column.nullable
    kinds: dict[str, type | tuple[type, ...]] = {
        "integer": int,
        "real": (int, float),
        "boolean": bool,
        "date": date,
        "instant": datetime,
    }
    right = isinstance(value, kinds.get(column.kind, str))
    if not right:
        return False
    if column.kind == "integer":
        return bool(-(2**63) <= value < 2**63)
    if column.kind == "real":
        return math.isfinite(value)
    return column.kind != "instant" or bool(value.utcoffset() == timedelta(0))


def sound(feed: Feed, call: Call, pages: list[Page]) -> None:
    """Rows of the dataset's records, values that fit, coverage of what was asked."""
    dataset = CATALOG.datasets[feed.dataset]
    asked = {unit.key for unit in call.units}
    needed = [
        record
        for name in (dataset.name, *dataset.needs, "universe", "quality")
        for record in CATALOG.datasets[name].records
    ]
    for page in pages:
        for batch in page.batches:
            assert batch.record in needed
            columns = table_of(batch.record).columns
            for row in batch.rows:
                assert len(row) == len(columns)
                wrong = [c.name for c, v in zip(columns, row, strict=True) if not is_kept(c, v)]
                assert not wrong, (batch.record.__name__, wrong, row)
        for held in page.settled:
            assert (held.unit.dataset, held.source) == (feed.dataset, feed.source)
            assert held.unit.key in asked
        for truth in page.truths:
            assert {c.column for c in truth.where} <= set(table_of(truth.record).names)


def test_those_that_ship_and_the_dropped_in_one_are_found() -> None:
    names = {"sec.tickers", "sec.indexes", "sec.companyfacts", "constituents.sp500", "clearing.short"}
    assert names <= set(CATALOG.feeds)


@every_source
def test_every_limit_names_the_page_that_states_it(source: Source) -> None:
    assert source.hosts
    assert source.limits
    for limit in source.limits:
        assert urlsplit(limit.page).scheme == "https"
        assert limit.count > 0
        assert limit.seconds > 0
        assert limit.ceiling is None or limit.ceiling >= limit.count


@every_source
def test_credentials_have_words_of_help_and_reach_only_headers(source: Source) -> None:
    told = source.headers(dict.fromkeys(source.credentials, SECRET))
    assert all(name and isinstance(value, str) for name, value in told.items())
    if source.credentials:
        # A source with a login gives its credentials to that, and the session to the calls.
        assert SECRET in "".join(told.values()) or source.login is not None
        assert any(name in source.credential_help for name in source.credentials)


@every_source
def test_a_refusal_is_read_off_any_answer_without_an_error(source: Source) -> None:
    call = Call(source=source.name, feed="", url=f"https://{source.hosts[0]}/")
    for status in (200, 304, 400, 401, 403, 404, 418, 429, 500, 503):
        for body in garbage()[:40]:
            told = source.refusal(reply(call, body, status))
            assert told == source.refusal(reply(call, body, status))
            assert told is None or told.reason
    for status in (429, 500, 503):
        assert source.name == "clearing" or source.refusal(reply(call, b"", status)) is not None


@every
def test_ask_and_read_can_be_sent_to_another_process(feed: Feed) -> None:
    for function in (feed.ask, feed.read, CATALOG.sources[feed.source].refusal):
        assert pickle.loads(pickle.dumps(function)) is function


@every
def test_each_due_unit_is_asked_for_at_most_once(feed: Feed) -> None:
    calls = calls_of(feed)
    assert calls
    asked = Counter(unit for call in calls for unit in call.units)
    assert [unit for unit, n in asked.items() if n > 1] == []
    due = days_of(due_units(feed.name))
    for name, days in days_of(asked).items():
        assert name in due
        assert days is None or days <= (due[name] or set())
    assert all(call.units for call in calls)
    assert list(feed.ask(())) == []


@every
def test_asking_twice_asks_the_same(feed: Feed) -> None:
    before = copy.deepcopy(standings(feed.name))
    assert calls_of(feed) == calls_of(feed)
    assert standings(feed.name) == before


@every
def test_all_units_of_a_dataset_have_a_feed_that_asks(feed: Feed) -> None:
    asked = [
        unit
        for other in CATALOG.feeds_of(feed.dataset)
        for call in other.ask(standings(feed.name))
        for unit in call.units
    ]
    assert days_of(asked) == days_of(due_units(feed.name))


@every
def test_calls_go_to_the_sources_hosts_and_carry_no_credential(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = CATALOG.sources[feed.source]
    for name in source.credentials:
        monkeypatch.setenv(name, SECRET)
    for call in calls_of(feed):
        assert (call.source, call.feed) == (source.name, feed.name)
        address = urlsplit(call.url)
        scheme = "https" if source.hosts else source.name
        assert (address.scheme, address.username, address.password) == (scheme, None, None)
        assert address.hostname in (source.hosts or (None,))
        assert SECRET not in repr(call)
        named = {name.lower() for name in call.headers}
        assert not named & {"authorization", "cookie", "user-agent", "x-api-key"}
        assert not {name.lower() for name in source.credentials} & set(address.query.lower().split("="))


@every
def test_a_plan_of_it_is_the_same_after_json(feed: Feed) -> None:
    due = standings(feed.name)
    options = {"scope": "symbols", "since": "2016-01-01", "symbols": ["AAPL"]}
    plan = make_plan(
        "everything", due, {feed.dataset: (feed,)}, Roads(rates={feed.source: 7.4}), options, "1"
    )
    assert plan.steps
    back = Plan.from_json(plan.to_json())
    assert back == plan
    assert back.sealed().digest == plan.digest
    expected = sum(call.expected for call in calls_of(feed))
    assert back.cost.requests == (expected if feed.computing is None else 0)
    assert back.cost.seconds > 0


def test_a_plan_over_all_feeds_is_the_same_after_json() -> None:
    due = {s.unit: s for name in CATALOG.feeds for s in standings(name)}
    feeds = {name: CATALOG.feeds_of(name) for name in CATALOG.datasets}
    plan = make_plan("everything", list(due.values()), feeds, Roads(), {}, "1")
    files = make_plan("everything", list(due.values()), feeds, Roads(choice="bulk"), {}, "1")
    asked = {step.feed for step in (*plan.steps, *files.steps)}
    asked |= {name for other in plan.fallbacks for name in other.feeds}
    # A source is asked through one of its feeds, the cheapest.
    answering = {(feed.source, feed.dataset) for name, feed in CATALOG.feeds.items() if name in asked}
    assert answering == {(feed.source, feed.dataset) for feed in CATALOG.feeds.values()}
    standing_in = {name for name, feed in CATALOG.feeds.items() if feed.rest}
    assert asked == set(CATALOG.feeds) - {"polygon.range"} - standing_in
    assert Plan.from_json(files.to_json()) == files
    assert Plan.from_json(plan.to_json()) == plan
    fewer = make_plan("everything", list(due.values())[1:], feeds, Roads(), {}, "1")
    assert fewer.digest != plan.digest


@every
def test_garbage_is_malformed_or_read_the_same_twice(feed: Feed) -> None:
    refused = 0
    kinds = {call.url.rpartition("/")[2][:4]: call for call in calls_of(feed)}
    for call in kinds.values():
        for body in garbage():
            told = pages_of(feed, reply(call, body))
            assert told == pages_of(feed, reply(call, body)), body[:200]
            refused += told is None
            sound(feed, call, told or [])
    assert refused > len(garbage()) // 2


@every
@pytest.mark.parametrize("body", [b"", HTML, b"<?xml version='1.0'?><Error/>"])
def test_nothing_is_taken_from_a_page_for_people(feed: Feed, body: bytes) -> None:
    for call in calls_of(feed):
        assert pages_of(feed, reply(call, body)) is None


@every
@pytest.mark.parametrize("status", [403, 404])
def test_a_missing_file_gives_no_rows_and_no_truth(feed: Feed, status: int) -> None:
    for call in calls_of(feed):
        for page in pages_of(feed, reply(call, b"<?xml version='1.0'?><Error/>", status)) or []:
            assert [row for batch in page.batches for row in batch.rows] == []
            assert page.truths == ()
            assert all(held.outcome is not Outcome.SETTLED for held in page.settled)


@pytest.mark.parametrize(
    "feed", [f for f in CATALOG.feeds.values() if not sends_file(f)], ids=lambda f: f.name
)
def test_a_true_answer_is_read_and_settles_what_was_asked(feed: Feed) -> None:
    read = 0
    for call in calls_of(feed):
        for body in TRUE:
            pages = pages_of(feed, reply(call, body)) or []
            sound(feed, call, pages)
            settled: list[Holding] = [held for page in pages for held in page.settled]
            if any(page.calls for page in pages) and not settled:
                read += 1
            elif any(batch.rows for page in pages for batch in page.batches):
                # What a partial feed does not settle goes to the next.
                asked = {unit.key for unit in call.units}
                assert {held.unit.key for held in settled} == asked or (feed.partial and settled)
                read += 1
    assert read
