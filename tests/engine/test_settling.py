"""What stands beside an answer's rows: read once, handed to what derives, and there first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evertape import catalog
from evertape.datasets.companies import Company
from evertape.datasets.statements import IncomeStatement
from evertape.engine.settling import commit_of, rows_beside, stages
from evertape.model.call import Call, Reply
from evertape.model.job import Item
from evertape.model.records import Batch, Condition, Record, Row, table_of
from evertape.model.store import Commit
from evertape.model.unit import Unit
from evertape.sources.sec import read_facts
from evertape.stores.sqlite import SqliteStore
from tests.conformance.test_feeds import FACTS
from tests.conformance.worlds import CATALOG

AT = datetime(2026, 7, 10, tzinfo=UTC)
APPLE, FORD = Unit("facts", "0000320193"), Unit("facts", "0000037996")


class Counting(SqliteStore):
    """A store that remembers which records were read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.seen: list[type[Record]] = []

    def read(
        self, record: type[Record], columns: Sequence[str] = (), where: Sequence[Condition] = ()
    ) -> list[Row]:
        self.seen.append(record)
        return super().read(record, columns, where)


def company(cik: int, sic: str | None) -> Row:
    values: dict[str, Any] = {
        "cik": cik, "name": "Any", "sic": sic, "source": "sec.submissions", "fetched_at": AT,
    }  # fmt: skip
    return tuple(values.get(name) for name in table_of(Company).names)


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    made = Counting(tmp_path / "evertape.db")
    made.migrate(CATALOG.records)
    rows = [company(320193, "6798"), company(37996, "3711")]
    made.commit(Commit(at=AT, batches=[Batch(record=Company, rows=rows)]))
    return made


def item(position: int, dataset: str) -> Item:
    return Item(
        job_id="1", position=position, step=0, dataset=dataset, key=str(position), label="", feed="any"
    )


def test_rows_of_all_companies_of_a_batch_are_read_by_one_query(store: Counting) -> None:
    datasets = catalog.find().datasets
    found = rows_beside(store, datasets, [APPLE, FORD, Unit("facts", "0000000099")])
    assert store.seen == [Company]
    assert {cik: [b.rows[0][2] for b in batches] for cik, batches in found.items()} == {
        320193: ["6798"],
        37996: ["3711"],
    }


def test_nothing_is_read_for_what_derives_nothing(store: Counting) -> None:
    datasets = catalog.find().datasets
    assert rows_beside(store, datasets, [replace(APPLE, dataset="companies")]) == {}
    assert rows_beside(store, datasets, []) == {}
    assert store.seen == []


def test_profiles_are_there_before_the_facts_that_they_stand_beside() -> None:
    datasets = catalog.find().datasets
    mixed = [item(0, "facts"), item(1, "companies"), item(2, "filings"), item(3, "companies")]
    assert [[i.position for i in part] for part in stages(datasets, mixed)] == [[1, 3], [0, 2]]
    assert [len(part) for part in stages(datasets, mixed[:1])] == [1]
    assert stages(datasets, []) == []


def commit(store: SqliteStore, call: Call, known: bool) -> Commit:
    datasets = catalog.find().datasets
    reply = Reply(call=call, status=200, headers={}, body=FACTS, wire=len(FACTS), at=AT)
    beside = rows_beside(store, datasets, call.units) if known else {}
    return commit_of(datasets, call, list(read_facts(reply, {})), reply, beside)


def test_what_stands_beside_is_read_and_not_written_again(store: Counting) -> None:
    call = Call(source="sec", feed="sec.companyfacts", url="https://data.sec.gov/any", units=(APPLE,))
    records = [batch.record for batch in commit(store, call, known=True).batches]
    assert Company not in records
    assert IncomeStatement in records
    assert records == [batch.record for batch in commit(store, call, known=False).batches]
