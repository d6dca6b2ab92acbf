"""A baseline, run as a process of its own: `orjson.loads` over the bodies of a zip, on one core.

Only the calls are timed; the bodies are read and inflated beforehand, a few at a time. Prints the seconds
of wall time and of processor time.

    python benchmarks/by_orjson.py FILE.zip
"""

from __future__ import annotations

import sys
import time
import zipfile

import orjson

AT_ONCE = 20
"""Bodies that are held at a time."""


def main(path: str) -> None:
    """Load every body once."""
    wall = busy = 0.0
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for first in range(0, len(names), AT_ONCE):
            bodies = [archive.read(name) for name in names[first : first + AT_ONCE]]
            began, worked = time.perf_counter(), time.process_time()
            for body in bodies:
                orjson.loads(body)
            wall += time.perf_counter() - began
            busy += time.process_time() - worked
    print(wall, busy)


if __name__ == "__main__":
    main(*sys.argv[1:])
