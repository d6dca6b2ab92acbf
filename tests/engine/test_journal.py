"""The log: one JSON line an event that is grave enough, with what it says and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evertape.engine.journal import journal
from evertape.model.crew import WorkerSeen
from evertape.model.events import Event, ItemFailed, ItemSettled, JobStarted, Retrying, Sent, WorkersSeen

AT = datetime(2024, 2, 3, 10, 30, tzinfo=UTC)
STARTED = JobStarted(job_id="1", kind="extract", total=2, at=AT)
SETTLED = ItemSettled(
    position=0, label="Ärger", dataset="facts", outcome="settled", stored=3, fetched=0, requests=0
)
RETRYING = Retrying(source="sec", url="https://www.sec.gov/", attempt=2, wait=0.5, reason="busy")
FAILED = ItemFailed(position=1, label="B", dataset="facts", kind="malformed", message="no facts")
SENT = Sent(source="sec", url="https://www.sec.gov/")
SEEN = WorkersSeen(
    workers=(
        WorkerSeen(
            job_id="1", worker=0, pid=7, done=1, failed=0, current="", busy=0.0, disk=0.0, queue=0.0,
            since=1.0, at=AT,
        ),
    )
)  # fmt: skip
EVENTS: list[Event] = [STARTED, SETTLED, RETRYING, FAILED, SENT, SEEN]


def lines(path: Path) -> list[dict[str, Any]]:
    """What the log says."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", ["JobStarted", "ItemSettled", "Retrying", "ItemFailed", "Sent", "WorkersSeen"]),
        ("info", ["JobStarted", "ItemSettled", "Retrying", "ItemFailed"]),
        ("warning", ["Retrying", "ItemFailed"]),
        ("error", ["ItemFailed"]),
    ],
)
def test_events_below_the_level_are_left_out(tmp_path: Path, level: str, told: list[str]) -> None:
    emit = journal(tmp_path / "log" / "evertape.jsonl", level)
    for event in EVENTS:
        emit(event)
    assert [line["what"] for line in lines(tmp_path / "log" / "evertape.jsonl")] == told


def test_a_line_says_what_the_event_does_and_leaves_out_what_is_empty(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    emit = journal(tmp_path / "evertape.jsonl", "debug")
    emit(SETTLED)
    emit(SEEN)
    settled, seen = lines(tmp_path / "evertape.jsonl")
    at = settled.pop("timestamp")
    assert at.endswith("Z")
    assert before <= datetime.fromisoformat(at) <= datetime.now(UTC)
    assert settled == {
        "position": 0, "label": "Ärger", "dataset": "facts", "outcome": "settled", "stored": 3, "fetched": 0,
        "requests": 0, "what": "ItemSettled", "event": "job", "level": "info",
    }  # fmt: skip
    assert seen["workers"][0]["at"] == str(AT)


def test_a_second_log_of_a_path_goes_on_with_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        journal(tmp_path / "evertape.jsonl", "info")(FAILED)
    assert [line["level"] for line in lines(tmp_path / "evertape.jsonl")] == ["error", "error"]
