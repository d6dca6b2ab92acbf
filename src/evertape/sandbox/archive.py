"""The nightly file with every company's facts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import datetime

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
