"""What the sandbox was asked, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_KINDS = ("companyfacts", "bulk", "index", "tickers", "other")


def kind_of(host: str, path: str) -> str:
    """The kind of a request: companyfacts, bulk, index, tickers or other."""
    if path.startswith("api/xbrl/companyfacts/"):
        return "companyfacts"
    if path.endswith("/xbrl/companyfacts.zip"):
        return "bulk"
    if "/daily-index/" in path or "/full-index/" in path:
        return "index"
    if host == "www.sec.gov" and path.startswith("files/company_tickers"):
        return "tickers"
    return "other"


def domain_of(host: str) -> str:
    """The host that a limit is counted over: all of *.sec.gov is one."""
    return "sec.gov" if host == "sec.gov" or host.endswith(".sec.gov") else host


def most_in_one_second(arrivals: Sequence[float]) -> int:
    """The most arrivals in any window [t, t + 1.0). `arrivals` are seconds, in any order."""
    ordered = sorted(arrivals)
    most = first = 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


class Stats:
    """Counts requests; times are seconds of the monotonic clock at the server."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything counted."""
        self._arrivals: dict[str, list[float]] = {}
        self._hosts: Counter[str] = Counter()
        self._paths: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter(dict.fromkeys(_KINDS, 0))
        self._bytes: Counter[str] = Counter(dict.fromkeys(_KINDS, 0))
        self._statuses: Counter[str] = Counter()

    def arrived(self, host: str, path: str, at: float) -> None:
        """Count one request."""
        self._arrivals.setdefault(domain_of(host), []).append(at)
        self._hosts[host] += 1
        self._paths[f"{host}/{path}"] += 1
        self._kinds[kind_of(host, path)] += 1

    def sent(self, host: str, path: str, status: str, size: int) -> None:
        """Count one answer: its status, or the name of the fault in place of one, and its body's bytes."""
        self._statuses[status] += 1
        self._bytes[kind_of(host, path)] += size

    def summary(self) -> dict[str, object]:
        """Everything counted, ready for JSON."""
        times = sorted(at for arrivals in self._arrivals.values() for at in arrivals)
        lasted = times[-1] - times[0] if times else 0.0
        return {
            "requests": len(times),
            "by_host": dict(self._hosts),
            "by_path_kind": dict(self._kinds),
            "paths": dict(self._paths),
            "bytes": dict(self._bytes),
            "max_in_one_second": {d: most_in_one_second(a) for d, a in self._arrivals.items()},
            "rate": (len(times) - 1) / lasted if lasted > 0 else None,
            "first": times[0] if times else None,
            "last": times[-1] if times else None,
            "statuses": dict(self._statuses),
        }


class RateWatch:
    """Refuses for `block_seconds` once more than `limit` requests came in one second.

    Each request during the block starts it anew, as the SEC's does.
    """

    def __init__(self, limit: int | None, block_seconds: float) -> None:
        self._limit = limit
        self._block = block_seconds
        self._recent: list[float] = []
        self._until: float | None = None

    def refuses(self, now: float) -> bool:
        """Count one request at `now` (monotonic seconds); True when it is refused."""
        if self._limit is None:
            return False
        self._recent = [at for at in self._recent if now - at < 1.0]
        self._recent.append(now)
        if (self._until is not None and now < self._until) or len(self._recent) > self._limit:
            self._until = now + self._block
            return True
        return False

    def clear(self) -> None:
        """Forget the requests and end the block."""
        self._recent = []
        self._until = None
