"""Options that mean the same on every verb, and how values are printed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

import click

from evertape import written
from evertape.engine.selection import DEFAULT_SINCE, SCOPES

F = TypeVar("F", bound=Callable[..., Any])


class Day(click.ParamType[date]):
    """A date such as 2024-06-29."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date, or a usage error."""
        if isinstance(value, date):
            return value
        try:
            return written.day(value)
        except ValueError as error:
            self.fail(f"{error}; write it as 2024-06-29", param, ctx)


class Whole(click.IntRange):
    """A whole number in ASCII digits, within bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or a usage error."""
        if isinstance(value, str):
            try:
                value = written.whole(value, -(10**18), 10**18)
            except ValueError as error:
                self.fail(f"{error}; write it in digits", param, ctx)
        return int(super().convert(value, param, ctx))


class Decimal(click.FloatRange):
    """A finite number in ASCII digits, within bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error."""
        if isinstance(value, str):
            try:
                value = written.decimal(value)
            except ValueError as error:
                self.fail(f"{error}; write it in digits", param, ctx)
        return float(super().convert(value, param, ctx))


class Symbols(click.ParamType[tuple[str, ...]]):
    """Tickers or CIKs with commas between."""

    name = "symbols"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The parts, in their order, or a usage error for none."""
        if isinstance(value, tuple):
            return value
        parts = tuple(part.strip() for part in value.split(",") if part.strip())
        if not parts:
            self.fail("name at least one ticker or CIK", param, ctx)
        return parts


class Expirations(click.ParamType[int | None]):
    """Days to expiration, or "all"."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """The number of days, None for all, or a usage error."""
        if isinstance(value, int) or value == "all":
            return value if isinstance(value, int) else None
        try:
            return written.whole(value, 0, 3650)
        except ValueError:
            self.fail(f"{value!r} is neither a number of days from 0 to 3650 nor all", param, ctx)


class Range(click.ParamType[tuple[float, float]]):
    """Two numbers with a hyphen between: 25-40, 0.2-0.35."""

    name = "range"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """The smaller and the larger number, or a usage error."""
        if isinstance(value, tuple):
            return value
        try:
            low, high = (written.decimal(part) for part in value.split("-"))
        except ValueError:
            self.fail(f"{value!r} is no range; write it as 25-40", param, ctx)
        if not low <= high:
            self.fail(f"{value!r} ends before it begins", param, ctx)
        return low, high


def selectors(command: F) -> F:
    """--symbols, --scope, --since and --until."""
    command = click.option(
        "--until", type=Day(), help="Sessions after this day are not asked for; the last closed one else."
    )(command)
    command = click.option(
        "--since",
        type=Day(),
        default=DEFAULT_SINCE,
        show_default=True,
        help="Filings before this day do not count for staleness; sessions before it are not asked for.",
    )(command)
    return companies("sp500")(command)


def snapshots(command: F) -> F:
    """--target-dte and --max-age."""
    command = click.option(
        "--max-age",
        type=Decimal(min=0, max=24 * 365),
        default=24.0,
        show_default=True,
        help="Hours after which an option chain is due again.",
    )(command)
    return click.option(
        "--target-dte",
        type=Expirations(),
        default="30",
        show_default=True,
        help="Option chains: the three expirations nearest to so many days, or all.",
    )(command)


def companies(otherwise: str) -> Callable[[F], F]:
    """--symbols and --scope; `otherwise` is who is meant where nothing is said."""

    def selecting(command: F) -> F:
        command = click.option(
            "--scope",
            type=click.Choice(SCOPES),
            help=f"A whole list of companies; {otherwise} where nothing is said.",
        )(command)
        return _symbols(command)

    return selecting


def _symbols(command: F) -> F:
    return click.option("--symbols", type=Symbols(), help="Tickers or CIKs: AAPL,BRK-B,0000320193.")(command)


def common(command: F) -> F:
    """--json and --log-level."""
    command = click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        help="What goes to the log in the home.",
    )(command)
    return click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")(command)


def workers(command: F) -> F:
    """--workers."""
    return click.option(
        "--workers",
        type=Whole(1, 64),
        default=10,
        show_default=True,
        help="How many companies are worked on at once; the rate limit holds whatever it is.",
    )(command)


def print_json(value: Any) -> None:
    """One JSON document on stdout; dates as ISO text, unknown as null."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def nothing(sentence: str, as_json: bool) -> int:
    """The end of a verb that reads and found nothing of what was asked for: its exit code."""
    if as_json:
        print_json([])
    click.echo(sentence, err=True)
    return 1


def megabytes(count: float) -> str:
    """12.3 MB, or kB below a tenth of that."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.0f} kB"


def duration(seconds: float) -> str:
    """45 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"


def moment(instant: datetime | None) -> str:
    """An instant as local UTC text to the minute; "never" for None."""
    return instant.strftime("%Y-%m-%d %H:%M UTC") if instant else "never"
