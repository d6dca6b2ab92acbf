"""What a sandbox is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

MOST_COMPANIES = 17_000  # there are 26**3 symbols
DEFAULT_TODAY = date(2026, 6, 30)


class SandboxError(ValueError):
    """The sandbox cannot start as asked; the text says why and what to type."""


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """One of `data` and `market` is given, or `recordings` alone.

    `data` is a recorded tree (HOST/PATH, or HOST/PATH.gz); `market` a number of generated companies.
    `today` is the last day on which the market's companies have filed. `limit` is the most requests
    that *.sec.gov accepts in one second before it refuses for `block_seconds`. `faults` is a fault file
    or its rules; `fail` a share of the companyfacts answers that fail. Port 0 takes a free one.
    `contracts` is how many option contracts an underlying has; `vendors` how each vendor behaves, or a file
    that says so (see manners.py). `recordings` is a folder of recorded answers with its recordings.jsonl,
    which go before all others.
    """

    data: Path | None = None
    market: int | None = None
    seed: int = 1
    today: date = DEFAULT_TODAY
    limit: int | None = None
    faults: tuple[dict[str, object], ...] | Path | None = None
    fail: float = 0.0
    port: int = 0
    block_seconds: float = 600.0
    contracts: int = 60
    vendors: Mapping[str, object] | Path | None = None
    recordings: Path | None = None

    def check(self) -> None:
        """Raise SandboxError for options that contradict each other or make no sense."""
        if self.data is not None and self.market is not None:
            raise SandboxError("the sandbox takes --data DIR or --market N, not both")
        if self.data is None and self.market is None and self.recordings is None:
            raise SandboxError("the sandbox needs either --data DIR or --market N")
        if self.data is not None and not self.data.is_dir():
            raise SandboxError(f"there is no folder {self.data}; give --data a recorded tree (HOST/PATH.gz)")
        if self.market is not None and not 1 <= self.market <= MOST_COMPANIES:
            raise SandboxError(f"--market {self.market} is outside 1 to {MOST_COMPANIES}")
        if self.seed < 0:
            raise SandboxError(f"--seed {self.seed} is negative; give 0 or more")
        if self.limit is not None and self.limit < 1:
            raise SandboxError(f"--limit {self.limit} lets nothing through; give 1 or more")
        if not 0 <= self.fail < 1:
            raise SandboxError(f"--fail {self.fail} is no share; give 0 up to, but not including, 1")
        if not 0 <= self.port <= 65535:
            raise SandboxError(f"--port {self.port} is no port; give 0 to 65535")
        if self.block_seconds < 0:
            raise SandboxError(f"--block-seconds {self.block_seconds} is negative")
        if self.contracts < 2:
            raise SandboxError(f"--contracts {self.contracts} makes no pair of call and put; give 2 or more")
