"""The traps of real filings, and which generated company carries which.

Every company has these: facts repeated by later filings, `fy` and `fp` of the filing in place of the
fact's, `frame` on the last-filed fact only, cash flows year to date, and no fact for a fourth quarter.
The others come by index, in a cycle of forty: each at least five times in any 200 companies in a row.
"""

from __future__ import annotations

EVERYWHERE = ("repeats", "fiscal-year-of-filing", "cash-flow-year-to-date", "fourth-quarter-by-subtraction")

CYCLE: tuple[tuple[str, ...], ...] = (
    (),
    ("year-end-in-january",),
    (),
    ("restated-comparatives",),
    ("tag-migration",),
    (),
    ("stock-split", "53-week-year"),
    ("bank",),
    (),
    ("ifrs-annual",),
    ("empty-facts",),
    ("several-tickers", "debt-in-parts"),
    (),
    ("fiscal-year-change",),
    ("amended-annual",),
    (),
    ("half-year-later",),
    ("no-companyfacts",),
    ("zero-and-negative",),
    (),
    ("fiscal-year-null", "slice-tag"),
    ("dormant",),
    (),
    ("scale-slip",),
    ("insurer",),
    ("no-ticker", "current-report-facts"),
    (),
    ("no-dei-shares", "odd-durations"),
    ("moved-to-ifrs",),
    ("debt-overlap",),
    (),
    ("proxy-scale",),
    ("facts-lag",),
    (),
    ("no-frame",),
    ("amendment-without-xbrl",),
    ("withdrawn-filing",),
    (),
    ("republished-index",),
    ("stale-tag", "scale-slip-standing"),
)

NAMES = EVERYWHERE + tuple(sorted({name for slot in CYCLE for name in slot}))


def traps_of(index: int) -> tuple[str, ...]:
    """The traps of the company with this index (from 0), the main one first."""
    return CYCLE[index % len(CYCLE)]
