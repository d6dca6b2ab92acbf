"""The committed page of concepts is the catalogue's."""

from __future__ import annotations

from pathlib import Path

from evertape.formats.xbrl.catalogue_page import page
from evertape.formats.xbrl.concepts import LINES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "concepts.md"


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_line_and_every_tag_is_on_the_page() -> None:
    text = page()
    for line in LINES:
        (row,) = [row for row in text.splitlines() if row.startswith(f"| `{line.name}` |")]
        assert line.doc in row
        assert all(tag.name in row for tag in line.tags)
        assert row.count(" | ") == 6
