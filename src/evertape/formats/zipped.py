"""The directory of a zip file, and the header before each member, as values.

Shapes: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3 to 4.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from evertape.formats.packed import Damaged

TAIL = 1 << 17
"""Bytes from the end of a file in which its end records lie: a comment has at most 65,535."""
STORED, DEFLATED = 0, 8
HEADER = 30
"""Bytes of a local header before the name."""

_END = struct.Struct("<4s4H2IH")
_WIDE_END = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_CENTRAL = struct.Struct("<4s4B4H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_FULL, _FULL_COUNT = 0xFFFFFFFF, 0xFFFF
_ENCRYPTED, _SIZES_FOLLOW, _UTF8 = 0x2041, 0x0008, 0x0800
_ZIP64, _UNIX_TIME = 0x0001, 0x5455


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """What a zip file's last record says: where its directory starts, its bytes, its entries."""

    start: int
    size: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of a zip file's directory.

    Attributes:
        offset: of the local header, from the start of the file. modified: None where the file tells no UTC.
        fault: why it cannot be trusted, None where it can.
    """

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    encrypted: bool
    link: bool
    modified: datetime | None
    fault: str | None


def find_end(tail: bytes, length: int) -> End:
    """Where the directory lies, by the last `TAIL` bytes of a file of `length` bytes.

    Nothing may lie before the archive, and nothing between the directory and its end.

    Raises:
        Damaged: there is no end record, or it contradicts itself.
    """
    at = len(tail)
    while (at := tail.rfind(b"PK\5\6", 0, at)) >= 0:
        if at + _END.size <= len(tail) and at + _END.size + _END.unpack_from(tail, at)[7] == len(tail):
            break
    else:
        raise Damaged("has no directory at its end")
    _, disk, first, here, count, size, start, _ = _END.unpack_from(tail, at)
    base = length - len(tail)
    ends = base + at
    locator = at - _LOCATOR.size
    if locator >= 0 and tail.startswith(b"PK\6\7", locator):
        end, ends = _wide_end(tail, locator, base)
        narrow = ((count, _FULL_COUNT, end.count), (size, _FULL, end.size), (start, _FULL, end.start))
        if any(said not in (full, wide) for said, full, wide in narrow):
            raise Damaged("has two end records that contradict each other")
    else:
        if disk or first or here != count:
            raise Damaged("is one part of several")
        end = End(start=start, size=size, count=count)
    if end.start + end.size != ends:
        raise Damaged("has no directory where its end record says")
    return end


def _wide_end(tail: bytes, locator: int, base: int) -> tuple[End, int]:
    """The zip64 end record and where it starts."""
    _, disk, starts, disks = _LOCATOR.unpack_from(tail, locator)
    at = starts - base
    if not 0 <= at <= locator - _WIDE_END.size or disk or disks != 1:
        raise Damaged("has no zip64 end record where its locator says")
    mark, rest, _, _, disk, first, here, count, size, start = _WIDE_END.unpack_from(tail, at)
    if mark != b"PK\6\6" or at + 12 + rest != locator or disk or first or here != count:
        raise Damaged("has a damaged zip64 end record")
    return End(start=start, size=size, count=count), starts


def entries(directory: bytes, count: int) -> Iterator[Entry]:
    """The lines of a directory, in its order. Raises Damaged where they are not `count` whole ones."""
    at = 0
    for _ in range(count):
        if at + _CENTRAL.size > len(directory) or not directory.startswith(b"PK\1\2", at):
            raise Damaged("has a damaged directory")
        fields = _CENTRAL.unpack_from(directory, at)
        name = at + _CENTRAL.size
        extra = name + fields[12]
        after = extra + fields[13]
        at = after + fields[14]
        if at > len(directory):
            raise Damaged("has a damaged directory")
        yield _entry(fields, directory[name:extra], directory[extra:after])
    if at != len(directory):
        raise Damaged("has a damaged directory")


def _entry(fields: tuple[int, ...], name: bytes, extra: bytes) -> Entry:
    flags, method, crc, packed, size = fields[5], fields[6], fields[9], fields[10], fields[11]
    disk, mode, offset = fields[15], fields[17] >> 16, fields[18]
    fault = "its entry in the directory is damaged" if disk else None
    modified = None
    try:
        parts = dict(_extras(extra))
        wide = parts.get(_ZIP64, b"")
        size, wide = _widened(size, wide)
        packed, wide = _widened(packed, wide)
        offset, _ = _widened(offset, wide)
        if (times := parts.get(_UNIX_TIME, b"")) and times[0] & 1:
            modified = datetime.fromtimestamp(struct.unpack_from("<i", times, 1)[0], tz=UTC)
    except struct.error:
        fault = "its entry in the directory is damaged"
    return Entry(
        name=_decoded(name, flags),
        method=method,
        crc=crc,
        packed=packed,
        size=size,
        offset=offset,
        encrypted=bool(flags & _ENCRYPTED),
        link=mode & 0o170000 == 0o120000,
        modified=modified,
        fault=fault,
    )


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    # Some writers pad with up to three zeros, too few for another field.
    while at + 4 <= len(extra):
        key, size = struct.unpack_from("<HH", extra, at)
        at += 4 + size
        if at > len(extra):
            raise struct.error("an extra field is longer than all of them")
        yield key, extra[at - size : at]


def _widened(narrow: int, wide: bytes) -> tuple[int, bytes]:
    """A 32-bit field or, where it is full, the next of the zip64 ones; and the rest of those."""
    if narrow != _FULL:
        return narrow, wide
    return struct.unpack_from("<Q", wide)[0], wide[8:]


def _decoded(name: bytes, flags: int) -> str:
    return name.decode("utf-8" if flags & _UTF8 else "cp437", errors="replace")


def data_start(header: bytes, name: str, method: int, sizes: tuple[int, int, int]) -> int:
    """Where a member's data begins, counted from its local header.

    Args:
        header: from the local header on; longer does no harm.
        sizes: CRC-32, packed bytes and decoded bytes by the directory.

    Raises:
        Damaged: there is no local header, or it contradicts the directory.
    """
    if len(header) < HEADER or not header.startswith(b"PK\3\4"):
        raise Damaged("is not where the archive's directory says")
    _, _, flags, own_method, _, _, crc, packed, size, named, extra = _LOCAL.unpack_from(header)
    # Sizes may be told after the data, or in the zip64 field; the data are checked by the directory's.
    told = flags & _SIZES_FOLLOW or _FULL in (packed, size)
    if (
        own_method != method
        or flags & _ENCRYPTED
        or _decoded(header[HEADER : HEADER + named], flags) != name
        or (not told and (crc, packed, size) != sizes)
    ):
        raise Damaged("has a header that contradicts the archive's directory")
    return int(HEADER + named + extra)
