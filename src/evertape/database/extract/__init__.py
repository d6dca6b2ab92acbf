"""Bulk extraction: a folder or zip of companyfacts, read by worker processes, as a job like any other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from evertape.formats.xbrl import EXTRACTOR_VERSION
from evertape.model.call import Call
from evertape.model.plan import Cost, Plan, Step
from evertape.model.unit import Holding, Unit
from evertape.net.bulk import Member

URL = "https://data.sec.gov/api/xbrl/companyfacts/CIK{key}.json"
FEED = "sec.companyfacts"
EXTRACT = "extract"
"""The dataset name under which it is held what was read from which member."""
SECONDS = 0.04
"""Of one core for a company, as measured on the recorded ones."""


@dataclass(frozen=True, kw_only=True)
class ExtractOptions:
    """How to read a bulk file.

    Attributes:
        keys: ten-digit CIKs, the first ones first; empty for all there are.
        first: those that come before all others.
        workers: processes; None for one a core.
        batch: companies that a process is given at once.
        timeout: seconds for one company.
        memory: bytes of data of all processes together.
        keep: whether bodies are kept in the archive, so that `rebuild` can read them again.
    """

    path: Path
    keys: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    workers: int | None = None
    batch: int = 50
    timeout: float = 30.0
    memory: int = 2048 * 1_000_000
    keep: bool = True


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a bulk file has for a request.

    Attributes:
        members: by unit key, in the order in which they are read.
        unchanged: keys that were read from an equal member before, by this extractor.
        newer: keys of which something newer than the file is held.
        lacking: keys asked for that the file does not have.
    """

    members: Mapping[str, Member]
    unchanged: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


def choose(
    members: Mapping[str, Member],
    options: ExtractOptions,
    held: Mapping[str, Holding],
    read: Mapping[str, Holding],
    written: datetime,
) -> Chosen:
    """Which members are due: not those that did not change, nor those of which newer facts are held.

    Args:
        held: coverage of facts. read: what was extracted before, its mark the member's.
        written: when the file was, for members that do not say. A member's facts are held as of that time.
    """
    wanted = dict.fromkeys((*options.first, *(options.keys or members)))
    found: dict[str, Member] = {}
    unchanged, newer = [], []
    for key in wanted:
        member = members.get(key)
        if member is None:
            continue
        was, known = read.get(key), held.get(key)
        if was is not None and (was.mark, was.version) == (member.mark, EXTRACTOR_VERSION):
            unchanged.append(key)
        elif known is not None and known.checked_at > (member.modified or written):
            newer.append(key)
        else:
            found[key] = member
    return Chosen(
        members=found,
        unchanged=tuple(unchanged),
        newer=tuple(newer),
        lacking=tuple(key for key in wanted if key not in members),
    )


def plan_of(chosen: Chosen, options: ExtractOptions, labels: Mapping[str, str], cores: int) -> Plan:
    """The plan that reads what is due; no request."""
    calls = tuple(
        Call(
            source="sec",
            feed=FEED,
            url=f"bulk:{URL.format(key=key)}",
            units=(Unit("facts", key),),
            label=labels.get(key, key),
            place=f"{member.name} in {options.path}",
        )
        for key, member in chosen.members.items()
    )
    size = sum(member.packed for member in chosen.members.values())
    cost = Cost(bytes=size, seconds=round(len(calls) * SECONDS / max(1, cores), 1))
    step = Step(feed=FEED, dataset="facts", calls=calls, cost=cost, reason=reason_of(chosen))
    shaped = {
        "path": str(options.path), "workers": options.workers, "batch": options.batch,
        "timeout": options.timeout, "memory": options.memory, "keep": options.keep,
    }  # fmt: skip
    plan = Plan(target="extract", steps=(step,) if calls else (), options={"extract": shaped})
    return replace(plan, version=EXTRACTOR_VERSION).sealed()


def reason_of(chosen: Chosen) -> str:
    """In words, what is read and what is not."""
    parts = [f"{len(chosen.members)} to read"]
    counted: Sequence[tuple[Collection[str], str]] = (
        (chosen.unchanged, "unchanged since they were read"),
        (chosen.newer, "held newer"),
        (chosen.lacking, "without a file"),
    )
    parts += [f"{len(keys)} {what}" for keys, what in counted if keys]
    return ", ".join(parts)


def options_of(plan: Plan) -> ExtractOptions | None:
    """The options that shaped a plan; None where it is no extraction's."""
    shaped = plan.options.get("extract")
    if not isinstance(shaped, dict):
        return None
    return ExtractOptions(**{**shaped, "path": Path(str(shaped["path"]))})
