"""What the documents say is true: the floors, the sizes, and the commands a reader would type."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES, MOST_FUNCTION, MOST_PARAMETERS, MOST_METHODS = 400, 50, 6, 15


def floors() -> str:
    """The layers contract as a diagram, the highest floor first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    rows = [layer.replace("evertape.", "").replace("|", "·") for layer in layers]
    width = max(len(row) for row in rows) + 4
    rule = "+" + "-" * width + "+"
    return "\n".join(["```", rule, *(f"|{row.center(width)}|" for row in rows), rule, "```"])


def test_the_diagram_of_the_floors_is_the_contract() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    found = re.search(r"<!-- floors: .*? -->\n(.*?)\n?<!-- end of floors -->", text, re.DOTALL)
    assert found
    assert found.group(1) == floors()


def test_every_folder_is_on_a_floor() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = {
        name.strip().removeprefix("evertape.")
        for contract in contracts
        if contract["type"] == "layers"
        for layer in contract["layers"]
        for name in layer.split("|")
    }
    there = {
        p.stem
        for p in (ROOT / "src" / "evertape").iterdir()
        if not p.name.startswith("__") and (p.suffix == ".py" or (p.is_dir() and any(p.glob("*.py"))))
    }
    assert there == named


SOURCES = sorted((ROOT / "src").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src" / "evertape")))
def test_sizes_are_kept(path: Path) -> None:
    text = path.read_text()
    if "larger because" in text.split("\n", 1)[0]:
        return
    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno + 1 <= MOST_FUNCTION, node.name
            asked = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            own = [a.arg for a in asked if a.arg not in ("self", "cls")]
            assert len(own) <= MOST_PARAMETERS, (node.name, own)
        elif isinstance(node, ast.ClassDef):
            methods = sum(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) for n in node.body)
            assert methods <= MOST_METHODS, node.name
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text)
