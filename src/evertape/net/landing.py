"""Where a large body lands: the file, its unfinished part, and what the server said of each.

Beside `companyfacts.zip` lie `companyfacts.zip.origin` (validators of the file), and while it is
being fetched `companyfacts.zip.partial` with `companyfacts.zip.partial.origin`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath

import msgspec

from evertape.errors import Malformed, StoreError
from evertape.formats import zipped
from evertape.formats.packed import Damaged

_PAGE = (b"<!doctype html", b"<html")
_ZIP = (b"PK\3\4", b"PK\5\6")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a server said of a body. `length` in bytes; `stamp` is size and mtime of the finished file."""

    url: str
    etag: str = ""
    modified: str = ""
    length: int | None = None
    stamp: tuple[int, int] | None = None

    @property
    def conditions(self) -> dict[str, str]:
        """Request headers that ask for another body than this one."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in asked.items() if value}

    @property
    def validator(self) -> str:
        """What If-Range takes: a strong tag or a time; empty where the body cannot be gone on with."""
        return self.modified if not self.etag or self.etag.startswith("W/") else self.etag

    def same(self, other: Origin) -> bool:
        """Whether the other is of the same body, as far as both say."""
        pairs = ((self.etag, other.etag), (self.modified, other.modified), (self.length, other.length))
        return all(one == two for one, two in pairs if one and two)


def said(url: str, headers: Mapping[str, str], length: int | None) -> Origin:
    """What the headers (names in lower case) say of a body of `length` bytes."""
    return Origin(
        url=url, etag=headers.get("etag", ""), modified=headers.get("last-modified", ""), length=length
    )


class Landing:
    """The place of one body in a home.

    Args:
        into: relative to `home`, with slashes.

    Raises:
        Malformed: the path leads out of the home.
    """

    def __init__(self, home: Path, into: str) -> None:
        parts = PurePosixPath(into).parts
        self.path = home / into
        odd = "\\" in into or "\0" in into or into.startswith("/") or ".." in parts or not parts
        if odd or not self.path.resolve().is_relative_to(home.resolve()):
            raise Malformed(f"{into!r} is no path within the home {home}")
        self._partial = self._beside(".partial")

    def known(self, url: str) -> tuple[Origin | None, int | None]:
        """What to ask a server about, and from which byte on.

        (origin, n): n bytes are there, ask for the rest. (origin, None): a whole body is there, ask
        whether there is another one. (None, None): nothing is there.
        """
        partial, size = _read(self._beside(".partial.origin")), _size(self._partial)
        if partial and partial.url == url and partial.validator and size:
            if partial.length is None or size < partial.length:
                return partial, size
            if size == partial.length:
                return partial, None
        whole = _read(self._beside(".origin"))
        if whole and whole.url == url and whole.conditions and whole.stamp == _stamp(self.path):
            return whole, None
        return None, None

    def begin(self, origin: Origin) -> int:
        """An emptied partial, as a file descriptor. Raises StoreError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            # Emptied first: old bytes must never stand under new validators.
            _write(self._beside(".partial.origin"), origin)
        except OSError as error:
            raise self._fault(error) from error
        return file

    def go_on(self, size: int) -> int:
        """The partial, to be written on from `size`, as a file descriptor. Raises StoreError."""
        try:
            file = os.open(self._partial, os.O_WRONLY | os.O_CLOEXEC)
            os.lseek(file, size, os.SEEK_SET)
        except OSError as error:
            raise self._fault(error) from error
        return file

    def write(self, file: int, chunk: bytes) -> None:
        """Append. Raises StoreError where the disk is full; what was written stays."""
        view = memoryview(chunk)
        try:
            while view:
                view = view[os.write(file, view) :]
        except OSError as error:
            raise self._fault(error) from error

    def discard(self) -> None:
        """Forget the partial. Raises StoreError."""
        try:
            self._partial.unlink(missing_ok=True)
            self._beside(".partial.origin").unlink(missing_ok=True)
        except OSError as error:
            raise self._fault(error) from error

    def damage(self) -> str | None:
        """What is wrong with the partial by itself: a zip without its directory is none; else None."""
        if self.path.suffix != ".zip":
            return None
        try:
            length = self._partial.stat().st_size
            with self._partial.open("rb") as file:
                file.seek(max(0, length - zipped.TAIL))
                zipped.find_end(file.read(zipped.TAIL), length)
        except Damaged as error:
            return str(error)
        except OSError as error:
            raise self._fault(error) from error
        return None

    def finish(self, origin: Origin) -> None:
        """Move the partial into place; its mtime is what the server said. Raises StoreError."""
        try:
            file = os.open(self._partial, os.O_RDWR | os.O_CLOEXEC)
            try:
                with suppress(ValueError, OverflowError):
                    changed = int(parsedate_to_datetime(origin.modified).timestamp())
                    os.utime(file, (changed, changed))
                os.fsync(file)
            finally:
                os.close(file)
            stamped = msgspec.structs.replace(origin, stamp=_stamp(self._partial))
            # Written before the move: where that does not come about, the stamp fits no file.
            _write(self._beside(".origin"), stamped)
            self._partial.replace(self.path)
            self._beside(".partial.origin").unlink(missing_ok=True)
        except OSError as error:
            raise self._fault(error) from error

    def is_partial(self, origin: Origin) -> bool:
        """Whether `known` told of the partial, not of the file in place."""
        return origin.stamp is None

    def fits(self, head: bytes) -> bool:
        """Whether a body that begins so can be the file: no page for people, and a zip where one is due."""
        if self.path.suffix == ".zip":
            return head.startswith(_ZIP)
        return not head.lstrip().lower().startswith(_PAGE)

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)

    def _fault(self, error: OSError) -> StoreError:
        what = error.strerror or type(error).__name__
        return StoreError(
            f"{self.path} cannot be written ({what}); free some space or make it writable, then run again: "
            "what has come is kept"
        )


def _read(path: Path) -> Origin | None:
    """None where there is none, or none that can be understood: then the body is fetched anew."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Origin)
    except (OSError, msgspec.DecodeError):
        return None


def _write(path: Path, origin: Origin) -> None:
    new = path.with_name(path.name + ".new")
    new.write_bytes(msgspec.json.encode(origin))
    new.replace(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
