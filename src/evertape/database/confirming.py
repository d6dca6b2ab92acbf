"""After prices came: what is doubtful about a session's bar is looked up at a second source, where there
is one. Its bar stands beside the first, and the doubt is either laid down or hardened."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple

from evertape.clock import Clock, new_york_date
from evertape.database.survey import Survey
from evertape.datasets.prices import CENT, NAME, SAME, CorporateAction, DailyPrice, mark_of
from evertape.datasets.quality import Finding
from evertape.datasets.universe import listing_id, listing_key
from evertape.engine import passing
from evertape.engine.ledger import persist
from evertape.engine.report import JobReport
from evertape.errors import SourceError
from evertape.formats import sessions
from evertape.formats.bar_doubts import split_between
from evertape.formats.bars import Bar, Split, factor, rescaled
from evertape.model.call import Call, Transport
from evertape.model.feed import Feed
from evertape.model.job import Job
from evertape.model.plan import Plan
from evertape.model.records import Batch, Condition, table_of
from evertape.model.store import Commit, Store
from evertape.model.unit import Holding, Span, Unit

STOPPED = ("interrupted", "cancelled", "running", "paused")
LISTINGS = 50
"""Listings of one job that a second source is asked about; more would cost what nobody has confirmed."""
PATIENCE = 60.0
"""Seconds after which no further request is begun: a source that takes five a minute is not waited for."""
COMPARED: Mapping[str, tuple[str, ...]] = {
    "bar_move": ("close",),
    "bar_range": ("open", "high", "low", "close"),
}
"""Checks whose doubts a second source can settle, and what of its bar must agree."""
REBASED = "bar_basis"
"""The check whose doubts a split settles that another source tells."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A finding about a listing's bar of one day.

    `own` is the source whose bar it is about, as it stood before others were asked; empty where that bar is
    there no more.
    """

    finding: Finding
    ident: int
    key: str
    own: str = ""

    @property
    def place(self) -> tuple[int, date]:
        """The listing and the day."""
        return self.ident, self.finding.report_date


class Sent(NamedTuple):
    """A source's bar, the day whose shares it counts (None: as traded), and when the source answered."""

    bar: Bar
    basis: date | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Held:
    """What is held of the doubtful sessions and those before: bars by listing and day, then source; splits by
    listing."""

    bars: Mapping[tuple[int, date], Mapping[str, Sent]]
    splits: Mapping[int, Sequence[Split]]


