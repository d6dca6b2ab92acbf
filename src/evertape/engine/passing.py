"""What one feed leaves goes to the next: who, for what, and what it means where nobody is left. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from evertape.errors import Denied, Malformed, SourceError, Transient, Unavailable
from evertape.model.call import Call
from evertape.model.feed import Backoff, Feed, Page
from evertape.model.plan import Cost, Plan, Step
from evertape.model.unit import Freshness, Holding, Outcome, Span, Standing, Unit

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

    What was covered before stays so. Where so many are left that only one source was asked, it rather has not
    answered for a session yet: what is covered of them is due again at once.

    Args:
        struck: (dataset, key) of those that the same job has found unknown before, on another day: that is
            one strike.
    """
    found = []
    for unit in units:
        was = held.get(unit.key)
        covered = was is not None and was.outcome is Outcome.SETTLED
        if covered and len(units) > MOST:
            continue
        before = was.strikes if was is not None and was.outcome is not Outcome.NOTHING else 0
        strikes = max(1, before + ((unit.dataset, unit.key) not in struck))
        until, note = absence.not_before(now, strikes), f"unknown to {', '.join(asked)}"
        if was is not None and covered:
            found.append(replace(was, strikes=strikes, not_before=until, note=note))
            continue
        holding = Holding(
            unit=unit,
            outcome=Outcome.PENDING,
            checked_at=now,
            source=" ".join(dict.fromkeys(feed.partition(".")[0] for feed in asked)),
            strikes=strikes,
            not_before=until,
            note=note,
        )
        found.append(holding)
    return found


def outcome(outcomes: Sequence[Outcome]) -> Outcome:
    """What came of several calls together."""
    for one in (Outcome.PENDING, Outcome.SETTLED):
        if one in outcomes:
            return one
    return Outcome.NOTHING


def together(errors: Sequence[tuple[str, SourceError]], left: Sequence[Unit], of: int) -> SourceError:
    """The last of several feeds' errors, naming the first of each feed, and how many are left of how many."""
    if not errors:
        return Unavailable(f"{len(left)} are left without an answer, and nobody else can be asked")
    texts: dict[str, dict[str, None]] = {}
    for name, error in errors:
        texts.setdefault(name, {})[str(error)] = None
    said = [
        f"{name}: {next(iter(each))}" + (f" (and {len(each) - 1} more)" if len(each) > 1 else "")
        for name, each in texts.items()
    ]
    _, last = errors[-1]
    last.args = ((f"{len(left)} of {of} stay due; " if of > 1 else "") + "; ".join(said),)
    return last


def not_asked(call: Call, refused: str) -> Denied:
    """The failure of a call that is not sent, since its feed has refused another with a message: the reason
    with this call's own address in place of that one's."""
    reason, _, address = refused.rpartition(" (")
    return Denied(f"{reason} ({call.url}, not asked again)" if "://" in address else refused)


def skipped(out: int, of: int) -> Unavailable:
    """The failure of an item so many of whose units were not asked for."""
    return Unavailable(f"{out} of {of} stay due, since what was to come before failed for them")


def still_due(plan: Plan, feeds: Mapping[str, Feed], held: Mapping[str, Holding], since: datetime) -> Plan:
    """A plan without the days that an answer of `since` or later has settled.

    Args:
        held: of the datasets with days, by key.
    """
    steps = []
    for step in plan.steps:
        calls = []
        for call in step.calls:
            units = [unit for unit in call.units if not _settled_since(unit, held.get(unit.key), since)]
            if units or not call.units or not feeds[call.feed].partial:
                calls.append(replace(call, units=tuple(units) if feeds[call.feed].partial else call.units))
        if calls:
            steps.append(replace(step, calls=tuple(calls)))
    return replace(plan, steps=tuple(steps)).sealed()


def _settled_since(unit: Unit, held: Holding | None, since: datetime) -> bool:
    if held is None or unit.span is None or held.unit.span is None or held.outcome is not Outcome.SETTLED:
        return False
    same = (held.unit.dataset, held.unit.extent) == (unit.dataset, unit.extent)
    return same and held.checked_at >= since and held.unit.span.covers(unit.span)


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
    units = _in_one([unit for call in step.calls for unit in call.units])
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


def _in_one(units: Sequence[Unit]) -> Sequence[Unit]:
    """The units with the days of each key as one span, so that another source answers them together."""
    found: dict[tuple[str, str, str], Unit] = {}
    for unit in units:
        name = (unit.dataset, unit.key, unit.extent)
        before = found[name].span if name in found else None
        span = unit.span
        if span is not None and before is not None:
            span = Span(min(span.start, before.start), max(span.end, before.end))
        found[name] = replace(unit, span=span)
    return list(found.values())
