"""The sandbox over HTTP: the SEC's manners, recorded trees, faults, counts."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from evertape.sandbox import SandboxError, SandboxOptions, running
from evertape.sandbox.faults import KINDS, load_plan
from evertape.sandbox.stats import RateWatch, Stats, most_in_one_second

IDENTITY = "Sandbox Test test@example.org"
INDEX = b"Description:           Master Index\n"
FACTS = "data.sec.gov/api/xbrl/companyfacts/CIK0000000001.json"
DOCUMENT: dict[str, Any] = {
    "cik": 1,
    "entityName": "Recorded",
    "facts": {
        "us-gaap": {
            "Assets": {
                "label": None,
                "description": None,
                "units": {"USD": [{"end": "2020-12-31", "val": n, "accn": "a"} for n in range(400)]},
            }
        }
    },
}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


def get(url: str, path: str, *, agent: str | None = IDENTITY, method: str = "GET", **headers: str) -> Reply:
    """One request, with underscores in header names standing for hyphens."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if agent is not None:
        sent["User-Agent"] = agent
    try:
        connection.request(method, f"/{path}", headers=sent)
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def stats_of(url: str) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(get(url, "_sandbox/stats").body)
    return summary


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small recorded tree: facts, a quarter's index, a plain file, and a secret beside it."""
    base = tmp_path_factory.mktemp("recorded")
    (base / "secret.txt").write_text("outside of the tree")
    root = base / "tree"
    index = root / "www.sec.gov/Archives/edgar/full-index/2020/QTR1"
    index.mkdir(parents=True)
    (index / "master.idx.gz").write_bytes(gzip.compress(INDEX))
    facts = root / FACTS
    facts.parent.mkdir(parents=True)
    facts.with_name(facts.name + ".gz").write_bytes(gzip.compress(json.dumps(DOCUMENT).encode()))
    (root / "www.sec.gov/files").mkdir()
    (root / "www.sec.gov/files/company_tickers.json").write_text('{"0":{}}')
    return root


@pytest.fixture(scope="module")
def url(tree: Path) -> Iterator[str]:
    with running(SandboxOptions(data=tree)) as address:
        yield address


@contextmanager
def faulty(tree: Path, *rules: dict[str, object]) -> Iterator[str]:
    with running(SandboxOptions(data=tree, faults=rules)) as address:
        yield address


def test_a_recorded_file_is_sent_as_stored_or_unzipped(url: str, tree: Path) -> None:
    stored = (tree / f"{FACTS}.gz").read_bytes()
    zipped = get(url, FACTS, Accept_Encoding="gzip")
    assert (zipped.headers["content-encoding"], zipped.body) == ("gzip", stored)
    plain = get(url, FACTS)
    assert "content-encoding" not in plain.headers
    assert plain.body == gzip.decompress(stored)
    assert plain.headers["content-type"] == "application/json"


def test_an_index_answers_as_idx_and_as_gz(url: str, tree: Path) -> None:
    folder = "www.sec.gov/Archives/edgar/full-index/2020/QTR1"
    text, raw = get(url, f"{folder}/master.idx"), get(url, f"{folder}/master.gz", Accept_Encoding="gzip")
    assert text.body == INDEX
    assert text.headers["content-type"].startswith("text/plain")
    assert raw.body == (tree / folder / "master.idx.gz").read_bytes()
    assert raw.headers["content-type"] == "application/x-gzip"
    assert "content-encoding" not in raw.headers


def test_absent_files_answer_as_the_sec_does(url: str) -> None:
    archive = get(url, "www.sec.gov/Archives/edgar/full-index/2099/QTR1/master.idx")
    assert (archive.status, archive.headers["content-type"], len(archive.body)) == (
        403,
        "application/xml",
        243,
    )
    assert b"<Code>AccessDenied</Code>" in archive.body
    unpadded = get(url, "data.sec.gov/submissions/CIK1.json")
    assert unpadded.status == 404
    assert b"<Code>NoSuchKey</Code>" in unpadded.body
    assert b"<Key>submissions/CIK1.json</Key>" in unpadded.body


@pytest.mark.parametrize("agent", [None, "Mozilla/5.0", "python-requests/2.31"])
def test_an_undeclared_agent_is_refused(url: str, agent: str | None) -> None:
    reply = get(url, "www.sec.gov/files/company_tickers.json", agent=agent)
    assert reply.status == 403
    assert reply.headers["content-type"].startswith("text/html")
    assert b"Undeclared Automated Tool" in reply.body


