"""A folder of bodies as received, and the index of where they came from."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from isal import igzip

from evertape.errors import Malformed, SchemaMismatch, SourceError, StoreError
from evertape.model.call import Call, Reply
from evertape.model.unit import Unit
from evertape.net.received import WireReply, gunzip

_KEPT_HEADERS = ("content-type", "content-encoding", "etag", "last-modified", "date")
_VALIDATORS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
_VERSION = 1
_PARTIAL = ".partial-"
_ABANDONED = 3600.0
"""Seconds after which a blob that is not finished is taken to be nobody's."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY, url TEXT NOT NULL, feed TEXT NOT NULL, source TEXT NOT NULL,
    fetched_at TEXT NOT NULL, status INTEGER NOT NULL, headers TEXT NOT NULL,
    sha256 TEXT NOT NULL, wire INTEGER NOT NULL, units TEXT NOT NULL, current INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS answers_by_url ON answers (url, feed);
CREATE INDEX IF NOT EXISTS answers_by_sha256 ON answers (sha256);
PRAGMA user_version = 1;
"""
_COLUMNS = "url, feed, source, fetched_at, status, headers, sha256, wire, units"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The latest answer kept of one address.

    Attributes:
        sha256: of the decoded body. wire: bytes as received. units: what the answer covered.
    """

    url: str
    feed: str
    source: str
    fetched_at: datetime
    status: int
    headers: Mapping[str, str]
    sha256: str
    wire: int
    units: tuple[Unit, ...]


class Shelf:
    """Blobs named by the SHA-256 of their decoded content, and an index of where they came from.

    A blob appears whole or not at all; it is written before the index names it. Thread-safe.

    Args:
        keep: bodies kept of one address and feed.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self._folder = folder
        self._keep = keep
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._token = secrets.token_hex(8)
        self._numbers = count()

    def put(self, reply: Reply) -> None:
        """Keep an answer. Raises StoreError where the folder cannot be written."""
        self.put_all([reply])

    def put_all(self, replies: Iterable[Reply]) -> None:
        """Keep many answers, entered together after the last blob; `replies` may be made as they are taken.

        Raises:
            StoreError: the folder cannot be written; then none is entered.
        """
        # Locked from blob to index: between them another thread's `enter` might take a blob for nobody's.
        with self._open():
            self.enter([self.keep(reply) for reply in replies])

    def keep(self, reply: Reply) -> Kept:
        """Write an answer's blob alone: nobody finds it before `enter`, here or in another process.

        Raises:
            StoreError: the folder cannot be written.
        """
        call = reply.call
        digest = hashlib.sha256(reply.body).hexdigest()
        try:
            self._write_blob(digest, reply)
        except OSError as error:
            raise _fault(self._folder, error) from error
        return Kept(
            url=call.url,
            feed=call.feed,
            source=call.source,
            fetched_at=reply.at,
            status=reply.status,
            headers={name: reply.headers[name] for name in _KEPT_HEADERS if name in reply.headers},
            sha256=digest,
            wire=reply.wire,
            units=call.units,
        )

    def enter(self, entries: Sequence[Kept]) -> None:
        """Name kept blobs in the index, all in one transaction; older answers of theirs go.

        Raises:
            StoreError: the index cannot be written, or a blob is not there; then none is entered.
        """
        with self._open() as db:
            for kept in entries:
                if not self.path(kept.sha256).is_file():
                    raise StoreError(f"the archive {self._folder} has lost the body of {kept.url}; run again")
            with db:
                db.execute("BEGIN IMMEDIATE")
                gone = [old for kept in entries for old in self._enter(db, kept)]
                named = "SELECT 1 FROM answers WHERE sha256 = ? LIMIT 1"
                gone = [old for old in gone if db.execute(named, (old,)).fetchone() is None]
            for old in gone:
                self.path(old).unlink(missing_ok=True)

    def find(self, url: str, feed: str) -> Kept | None:
        """The latest answer kept of an address for a feed."""
        rows = self._rows("url = ? AND feed = ?", url, feed)
        return rows[0] if rows else None

    def urls(self, feed: str) -> list[Kept]:
        """The latest answer of each address of a feed, by address."""
        return self._rows("feed = ?", feed)

    def body(self, kept: Kept) -> bytes:
        """The decoded body. Raises Malformed where the blob is missing or is not what was kept."""
        hint = "fetch it again with: evertape refresh"
        try:
            raw = self.path(kept.sha256).read_bytes()
            body = gunzip(raw, kept.url)
        except FileNotFoundError:
            raise Malformed(f"the archive has lost the body of {kept.url}; {hint}") from None
        except OSError as error:
            raise _fault(self._folder, error) from error
        except SourceError as error:
            raise Malformed(f"the archive's body of {kept.url} is damaged; {hint}") from error
        if hashlib.sha256(body).hexdigest() != kept.sha256:
            raise Malformed(f"the archive's body of {kept.url} is damaged; {hint}")
        return body

    def validators(self, call: Call) -> Mapping[str, str]:
        """Request headers that ask for a newer answer than the one kept; none without its body."""
        if not (self._folder / "index.db").exists():
            return {}
        kept = self.find(call.url, call.feed)
        if kept is None or not self.path(kept.sha256).is_file():
            return {}
        return {ask: kept.headers[name] for name, ask in _VALIDATORS.items() if name in kept.headers}

    def path(self, sha256: str) -> Path:
        """Where a blob lies."""
        return self._folder / sha256[:2] / f"{sha256[2:]}.gz"

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _rows(self, where: str, *values: str) -> list[Kept]:
        with self._open() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM answers WHERE {where} AND current ORDER BY url, id DESC",  # noqa: S608
                values,
            ).fetchall()
        return [_kept(row) for row in rows]

    def _enter(self, db: sqlite3.Connection, kept: Kept) -> list[str]:
        """Enter one, forget all but its address's latest; returns the blobs that these had."""
        of = (kept.url, kept.feed)
        db.execute("DELETE FROM answers WHERE url = ? AND feed = ? AND sha256 = ?", (*of, kept.sha256))
        db.execute("UPDATE answers SET current = 0 WHERE url = ? AND feed = ?", of)
        db.execute(f"INSERT INTO answers ({_COLUMNS}, current) VALUES (?,?,?,?,?,?,?,?,?,1)", _row(kept))  # noqa: S608
        old = db.execute(
            "SELECT id, sha256 FROM answers WHERE url = ? AND feed = ? ORDER BY id DESC LIMIT -1 OFFSET ?",
            (*of, self._keep),
        ).fetchall()
        db.executemany("DELETE FROM answers WHERE id = ?", [(id_,) for id_, _ in old])
        return [sha256 for _, sha256 in old]

    def _write_blob(self, digest: str, reply: Reply) -> None:
        """The wire bytes as received where they are gzip, compressed here where they are not."""
        path = self.path(digest)
        with suppress(FileNotFoundError, SourceError):
            if gunzip(path.read_bytes(), reply.call.url) == reply.body:
                return
        raw = reply.raw if isinstance(reply, WireReply) else b""
        gzipped = "gzip" in reply.headers.get("content-encoding", "") and raw.startswith(b"\x1f\x8b")
        body = raw if gzipped else igzip.compress(reply.body, compresslevel=1, mtime=0)
        # The pid, since a fork has the same token.
        name = f"{self._folder}/{_PARTIAL}{os.getpid()}-{self._token}-{next(self._numbers)}"
        try:
            _within(path.parent, lambda: _write(name, body))
            _within(path.parent, lambda: os.replace(name, path))  # noqa: PTH105 - for each of thousands
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108
            raise

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _connect(self._folder)
                yield self._connection
            except (sqlite3.Error, OSError) as error:
                raise _fault(self._folder, error) from error


