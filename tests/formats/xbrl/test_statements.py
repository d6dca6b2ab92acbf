"""What holds for the statements of every recorded company."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from itertools import chain, pairwise
from typing import Any

import pytest

from evertape.formats.xbrl import Operand, Statements, standardize
from evertape.formats.xbrl.concepts import COLUMNS, LINES
from evertape.formats.xbrl.periods import DRIFT
from tests.formats.xbrl.conftest import COMPANIES, Recorded
from tests.formats.xbrl.made import rows_of

pytestmark = pytest.mark.shared

NAMES = [name for name in COMPANIES if name != "NONE"]
STATEMENTS = ("income", "balance", "cash_flow")


def _rows(recorded: Recorded, name: str, statement: str) -> list[dict[str, Any]]:
    rows = getattr(recorded.statements(name), statement)
    assert isinstance(rows, list)
    return rows


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("name", NAMES)
def test_no_two_rows_share_a_period(name: str, statement: str, recorded: Recorded) -> None:
    rows = _rows(recorded, name, statement)
    assert rows
    by_date = Counter((r["cik"], r["report_date"], r["period_type"]) for r in rows)
    by_name = Counter((r["fiscal_year"], r["fiscal_period"], r["period_type"] == "ttm") for r in rows)
    assert max(by_date.values()) == max(by_name.values()) == 1
    for period_type in ("quarter", "annual", "ttm"):
        ends = [r["report_date"] for r in rows if r["period_type"] == period_type]
        assert all((later - end).days > DRIFT for end, later in pairwise(ends))


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_its_filing(name: str, statement: str, recorded: Recorded) -> None:
    filings = recorded.facts(name).filings
    for row in _rows(recorded, name, statement):
        seen = filings[row["accession_number"]]
        assert (row["form"], row["filed_date"], row["known_from"]) == (seen.form, seen.filed, seen.filed)
        assert row["currency"] == ("TWD" if name == "TSM" else "USD")


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_is_the_sum_of_its_operands(name: str, recorded: Recorded) -> None:
    told = recorded.statements(name)
    facts = set(recorded.facts(name).facts)
    money = {"flow", "instant"}
    kinds = {line.name: line.kind for line in LINES}
    for (_, _, _, column), cell in told.lineage.items():
        assert cell.value == sum(o.sign * o.value for o in cell.operands)
        assert all(
            (o.taxonomy, o.tag, o.unit, o.start, o.end, o.value, o.accession, o.form, o.filed) in facts
            for o in cell.operands
        )
        assert len({o.unit for o in cell.operands}) == 1
        if kinds[column] not in money:
            assert len(cell.operands) == 1
    filled = sum(
        row[column] is not None for s in STATEMENTS for row in getattr(told, s) for column in COLUMNS[s]
    )
    assert filled == len(told.lineage)


@pytest.mark.parametrize("name", NAMES)
def test_as_of_a_day_is_what_facts_filed_until_then_tell(name: str, recorded: Recorded) -> None:
    company = recorded.facts(name)
    days = sorted({f[8] for f in company.facts})
    for cut in (days[0], days[len(days) // 3], days[-2], date(2014, 6, 30)):
        told = standardize(company, as_of=cut)
        known = standardize([f for f in company.facts if f[8] <= cut], cik=company.cik)
        assert (told.income, told.balance, told.cash_flow) == (known.income, known.balance, known.cash_flow)
        rows = [row for s in STATEMENTS for row in getattr(told, s)]
        assert all(row["known_from"] <= cut for row in rows)


@pytest.mark.parametrize("name", ["AAPL", "XOM", "SNOW"])
def test_what_was_known_in_a_company_does_not_vanish_later(name: str, recorded: Recorded) -> None:
    company, later = recorded.facts(name), recorded.statements(name)
    days = sorted({f[8] for f in company.facts})
    then = standardize(company, as_of=days[len(days) // 2])
    for statement in STATEMENTS:
        kept = {(r["report_date"], r["period_type"]) for r in getattr(later, statement)}
        assert {(r["report_date"], r["period_type"]) for r in getattr(then, statement)} <= kept


def _flows(statement: str) -> list[str]:
    return [line.name for line in LINES if line.statement == statement and line.kind == "flow"]


@pytest.mark.parametrize("name", NAMES)
def test_twelve_months_are_four_quarters_or_the_year(name: str, recorded: Recorded) -> None:
    told = recorded.statements(name)
    flows = {s: _flows(s) for s in ("income", "cash_flow")}
    for statement, columns in flows.items():
        rows = getattr(told, statement)
        years = {r["report_date"]: r for r in rows if r["period_type"] == "annual"}
        quarters = [r for r in rows if r["period_type"] == "quarter"]
        for row in (r for r in rows if r["period_type"] == "ttm"):
            end = row["report_date"]
            if end in years:
                assert {**row, "period_type": "annual"} == years[end]
                continue
            (last,) = [n for n, r in enumerate(quarters) if r["report_date"] == end]
            four = quarters[last - 3 : last + 1]
            assert 350 <= (end - four[0]["period_start"]).days <= 379
            assert row["known_from"] <= max(r["known_from"] for r in four)
            for column in COLUMNS[statement]:
                values = [r[column] for r in four]
                known = column in columns and None not in values
                if row[column] == (sum(values) if known else None):
                    continue
                # Only where the four take one period's figure on two bases, and then it does not.
                quarterly = [_operands(told, (statement, r["report_date"], "quarter"), column) for r in four]
                assert _contradict(chain.from_iterable(quarterly))
                operands = _operands(told, (statement, end, "ttm"), column)
                assert not _contradict(operands)
                assert row[column] == (sum(o.sign * o.value for o in operands) if operands else None)
                assert all(o.filed <= row["known_from"] for o in operands)


def _contradict(operands: Iterable[Operand]) -> bool:
    """Whether a period's value is added and another value of the same period is subtracted."""
    signed: dict[tuple[str, date | None, date], set[tuple[int, float]]] = {}
    for o in operands:
        signed.setdefault((o.tag, o.start, o.end), set()).add((o.sign, o.value))
    return any(
        one != other and value != another
        for found in signed.values()
        for one, value in found
        for other, another in found
    )


