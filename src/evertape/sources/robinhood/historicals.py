"""Daily bars from Robinhood: up to twenty symbols a call, for spans that end today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

from evertape.clock import new_york_date
from evertape.datasets import universe
from evertape.errors import Malformed
from evertape.formats.bars import MalformedPrices, Series
from evertape.formats.robinhood import read_historicals, robinhood_symbol
from evertape.formats.typed import same_symbol
from evertape.model.call import Call, Reply
from evertape.model.feed import Page
from evertape.model.unit import Holding, Span, Standing, Unit
from evertape.sources.pages import page_of_series

API = "https://api.robinhood.com"
SYMBOLS = 20
REACH = {"week": 6, "month": 28, "3month": 88, "year": 363, "5year": 1825}
"""Days before today that a span surely reaches, shortest first."""
_SLACK = 5
"""Days by which the asked-for days usually end before today: a weekend and a holiday."""


def ask_prices(standings: Sequence[Standing]) -> Sequence[Call]:
    """Up to twenty listings a call, those that need the same span together."""
    units = [s.unit for s in standings if s.unit is not None and s.unit.span is not None]
    grouped: dict[str, list[Unit]] = {}
    for unit in units:
        grouped.setdefault(_reaching((_span(unit).end - _span(unit).start).days + _SLACK), []).append(unit)
    return [
        _call(found[at : at + SYMBOLS], span)
        for span, found in grouped.items()
        for at in range(0, len(found), SYMBOLS)
    ]


def _reaching(days: int) -> str:
    return next((span for span, reach in REACH.items() if days <= reach), "5year")


def _span(unit: Unit) -> Span:
    if unit.span is None:
        raise ValueError(f"{unit.key} was asked for without days")
    return unit.span


def _symbol(unit: Unit) -> str:
    return universe.split_listing(unit.key)[0]


def _call(units: Sequence[Unit], span: str) -> Call:
    symbols = ",".join(robinhood_symbol(_symbol(unit)) for unit in units)
    query = {"symbols": symbols, "interval": "day", "span": span, "bounds": "regular"}
    label = _symbol(units[0]) if len(units) == 1 else f"{_symbol(units[0])} and {len(units) - 1} more"
    return Call(
        source="robinhood",
        feed="robinhood.historicals",
        url=f"{API}/quotes/historicals/?{urlencode(query, safe=',')}",
        units=tuple(units),
        label=label,
        session=True,
    )


def read_prices(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """Bars adjusted for splits up to the answer's day, a page a listing.

    Days further back than the answer reaches are asked for with a longer span; of days beyond five years
    only the rest is settled. Symbols that Robinhood does not know settle nothing.
    """
    today = new_york_date(reply.at)
    series: Sequence[Series] = ()
    if reply.status == 200:
        try:
            series = read_historicals(reply.body, today)
        except MalformedPrices as error:
            raise Malformed(f"{reply.call.url}: {error}") from error
    span = parse_qs(urlsplit(reply.call.url).query).get("span", ["5year"])[0]
    reached = today - timedelta(days=REACH.get(span, 0))
    further: dict[str, list[Unit]] = {}
    absent = []
    for unit in reply.call.units:
        found = next((s for s in series if same_symbol(s.symbol, _symbol(unit))), None)
        longer = _reaching((today - _span(unit).start).days)
        if found is None or not found.bars:
            absent.append(_symbol(unit))
        elif _span(unit).start < reached and span != "5year" and longer != span:
            further.setdefault(longer, []).append(unit)
        elif _span(unit).end >= reached:
            size = reply.wire // len(reply.call.units) or None
            yield page_of_series(_within(unit, reached), found, reply, held.get(unit.key), size)
        else:
            absent.append(_symbol(unit))
    calls = tuple(_call(units, longer) for longer, units in further.items())
    notes = (f"Robinhood has no prices of {', '.join(absent)} for these days",) if absent else ()
    yield Page(calls=calls, notes=notes)


def _within(unit: Unit, first: date) -> Unit:
    """The part of a unit from `first` on."""
    span = _span(unit)
    return replace(unit, span=Span(max(span.start, first), span.end))
