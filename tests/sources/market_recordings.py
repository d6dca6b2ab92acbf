"""The recorded answers of the sources of prices and options, by host."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.unit import Holding

Read = Callable[[Reply, Mapping[str, Holding]], Iterable[Page]]


@dataclass(frozen=True)
class Recording:
    file: str
    url: str
    status: int
    at: datetime
    body: bytes

    @property
    def told(self) -> Any:
        """The file as the standard library reads it."""
        return json.loads(self.body)


def of_host(shared: Path, host: str) -> dict[str, Recording]:
    """By file name without its folder and `.gz`."""
    folder = shared / "recordings"
    found = {}
    for line in (folder / "recordings.jsonl").read_text().splitlines():
        told = json.loads(line)
        if not told["file"].startswith(f"{host}/"):
            continue
        at = (
            parsedate_to_datetime(told["recorded"])
            if told["recorded"]
            else datetime(2026, 7, 10, 1, tzinfo=UTC)
        )
        name = told["file"].removeprefix(f"{host}/").removesuffix(".gz")
        body = gzip.decompress((folder / told["file"]).read_bytes())
        found[name] = Recording(name, told["url"], told["status"] or 200, at, body)
    return found


def reply(call: Call, body: bytes | str, at: datetime, status: int = 200) -> Reply:
    sent = body.encode() if isinstance(body, str) else body
    return Reply(call=call, status=status, headers={}, body=sent, wire=len(sent), at=at)


def drive(
    read: Read, call: Call, answer: Callable[[Call], Reply], held: Mapping[str, Holding] | None = None
) -> tuple[list[Page], list[Call]]:
    """Read the answer to a call, and those to the calls that its reader asks for in turn."""
    open_, pages, asked = [call], [], []
    while open_:
        asked.append(open_.pop(0))
        for page in read(answer(asked[-1]), held or {}):
            pages.append(page)
            open_ += page.calls
    return pages, asked


def rows(pages: Iterable[Page], record: type) -> list[tuple[Any, ...]]:
    return [row for page in pages for batch in page.batches if batch.record is record for row in batch.rows]