def _operands(told: Statements, key: tuple[str, date, str], column: str) -> tuple[Operand, ...]:
    cell = told.explain(*key, column)
    return cell.operands if cell else ()


ROUNDING = 3e6
"""Companies that report in millions round each quarter by itself: three of the last digit at most."""


@pytest.mark.parametrize("name", NAMES)
def test_four_quarters_make_the_year_where_one_filing_gave_its_end(name: str, recorded: Recorded) -> None:
    told = recorded.statements(name)
    summed = agreed = 0
    for statement in ("income", "cash_flow"):
        rows = {(r["fiscal_year"], r["fiscal_period"]): r for r in rows_of(getattr(told, statement))}
        for (year, part), annual in rows.items():
            quarters = [rows.get((year, f"Q{n}")) for n in (1, 2, 3, 4)]
            if part != "FY" or None in quarters:
                continue
            for column in _flows(statement):
                values = [q[column] for q in quarters if q]
                if annual[column] is None or None in values:
                    continue
                filings = [
                    {o.accession for o in _operands(told, (statement, annual["report_date"], p), column)}
                    for p in ("annual", "quarter")
                ]
                if not filings[0] <= filings[1]:
                    continue
                summed += 1
                agreed += abs(sum(values) - annual[column]) <= ROUNDING
    print(f"{name}: four quarters make the year in {agreed} of {summed} cells")
    assert agreed >= 0.9 * summed


PARTS = ("total_assets", "total_liabilities", "total_equity")
MINORITY = ("MinorityInterest", "NoncontrollingInterests")
TEMPORARY = (
    "TemporaryEquityCarryingAmountAttributableToParent",
    "TemporaryEquityValueExcludingAdditionalPaidInCapital",
    "RedeemableNoncontrollingInterestEquityCarryingAmount",
    "TemporaryEquityCarryingAmount",
)


@pytest.mark.parametrize("name", NAMES)
def test_assets_are_liabilities_and_equity(name: str, recorded: Recorded) -> None:
    told = recorded.statements(name)
    said = {(f[6], f[4], f[1], f[2]): f[5] for f in recorded.facts(name).facts if f[3] is None}
    balanced = whole = one_balanced = one = 0
    for row in told.balance:
        end = row["report_date"]
        operands = [_operands(told, ("balance", end, row["period_type"]), column) for column in PARTS]
        if any(len(found) != 1 for found in operands):
            continue
        assets, liabilities, equity = (found[0] for found in operands)
        filing, currency, end = assets.accession, assets.unit, assets.end
        others = sum(
            next(
                (said[filing, end, tag, currency] for tag in tags if (filing, end, tag, currency) in said),
                0.0,
            )
            for tags in (MINORITY, TEMPORARY)
        )
        fits = abs(assets.value - liabilities.value - equity.value - others) <= ROUNDING
        whole, balanced = whole + 1, balanced + fits
        if assets.accession == liabilities.accession == equity.accession:
            one, one_balanced = one + 1, one_balanced + fits
    print(f"{name}: balanced {balanced} of {whole}, {one_balanced} of {one} where one filing gave all")
    assert one_balanced == one
