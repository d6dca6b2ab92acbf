"""What a sandbox serves: a body for a host and a path, or nothing."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

JSON = "application/json"
TEXT = "text/plain"
GZIP = "application/x-gzip"
ZIP = "application/zip"


@dataclass(frozen=True, kw_only=True)
class Body:
    """A stored answer, held as plain bytes, as gzip, or as both. `modified` is aware UTC."""

    plain: bytes | None = None
    gz: bytes | None = None
    content_type: str
    modified: datetime | None = None

    def unzipped(self) -> bytes:
        """The content itself."""
        if self.plain is not None:
            return self.plain
        return gzip.decompress(self.gz or b"")


class Origin(Protocol):
    """A recorded tree or a generated market."""

    def fetch(self, host: str, path: str) -> Body | None:
        """The answer for https://HOST/PATH (`path` without a leading slash), or None where absent."""
        ...


def content_type(path: str) -> str:
    """The Content-Type that the SEC's hosts send for a path."""
    if path.endswith(".json"):
        return JSON
    if path.endswith(".gz"):
        return GZIP
    if path.endswith(".xml"):
        return "text/xml"
    if path.endswith((".htm", ".html")):
        return "text/html"
    return TEXT
