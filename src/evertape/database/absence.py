"""Why nothing is there, in words, and what to type next."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from evertape.model.store import Store


class Home(Protocol):
    """What is asked: the facade."""

    store: Store


def no_statements(
    db: Home,
    cik: str,
    label: str,
    *,
    statement: str | None = None,
    period: str | None = None,
    as_of: date | None = None,
) -> str:
    """Why a company has no such statements: never fetched, nothing filed by then, or none to be made."""
    held = db.store.holdings("facts", [cik]).get(cik)
    if held is None:
        return (
            f"nothing of {label} is held: it was never fetched; "
            f"run: evertape refresh financials --symbols {label}"
        )
    _, ((first,),) = db.store.sql("SELECT MIN(filed_date) FROM facts WHERE cik = ?", (int(cik),))
    if as_of is not None and first is not None and as_of.isoformat() < first:
        return f"nothing of {label} was filed by {as_of}; the first filing that is held is of {first}"
    kind = " ".join(filter(None, (period, (statement or "").replace("_", " "), "statements")))
    why = "no facts are held" if first is None else "none could be made of its facts"
    return f"no {kind} of {label}: {held.note or why}; see: evertape status {label}"
