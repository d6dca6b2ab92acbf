"""Many companies' facts on disk, read without unpacking: the SEC's companyfacts.zip, or a folder of files."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from evertape.errors import Malformed, UserError
from evertape.formats import zipped
from evertape.formats.bulk import (
    Body,
    Listing,
    Member,
    Rejected,
    bounded,
    company,
    data_start,
    decoded,
    gzip_wrapped,
    latest,
    window,
    zip_listing,
)
from evertape.formats.packed import Damaged

__all__ = ["MOST_BYTES", "Body", "Bulk", "Member", "Rejected", "gzip_wrapped", "open_bulk"]

MOST_BYTES = 100_000_000
"""A member that decodes to more is refused; the largest companies' facts have some 40 MB."""
_MOST_DIRECTORY = 1 << 28
_WANTED = "give a folder of CIK##########.json or .json.gz files, or the SEC's companyfacts.zip"


class Bulk:
    """A folder or zip of companyfacts. Thread-safe, and a copy sent to another process reads on its own.

    A copy does not list the members again unless it is asked for them.

    Args:
        most: decoded bytes of one member; more is refused.
        stamp: of the zip when it was first opened; None takes whatever is there.
    """

    def __init__(self, path: Path, most: int = MOST_BYTES, stamp: tuple[int, ...] | None = None) -> None:
        self.path = path
        self._most = most
        self._stamp = stamp
        self._folder = path.resolve() if path.is_dir() else None
        self._lock = threading.RLock()
        self._file: int | None = None
        self._listing: Listing | None = None

    def members(self) -> Sequence[Member]:
        """What can be read: in the order of a zip's bytes, or by name in a folder.

        Raises:
            UserError: the whole cannot be read. Malformed: the zip has been replaced meanwhile.
        """
        return self._listed().members

    @property
    def rejected(self) -> Sequence[Rejected]:
        """Entries that are never read, and why."""
        return self._listed().rejected

    @property
    def ignored(self) -> int:
        """How many entries neither are companyfacts nor look so: folders, a README."""
        return self._listed().ignored

    def read(self, member: Member) -> Body:
        """A member's bytes, with length and checksum verified.

        Raises:
            Malformed: it is damaged, too large, gone or changed; names archive and member.
        """
        try:
            bounded(member, self._most)
            wire = self._of_zip(member) if self._folder is None else _of_folder(self._folder, member)
            return Body(wire, decoded(member, wire, self._most))
        except Damaged as error:
            raise Malformed(f"{member.name} in {self.path} {error}; {self._mend()}") from error
        except OSError as error:
            raise Malformed(
                f"{member.name} in {self.path} cannot be read ({_said(error)}); {self._mend()}"
            ) from error

    def close(self) -> None:
        """Close the file. A later read opens it again; none may be running."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def __enter__(self) -> Bulk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Bulk], tuple[object, ...]]:
        return Bulk, (self.path, self._most, self._stamp)

    def _mend(self) -> str:
        what = "archive" if self._folder is None else "file"
        return f"download that {what} again, then run again"

    def _listed(self) -> Listing:
        with self._lock:
            if self._listing is None:
                try:
                    self._listing = self._list_zip() if self._folder is None else _list_folder(self._folder)
                except OSError as error:
                    raise _unreadable(self.path, error) from error
            return self._listing

    def _list_zip(self) -> Listing:
        length = os.fstat(self._opened()).st_size
        try:
            end = zipped.find_end(self._at(max(0, length - zipped.TAIL), zipped.TAIL), length)
            if end.size > _MOST_DIRECTORY:
                raise Damaged(f"has a directory of {end.size:,} bytes")
            directory = self._at(end.start, end.size)
            return _listing(directory, end.count, end.start)
        except Damaged as error:
            if self._at(0, 2) != b"PK":
                raise UserError(f"{self.path} is neither a folder nor a zip file; {_WANTED}") from error
            raise UserError(
                f"{self.path} is cut off or damaged: it {error}; download it again, then run again"
            ) from error

    def _of_zip(self, member: Member) -> bytes:
        raw = self._at(member.offset, window(member))
        start = data_start(raw, member)
        if len(raw) < start + member.packed:
            raw += self._at(member.offset + len(raw), start + member.packed - len(raw))
        return raw[start : start + member.packed]

    def _at(self, offset: int, size: int) -> bytes:
        """Bytes of the zip; fewer only where it ends. Moves no file position that others share."""
        file = self._opened()
        read = os.pread(file, size, offset)
        if len(read) == size:
            return read
        # One call gives at most 2 GiB, and a network's file system less.
        parts, done = [read], len(read)
        while done < size and (more := os.pread(file, size - done, offset + done)):
            parts.append(more)
            done += len(more)
        return b"".join(parts)

    def _opened(self) -> int:
        if (file := self._file) is not None:
            return file
        with self._lock:
            if self._file is None:
                file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                now = os.fstat(file)
                stamp = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)
                if self._stamp not in (None, stamp):
                    os.close(file)
                    raise Malformed(f"{self.path} has been replaced since it was listed; run again")
                self._stamp, self._file = stamp, file
            return self._file


@lru_cache(maxsize=1)
def _listing(directory: bytes, count: int, start: int) -> Listing:
    """What a directory lists, kept by its bytes: a file is listed for the plan, then for the processes."""
    return zip_listing(zipped.entries(directory, count), start)


def open_bulk(path: Path, most: int = MOST_BYTES) -> Bulk:
    """A folder or zip that holds at least one company's facts.

    Args:
        most: decoded bytes of one member; more is refused when it is read.

    Raises:
        UserError: there is no such path, it is neither, is damaged or unreadable, or holds no companyfacts.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"there is no {path}; {_WANTED}") from None
    except OSError as error:
        raise _unreadable(path, error) from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise UserError(f"{path} is neither a folder nor a zip file; {_WANTED}")
    bulk = Bulk(path, most)
    try:
        if not bulk.members():
            first = [f" ({entry.name} is not read: {entry.reason})" for entry in bulk.rejected[:1]]
            raise UserError(f"{path} holds no companyfacts{''.join(first)}; {_WANTED}")
    except UserError:
        bulk.close()
        raise
    return bulk


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be read ({_said(error)}); make it readable, then run again")


