"""What one feed leaves goes to the next: who, for what, and what it means where nobody is left. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from evertape.errors import Denied, Malformed, SourceError, Transient, Unavailable
from evertape.model.call import Call
from evertape.model.feed import Backoff, Feed, Page
from evertape.model.plan import Cost, Plan, Step
from evertape.model.unit import Freshness, Holding, Outcome, Standing, Unit

MOST = 100
"""Units that one call may leave to other feeds; more would cost what nobody has confirmed."""


def may_pass(feed: Feed, call: Call, error: SourceError) -> bool:
    """Whether other feeds may be asked for the units of a call that failed this way."""
    passing = isinstance(error, (Transient, Unavailable, Denied, Malformed))
    return feed.partial and passing and len(call.units) <= MOST


def unsettled(call: Call, pages: Sequence[Page]) -> Sequence[Unit]:
    """The units of a call that its answers say nothing about."""
    settled = {(holding.unit.dataset, holding.unit.key) for page in pages for holding in page.settled}
    return [unit for unit in call.units if (unit.dataset, unit.key) not in settled]


def standings(units: Sequence[Unit]) -> list[Standing]:
    """Units as another feed is asked for them."""
    return [
        Standing(
            dataset=unit.dataset,
            key=unit.key,
            label=unit.key.rpartition(":")[0] or unit.key,
            level=Freshness.MISSING,
            unit=unit,
        )
        for unit in units
    ]


def fewest(source: str, feeds: Iterable[Feed], left: Sequence[Unit]) -> Sequence[Call]:
    """The calls by which a source is asked for units: of its feeds the one that takes the fewest requests,
    since one that answers for everybody takes as many for a single unit. None where none can be asked."""
    asked = [feed.ask(standings(left)) for feed in feeds if feed.source == source]
    return min(filter(None, asked), key=lambda calls: sum(call.expected for call in calls), default=())


def absent(
    units: Sequence[Unit],
    absence: Backoff,
    held: Mapping[str, Holding],
    now: datetime,
    asked: Sequence[str],
    struck: Container[tuple[str, str]] = (),
) -> list[Holding]:
    """The coverage of units that no source knows: looked for again after a back-off.

    Args:
        struck: (dataset, key) of those that the same job has found unknown before, on another day: that is
            one strike.
    """
    found = []
    for unit in units:
        was = held.get(unit.key)
        before = was.strikes if was is not None and was.outcome is Outcome.PENDING else 0
        strikes = max(1, before + ((unit.dataset, unit.key) not in struck))
        holding = Holding(
            unit=unit,
            outcome=Outcome.PENDING,
            checked_at=now,
            source=" ".join(dict.fromkeys(feed.partition(".")[0] for feed in asked)),
            strikes=strikes,
            not_before=absence.not_before(now, strikes),
            note=f"unknown to {', '.join(asked)}",
        )
        found.append(holding)
    return found


def outcome(outcomes: Sequence[Outcome]) -> Outcome:
    """What came of several calls together."""
    for one in (Outcome.PENDING, Outcome.SETTLED):
        if one in outcomes:
            return one
    return Outcome.NOTHING


def together(errors: Sequence[tuple[str, SourceError]], left: Sequence[Unit]) -> SourceError:
    """The last of several feeds' errors, naming all of them, each once."""
    if not errors:
        return Unavailable(f"{len(left)} are left without an answer, and nobody else can be asked")
    _, last = errors[-1]
    last.args = ("; ".join(dict.fromkeys(f"{name}: {error}" for name, error in errors)),)
    return last


def misread(label: str, errors: Sequence[tuple[str, SourceError]]) -> tuple[str, ...]:
    """Notes on feeds whose answers could not be read, where another has answered in their place: nobody
    mends a file of their own that is passed over without a word."""
    return tuple(
        f"{label}: {name} was passed over: {error}" for name, error in errors if isinstance(error, Malformed)
    )


def through_next(plan: Plan, feeds_of: Callable[[str], Sequence[Feed]]) -> Plan:
    """The same units asked of the source after the one of each step, where there is one; the last is
    followed by the first."""
    steps = [_following(step, feeds_of(step.dataset)) for step in plan.steps]
    return replace(plan, steps=tuple(step for step in steps if step.calls)).sealed()


def _following(step: Step, feeds: Sequence[Feed]) -> Step:
    partial = [feed for feed in feeds if feed.partial]
    names = [feed.name for feed in partial]
    units = [unit for call in step.calls for unit in call.units]
    if step.feed not in names or len(units) > MOST * len(step.calls):
        return step
    at = names.index(step.feed)
    after = [feed for feed in (*partial[at:], *partial[:at]) if feed.source != partial[at].source]
    if not after:
        return step
    calls = tuple(fewest(after[0].source, after, units))
    if not calls:
        return step
    feed = next(feed for feed in after if feed.name == calls[0].feed)
    requests = sum(call.expected for call in calls)
    return Step(
        feed=feed.name,
        dataset=step.dataset,
        calls=calls,
        cost=Cost(requests=requests, bytes=requests * feed.size),
        reason=f"{len(units)} left by {step.feed}",
    )
