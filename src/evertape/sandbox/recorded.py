"""A recorded tree: DIR/HOST/PATH, or DIR/HOST/PATH.gz."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from evertape.sandbox.origin import GZIP, Body, content_type


class RecordedTree:
    """Serves files below one folder and nothing outside it."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def fetch(self, host: str, path: str) -> Body | None:
        """The recorded answer. `x.gz` holds the content of `x`; `x.idx.gz` is also served as `x.gz`."""
        name = f"{host}/{path}"
        if (plain := self._file(name)) is not None:
            return Body(plain=plain.read_bytes(), content_type=content_type(path), modified=_modified(plain))
        if (zipped := self._file(f"{name}.gz")) is not None:
            return Body(gz=zipped.read_bytes(), content_type=content_type(path), modified=_modified(zipped))
        if name.endswith(".gz"):
            index = self._file(f"{name.removesuffix('.gz')}.idx.gz")
            if index is not None:
                return Body(plain=index.read_bytes(), content_type=GZIP, modified=_modified(index))
        return None

    def _file(self, name: str) -> Path | None:
        if "\0" in name or "\\" in name or any(part in ("", ".", "..") for part in name.split("/")):
            return None
        # resolve() follows links, so a link that leads out of the tree is refused as well.
        found = (self._root / name).resolve()
        return found if found.is_relative_to(self._root) and found.is_file() else None


def _modified(file: Path) -> datetime:
    return datetime.fromtimestamp(int(file.stat().st_mtime), tz=UTC)
