"""What this home holds, as a source: datasets that are built on request from the rows of another.

An address is `held:DATASET/CIK`. Nothing is sent: the rows are read from the store, and building from them
is planned, run, resumed and reported like any other work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

import msgspec

from evertape.datasets import vintages
from evertape.errors import Malformed
from evertape.model.call import Call, Reply
from evertape.model.dataset import Dataset
from evertape.model.feed import Feed, Page, Refusal, Source
from evertape.model.records import Batch, Condition, Kind, Record, Row, Truth, table_of
from evertape.model.unit import Holding, Outcome, Standing

SCHEME = "held:"
_TYPES: Mapping[Kind, type] = {
    "integer": int, "real": float, "boolean": bool, "date": date, "instant": datetime,
}  # fmt: skip


def pack(batches: Mapping[str, Sequence[Row]]) -> bytes:
    """Rows by table as the body of an answer."""
    return msgspec.msgpack.encode(batches)


def unpack(body: bytes, reads: tuple[type[Record], ...]) -> list[Batch]:
    """The batches of these record types that `pack` wrote. Raises msgspec.DecodeError for anything else."""
    tables = _decoder(reads).decode(body)
    return [Batch(record=record, rows=getattr(tables, table_of(record).name)) for record in reads]


@cache
def _decoder(reads: tuple[type[Record], ...]) -> msgspec.msgpack.Decoder[Any]:
    fields: list[tuple[str, Any]] = []
    for record in reads:
        table = table_of(record)
        values = [_TYPES.get(c.kind, str) for c in table.columns]
        row = tuple(v | None if c.nullable else v for v, c in zip(values, table.columns, strict=True))
        fields.append((table.name, list[tuple[row]]))  # type: ignore[valid-type]
    shape = msgspec.defstruct("_Rows", fields)
    return msgspec.msgpack.Decoder(shape)


def ask_vintages(standings: Sequence[Standing]) -> Sequence[Call]:
    """One call a company; what its facts are now is what the answer will have been made of."""
    return [
        Call(
            source=SOURCE.name,
            feed="held.vintages",
            url=f"{SCHEME}{s.unit.dataset}/{s.key}",
            units=(s.unit,),
            label=s.label,
            awaited=s.evidence,
        )
        for s in standings
        if s.unit is not None
    ]


def read_vintages(reply: Reply, _held: Mapping[str, Holding]) -> Iterator[Page]:
    """All vintages of a company, in place of those that were held."""
    yield _built(vintages.DATASET, reply)


def _built(dataset: Dataset, reply: Reply) -> Page:
    (unit,) = reply.call.units
    if dataset.derived is None or reply.status != 200:
        raise Malformed(f"{reply.call.url} has no rows to build {dataset.name} from (status {reply.status})")
    try:
        batches = dataset.derived.derive(unpack(reply.body, dataset.derived.reads), reply.at)
    except (msgspec.MsgspecError, ValueError, LookupError) as error:
        raise Malformed(
            f"{dataset.name} of {unit.key} cannot be built from the {dataset.derived.parent} that are held: "
            f"{error!r}; run: evertape rebuild"
        ) from error
    mine = (Condition(column="cik", op="=", value=int(unit.key)),)
    held = Holding(
        unit=unit,
        outcome=Outcome.SETTLED if any(batch.rows for batch in batches) else Outcome.NOTHING,
        checked_at=reply.at,
        source=SOURCE.name,
        version=dataset.derived.version,
        mark=" ".join(reply.call.awaited),
    )
    return Page(
        batches=tuple(batches),
        replaced=tuple(Truth(record=record, where=mine) for record in dataset.records),
        settled=(held,),
    )


def refusal(_reply: Reply) -> Refusal | None:
    """What is held is never refused."""
    return None


SOURCE = Source(name="held", hosts=(), limits=(), refusal=refusal)
FEEDS = (
    Feed(
        name="held.vintages",
        source=SOURCE.name,
        dataset=vintages.NAME,
        ask=ask_vintages,
        read=read_vintages,
        size=0,
        computing=0.5,
    ),
)
