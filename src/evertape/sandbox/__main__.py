"""`python -m evertape.sandbox`: serve a recorded tree or a generated market until interrupted."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from evertape.sandbox import SandboxError, SandboxOptions, serve
from evertape.sandbox.options import DEFAULT_TODAY


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evertape.sandbox", description=__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--data", type=Path, metavar="DIR", help="a recorded tree: DIR/HOST/PATH[.gz]")
    source.add_argument("--market", type=int, metavar="N", help="a generated market of N companies")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other companies (default 1)")
    parser.add_argument("--today", type=date.fromisoformat, default=DEFAULT_TODAY, metavar="YYYY-MM-DD")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--limit", type=int, metavar="N", help="most requests to *.sec.gov in one second")
    parser.add_argument("--block-seconds", type=float, default=600.0, help="how long a breach is refused")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="a JSON list of fault rules")
    parser.add_argument("--fail", type=float, default=0.0, help="share of companyfacts answers that fail")
    parser.add_argument(
        "--contracts", type=int, default=60, metavar="N", help="option contracts an underlying"
    )
    parser.add_argument("--recordings", type=Path, metavar="DIR", help="recorded answers of any host")
    parser.add_argument("--vendors", type=Path, metavar="FILE", help="JSON: how each vendor behaves")
    return parser


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


def main() -> int:
    """Serve; the first line of stdout is the URL. Returns 2 after a complaint on stderr."""
    options = SandboxOptions(**vars(_parser().parse_args()))
    try:
        serve(options, _announce)
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
