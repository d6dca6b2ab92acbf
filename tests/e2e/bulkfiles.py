"""Small companyfacts of companies that do not exist, and one that takes long to read."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

WRITTEN = datetime(2026, 7, 10, 12, tzinfo=UTC)
"""When the files of a folder are said to be from."""
SLOW = 150_000
"""Values that take a process about two seconds."""


FLOWS = (
    "Revenues",
    "NetIncomeLoss",
    "IncomeTaxExpenseBenefit",
    "NetCashProvidedByUsedInOperatingActivities",
    "NetCashProvidedByUsedInInvestingActivities",
    "NetCashProvidedByUsedInFinancingActivities",
)
AMOUNTS = ("Assets", "Liabilities", "StockholdersEquity", "LiabilitiesAndStockholdersEquity")


def facts(cik: int, years: int = 3, scale: float = 1.0) -> dict[str, Any]:
    """A company that reports once a year, in a filing each."""
    tags: dict[str, list[dict[str, Any]]] = {tag: [] for tag in (*FLOWS, *AMOUNTS)}
    for year in range(2024 - years, 2024):
        filing = {
            "accn": f"{cik:010d}-{(year + 1) % 100:02d}-000001", "fy": year, "fp": "FY",
            "form": "10-K", "filed": f"{year + 1}-02-15",
        }  # fmt: skip
        for number, (tag, values) in enumerate(tags.items(), 1):
            start = {"start": f"{year}-01-01"} if tag in FLOWS else {}
            value = scale * (number * 10_000 + cik % 1000 + year)
            values.append({**start, "end": f"{year}-12-31", "val": value, **filing})
    named = {tag: {"label": tag, "description": tag, "units": {"USD": values}} for tag, values in tags.items()}
    return {"cik": cik, "entityName": f"Made {cik}", "facts": {"us-gaap": named}}


def body(cik: int, years: int = 3, scale: float = 1.0) -> bytes:
    """The same as JSON."""
    return json.dumps(facts(cik, years, scale)).encode()


def slow(cik: int, values: int = SLOW) -> bytes:
    """A company with so many values of one tag that reading it takes long."""
    day = date(2020, 1, 1)
    filing = f'"accn":"{cik:010d}-24-000001","fy":2023,"fp":"FY","form":"10-K","filed":"2024-02-15"'
    found = [
        f'{{"start":"{day - timedelta(days=n % 900)}","end":"{day + timedelta(days=n // 900)}",'
        f'"val":{n},{filing}}}'
        for n in range(values)
    ]
    head = f'{{"cik":{cik},"entityName":"Slow","facts":{{"us-gaap":{{"Revenues":{{"units":{{"USD":['
    return (head + ",".join(found) + "]}}}}}").encode()


def name(cik: int) -> str:
    """The name of a company's file."""
    return f"CIK{cik:010d}.json"


def folder(path: Path, bodies: Mapping[int, bytes], at: datetime = WRITTEN) -> Path:
    """A folder of plain files, all written at one moment."""
    path.mkdir(parents=True, exist_ok=True)
    for cik, text in bodies.items():
        put(path / name(cik), text, at)
    return path


def put(path: Path, data: bytes, at: datetime = WRITTEN) -> None:
    """One file as of a moment."""
    path.write_bytes(data)
    os.utime(path, (at.timestamp(), at.timestamp()))


def zipped(path: Path, bodies: Mapping[int, bytes], at: datetime = WRITTEN) -> Path:
    """A zip of them, deflated."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for cik, text in bodies.items():
            archive.writestr(name(cik), text)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def zip_of_folder(source: Path, path: Path) -> Path:
    """A zip of a folder of .json.gz files."""
    bodies = {int(file.name[3:13]): gzip.decompress(file.read_bytes()) for file in sorted(source.glob("CIK*.gz"))}
    return zipped(path, bodies)
