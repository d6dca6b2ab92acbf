"""From standings to a plan: which feed, which calls, at what cost. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from evertape.engine.passing import MOST
from evertape.model.call import Call
from evertape.model.feed import Feed, Source
from evertape.model.plan import Cost, Fallback, Plan, Step
from evertape.model.unit import Span, Standing, Unit

LATENCY = 0.08
"""Seconds from a permit to the response headers that a busy line needs, as measured on the SEC."""
RETURN = 0.001
"""A permit comes back this long after its window has passed."""
Choice = Literal["auto", "single", "bulk"]
CHOICES: tuple[Choice, ...] = ("auto", "single", "bulk")


@dataclass(frozen=True, kw_only=True)
class Roads:
    """What decides which of several feeds is asked.

    Attributes:
        rates: requests a second by source; a source that is not named has no limit.
        bursts: requests that a source's windows let through at once, before the rate counts.
        bandwidth: bytes a second.
        choice: "bulk" for the feed that sends all in one file, "single" for the others, "auto" for the
            cheapest; a dataset that lacks the kind is asked for as it can be.
        sizes: bytes on the wire of one answer by feed, where an earlier one told.
        preferred: sources that a person would rather have asked than cheaper ones, the first the most.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    bursts: Mapping[str, int] = field(default_factory=dict)
    bandwidth: float = math.inf
    choice: Choice = "auto"
    sizes: Mapping[str, int] = field(default_factory=dict)
    preferred: Sequence[str] = ()

    def place(self, source: str) -> int:
        """A source's place among the preferred; all others share the one after the last."""
        return self.preferred.index(source) if source in self.preferred else len(self.preferred)


@dataclass(frozen=True, kw_only=True)
class _Route:
    """A feed that can answer, and at what cost."""

    feed: Feed
    calls: tuple[Call, ...]
    cost: Cost

    @property
    def bulk(self) -> bool:
        return any(call.into for call in self.calls)

    @property
    def asked(self) -> Mapping[tuple[str, str, str], Span | None]:
        """What is asked for by dataset, key and extent: the days from the first to the last of its calls."""
        asked: dict[tuple[str, str, str], Span | None] = {}
        for call in self.calls:
            for unit in call.units:
                name = (unit.dataset, unit.key, unit.extent)
                span, before = unit.span, asked.get(name)
                if span is not None and before is not None:
                    span = Span(min(span.start, before.start), max(span.end, before.end))
                asked[name] = span
        return asked

    def answers(self, unit: Unit | None, asked: Mapping[tuple[str, str, str], Span | None]) -> bool:
        """Whether what this feed is `asked` for holds all of a unit."""
        if unit is None or (name := (unit.dataset, unit.key, unit.extent)) not in asked:
            return False
        span = asked[name]
        return unit.span is None or span is None or span.covers(unit.span)


def rate_of(source: Source, setting: int | None) -> float:
    """Requests a second that a source's limits let through, lease round trip included."""
    rates = []
    for limit in source.limits:
        count = limit.count if setting is None else setting
        rates.append(count / (limit.seconds + RETURN + LATENCY))
    return min(rates, default=math.inf)


def burst_of(source: Source) -> int:
    """Requests that go at once: what the shortest window of a minute or more lets through."""
    return min((limit.count for limit in source.limits), default=0) if _is_slow(source) else 0


def _is_slow(source: Source) -> bool:
    return bool(source.limits) and all(limit.seconds >= 60 for limit in source.limits)


def limit_of(source: Source, setting: int | None, *, sandbox: bool) -> int | None:
    """The number of requests a window that a setting may choose: never above the source's ceiling,
    except against a sandbox, where nobody's patience is at stake."""
    if setting is None:
        return None
    ceilings = [limit.ceiling for limit in source.limits if limit.ceiling is not None]
    return setting if sandbox or not ceilings else min([setting, *ceilings])


def make_plan(
    target: str,
    standings: Sequence[Standing],
    feeds: Mapping[str, Sequence[Feed]],
    roads: Roads,
    options: Mapping[str, Any],
    version: str,
) -> Plan:
    """The plan that makes every due standing current.

    Args:
        feeds: by dataset, in the order of their rank.
        options: what shaped the plan; part of its digest.
    """
    due: dict[str, list[Standing]] = defaultdict(list)
    for standing in standings:
        if standing.unit is not None:
            due[standing.dataset].append(standing)
    steps = []
    for dataset, wanted in _asked_together(due):
        units, others = wanted, ""
        tried, owed = wanted[0].tried, wanted[0].owed
        untold = ", with what earlier answers left untold" if owed else ""
        able = [
            feed
            for feed in feeds.get(dataset, ())
            if feed.source not in tried and not (owed and feed.untelling)
        ]
        routes = [_route(feed, units, roads) for feed in able or feeds.get(dataset, ())]
        chosen, other = _cheapest(routes, [s.unit for s in units], roads)
        if chosen is not None:
            routes, others = [chosen], _said(chosen, other, roads)
        for made in routes:
            route = made if units is wanted else _route(made.feed, units, roads)
            if not route.calls:
                continue
            asked = route.asked
            answered = [standing for standing in units if route.answers(standing.unit, asked)]
            reason = f"{len(asked)} of {dataset} due: {_reasons(units)}{untold}{others}"
            steps.append(
                Step(feed=route.feed.name, dataset=dataset, calls=route.calls, cost=route.cost, reason=reason)
            )
            done = {id(standing) for standing in answered}
            units = [standing for standing in units if id(standing) not in done]
    fallbacks = _fallbacks(steps, due, feeds, roads)
    return Plan(
        target=target, steps=tuple(steps), fallbacks=fallbacks, options=dict(options), version=version
    ).sealed()


