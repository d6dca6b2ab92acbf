"""Vendors' numbers, times and names in one reading."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import msgspec
import pytest

from evertape.formats.typed import decoded, instant, known, number, price, same_symbol


class Odd(ValueError):
    """The error of a made-up format."""


class Shape(msgspec.Struct):
    a: float | str | None
    text: str = ""


DECODER = msgspec.json.Decoder(Shape)


def read(body: bytes) -> Shape:
    return decoded(DECODER, body, Odd, "the body")


def test_nan_that_is_no_json_is_read_as_the_string_and_text_that_says_it_is_left_alone() -> None:
    told = read(b'{"a": NaN, "text": "NaN: none", "other": [-Infinity, NaN]}')
    assert (told.a, told.text) == ("NaN", "NaN: none")
    assert read(b'{"a": 1.5, "text": "x: NaN"}').text == "x: NaN"
    assert read(b'{"a":-Infinity}').a == "-Infinity"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'{"a": []}',
        b'{"a": NaN',
        b'{"a": nan}',
        b'{"a": "\xff"}',
        b'{"a":' * 3000,
        b'{"a": 1e999}',
        b'{"a": 1, "b": ' + b"[" * 3000,
    ],
)
def test_every_fault_of_a_body_is_the_formats_own_error_and_names_it(body: bytes) -> None:
    with pytest.raises(Odd, match="the body is not what it should be"):
        read(body)


def test_numbers_are_read_from_either_spelling() -> None:
    assert [number(v, Odd) for v in (1, 2.5, "3.50", "-999.0", "", None)] == [
        1.0,
        2.5,
        3.5,
        -999.0,
        None,
        None,
    ]
    nan = number("NaN", Odd)
    assert nan is not None
    assert math.isnan(nan)
    assert number("-Infinity", Odd) == -math.inf
    assert [known(v, Odd) for v in ("NaN", "inf", "1e400", "7")] == [None, None, None, 7.0]
    for wrong in (number, known):
        with pytest.raises(Odd, match="'cheap' is no number"):
            wrong("cheap", Odd)


def test_what_is_no_price_is_unknown() -> None:
    assert [price(v) for v in (226.02, 0.0, -999.0, math.nan, math.inf, None)] == [226.02, *[None] * 5]


def test_milliseconds_are_instants_and_none_where_there_are_none() -> None:
    assert instant(1729884786730, Odd) == datetime(2024, 10, 25, 19, 33, 6, 730000, tzinfo=UTC)
    assert (instant(0, Odd), instant(None, Odd)) == (None, None)
    for far in (1e300, -1e300, 1e15):
        with pytest.raises(Odd):
            instant(far, Odd)


def test_a_symbol_is_the_same_under_each_vendors_marks() -> None:
    assert same_symbol("BRK/B", "BRK-B")
    assert same_symbol("brk.b", "BRK-B")
    assert same_symbol("$SPX", "_SPX")
    assert not same_symbol("BRK/B", "BRK-A")
