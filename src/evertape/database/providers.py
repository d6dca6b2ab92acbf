"""The sources' health, read from the file that all processes share, and logging in to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from evertape.database.wiring import refuse_unknown
from evertape.datasets.limits import RateLimit
from evertape.datasets.options import extent_of
from evertape.datasets.universe import listing_key
from evertape.engine.selection import listed
from evertape.errors import SourceError, UserError
from evertape.formats import sessions
from evertape.formats.edgar import canonical_symbol
from evertape.keys import Keys
from evertape.model.call import Transport
from evertape.model.feed import Feed, Limit, Source
from evertape.model.records import Batch
from evertape.model.store import Commit
from evertape.model.unit import Freshness, Span, Standing, Unit

if TYPE_CHECKING:
    from evertape.database.facade import Database
    from evertape.net.shared import Health

_SOON = timedelta(days=1)
_PLACES = {"environment": "the environment", "keys.env": "keys.env", "keyring": "the keyring", None: ""}


def providers(db: Database) -> list[RateLimit]:
    """Every limit of every source that can be asked, as it stands now; kept in `api_rate_limits` too.

    A source to which nothing is sent has one row, of no window.
    """
    from evertape.net.login import Keep
    from evertape.net.shared import SharedState

    settings, now = db.settings, db.clock.real_now()
    refuse_unknown(settings, db.catalog)
    shared = SharedState(settings.state / "gate.db")
    keep = Keep(settings.state / "sessions.json")
    given = settings.current_credentials()
    found = []
    try:
        for name in db.catalog.asked:
            source = db.workshop.sources[name]
            key = f"{name}@{urlsplit(settings.sandbox).netloc}" if settings.sandbox else name
            health = shared.health(key, source.limits, now.timestamp())
            credentials = _credentials(source, given, keep.read(name), now)
            found += _rows(source, health, settings.breaker[1], credentials, now)
    finally:
        shared.close()
    if found and not db.read_only:
        db.store.commit(Commit(at=now, batches=[Batch.of(found)]))
    return found


def _rows(source: Source, health: Health, rest: float, credentials: str, now: datetime) -> list[RateLimit]:
    open_ = health.circuit.state != "closed"
    limits = source.limits or (Limit(count=0, seconds=0.0, page=""),)
    return [
        RateLimit(
            source=source.name,
            window_seconds=limit.seconds,
            limit_count=limit.count,
            used=used,
            circuit=health.circuit.state,
            circuit_reason=health.circuit.reason or None,
            retry_at=_instant(health.circuit.since + rest) if open_ else None,
            paused_until=_instant(health.pause.until) if health.pause else None,
            attempts=health.attempts,
            failed=health.failed,
            refused=health.refused,
            latency_seconds=None if health.seconds is None else round(health.seconds, 3),
            answered_at=None if health.answered_at is None else _instant(health.answered_at),
            credentials=credentials,
            seen_at=now,
        )
        for limit, used in zip(limits, health.used or (0,), strict=True)
    ]


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds), UTC)


def _credentials(source: Source, given: Keys, kept: Mapping[str, str], now: datetime) -> str:
    """What of its credentials is there, and where; of a login that a person must renew, until when it
    holds."""
    if source.credentials and not source.has_credentials(given):
        return f"missing: {source.credential_names}"
    where = " and ".join(dict.fromkeys(_PLACES[given.place(name)] for name in source.chosen(given)))
    until = kept.get("person_by")
    if until is None:
        needs_person = source.login is not None and bool(source.credentials)
        if needs_person and not kept:
            return f"set in {where}, not logged in: evertape providers login {source.name}"
        return f"set in {where}" if source.credentials else "none needed"
    left = datetime.fromisoformat(until) - now
    if left <= timedelta(0):
        return f"set in {where}, login ended: evertape providers login {source.name}"
    soon = f", log in again: evertape providers login {source.name}" if left < _SOON else ""
    return f"set in {where}, logged in until {until[:16].replace('T', ' ')} UTC{soon}"


def source_named(db: Database, name: str) -> Source:
    """A source by its name. Raises UserError with those there are."""
    known = db.catalog.asked
    if name not in known:
        raise UserError(f"there is no source {name}; choose one of {', '.join(sorted(known))}")
    return db.workshop.sources[name]


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What one feed answered for one listing. `right` where rows came."""

    feed: str
    right: bool
    said: str
    rows: int = 0
    requests: int = 0
    seconds: float = 0.0


async def tested(db: Database, name: str | None, symbol: str | None) -> list[Tested]:
    """Ask the feeds of a source (of all, where none is named) for one listing; nothing is kept.

    Every call is sent once: what a source says now is the answer. Where no listing is held yet the symbol
    is taken as it is.

    Raises:
        UserError: an unknown ticker, or none is named and none is held; or the source has nothing that it
            could be asked for one listing.
    """
    feeds = [feed for feed in db.catalog.feeds.values() if feed.partial and feed.rest is None]
    chosen = [feed for feed in feeds if name in (None, feed.source)]
    if not chosen:
        others = ", ".join(sorted({feed.source for feed in feeds}))
        raise UserError(f"{name} has no prices or options to test for a listing; choose one of {others}")
    listing = _listing(db, symbol)
    today = sessions.last_closed(db.clock.now())
    transport = db.workshop.transport(retries=0)
    try:
        return [await _asked(db, transport, feed, listing, Span(today, today)) for feed in chosen]
    finally:
        await transport.close()


def _listing(db: Database, symbol: str | None) -> str:
    """The key of the listing that is meant; of the first held where none is named."""
    held = db.survey.listings()
    if not held:
        if symbol is None:
            raise UserError("no listing is held yet; name one with --symbol")
        return listing_key(canonical_symbol(symbol), 0)
    chosen = held[0][0] if symbol is None else symbol
    cik, _ = db.company(chosen)
    ident = listed([chosen], held, {cik: chosen})
    return next(iter(ident), listing_key(canonical_symbol(chosen), int(cik)))


async def _asked(db: Database, transport: Transport, feed: Feed, key: str, day: Span) -> Tested:
    extent = extent_of(30) if feed.dataset == "options" else ""
    unit = Unit(feed.dataset, key, None if extent else day, extent)
    standing = Standing(
        dataset=feed.dataset, key=key, label=key.partition(":")[0], level=Freshness.MISSING, unit=unit
    )
    calls = deque(replace(call, patient=False, archive=False) for call in feed.ask([standing]))
    began, rows, requests = db.clock.instant(), 0, 0
    notes: list[str] = []
    try:
        while calls:
            reply = await transport.send(calls.popleft())
            requests += reply.attempts
            for page in feed.read(reply, {}):
                rows += sum(batch.count for batch in page.batches)
                notes += page.notes
                calls.extend(replace(call, patient=False, archive=False) for call in page.calls)
        said = "; ".join(notes) or ("answers" if rows else "answers, and has nothing")
    except SourceError as error:
        said, rows, requests = f"{error.kind}: {error}", 0, requests + error.requests
    seconds = round(db.clock.instant() - began, 3)
    return Tested(feed=feed.name, right=rows > 0, said=said, rows=rows, requests=requests, seconds=seconds)
