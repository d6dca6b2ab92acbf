"""Books as later filings show them: restated, amended, or after a split of the shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from evertape.sandbox.books import Books
from evertape.sandbox.fiscal import Year
from evertape.sandbox.profile import Profile
from evertape.sandbox.schedule import REVISED_YEAR

SPLIT = 4
"""New shares for one old share."""


def versions_of(profile: Profile, books: Books, years: Sequence[Year], quarters: int) -> tuple[Books, ...]:
    """The books as first reported and, for companies that revise them, as revised."""
    year = years[REVISED_YEAR]
    if "stock-split" in profile.traps:
        return books, _split(books)
    if year.last >= quarters:
        return books, books
    if "restated-comparatives" in profile.traps:
        return books, _restated(books, range(year.first, year.last + 1), profile.unit)
    if "amended-annual" in profile.traps:
        return books, _amended(books, year.last, profile.unit)
    return (books,)


def _split(books: Books) -> Books:
    outstanding = [count * SPLIT for count in books.instants["shares_outstanding"]]
    return replace(
        books,
        instants={**books.instants, "shares_outstanding": outstanding},
        basic=[count * SPLIT for count in books.basic],
        diluted=[count * SPLIT for count in books.diluted],
    )


def _shifted(books: Books, changes: dict[str, dict[int, int]]) -> Books:
    flows = dict(books.flows)
    for line, by_quarter in changes.items():
        sums = flows[line]
        single = [sums[k + 1] - sums[k] + by_quarter.get(k, 0) for k in range(len(sums) - 1)]
        flows[line] = list(accumulate(single, initial=0))
    return replace(books, flows=flows)


def _restated(books: Books, quarters: range, unit: int) -> Books:
    """Sales as an agent: revenue and its cost fall alike, gross profit stays."""
    less = {k: -(books.flow("cost_of_revenue", k, k) // unit // 9 * unit) for k in quarters}
    return _shifted(books, {"revenue": less, "cost_of_revenue": less})


def _amended(books: Books, quarter: int, unit: int) -> Books:
    """Overhead of the last quarter that belonged into the cost of revenue."""
    moved = books.flow("selling_general_administrative", quarter, quarter) // unit // 7 * unit
    return _shifted(
        books,
        {
            "cost_of_revenue": {quarter: moved},
            "gross_profit": {quarter: -moved},
            "selling_general_administrative": {quarter: -moved},
        },
    )
