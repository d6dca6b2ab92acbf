"""The S&P 500 constituents as a CSV file with Wikipedia's columns."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date

from evertape.formats.edgar import canonical_symbol, is_cik


@dataclass(frozen=True, kw_only=True)
class Constituent:
    """A member of the index. `added` is None where the list gives no plain date."""

    cik: int
    symbol: str
    name: str
    sector: str
    sub_industry: str
    added: date | None


class MalformedList(ValueError):
    """The text is not a list of constituents; says what is wrong."""


def read_constituents(body: bytes) -> list[Constituent]:
    """The members of a list. Raises MalformedList for a missing column, a bad CIK or no rows."""
    try:
        rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
        members = [
            Constituent(
                cik=int(row["CIK"]),
                symbol=canonical_symbol(row["Symbol"]),
                name=row["Security"],
                sector=row["GICS Sector"],
                sub_industry=row["GICS Sub-Industry"],
                added=_date(row["Date added"]),
            )
            for row in rows
        ]
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise MalformedList(f"the list of constituents is not what it should be: {error!r}") from error
    odd = next((member for member in members if not is_cik(member.cik)), None)
    if odd is not None:
        raise MalformedList(f"the list of constituents gives {odd.symbol} the CIK {odd.cik}, which is none")
    if not members:
        raise MalformedList("the list of constituents is empty")
    return members


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
