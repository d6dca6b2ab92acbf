"""A baseline, run by another interpreter: edgartools parses facts and builds three quarterly statements.

Prints, as JSON, its version and the seconds of each company, of wall and of processor time. Importing and
reading the files is not counted, nothing is stored, and nothing is fetched.

    python benchmarks/by_edgartools.py FOLDER
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
import time
from pathlib import Path

PERIODS = 8
HOW = (
    "python3 -m venv /tmp/edgartools && /tmp/edgartools/bin/pip install edgartools==5.62.0; "
    "then add: --edgartools /tmp/edgartools/bin/python"
)


def main(folder: str) -> None:
    """Measure each file of the folder."""
    parser = importlib.import_module("edgar.entity.parser").EntityFactsParser
    wall, busy = [], []
    for path in sorted(Path(folder).glob("*.json")):
        body = path.read_bytes()
        began, worked = time.perf_counter(), time.process_time()
        facts = parser.parse_company_facts(json.loads(body))
        for build in (facts.income_statement, facts.balance_sheet, facts.cash_flow_statement):
            build(periods=PERIODS, period="quarterly")
        wall.append(time.perf_counter() - began)
        busy.append(time.process_time() - worked)
    version = importlib.metadata.version("edgartools")
    print(json.dumps({"version": version, "wall": wall, "busy": busy}))


if __name__ == "__main__":
    main(*sys.argv[1:])
