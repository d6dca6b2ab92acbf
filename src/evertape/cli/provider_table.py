"""The sources' health as lines: a row a limit, and in words below it what does not fit a column. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from evertape.cli.options import duration
from evertape.cli.show import printable

if TYPE_CHECKING:
    from evertape.datasets.limits import RateLimit

HEADS = ("source", "used", "circuit", "errors in 5 min", "latency", "last answer")
LAST = "credentials"
ROOM = 40
"""A last column narrower than this is harder to read than lines below the row."""
_GAP = "  "
_WINDOWS = {1.0: "s", 60.0: "min", 3600.0: "h", 86_400.0: "d"}


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """One source: its row, what is used of its further limits, and sentences."""

    cells: tuple[str, ...]
    further: tuple[str, ...]
    credentials: str
    said: tuple[str, ...]


def lines(found: Sequence[RateLimit], width: int) -> list[str]:
    """The head, then every source, in so many columns; only a word longer than a line is wider.

    Credentials are the last column where `width` leaves room for one, else they stand below their source.

    Args:
        found: the limits of one source one after the other.
    """
    sources = [_source(list(limits)) for _, limits in groupby(found, key=lambda row: row.source)]
    table = [HEADS, *(source.cells for source in sources)]
    widths = [max(len(row[at]) for row in table) for at in range(len(HEADS))]
    widths[1] = max([widths[1], *(len(used) for source in sources for used in source.further)])
    taken = sum(widths) + len(_GAP) * len(widths)
    beside = max(max((len(s.credentials) for s in sources), default=0), len(LAST)) <= width - taken
    room = width - taken if beside or width - taken >= ROOM else 0
    made = [_line(HEADS, widths, LAST if room else "")]
    for source in sources:
        made += _of_one(source, widths, room, width)
    return [printable(line) for line in made]


def _of_one(source: _Shown, widths: Sequence[int], room: int, width: int) -> Iterator[str]:
    """A source's lines. With `room` for it, its credentials go down the last column."""
    last = _wrapped(source.credentials, room) if room else []
    uses = (source.cells, *(("", used) for used in source.further))
    for at in range(max(len(uses), len(last))):
        cells = uses[at] if at < len(uses) else ()
        yield _line(cells, widths, last[at] if at < len(last) else "")
    indent = " " * widths[0] + _GAP
    for sentence in (*(() if room else (source.credentials,)), *source.said):
        yield from (indent + part for part in _wrapped(sentence, max(ROOM, width - len(indent))))


def _line(cells: Sequence[str], widths: Sequence[int], last: str) -> str:
    padded = [cell.ljust(size) for cell, size in zip((*cells, *("",) * len(widths)), widths, strict=False)]
    return _GAP.join((*padded, last)).rstrip()


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _source(limits: Sequence[RateLimit]) -> _Shown:
    row = limits[0]
    errors = f"{100 * row.failed / row.attempts:.1f} % of {row.attempts}" if row.attempts else ""
    latency = "" if row.latency_seconds is None else f"{1000 * row.latency_seconds:.0f} ms"
    first, *further = (_used(limit) for limit in limits)
    return _Shown(
        cells=(row.source, first, row.circuit, errors, latency, _ago(row.answered_at, row.seen_at)),
        further=tuple(further),
        credentials=row.credentials,
        said=tuple(_said(row)),
    )


def _said(row: RateLimit) -> Iterator[str]:
    """Why a source is not asked, and for how long still."""
    if row.circuit != "closed":
        left = 0.0 if row.retry_at is None else (row.retry_at - row.seen_at).total_seconds()
        when = f"in {duration(left)}" if left > 0 else "now"
        reason = f": {row.circuit_reason}" if row.circuit_reason else ""
        yield f"circuit {row.circuit}{reason}; one request is let through {when}"
    if row.refused:
        yield f"refused {row.refused} of {row.attempts} requests in 5 min"
    if row.paused_until is not None and row.paused_until > row.seen_at:
        left = (row.paused_until - row.seen_at).total_seconds()
        yield f"left alone as it asked, for {duration(left)} still"


def _used(row: RateLimit) -> str:
    """Such as "3 of 30/min", as a limit is written in EVERTAPE_LIMITS."""
    if not row.window_seconds:
        return "nothing is sent"
    window = _WINDOWS.get(row.window_seconds)
    return f"{row.used} of {row.limit_count}" + (f"/{window}" if window else f" in {row.window_seconds:g} s")


def _ago(at: datetime | None, now: datetime) -> str:
    """How long before `now` an instant was, in its largest unit that tells more than one."""
    if at is None:
        return "never"
    seconds = max(0.0, (now - at).total_seconds())
    for name, size in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {name} ago"
    return f"{seconds:.0f} s ago"
