"""Each trap is handled on purpose: with its handling switched off in a copy, a named test fails.

A mutant is one replacement in a copy of the package; the check is a part of the fast suite that
passes on the true package and must fail on the copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ("tests/formats/xbrl",)
DATASETS = ("tests/datasets", "tests/sources")


@dataclass(frozen=True)
class Mutant:
    """What is switched off, and the tests of which one must notice."""

    trap: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...] = FORMATS


XBRL = "formats/xbrl"
MUTANTS = [
    Mutant("restated", f"{XBRL}/index.py", "latest[span] = kept[-1]", "latest[span] = kept[0]"),
    Mutant("look-ahead", f"{XBRL}/index.py", "if f.filed <= as_of", "if f.filed is not as_of"),
    Mutant("proxies", f"{XBRL}/index.py", 'form.startswith(("DEF", "PRE", "424"))', "form is None"),
    Mutant("odd durations", f"{XBRL}/periods.py", "if _days(span) in YEAR}", "if _days(span) > 300}"),
    Mutant("year to date", f"{XBRL}/cells.py", "if part[0] == whole[0] and part", "if part"),
    Mutant("subtraction", f"{XBRL}/cells.py", "whole.value - part.value, ((1,", "whole.value, ((1,"),
    Mutant(
        "never subtract shares", f"{XBRL}/grid.py", 'if line.kind == "flow" else self', "if True else self"
    ),
    Mutant("slice tag", f"{XBRL}/cells.py", "if abs(largest.value) < 2 * abs(first.value):", "if True:"),
    Mutant("scale slip mended", f"{XBRL}/cells.py", "if is_scale_slip(", "if False and is_scale_slip("),
    Mutant("moved to IFRS", f"{XBRL}/cells.py", "if not optional or taxonomy", "if True or taxonomy"),
    Mutant("currencies", f"{XBRL}/index.py", "if len(self._index.money) < 2:", "if True:"),
    Mutant(
        "facts lag", "datasets/facts.py", "    if held.outcome is Outcome.PENDING:", "    if False:", DATASETS
    ),
    Mutant(
        "404 repeats",
        "datasets/facts.py",
        "seen is None and strikes >=",
        "seen is None or strikes >=",
        DATASETS,
    ),
    Mutant("empty facts", "datasets/facts.py", "if seen is not None and not seen:", "if False:", DATASETS),
    Mutant("republished day", "datasets/filings.py", "modified_at > read_at and", "False and", DATASETS),
    Mutant("withdrawn filing", "sources/sec.py", "        truths=(truth,),", "        truths=(),", DATASETS),
]


def outcome(source: Path, tests: tuple[str, ...]) -> int:
    """pytest's exit code with the package taken from `source`."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A true copy, on which all the checks pass."""
    source = tmp_path_factory.mktemp("true")
    shutil.copytree(ROOT / "src" / "evertape", source / "evertape")
    assert outcome(source, (*FORMATS, *DATASETS)) == 0
    return source


@pytest.mark.soak
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.trap)
def test_a_trap_that_is_not_handled_fails_a_test(mutant: Mutant, untouched: Path, tmp_path: Path) -> None:
    shutil.copytree(untouched / "evertape", tmp_path / "evertape")
    path = tmp_path / "evertape" / mutant.file
    text = path.read_text()
    assert mutant.old in text
    path.write_text(text.replace(mutant.old, mutant.new, 1))
    assert outcome(tmp_path, mutant.tests) == 1
