"""One SQLite file: its connections, its transactions, its errors, its copies."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evertape.clock import Clock, SystemClock
from evertape.errors import Busy, StoreError, UserError

BUSY_SECONDS = 5.0
"""How long a write waits for another process before it is Busy."""
BACKUPS_KEPT = 3
PAGE = 8192
"""Bytes of a page: rows are wide, and half as many pages are written as with 4096."""
CHECKPOINT = 8_000
"""Pages of the write-ahead log before they are moved into the database: few large moves, since
each of them waits for the disk twice."""
_FATAL = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
}


def _as_it_is(none: None) -> None:
    return none


# A null that is bound looks for its adapter first, and not finding one costs an exception inside the module,
# twice what binding a number does: of a statement's cells every second one is null.
sqlite3.register_adapter(type(None), _as_it_is)


class SqliteFile:
    """A database file with one writing connection behind a lock, and reading ones that cannot write.

    Args:
        trace: sees every statement of the writing connection before it runs.
        read_only: nothing is written or created; UserError where there is no database.
        pragmas: further settings of the writing connection (`max_page_count` bounds the file).

    Raises:
        StoreError: the file cannot be opened or is no database.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        trace: Callable[[str], None] | None = None,
        read_only: bool = False,
        pragmas: Mapping[str, int] | None = None,
    ) -> None:
        self.path = Path(path)
        self.clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._idle: list[sqlite3.Connection] = []
        self._writer: sqlite3.Connection | None = None
        self._closed = False
        wal = self.path.with_name(self.path.name + "-wal")
        self.unclean = wal.exists() and wal.stat().st_size > 0
        if read_only:
            if not self.path.is_file():
                raise UserError(f"no database at {self.path} yet; run: evertape refresh financials")
            return
        with translated(self.path):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._writer = _open_writer(self.path, trace, pragmas or {})

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed at the end, rolled back by any exception.

        Raises:
            Busy: another process writes. StoreError: the database refused.
        """
        with self._lock, translated(self.path):
            writer = self._writer
            if writer is None:
                raise StoreError(f"{self.path} is open for reading only, or closed; open it again to write")
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                _roll_back(writer)
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that cannot write, for the calling thread alone until given back."""
        with translated(self.path):
            try:
                reader = self._idle.pop()
            except IndexError:
                reader = self._open_reader()
            try:
                yield reader
            finally:
                _roll_back(reader)
                if self._closed:
                    reader.close()
                else:
                    self._idle.append(reader)

    def _open_reader(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"{self.path} is closed; open it again")
        address = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            return _open(address)
        except sqlite3.OperationalError as error:
            wal = self.path.with_name(self.path.name + "-wal")
            if code_of(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or wal.exists():
                raise
            # A folder that cannot be written to has no place for the shared-memory file.
            return _open(f"{address}&immutable=1")

    def check(self) -> Sequence[str]:
        """Complaints of the database's own integrity check; empty where it is sound."""
        with self.reading() as reader:
            try:
                told = [text for (text,) in reader.execute("PRAGMA integrity_check") if text != "ok"]
                broken = reader.execute("PRAGMA foreign_key_check").fetchall()
            except sqlite3.DatabaseError as error:
                return [str(error)]
        return told + [
            f"{table}: a row refers to a missing row of {parent}" for table, _, parent, _ in broken
        ]

    def backup(self, target: Path | None = None) -> Path:
        """A consistent copy; by default backups/evertape-<UTC time>.db beside the database.

        Raises:
            StoreError: the copy could not be written; no half copy is left.
        """
        return self._copy(target or self.backups / f"evertape-{self._stamp()}.db")

    @property
    def backups(self) -> Path:
        """Where copies are kept."""
        return self.path.parent / "backups"

    def backup_before(self, schema: int) -> Path:
        """A copy made before a migration, named by schema number and time; the last three are kept."""
        made = self._copy(self.backups / f"evertape-{schema}-{self._stamp()}.db")
        copies = sorted(self.backups.glob("evertape-*-*.db"), key=lambda path: path.stem.rsplit("-", 1)[1])
        for old in copies[:-BACKUPS_KEPT]:
            old.unlink(missing_ok=True)
        return made

    def _stamp(self) -> str:
        return self.clock.real_now().strftime("%Y%m%dT%H%M%S%fZ")

    def _copy(self, target: Path) -> Path:
        partial = target.with_name(target.name + ".partial")
        with translated(target):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with self.reading() as reader, contextlib.closing(sqlite3.connect(partial)) as copy:
                    reader.backup(copy)
                    # A copy is one file; it is in WAL mode again when it is opened as a home.
                    copy.execute("PRAGMA journal_mode=DELETE")
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
        return target

    def close(self) -> None:
        """Release connections; the last one out folds the write-ahead log into the file."""
        # Readers first: the writer folds the log only if it is the last to leave.
        self._closed = True
        while self._idle:
            self._idle.pop().close()
        with self._lock, translated(self.path):
            if self._writer is not None:
                self._writer.close()
                self._writer = None


def _open_writer(
    path: Path, trace: Callable[[str], None] | None, pragmas: Mapping[str, int]
) -> sqlite3.Connection:
    writer = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # Heeded by a new file only.
        writer.execute(f"PRAGMA page_size={PAGE}")
        _patiently(lambda: writer.execute("PRAGMA journal_mode=WAL"))
        writer.execute("PRAGMA synchronous=NORMAL")
        writer.execute("PRAGMA foreign_keys=ON")
        writer.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT:d}")
        for name, value in pragmas.items():
            writer.execute(f"PRAGMA {name}={value:d}")
    except BaseException:
        writer.close()
        raise
    writer.set_trace_callback(trace)
    return writer


