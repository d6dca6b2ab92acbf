"""Findings of the quality checks: what in the held rows is doubtful, and why. The rows stay as they are."""

from __future__ import annotations

from datetime import date, datetime

from evertape.model.dataset import Dataset
from evertape.model.records import Record, column

SEVERITIES = ("hard", "soft", "note")
"""hard: the row contradicts itself or the possible. soft: worth a look. note: the unknown may explain it."""


class Finding(Record):
    """A doubt about one cell of a statement. It is stamped when a later run does not raise it again."""

    table = "quality_findings"
    key = ("cik", "check_name", "table_name", "report_date", "period_type", "column_name")
    absent = "resolved_at"
    indexes = (("severity",),)

    cik: int = column("SEC central index key")
    check_name: str = column("the check that raised it, as in the report of: evertape verify")
    table_name: str = column("table of the doubtful row")
    report_date: date = column("report date of the doubtful row")
    period_type: str = column("period type of the doubtful row")
    column_name: str = column("the doubtful column; of an identity, its total")
    severity: str = column('"hard", "soft" or "note"')
    expected: float | None = column("what the check would expect, in the row's unit")
    found: float | None = column("what the row holds, in the row's unit")
    relative_difference: float | None = column(
        "of the two, against the largest amount compared; never negative"
    )
    sentence: str = column("what is wrong, for a person")
    accession_number: str | None = column("the filing that the row is linked to")
    found_at: datetime = column("when it was first found, UTC")
    resolved_at: datetime | None = column("when a run was first seen without it, UTC; null while it stands")


DATASET = Dataset(
    name="quality",
    doc="doubts about the held statements, as the last verify left them",
    records=(Finding,),
    needs=("statements",),
    measured=True,
)