def _within(folder: Path, act: Callable[[], object]) -> None:
    """Do what needs a folder, which is made only where it is found missing."""
    try:
        act()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        act()


def _write(name: str, body: bytes) -> None:
    """A new file, for its owner alone."""
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)


def _row(kept: Kept) -> tuple[object, ...]:
    """The values of `_COLUMNS`."""
    return (
        kept.url,
        kept.feed,
        kept.source,
        kept.fetched_at.isoformat(),
        kept.status,
        json.dumps(dict(kept.headers)),
        kept.sha256,
        kept.wire,
        msgspec.json.encode(kept.units).decode(),
    )


def _kept(row: Sequence[Any]) -> Kept:
    """What `_row` made a row of."""
    return Kept(
        url=row[0],
        feed=row[1],
        source=row[2],
        fetched_at=datetime.fromisoformat(row[3]),
        status=row[4],
        headers=json.loads(row[5]),
        sha256=row[6],
        wire=row[7],
        units=msgspec.json.decode(row[8], type=tuple[Unit, ...]),
    )


def _connect(folder: Path) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True)
    for partial in folder.glob(f"{_PARTIAL}*"):
        # Left by a process that died; a younger one may still be written.
        if time.time() - partial.stat().st_mtime > _ABANDONED:
            partial.unlink(missing_ok=True)
    db = sqlite3.connect(folder / "index.db", timeout=10.0, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version not in (0, _VERSION):
        db.close()
        raise SchemaMismatch(f"{folder} was written by a newer evertape; install that version")
    if version == 0:
        db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
    return db


def _fault(folder: Path, error: Exception) -> StoreError:
    said = getattr(error, "strerror", None) or str(error)
    return StoreError(
        f"the archive {folder} cannot be used ({said}); free some space or make it writable, then run again"
    )
