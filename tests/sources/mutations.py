"""Bodies of replies that are almost what a source promises."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

_WRONG: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1e300, -999, 2**63, 10**25, 253402300800, -62135596801, 10**18]),
    st.integers(min_value=-(2**40), max_value=2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["NaN", "2022-02-30", "0001-01-01", "9999-12-31", "ERROR", "\x00", "../x", "http://["]),
    st.just([]),
    st.just({}),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in items for place in _places(each, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> bytes:
    """JSON with some values replaced, taken away or doubled, perhaps cut off or with bytes overwritten."""
    changed = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([place for place in _places(changed) if place]))
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        kind = draw(st.sampled_from(["replace", "replace", "replace", "remove", "double"]))
        if kind == "replace":
            holder[path[-1]] = draw(_WRONG)
        elif kind == "remove" or not isinstance(holder, list):
            del holder[path[-1]]
        else:
            holder.append(copy.deepcopy(holder[path[-1]]))
        if not changed:
            break
    text = json.dumps(changed).encode()
    how = draw(st.sampled_from(["whole", "whole", "whole", "cut", "bytes", "deep"]))
    if how == "cut":
        return text[: draw(st.integers(0, len(text)))]
    if how == "bytes":
        at = draw(st.integers(0, len(text)))
        return text[:at] + draw(st.binary(min_size=1, max_size=4)) + text[at:]
    return b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"," + text[1:] if how == "deep" else text
