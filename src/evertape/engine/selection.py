"""Who is meant: symbols, CIKs and scopes resolved to companies. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date

from evertape.datasets.universe import listing_id, listing_key
from evertape.errors import UserError
from evertape.formats.edgar import canonical_symbol, cik10
from evertape.model.dataset import Asked
from evertape.model.records import Row

DEFAULT_SINCE = date(2016, 1, 1)
SCOPES = ("sp500", "all")
_CIK = re.compile(r"(?i)(?:CIK)?[0-9]{1,10}")


def near(symbol: str, known: Sequence[str]) -> list[str]:
    """Up to three known symbols that look like this one, the nearest first.

    Args:
        known: symbols in rank order; of two equally near ones the larger company comes first.
    """
    rank = {name: i for i, name in enumerate(known)}
    like = difflib.get_close_matches(symbol, known, n=40, cutoff=0.5)
    return sorted(like, key=lambda name: (_edits(symbol, name), rank[name]))[:3]


def _edits(one: str, other: str) -> int:
    """Levenshtein distance: letters to insert, delete or replace."""
    before = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        now = [i]
        for j, b in enumerate(other, 1):
            now.append(min(before[j] + 1, now[-1] + 1, before[j - 1] + (a != b)))
        before = now
    return before[-1]


def by_symbols(
    symbols: Sequence[str], listings: Sequence[Row], names: Mapping[int, str]
) -> Mapping[str, str]:
    """Tickers or CIKs to companies.

    Args:
        listings: (symbol, CIK) rows, in rank order.
        names: of companies by CIK, shown where a company has no symbol.

    Raises:
        UserError: an unknown ticker, with near ones; or something that is neither.
    """
    ciks: dict[str, int] = {symbol: cik for symbol, cik in reversed(listings)}  # noqa: C416
    symbol_of = {cik: symbol for symbol, cik in reversed(listings)}
    companies: dict[str, str] = {}
    for text in symbols:
        symbol = canonical_symbol(text)
        if symbol in ciks:
            companies.setdefault(cik10(ciks[symbol]), symbol)
        elif _CIK.fullmatch(symbol):
            cik = _cik(symbol)
            companies.setdefault(cik, symbol_of.get(int(cik)) or names.get(int(cik)) or cik)
        else:
            raise UserError(_unknown(symbol, list(dict.fromkeys(s for s, _ in listings))))
    return companies


def _cik(text: str) -> str:
    try:
        return cik10(text.upper().removeprefix("CIK"))
    except ValueError as error:
        raise UserError(f"{error}; give a ticker such as AAPL or a CIK such as 320193") from None


def _unknown(symbol: str, known: Sequence[str]) -> str:
    if not known:
        return (
            f"{symbol} cannot be looked up: no ticker file is held yet; give its CIK, or run again once "
            "the SEC can be reached"
        )
    like = near(symbol, known)
    hint = f"did you mean {', '.join(like)}?" if like else "give its CIK if it has no ticker"
    return f"{symbol} is no ticker in the SEC's list; {hint}"


def by_scope(scope: str, listings: Sequence[Row], members: Sequence[Row]) -> Mapping[str, str]:
    """The companies of a scope, the largest first.

    Args:
        listings: (symbol, CIK) rows in rank order.
        members: (symbol, CIK) rows of the S&P 500.

    Raises:
        UserError: an unknown scope, or a list that is not held.
    """
    if scope == "all":
        rows: Sequence[Row] = listings
    elif scope == "sp500":
        rows = members
    else:
        raise UserError(f"{scope} is no scope; choose one of {', '.join(SCOPES)}")
    if not rows:
        what = "S&P 500 list" if scope == "sp500" else "ticker file"
        raise UserError(f"the {what} is not held, so its companies are not known; name them with --symbols")
    companies: dict[str, str] = {}
    for symbol, cik in rows:
        companies.setdefault(cik10(cik), symbol)
    return companies


def listed(
    symbols: Sequence[str], listings: Sequence[Row], companies: Mapping[str, str]
) -> Mapping[str, str]:
    """The listings meant: of a ticker that one, of a CIK the company's first, in the order asked.

    Args:
        listings: (symbol, CIK) rows, in rank order.
        companies: what `by_symbols` or `by_scope` made of them.
    """
    named = {canonical_symbol(text) for text in symbols}
    by_company: dict[str, list[str]] = {cik: [] for cik in companies}
    for symbol, cik in listings:
        by_company.get(cik10(cik), []).append(symbol)
    found: dict[str, str] = {}
    for cik, held in by_company.items():
        chosen = [symbol for symbol in held if symbol in named] or held[:1]
        found.update((listing_key(symbol, int(cik)), symbol) for symbol in chosen)
    return found


def listings_of(
    chosen: Sequence[Row], listings: Sequence[Row], traded: Mapping[int, float] | None = None
) -> Mapping[str, str]:
    """Keys and symbols of (symbol, CIK) rows, the most traded first, then in the rank order of all listings.

    Args:
        traded: by listing identifier what changed hands in the last session held, in the prices' currency.
    """
    rank = {symbol: at for at, (symbol, _) in reversed(list(enumerate(listings)))}
    ranked = sorted(chosen, key=lambda row: rank.get(row[0], len(rank)))
    if traded:
        ranked.sort(key=lambda row: -traded.get(listing_id(row[0], int(row[1])), 0.0))
    return {listing_key(symbol, int(cik)): symbol for symbol, cik in ranked}


def everybody(held: Sequence[str], listings: Sequence[Row], names: Mapping[int, str]) -> Mapping[str, str]:
    """Companies by the CIKs under which something is held, with the symbol or name to show."""
    symbol_of = {cik: symbol for symbol, cik in reversed(listings)}
    return {cik: symbol_of.get(int(cik)) or names.get(int(cik)) or cik for cik in held}


__all__ = [
    "DEFAULT_SINCE",
    "SCOPES",
    "Asked",
    "by_scope",
    "by_symbols",
    "everybody",
    "listed",
    "listings_of",
    "near",
]
