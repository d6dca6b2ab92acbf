"""Answers as received, and their bodies decompressed: what a reader of bodies needs, without a client."""

from __future__ import annotations

from dataclasses import dataclass, field

from isal import isal_zlib

from evertape.errors import Malformed, Transient
from evertape.model.call import Reply

MOST_BYTES = 1 << 30
"""A body that is larger, on the wire or decompressed, is refused."""
_GZIP = 31


@dataclass(frozen=True, kw_only=True)
class WireReply(Reply):
    """An answer that still carries its body as received, for the archive."""

    raw: bytes = field(default=b"", repr=False)


def gunzip(raw: bytes, url: str, most: int = MOST_BYTES) -> bytes:
    """The decompressed bytes of one or more gzip members.

    Raises:
        Transient: the stream is cut off or damaged. Malformed: it unpacks to more than `most` bytes.
    """
    parts: list[bytes] = []
    room = most
    while raw:
        stream = isal_zlib.decompressobj(wbits=_GZIP)
        try:
            part = stream.decompress(raw, room + 1)
        except isal_zlib.error as error:  # type: ignore[misc]
            raise Transient(f"the gzip stream of {url} is damaged ({error})") from error
        room -= len(part)
        if room < 0:
            raise Malformed(f"the answer of {url} unpacks to more than {most} bytes")
        if not stream.eof:
            raise Transient(f"the gzip stream of {url} is cut off after {len(raw)} bytes")
        parts.append(part)
        raw = stream.unused_data if stream.unused_data.startswith(b"\x1f\x8b") else b""
    return parts[0] if len(parts) == 1 else b"".join(parts)
