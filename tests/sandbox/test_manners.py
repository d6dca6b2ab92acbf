"""What vendors know, refuse, limit, and when they are down; recordings; faults of any host."""

from __future__ import annotations

import gzip
import http.client
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from evertape.sandbox import SandboxError, SandboxOptions, running
from evertape.sandbox.faults import load_plan
from evertape.sandbox.manners import load_manners
from evertape.sandbox.recordings import Recordings
from evertape.sandbox.wire import Call
from tests.sandbox.bazaar import CBOE, POLYGON, Q2, ask, market_of
from tests.sandbox.test_server import get, stats_of

CHART = f"{Q2}/v8/finance/chart/GAAC?range=5d"
PREVIOUS = f"{POLYGON}/v2/aggs/ticker/GAAC/prev?apiKey=abcdef"
QUOTE = "https://api.robinhood.com/quotes/?symbols=GAAC"
TOKEN = "https://api.schwabapi.com/v1/oauth/token"


def test_a_vendor_knows_a_share_of_symbols_of_its_own() -> None:
    vendors = market_of(1000, yahoo={"knows": 0.7}, cboe={"knows": 0.9})
    every = {one.symbol for one in vendors.world.traded("polygon")}
    yahoo = {one.symbol for one in vendors.world.traded("yahoo")}
    cboe = {one.symbol for one in vendors.world.traded("cboe")}
    assert 0.66 < len(yahoo) / len(every) < 0.74
    assert 0.87 < len(cboe) / len(every) < 0.93
    assert len(yahoo - cboe) > 30
    missing = min(every - yahoo)
    assert ask(vendors, f"{Q2}/v8/finance/chart/{missing}?range=5d").status == 404
    again = market_of(1000, yahoo={"knows": 0.7})
    assert {one.symbol for one in again.world.traded("yahoo")} == yahoo


@pytest.mark.parametrize(
    ("url", "status", "kind", "begins"),
    [
        (CHART, 429, "text/plain", (b"Too Many Requests\r\n", b"Edge: Too Many Requests")),
        (PREVIOUS, 429, "application/json", (b'{"status":"ERROR"',)),
        (
            QUOTE,
            429,
            "application/json",
            (b'{"detail":"Request was throttled. Expected available in 1 second.',),
        ),
        (TOKEN, 429, "application/json", (b"", b'{"errors":[{')),
        (f"{CBOE}/quotes/GAAC.json", 403, "text/html", (b"<!DOCTYPE html>",)),
    ],
)
def test_each_vendor_refuses_in_its_own_way(
    url: str, status: int, kind: str, begins: tuple[bytes, ...]
) -> None:
    vendors = market_of(5, all={"refuses": 1.0})
    replies = [ask(vendors, url) for _ in range(2)]
    assert {reply.status for reply in replies} == {status}
    assert kind in {reply.content_type for reply in replies}
    assert all(reply.content.startswith(begins) for reply in replies)


def test_a_share_is_refused_and_asking_again_helps() -> None:
    vendors, again = (market_of(5, yahoo={"refuses": 0.25}) for _ in range(2))
    statuses = [ask(vendors, f"{CHART}&n={n}").status for n in range(150)]
    assert statuses == [ask(again, f"{CHART}&n={n}").status for n in range(150)]
    assert 20 < statuses.count(429) < 60
    repeated = [ask(vendors, CHART).status for _ in range(30)]
    assert set(repeated) == {200, 429}


def test_a_limit_holds_in_a_second_and_in_a_minute() -> None:
    vendors = market_of(5, polygon={"minute": 5}, robinhood={"limit": 2})
    assert [ask(vendors, PREVIOUS, at=at).status for at in (0, 1, 2, 3, 4, 5, 59, 60.5)] == [
        *[200] * 5,
        *[429] * 2,
        200,
    ]
    assert [ask(vendors, QUOTE, at=at).status for at in (0, 0.5, 0.9, 1.1)] == [401, 401, 429, 401]
    told = json.loads(ask(vendors, QUOTE, at=1.2).content)
    assert told == {"detail": "Request was throttled. Expected available in 1 second."}
    assert ask(vendors, CHART, at=0).status == 200


