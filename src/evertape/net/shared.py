"""What all processes of one user know together about the sources: one small SQLite file.

Every method is one transaction of well under a millisecond, so it runs on the loop's own thread.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from evertape.errors import StoreError
from evertape.model.feed import Limit
from evertape.model.job import this_owner
from evertape.net import rows
from evertape.net.decision import (
    Breaker,
    Circuit,
    Decision,
    Go,
    Moment,
    Pause,
    Result,
    Snapshot,
    Wait,
    circuit_after,
    decide,
    pause_after,
)


@dataclass(frozen=True, kw_only=True)
class Permit:
    """Leave for one request, granted at `at`."""

    id: int
    key: str
    at: Moment
    probe: bool


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a source has done in the last five minutes.

    Attributes:
        used: permits taken of each of its limits.
        failed, refused: of the attempts; a refused one is none that failed.
        seconds: from permit to answer, the mean. answered_at: the last answer, in UTC seconds.
    """

    circuit: Circuit
    pause: Pause | None
    used: tuple[int, ...]
    attempts: int
    failed: int
    refused: int
    seconds: float | None
    answered_at: float | None


class SharedState:
    """Permits, pauses and circuits by key, in one file.

    Raises:
        StoreError: the file cannot be made, read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._owner = this_owner()
        self._boot = rows.boot_id()
        self._late: list[tuple[float, float, int]] = []
        self._answered: dict[str, list[float]] = defaultdict(list)

    def admit(self, key: str, limits: Sequence[Limit], breaker: Breaker, now: Moment) -> Decision | Permit:
        """A permit, written down, where one is free; else what to wait for."""
        try:
            with self._transaction() as db:
                state = self._snapshot(db, key, limits, now)
                decision = decide(state, breaker, now)
                if isinstance(decision, Go):
                    return self._grant(db, key, limits, decision, now)
                if isinstance(decision, Wait):
                    rows.bury(db, key, now, self._boot)
                return decision
        except sqlite3.OperationalError as error:
            if rows.is_busy(error):
                return Wait(seconds=0.02, reason="another process writes the shared rates")
            raise self._fault(error) from error
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def end(self, permit: Permit, now: Moment) -> None:
        """The permit's response headers arrived, or its request failed."""
        self._late.append((now.instant, now.wall, permit.id))
        try:
            with self._transaction():
                return
        except sqlite3.OperationalError as error:
            # The next transaction writes it; until then the permit counts as on the wire.
            if not rows.is_busy(error):
                raise self._fault(error) from error

    def record(
        self, permit: Permit, breaker: Breaker, result: Result, wall: float, *, refused: bool = False
    ) -> tuple[Circuit, Circuit]:
        """Note an attempt's result; returns the circuit before and after it.

        Args:
            refused: whether it is counted as a refusal, also where the circuit takes it for an answer.

        An answer that changes nothing is counted with the next transaction.
        """
        was = rows.circuit_of(self._open(), permit.key)
        usual = not permit.probe and circuit_after(was, breaker, result, probe=False, now=wall) == was
        if usual and result != "down" and not refused:
            if result == "ok":
                self._answered[permit.key].append(wall)
            return was, was
        with self._waiting_transaction() as db:
            was = rows.circuit_of(db, permit.key)
            probe = permit.probe and rows.is_probe(db, permit.key, permit.id)
            new = circuit_after(was, breaker, result, probe=probe, now=wall)
            if result != "unknown":
                rows.tally(db, permit.key, wall, 1, int(result == "down"), int(refused))
            if breaker.error_share is not None and result == "down":
                new = rows.opened_by(db, permit.key, breaker, wall) or new
            if new != was:
                rows.write_circuit(db, permit.key, new, None)
            return was, new

    def pause(self, permit: Permit, seconds: float, reason: str, wall: float) -> None:
        """Leave the source alone for `seconds` from now, unless this refusal is already paused for."""
        with self._waiting_transaction() as db:
            asked = Pause(written=wall, until=wall + seconds, reason=reason)
            new = pause_after(rows.pause_of(db, permit.key), asked, permit.at.wall)
            if new:
                row = (permit.key, new.written, new.until, new.reason)
                db.execute("INSERT OR REPLACE INTO pauses VALUES (?, ?, ?, ?)", row)

    def health(self, key: str, limits: Sequence[Limit], now: float) -> Health:
        """How a source has done lately, and how much of its limits is used; `now` in UTC seconds."""
        try:
            db = self._open()
            circuit, pause = rows.circuit_of(db, key), rows.pause_of(db, key)
            attempts, failed, refused, seconds, last = rows.seen_of(db, key, now)
            used = tuple(rows.used_of(db, key, now - limit.seconds) for limit in limits)
        except sqlite3.Error as error:
            raise self._fault(error) from error
        return Health(
            circuit=circuit,
            pause=pause if pause and pause.until > now else None,
            used=used,
            attempts=attempts,
            failed=failed,
            refused=refused,
            seconds=seconds,
            answered_at=last,
        )

    def close(self) -> None:
        """Close the file; what was not written yet is, where nobody else writes."""
        if self._connection is not None:
            if self._late or self._answered:
                with suppress(sqlite3.Error), self._transaction():
                    pass
            self._connection.close()
            self._connection = None

    def _snapshot(self, db: sqlite3.Connection, key: str, limits: Sequence[Limit], now: Moment) -> Snapshot:
        circuit = rows.circuit_of(db, key)
        return Snapshot(
            limits=limits,
            ends=[rows.nth_end(db, key, limit, self._boot) for limit in limits],
            circuit=circuit,
            pause=rows.pause_of(db, key),
            probe_lost=circuit.state == "probing" and rows.probe_lost(db, key, now, self._boot),
        )

    def _grant(
        self, db: sqlite3.Connection, key: str, limits: Sequence[Limit], go: Go, now: Moment
    ) -> Permit:
        longest = max((limit.seconds for limit in limits), default=0.0)
        db.execute("DELETE FROM permits WHERE key = ? AND ended_wall < ?", (key, now.wall - longest - 5.0))
        owner = self._owner
        row = (key, owner.host, owner.pid, owner.started, self._boot, now.instant, now.wall)
        cursor = db.execute(
            "INSERT INTO permits (key, host, pid, started, boot, granted, granted_wall)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        permit = Permit(id=cursor.lastrowid or 0, key=key, at=now, probe=go.probe)
        if go.probe:
            probing = replace(rows.circuit_of(db, key), state="probing", since=now.wall)
            rows.write_circuit(db, key, probing, permit.id)
        return permit

    @contextmanager
    def _waiting_transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that must happen: waits up to five seconds for another process."""
        try:
            db = self._open()
            db.execute("PRAGMA busy_timeout = 5000")
            try:
                with self._transaction() as db:
                    yield db
            finally:
                db.execute("PRAGMA busy_timeout = 100")
        except sqlite3.Error as error:
            raise self._fault(error) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._open()
        db.execute("BEGIN IMMEDIATE")
        try:
            for ended in self._late:
                db.execute("UPDATE permits SET ended = ?, ended_wall = ? WHERE id = ?", ended)
            for key, walls in self._answered.items():
                rows.tally(db, key, walls[-1], len(walls), 0)
            yield db
            db.execute("COMMIT")
            self._late.clear()
            self._answered.clear()
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = rows.connect(self._path)
            except (sqlite3.Error, OSError) as error:
                raise self._fault(error) from error
        return self._connection

    def _fault(self, error: Exception) -> StoreError:
        return StoreError(
            f"the file of shared rates {self._path} cannot be used ({error}); make its folder writable,"
            " delete the file if it is damaged, or set EVERTAPE_STATE to another folder"
        )
