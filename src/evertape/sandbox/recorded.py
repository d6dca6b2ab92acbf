"""A recorded tree: DIR/HOST/PATH, or DIR/HOST/PATH.gz."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from evertape.sandbox import archive
from evertape.sandbox.origin import GZIP, Body, content_type


class RecordedTree:
    """Serves files below one folder and nothing outside it."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._bulk: Body | None = None

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
        if (host, path) == (archive.HOST, archive.PATH):
            return self._companyfacts()
        return None

    def _companyfacts(self) -> Body | None:
        """All recorded companies in one file, made once; None where there are none."""
        folder = "data.sec.gov/api/xbrl/companyfacts"
        files = sorted((self._root / folder).glob("CIK*.json*"))
        names = list(dict.fromkeys(f"{folder}/{file.name.removesuffix('.gz')}" for file in files))
        if self._bulk is None and names:
            host, _, inner = folder.partition("/")
            bodies = [(n, self.fetch(host, f"{inner}/{n.rpartition('/')[2]}")) for n in names]
            members = [(n.rpartition("/")[2], body.unzipped()) for n, body in bodies if body]
            self._bulk = archive.companyfacts(members, max(map(_modified, files)))
        return self._bulk

    def _file(self, name: str) -> Path | None:
        if "\0" in name or "\\" in name or any(part in ("", ".", "..") for part in name.split("/")):
            return None
        # resolve() follows links, so a link that leads out of the tree is refused as well.
        found = (self._root / name).resolve()
        return found if found.is_relative_to(self._root) and found.is_file() else None


def _modified(file: Path) -> datetime:
    return datetime.fromtimestamp(int(file.stat().st_mtime), tz=UTC)
