"""After a file with all companies is there: extract what is due, then fetch singly what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Protocol

from evertape.database.extract import ExtractOptions
from evertape.database.survey import Survey
from evertape.engine import report, selection
from evertape.errors import HomeBusy, Malformed, UserError
from evertape.model.call import Call
from evertape.model.dataset import Asked
from evertape.model.plan import Plan

_STOPPED = ("interrupted", "cancelled", "running", "paused")


class Bench(Protocol):
    """What runs jobs: `database.work.Workshop`."""

    survey: Survey

    @property
    def home(self) -> Path:
        """What `Call.into` is relative to."""

    async def run(
        self, kind: str, plan: Plan, *, workers: int = 10, parent: str | None = None
    ) -> report.JobReport:
        """Run a plan as a job."""

    async def extract(
        self, options: ExtractOptions, *, parent: str | None = None, labels: Mapping[str, str] | None = None
    ) -> report.JobReport:
        """Extract companies' facts as a job."""


async def follow(bench: Bench, job_id: str, plan: Plan, done: report.JobReport) -> report.JobReport:
    """Go on from a finished job whose plan fetched a file; others are reported as they are.

    What is still due afterwards goes single: what is newer than the file, and what it lacks. A file
    that the source does not have or that is no zip is done without; after any other failure the same
    command goes on from the part that came.
    """
    found = [(step, call) for step in plan.steps for call in step.calls if call.into]
    parts = [done]
    for step, call in found:
        failed = next((f for f in done.failures if f.label == call.label), None)
        if parts[-1].state in _STOPPED or (failed and failed.kind != Malformed.kind):
            break
        asked = _asked(bench.survey, call, plan)
        if failed is None:
            parts.append(await _extracted(bench, job_id, call, asked))
        if parts[-1].state in _STOPPED:
            break
        standings = bench.survey.standings(bench.survey.target(step.dataset), asked)
        rest = bench.survey.plan(plan.target, standings, {**plan.options, "route": "single"})
        if rest.steps:
            parts.append(await bench.run("refresh", rest, parent=job_id))
    return report.summed(parts)


async def _extracted(bench: Bench, job_id: str, call: Call, asked: Asked) -> report.JobReport:
    """Companies of which something newer than the file is held are left out there, and go single."""
    options = ExtractOptions(path=bench.home / call.into, keys=tuple(unit.key for unit in call.units))
    try:
        done = await bench.extract(options, parent=job_id, labels=asked.companies)
    except HomeBusy:
        raise
    except UserError as error:
        failure = report.Failure(label=call.label, key=call.into, kind=Malformed.kind, message=str(error))
        return report.failed(job_id, failure)
    # These bytes came over the wire with the file, which has counted them.
    return replace(done, bytes=0)


def _asked(survey: Survey, call: Call, plan: Plan) -> Asked:
    """A file's companies, under the options of its plan."""
    since = date.fromisoformat(plan.options.get("since") or selection.DEFAULT_SINCE.isoformat())
    keys = [unit.key for unit in call.units]
    companies = selection.everybody(keys, survey.listings(), survey.names())
    return Asked(companies=companies, scope=plan.options.get("scope", "symbols"), since=since)


__all__ = ["Bench", "follow"]
