"""No table breaks a word, drops one, or is wider than it may be; without a width a row is a line."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.cli.columns import INDENT, LEAST, lines

WORDS = st.text(string.ascii_letters + string.digits + "-_.,/", min_size=1, max_size=18)
CELLS = st.one_of(
    st.just(""), WORDS, st.integers(0, 10**12).map("{:,}".format), st.lists(WORDS, max_size=9).map(" ".join)
)
COUNTS = st.integers(1, 9)
TABLES = COUNTS.flatmap(
    lambda count: st.lists(st.lists(CELLS, min_size=count, max_size=count), min_size=1, max_size=6)
)


def words(rows: list[list[str]]) -> list[str]:
    """Every word of some cells, sorted."""
    return sorted(" ".join(cell for row in rows for cell in row).split())


@given(TABLES, st.integers(LEAST + INDENT, 200), st.booleans())
def test_every_word_is_there_once_and_no_line_is_too_wide(
    table: list[list[str]], width: int, headed: bool
) -> None:
    shown = lines(table[0], table[1:], width) if headed else lines(None, table, width)
    assert [line.text for line in shown if len(line.text) > width] == []
    assert sorted(" ".join(line.text for line in shown).split()) == words(table)
    heads = " ".join(line.text for line in shown if line.head).split()
    assert sorted(heads) == (words(table[:1]) if headed else [])


@given(TABLES)
def test_without_a_width_a_row_is_one_line(table: list[list[str]]) -> None:
    shown = lines(table[0], table[1:], None)
    assert len(shown) == len(table)
    for line, row in zip(shown, table, strict=True):
        assert " ".join(line.text.split()) == " ".join(" ".join(row).split())


@given(TABLES, st.integers(60, 200), st.integers(1, 2))
def test_further_tables_repeat_the_keys(table: list[list[str]], width: int, keys: int) -> None:
    table = [[cell[:18] for cell in row] for row in table]
    shown = lines(table[0], table[1:], width, keys=min(keys, len(table[0])))
    assert [line.text for line in shown if len(line.text) > width] == []
    said = " ".join(line.text for line in shown).split()
    assert set(said) == set(words(table))
    tables = 1 + sum(line.head for line in shown[1:])
    for word in set(" ".join(table[0][:keys]).split()):
        assert said.count(word) >= tables


FIGURES = [["revenue", "1,234", "2,345"], ["net_income", "12", "3"]]


def test_figures_stand_below_each_other() -> None:
    assert [line.text for line in lines(["", "2024-06-29", "2023-06-29"], FIGURES, 80, keys=1)] == [
        "            2024-06-29  2023-06-29",
        "revenue          1,234       2,345",
        "net_income          12           3",
    ]


def test_a_narrow_terminal_shows_one_period_after_the_other() -> None:
    assert [line.text for line in lines(["", "2024-06-29", "2023-06-29"], FIGURES, 30, keys=1)] == [
        "            2024-06-29",
        "revenue          1,234",
        "net_income          12",
        "",
        "            2023-06-29",
        "revenue          2,345",
        "net_income           3",
    ]


def test_columns_without_room_go_into_a_line_of_their_own() -> None:
    heads = ["changed on", "fact", "by"]
    row = ["2026-01-30", "LongTermDebtAndCapitalLease", "0000320193-26-000006"]
    shown = lines(heads, [row], 50)
    assert [line.text for line in shown] == [
        "changed on  fact",
        "    by",
        "2026-01-30  LongTermDebtAndCapitalLease",
        "    0000320193-26-000006",
    ]
    assert [line.head for line in shown] == [True, True, False, False]


def test_a_sentence_is_wrapped_between_words_where_that_is_enough() -> None:
    row = ["AAPL", "failed", "the source sent a body that is cut off after 12 bytes"]
    assert [line.text for line in lines(None, [row], 50)] == [
        "AAPL  failed  the source sent a body that is cut",
        "              off after 12 bytes",
    ]


@pytest.mark.parametrize("width", [None, 20])
def test_a_word_longer_than_a_line_is_still_one_word(width: int | None) -> None:
    assert lines(None, [["https://data.sec.gov/api/xbrl/companyfacts/CIK0000320193.json"]], width)[
        0
    ].text.endswith("https://data.sec.gov/api/xbrl/companyfacts/CIK0000320193.json")


def test_no_rows_are_their_head() -> None:
    assert [line.text for line in lines(["job", "kind"], [], 80)] == ["job  kind"]
    assert lines(None, [], 80) == []
