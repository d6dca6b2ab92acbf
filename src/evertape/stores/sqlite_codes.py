"""The dictionary of coded texts: each is kept once, rows hold its number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter

from evertape.model.records import Batch, Table


class Codes:
    """The table `codes`, remembered. Numbers begin at 1."""

    def __init__(self) -> None:
        self._by_text: dict[str, int] = {}
        self._by_number: dict[int, str] = {}
        self._last = 0

    def texts(self, connection: sqlite3.Connection) -> Mapping[int, str]:
        """All texts by number, as the connection sees them now."""
        query = "SELECT id, text FROM codes WHERE id > ? ORDER BY id"
        for number, text in connection.execute(query, (self._last,)).fetchall():
            self._add(number, text)
        return self._by_number

    def numbers(self, writer: sqlite3.Connection, table: Table, batch: Batch) -> Mapping[str, int]:
        """Numbers of all texts in a batch's coded columns; new texts are entered in the transaction."""
        coded = (
            [i for i, column in enumerate(table.columns) if column.kind == "coded"] if table.compact else []
        )
        for position in coded:
            found = {text for text in set(map(itemgetter(position), batch.rows)) if isinstance(text, str)}
            for text in sorted(found - self._by_text.keys()):
                number = self._last + 1
                writer.execute("INSERT INTO codes (id, text) VALUES (?, ?)", (number, text))
                self._add(number, text)
        return self._by_text

    @contextmanager
    def restored_on_failure(self) -> Iterator[None]:
        """Around a write transaction: numbers given in it are forgotten where it fails."""
        # Numbers that another process used meanwhile are learned again with the next commit.
        before = self._last
        try:
            yield
        except BaseException:
            for number in range(before + 1, self._last + 1):
                self._by_text.pop(self._by_number.pop(number, ""), None)
            self._last = before
            raise

    def _add(self, number: int, text: str) -> None:
        self._by_text[text] = number
        self._by_number[number] = text
        self._last = max(self._last, number)
