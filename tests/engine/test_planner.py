"""Plans: what is shown is what is run, and it costs what is said."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from evertape.engine import planner, report
from evertape.model.plan import Plan
from evertape.model.unit import Freshness, Standing, Unit
from evertape.settings import BANDWIDTH
from evertape.sources import sec


def company(number: int, level: Freshness, size: int | None = None, days: int | None = None) -> Standing:
    due = level not in (Freshness.FRESH, Freshness.UNKNOWN)
    key = f"{number:010d}"
    return Standing(
        dataset="facts",
        key=key,
        label=f"C{number}",
        level=level,
        days=days,
        unit=Unit("facts", key) if due else None,
        size=size,
    )


LEVELS = st.sampled_from(list(Freshness))


def plan(
    standings: list[Standing],
    setting: int | None = None,
    bandwidth: float = BANDWIDTH,
    choice: planner.Choice = "auto",
) -> Plan:
    roads = planner.Roads(
        rates={"sec": planner.rate_of(sec.SOURCE, setting)}, bandwidth=bandwidth, choice=choice
    )
    feeds = {"facts": [feed for feed in sec.FEEDS if feed.dataset == "facts"]}
    return planner.make_plan("financials", standings, feeds, roads, {"since": "2016-01-01"}, "1")


@given(st.lists(st.tuples(LEVELS, st.none() | st.integers(1, 10**6)), max_size=40))
def test_each_due_company_is_asked_for_once_and_nobody_else(
    companies: list[tuple[Freshness, int | None]],
) -> None:
    standings = [company(n, level, size) for n, (level, size) in enumerate(companies, 1)]
    made = plan(standings)
    asked = [unit for step in made.steps for call in step.calls for unit in call.units]
    assert asked == [s.unit for s in standings if s.unit is not None]
    assert made.cost.requests == len(asked)
    assert made.cost.bytes == sum(s.size or 150_000 for s in standings if s.unit)
    assert Plan.from_json(made.to_json()) == made
    assert plan(standings).digest == made.digest


def test_another_set_of_companies_is_another_digest() -> None:
    one, two = company(1, Freshness.MISSING), company(2, Freshness.MISSING)
    assert plan([one]).digest != plan([one, two]).digest


def test_seconds_follow_the_rate_with_the_round_trip_of_a_lease() -> None:
    assert 9.0 <= planner.rate_of(sec.SOURCE, 10) <= 10.0
    made = plan([company(n, Freshness.MISSING) for n in range(1, 501)], setting=10)
    assert 50 <= made.cost.seconds <= 1.15 * 500 / 9


def test_a_setting_cannot_exceed_what_the_sec_allows_except_in_a_sandbox() -> None:
    assert planner.limit_of(sec.SOURCE, 50, sandbox=False) == 10
    assert planner.limit_of(sec.SOURCE, 5, sandbox=False) == 5
    assert planner.limit_of(sec.SOURCE, 500, sandbox=True) == 500
    assert planner.limit_of(sec.SOURCE, None, sandbox=False) is None


@given(st.lists(LEVELS, max_size=60))
def test_the_report_counts_every_company_once(levels: list[Freshness]) -> None:
    standings = [company(n, level, days=n) for n, level in enumerate(levels)]
    now = datetime(2026, 7, 10, tzinfo=UTC)
    told = report.check_report(standings, report.Seen(target="financials", scope="all", now=now))
    assert told.current + told.stale + told.missing + told.pending + told.unknown == told.total == len(levels)
    assert len(told.most_stale) + told.more_stale == told.stale
    assert [s.days for s in told.most_stale] == sorted((s.days for s in told.most_stale), reverse=True)
    assert (told.freshness is None) == (not levels)


def test_the_most_stale_are_named_five_and_the_rest_counted() -> None:
    standings = [company(n, Freshness.STALE, days=n) for n in range(8)]
    assert [s.label for s in report.most_stale(standings)[:5]] == ["C7", "C6", "C5", "C4", "C3"]
