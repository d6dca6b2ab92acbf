"""From standings to a plan: which feed, which calls, at what cost. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from evertape.model.feed import Feed, Source
from evertape.model.plan import Cost, Plan, Step
from evertape.model.unit import Standing

LATENCY = 0.08
"""Seconds from a permit to the response headers that a busy line needs, as measured on the SEC."""
RETURN = 0.001
"""A permit comes back this long after its window has passed."""


def rate_of(source: Source, setting: int | None) -> float:
    """Requests a second that a source's limits let through, lease round trip included."""
    rates = []
    for limit in source.limits:
        count = limit.count if setting is None else setting
        rates.append(count / (limit.seconds + RETURN + LATENCY))
    return min(rates, default=math.inf)


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
    rates: Mapping[str, float],
    options: Mapping[str, Any],
    version: str,
) -> Plan:
    """The plan that makes every due standing current.

    Args:
        feeds: by dataset, in the order of their rank.
        rates: requests a second by source.
        options: what shaped the plan; part of its digest.
    """
    due: dict[str, list[Standing]] = defaultdict(list)
    for standing in standings:
        if standing.unit is not None:
            due[standing.dataset].append(standing)
    steps = []
    for dataset, wanted in due.items():
        units = wanted
        for feed in feeds.get(dataset, ()):
            calls = tuple(feed.ask(units))
            if not calls:
                continue
            asked = {unit for call in calls for unit in call.units}
            reason = f"{len(asked)} of {dataset} due: " + _reasons(units)
            steps.append(
                Step(
                    feed=feed.name,
                    dataset=dataset,
                    calls=calls,
                    cost=_cost(feed, [call.size for call in calls], rates.get(feed.source, math.inf)),
                    reason=reason,
                )
            )
            units = [standing for standing in units if standing.unit not in asked]
    return Plan(target=target, steps=tuple(steps), options=dict(options), version=version).sealed()


def _cost(feed: Feed, sizes: Sequence[int | None], rate: float) -> Cost:
    if feed.computing is not None:
        return Cost(seconds=round(len(sizes) * feed.computing, 1))
    known = [size for size in sizes if size is not None]
    unknown = len(sizes) - len(known)
    return Cost(
        requests=len(sizes),
        bytes=sum(known) + unknown * feed.size,
        seconds=round(len(sizes) / rate, 1) if rate else 0.0,
    )


def _reasons(standings: Sequence[Standing]) -> str:
    counts: dict[str, int] = defaultdict(int)
    for standing in standings:
        counts[standing.level.value] += 1
    return ", ".join(f"{count} {level}" for level, count in counts.items())
