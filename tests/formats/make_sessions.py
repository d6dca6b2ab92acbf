"""Writes the table of sessions anew from the library `exchange_calendars`:

    PYTHONPATH=src:. python tests/formats/make_sessions.py

Done when the library learns of a new closure, or the exchange announces a further year.
"""

from __future__ import annotations

import json
import warnings
from datetime import date, datetime, time, timedelta
from pathlib import Path

from evertape.clock import NEW_YORK

TABLE = Path(__file__).resolve().parents[2] / "src" / "evertape" / "formats" / "sessions.json"
FIRST, LAST = date(1990, 1, 1), date(2027, 12, 31)


def told(first: date, last: date) -> dict[date, tuple[datetime, datetime]]:
    """What the library says of New York: the sessions from `first` to `last`, when they open and close."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It is older than the pandas beside it.
        import exchange_calendars

        calendar = exchange_calendars.get_calendar("XNYS", start=str(first), end=str(last))
        schedule = calendar.schedule
    return {
        day.date(): (opens.to_pydatetime(), closes.to_pydatetime())
        for day, opens, closes in zip(schedule.index, schedule["open"], schedule["close"], strict=True)
    }


def table(first: date, last: date) -> dict[str, object]:
    """Weekdays without a session, ad-hoc ones included, and the sessions that closed early."""
    schedule = told(first, last)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    closed = [day.isoformat() for day in days if day.weekday() < 5 and day not in schedule]
    early: dict[str, list[str]] = {}
    for day, (_, closes) in schedule.items():
        at = closes.astimezone(NEW_YORK).time()
        if at != time(16):
            early.setdefault(f"{at:%H:%M}", []).append(day.isoformat())
    return {"first": first.isoformat(), "last": last.isoformat(), "closed": closed, "early": early}


def written(content: dict[str, object]) -> str:
    """The file's text: a line for each year of days, so that a change is seen."""
    text = json.dumps(content, indent=1)
    lines: list[str] = []
    for line in text.split("\n"):
        same_year = (
            lines and line.lstrip()[:5] == lines[-1].lstrip()[:5] and line.lstrip()[:3] in ('"19', '"20')
        )
        if same_year:
            lines[-1] += f" {line.lstrip()}"
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLE.write_text(written(table(FIRST, LAST)), encoding="utf-8")
