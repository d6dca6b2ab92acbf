"""The sources' health is readable in eighty columns: nothing wider, no word cut, nothing left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from evertape import catalog
from evertape.cli.provider_table import lines
from evertape.datasets.limits import RateLimit
from evertape.model.feed import Limit, Source

NOW = datetime(2026, 6, 30, 20, 31, 12, tzinfo=UTC)
SOURCES = [source for source in catalog.find().sources.values() if source.hosts]
CREDENTIALS = (
    "missing: {names}",
    "set in the environment and keys.env, not logged in: evertape providers login {name}",
    "set in the environment and keys.env, logged in until 2026-07-05 12:00 UTC, "
    "log in again: evertape providers login {name}",
)


def row(source: Source, limit: Limit, credentials: str) -> RateLimit:
    """A limit of a source in as bad a state as there is, in as many letters."""
    return RateLimit(
        source=source.name,
        window_seconds=limit.seconds,
        limit_count=limit.count,
        used=limit.count,
        circuit="open",
        circuit_reason="120 of 1200 requests failed in 300 s",
        retry_at=NOW + timedelta(seconds=42),
        paused_until=NOW + timedelta(minutes=9, seconds=58),
        attempts=12_000,
        failed=1_500,
        refused=10_000,
        latency_seconds=30.012,
        answered_at=NOW - timedelta(days=1234),
        credentials=credentials.format(
            name=source.name, names=" or ".join(source.credentials) or "nothing at all"
        ),
        seen_at=NOW,
    )


def everything(credentials: str) -> list[RateLimit]:
    return [row(source, limit, credentials) for source in SOURCES for limit in source.limits]


@pytest.mark.parametrize("credentials", CREDENTIALS)
@pytest.mark.parametrize("width", [80, 100, 120, 160, 240])
def test_no_line_is_wider_and_no_word_is_cut_or_left_out(credentials: str, width: int) -> None:
    found = everything(credentials)
    shown = lines(found, width)
    assert [line for line in shown if len(line) > width] == []
    words = " ".join(shown).split()
    for each in found:
        assert each.source in words
        assert set(each.credentials.split()) <= set(words)
    assert words.count("12.5") == words.count("30012") == words.count("1234") == len(SOURCES)
    assert " ".join(words).count("in 42 s") == " ".join(words).count("9 min 58 s") == len(SOURCES)
    for source in SOURCES:
        for limit in source.limits:
            assert f"{limit.count} of {limit.count}/" in " ".join(words)


def test_sentences_stand_below_their_own_source() -> None:
    shown = lines(everything(CREDENTIALS[0]), 80)
    starts = [at for at, line in enumerate(shown) if not line.startswith(" ")][1:]
    for source, start, end in zip(SOURCES, starts, [*starts[1:], len(shown)], strict=True):
        below = " ".join(" ".join(shown[start:end]).split())
        assert below.startswith(f"{source.name} ")
        assert all(name in below for name in source.credentials)
        assert "circuit open: 120 of 1200 requests failed in 300 s; one request is let through" in below
        assert "refused 10000 of 12000 requests in 5 min" in below


def test_a_wide_terminal_shows_a_quiet_source_in_one_line() -> None:
    quiet = replace(everything("set in keys.env")[0], circuit="closed", paused_until=None, refused=0)
    for width, count in ((120, 2), (80, 3)):
        shown = lines([quiet], width)
        assert len(shown) == count
        assert "set in keys.env" in shown[-1]
        assert ("credentials" in shown[0]) is (width == 120)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (None, "never"),
        (0, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7200, "2 h ago"),
        (2e5, "2 days ago"),
    ],
)
def test_the_last_answer_is_told_as_an_age(before: float | None, said: str) -> None:
    at = None if before is None else NOW - timedelta(seconds=before)
    shown = lines([replace(everything("set")[0], answered_at=at)], 80)
    assert shown[1].endswith(said)


def test_a_circuit_that_rested_long_enough_lets_one_through_now() -> None:
    rested = replace(everything("set")[0], retry_at=NOW - timedelta(seconds=3), circuit_reason=None)
    assert "circuit open; one request is let through now" in " ".join(lines([rested], 200))


def test_no_source_is_a_head_alone() -> None:
    assert len(lines([], 80)) == 1
