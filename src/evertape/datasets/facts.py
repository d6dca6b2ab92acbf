"""XBRL facts as companies reported them: what was said, by which filing, on which day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import msgspec

from evertape.clock import new_york_date
from evertape.datasets.filings import PERIODIC, Filing, covered_through
from evertape.formats.edgar import cik10
from evertape.formats.xbrl import Facts, FoldedFact
from evertape.formats.xbrl.facts import day_number
from evertape.model.dataset import Asked, Dataset, Evidence, Wanted
from evertape.model.feed import Backoff
from evertape.model.records import Condition, Packed, Record, Row, column
from evertape.model.unit import Freshness, Holding, Outcome, Standing, Unit

VERY_STALE = timedelta(days=90)
DORMANT = timedelta(days=400)
"""Longer than any year between two annual reports, with the SEC's extensions."""
UNCHECKED = timedelta(days=5)
"""An index covered this long ago (a long weekend is four days) no longer tells what is stale."""
LAG = Backoff(first=timedelta(hours=6), most=timedelta(days=7), strikes=6)
"""Companyfacts lags a filing by minutes to weeks; then the filing is taken to have no facts."""
ABSENCE = Backoff(first=timedelta(hours=12), most=timedelta(days=7), strikes=3)
"""A 404 has been seen once for an established filer: only its repetition is knowledge."""


_REPORTS = msgspec.json.Decoder(list[FoldedFact])


def merge(held: str, said: str | None, day: date) -> str:
    """The reports of a series as they are kept: those that the source no longer has are stamped, not lost.

    Args:
        held, said: JSON arrays of reports; None where the source has nothing of the series.
    """
    new = _REPORTS.decode(said) if said is not None else []
    known = {_report(fact) for fact in new}
    gone = [
        fact if fact.absent is not None else msgspec.structs.replace(fact, absent=day_number(day))
        for fact in _REPORTS.decode(held)
        if _report(fact) not in known
    ]
    return pack([*new, *gone])


def _report(fact: FoldedFact) -> tuple[object, ...]:
    return (fact.end, fact.start, fact.filed, fact.accession)


def pack(series: Sequence[FoldedFact]) -> str:
    """A series as the store keeps it."""
    return msgspec.json.encode(series).decode()


def unpack(reports: str) -> list[FoldedFact]:
    """The series that `pack` wrote, absent reports included."""
    return _REPORTS.decode(reports)


class FactSeries(Record):
    """All facts of a tag in one unit, as reported. The view `facts` shows each by itself.

    A repeat by a later filing is kept in `repeats`, not as a fact of its own.
    """

    table = "facts"
    key = ("cik", "taxonomy", "tag", "unit")
    compact = True
    packed = Packed(
        column="reports",
        fields=(
            ("end_date", "date"),
            ("start_date", "date"),
            ("value", "real"),
            ("filed_date", "date"),
            ("accession_number", "accession"),
            ("form", "text"),
            ("repeats", "accessions"),
            ("absent_on", "date"),
        ),
        merge=merge,
    )

    cik: int = column("SEC central index key")
    taxonomy: str = column("us-gaap, ifrs-full, dei, srt", kind="coded")
    tag: str = column("element of the taxonomy", kind="coded")
    unit: str = column("USD, shares, USD/shares", kind="coded")
    reports: str = column(
        "end and start (null for an instant) as days from 1970-01-01; the value as filed, in units, with its "
        "XBRL sign; the day, accession and form of the first filing that reported it; later filings that "
        "repeat it; the day on which companyfacts was first seen without it",
        kind="packed",
    )


@dataclass(frozen=True)
class _Seen:
    accession: str
    filed: date
    in_facts: bool


def due(evidence: Evidence, asked: Asked, now: datetime) -> Sequence[Standing]:
    """One standing a company asked for: its facts against the periodic filings of the indexes."""
    filings: dict[int, list[_Seen]] = defaultdict(list)
    for cik, accession, filed, in_facts_at in evidence.rows.get(Filing.table, ()):
        filings[cik].append(_Seen(accession, filed, in_facts_at is not None))
    held = evidence.holdings.get("facts", {})
    covered = covered_through(evidence.holdings.get("filings", {}))
    checked = covered is not None and new_york_date(now) - covered <= UNCHECKED
    return [
        _standing(_Company(cik, label, filings.get(int(cik), []), held.get(cik), checked), asked.since, now)
        for cik, label in asked.companies.items()
    ]


@dataclass(frozen=True)
class _Company:
    cik: str
    label: str
    filings: list[_Seen]
    held: Holding | None
    checked: bool


