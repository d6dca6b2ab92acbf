"""A folder of CSV files as a source of prices: copy this file into HOME/plugins/sources, and that is all.

One file a symbol, FOLDER/AAPL.csv, with the columns Date,Open,High,Low,Close,Volume in any order and case;
Date as 2026-07-10; numbers as traded, or as your provider adjusts them: say so in ADJUSTED. The folder is
the variable CSV_PRICES, or `prices` below the current folder. A symbol without a file goes to the next
source, so that a folder with a few files of your own is enough.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from urllib.parse import quote

from evertape.clock import new_york_date
from evertape.datasets import prices, quality, universe
from evertape.errors import Malformed
from evertape.formats.bars import Bar, Series
from evertape.model.call import Call, Reply
from evertape.model.feed import Feed, Page, Refusal, Source
from evertape.model.records import Batch
from evertape.model.unit import Holding, Standing

FOLDER = Path(os.environ.get("CSV_PRICES", "prices")).absolute()
ADJUSTED = False
"""Whether the files' numbers are adjusted for splits up to today."""
COLUMNS = ("open", "high", "low", "close", "volume")


def ask(standings: Sequence[Standing]) -> Sequence[Call]:
    """One file a listing."""
    return [
        Call(
            source="csv",
            feed="csv.prices",
            url=f"file://{quote(str(FOLDER / universe.split_listing(s.unit.key)[0]))}.csv",
            units=(s.unit,),
            label=s.label,
        )
        for s in standings
        if s.unit is not None
    ]


def read(reply: Reply, held: Mapping[str, Holding]) -> Iterator[Page]:
    """The bars of the days asked for; nothing where there is no file, so that the next source is asked."""
    (unit,) = reply.call.units
    if reply.status != 200:
        return
    try:
        bars = tuple(sorted(read_bars(reply.body)))
    except (ValueError, KeyError, csv.Error) as error:
        raise Malformed(f"{reply.call.url} is no CSV of daily prices: {error!r}") from error
    series = Series(
        symbol=unit.key,
        bars=bars,
        adjusted=ADJUSTED,
        basis=new_york_date(reply.at) if ADJUSTED else None,
        tells_splits=False,
    )
    answer = prices.Answer(unit=unit, series=series, source="csv", at=reply.at)
    found = prices.settle(answer, held.get(unit.key))
    yield Page(
        batches=(
            Batch(record=prices.DailyPrice, rows=found.bars),
            Batch(record=quality.Finding, rows=found.findings),
        ),
        settled=() if found.holding is None else (found.holding,),
        notes=found.notes,
    )


def read_bars(body: bytes) -> Iterator[Bar]:
    """The rows of a file. Raises ValueError or KeyError for one that is no bar."""
    rows = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
    for row in rows:
        named = {str(name).strip().lower(): value for name, value in row.items()}
        cells = [named[name].strip() for name in COLUMNS]
        first, high, low, last, volume = (float(cell) if cell else None for cell in cells)
        yield Bar(date.fromisoformat(named["date"].strip()), first, high, low, last, volume)


def refusal(_reply: Reply) -> Refusal | None:
    """A file is never refused."""
    return None


SOURCE = Source(name="csv", hosts=(), limits=(), refusal=refusal)
FEEDS = (
    Feed(
        name="csv.prices",
        source="csv",
        dataset="prices",
        ask=ask,
        read=read,
        size=0,
        rank=5,
        partial=True,
        computing=0.001,
    ),
)
