"""Settings as a net: the sources under their limits, the stack that calls go through, and logging in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from evertape.catalog import Catalog
from evertape.clock import Clock
from evertape.errors import Denied, UserError
from evertape.model.call import Transport
from evertape.model.dataset import Dataset
from evertape.model.events import Emit
from evertape.model.feed import Limit, Source
from evertape.model.login import Question, Session
from evertape.settings import Settings

if TYPE_CHECKING:
    from evertape.net.stack import NetOptions


def limited(settings: Settings, source: Source) -> Source:
    """A source under the limits that are set; against a sandbox without the ceiling that spares a real one.

    Raises:
        UserError: a limit is set for a source that tolerates no other.
    """
    limits = source.limits
    if source.name in settings.limits:
        page = limits[0].page if limits else ""
        told = settings.limits[source.name]
        if any(limit.ceiling for limit in limits) and not settings.sandbox:
            name = source.name
            raise UserError(f"EVERTAPE_LIMITS cannot set the limit of {name}; use {source.rate_setting}")
        limits = tuple(Limit(count=count, seconds=seconds, page=page) for count, seconds in told)
    if settings.sandbox:
        limits = tuple(dataclasses.replace(limit, ceiling=None) for limit in limits)
    return dataclasses.replace(source, limits=limits)


def refuse_unknown(settings: Settings, found: Catalog) -> None:
    """Raises UserError where a setting names a source that there is not."""
    for variable, named in (("EVERTAPE_SOURCES", settings.preferred), ("EVERTAPE_LIMITS", settings.limits)):
        for name in named:
            if name not in found.sources:
                known = ", ".join(sorted(found.asked))
                raise UserError(f"{variable} names {name}, which is no source; choose of {known}")


def refuse_undeclared(settings: Settings, found: Catalog, evidence: Sequence[Dataset]) -> None:
    """Raises Denied where what a check rests on lacks a credential: before anything is sent, and not after
    the retries of whatever else cannot be reached."""
    given = settings.current_credentials()
    for dataset in evidence:
        for feed in found.feeds_of(dataset.name):
            source = found.sources[feed.source]
            if not source.has_credentials(given):
                raise Denied(source.lacking())


def stack(
    settings: Settings,
    found: Mapping[str, Source],
    limits: Mapping[str, int],
    clock: Clock,
    emit: Emit,
    retries: int | None = None,
) -> Transport:
    """What calls are sent through. Raises UserError where a day is pretended and nothing is re-routed.

    Args:
        retries: how often a call that failed is sent again, where that is not as usual.
    """
    from evertape.net import stack

    options = net_options(settings, limits)
    return stack.build(
        options if retries is None else dataclasses.replace(options, retries=retries),
        sources=found,
        credentials=_for_a_second(settings.current_credentials, clock),
        clock=clock,
        emit=emit,
    )


def _for_a_second(ask: Callable[[], Mapping[str, str]], clock: Clock) -> Callable[[], Mapping[str, str]]:
    """The same answer for a second: every request asks, and each time a file would be looked for."""
    held: Mapping[str, str] = {}
    until = float("-inf")

    def answer() -> Mapping[str, str]:
        nonlocal held, until
        if clock.instant() >= until:
            held, until = ask(), clock.instant() + 1.0
        return held

    return answer


async def log_in(
    settings: Settings,
    found: Mapping[str, Source],
    name: str,
    clock: Clock,
    answer: Callable[[Question], str] | None,
) -> Session:
    """Get a session from a source, asking a person with `answer` where it must.

    Raises:
        UserError: a credential that the login begins with is not set.
        Denied: the source refuses.
    """
    from evertape.net import stack
    from evertape.net.login import Keep, Logins

    source = found[name]
    if not source.has_credentials(settings.current_credentials()):
        raise UserError(source.lacking())
    options = net_options(settings, {})
    gate = stack.gated(options, sources=found, clock=clock)
    logins = Logins(gate, settings.current_credentials, clock, Keep(options.keep_path))
    try:
        return await logins.log_in(source, answer)
    finally:
        await gate.close()


def net_options(settings: Settings, limits: Mapping[str, int]) -> NetOptions:
    """How the net is set. Raises UserError where a day is pretended and nothing is re-routed."""
    from evertape.net.decision import Breaker
    from evertape.net.stack import NetOptions

    failures, rest, share = settings.breaker
    if settings.now and not settings.sandbox:
        raise UserError("EVERTAPE_NOW only pretends against a sandbox; set EVERTAPE_SANDBOX_URL or unset it")
    return NetOptions(
        gate_path=settings.state / "gate.db",
        archive_dir=settings.archive,
        home=settings.home,
        reroute=settings.sandbox,
        connect_timeout=settings.connect_timeout,
        total_timeout=settings.timeout,
        retry_base=settings.retry_base,
        jitter=settings.jitter,
        rates=limits,
        breaker=Breaker(failures=failures, rest=rest, error_share=share),
        keep_path=settings.state / "sessions.json",
    )
