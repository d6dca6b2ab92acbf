"""Recorded answers of any host, found by address and by how often that was asked."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from evertape.sandbox.options import SandboxError
from evertape.sandbox.origin import content_type
from evertape.sandbox.wire import SECRETS, Call, Reply

CATALOGUE = "recordings.jsonl"
_PLACEHOLDER, _KEY = "MOCK_DATE", "KEY"
_STAMP = re.compile(r"_(\d{9,10})(?:__\d+)?(?:\.gz)?$")

Address = tuple[str, str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class _Line:
    file: Path
    status: int
    content_type: str


class Recordings:
    """Answers by host, path and query. The order of parameters, keys and crumbs do not matter.

    The nth request of an address gets its nth recording, and the last one ever after.
    """

    def __init__(self, root: Path) -> None:
        """Raises SandboxError where the folder has no readable catalogue."""
        self._root = root.resolve()
        self._found: dict[Address, list[_Line]] = {}
        self._asked: Counter[Address] = Counter()
        catalogue = self._root / CATALOGUE
        try:
            lines = catalogue.read_text().splitlines()
        except OSError as error:
            raise SandboxError(
                f"cannot read {catalogue} ({error.strerror or error}); give --recordings a folder with one"
            ) from error
        for number, line in enumerate(lines, 1):
            try:
                self._add(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise SandboxError(f"{catalogue}, line {number} describes no recording: {error!r}") from error

    def clear(self) -> None:
        """Count requests anew."""
        self._asked.clear()

    def find(self, call: Call) -> Reply | None:
        """The recorded answer, or None where there is none. Counts the request."""
        address = _address(call.host, call.path, list(call.query.items()))
        lines = self._found.get(address)
        if lines is None:
            return None
        line = lines[min(self._asked[address], len(lines) - 1)]
        self._asked[address] += 1
        stored = line.file.read_bytes()
        content = gzip.decompress(stored) if line.file.suffix == ".gz" else stored
        return Reply(status=line.status, content=content, content_type=line.content_type)

    def _add(self, line: dict[str, Any]) -> None:
        file = (self._root / line["file"]).resolve()
        if not file.is_relative_to(self._root):
            raise ValueError(f"{line['file']} lies outside of the folder")
        parts = urlsplit(line["url"])
        query = [
            (name, _value(value, line["file"]))
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
        path = unquote(parts.path.lstrip("/"))
        given = (line.get("content_type") or _guessed(parts.netloc, parts.path)).partition(";")[0]
        found = _Line(file, int(line.get("status") or 200), given)
        self._found.setdefault(_address(parts.netloc, path, query), []).append(found)
        if not line.get("status"):
            # A published mock is named as a file: PATH&QUERY.json is an answer to PATH?QUERY.
            bare, _, rest = path.removesuffix(".json").partition("&")
            self._found.setdefault(_address(parts.netloc, bare, parse_qsl(rest)), []).append(found)


def _value(value: str, file: str) -> str:
    """A placeholder stands for the moment in the file's name."""
    if value != _PLACEHOLDER:
        return value
    stamp = _STAMP.search(file)
    return stamp[1] if stamp is not None else value


def _address(host: str, path: str, query: list[tuple[str, str]]) -> Address:
    kept = [(name, value) for name, value in query if name.lower() not in SECRETS and value != _KEY]
    return host, path, frozenset(kept)


def _guessed(host: str, path: str) -> str:
    """A Content-Type for recordings that lack one."""
    guess = content_type(path)
    interface = host.startswith(("api.", "query", "cdn.")) or path.endswith("/query")
    return "application/json" if guess == "text/plain" and interface else guess