def _open(address: str) -> sqlite3.Connection:
    reader = sqlite3.connect(
        address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        reader.execute("PRAGMA query_only=ON")
        _patiently(lambda: reader.execute("SELECT 1 FROM sqlite_master").fetchone())
    except BaseException:
        reader.close()
        raise
    return reader


def _patiently(act: Callable[[], object]) -> None:
    """Repeat what finds the file locked: its first opening and last closing heed no busy timeout."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            act()
            return
        except sqlite3.OperationalError as error:
            if code_of(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > until:
                raise
            time.sleep(0.005)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        # A database that is full or broken has rolled back by itself, or does at the next open.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's and the file system's errors as StoreErrors that name the file and the next step."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    except OSError as error:
        raise StoreError(
            f"{path} cannot be used: {error.strerror or error}; choose another EVERTAPE_HOME"
        ) from error


def code_of(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 1 where the error came from Python's side."""
    code: Any = getattr(error, "sqlite_errorcode", None)
    return 1 if code is None else int(code) & 0xFF


def is_fatal(error: sqlite3.Error) -> bool:
    """Whether the database is at fault, not the query."""
    return code_of(error) in _FATAL


def store_error(path: Path, error: sqlite3.Error) -> StoreError:
    """What SQLite said, as one sentence with the next step."""
    code = code_of(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy(f"{path} is being written by another process; try again in a moment")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return corrupt(path, str(error))
    if code == sqlite3.SQLITE_FULL:
        return StoreError(
            f"{path} cannot grow: the disk is full; free some space and run the same command again"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreError(
            f"{path} cannot be written ({error}); make it writable or choose another EVERTAPE_HOME"
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreError(
            f"{path} cannot be opened ({error}); check the folder or choose another EVERTAPE_HOME"
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(f"{path}: the disk failed ({error}); check it and run the same command again")
    return StoreError(f"{path}: {error}; run: evertape doctor")


def corrupt(path: Path, told: str) -> StoreError:
    """A damaged file, and the two ways out."""
    return StoreError(
        f"{path} is damaged ({told}); restore a copy from {path.parent / 'backups'}, "
        "or move the file away and run: evertape rebuild"
    )
