"""Plans: what is shown is what is run, and it costs what is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.engine import planner, report
from evertape.model.plan import Plan
from evertape.model.unit import Freshness, Span, Standing, Unit
from evertape.settings import BANDWIDTH
from evertape.sources import cboe, polygon, robinhood, schwab, sec, yahoo


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


def missing(count: int) -> list[Standing]:
    return [company(n, Freshness.MISSING) for n in range(1, count + 1)]


def test_ten_companies_go_single_and_five_thousand_in_one_file() -> None:
    (few,) = plan(missing(10)).steps
    (many,) = plan(missing(5_000)).steps
    assert (few.feed, few.cost.requests) == ("sec.companyfacts", 10)
    assert (many.feed, many.cost.requests, many.cost.bytes) == ("sec.bulk", 1, 1_300_000_000)
    assert {unit for call in many.calls for unit in call.units} == {s.unit for s in missing(5_000)}
    # 1 / 7.4 s of waiting, 1,300 MB at 20 MB/s, 5,000 companies at 0.02 s.
    assert many.cost.seconds == 165.1


def test_over_a_slow_line_the_file_is_not_worth_it() -> None:
    (step,) = plan(missing(5_000), bandwidth=0.5e6).steps
    assert step.feed == "sec.companyfacts"


def test_what_was_chosen_is_said_with_what_the_other_would_have_cost() -> None:
    (few,) = plan(missing(10)).steps
    assert few.reason == (
        "10 of facts due: 10 missing; 10 single requests of 1.5 MB (sec.companyfacts), cheaper: about 1 s; "
        "all in one file of 1,300 MB (sec.bulk) would take about 65 s"
    )
    (many,) = plan(missing(5_000)).steps
    assert many.reason.endswith(
        "all in one file of 1,300 MB (sec.bulk), cheaper: about 165 s; 5000 single requests of 750.0 MB "
        "(sec.companyfacts) would take about 713 s; "
        "what the file lacks or is older than is then fetched one by one"
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 1_500), st.floats(1e5, 1e9))
def test_the_chosen_route_is_never_the_dearer_one(count: int, bandwidth: float) -> None:
    costs = {
        choice: plan(missing(count), bandwidth=bandwidth, choice=choice).cost.seconds
        for choice in planner.CHOICES
    }
    assert costs["auto"] == min(costs["single"], costs["bulk"])


def test_a_person_chooses_the_route_and_the_digest_tells() -> None:
    bulk, single = plan(missing(10), choice="bulk"), plan(missing(10), choice="single")
    assert [step.feed for step in bulk.steps] == ["sec.bulk"]
    assert [step.feed for step in single.steps] == ["sec.companyfacts"]
    assert "as asked" in bulk.steps[0].reason
    assert len({bulk.digest, single.digest, plan(missing(10)).digest}) == 3


def test_a_source_that_a_person_prefers_is_asked_first_whatever_it_costs() -> None:
    standings = [
        Standing(
            dataset="options", key=f"X{n}:{n}", label=f"X{n}", level=Freshness.MISSING,
            unit=Unit("options", f"X{n}:{n}", extent="dte 30"),
        )
        for n in range(5)
    ]  # fmt: skip
    found = [feed for feed in (*schwab.FEEDS, *cboe.FEEDS, *yahoo.FEEDS) if feed.dataset == "options"]
    roads = planner.Roads(rates={"schwab": 20.0, "cboe": 20.0, "yahoo": 20.0})
    (cheap,) = planner.make_plan("options", standings, {"options": found}, roads, {}, "1").steps
    assert cheap.feed == "cboe.options"
    wished = replace(roads, preferred=("yahoo", "schwab"))
    (step,) = planner.make_plan("options", standings, {"options": found}, wished, {}, "1").steps
    assert step.feed == "yahoo.options"
    assert "as asked" in step.reason


def test_a_feed_that_cannot_answer_all_is_no_route_of_its_own() -> None:
    """Then feeds are asked in the order of their rank, each for what is left."""
    (single, bulk) = [feed for feed in sec.FEEDS if feed.dataset == "facts"]
    half = replace(single, name="half", ask=lambda standings: single.ask(standings[:3]))
    made = planner.make_plan("x", missing(8), {"facts": [half, bulk]}, planner.Roads(), {}, "1")
    assert [(step.feed, step.cost.requests) for step in made.steps] == [("half", 3), ("sec.bulk", 1)]
    assert [len(call.units) for step in made.steps[1:] for call in step.calls] == [5]


def test_a_file_is_planned_with_the_size_it_had_the_last_time() -> None:
    feeds = {"facts": [feed for feed in sec.FEEDS if feed.name == "sec.bulk"]}
    made = planner.make_plan("x", missing(8), feeds, planner.Roads(sizes={"sec.bulk": 5_000_000}), {}, "1")
    assert made.cost.bytes == 5_000_000
    assert [call.size for step in made.steps for call in step.calls] == [5_000_000]


def part(**more: Any) -> report.JobReport:
    given: dict[str, Any] = {
        "job_id": "a", "state": "done", "processed": 3, "right": 3, "nothing": 1, "pending": 0, "failed": 0,
        "remaining": 0, "failed_by_kind": {}, "failures": (), "rows": 10, "requests": 3, "bytes": 30,
        "seconds": 1.5, "finished_at": datetime(2026, 7, 10, tzinfo=UTC),
    }  # fmt: skip
    return report.JobReport(**(given | more))


def test_jobs_that_followed_each_other_are_reported_as_one() -> None:
    lost = report.failed(
        "a", report.Failure(label="f.zip", key="bulk/f.zip", kind="malformed", message="torn")
    )
    told = report.summed([part(), part(job_id="b", bytes=5), lost])
    assert (told.state, told.exit_code, told.job_id) == ("failed", 1, "a")
    assert (told.processed, told.right, told.failed, told.rows, told.bytes) == (7, 6, 1, 20, 35)
    assert (told.failed_by_kind, told.failures) == ({"malformed": 1}, lost.failures)
    assert report.summed([part(), part(job_id="b", state="interrupted")]).exit_code == 130
    assert report.summed([part(), part(job_id="b", remaining=2)]).job_id == "b"
    assert report.summed([part()]) == part()


def test_a_preferred_source_is_asked_though_another_is_cheaper() -> None:
    (single, _) = [feed for feed in sec.FEEDS if feed.dataset == "facts"]
    dear = replace(single, name="dear", source="dear", size=10**9)
    roads = planner.Roads(bandwidth=1e6, preferred=("dear", "sec"))
    for chosen, expected in ((roads, "dear"), (replace(roads, preferred=()), single.name)):
        (step,) = planner.make_plan("x", missing(3), {"facts": [single, dear]}, chosen, {}, "1").steps
        assert step.feed == expected
        assert ("as asked" if chosen.preferred else "cheaper") in step.reason


@given(st.lists(st.lists(LEVELS, max_size=20), min_size=2, max_size=4))
def test_reports_of_parts_add_up(parts: list[list[Freshness]]) -> None:
    now = datetime(2026, 7, 10, tzinfo=UTC)
    told = [
        report.check_report(
            [company(n, level, days=n) for n, level in enumerate(levels)],
            report.Seen(target=f"part {at}", scope="all", now=now, rows={f"t{at}": at}),
        )
        for at, levels in enumerate(parts)
    ]
    summed = report.together("all", told)
    assert summed.parts == tuple(told)
    assert summed.total == sum(len(levels) for levels in parts)
    assert summed.current + summed.stale + summed.missing + summed.pending + summed.unknown == summed.total
    assert len(summed.most_stale) + summed.more_stale == summed.stale
    assert [s.days for s in summed.most_stale] == sorted((s.days for s in summed.most_stale), reverse=True)
    assert summed.rows == {f"t{at}": at for at in range(len(parts))}
    assert (summed.freshness is None) == (summed.total == 0)
    assert report.together("all", told[:1]) == told[0]


def bars_due(count: int, **changes: Any) -> list[Standing]:
    """Listings that lack the session after those that are held."""
    day, before = date(2026, 7, 10), date(2026, 7, 9)
    covered, evidence = Span(date(2026, 1, 2), before), (before.isoformat(),)
    given: dict[str, Any] = {"covered": covered, "evidence": evidence, "quiet": True}
    name = "N" if changes else "H"
    return [
        Standing(
            dataset="prices", key=f"{name}{n}:{n}", label=f"{name}{n}", level=Freshness.RECENT,
            unit=Unit("prices", f"{name}{n}:{n}", Span(day, day)), **(given | changes),
        )
        for n in range(count)
    ]  # fmt: skip


def test_of_yahoo_quotes_are_asked_for_the_next_session_and_charts_for_what_they_cannot_tell() -> None:
    feeds = {"prices": sorted((f for f in yahoo.FEEDS if f.dataset == "prices"), key=lambda f: f.rank)}
    roads = planner.Roads(rates={"yahoo": 0.5}, bursts={"yahoo": 30})

    def steps(*standings: Standing) -> list[tuple[str, int, int]]:
        made = planner.make_plan("prices", standings, feeds, roads, {}, "1")
        assert made.fallbacks == ()
        return [(step.feed, len(step.calls), step.cost.requests) for step in made.steps]

    assert steps(*bars_due(60)) == [("yahoo.quotes", 2, 14)]
    # Never held, and as good as never told of splits and dividends.
    new, old = bars_due(3, covered=None), bars_due(2, evidence=("2026-01-02",))
    assert steps(*bars_due(60), *new, *old) == [("yahoo.quotes", 2, 14), ("yahoo.chart", 5, 5)]
    assert steps(*bars_due(4)) == [("yahoo.chart", 4, 4)]


def test_what_is_owed_of_splits_and_dividends_is_asked_of_who_tells_them() -> None:
    found = [
        f for f in (*schwab.FEEDS, *robinhood.FEEDS, *polygon.FEEDS, *yahoo.FEEDS) if f.dataset == "prices"
    ]
    owing = bars_due(60, owed=True)

    def steps(*sources: str) -> list[tuple[str, int]]:
        feeds = {"prices": sorted((f for f in found if f.source in sources), key=lambda f: f.rank)}
        roads = planner.Roads(preferred=("schwab",))
        made = planner.make_plan("prices", [*bars_due(5), *owing], feeds, roads, {}, "1")
        assert ["left untold" in step.reason for step in made.steps] == [False, True]
        return [(step.feed, step.cost.requests) for step in made.steps]

    assert steps("schwab", "yahoo") == [("schwab.pricehistory", 5), ("yahoo.chart", 60)]
    assert steps("schwab", "robinhood", "polygon") == [("schwab.pricehistory", 5), ("polygon.range", 180)]
    # Where nobody tells them, the day itself is asked for all the same.
    assert steps("schwab") == [("schwab.pricehistory", 5), ("schwab.pricehistory", 60)]


def test_what_others_leave_is_asked_of_yahoos_charts_at_their_cost() -> None:
    found = (*schwab.FEEDS, *yahoo.FEEDS)
    feeds = {"prices": sorted((f for f in found if f.dataset == "prices"), key=lambda f: f.rank)}
    roads = planner.Roads(preferred=("schwab",))
    made = planner.make_plan("prices", bars_due(60), feeds, roads, {}, "1")
    assert [step.feed for step in made.steps] == ["schwab.pricehistory"]
    (fallback,) = made.fallbacks
    assert (fallback.feeds, fallback.worst.requests) == (("yahoo.chart",), 60)
