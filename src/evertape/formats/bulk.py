"""Which entries of a folder or zip of companyfacts are read, and what they should hold, as values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from evertape.formats import zipped
from evertape.formats.packed import Damaged, crc32, framed, gunzipped, gzipped, inflated

_SLACK = 1 << 20
"""Bytes by which packing may make a body longer than it is."""
_EXTRA = 64
"""Bytes of a local header after its name, read on speculation."""
_MISNAMED = "its name is not CIK and ten digits"
_CIK = re.compile(r"CIK\d{10}", re.ASCII)
_NAME = re.compile(r"CIK(\d{10})\.json(\.gz)?", re.ASCII)

Packing = Literal["deflated", "stored", "gzip", "plain"]
_METHODS: dict[int, Packing] = {zipped.DEFLATED: "deflated", zipped.STORED: "stored"}
_METHOD_OF = {packing: method for method, packing in _METHODS.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One company's file, with all that is needed to read it.

    Attributes:
        name: path within the zip or folder.
        size: decoded bytes, None for a gzip file. packed: bytes as stored.
        mark: changes when the content does: CRC-32 and size in a zip, size and mtime of a file.
        modified: aware UTC, None where a zip does not say (its usual times have no zone).
        offset: of the local header in a zip. crc: CRC-32 of the body, both 0 for a file.
    """

    cik: int
    name: str
    size: int | None
    packed: int
    mark: str
    modified: datetime | None
    packing: Packing
    offset: int = 0
    crc: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """An entry that looks meant to be read and is not; `reason` is a clause without a full stop."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Body:
    """A member's bytes as stored, and decoded."""

    wire: bytes
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What a folder or zip holds. `ignored` counts what neither is companyfacts nor looks so."""

    members: tuple[Member, ...]
    rejected: tuple[Rejected, ...]
    ignored: int


def company(name: str) -> int | str | None:
    """The CIK of a file's name; a reason where it is wrong; None where it is no companyfacts at all."""
    match = _NAME.fullmatch(name)
    if match and int(match[1]):
        return int(match[1])
    lower = name.lower()
    # "._NAME" is what macOS puts beside a file.
    if not lower.startswith("._") and (lower.startswith("cik") or lower.endswith((".json", ".json.gz"))):
        return _MISNAMED
    return None


def latest(found: Iterable[Member], rejected: list[Rejected]) -> list[Member]:
    """One member a company, the last, as zip tools choose; the others are added to `rejected`."""
    chosen: dict[int, Member] = {}
    for member in found:
        if (earlier := chosen.pop(member.cik, None)) is not None:
            rejected.append(Rejected(earlier.name, f"{member.name}, a later file of the company, is read"))
        chosen[member.cik] = member
    return list(chosen.values())


def zip_listing(entries: Iterable[zipped.Entry], limit: int) -> Listing:
    """What is read of a zip whose data end before `limit`, in the order of its bytes."""
    found: list[Member] = []
    rejected: list[Rejected] = []
    ignored = 0
    for entry in entries:
        member = _zip_member(entry, limit)
        if isinstance(member, Member):
            found.append(member)
        elif member is None:
            ignored += 1
        else:
            rejected.append(Rejected(entry.name, member))
    ordered = sorted(latest(found, rejected), key=lambda member: member.offset)
    members = _apart(ordered, rejected)
    return Listing(members=tuple(members), rejected=tuple(rejected), ignored=ignored)


def _zip_member(entry: zipped.Entry, limit: int) -> Member | str | None:
    """A member; why it is not read; or None where it is no companyfacts."""
    name = entry.name
    if name.startswith("/") or name[1:2] == ":" or "\\" in name or "\0" in name or ".." in name.split("/"):
        return "its path leads out of the archive"
    last = name.rsplit("/", 1)[-1]
    cik = company(last)
    if cik is None and entry.size and not last.startswith("._") and _CIK.search(name):
        return _MISNAMED
    if not isinstance(cik, int):
        return cik
    if name.endswith(".gz"):
        return "it is a gzip file inside a zip file"
    if entry.fault:
        return entry.fault
    if entry.encrypted:
        return "it is encrypted"
    if entry.link:
        return "it is a symbolic link"
    if entry.method not in _METHODS:
        return f"it is compressed by method {entry.method}, neither stored nor deflated"
    if _reach(entry) > limit:
        return "its bytes lie outside of the archive's data"
    return Member(
        cik=cik,
        name=name,
        size=entry.size,
        packed=entry.packed,
        mark=f"{entry.crc:08x}-{entry.size}",
        modified=entry.modified,
        packing=_METHODS[entry.method],
        offset=entry.offset,
        crc=entry.crc,
    )


def _reach(member: Member | zipped.Entry) -> int:
    """Where a zip member ends at the earliest."""
    return member.offset + zipped.HEADER + len(member.name) + member.packed


def _apart(members: Sequence[Member], rejected: list[Rejected]) -> list[Member]:
    """Members that share no byte; sharing is how a small zip decodes to a huge amount."""
    apart = list(members[-1:])
    for member, following in zip(reversed(members[:-1]), reversed(members[1:]), strict=True):
        if _reach(member) > following.offset:
            rejected.append(Rejected(member.name, f"its bytes reach into those of {following.name}"))
        else:
            apart.append(member)
    return apart[::-1]


def bounded(member: Member, most: int) -> None:
    """Raises Damaged where a member says that it decodes to more than `most` bytes, or must."""
    said = max(member.size or 0, member.packed - _SLACK)
    if said > most:
        raise Damaged(f"decodes to {said:,} bytes, more than the {most:,} that are read")


def window(member: Member) -> int:
    """Bytes from a zip member's header that will most likely hold all of it."""
    return zipped.HEADER + len(member.name) + _EXTRA + member.packed


def data_start(header: bytes, member: Member) -> int:
    """Where a zip member's data begins, from its local header. Raises Damaged where that is wrong."""
    assert member.size is not None
    sizes = (member.crc, member.packed, member.size)
    return zipped.data_start(header, member.name, _METHOD_OF[member.packing], sizes)


def decoded(member: Member, wire: bytes, most: int) -> bytes:
    """A member's content from its bytes as stored. Raises Damaged where anything about it is wrong."""
    if len(wire) < member.packed:
        raise Damaged("is cut off")
    if member.packing == "plain":
        return wire
    if member.packing == "gzip":
        return gunzipped(wire, most)
    assert member.size is not None
    body = inflated(wire, member.size) if member.packing == "deflated" else wire
    if len(body) != member.size:
        raise Damaged(f"has {len(body):,} bytes where {member.size:,} are declared for it")
    if crc32(body) != member.crc:
        raise Damaged("fails its checksum")
    return body


def gzip_wrapped(member: Member, wire: bytes) -> bytes:
    """A member's bytes as stored (`Body.wire`) as a gzip file, compressed only where they are not yet."""
    if member.packing == "gzip":
        return wire
    if member.packing == "deflated":
        assert member.size is not None
        return framed(wire, member.crc, member.size)
    return gzipped(wire)
