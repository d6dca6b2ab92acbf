"""How the sources stood when they were last looked at: limits, what is used of them, and circuits."""

from __future__ import annotations

from datetime import datetime

from evertape.model.dataset import Dataset
from evertape.model.records import Record, column


class RateLimit(Record):
    """One limit of one source. All processes of this user share it in a file outside every home; this is
    what that file said when a job of this home ended, or `providers` was asked."""

    table = "api_rate_limits"
    key = ("source", "window_seconds")

    source: str = column("whose limit it is")
    window_seconds: float = column(
        "length of the window; 0 of a source of this machine, which has none", unit="s"
    )
    limit_count: int = column("most requests in any such window; 0 where nothing is sent")
    used: int = column("requests in the window that ended then")
    circuit: str = column('"closed", "open" or "probing"')
    circuit_reason: str | None = column("why it is not closed")
    retry_at: datetime | None = column("when an open circuit lets one request through, UTC")
    paused_until: datetime | None = column("end of a pause that the source asked for, UTC")
    attempts: int = column("requests in the last five minutes")
    failed: int = column("of these, how many failed")
    refused: int | None = column(
        "of these, how many the source refused (429, 403); none of those that failed"
    )
    latency_seconds: float | None = column("mean from permit to answer in the last five minutes", unit="s")
    answered_at: datetime | None = column("last answer, UTC")
    credentials: str = column('"none needed", "missing", or where it is set and until when a login holds')
    seen_at: datetime = column("when this was looked at, UTC")


DATASET = Dataset(
    name="limits",
    doc="limits, circuits and health of the sources, as last looked at",
    records=(RateLimit,),
    measured=True,
)