def test_www_has_validators_and_ranges_and_the_data_host_has_none(url: str) -> None:
    path = "www.sec.gov/files/company_tickers.json"
    first = get(url, path)
    assert get(url, path, If_None_Match=first.headers["etag"]).status == 304
    unchanged = get(url, path, If_Modified_Since=first.headers["last-modified"])
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert get(url, path, If_None_Match='"other"').status == 200
    part = get(url, path, Range="bytes=2-4")
    assert (part.status, part.body, part.headers["content-range"]) == (206, first.body[2:5], "bytes 2-4/8")
    assert get(url, path, Range="bytes=-3").body == first.body[-3:]
    assert get(url, path, Range="bytes=100-").status == 416
    data = get(url, FACTS).headers
    assert not {"etag", "last-modified"} & set(data)
    assert "no-store" in data["cache-control"]


@pytest.mark.parametrize(
    "way", ["../secret.txt", "%2e%2e/secret.txt", "www.sec.gov/..%2f..%2fsecret.txt", "/etc/passwd"]
)
def test_nothing_outside_the_tree_is_served(url: str, way: str) -> None:
    reply = get(url, way)
    assert reply.status in (403, 404)
    assert b"outside of the tree" not in reply.body
    assert b"root:" not in reply.body


def test_head_sends_no_body(url: str) -> None:
    reply = get(url, "www.sec.gov/files/company_tickers.json", method="HEAD")
    assert (reply.status, reply.headers["content-length"], reply.body) == (200, "8", b"")


def test_requests_are_counted_by_host_kind_and_path(tree: Path) -> None:
    with running(SandboxOptions(data=tree)) as url:
        before = time.monotonic()
        size = len(get(url, FACTS, Accept_Encoding="gzip").body)
        get(url, "www.sec.gov/files/company_tickers.json")
        get(url, "www.sec.gov/Archives/edgar/full-index/2020/QTR1/master.idx")
        counted = stats_of(url)
        assert counted["requests"] == 3
        assert counted["by_host"] == {"data.sec.gov": 1, "www.sec.gov": 2}
        assert counted["by_path_kind"] == {"companyfacts": 1, "index": 1, "tickers": 1, "bulk": 0, "other": 0}
        assert counted["bytes"]["companyfacts"] == size
        assert counted["paths"][FACTS] == 1
        assert counted["statuses"] == {"200": 3}
        assert counted["max_in_one_second"] == {"sec.gov": 3}
        assert before <= counted["first"] <= counted["last"] <= time.monotonic()
        assert get(url, "_sandbox/reset", method="POST").status == 200
        assert stats_of(url)["requests"] == 0


def test_most_in_one_second_is_over_any_window() -> None:
    assert most_in_one_second([0.0, 0.6, 1.0, 1.5, 1.59]) == 4
    assert most_in_one_second([0.0, 1.0, 2.0]) == 1
    assert most_in_one_second([]) == 0
    assert Stats().summary()["rate"] is None


def test_a_breach_blocks_and_each_retry_prolongs_it() -> None:
    watch = RateWatch(2, 600.0)
    assert [watch.refuses(at) for at in (0.0, 0.5, 0.9)] == [False, False, True]
    assert watch.refuses(600.0)
    assert watch.refuses(1100.0)
    assert not watch.refuses(1701.0)
    assert not any(RateWatch(None, 600.0).refuses(at) for at in (0.0, 0.0, 0.0))


def test_the_limit_holds_over_both_hosts(tree: Path) -> None:
    with running(SandboxOptions(data=tree, limit=2, block_seconds=0.5)) as url:
        statuses = [
            get(url, path).status for path in (FACTS, "www.sec.gov/files/company_tickers.json", FACTS)
        ]
        assert statuses == [200, 200, 403]
        refused = get(url, FACTS)
        assert b"<title>SEC.gov | Request Rate Threshold Exceeded</title>" in refused.body


def test_refusals_by_fault(tree: Path) -> None:
    rules: list[dict[str, object]] = [
        {"kind": "status", "code": 429, "retry_after": 7, "count": 1},
        {"kind": "status", "params": {"code": 503}, "count": 1},
        {"kind": "html200", "count": 1},
        {"kind": "threshold", "count": 1},
        {"kind": "undeclared", "count": 1},
    ]
    with faulty(tree, *rules) as url:
        replies = [get(url, FACTS) for _ in range(6)]
        assert [reply.status for reply in replies] == [429, 503, 200, 403, 403, 200]
        assert replies[0].headers["retry-after"] == "7"
        assert replies[2].body.startswith(b"<!DOCTYPE html>")
        assert b"Request Rate Threshold Exceeded" in replies[3].body
        assert b"Undeclared Automated Tool" in replies[4].body
        assert json.loads(replies[5].body) == DOCUMENT


