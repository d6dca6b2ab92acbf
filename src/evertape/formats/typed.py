"""Vendors' JSON decoded into typed shapes, with each fault told as the format's own error."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from evertape.formats.bars import MalformedPrices
from evertape.formats.chains import MalformedChain

_T = TypeVar("_T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BARE = re.compile(rb"([:\[,]\s*)(-?(?:NaN|Infinity))\b")
_MARKS = re.compile(r"[^A-Z0-9]")
Number = float | str | None
"""A number as some vendors send it: a JSON number, the same in quotation marks, or "NaN"."""


def decoded(decoder: msgspec.json.Decoder[_T], body: bytes, error: type[ValueError], what: str) -> _T:
    """The body in the decoder's shape; unknown keys are left alone. Raises `error`, naming `what`.

    NaN and Infinity, which are no JSON and which vendors' serialisers write all the same, are taken for
    the strings that other vendors send in their place.
    """
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            mended = _BARE.sub(rb'\1"\2"', body)
            if mended == body:
                raise
            return decoder.decode(mended)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise error(f"{what} is not what it should be: {fault}") from fault


@contextmanager
def in_range(error: type[ValueError]) -> Iterator[None]:
    """Raises `error` for values of the right type that are out of range: stamps beyond the calendar, days
    and names that are none."""
    try:
        yield
    except (MalformedPrices, MalformedChain):
        raise
    except (ValueError, OverflowError, OSError) as fault:
        raise error(f"a value is out of range: {fault}") from fault


def number(value: Number, error: type[ValueError]) -> float | None:
    """A number from either spelling, also one that is not finite; "" is None. Raises `error` for others."""
    if value is None or value == "":
        return None
    try:
        return float(value)
    except ValueError as fault:
        raise error(f"{value!r} is no number") from fault


def known(value: Number, error: type[ValueError]) -> float | None:
    """A finite number from either spelling; None for NaN and infinities. Raises `error` for others."""
    found = number(value, error)
    return found if found is not None and math.isfinite(found) else None


def price(value: float | None) -> float | None:
    """A price above zero; None for what vendors send where they know none (0, -999, NaN)."""
    return value if value is not None and 0 < value < math.inf else None


def same_symbol(one: str, other: str) -> bool:
    """Whether two vendors' spellings name one symbol: BRK/B and BRK-B, $SPX and _SPX."""
    return _MARKS.sub("", one.upper()) == _MARKS.sub("", other.upper())


def instant(milliseconds: float | None, error: type[ValueError]) -> datetime | None:
    """Milliseconds since 1970, UTC, as an aware instant; 0 and None say that there is none."""
    if not milliseconds:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except (OverflowError, ValueError) as fault:
        raise error(f"{milliseconds} is no time in milliseconds") from fault
