"""Deflate and gzip with a bound, checked to the last byte."""

from __future__ import annotations

import struct

from isal import isal_zlib

_RAW = -15
_GZIP = 31
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""Deflate, no name, no time, no system: RFC 1952, section 2.3."""
_MOST_STREAMS = 64
"""Gzip members in one file; each costs a copy of what is left, so thousands would take hours."""


class Damaged(ValueError):
    """Packed bytes that are not what they should be. The message says what is wrong, without a subject."""


def crc32(body: bytes) -> int:
    """The checksum that zip and gzip use."""
    return int(isal_zlib.crc32(body))


def inflated(raw: bytes | memoryview, size: int) -> bytes:
    """A raw deflate stream that should decode to `size` bytes and end where `raw` ends.

    Never makes more than `size + 1` bytes, whatever the stream holds.

    Raises:
        Damaged: it is cut off, is no deflate stream, or is longer or shorter.
    """
    stream = isal_zlib.decompressobj(wbits=_RAW)
    try:
        body: bytes = stream.decompress(raw, size + 1)
    except isal_zlib.error as error:  # type: ignore[misc]
        raise Damaged(f"does not decompress ({error})") from error
    if len(body) > size:
        raise Damaged(f"decodes to more than the {size:,} bytes that are declared for it")
    if not stream.eof:
        raise Damaged("is cut off")
    if len(body) < size or stream.unused_data:
        raise Damaged(f"decodes to {len(body):,} bytes where {size:,} are declared for it")
    return body


def gunzipped(raw: bytes, most: int) -> bytes:
    """The content of a gzip file. Zeros after its end are padding; anything else there is damage.

    Raises:
        Damaged: it is cut off, no gzip, fails its checksum or length, or decodes to more than `most` bytes.
    """
    parts: list[bytes] = []
    room = most
    for _ in range(_MOST_STREAMS):
        stream = isal_zlib.decompressobj(wbits=_GZIP)
        try:
            part: bytes = stream.decompress(raw, room + 1)
        except isal_zlib.error as error:  # type: ignore[misc]
            raise Damaged(f"is no sound gzip file ({error})") from error
        room -= len(part)
        if room < 0:
            raise Damaged(f"decodes to more than {most:,} bytes, the most that is read")
        if not stream.eof:
            raise Damaged("is cut off")
        parts.append(part)
        raw = stream.unused_data
        if not raw.strip(b"\0"):
            return parts[0] if len(parts) == 1 else b"".join(parts)
    raise Damaged(f"consists of more than {_MOST_STREAMS} gzip streams")


def framed(deflated: bytes, crc: int, size: int) -> bytes:
    """A gzip file around a raw deflate stream of `size` decoded bytes, without compressing it again."""
    return b"".join((_GZIP_HEADER, deflated, struct.pack("<II", crc, size & 0xFFFFFFFF)))


def gzipped(body: bytes) -> bytes:
    """A gzip file of `body`, made as fast as it can be."""
    made: bytes = isal_zlib.compress(body, 0, _GZIP)
    return made
