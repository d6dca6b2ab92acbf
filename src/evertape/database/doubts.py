"""What the last verify found doubtful, for whoever shows rows; it loads none of the checks."""

from __future__ import annotations

from evertape.datasets.quality import Finding
from evertape.datasets.statements import RECORDS
from evertape.model.records import Condition, table_of
from evertape.model.store import Store

STANDING = Condition(column="resolved_at", op="is null")
"""Findings that the last verify raised, too."""
OF_STATEMENTS = Condition(
    column="table_name", op="in", value=tuple(table_of(record).name for record in RECORDS)
)
"""Findings that a verify raises and takes back. Those about prices are raised as prices come."""


def hard_note(store: Store, cik: int, label: str) -> str | None:
    """A line about a company's standing hard findings; None where there is none, or none was looked for."""
    _, there = store.sql("SELECT 1 FROM sqlite_master WHERE name = ?", (table_of(Finding).name,))
    if not there:
        return None
    mine = (
        Condition(column="cik", op="=", value=cik),
        Condition(column="severity", op="=", value="hard"),
        STANDING,
        OF_STATEMENTS,
    )
    found = store.read(Finding, ("report_date", "sentence"), mine)
    if not found:
        return None
    _, latest = max(found)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"doubtful: {latest}{more}; see: evertape verify --symbols {label}"
