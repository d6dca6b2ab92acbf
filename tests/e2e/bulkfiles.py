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

from tests.net.zips import altered, data_of

WRITTEN = datetime(2026, 7, 10, 12, tzinfo=UTC)
"""When the files of a folder are said to be from."""
SLOW = 450_000
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
    named = {
        tag: {"label": tag, "description": tag, "units": {"USD": values}} for tag, values in tags.items()
    }
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
    bodies = {
        int(file.name[3:13]): gzip.decompress(file.read_bytes()) for file in sorted(source.glob("CIK*.gz"))
    }
    return zipped(path, bodies)


Failing = dict[int, tuple[str, str]]
"""By CIK the kind of failure and words that are said of it."""


def damaged_zip(path: Path, sound: Mapping[int, bytes]) -> tuple[Path, Failing, dict[str, str]]:
    """Sound companies between damaged ones; who fails, and what is rejected for which reason."""
    text = body(1)
    value = text.index(b'"val": ') + 7
    end = text.index(b",", value)
    ahead = {
        1: text[:-30],
        2: b"[]",
        3: text[:value] + b"NaN" + text[end:],
        4: text[:value] + b"1e999" + text[end:],
        5: body(6),
        7: b"",
        8: body(8),
        9: body(9),
        10: b"\0" * 200_000_000,
        11: b"<!DOCTYPE html><html>" + text,
        12: b"[" * 200_000,
    }
    failing = {
        **dict.fromkeys((1, 2, 3, 4, 7, 11, 12), ("malformed", "no companyfacts document")),
        5: ("malformed", "holds the facts of CIK 6"),
        8: ("malformed", "CIK0000000008.json in"),
        9: ("malformed", "CIK0000000009.json in"),
        10: ("malformed", "decodes to 200,000,000 bytes, more than the 100,000,000 that are read"),
    }
    rejected = {
        "../CIK0000000201.json": "its path leads out of the archive",
        "CIK0000000202.json": "it is encrypted",
        "CIK203.json": "its name is not CIK and ten digits",
    }
    half = len(sound) // 2
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for cik, text in (*list(sound.items())[:half], *ahead.items(), *list(sound.items())[half:]):
            archive.writestr(name(cik), text)
        for entry in rejected:
            archive.writestr(entry, body(202))
    data = altered(path.read_bytes(), "CIK0000000202.json", flags=1)
    data = altered(data, name(9), packed=20)
    spoilt = bytearray(data)
    spoilt[data_of(data, name(8)).start + 60] ^= 0xFF
    path.write_bytes(spoilt)
    return path, failing, rejected
