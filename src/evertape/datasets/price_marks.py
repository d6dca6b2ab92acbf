"""What a holding of prices remembers of a listing's bars, so that loss, gaps and rewriting are noticed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec

from evertape.formats import sessions
from evertape.formats.bar_doubts import recent
from evertape.formats.bars import Bar, Split
from evertape.model.unit import Holding, Span

AGAIN = (timedelta(hours=4), timedelta(hours=20))
"""How long after the last look a session without a bar is asked for a second and a third time: the same
evening, for a source that is late, and the next day."""
HOLES = len(AGAIN) + 1
"""A session without a bar is asked for so often, then taken for one without trades."""
RECENT_HOLES = 20
UNTOLD = 20
"""Sessions for which answers that tell no splits and dividends may follow each other: then an answer that
tells them makes good what was learnt of since."""
SEEK_AGAIN = timedelta(days=7)
"""What has been sought in vain of splits and dividends is sought again after this."""
LATE = timedelta(days=10)
"""No source is later than this: a session that was longer ago when the answer came and has no bar had no
trades. It is not asked for again, which would draw all days since into the next plan."""


SETTLES = timedelta(minutes=30)
"""Trades are reported late: a session's volume still grows for some minutes after its close."""


def quiet(day: date, now: datetime) -> bool:
    """Whether a session was the last to open, has closed, and its trades are reported."""
    closed = day == sessions.last_closed(now) and not sessions.is_open(now)
    return closed and now >= sessions.closed_at(day) + SETTLES


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a holding remembers of a listing's bars.

    Attributes:
        n: sessions in the covered span that have a bar. More than there are in the rows tells that some
            were lost; fewer where a bar came for a gap that is no longer remembered.
        first: the first session with a bar; those before it are no holes.
        last: the last session with a bar.
        closes: the latest closes since the last split, as traded, the last of them on `last`.
        holes: sessions after `first` that had no bar, the latest few, and how often they were asked for.
        told: the day through which splits and dividends were told, where the bars since come from answers
            that tell none; None where nothing is owed. Before `first` where none were ever told.
        sought: the day on which it was last tried in vain to have them told.
        basis: the day whose shares the last of the closes counts; None for that of `last`.
    """

    n: int = 0
    first: date | None = None
    last: date | None = None
    closes: tuple[float, ...] = ()
    holes: dict[str, int] = {}
    told: date | None = None
    sought: date | None = None
    basis: date | None = None

    @property
    def untold(self) -> bool:
        """Whether splits and dividends were never told, or too long ago to wait for the next answer."""
        if self.told is None or self.first is None or self.last is None:
            return False
        return self.told < self.first or sessions.count(self.told, self.last) - 1 > UNTOLD

    def seeks(self, today: date) -> bool:
        """Whether a source that tells splits and dividends is to be asked for them."""
        return self.untold and (self.sought is None or today - self.sought >= SEEK_AGAIN)

    @property
    def known(self) -> date | None:
        """The day from which the next answer must tell bars, splits and dividends."""
        return min((day for day in (self.told, self.last) if day is not None), default=None)

    def owing(self, was: Mark, span: Span, today: date, since: date | None, *, silent: bool) -> Mark:
        """This mark after another, with the day through which splits and dividends are told.

        Args:
            span: the days that the answer is about.
            today: the New York date of the answer.
            since: the answer tells all of them from this day on; None for those of its own days at most.
            silent: it tells none at all.
        """
        told = was.told
        if silent:
            told = min(day for day in (was.known, sessions.before(span.start)) if day is not None)
        elif since is not None and told is not None and since <= told:
            told = None
        new = msgspec.structs.replace(self, told=told)
        if not new.untold:
            return new
        return msgspec.structs.replace(new, sought=today if was.seeks(today) else was.sought)

    def again(self, wanted: Span, passed: timedelta) -> list[date]:
        """Sessions of a span that are due once more, where `passed` lies since the last look."""
        found = []
        for name, strikes in self.holes.items():
            if strikes < HOLES and passed >= AGAIN[strikes - 1]:
                day = date.fromisoformat(name)
                if wanted.start <= day <= wanted.end:
                    found.append(day)
        return found

    def reaches(self, covered: Span) -> date:
        """The last session of a covered span that has a bar or is known to have none, else its first."""
        day = covered.end
        while day > covered.start and self.holes.get(day.isoformat(), HOLES) < HOLES:
            day = sessions.before(day)
        return day

    def text(self) -> str:
        """As a holding keeps it."""
        return msgspec.json.encode(self).decode()


_MARK = msgspec.json.Decoder(Mark)


def mark_of(holding: Holding | None) -> Mark:
    """What the holding remembers; an empty mark where there is none."""
    return _MARK.decode(holding.mark) if holding is not None and holding.mark else Mark()


def marked(
    mark: Mark, covered: Span | None, span: Span, bars: Sequence[Bar], splits: Sequence[Split], today: date
) -> Mark:
    """What to remember once `span` is answered for too.

    Args:
        today: the New York date of the answer.
        covered: what was covered before; None for nothing.
        bars: those of `span`, each with a close, in order, on sessions only.
    """
    days = {bar.day for bar in bars}
    whole = covered is None or span.covers(covered)
    first = min((day for day in (mark.first, *days) if day is not None), default=None)
    holes = dict(mark.holes)
    if covered is not None and mark.first is not None and first is not None and first < mark.first:
        # What lay before the first bar lies between two now.
        gap = sessions.between(covered.start, mark.first)[:-1]
        holes = {day.isoformat(): 1 for day in gap} | holes
    n = 0 if whole else mark.n
    for day in sessions.between(span.start, span.end):
        new = whole or covered is None or not covered.start <= day <= covered.end
        if day in days:
            n += new or day.isoformat() in holes
            if holes:
                holes.pop(day.isoformat(), None)
        elif first is not None and day > first:
            name = day.isoformat()
            if new or name in holes:
                holes[name] = max(holes.get(name, 0) + 1, _strikes(day, today))
    newer = [bar for bar in bars if mark.last is None or bar.day > mark.last]
    kept = sorted(holes)[-RECENT_HOLES:]
    return Mark(
        n=n,
        first=first,
        last=newer[-1].day if newer else mark.last,
        closes=tuple(recent(mark.closes, mark.last, newer, splits)),
        holes={name: holes[name] for name in kept},
    )


def _strikes(day: date, today: date) -> int:
    """How often a session counts as asked for once an answer of `today` has no bar of it."""
    return 1 if today - day <= LATE else HOLES
