"""Zip files made by the standard library, and then damaged at a chosen field."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

FIRST, SECOND, THIRD = "CIK0000000011.json", "CIK0000000012.json", "CIK0000000013.json"
BODIES = {
    FIRST: b'{"cik":11,"facts":{}}' + b" " * 300,
    SECOND: b'{"cik":12,"facts":{"dei":{}}}' * 9,
    THIRD: b'{"cik":13}',
}
# Offsets of fields: in a line of the directory, in the header before a member.
_CENTRAL = {
    "flags": (8, "<H"),
    "method": (10, "<H"),
    "crc": (16, "<I"),
    "packed": (20, "<I"),
    "size": (24, "<I"),
}
_LOCAL = {
    "flags": (6, "<H"),
    "method": (8, "<H"),
    "crc": (14, "<I"),
    "packed": (18, "<I"),
    "size": (22, "<I"),
}


def zipped(bodies: Mapping[str, bytes] = BODIES, stored: tuple[str, ...] = (THIRD,)) -> bytes:
    """A good zip; `stored` names are not compressed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, body in bodies.items():
            archive.writestr(name, body, zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED)
    return made.getvalue()


def headers(data: bytes, name: str) -> tuple[int, int]:
    """Where a member's line of the directory starts, and its own header."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        offset = archive.getinfo(name).header_offset
    return data.rindex(name.encode()) - 46, offset


def altered(data: bytes, name: str, *, local: bool = True, **fields: int) -> bytes:
    """The zip with fields of one member's directory line set and, where `local`, of its header."""
    changed = bytearray(data)
    central, own = headers(data, name)
    for field, value in fields.items():
        at, form = _CENTRAL[field]
        struct.pack_into(form, changed, central + at, value)
        if local:
            at, form = _LOCAL[field]
            struct.pack_into(form, changed, own + at, value)
    return bytes(changed)


def data_of(data: bytes, name: str) -> slice:
    """Where a member's stored bytes lie."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo(name)
    start = info.header_offset + 30 + len(name)
    return slice(start, start + info.compress_size)


def written(path: Path, data: bytes) -> Path:
    """The file with these bytes."""
    path.write_bytes(data)
    return path
