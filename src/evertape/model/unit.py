"""What can be due, and what is known to be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


@dataclass(frozen=True, order=True)
class Span:
    """Days from `start` to `end`, both included, as New York dates."""

    start: date
    end: date

    def covers(self, other: Span) -> bool:
        """Whether every day of `other` lies in this span."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, order=True)
class Unit:
    """The smallest thing that can be due: (dataset, key, span).

    Attributes:
        key: a company's ten-digit CIK, a listing, an index file's name.
        extent: what is asked of it where a key has several ("nearest 3", "forms 10-K").
    """

    dataset: str
    key: str
    span: Span | None = None
    extent: str = ""


class Outcome(StrEnum):
    """What looking told. NOTHING is knowledge: there is none. PENDING: not yet, look again."""

    SETTLED = "settled"
    NOTHING = "nothing"
    PENDING = "pending"


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Coverage of one unit: what was looked at, when, and what came of it.

    Attributes:
        checked_at: when the source answered, aware UTC.
        version: of the extractor that read it.
        strikes: how often in a row the answer was PENDING.
        not_before: not asked again earlier; of a PENDING unit, and of one covered that nobody knows any more.
        size: bytes on the wire of the last answer; the next plan's cost is estimated from it.
        mark: the source's own fingerprint of what was read (last-modified and size of an index).
        beside: where a store gives it, of the same key's other extents, the one looked at last first.
    """

    unit: Unit
    outcome: Outcome
    checked_at: datetime
    source: str
    version: str = ""
    strikes: int = 0
    not_before: datetime | None = None
    size: int | None = None
    mark: str = ""
    note: str = ""
    beside: tuple[Holding, ...] = field(default=(), compare=False, repr=False)


class Freshness(StrEnum):
    """How current one key of a dataset is. FRESH and RECENT count as current."""

    FRESH = "fresh"
    RECENT = "recent"
    STALE = "stale"
    VERY_STALE = "very stale"
    MISSING = "missing"
    PENDING = "pending"
    UNKNOWN = "unknown"

    @property
    def current(self) -> bool:
        """FRESH or RECENT."""
        return self in (Freshness.FRESH, Freshness.RECENT)

    @property
    def stale(self) -> bool:
        """STALE or VERY_STALE."""
        return self in (Freshness.STALE, Freshness.VERY_STALE)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One key's freshness in one dataset.

    Attributes:
        days: since the oldest thing missing was published; None where nothing is missing.
        missing: how many things are missing (filings, sessions).
        lost: how many of them had been there.
        unit: what to fetch to mend it; None where nothing can be done now.
        evidence: identifiers of what is missing (accessions), so that their arrival can be seen.
        dormant: current, and the company stopped publishing.
        size: bytes on the wire that fetching is expected to cost; None where unknown.
        covered: days of it that are settled; answers must adjoin them, so that they stay in one piece.
        tried: sources that did not know it the last time; others are asked before them.
        owed: what the answers so far have left untold about what is covered is due too, since `evidence`;
            feeds that leave it untold are asked only where there is no other.
        quiet: nothing has been traded since the unit's last day, so that a price of now is its last one.
    """

    dataset: str
    key: str
    level: Freshness
    label: str = ""
    days: int | None = None
    missing: int = 0
    lost: int = 0
    unit: Unit | None = None
    reason: str = ""
    dormant: bool = False
    size: int | None = None
    covered: Span | None = None
    tried: tuple[str, ...] = ()
    owed: bool = False
    quiet: bool = False
    evidence: tuple[str, ...] = field(default=(), repr=False)