def _standing(company: _Company, since: date, now: datetime) -> Standing:
    today = new_york_date(now)
    held = company.held
    missing = sorted(
        (f for f in company.filings if not f.in_facts and f.filed >= since),
        key=lambda f: (f.filed, f.accession),
    )
    accessions = tuple(f.accession for f in missing)
    unit = Unit("facts", company.cik)
    if held is None:
        return _stand(company, Freshness.MISSING, unit=unit, evidence=accessions, reason="never fetched")
    known = frozenset(held.mark.split())
    fresh = [f for f in missing if f.accession not in known]
    if fresh:
        days = (today - fresh[0].filed).days
        level = Freshness.VERY_STALE if days > VERY_STALE.days else Freshness.STALE
        return _stand(
            company,
            level,
            unit=unit,
            evidence=accessions,
            missing=len(fresh),
            days=days,
            reason=f"{len(fresh)} filings since {fresh[0].filed.isoformat()}",
        )
    if held.outcome is Outcome.PENDING:
        waiting = held.not_before is not None and now < held.not_before
        return _stand(
            company,
            Freshness.PENDING,
            unit=None if waiting else unit,
            evidence=accessions,
            missing=len(missing),
            reason=held.note,
        )
    if not company.checked:
        return _stand(company, Freshness.UNKNOWN, reason="the filing index was not read lately")
    last = max((f.filed for f in company.filings), default=None)
    dormant = last is None or today - last > DORMANT
    return _stand(company, Freshness.FRESH, reason=held.note, dormant=dormant)


def _stand(
    company: _Company,
    level: Freshness,
    *,
    unit: Unit | None = None,
    evidence: tuple[str, ...] = (),
    **told: object,
) -> Standing:
    return Standing(
        dataset="facts",
        key=company.cik,
        label=company.label,
        level=level,
        unit=unit,
        evidence=evidence,
        size=_expected_size(company.held, len(evidence)) if unit else None,
        **told,  # type: ignore[arg-type]
    )


GROWTH = 0.022
"""A further filing adds about this share to a company's compressed facts (AAPL, NVDA: 2.1-2.6 %)."""


def _expected_size(held: Holding | None, missing: int) -> int | None:
    if held is None or held.size is None or held.outcome is Outcome.NOTHING:
        return None
    return round(held.size * (1 + GROWTH) ** missing)


def settle(
    unit: Unit, seen: Mapping[str, object] | None, awaited: Sequence[str], was: Holding | None, at: datetime
) -> Holding:
    """The coverage that an answer settles.

    Args:
        seen: accessions the answer contains; None where the company has no companyfacts (404).
        awaited: accessions that an index has shown and the store has no facts of.
        was: the coverage before.
    """
    lacking = sorted(a for a in awaited if seen is None or a not in seen)
    again = was is not None and was.outcome is Outcome.PENDING and set(lacking) <= set(was.mark.split())
    strikes = was.strikes + 1 if was and again else 1
    backoff = ABSENCE if seen is None else LAG
    settled = Holding(unit=unit, outcome=Outcome.SETTLED, checked_at=at, source="sec", mark=" ".join(lacking))
    if seen is None and strikes >= backoff.strikes:
        return _with(settled, Outcome.NOTHING, note=f"no facts: absent {strikes} times in a row")
    if seen is not None and not seen:
        return _with(settled, Outcome.NOTHING, note="no facts")
    if seen is not None and not lacking:
        return settled
    if strikes >= backoff.strikes:
        return _with(settled, Outcome.SETTLED, note=f"{len(lacking)} filings never had facts")
    told = "not found (404)" if seen is None else f"filed, facts not published: {' '.join(lacking)}"
    return _with(
        settled,
        Outcome.PENDING,
        note=f"{told}, {strikes} of {backoff.strikes} looks",
        strikes=strikes,
        not_before=backoff.not_before(at, strikes),
    )


def _with(held: Holding, outcome: Outcome, **changes: object) -> Holding:
    return replace(held, outcome=outcome, **changes)  # type: ignore[arg-type]


def rows_of(cik: int, facts: Facts) -> list[Row]:
    """Folded facts of a company as rows of `FactSeries`, in the order of their keys."""
    return [(cik, *key, pack(facts[key])) for key in sorted(facts) if facts[key]]


def facts_of(rows: Iterable[Row]) -> Facts:
    """Rows of one company's `FactSeries` as folded facts, without those that are absent."""
    facts: Facts = {}
    for _, taxonomy, tag, unit, reports in rows:
        series = unpack(reports)
        if any(fact.absent is not None for fact in series):
            series = [fact for fact in series if fact.absent is None]
        facts[taxonomy, tag, unit] = series
    return facts


def doubtful(facts: Facts) -> list[str]:
    """One sentence a series with a period that starts after it ends."""
    return [
        f"{tag} has {len(odd)} periods that start after they end"
        for (_, tag, _), series in facts.items()
        if (odd := [f for f in series if f.start is not None and f.start > f.end])
    ]


def key_of(cik: int | str) -> str:
    """The unit key of a company: its CIK in ten digits."""
    return cik10(cik)


DATASET = Dataset(
    name="facts",
    doc="XBRL facts as filed, with every filing that reported them",
    records=(FactSeries,),
    needs=("filings",),
    wanted=(
        Wanted(
            record=Filing,
            columns=("cik", "accession_number", "filed_date", "in_facts_at"),
            where=(PERIODIC, Condition(column="absent_at", op="is null")),
        ),
    ),
    due=due,
    goals=("financials",),
)
