"""The nightly file with every company's facts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta

from evertape.sandbox.origin import ZIP, Body

PATH = "Archives/edgar/daily-index/xbrl/companyfacts.zip"
HOST = "www.sec.gov"


def companyfacts(members: Iterable[tuple[str, bytes]], made: datetime) -> Body:
    """A zip of (name, content), the same bytes for the same members. `made` is aware UTC."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name, content in members:
            entry = zipfile.ZipInfo(name, made.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return Body(plain=file.getvalue(), content_type=ZIP, modified=made)


class Nightly:
    """The file of one night, made when it is first asked for and kept until the next."""

    def __init__(self) -> None:
        self._made: tuple[date, Body] | None = None

    def of(self, today: date, members: Callable[[date], Iterable[tuple[str, bytes]]]) -> Body:
        """Made in the night before `today`, of what was published by the evening before."""
        if self._made is None or self._made[0] != today:
            at = datetime(today.year, today.month, today.day, 7, 11, 2, tzinfo=UTC)
            self._made = today, companyfacts(members(today - timedelta(days=1)), at)
        return self._made[1]
