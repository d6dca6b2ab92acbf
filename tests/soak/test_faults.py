"""A third of the answers fails, and no wrong row is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.world import World, tables
from tests.soak import runs

UNBROKEN = {"EVERTAPE_CIRCUIT": "20,60,0.9"}
"""A third of failures would open the circuit; what is shown here is that no wrong row is written."""


def broken(companies: list[dict[str, object]]) -> list[dict[str, object]]:
    """Three ordinary companies whose answers never come right, each in its way."""
    kinds = ("wrong_types", "html200", "cut")
    ordinary = [c for c in companies if c["trap"] is None][:3]
    return [
        {"kind": kind, "match": f"*CIK{int(str(company['cik'])):010d}.json", "permanent": True}
        for kind, company in zip(kinds, ordinary, strict=True)
    ]


def third_fails(folder: Path, serve: Callable[..., str], companies: int, extra: dict[str, str]) -> None:
    import json
    import urllib.request

    plain = serve(market=companies, seed=9)
    clean = World(home=folder / "clean" / "home", url=plain, now="2026-06-30")
    expected = runs.uninterrupted(clean)
    with urllib.request.urlopen(f"{plain}/_sandbox/companies") as answer:
        rules = broken(json.load(answer))
    url = serve(market=companies, seed=9, fail=0.3, faults=tuple(rules))
    world = World(home=folder / "failing" / "home", url=url, now="2026-06-30", extra=extra)
    first = world.run(*runs.REFRESH, "--json", timeout=900)
    assert first.returncode == 1, first.stderr
    job = json.loads(first.stdout)["job"]
    again = world.run("jobs", "retry", job["job_id"], "--json", timeout=900)
    assert again.returncode == 1
    retried = json.loads(again.stdout)["job"]
    print(f"first: {job['failed']} of {companies} failed, {job['requests']} requests")
    print(f"retried: {retried['failed']} failed")
    hopeless = {rule["match"][4:14] for rule in rules}  # type: ignore[index]
    assert {f["key"] for f in retried["failures"]} == hopeless
    assert all(f["message"] for f in retried["failures"])
    numbers = {int(cik) for cik in hopeless}
    rows = tables(world.home)
    for table in ("income_statements", "balance_sheets", "cash_flow_statements", "facts"):
        columns = [c[1] for c in world.sql(f"PRAGMA table_info({table})")]
        cik = columns.index("cik")
        assert rows[table] == [row for row in expected.rows[table] if row[cik] not in numbers], table


def test_a_third_of_the_answers_fails(tmp_path: Path, serve: Callable[..., str]) -> None:
    third_fails(tmp_path, serve, 30, {"EVERTAPE_TIMEOUT": "2", **UNBROKEN})


@pytest.mark.soak
def test_a_third_of_the_answers_of_two_hundred_companies_fails(
    tmp_path: Path, serve: Callable[..., str]
) -> None:
    third_fails(tmp_path, serve, 200, {"EVERTAPE_RETRY_BASE": "2", "EVERTAPE_TIMEOUT": "30", **UNBROKEN})