def test_broken_connections_by_fault(tree: Path) -> None:
    rules: list[dict[str, object]] = [
        {"kind": "reset", "count": 1},
        {"kind": "timeout", "seconds": 0.1, "count": 1},
        {"kind": "cut", "mode": "length", "count": 1},
    ]
    with faulty(tree, *rules) as url:
        for _ in range(2):
            with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
                get(url, FACTS)
        with pytest.raises(http.client.IncompleteRead):
            get(url, FACTS, Accept_Encoding="gzip")
        assert stats_of(url)["statuses"] == {"reset": 1, "timeout": 1, "cut": 1}


@pytest.mark.parametrize("mode", ["close", "chunked"])
def test_a_cut_gzip_ends_early_without_an_error_of_the_wire(tree: Path, mode: str) -> None:
    with faulty(tree, {"kind": "cut", "mode": mode, "permanent": True}) as url:
        reply = get(url, FACTS, Accept_Encoding="gzip")
        assert (reply.status, reply.headers["content-encoding"]) == (200, "gzip")
        with pytest.raises(EOFError):
            gzip.decompress(reply.body)


def test_slow_answers_by_fault(tree: Path) -> None:
    rules: list[dict[str, object]] = [
        {"kind": "slow", "seconds": 0.2, "count": 1},
        {"kind": "slow_body", "seconds": 0.2, "count": 1},
    ]
    with faulty(tree, *rules) as url:
        for _ in rules:
            begun = time.monotonic()
            assert json.loads(get(url, FACTS).body) == DOCUMENT
            assert time.monotonic() - begun >= 0.2


def test_wrong_types_keep_the_json_readable(tree: Path) -> None:
    with faulty(tree, {"kind": "wrong_types", "permanent": True}) as url:
        broken = json.loads(gzip.decompress(get(url, FACTS, Accept_Encoding="gzip").body))
    units = broken["facts"]["us-gaap"]["Assets"]["units"]
    fact = units["USD"][0] if isinstance(units, dict) else {}
    assert isinstance(units, list) or not isinstance(fact["val"], int) or "end" not in fact


