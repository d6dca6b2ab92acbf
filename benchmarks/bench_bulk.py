"""Reading a zip of companyfacts against zipfile, and entering its bodies one by one or together.

Baselines: `zipfile.ZipFile.read`, and a transaction for each body. All on one made archive in one run.
Run: PYTHONPATH=. python benchmarks/bench_bulk.py [COMPANIES]
"""

from __future__ import annotations

import pickle
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.made_companies import make_folder, make_zip

from evertape.model.call import Call
from evertape.net.archive import Shelf
from evertape.net.bulk import Bulk, Member, gzip_wrapped, open_bulk
from evertape.net.received import WireReply

AT = datetime(2026, 7, 10, 12, 0, tzinfo=UTC)
_ROUNDS = 3


def timed(runs: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of the fastest round of each; they take turns, so that other load meets all of them."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(_ROUNDS):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def by_zipfile(path: Path) -> None:
    """Read every member with the standard library."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            archive.read(info)


def by_bulk(path: Path, threads: int = 1) -> None:
    """Read every member with ours."""
    with open_bulk(path) as bulk:
        if threads == 1:
            for member in bulk.members():
                bulk.read(member)
        else:
            with ThreadPoolExecutor(threads) as pool:
                for _ in pool.map(lambda member: len(bulk.read(member).body), bulk.members()):
                    pass


def reply(bulk: Bulk, member: Member) -> WireReply:
    """A member as the answer that the archive keeps."""
    read = bulk.read(member)
    url = f"https://data.sec.gov/api/xbrl/companyfacts/CIK{member.cik:010d}.json"
    return WireReply(
        call=Call(source="sec", feed="sec.companyfacts", url=url),
        status=200,
        headers={"content-encoding": "gzip"},
        body=read.body,
        wire=member.packed,
        at=AT,
        raw=gzip_wrapped(member, read.wire),
    )


def keep(bulk: Bulk, folder: Path) -> None:
    """Print what keeping the bodies costs: the blobs, and their entry into the index each way."""
    alone, together = Shelf(folder / "alone"), Shelf(folder / "together")
    began = time.perf_counter()
    entries = [together.keep(reply(bulk, member)) for member in bulk.members()]
    blobs = time.perf_counter() - began
    (folder / "together").rename(folder / "alone")
    together.close()

    def each() -> None:
        for entry in entries:
            alone.enter([entry])

    took = timed({"each": each, "together": lambda: alone.enter(entries)})
    alone.close()
    micro = 1e6 / len(entries)
    print(f"{'reading, hashing, writing a blob':<34}{blobs * micro:>8,.0f} us")
    print(f"{'baseline, a transaction for each':<34}{took['each'] * micro:>8,.0f} us")
    ratio = took["each"] / took["together"]
    print(f"{'one transaction for all':<34}{took['together'] * micro:>8,.0f} us   {ratio:.2f} x baseline")


def main(companies: int = 400) -> None:
    """Print both sides and their ratios."""
    with tempfile.TemporaryDirectory() as place:
        path, folder = Path(place) / "companyfacts.zip", Path(place) / "folder"
        total = make_zip(path, companies) / 1e6
        make_folder(folder, companies)
        print(f"{companies} made companies, {path.stat().st_size / 1e6:,.0f} MB, {total:,.0f} MB decoded")
        baseline = "baseline, zipfile.ZipFile.read"
        took = timed(
            {
                baseline: lambda: by_zipfile(path),
                "Bulk.read, zip": lambda: by_bulk(path),
                "Bulk.read, zip, two threads": lambda: by_bulk(path, 2),
                "Bulk.read, folder of .json.gz": lambda: by_bulk(folder),
            }
        )
        for name, seconds in took.items():
            ratio = took[baseline] / seconds
            print(f"{name:<34}{total / seconds:>8,.0f} MB/s decoded   {ratio:.2f} x baseline")
        with open_bulk(path) as bulk:
            costs = timed(
                {
                    "listing a zip": lambda: open_bulk(path).close(),
                    "sending members to a process": lambda: pickle.loads(pickle.dumps(bulk.members())),
                }
            )
            for name, seconds in costs.items():
                print(f"{name:<34}{seconds * 1e6 / companies:>8,.1f} us a member")
            keep(bulk, Path(place))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
