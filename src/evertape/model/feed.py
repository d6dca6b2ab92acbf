"""How a source answers for a dataset, and a vendor's manners, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from evertape.model.call import Call, Reply
from evertape.model.login import Login
from evertape.model.records import Batch, Truth
from evertape.model.unit import Holding, Standing, Unit


@dataclass(frozen=True, kw_only=True)
class Page:
    """A part of an answer: rows, coverage they settle, and what else must be asked.

    Attributes:
        replaced: derived rows under these conditions that the batches omit are deleted.
    """

    batches: tuple[Batch, ...] = ()
    settled: tuple[Holding, ...] = ()
    calls: tuple[Call, ...] = ()
    truths: tuple[Truth, ...] = ()
    replaced: tuple[Truth, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Feed:
    """How a source answers for a dataset. `ask` and `read` are pure and module-level.

    Attributes:
        ask: standings with a due unit, and the holdings of the dataset, to calls; batching is decided here.
        read: an answer, and the holdings of the call's units as they are now, to pages.
        size: bytes on the wire of one answer where nothing better is known.
        rank: of several feeds for a dataset the lowest is asked first, unless another that can answer
            all of it is cheaper.
        unit_seconds: what working off one unit of an answer takes after the answer has come.
        computing: seconds of computing that an answer costs where it comes from what is held; such a call
            is no request.
        ordered: its calls are answered one after the other, in the order asked; after one that it did not
            answer the rest of the step is left, and what a call leaves unsettled is out of those after it.
        partial: units that its answers do not settle go to the next feed of the dataset.
        untelling: its answers settle units and leave untold what a standing may be `owed`.
        rest: of a partial one, the calls by which the same source is asked in another way for the units of a
            call that it leaves or fails at, before other sources are. It is asked one call before the
            others, and none more in a job where it could not be asked.
    """

    name: str
    source: str
    dataset: str
    ask: Callable[[Sequence[Standing]], Sequence[Call]]
    read: Callable[[Reply, Mapping[str, Holding]], Iterable[Page]]
    size: int
    rank: int = 100
    unit_seconds: float = 0.0
    computing: float | None = None
    ordered: bool = False
    partial: bool = False
    untelling: bool = False
    rest: Callable[[Call, Sequence[Unit]], Sequence[Call]] | None = None


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most `count` requests in any `seconds`, and the page that says so.

    Attributes:
        ceiling: what the source tolerates at the very most; a setting cannot go above it.
    """

    count: int
    seconds: float
    page: str
    ceiling: int | None = None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What an answer really says when it is no answer.

    Attributes:
        kind: "expired" is a session that must be got anew; the call is then sent once more.
        pause: seconds for which the whole source must be left alone, over all processes.
    """

    kind: Literal["transient", "throttled", "denied", "malformed", "expired"]
    reason: str
    retry_after: float | None = None
    pause: float | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A vendor's identity and manners.

    Attributes:
        hosts: answered by this source; limits hold over all of them together.
        credentials: environment names it needs: any one of them, or every one where `all_of` says so.
        browser: it answers only who shakes hands as a browser does.
        login: how a session is got, for calls that ask for one; None where the source has none.
        headers: credential values to request headers.
        refusal: what a reply really says, None where it is an answer; looks behind status 200.
    """

    name: str
    hosts: tuple[str, ...]
    limits: tuple[Limit, ...]
    refusal: Callable[[Reply], Refusal | None]
    credentials: tuple[str, ...] = ()
    credential_help: str = ""
    all_of: bool = False
    browser: bool = False
    login: Login | None = None
    headers: Callable[[Mapping[str, str]], Mapping[str, str]] = field(default=lambda _: {})
    rate_setting: str | None = None

    @property
    def credential_names(self) -> str:
        """What it needs, as a sentence names it: "A or B", "A and B"."""
        return (" and " if self.all_of else " or ").join(self.credentials)

    def has_credentials(self, given: Mapping[str, str]) -> bool:
        """Whether what it needs is among the values given by environment name."""
        needed = len(self.credentials) if self.all_of else min(1, len(self.credentials))
        return len(self.chosen(given)) >= needed

    def chosen(self, given: Mapping[str, str]) -> Mapping[str, str]:
        """What it takes of the values given by environment name: every one it needs, or the first of those
        of which one will do; a place that is slow to look in is not asked for the others."""
        found: dict[str, str] = {}
        for name in self.credentials:
            if value := given.get(name):
                found[name] = value
                if not self.all_of:
                    break
        return found

    def lacking(self) -> str:
        """The sentence for a missing credential: which variables, and what to type."""
        return f"{self.credential_names} is not set; {self.credential_help}"


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """When to look again for what is pending: `first`, doubled each strike up to `most`; after
    `strikes` it is taken for absent."""

    first: timedelta
    most: timedelta
    strikes: int

    def not_before(self, at: datetime, strikes: int) -> datetime:
        """The earliest instant of the next look after `strikes` unanswered ones."""
        doubled = self.first.total_seconds() * 2.0 ** min(60, max(0, strikes - 1))
        return at + timedelta(seconds=min(self.most.total_seconds(), doubled))
