"""Companyfacts of companies that do not exist, made of recorded ones: for benchmarks and tests.

Only the top-level CIK and the name change; the name says that the company is made. What follows is
compressed once for each recorded company and copied, so that thousands cost little more than their bytes.
Run: python benchmarks/made_companies.py PATH.zip|FOLDER COUNT
"""

from __future__ import annotations

import gzip
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from isal import isal_zlib

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "upstream" / "2026-07-10"
FIRST_CIK = 9_000_001
MARKER = b"MADE "
"""Before the recorded name."""

_FACTS = "data.sec.gov/api/xbrl/companyfacts"
_HEAD = re.compile(rb'(\s*\{\s*"cik"\s*:\s*)\d+(\s*,\s*"entityName"\s*:\s*")')
_LEVEL = 6
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A recorded company: before its CIK, from there to its name, and the rest, plain and deflated."""

    before: bytes
    between: bytes
    rest: bytes
    deflated: bytes
    crc: int


@dataclass(frozen=True, kw_only=True)
class Made:
    """One made company. `deflated` is a raw deflate stream of head and rest."""

    cik: int
    head: bytes
    rest: bytes
    deflated: bytes
    crc: int

    @property
    def body(self) -> bytes:
        """The JSON."""
        return self.head + self.rest

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"CIK{self.cik:010d}.json"


@cache
def patterns(source: Path = RECORDED) -> tuple[Pattern, ...]:
    """The recorded companies that have facts, by file name. Raises ValueError where there are none."""
    found = []
    for file in sorted((source / _FACTS).glob("CIK*.json.gz")):
        body = gzip.decompress(file.read_bytes())
        head = _HEAD.match(body)
        if head is None or b'"accn"' not in body:
            continue
        rest = body[head.end() :]
        stream = zlib.compressobj(_LEVEL, wbits=-15)
        deflated = stream.compress(rest) + stream.flush()
        crc = isal_zlib.crc32(rest)
        found.append(Pattern(before=head[1], between=head[2], rest=rest, deflated=deflated, crc=crc))
    if not found:
        raise ValueError(f"there are no recorded companyfacts in {source}")
    return tuple(found)


def made(count: int, source: Path = RECORDED) -> Iterator[Made]:
    """`count` companies with CIKs from `FIRST_CIK` on, cycling through the recorded ones."""
    for cik, pattern in enumerate(islice(cycle(patterns(source)), count), FIRST_CIK):
        head = pattern.before + str(cik).encode() + pattern.between + MARKER
        stream = zlib.compressobj(_LEVEL, wbits=-15)
        # Flushed to a whole byte and not final, so that another stream can follow.
        start = stream.compress(head) + stream.flush(zlib.Z_SYNC_FLUSH)
        yield Made(
            cik=cik,
            head=head,
            rest=pattern.rest,
            deflated=start + pattern.deflated,
            crc=isal_zlib.crc32_combine(isal_zlib.crc32(head), pattern.crc, len(pattern.rest)),
        )


def make_zip(path: Path, count: int, source: Path = RECORDED) -> int:
    """A zip like the SEC's companyfacts.zip; returns its decoded bytes."""
    total = 0
    with zipfile.ZipFile(path, "w") as archive:
        assert archive.fp is not None
        # A comment is also what makes zipfile write the directory of members it did not compress.
        archive.comment = b"made companies, not the SEC's"
        for company in made(count, source):
            member = zipfile.ZipInfo(company.name, date_time=(2026, 7, 10, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.CRC = company.crc
            member.compress_size = len(company.deflated)
            member.file_size = len(company.head) + len(company.rest)
            member.header_offset = archive.fp.tell()
            archive.fp.write(member.FileHeader(zip64=False))
            archive.fp.write(company.deflated)
            archive.filelist.append(member)
            total += member.file_size
        archive.start_dir = archive.fp.tell()
    return total


def make_folder(path: Path, count: int, source: Path = RECORDED, packed: bool = True) -> int:
    """A folder of .json.gz files, or of .json files where not `packed`; returns its decoded bytes."""
    path.mkdir(parents=True, exist_ok=True)
    total = 0
    for company in made(count, source):
        size = len(company.head) + len(company.rest)
        if packed:
            end = struct.pack("<II", company.crc, size & 0xFFFFFFFF)
            (path / f"{company.name}.gz").write_bytes(_GZIP_HEADER + company.deflated + end)
        else:
            (path / company.name).write_bytes(company.body)
        total += size
    return total


def main(target: str, count: str) -> None:
    """Make what the arguments say."""
    path = Path(target)
    total = make_zip(path, int(count)) if path.suffix == ".zip" else make_folder(path, int(count))
    print(f"{path}: {count} made companies, {total:,} bytes decoded")


if __name__ == "__main__":
    main(*sys.argv[1:])