@dataclass
class Heard:
    """What asking cost and brought."""

    requests: int = 0
    bytes: int = 0
    rows: list[Batch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Confirming:
    """Looks up what the jobs of one home doubt.

    Args:
        transport: makes what calls are sent through; closed after each job.
        stopped: whether a person wants this process to stop.
    """

    def __init__(
        self,
        store: Store,
        survey: Survey,
        clock: Clock,
        transport: Callable[[], Transport],
        stopped: Callable[[], bool],
    ) -> None:
        self._store = store
        self._survey = survey
        self._clock = clock
        self._transport = transport
        self._stopped = stopped

    async def follow(self, job: Job, plan: Plan, done: JobReport) -> JobReport:
        """Go on from a finished refresh of prices: its doubtful bars are looked up, and what that cost and
        came to is reported with the job. Other jobs are reported as they are."""
        keys = {unit.key for step in plan.steps for call in step.calls for unit in call.units}
        if job.kind != "refresh" or done.state in STOPPED or all(s.dataset != NAME for s in plan.steps):
            return done
        # A pretended clock stands still while the job runs.
        began = self._clock.now() - (self._clock.real_now() - job.created_at)
        doubts = _doubts(self._store, keys, began)
        feeds = [feed for feed in self._survey.feeds_of("prices") if feed.partial]
        held = _held(self._store, doubts)
        ranks = list(dict.fromkeys(feed.source for feed in feeds))
        doubts = [replace(doubt, own=own_source(doubt, held, ranks)) for doubt in doubts]
        asked, left = wanted(doubts, held, feeds)
        heard = Heard()
        if left:
            heard.notes.append(
                f"doubtful bars of {left} more listings were not looked up; see the table {Finding.table}"
            )
        if asked:
            await self._look_up(asked, feeds, heard)
        await self._judge(doubts, feeds, heard)
        known = self._store.holdings(NAME, list(keys)).values()
        heard.notes += untold(known, new_york_date(self._clock.now()))
        return replace(
            done,
            requests=done.requests + heard.requests,
            bytes=done.bytes + heard.bytes,
            rows=done.rows + sum(batch.count for batch in heard.rows),
            notes=(*done.notes, *heard.notes),
        )

    async def _look_up(
        self, asked: Mapping[str, Sequence[Unit]], feeds: Sequence[Feed], heard: Heard
    ) -> None:
        transport, until = self._transport(), self._clock.instant() + PATIENCE
        try:
            for source, units in asked.items():
                calls = deque(passing.fewest(source, feeds, units))
                try:
                    while calls and not self._stopped() and self._clock.instant() < until:
                        calls.extendleft(reversed(await _ask(transport, feeds, calls.popleft(), heard)))
                except SourceError as error:
                    heard.requests += error.requests
                    heard.bytes += error.fetched
                    heard.notes.append(f"{source} could not be asked about all doubtful bars: {error}")
                else:
                    if calls:
                        heard.notes.append(f"{source} was not asked about all doubtful bars in time")
        finally:
            await transport.close()
        if heard.rows:
            commit = Commit(at=self._clock.now(), batches=heard.rows)
            await persist(lambda: self._store.commit(commit))

    async def _judge(self, doubts: Sequence[Doubt], feeds: Sequence[Feed], heard: Heard) -> None:
        held, now = _held(self._store, doubts), self._clock.now()
        ranks = list(dict.fromkeys(feed.source for feed in feeds))
        found = [made for made in (verdict(doubt, held, ranks, now) for doubt in doubts) if made]
        if found:
            commit = Commit(at=now, batches=[Batch.of(found)])
            await persist(lambda: self._store.commit(commit))
            heard.notes.append(_told(found))


def wanted(
    doubts: Sequence[Doubt], held: Held, feeds: Sequence[Feed]
) -> tuple[Mapping[str, Sequence[Unit]], int]:
    """What to ask of which source: days of which one source alone has a bar, of `LISTINGS` listings at most.
    Also of how many listings nobody is asked for that bound."""
    asked: dict[str, dict[Unit, None]] = defaultdict(dict)
    chosen: set[str] = set()
    left: set[str] = set()
    for doubt in doubts:
        if doubt.finding.check_name not in COMPARED:
            continue
        source = next_source(feeds, doubt.own) if doubt.own else None
        if source is None or len(held.bars[doubt.place]) > 1 or explained(doubt, held):
            continue
        if doubt.key in chosen or len(chosen) < LISTINGS:
            chosen.add(doubt.key)
            day = doubt.finding.report_date
            asked[source][Unit("prices", doubt.key, Span(day, day))] = None
        else:
            left.add(doubt.key)
    return {source: list(units) for source, units in asked.items()}, len(left)


def untold(held: Iterable[Holding], today: date) -> list[str]:
    """That bars came from sources that tell neither splits nor dividends, where some are to be asked for."""
    sources = Counter(holding.source for holding in held if mark_of(holding).seeks(today))
    return [
        f"{source} tells no splits and dividends of its {count} listings: as traded and adjusted they are "
        "unsure; the next refresh asks a source that tells them"
        for source, count in sorted(sources.items())
    ]


def next_source(feeds: Sequence[Feed], own: str) -> str | None:
    """The source that is asked after `own`; the last is followed by the first. None where there is no
    other."""
    sources = list(dict.fromkeys(feed.source for feed in feeds))
    at = sources.index(own) if own in sources else -1
    return next((source for source in (*sources[at + 1 :], *sources) if source != own), None)


def explained(doubt: Doubt, held: Held) -> bool:
    """Whether a split that is known by now explains a move: one between the days whose shares the two closes
    count, which are their own unless their source adjusts for splits that it does not tell. Or whether those
    since a session explain that its close is another now."""
    finding, day = doubt.finding, doubt.finding.report_date
    if finding.check_name == REBASED and finding.found and finding.expected:
        ratio = factor(held.splits.get(doubt.ident, ()), day, new_york_date(finding.found_at))
        return abs(finding.found / finding.expected / ratio - 1.0) <= SAME
    if finding.check_name != "bar_move":
        return False
    before = sessions.before(day)
    first, last = before, day
    counted = held.bars.get((doubt.ident, before), {}).values()
    earlier = [basis or before for bar, basis, _ in counted if bar.close == finding.expected]
    own = held.bars.get(doubt.place, {}).get(doubt.own)
    if earlier and own is not None:
        first, last = sorted((min(earlier), own.basis or day))
    return split_between(held.splits.get(doubt.ident, ()), first, last)


def verdict(doubt: Doubt, held: Held, ranks: Sequence[str], at: datetime) -> Finding | None:
    """The finding as it stands once the sources' bars are compared; None where nothing can be said, or
    was said before.

    A move on the day of a split that is known by now is no doubt any more. Prices are the same where they
    differ by at most `SAME`, or by a rounding to cents.
    """
    finding, splits = doubt.finding, held.splits.get(doubt.ident, ())
    if explained(doubt, held):
        return replace(finding, resolved_at=at)
    if finding.check_name not in COMPARED:
        return None
    own = doubt.own
    beside = {source: bar for source, bar in held.bars.get(doubt.place, {}).items() if source != own}
    second = min(
        beside, key=lambda name: (ranks.index(name) if name in ranks else len(ranks), name), default=""
    )
    if not own or not second:
        return None
    first, other = (_traded(held.bars[doubt.place][name], splits) for name in (own, second))
    compared = COMPARED[finding.check_name]
    pairs = [(name, getattr(first, name), getattr(other, name)) for name in compared]
    apart = next((pair for pair in pairs if None not in pair and not _same(*pair[1:])), None)
    if apart is None and any(None in pair for pair in pairs):
        return None
    said = f"; {second} confirms it"
    if apart is not None:
        name, mine, its = apart
        said = f"; {own} has a {name} of {mine:g}, {second} one of {its:g}"
    if said in finding.sentence:
        return None
    finding = replace(finding, sentence=finding.sentence + said, severity="note" if apart is None else "hard")
    if apart is None:
        return finding
    difference = abs(mine - its) / max(mine, its)
    return replace(finding, expected=its, found=mine, relative_difference=difference)


def own_source(doubt: Doubt, held: Held, ranks: Sequence[str]) -> str:
    """The source whose bar the finding is about: of several with the same number the one that answered when
    it was found, else the first by rank. Empty where that bar is there no more."""
    column, found, at = doubt.finding.column_name, doubt.finding.found, doubt.finding.found_at
    bars = held.bars.get(doubt.place, {})
    alike = [source for source, sent in bars.items() if getattr(sent.bar, column) == found]
    order = {name: place for place, name in enumerate(ranks)}
    return min(alike, key=lambda name: (bars[name].at != at, order.get(name, len(order)), name), default="")


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= max(SAME * max(one, other), CENT)


def _traded(told: Sent, splits: Sequence[Split]) -> Bar:
    bar, basis, _ = told
    return bar if basis is None else rescaled(bar, factor(splits, bar.day, basis))


def _told(verdicts: Sequence[Finding]) -> str:
    count = {
        name: sum(v.severity == name for v in verdicts if not v.resolved_at) for name in ("note", "hard")
    }
    explained = len(verdicts) - sum(count.values())
    return (
        f"{len(verdicts)} doubtful bars were looked up: {count['note']} confirmed, {count['hard']} differ, "
        f"{explained} explained by a split"
    )


def _doubts(store: Store, keys: set[str], since: datetime) -> list[Doubt]:
    """The job's, the latest days first."""
    where = (
        Condition(column="check_name", op="in", value=(*COMPARED, REBASED)),
        Condition(column="table_name", op="=", value=DailyPrice.table),
        Condition(column="found_at", op=">=", value=since),
        Condition(column="resolved_at", op="is null"),
    )
    found = [
        Finding(**dict(zip(table_of(Finding).names, row, strict=True)))
        for row in store.read(Finding, (), where)
    ]
    doubts = [
        Doubt(finding=f, ident=listing_id(f.period_type, f.cik), key=listing_key(f.period_type, f.cik))
        for f in found
    ]
    mine = [doubt for doubt in doubts if doubt.key in keys]
    return sorted(mine, key=lambda doubt: (doubt.finding.report_date, doubt.key), reverse=True)


def _held(store: Store, doubts: Sequence[Doubt]) -> Held:
    """What is held of these sessions and of those before them."""
    mine = Condition(column="listing_id", op="in", value=tuple({doubt.ident for doubt in doubts}))
    doubted = {doubt.finding.report_date for doubt in doubts}
    value = tuple(doubted | {sessions.before(day) for day in doubted})
    days = Condition(column="day", op="in", value=value)
    bars: dict[tuple[int, date], dict[str, Sent]] = defaultdict(dict)
    splits: dict[int, list[Split]] = defaultdict(list)
    if doubts:
        for ident, day, source, *numbers, basis, at in store.read(DailyPrice, (), (mine, days)):
            bars[ident, day][source] = Sent(Bar(day, *numbers), basis, at)
        kind = Condition(column="kind", op="=", value="split")
        columns = ("listing_id", "ex_date", "numerator", "denominator")
        # Several sources tell the same split.
        for ident, *split in set(store.read(CorporateAction, columns, (mine, kind))):
            splits[ident].append(Split(*split))
    return Held(bars=bars, splits=splits)


async def _ask(transport: Transport, feeds: Sequence[Feed], call: Call, heard: Heard) -> Sequence[Call]:
    """Take the rows of an answer, and return what else must be asked. Its coverage is left: it was asked for
    single days.

    Raises:
        SourceError: the source does not answer, or what it says cannot be read.
    """
    feed = next(feed for feed in feeds if feed.name == call.feed)
    reply = await transport.send(replace(call, patient=False, archive=False))
    heard.requests += reply.attempts
    heard.bytes += reply.wire
    pages = list(feed.read(reply, {}))
    heard.rows += [batch for page in pages for batch in page.batches if batch.record is not Finding]
    return [further for page in pages for further in page.calls]
