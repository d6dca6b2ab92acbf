"""What nobody knows is looked for again after a back-off, and never costs what is covered already."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from evertape.datasets import options, prices
from evertape.datasets.universe import ident_of
from evertape.engine import passing
from evertape.model.dataset import Asked, Evidence
from evertape.model.feed import Backoff
from evertape.model.unit import Holding, Outcome, Span, Unit

NOW = datetime(2026, 7, 7, 22, tzinfo=UTC)
KEY = "AAPL:320193"
COVERED = Span(date(2026, 7, 1), date(2026, 7, 6))
NEXT = Unit("prices", KEY, Span(date(2026, 7, 7), date(2026, 7, 7)))
ABSENCE = Backoff(first=timedelta(days=1), most=timedelta(days=30), strikes=1_000_000)
MARK = prices.Mark(n=3, first=date(2026, 7, 1), last=date(2026, 7, 6), closes=(200.0,)).text()
HELD = Holding(
    unit=Unit("prices", KEY, COVERED), outcome=Outcome.SETTLED, checked_at=NOW, source="yahoo", mark=MARK
)


def left(count: int, held: Mapping[str, Holding]) -> list[Holding]:
    """The coverage of so many units that nobody knows, the first of them `KEY`."""
    units = [NEXT, *(Unit("prices", f"N{n}:{n}", NEXT.span) for n in range(1, count))]
    return passing.absent(units, ABSENCE, held, NOW, ["yahoo.chart"])


def standing(held: Holding, now: datetime) -> tuple[Unit | None, str]:
    """What is due of `KEY`, and why."""
    rows = {prices.DailyPrice.table: [(ident_of(KEY), 3)]}
    evidence = Evidence(rows=rows, holdings={"prices": {KEY: held}})
    asked = Asked(companies={}, scope="symbols", since=COVERED.start, listings={KEY: "AAPL"})
    (found,) = prices.due(evidence, asked, now)
    return found.unit, found.reason


def test_what_is_covered_stays_so_and_waits() -> None:
    (first,) = left(1, {KEY: HELD})
    assert (first.outcome, first.unit, first.mark) == (Outcome.SETTLED, HELD.unit, MARK)
    assert (first.strikes, first.not_before) == (1, NOW + timedelta(days=1))
    assert standing(first, NOW) == (None, "unknown to yahoo.chart")
    both = Unit("prices", KEY, Span(date(2026, 7, 7), date(2026, 7, 8)))
    assert standing(first, NOW + timedelta(days=1)) == (both, "2 sessions")
    (second,) = left(1, {KEY: first})
    assert (second.strikes, second.not_before) == (2, NOW + timedelta(days=2))


def test_a_session_that_one_source_does_not_have_yet_strikes_nobody_who_is_known() -> None:
    found = left(passing.MOST + 1, {KEY: HELD})
    assert len(found) == passing.MOST
    assert KEY not in {holding.unit.key for holding in found}
    assert {holding.outcome for holding in found} == {Outcome.PENDING}
    assert standing(HELD, NOW) == (NEXT, "1 sessions")


def test_a_chain_of_which_nobody_knows_more_is_kept_and_waits() -> None:
    unit = Unit("options", KEY, extent=options.extent_of(30))
    taken = NOW - timedelta(days=3)
    held = Holding(unit=unit, outcome=Outcome.SETTLED, checked_at=taken, source="cboe", size=7)
    (kept,) = passing.absent([unit], ABSENCE, {KEY: held}, NOW, ["cboe.options"])
    assert (kept.outcome, kept.checked_at, kept.size) == (Outcome.SETTLED, taken, 7)
    asked = Asked(companies={}, scope="symbols", since=COVERED.start, listings={KEY: "AAPL"})
    (waiting,) = options.due(Evidence(rows={}, holdings={"options": {KEY: kept}}), asked, NOW)
    assert (waiting.unit, waiting.reason, waiting.days) == (None, "unknown to cboe.options", 3)
    later = NOW + timedelta(days=1)
    (due,) = options.due(Evidence(rows={}, holdings={"options": {KEY: kept}}), asked, later)
    assert due.unit == unit