def _said(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _list_folder(folder: Path) -> Listing:
    """The files of a folder itself; folders within it are not looked into."""
    found: list[tuple[int, Member]] = []
    rejected: list[Rejected] = []
    ignored = 0
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            cik = company(entry.name)
            if cik is None or (isinstance(cik, str) and entry.is_dir(follow_symlinks=False)):
                ignored += 1
                continue
            try:
                if isinstance(cik, str):
                    rejected.append(Rejected(entry.name, cik))
                else:
                    status = _status(folder, entry)
                    found.append((status.st_mtime_ns, _member(cik, entry.name, status)))
            except Damaged as error:
                rejected.append(Rejected(entry.name, f"it {error}"))
            except OSError as error:
                rejected.append(Rejected(entry.name, f"it cannot be read ({_said(error)})"))
    # Of a company's .json and .json.gz the one that was written last is the later.
    found.sort(key=lambda pair: pair[0])
    members = sorted(latest((member for _, member in found), rejected), key=lambda member: member.name)
    return Listing(members=tuple(members), rejected=tuple(rejected), ignored=ignored)


def _status(folder: Path, entry: os.DirEntry[str]) -> os.stat_result:
    if entry.is_symlink() and not Path(entry.path).resolve(strict=True).is_relative_to(folder):
        raise Damaged("is a link that leads out of the folder")
    status = entry.stat()
    if not stat.S_ISREG(status.st_mode):
        raise Damaged("is not a regular file")
    return status


def _member(cik: int, name: str, status: os.stat_result) -> Member:
    gz = name.endswith(".gz")
    return Member(
        cik=cik,
        name=name,
        size=None if gz else status.st_size,
        packed=status.st_size,
        mark=_mark(status),
        modified=datetime.fromtimestamp(status.st_mtime_ns // 1_000_000_000, tz=UTC),
        packing="gzip" if gz else "plain",
    )


def _mark(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _of_folder(folder: Path, member: Member) -> bytes:
    path = (folder / member.name).resolve(strict=True)
    if not path.is_relative_to(folder):
        raise Damaged("is a link that leads out of the folder")
    # Not blocking, for a pipe that has taken the file's place; not following, for a link that has.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        before = os.fstat(file)
        wire = os.read(file, member.packed + 1) if stat.S_ISREG(before.st_mode) else b""
        after = os.fstat(file)
    finally:
        os.close(file)
    if member.mark != _mark(before) or member.mark != _mark(after) or len(wire) != member.packed:
        raise Damaged("has been changed since it was listed")
    return wire
