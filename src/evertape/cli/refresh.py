"""refresh: check, show, ask, fetch. rebuild: derive again from the archive."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from evertape.cli import show
from evertape.cli.options import common, print_json, selectors, snapshots, workers
from evertape.cli.progress import shown
from evertape.cli.session import opened, run
from evertape.engine.planner import CHOICES
from evertape.errors import NotConfirmed

if TYPE_CHECKING:
    from evertape.database import Database
    from evertape.engine.report import Check, JobReport


@click.command()
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@selectors
@snapshots
@workers
@common
@click.option(
    "--route",
    type=click.Choice(CHOICES),
    default="auto",
    show_default=True,
    help="One request a company, one file with all companies, or what is cheaper.",
)
@click.option("--yes", is_flag=True, help="Fetch without asking.")
@click.option("--check", "check_only", is_flag=True, help="Check and show the plan, then stop.")
def refresh(
    targets: tuple[str, ...],
    workers: int,
    as_json: bool,
    log_level: str,
    **said: Any,
) -> int:
    """Check what is stale, show what fetching it costs, ask, and fetch only that.

    TARGET is a dataset (companies, facts, prices, options, vintages), a goal (financials, market) or
    all: financials, market, companies and options; vintages are built only when asked for. Several make
    one plan. financials where nothing is said.

    Exit codes: 0 current or done, 1 some failed, 2 usage or set-up, 3 stale and not confirmed,
    4 another job holds this home, 130 interrupted.
    """
    from evertape.database import Selection

    if said["symbols"] and said["scope"]:
        raise click.UsageError("--symbols and --scope exclude each other; give one")
    with opened(log_level=log_level) as db:
        chosen = Selection(
            symbols=said["symbols"] or (),
            scope=said["scope"],
            since=said["since"],
            until=said["until"],
            route=said["route"],
            target_dte=said["target_dte"],
            max_age=timedelta(hours=said["max_age"]),
        )
        console = show.talk()
        with shown(db, console, quiet=as_json):
            checked = run(db, db.check(" ".join(targets) or "financials", chosen))
        if not as_json:
            show.check(console, checked.report)
        if not checked.plan.steps:
            return _nothing_due(checked, as_json)
        if not as_json:
            show.plan(console, checked.plan)
        if not _confirmed(
            said["yes"], said["check_only"], "Fetch" if checked.plan.cost.requests else "Build"
        ):
            if as_json:
                print_json({"check": checked.report, "plan": checked.plan})
            return 3
        return _apply(db, checked, workers, as_json)


def _nothing_due(checked: Check, as_json: bool) -> int:
    if as_json:
        print_json({"check": checked.report, "plan": checked.plan})
    elif checked.report.total == 0:
        click.echo("nothing to refresh here", err=True)
    elif checked.report.current == checked.report.total:
        click.echo("All current. Nothing to fetch.", err=True)
    else:
        click.echo("Nothing to fetch now.", err=True)
    failed = any(s.state not in ("ok", "absent", "outdated") for s in checked.report.sources)
    return 1 if failed else 0


def _confirmed(yes: bool, check_only: bool, act: str) -> bool:
    """Ask until the answer is yes or no. Raises NotConfirmed where nobody can be asked."""
    if check_only:
        return False
    if yes:
        return True
    if not sys.stdin.isatty():
        raise NotConfirmed(
            "stale, and there is no terminal to ask at; add --yes to fetch, or --check to only look"
        )
    while True:
        answer = input(f"{act} this now? [y/n] ").strip().lower()
        if answer in ("y", "yes"):
            return True
        if answer in ("n", "no"):
            click.echo("Nothing was fetched.", err=True)
            return False
        click.echo("Please answer y or n.", err=True)


def _apply(db: Database, checked: Check, workers: int, as_json: bool) -> int:
    console = show.talk()
    with shown(db, console, quiet=as_json):
        done = run(db, db.apply(checked.plan, workers=workers))
    return report_job(done, as_json, {"check": checked.report, "plan": checked.plan})


def report_job(done: JobReport, as_json: bool, more: dict[str, object] | None = None) -> int:
    """Print a job's report and return its exit code."""
    if as_json:
        print_json({**(more or {}), "job": done})
    else:
        show.job(show.talk(), done)
    return done.exit_code


@click.command()
@common
def rebuild(as_json: bool, log_level: str) -> int:
    """Derive all rows again from the bodies in the archive. Makes no request.

    What was built on request (vintages) is built again after it, as a job of its own.
    """
    with opened(log_level=log_level) as db:
        console = show.talk()
        with shown(db, console, quiet=as_json):
            done = run(db, db.workshop.rebuild(4))
        # Planned only now: it is built from the rows that have just been derived.
        plan = db.survey.plan_again() if done.exit_code in (0, 1) else None
        if plan is None or not plan.steps:
            return report_job(done, as_json)
        if not as_json:
            show.job(console, done)
        with shown(db, console, quiet=as_json):
            built = run(db, db.workshop.run("rebuild", plan, workers=4, parent=done.job_id))
        if as_json:
            print_json({"job": done, "built": built})
        else:
            show.job(console, built)
        return max(done.exit_code, built.exit_code)
