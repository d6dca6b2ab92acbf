"""Vendors' JSON decoded into typed shapes, with each fault told as the format's own error."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

_T = TypeVar("_T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BARE = re.compile(rb"([:\[,]\s*)(-?(?:NaN|Infinity))\b")
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


def number(value: Number, error: type[ValueError]) -> float | None:
    """A number from either spelling, also one that is not finite; "" is None. Raises `error` for others."""
    if value is None or value == "":
        return None
    try:
        return float(value)
    except ValueError as fault:
        raise error(f"{value!r} is no number") from fault


def finite(value: Number, error: type[ValueError]) -> float | None:
    """A number from either spelling. Raises `error` for anything else, NaN and infinities included."""
    found = number(value, error)
    if found is not None and not math.isfinite(found):
        raise error(f"{value!r} is no price or volume")
    return found


def price(value: float | None) -> float | None:
    """A price above zero; None for what vendors send where they know none (0, -999, NaN)."""
    return value if value is not None and 0 < value < math.inf else None


def instant(milliseconds: float | None, error: type[ValueError]) -> datetime | None:
    """Milliseconds since 1970, UTC, as an aware instant; 0 and None say that there is none."""
    if not milliseconds:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except (OverflowError, ValueError) as fault:
        raise error(f"{milliseconds} is no time in milliseconds") from fault
