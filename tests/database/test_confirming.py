"""What a second source's bar makes of a doubt about the first's. No store, no source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from evertape.database import confirming
from evertape.database.confirming import Doubt, Held, Sent, next_source, own_source, verdict, wanted
from evertape.datasets.quality import Finding
from evertape.datasets.universe import listing_id, listing_key
from evertape.formats.bars import Bar, Split
from evertape.model.feed import Feed
from evertape.model.unit import Span, Unit

DAY, BEFORE = date(2026, 7, 9), date(2026, 7, 8)
NOW = datetime(2026, 7, 9, 23, tzinfo=UTC)
DAWN = datetime(2026, 7, 9, 9, tzinfo=UTC)
RANKS = ("polygon", "yahoo", "schwab")


def doubt(check: str = "bar_move", symbol: str = "X", found: float = 80.0, own: str = "yahoo") -> Doubt:
    severity = "soft" if check == "bar_move" else "hard"
    finding = Finding(
        cik=7, check_name=check, table_name="daily_prices", report_date=DAY, period_type=symbol,
        column_name="close", severity=severity, expected=100.0, found=found, relative_difference=0.2,
        sentence="closed far away", accession_number=None, found_at=NOW, resolved_at=None,
    )  # fmt: skip
    return Doubt(finding=finding, ident=listing_id(symbol, 7), key=listing_key(symbol, 7), own=own)


def bar(close: float, high: float = 81.0) -> Bar:
    return Bar(DAY, 80.0, high, 79.0, close, 1000.0)


def held(*splits: Split, **sources: tuple[Bar, date | None]) -> Held:
    place = doubt().place
    return Held(
        bars={place: {name: Sent(*told) for name, told in sources.items()}}, splits={place[0]: splits}
    )


def test_a_second_source_with_the_same_close_lays_a_move_down() -> None:
    told = verdict(doubt(), held(yahoo=(bar(80.0), None), polygon=(bar(80.3), None)), RANKS, NOW)
    assert told is not None
    assert (told.severity, told.sentence) == ("note", "closed far away; polygon confirms it")
    assert (told.found, told.expected, told.resolved_at) == (80.0, 100.0, None)
    # Said once, whatever comes later.
    said = replace(doubt(), finding=told)
    assert verdict(said, held(yahoo=(bar(80.0), None), polygon=(bar(80.3), None)), RANKS, NOW) is None


def test_one_with_another_close_hardens_it_with_both_values() -> None:
    told = verdict(doubt(), held(yahoo=(bar(80.0), None), polygon=(bar(100.5), None)), RANKS, NOW)
    assert told is not None
    assert (told.severity, told.found, told.expected) == ("hard", 80.0, 100.5)
    assert told.relative_difference == pytest.approx(0.204, abs=1e-3)
    assert told.sentence.endswith("; yahoo has a close of 80, polygon one of 100.5")


def test_a_range_is_confirmed_only_by_a_whole_bar() -> None:
    ranged = doubt("bar_range")
    odd = (bar(80.0, high=70.0), None)
    same = verdict(ranged, held(yahoo=odd, polygon=odd), RANKS, NOW)
    other = verdict(ranged, held(yahoo=odd, polygon=(bar(80.0), None)), RANKS, NOW)
    assert same is not None
    assert other is not None
    assert (same.severity, other.severity) == ("note", "hard")
    assert other.sentence.endswith("; yahoo has a high of 70, polygon one of 81")


def test_a_split_that_is_known_by_now_resolves_a_move_and_nobody_is_asked() -> None:
    split = Split(DAY, 5, 4)
    told = verdict(doubt(), held(split, yahoo=(bar(80.0), None)), RANKS, NOW)
    assert told is not None
    assert told.resolved_at == NOW
    assert wanted([doubt()], held(split, yahoo=(bar(80.0), None)), feeds(*RANKS)) == ({}, 0)
    assert verdict(doubt("bar_range"), held(split, yahoo=(bar(80.0), None)), RANKS, NOW) is None
    assert verdict(doubt(), held(Split(BEFORE, 5, 4), yahoo=(bar(80.0), None)), RANKS, NOW) is None


@pytest.mark.parametrize(
    ("basis", "before", "resolved"),
    [(10, None, True), (10, 8, True), (10, 10, False), (9, 8, False), (9, 10, True), (None, None, False)],
)
def test_closes_that_count_the_shares_of_other_days_are_no_move_where_a_split_lies_between(
    basis: int | None, before: int | None, resolved: bool
) -> None:
    """The closes of 8 and 9 July, which count the shares of days before or after the split of the tenth."""
    bases = [None if day is None else date(2026, 7, day) for day in (before, basis)]
    known = Held(
        bars={
            (doubt().ident, BEFORE): {"schwab": Sent(bar(100.0)._replace(day=BEFORE), bases[0])},
            doubt().place: {"schwab": Sent(bar(80.0), bases[1])},
        },
        splits={doubt().ident: [Split(date(2026, 7, 10), 5, 4)]},
    )
    told = verdict(doubt(own="schwab"), known, RANKS, NOW)
    assert (told is not None and told.resolved_at == NOW) is resolved


@pytest.mark.parametrize(
    ("now", "ratio", "resolved"), [(80.0, 1.25, True), (80.0, 2.0, False), (100.3, 1.0, True)]
)
def test_a_close_that_is_another_now_is_no_doubt_once_the_split_since_is_told(
    now: float, ratio: float, resolved: bool
) -> None:
    moved = doubt("bar_basis", found=100.0)
    late = replace(moved.finding, report_date=BEFORE, expected=now)
    known = held(Split(DAY, ratio, 1.0), schwab=(bar(80.0), DAY), yahoo=(bar(80.0), None))
    told = verdict(replace(moved, finding=late), known, RANKS, NOW)
    assert (told is not None and told.resolved_at == NOW) is resolved
    assert wanted([replace(moved, finding=late)], known, feeds(*RANKS)) == ({}, 0)


def test_numbers_adjusted_for_a_later_split_are_compared_as_traded() -> None:
    basis = date(2026, 7, 20)
    both = held(Split(date(2026, 7, 15), 4, 1), yahoo=(bar(80.0), None), schwab=(bar(20.0), basis))
    told = verdict(doubt(), both, RANKS, NOW)
    assert told is not None
    assert told.severity == "note"


@pytest.mark.parametrize("sources", [{"yahoo": (bar(80.0), None)}, {"yahoo": (bar(99.0), None)}, {}])
def test_without_a_second_bar_or_its_own_nothing_is_said(sources: dict[str, tuple[Bar, None]]) -> None:
    known = held(**sources)
    mine = replace(doubt(), own=own_source(doubt(), known, RANKS))
    assert (mine.own == "yahoo") is (known.bars[mine.place].get("yahoo") == Sent(bar(80.0)))
    assert verdict(mine, known, RANKS, NOW) is None


@pytest.mark.parametrize("own", ["schwab", "polygon"])
def test_a_source_does_not_confirm_itself_where_the_second_has_the_same_close(own: str) -> None:
    """Whose bar was there when the doubt arose is told by the time of its answer, else by rank."""
    other = ({"schwab", "polygon"} - {own}).pop()
    both = {name: Sent(bar(80.0), None, NOW if name == own else DAWN) for name in ("polygon", "schwab")}
    known = Held(bars={doubt().place: both}, splits={})
    mine = replace(doubt(), own=own_source(doubt(), known, RANKS))
    told = verdict(mine, known, RANKS, NOW)
    assert told is not None
    assert told.sentence.endswith(f"; {other} confirms it")
    at_once = Held(bars={doubt().place: {name: Sent(bar(80.0), None, NOW) for name in both}}, splits={})
    assert own_source(doubt(), at_once, (own, other)) == own


def feeds(*sources: str) -> Sequence[Feed]:
    return [
        Feed(
            name=f"{source}.prices",
            source=source,
            dataset="prices",
            ask=lambda _: (),
            read=lambda _reply, _held: (),
            size=1,
            partial=True,
        )
        for source in sources
    ]


def test_the_next_source_is_asked_and_after_the_last_the_first() -> None:
    assert next_source(feeds("polygon", "polygon", "yahoo"), "polygon") == "yahoo"
    assert next_source(feeds(*RANKS), "schwab") == "polygon"
    assert next_source(feeds("yahoo"), "yahoo") is None
    assert next_source(feeds("yahoo"), "gone") == "yahoo"


def test_fifty_listings_are_looked_up_and_the_others_counted() -> None:
    doubts = [doubt(symbol=f"S{n}") for n in range(53)]
    known = Held(bars={d.place: {"yahoo": Sent(bar(80.0))} for d in doubts}, splits={})
    asked, left = wanted(doubts, known, feeds("yahoo", "polygon"))
    assert (list(asked), len(asked["polygon"]), left) == (["polygon"], confirming.LISTINGS, 3)
    assert asked["polygon"][0] == Unit("prices", doubts[0].key, Span(DAY, DAY))
    assert wanted(doubts, known, feeds("yahoo")) == ({}, 0)
