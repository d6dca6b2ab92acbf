"""The last session of many listings by Yahoo's quotes: a request for fifty in place of one a listing.

A quote tells no splits and no ex-dividend dates, so that it settles a listing's bar only where none can lie
between it and what is held. Every other listing is left to its chart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from urllib.parse import quote

from evertape.clock import new_york_date
from evertape.datasets import prices, universe
from evertape.datasets.price_marks import UNTOLD
from evertape.errors import Malformed
from evertape.formats import sessions
from evertape.formats.bar_doubts import moves, out_of_range
from evertape.formats.bars import MalformedPrices, Series
from evertape.formats.yahoo_quotes import Quoted, read_quotes
from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.unit import Holding, Outcome, Standing
from evertape.sources.pages import page_of_answer

FEED = "yahoo.quotes"
_URL = "https://query1.finance.yahoo.com/v7/finance/quote"
MOST = 50
"""Symbols of a request. No maximum is documented; clients ask for 20 to 100."""
SESSION = 2
"""Requests that a cookie and its crumb take."""
LEFT = 5
"""Of so many listings one is expected to be left to its chart: payers between a dividend's declaration and
its payment, and sessions without trades."""
JUMP = 1.2
"""Nearly every split moves the price by more: the smallest in common use are 5 for 4 and 3 for 2."""
KINDS = ("EQUITY",)
"""Funds pay without a date, and other things have no bars."""


def ask_quotes(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call for up to `MOST` listings that lack one session, the one after what is covered. None where
    their charts take no more requests.

    Carried along: for each unit the day from which its chart would be asked for.
    """
    due = [standing for standing in standings if _one_session(standing)]
    parts = [due[at : at + MOST] for at in range(0, len(due), MOST)]
    calls = []
    for part in parts:
        symbols = [universe.split_listing(standing.key)[0] for standing in part]
        calls.append(
            Call(
                source="yahoo",
                feed=FEED,
                url=f"{_URL}?symbols={','.join(quote(s, safe='') for s in symbols)}&formatted=false",
                units=tuple(standing.unit for standing in part if standing.unit),
                label=f"{len(part)} quotes from {part[0].label}",
                session=True,
                expected=1 + -(-len(part) // LEFT),
                carried=tuple(min(standing.evidence) for standing in part),
            )
        )
    return calls if SESSION + sum(call.expected for call in calls) < len(due) else ()


def _one_session(standing: Standing) -> bool:
    """Whether one session is due, right after what is covered and the last that was traded, and splits and
    dividends were told lately."""
    span = standing.unit.span if standing.unit else None
    if span is None or span.start != span.end or standing.covered is None:
        return False
    if not standing.quiet or not standing.evidence:
        return False
    told = date.fromisoformat(min(standing.evidence))
    follows = sessions.count(standing.covered.end, span.start) == 2 and standing.covered.end < span.start
    return follows and sessions.count(told, span.start) - 1 <= UNTOLD


def read(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """The bars that quotes are sure of, see `reason_against`. The other listings are left, and why is noted.

    What has been settled meanwhile is settled still.
    """
    try:
        quotes = read_quotes(reply.body)
    except MalformedPrices as error:
        raise Malformed(f"{reply.call.url}: {error}") from error
    against: Counter[str] = Counter()
    size = reply.wire // len(reply.call.units) if reply.wire else None
    for unit in reply.call.units:
        symbol, _cik = universe.split_listing(unit.key)
        was, quoted = held.get(unit.key), quotes.get(symbol)
        assert unit.span is not None
        day = unit.span.end
        if was is not None and _covers(was, day):
            yield Page(settled=(was,))
            continue
        reason = "unknown" if quoted is None else reason_against(quoted, day, was, reply.at)
        if quoted is None or reason:
            against[reason] += 1
            continue
        series = Series(symbol=symbol, bars=(quoted.bar(day),), currency=quoted.currency)
        answer = prices.Answer(unit=unit, series=series, source="yahoo", at=reply.at, silent=True, size=size)
        yield page_of_answer(answer, was)
    if against:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(against.items()))
        left = f"{against.total()} of {len(reply.call.units)} quotes left to charts"
        yield Page(notes=(f"{left}: {reasons}",))


def reason_against(quoted: Quoted, day: date, was: Holding | None, at: datetime) -> str:
    """Why a quote that came `at` may not settle the session of `day`; empty where it may. Pure.

    It may where it is that session's last word, where the close before is the one that is held, so that
    neither a split nor a correction nor a gap lies between, and where no dividend can have gone ex: Yahoo
    tells the day on which the latest declared one is paid, which is after its ex-date. Asked for in 2019 and
    2021, MSFT's lay a month and three months ahead, before its ex-date, and AAPL's a month back, see
    https://github.com/joshuaulrich/quantmod/issues/287 and https://github.com/iprak/yahoofinance/issues/64.
    """
    mark = prices.mark_of(was)
    told = (quoted.open, quoted.high, quoted.low, quoted.close)
    if quoted.kind not in KINDS or not all(price is not None and price > 0 for price in told):
        return "without prices of a share"
    if any(out_of_range(quoted.bar(day))):
        return "out of its own range"
    if not quoted.volume or quoted.volume < 0:
        return "without a volume"
    if not prices.quiet(day, at):
        return "not settled yet"
    if quoted.at is None or new_york_date(quoted.at) != day or quoted.at < sessions.closed_at(day):
        return "of another time"
    if mark.last != sessions.before(day) or not mark.closes:
        return "after a gap"
    before, held = quoted.previous, mark.closes[-1]
    if before is None or before <= 0 or not prices.same(before, held):
        return "after another close"
    if abs(before / held - 1.0) >= prices.LEAST_SPLIT:
        # Of prices of a few cents, a cent is a split.
        return "after another close"
    if _jumps(quoted, day, mark):
        return "after a jump"
    if quoted.pays and (quoted.paid_on is None or quoted.paid_on >= day):
        return "with a dividend ahead"
    if mark.known is None or sessions.count(mark.known, day) - 1 > UNTOLD:
        return "untold for long"
    return ""


def _jumps(quoted: Quoted, day: date, mark: prices.Mark) -> bool:
    """Whether the close moved as far as a split moves it, which Yahoo may not have heard of when it told the
    close before; or so far that a chart must say what happened."""
    close, held = quoted.close, mark.closes[-1]
    assert close is not None
    return not 1 / JUMP < close / held < JUMP or any(moves(mark.closes, mark.last, [quoted.bar(day)], ()))


def _covers(was: Holding, day: date) -> bool:
    span = was.unit.span
    return was.outcome is Outcome.SETTLED and span is not None and span.start <= day <= span.end