def test_a_vendor_is_down_for_a_while_after_its_first_request() -> None:
    vendors = market_of(5, yahoo={"down": [10, 20]})
    assert ask(vendors, CHART, at=100.0).status == 200
    during = [ask(vendors, CHART, at=at) for at in (110.0, 115.0)]
    assert {reply.status for reply in during} == {503, 0}
    assert any(b"Will be right back" in reply.content for reply in during)
    assert ask(vendors, CHART, at=120.0).status == 200
    assert ask(vendors, PREVIOUS, at=111.0).status == 200


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"nasdaq": {}}, "unknown vendor 'nasdaq'"),
        ({"yahoo": {"knows": 2}}, "knows 2 is no share"),
        ({"yahoo": {"knwos": 1}}, "unknown setting 'knwos'"),
        ({"yahoo": {"down": 5}}, "down 5 is no pair"),
        ({"all": {"limit": 0}}, "limit 0 is no positive number"),
        ([], "settings are an object"),
    ],
)
def test_a_wrong_setting_is_named(given: Any, complaint: str) -> None:
    with pytest.raises(SandboxError, match=complaint):
        market_of(1).settle(given)


def test_settings_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "vendors.json"
    file.write_text('{"all": {"knows": 0.5}, "cboe": {"knows": 1}}')
    loaded = load_manners(file)
    assert (loaded["yahoo"].knows, loaded["cboe"].knows) == (0.5, 1)
    with pytest.raises(SandboxError, match="cannot read the vendors' file"):
        load_manners(tmp_path / "missing.json")


def test_rules_concern_the_hosts_that_they_name() -> None:
    rules: tuple[dict[str, object], ...] = (
        {"kind": "reset", "host": "*.yahoo.com", "permanent": True},
        {"kind": "cut", "match": "cdn.cboe.com/*", "permanent": True},
        {"kind": "slow", "match": "*/api/*", "permanent": True},
    )
    plan = load_plan(SandboxOptions(market=1, faults=rules))
    chosen = {host: plan.choose(host, "api/x") for host in ("query2.finance.yahoo.com", "cdn.cboe.com")}
    assert {host: fault and fault.kind for host, fault in chosen.items()} == {
        "query2.finance.yahoo.com": "reset",
        "cdn.cboe.com": "cut",
    }
    assert plan.choose("api.polygon.io", "api/x") is None
    fault = plan.choose("data.sec.gov", "api/x")
    assert fault is not None
    assert fault.kind == "slow"


def test_over_http_vendors_answer_fail_and_are_settled(tmp_path: Path) -> None:
    rules: tuple[dict[str, object], ...] = ({"kind": "reset", "host": "cdn.cboe.com", "count": 1},)
    settings = {"yahoo": {"down": [0, 0.0]}}
    options = SandboxOptions(market=12, contracts=20, faults=rules, vendors=settings)
    path = "cdn.cboe.com/api/global/delayed_quotes/quotes/GAAC.json"
    with running(options) as url:
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            get(url, path)
        plain = get(url, path, agent=None)
        assert json.loads(plain.body)["symbol"] == "GAAC"
        chart = "query1.finance.yahoo.com/v8/finance/chart/GAAC?range=1y"
        zipped = get(url, chart, Accept_Encoding="gzip")
        assert gzip.decompress(zipped.body) == get(url, chart).body
        assert stats_of(url)["by_host"] == {"cdn.cboe.com": 2, "query1.finance.yahoo.com": 2}
        lines = get(url, "_sandbox/truth?kind=prices&all=1").body.splitlines()
        closes = {row["symbol"]: row["close"] for row in map(json.loads, lines)}
        assert json.loads(get(url, "_sandbox/truth?kind=prices&symbol=GAAC").body)["close"] == closes["GAAC"]
        assert get(url, "_sandbox/truth?kind=weather&symbol=GAAC").status == 400
        assert get(url, "_sandbox/truth?kind=prices&symbol=NOPE").status == 404
        assert get(url, "_sandbox/today?date=2026-07-02", method="POST").status == 200
        moved = json.loads(get(url, "_sandbox/truth?kind=prices&symbol=GAAC").body)
        assert moved["days"][-1] == "2026-07-02"
        assert posted(url, {"all": {"refuses": 1.0}, "contracts": 40})["contracts"] == 40
        assert get(url, path).status == 403
        assert posted(url, {"all": {"refuses": 0.0, "down": [0, 3600]}})["yahoo"]["down"] == [0, 3600]
        outcomes = Counter(
            outcome(url, "api.polygon.io/v3/reference/tickers?apiKey=abcdef") for _ in range(4)
        )
        assert outcomes == {503: 2, None: 2}


