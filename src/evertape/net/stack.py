"""Puts the layers together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evertape.clock import Clock
from evertape.model.events import Emit
from evertape.model.feed import Source
from evertape.net import browser
from evertape.net.archive import Archive, Shelf
from evertape.net.decision import Breaker
from evertape.net.files import Files
from evertape.net.gate import Gate, GateOptions
from evertape.net.http import Http, Wire
from evertape.net.login import Keep, Logins
from evertape.net.retry import Retry, RetryOptions
from evertape.net.session import Session


@dataclass(frozen=True, kw_only=True)
class NetOptions:
    """How the net is set. Times in seconds.

    Attributes:
        gate_path: the file in which all processes of this user share their rates.
        archive_dir: where bodies are kept; None keeps none.
        reroute: a sandbox's base address: `https://HOST/PATH` becomes `BASE/HOST/PATH`.
        rates: requests per window by source, in place of the source's own; its ceiling holds.
        keep: bodies kept of one address.
        home: what `Call.into` is relative to; None refuses such calls.
        retries, retry_base, retry_after_cap, patience: see `RetryOptions`.
        breaker: when circuits open and may be tried again.
        keep_path: the file in which sessions are kept for the next process; None keeps none.
        jitter: most seconds of random delay between permit and send, for measuring the gate.
    """

    gate_path: Path
    archive_dir: Path | None = None
    reroute: str | None = None
    rates: Mapping[str, int] = field(default_factory=dict)
    connect_timeout: float = 10.0
    total_timeout: float = 30.0
    retries: int = 4
    retry_base: float = 2.0
    retry_after_cap: float = 60.0
    patience: int = 3
    breaker: Breaker = field(default_factory=Breaker)
    jitter: float = 0.0
    keep: int = 2
    home: Path | None = None
    keep_path: Path | None = None


def gated(
    options: NetOptions, *, sources: Mapping[str, Source], clock: Clock, emit: Emit = lambda _event: None
) -> Gate:
    """The wire behind its gate: what a login is sent through."""
    http = Http(
        clock,
        connect_timeout=options.connect_timeout,
        total_timeout=options.total_timeout,
        reroute=options.reroute,
        jitter=options.jitter,
        home=options.home,
    )
    http.on_event = emit
    gate_options = GateOptions(
        path=options.gate_path, rates=options.rates, reroute=options.reroute, breaker=options.breaker
    )
    wants = [name for name, source in sources.items() if source.browser]
    wire: Wire = http
    if wants and options.reroute is None and browser.is_there():
        shaken = browser.Browser(
            clock, connect_timeout=options.connect_timeout, total_timeout=options.total_timeout
        )
        wire = browser.ByHost(http, shaken, wants)
    return Gate(wire, sources, clock, emit, gate_options)


def build(
    options: NetOptions,
    *,
    sources: Mapping[str, Source],
    credentials: Callable[[], Mapping[str, str]],
    clock: Clock,
    emit: Emit = lambda _event: None,
) -> Archive:
    """The whole stack. Nothing is opened before the first call.

    Args:
        credentials: by environment name; asked each time, so that a changed key is used at once.
    """
    gate = gated(options, sources=sources, clock=clock, emit=emit)
    shelf = Shelf(options.archive_dir, options.keep) if options.archive_dir else None
    logins = Logins(gate, credentials, clock, Keep(options.keep_path))
    session = Session(gate, sources, credentials, logins, shelf.validators if shelf else None)
    retry_options = RetryOptions(
        retries=options.retries,
        base=options.retry_base,
        retry_after_cap=options.retry_after_cap,
        patience=options.patience,
    )
    return Archive(Files(Retry(session, clock, emit, retry_options), clock), shelf)
