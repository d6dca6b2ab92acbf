"""A sandbox in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from evertape.sandbox.options import SandboxError, SandboxOptions

_PATIENCE = 5.0


def arguments(options: SandboxOptions, faults: Path | None, vendors: Path | None) -> list[str]:
    """The command line that starts a sandbox with these options."""
    line = ["--seed", str(options.seed), "--today", options.today.isoformat(), "--port", str(options.port)]
    line += ["--block-seconds", str(options.block_seconds), "--fail", str(options.fail)]
    line += ["--contracts", str(options.contracts)]
    given = {
        "--data": options.data,
        "--market": options.market,
        "--limit": options.limit,
        "--faults": faults,
        "--vendors": vendors,
        "--recordings": options.recordings,
    }
    return line + [part for name, value in given.items() if value is not None for part in (name, str(value))]


def _file(folder: str, name: str, content: object) -> Path | None:
    """A path as it is; rules and settings go to the child in a file."""
    if content is None or isinstance(content, Path):
        return content
    file = Path(folder) / name
    file.write_text(json.dumps(content))
    return file


def started(options: SandboxOptions) -> tuple[subprocess.Popen[str], str]:
    """Start a sandbox and wait for its URL. Raises SandboxError with its complaint."""
    options.check()
    with tempfile.TemporaryDirectory() as folder:
        faults = _file(folder, "faults.json", options.faults)
        vendors = _file(folder, "vendors.json", options.vendors)
        log = Path(folder) / "stderr"
        with log.open("w") as stderr:
            child = subprocess.Popen(
                [sys.executable, "-m", "evertape.sandbox", *arguments(options, faults, vendors)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        url = child.stdout.readline().strip() if child.stdout else ""
        if not url:
            stopped(child)
            raise SandboxError(log.read_text().strip() or "the sandbox ended before it was ready")
    return child, url


def stopped(child: subprocess.Popen[str]) -> None:
    """End a sandbox that `started` started."""
    child.terminate()
    try:
        child.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout:
        with suppress(OSError):
            child.stdout.close()
