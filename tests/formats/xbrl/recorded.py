"""Recorded companyfacts, each body once, and cut as EDGAR would have had them on a day."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from evertape.formats.xbrl import CompanyFacts, decode
from evertape.formats.xbrl.concepts import TAGS

_EMPTY = 100
"""Bytes of a body that names a company without facts, at most."""
_LARGE = ("us-gaap", "ifrs-full")
_FOLDER = "data.sec.gov/api/xbrl/companyfacts"


@dataclass(frozen=True)
class _Unit:
    """The facts of a tag in one unit as pieces of JSON, and the day of each."""

    head: str
    days: tuple[str, ...]
    pieces: tuple[str, ...]


class Recorded:
    """One company's body.

    Tags of the large taxonomies that the catalogue lacks are left out, as they are left unread; `whole`
    has them.
    """

    def __init__(self, body: bytes) -> None:
        told = json.loads(body)
        self.name: str = told["entityName"]
        self.cik = int(told["cik"])
        self.whole = body
        self._head = {"cik": told["cik"], "entityName": told["entityName"]}
        self._units: dict[str, dict[str, list[_Unit]]] = {}
        for taxonomy, tags in told["facts"].items():
            kept = {
                tag: [_unit(name, values) for name, values in said["units"].items()]
                for tag, said in tags.items()
                if taxonomy not in _LARGE or tag in TAGS[taxonomy]
            }
            self._units[taxonomy] = kept

    @cached_property
    def facts(self) -> CompanyFacts:
        """All that the body tells."""
        return decode(self.whole)

    def cut(self, day: date) -> bytes:
        """The body without the facts that were filed after a day. What is empty then is left out."""
        last = day.isoformat()
        taxonomies = []
        for taxonomy, tags in self._units.items():
            told = []
            for tag, units in tags.items():
                kept = [piece for unit in units if (piece := _until(unit, last))]
                if kept:
                    told.append(f'{json.dumps(tag)}:{{"units":{{{",".join(kept)}}}}}')
            if told:
                taxonomies.append(f'"{taxonomy}":{{{",".join(told)}}}')
        return f'{json.dumps(self._head)[:-1]},"facts":{{{",".join(taxonomies)}}}}}'.encode()

    def days(self, seed: int, count: int) -> list[date]:
        """Random days over the company's history: any one, one on which it filed, the day before one."""
        chosen = random.Random(f"{self.cik} {seed}")
        filed = sorted({filing.filed for filing in self.facts.filings.values()})
        length = (filed[-1] - filed[0]).days + 60
        kinds = (
            lambda: filed[0] + timedelta(days=chosen.randrange(length) - 30),
            lambda: chosen.choice(filed),
            lambda: chosen.choice(filed) - timedelta(days=1),
        )
        return [kinds[number % 3]() for number in range(count)]


def _unit(name: str, values: list[dict[str, Any]]) -> _Unit:
    pieces = tuple(json.dumps(value) for value in values)
    return _Unit(head=json.dumps(name), days=tuple(value["filed"] for value in values), pieces=pieces)


def _until(unit: _Unit, last: str) -> str:
    kept = ",".join([p for day, p in zip(unit.days, unit.pieces, strict=True) if day <= last])
    return f"{unit.head}:[{kept}]" if kept else ""


def bodies(shared: Path) -> list[Path]:
    """Files of recorded bodies that tell facts; of equal ones the first, as checksum and length say."""
    found: dict[bytes, Path] = {}
    for file in sorted((shared / "upstream").glob(f"*/{_FOLDER}/CIK*.json.gz")):
        ending = file.read_bytes()[-8:]
        if int.from_bytes(ending[4:], "little") > _EMPTY:
            found.setdefault(ending, file)
    return list(found.values())