def test_a_share_of_requests_fails_and_trying_again_helps() -> None:
    plan = load_plan(SandboxOptions(market=1, fail=0.3))
    again = load_plan(SandboxOptions(market=1, fail=0.3))
    tries = []
    kinds = set()
    for number in range(1000):
        path, count = f"api/xbrl/companyfacts/CIK{number:010d}.json", 0
        while (fault := plan.choose("data.sec.gov", path)) is not None:
            assert fault == again.choose("data.sec.gov", path)
            kinds.add(fault.kind)
            count += 1
        tries.append(count)
    assert 250 < sum(count > 0 for count in tries) < 350
    assert max(tries) < 10
    assert kinds == {"status", "reset", "cut", "html200", "wrong_types", "timeout"}
    assert plan.choose("raw.githubusercontent.com", "api/xbrl/companyfacts/x") is None


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"kind": "explode", "count": 1}, "unknown kind 'explode'"),
        ({"kind": "reset"}, "exactly one of share, count and permanent"),
        ({"kind": "reset", "share": 2.0}, "share 2.0 is not between 0 and 1"),
        ({"kind": "reset", "count": 1, "sahre": 1}, "unknown key 'sahre'"),
        ({"kind": "status", "code": 200, "count": 1}, "code 200"),
    ],
)
def test_a_wrong_rule_is_named(rule: dict[str, object], complaint: str) -> None:
    with pytest.raises(SandboxError, match=complaint):
        load_plan(SandboxOptions(market=1, faults=(rule,)))
    assert len(KINDS) == 10


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--data", "/no/such/folder"], "there is no folder /no/such/folder"),
        (["--market", "0"], "--market 0 is outside 1 to 17000"),
        (["--market", "1", "--faults", "/no/such/file"], "cannot read the fault file /no/such/file"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(arguments: list[str], complaint: str) -> None:
    line = [sys.executable, "-m", "evertape.sandbox", *arguments]
    ended = subprocess.run(line, check=False, capture_output=True, text=True, timeout=10)
    assert ended.returncode == 2
    assert ended.stderr.startswith(complaint)
    assert ended.stderr.count("\n") == 1


def test_a_taken_port_is_said(url: str) -> None:
    port = urlsplit(url).port
    assert port is not None
    with (
        pytest.raises(SandboxError, match=f"cannot listen on 127.0.0.1:{port}"),
        running(SandboxOptions(market=1, port=port)),
    ):
        raise AssertionError("it started")


def test_a_market_over_http_knows_its_truth_and_moves_on() -> None:
    with running(SandboxOptions(market=3, seed=7)) as url:
        companies = json.loads(get(url, "_sandbox/companies").body)
        assert [c["trap"] for c in companies] == [None, "year-end-in-january", None]
        path = f"data.sec.gov/api/xbrl/companyfacts/CIK{companies[0]['cik']:010d}.json"
        facts = gzip.decompress(get(url, path, Accept_Encoding="gzip").body)
        assert json.loads(facts)["entityName"].endswith("(sandbox)")
        symbol = companies[0]["symbol"]
        before = json.loads(get(url, f"_sandbox/truth?symbol={symbol}").body)["periods"]
        assert get(url, "_sandbox/today?date=2027-06-30", method="POST").status == 200
        after = json.loads(get(url, f"_sandbox/truth?symbol={symbol}").body)["periods"]
        assert len(after) == len(before) + 5
        assert get(url, "_sandbox/truth?symbol=NONE").status == 404
        assert get(url, "_sandbox/today?date=soon", method="POST").status == 400
        assert stats_of(url)["requests"] == 1


@pytest.mark.shared
def test_recorded_facts_are_served_byte_for_byte(shared: Path) -> None:
    tree = shared / "upstream/2026-07-10"
    with running(SandboxOptions(data=tree)) as url:
        path = "data.sec.gov/api/xbrl/companyfacts/CIK0000320193.json"
        reply = get(url, path, Accept_Encoding="gzip")
        assert (
            hashlib.sha256(reply.body).digest() == hashlib.sha256((tree / f"{path}.gz").read_bytes()).digest()
        )
        listing = json.loads(get(url, "www.sec.gov/Archives/edgar/daily-index/2026/QTR3/index.json").body)
        assert listing["directory"]["item"][-1]["name"] == "master.20260710.idx"


BULK = "www.sec.gov/Archives/edgar/daily-index/xbrl/companyfacts.zip"


def members(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_all_recorded_companies_come_in_one_file(url: str) -> None:
    whole = get(url, BULK, Accept_Encoding="gzip")
    assert (whole.status, whole.headers["content-type"]) == (200, "application/zip")
    assert "content-encoding" not in whole.headers
    assert {name: json.loads(body) for name, body in members(whole.body).items()} == {
        "CIK0000000001.json": DOCUMENT
    }
    head = get(url, BULK, method="HEAD")
    assert (head.headers["content-length"], head.body) == (str(len(whole.body)), b"")
    assert get(url, BULK, If_None_Match=whole.headers["etag"]).status == 304
    for validator in (whole.headers["etag"], whole.headers["last-modified"]):
        rest = get(url, BULK, Range="bytes=100-", If_Range=validator)
        assert (rest.status, rest.body) == (206, whole.body[100:])
    changed = get(url, BULK, Range="bytes=100-", If_Range='"another"')
    assert (changed.status, changed.body) == (200, whole.body)


def test_the_markets_file_is_the_same_each_time_and_of_the_evening_before() -> None:
    answers = []
    for _ in range(2):
        with running(SandboxOptions(market=12, seed=3)) as url:
            answers.append(get(url, BULK))
            assert stats_of(url)["by_path_kind"]["bulk"] == 1
            assert stats_of(url)["bytes"]["bulk"] == len(answers[0].body)
            single = [cik for cik in _ciks(url) if get(url, _facts(cik)).status == 200]
    assert answers[0].body == answers[1].body
    assert answers[0].headers["last-modified"] == "Tue, 30 Jun 2026 07:11:02 GMT"
    found = members(answers[0].body)
    assert set(found) == {f"CIK{cik:010d}.json" for cik in single}
    assert all(filed < "2026-06-30" for body in found.values() for filed in _filed(body))


def _ciks(url: str) -> list[int]:
    return [company["cik"] for company in json.loads(get(url, "_sandbox/companies").body)]


def _facts(cik: int) -> str:
    return f"data.sec.gov/api/xbrl/companyfacts/CIK{cik:010d}.json"


def _filed(body: bytes) -> list[str]:
    return re.findall(r'"filed": ?"([-0-9]+)"', body.decode())


def test_faults_apply_to_the_file(tree: Path) -> None:
    with faulty(tree, {"kind": "cut", "mode": "length", "match": f"*{BULK[-20:]}", "count": 1}) as url:
        with pytest.raises(http.client.IncompleteRead):
            get(url, BULK)
        assert members(get(url, BULK).body)
