"""Sound bodies made unsound, and the claim that reading them is refused as malformed or works."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from evertape.errors import Malformed
from evertape.model.call import Reply
from evertape.model.feed import Page

ODD: tuple[Any, ...] = (
    None, "", "x", "NaN", "inf", "-1e400", -1, 0, 10**30, 1e308, -999.0, True, [], {}, [[]], {"a": None},
    "9999-99-99", "0001-01-01T00:00:00", "9999-12-31T23:59:59", "2024-13-01 00:00:00",
    float("nan"), float("inf"), "\ud800", "٣",
)  # fmt: skip
GARBAGE = (
    b"", b" ", b"null", b"[]", b"{}", b"\xff\xfe\x00", b"[" * 3000, b'{"a":' * 3000, b"1e999", b"9" * 5000,
    b"<!DOCTYPE html><html></html>", b"<?xml version='1.0'?><Error/>",
)  # fmt: skip


def _places(told: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    parts = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    return [path] + [place for key, part in parts for place in _places(part, (*path, key))]


@st.composite
def changed(draw: st.DrawFn, body: bytes) -> bytes:
    """A sound JSON body with one to three of its parts replaced or dropped, cut, or changed bytewise."""
    told = json.loads(body)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(_places(told)))
        value = copy.deepcopy(draw(st.sampled_from(ODD)))
        if not place:
            continue
        at = told
        for key in place[:-1]:
            at = at[key]
        if draw(st.integers(0, 4)):
            at[place[-1]] = value
        else:
            del at[place[-1]]
    made = json.dumps(told).encode()
    how = draw(st.integers(0, 5))
    if how == 0:
        return made[: draw(st.integers(0, len(made)))]
    if how == 1 and made:
        at = draw(st.integers(0, len(made) - 1))
        return made[:at] + draw(st.binary(max_size=3)) + made[at + 1 :]
    return made


def read_or_refused(
    read: Callable[[Reply, Mapping[str, Any]], Any], reply: Reply, held: Mapping[str, Any] | None = None
) -> list[Page] | None:
    """The pages, or None for an answer that is refused as malformed; any other error is raised."""
    try:
        return list(read(reply, held or {}))
    except Malformed:
        return None