def posted(url: str, settings: dict[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("POST", "/_sandbox/vendors", body=json.dumps(settings))
        answer = connection.getresponse()
        assert answer.status == 200
        shown: dict[str, Any] = json.loads(answer.read())
        return shown
    finally:
        connection.close()


def outcome(url: str, path: str) -> int | None:
    """The status, or None for a broken connection."""
    try:
        return get(url, path).status
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return None


def test_unknown_pages_of_vendors_are_their_own_even_without_a_market(tmp_path: Path) -> None:
    (tmp_path / "recordings.jsonl").write_text("")
    with running(SandboxOptions(recordings=tmp_path)) as url:
        chart = get(url, "query2.finance.yahoo.com/v8/finance/chart/AAPL?range=5d")
        assert (chart.status, json.loads(chart.body)["chart"]["error"]["code"]) == (404, "Not Found")
        assert get(url, "cdn.cboe.com/api/global/delayed_quotes/quotes/AAPL.json").status == 403
        assert get(url, "data.sec.gov/submissions/CIK0000000001.json").status == 404


@pytest.mark.parametrize(
    ("catalogue", "complaint"),
    [(None, "cannot read"), ("{}", "line 1 describes no recording"), ("[", "line 1 describes no recording")],
)
def test_a_folder_without_a_catalogue_is_refused(
    tmp_path: Path, catalogue: str | None, complaint: str
) -> None:
    if catalogue is not None:
        (tmp_path / "recordings.jsonl").write_text(catalogue)
    with pytest.raises(SandboxError, match=complaint):
        Recordings(tmp_path)


def test_recordings_are_found_whatever_the_key_and_the_order(tmp_path: Path) -> None:
    lines = []
    for nth, name in enumerate(("v7_1750982400.gz", "v7_1750982400__2.gz", "v7_1751500800.gz")):
        (tmp_path / name).write_bytes(gzip.compress(f"answer {nth}".encode()))
        address = "https://query2.finance.yahoo.com/v7/finance/options/X?date=MOCK_DATE&crumb=KEY&a=1"
        lines.append(json.dumps({"url": address, "status": 200, "content_type": None, "file": name}))
    (tmp_path / "recordings.jsonl").write_text("\n".join(lines))
    held = Recordings(tmp_path)

    def found(**query: str) -> str | None:
        path = "v7/finance/options/X"
        host = "query2.finance.yahoo.com"
        reply = held.find(Call(method="GET", host=host, path=path, query=query, headers={}, form=b"", at=0))
        return reply.content.decode() if reply is not None else None

    asked = {"a": "1", "date": "1750982400"}
    assert [found(**asked, crumb=str(n)) for n in range(3)] == ["answer 0", "answer 1", "answer 1"]
    assert found(date="1751500800", a="1") == "answer 2"
    assert found(date="1751500801", a="1") is None
    held.clear()
    assert found(**asked) == "answer 0"


@pytest.mark.shared
def test_every_recording_is_served_byte_for_byte(shared: Path) -> None:
    root = shared / "recordings"
    lines = [json.loads(line) for line in (root / "recordings.jsonl").read_text().splitlines()]
    with running(SandboxOptions(recordings=root)) as url:
        seen: Counter[str] = Counter()
        for line in lines:
            stamp = line["file"].rpartition("_OXY_")[2].partition("__")[0].removesuffix(".gz")
            address = line["url"].removeprefix("https://").replace("MOCK_DATE", stamp)
            reply = get(url, address.replace("=KEY", f"=mine{seen[address]}"))
            seen[address] += 1
            assert reply.status == (line["status"] or 200)
            assert reply.body == gzip.decompress((root / line["file"]).read_bytes()), address
    assert sum(count > 1 for count in seen.values()) > 10


def test_the_day_of_a_market_is_its_own() -> None:
    assert (
        market_of(3, today=date(2026, 6, 28)).world.number
        == market_of(3, today=date(2026, 6, 26)).world.number
    )
