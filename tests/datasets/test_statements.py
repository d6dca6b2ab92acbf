"""Rows of the statements are values in the order of their records."""

from __future__ import annotations

import pytest

from evertape.datasets.statements import STATEMENTS
from evertape.formats.xbrl.concepts import COLUMNS
from evertape.formats.xbrl.statements import SHARED
from evertape.model.records import table_of


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_records_columns_are_the_shared_ones_and_the_catalogues(statement: str) -> None:
    assert table_of(STATEMENTS[statement]).names == (*SHARED, *COLUMNS[statement])