def _asked_together(due: Mapping[str, Sequence[Standing]]) -> list[tuple[str, list[Standing]]]:
    """Standings by dataset, those apart that some sources did not know the last time, or left untold."""
    groups: dict[tuple[str, tuple[str, ...], bool], list[Standing]] = {}
    for dataset, standings in due.items():
        for standing in standings:
            groups.setdefault((dataset, standing.tried, standing.owed), []).append(standing)
    return [(dataset, standings) for (dataset, *_), standings in groups.items()]


def _fallbacks(
    steps: Sequence[Step],
    due: Mapping[str, Sequence[Standing]],
    feeds: Mapping[str, Sequence[Feed]],
    roads: Roads,
) -> tuple[Fallback, ...]:
    """Who is asked for what a step's feed leaves, and what it costs where it leaves all it may leave."""
    found: dict[str, Fallback] = {}
    for step in steps:
        own = next((feed for feed in feeds[step.dataset] if feed.name == step.feed), None)
        others = [
            f
            for f in feeds[step.dataset]
            if f.partial and f.rest is None and own is not None and f.source != own.source
        ]
        small = any(len(call.units) <= MOST for call in step.calls)
        if own is None or not own.partial or not others or not small or step.dataset in found:
            continue
        costs: dict[str, Cost] = {}
        for feed in others:
            cost = _route(feed, due[step.dataset], roads).cost
            costs[feed.source] = min(cost, costs.get(feed.source, cost), key=lambda cost: cost.requests)
        worst = max(costs.values(), key=lambda cost: cost.seconds)
        names = tuple(feed.name for feed in others)
        found[step.dataset] = Fallback(dataset=step.dataset, feeds=names, worst=worst)
    return tuple(found.values())


def _route(feed: Feed, standings: Sequence[Standing], roads: Roads) -> _Route:
    """What a feed would be asked. A file's size is written into its call: far more is not fetched."""
    size = roads.sizes.get(feed.name, feed.size)
    calls = tuple(
        replace(call, size=size) if call.into and call.size is None else call for call in feed.ask(standings)
    )
    return _Route(feed=feed, calls=calls, cost=_cost(feed, calls, roads))


def _cheapest(
    routes: Sequence[_Route], due: Sequence[Unit | None], roads: Roads
) -> tuple[_Route | None, _Route | None]:
    """Of several routes that each answer all that is due, the one to take, and the best of the others.

    (None, None) where there are no two: then feeds are asked in the order of their rank.
    """
    able = []
    for route in routes:
        asked = route.asked
        if route.calls and all(route.answers(unit, asked) for unit in due):
            able.append(route)
    if len(able) < 2:
        return None, None
    # Sorting is stable: of two that cost the same, the one of lower rank comes first.
    able.sort(key=lambda route: (roads.place(route.feed.source), route.cost.seconds))
    wished = [r for r in able if roads.choice == "auto" or r.bulk is (roads.choice == "bulk")]
    chosen = (wished or able)[0]
    return chosen, next(route for route in able if route is not chosen)


def _said(chosen: _Route, other: _Route | None, roads: Roads) -> str:
    """Why this route, in words, with the numbers that decided."""
    assert other is not None
    liked = roads.place(chosen.feed.source) < roads.place(other.feed.source)
    why = "as asked" if roads.choice != "auto" or liked else "cheaper"
    text = f"; {_words(chosen)}, {why}: {_seconds(chosen)}; {_words(other)} would take {_seconds(other)}"
    if chosen.bulk:
        text += "; what the file lacks or is older than is then fetched one by one"
    return text


def _words(route: _Route) -> str:
    if route.bulk:
        return f"all in one file of {route.cost.bytes / 1e6:,.0f} MB ({route.feed.name})"
    return f"{route.cost.requests} single requests of {route.cost.bytes / 1e6:,.1f} MB ({route.feed.name})"


def _seconds(route: _Route) -> str:
    return f"about {route.cost.seconds:,.0f} s"


def _cost(feed: Feed, calls: Sequence[Call], roads: Roads) -> Cost:
    """Requests at the source's rate, then bytes over the line, then working off the units."""
    if feed.computing is not None:
        return Cost(seconds=round(len(calls) * feed.computing, 1))
    size = roads.sizes.get(feed.name, feed.size)
    bytes_ = sum(size if call.size is None else call.size for call in calls)
    units = sum(len(call.units) for call in calls)
    requests = sum(call.expected for call in calls)
    # What a minute or an hour allows at once is let through at once.
    burst = roads.bursts.get(feed.source, 0)
    rate = roads.rates.get(feed.source, math.inf)
    waiting = max(0, requests - burst) / rate if rate else 0.0
    seconds = waiting + bytes_ / roads.bandwidth + units * feed.unit_seconds
    return Cost(requests=requests, bytes=bytes_, seconds=round(seconds, 1))


def _reasons(standings: Sequence[Standing]) -> str:
    counts: dict[str, int] = defaultdict(int)
    for standing in standings:
        counts[standing.level.value] += 1
    return ", ".join(f"{count} {level}" for level, count in counts.items())
