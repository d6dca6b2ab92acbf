"""Configuration: the environment, read once into a frozen value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from evertape.clock import end_of_day
from evertape.errors import UserError
from evertape.keys import Keyring, Keys
from evertape.written import day, decimal, whole

_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\]):([0-9]{1,5})")
PRETENDED = date(1994, 1, 1), date(2049, 12, 31)
"""Days that may be pretended: those of EDGAR, as far as the calendar of sessions reaches around them."""
BANDWIDTH = 20e6
"""Bytes a second from the SEC that a plan counts on: a home line of 160 Mbit/s."""
KEYS = "keys.env"
"""A file in the state folder with lines NAME=VALUE, read anew for every check and job."""
_WINDOWS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_LIMIT = re.compile(r"([0-9]{1,7})/(s|min|h|d)")
SECRETS = re.compile(r"(?i)(key|token|secret|password|identity|user_agent|_username)")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says.

    Attributes:
        home: holds the database, the archive, the backups and the log.
        state: per user, outside every home: the file in which all processes share their rates.
        sandbox: base address that every source is re-routed to; None for the real ones.
        now: the pretended instant, UTC; None for the true one.
        rates: requests a window by source, where a setting overrides the source's own.
        credentials: values by environment name; never logged, never stored.
        timeout: seconds for a whole request; of a body streamed to disk, seconds without a byte.
        retry_base: seconds before the first retry.
        jitter: most seconds of random delay before a send; for measuring the rate gate.
        bandwidth: bytes a second that plans count with when they choose a route.
        limits: by source, what replaces the source's own limits (EVERTAPE_LIMITS).
        preferred: sources in the order in which they are asked (EVERTAPE_SOURCES).
        breaker: failures in a row, seconds of rest and error share of a circuit (EVERTAPE_CIRCUIT).
        keyring: where credentials are looked for last; None asks none.
    """

    home: Path
    state: Path
    sandbox: str | None = None
    now: datetime | None = None
    rates: Mapping[str, int] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    connect_timeout: float = 10.0
    timeout: float = 30.0
    retry_base: float = 2.0
    jitter: float = 0.0
    bandwidth: float = BANDWIDTH
    limits: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    preferred: tuple[str, ...] = ()
    breaker: tuple[int, float, float] = (20, 60.0, 0.1)
    keyring: Keyring | None = field(default=None, repr=False, compare=False)

    def current_credentials(self) -> Keys:
        """The credentials as they are now: those of the environment, for names that it does not set those
        of the file of keys, and for others those of the keyring."""
        return Keys(self.credentials, keys_of(self.state / KEYS), self.keyring)

    @property
    def database(self) -> Path:
        """The embedded database."""
        return self.home / "evertape.db"

    @property
    def archive(self) -> Path:
        """Bodies as received."""
        return self.home / "archive"


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises UserError naming the variable that is wrong.

    Args:
        environment: in place of this process's; then no keyring is asked either.
    """
    env = os.environ if environment is None else environment
    if env.get("EVERTAPE_DATABASE_URL"):
        raise UserError(
            "EVERTAPE_DATABASE_URL is set, but this version keeps its data in SQLite only; unset it"
        )
    sandbox = env.get("EVERTAPE_SANDBOX_URL", "").rstrip("/") or None
    found = _LOOPBACK.fullmatch(sandbox or "")
    if sandbox and not (found and 0 < int(found[1]) < 65_536):
        raise UserError(
            f"EVERTAPE_SANDBOX_URL is {sandbox!r}; "
            "it must look like http://127.0.0.1:PORT, as `evertape sandbox` prints it"
        )
    return Settings(
        home=_home(env),
        state=_state(env),
        sandbox=sandbox,
        now=_now(env),
        rates=_rates(env),
        credentials={k: v for k, v in env.items() if SECRETS.search(k) and v},
        connect_timeout=_seconds(env, "EVERTAPE_CONNECT_TIMEOUT", 10.0),
        timeout=_seconds(env, "EVERTAPE_TIMEOUT", 30.0),
        retry_base=_seconds(env, "EVERTAPE_RETRY_BASE", 2.0),
        jitter=_seconds(env, "EVERTAPE_SEND_JITTER", 0.0),
        bandwidth=_bandwidth(env),
        limits=_limits(env.get("EVERTAPE_LIMITS", "")),
        preferred=tuple(part.strip() for part in env.get("EVERTAPE_SOURCES", "").split(",") if part.strip()),
        breaker=_breaker(env.get("EVERTAPE_CIRCUIT", "")),
        keyring=Keyring() if environment is None else None,
    )


def _home(env: Mapping[str, str]) -> Path:
    if env.get("EVERTAPE_HOME"):
        return Path(env["EVERTAPE_HOME"]).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("evertape", appauthor=False)


def _state(env: Mapping[str, str]) -> Path:
    if env.get("EVERTAPE_STATE"):
        return Path(env["EVERTAPE_STATE"]).expanduser().absolute()
    import platformdirs

    return platformdirs.user_state_path("evertape", appauthor=False)


def _now(env: Mapping[str, str]) -> datetime | None:
    text = env.get("EVERTAPE_NOW")
    if not text:
        return None
    try:
        return end_of_day(day(text, *PRETENDED))
    except ValueError:
        first, last = PRETENDED
        raise UserError(
            f"EVERTAPE_NOW is {text!r}; it must be a date such as 2026-07-10, from {first} to {last}"
        ) from None


def _rates(env: Mapping[str, str]) -> Mapping[str, int]:
    text = env.get("EDGAR_RATE_LIMIT_PER_SEC")
    if not text:
        return {}
    try:
        # A sandbox bears more than the SEC's ten, above which the source's own ceiling holds.
        return {"sec": whole(text, 1, 1_000_000)}
    except ValueError:
        raise UserError(
            f"EDGAR_RATE_LIMIT_PER_SEC is {text!r}; it must be a whole number from 1 to 10"
        ) from None


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        return decimal(text, 0, 86_400)
    except ValueError:
        raise UserError(f"{name} is {text!r}; it must be a number of seconds from 0 to 86400") from None


def _bandwidth(env: Mapping[str, str]) -> float:
    """EVERTAPE_BANDWIDTH, in MB a second, as bytes a second."""
    text = env.get("EVERTAPE_BANDWIDTH")
    if not text:
        return BANDWIDTH
    try:
        return decimal(text, 1e-6, 1e6) * 1e6
    except ValueError:
        raise UserError(
            f"EVERTAPE_BANDWIDTH is {text!r}; it must be a number of megabytes a second, such as 20"
        ) from None


def _limits(text: str) -> Mapping[str, tuple[tuple[int, float], ...]]:
    """EVERTAPE_LIMITS such as "yahoo=30/min+2000/h,cboe=60/min": requests in a window by source."""
    limits: dict[str, tuple[tuple[int, float], ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        source, _, told = part.partition("=")
        found = [_LIMIT.fullmatch(one.strip()) for one in told.split("+")]
        if not source or not all(found) or any(int(one[1]) < 1 for one in found if one):
            raise UserError(
                f"EVERTAPE_LIMITS has {part!r}; write it as yahoo=30/min+2000/h, with commas between"
            )
        limits[source.strip()] = tuple((int(one[1]), _WINDOWS[one[2]]) for one in found if one)
    return limits


def _breaker(text: str) -> tuple[int, float, float]:
    """EVERTAPE_CIRCUIT such as "20,60,0.1": failures in a row, seconds of rest, share of errors."""
    if not text:
        return Settings.breaker
    try:
        failures, rest, share = text.split(",")
        return whole(failures, 1, 1_000_000), decimal(rest, 0, 86_400), decimal(share, 1e-6, 1)
    except ValueError:
        raise UserError(
            f"EVERTAPE_CIRCUIT is {text!r}; write it as 20,60,0.1: failures, seconds, share"
        ) from None


def keys_of(path: Path) -> Mapping[str, str]:
    """The keys in a file of lines NAME=VALUE; none where there is no such file.

    Raises:
        UserError: others may read the file, or a line is no NAME=VALUE.
    """
    if not path.exists():
        return {}
    if path.stat().st_mode & 0o077:
        raise UserError(f"{path} holds keys and others may read it; run: chmod 600 {path}")
    found = {}
    for line in path.read_text().splitlines():
        name, given, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not given:
            raise UserError(f"{path} has a line that is no NAME=VALUE: it begins with {name[:12]!r}")
        found[name.strip()] = value.strip()
    return found
