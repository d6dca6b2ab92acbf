"""The tables of the shared file: permits, pauses, circuits and tallies of attempts by key."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from evertape.errors import SchemaMismatch
from evertape.model.feed import Limit
from evertape.model.job import Owner, alive
from evertape.net.decision import LONG, POLL, Breaker, Circuit, Moment, Pause, opened_by_share

ON_WIRE_AT_MOST = 120.0
"""Seconds after which a permit on the wire is taken to have ended, even if its owner lives."""
_VERSION = 3
_SEEN = 300.0
"""Seconds for which attempts are told."""
SLOT = 5.0
"""Seconds whose attempts are counted together."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS permits (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL,
    host TEXT NOT NULL, pid INTEGER NOT NULL, started INTEGER NOT NULL, boot TEXT NOT NULL,
    granted REAL NOT NULL, granted_wall REAL NOT NULL, ended REAL, ended_wall REAL
);
CREATE INDEX IF NOT EXISTS permits_by_key ON permits (key);
CREATE TABLE IF NOT EXISTS pauses (
    key TEXT PRIMARY KEY, written REAL NOT NULL, until REAL NOT NULL, reason TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS circuits (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, failures INTEGER NOT NULL, since REAL NOT NULL,
    failed_probes INTEGER NOT NULL, reason TEXT NOT NULL, probe INTEGER
);
CREATE TABLE IF NOT EXISTS tallies (
    key TEXT NOT NULL, slot INTEGER NOT NULL, sent INTEGER NOT NULL, down INTEGER NOT NULL,
    PRIMARY KEY (key, slot)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refusals (
    key TEXT NOT NULL, slot INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (key, slot)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, at REAL NOT NULL);
PRAGMA user_version = 3;
"""
_NTH = (
    "SELECT ended FROM permits WHERE key = ? AND boot = ?"
    " ORDER BY ended IS NULL DESC, ended DESC LIMIT 1 OFFSET ?"
)
_NTH_WALL = (
    "SELECT ended_wall FROM permits WHERE key = ?"
    " ORDER BY ended_wall IS NULL DESC, ended_wall DESC LIMIT 1 OFFSET ?"
)


def connect(path: Path) -> sqlite3.Connection:
    """The file, made with its folder for this user alone where it is missing.

    Raises:
        SchemaMismatch: another version wrote it. sqlite3.Error, OSError: it cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, timeout=0.1, isolation_level=None, check_same_thread=False)
    until = time.monotonic() + 5.0
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version < _VERSION:
                db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
            elif version != _VERSION:
                db.close()
                raise SchemaMismatch(
                    f"{path} was written by a newer evertape; install it, or delete the file"
                )
            return db
        except sqlite3.OperationalError as error:
            # Changing the journal mode does not wait for other connections by itself.
            if not is_busy(error) or time.monotonic() > until:
                db.close()
                raise
            time.sleep(0.005)


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether another process is writing, or mending the file after a crash."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def boot_id() -> str:
    """Names this boot of the machine, empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def nth_end(db: sqlite3.Connection, key: str, limit: Limit, this_boot: str) -> float | None:
    """When the `count`-th latest permit of a limit ended, on the limit's clock.

    None where there are fewer, infinity while that permit is on the wire.
    """
    if limit.seconds >= LONG:
        row = db.execute(_NTH_WALL, (key, limit.count - 1)).fetchone()
    else:
        row = db.execute(_NTH, (key, this_boot, limit.count - 1)).fetchone()
    if row is None:
        return None
    return float("inf") if row[0] is None else float(row[0])


def bury(db: sqlite3.Connection, key: str, now: Moment, this_boot: str) -> None:
    """End the permits that nobody will end: a dead owner's, another boot's, forgotten ones.

    A row from the future belongs to a clock that was set back, or to an unnamed earlier boot.
    """
    on_wire = db.execute(
        "SELECT id, host, pid, started, boot, granted FROM permits WHERE key = ? AND ended IS NULL",
        (key,),
    ).fetchall()
    living: dict[Owner, bool] = {}
    for id_, host, pid, started, boot, granted in on_wire:
        owner = Owner(host=host, pid=pid, started=started)
        if boot == this_boot and now.instant - ON_WIRE_AT_MOST <= granted <= now.instant:
            if owner not in living:
                living[owner] = alive(owner)
            if living[owner]:
                continue
        db.execute("UPDATE permits SET ended = ?, ended_wall = ? WHERE id = ?", (now.instant, now.wall, id_))
    db.execute(
        "UPDATE permits SET ended = min(ended, ?), ended_wall = min(ended_wall, ?)"
        " WHERE key = ? AND (ended_wall > ? OR (boot = ? AND ended > ?))",
        (now.instant, now.wall, key, now.wall + POLL, this_boot, now.instant + POLL),
    )


def probe_lost(db: sqlite3.Connection, key: str, now: Moment, this_boot: str) -> bool:
    """Whether nobody will tell the running probe's fate: its owner is dead, or of another boot."""
    row = db.execute(
        "SELECT host, pid, started, p.boot, granted FROM circuits c LEFT JOIN permits p ON p.id = c.probe"
        " WHERE c.key = ?",
        (key,),
    ).fetchone()
    if row[0] is None or row[3] != this_boot:
        return True
    owner = Owner(host=row[0], pid=row[1], started=row[2])
    return now.instant - row[4] > ON_WIRE_AT_MOST or not alive(owner)


def is_probe(db: sqlite3.Connection, key: str, permit: int) -> bool:
    """Whether a permit is the one whose fate moves the circuit."""
    row = db.execute("SELECT probe FROM circuits WHERE key = ?", (key,)).fetchone()
    return row is not None and row[0] == permit


def circuit_of(db: sqlite3.Connection, key: str) -> Circuit:
    """The circuit of a key; a closed one where nothing is written."""
    row = db.execute(
        "SELECT state, failures, since, failed_probes, reason FROM circuits WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        return Circuit()
    return Circuit(state=row[0], failures=row[1], since=row[2], failed_probes=row[3], reason=row[4])


def write_circuit(db: sqlite3.Connection, key: str, new: Circuit, probe: int | None) -> None:
    """Write a circuit, and the permit that is its probe."""
    row = (key, new.state, new.failures, new.since, new.failed_probes, new.reason, probe)
    db.execute("INSERT OR REPLACE INTO circuits VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def tally(db: sqlite3.Connection, key: str, wall: float, sent: int, down: int, refused: int = 0) -> None:
    """Count attempts, how many of them failed and how many were refused, at an instant in UTC seconds."""
    db.execute(
        "INSERT INTO tallies VALUES (?, ?, ?, ?) ON CONFLICT (key, slot) DO UPDATE SET"
        " sent = sent + excluded.sent, down = down + excluded.down",
        (key, int(wall // SLOT), sent, down),
    )
    if refused:
        db.execute("DELETE FROM refusals WHERE key = ? AND slot < ?", (key, (wall - _SEEN) // SLOT))
        db.execute(
            "INSERT INTO refusals VALUES (?, ?, ?) ON CONFLICT (key, slot) DO UPDATE SET"
            " count = count + excluded.count",
            (key, int(wall // SLOT), refused),
        )
    if sent > down + refused:
        db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, wall))


def opened_by(db: sqlite3.Connection, key: str, breaker: Breaker, wall: float) -> Circuit | None:
    """The open circuit where the share of failed attempts in the window now opens it."""
    if circuit_of(db, key).state != "closed":
        return None
    db.execute("DELETE FROM tallies WHERE key = ? AND slot < ?", (key, (wall - breaker.window) // SLOT))
    count, failed = db.execute(
        "SELECT total(sent), total(down) FROM tallies WHERE key = ?", (key,)
    ).fetchone()
    opened = opened_by_share(breaker, int(count), int(failed), wall)
    if opened:
        db.execute("DELETE FROM tallies WHERE key = ?", (key,))
        db.execute("DELETE FROM refusals WHERE key = ?", (key,))
    return opened


def pause_of(db: sqlite3.Connection, key: str) -> Pause | None:
    """The latest pause of a key, over or not."""
    row = db.execute("SELECT written, until, reason FROM pauses WHERE key = ?", (key,)).fetchone()
    return Pause(written=row[0], until=row[1], reason=row[2]) if row else None


def seen_of(db: sqlite3.Connection, key: str, now: float) -> tuple[int, int, int, float | None, float | None]:
    """Attempts, failures and refusals of the last five minutes, mean seconds to an answer, and when the last
    came."""
    window = (key, now - _SEEN)
    slots = (key, window[1] // SLOT)
    attempts, failed = db.execute(
        "SELECT total(sent), total(down) FROM tallies WHERE key = ? AND slot >= ?", slots
    ).fetchone()
    (refused,) = db.execute("SELECT total(count) FROM refusals WHERE key = ? AND slot >= ?", slots).fetchone()
    (seconds,) = db.execute(
        "SELECT avg(ended_wall - granted_wall) FROM permits WHERE key = ? AND ended_wall >= ?", window
    ).fetchone()
    last = db.execute("SELECT at FROM answers WHERE key = ?", (key,)).fetchone()
    return int(attempts), int(failed), int(refused), seconds, last[0] if last else None


def used_of(db: sqlite3.Connection, key: str, since: float) -> int:
    """Permits of a key that are on the wire, or ended since an instant in UTC seconds."""
    (count,) = db.execute(
        "SELECT count(*) FROM permits WHERE key = ? AND (ended_wall IS NULL OR ended_wall >= ?)", (key, since)
    ).fetchone()
    return int(count)
