"""Every state that a statement row has been in: what was known of all companies on any day, in SQL.

    SELECT cik, MAX(report_date) AS report_date, revenue, filed_date, accession_number
      FROM income_vintages
     WHERE period_type = 'quarter' AND known_from <= :day AND (known_to IS NULL OR known_to > :day)
     GROUP BY cik

SQLite takes the columns that stand beside the one MAX from its row: a company's latest period as of the day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter

from evertape.datasets.companies import Company, sic_codes
from evertape.datasets.facts import FactSeries, facts_of
from evertape.datasets.filings import Filing
from evertape.datasets.statements import filed_of, with_lines
from evertape.formats import xbrl
from evertape.formats.xbrl.vintages import vintages
from evertape.model.dataset import Asked, Dataset, Derived, Evidence
from evertape.model.records import Batch, Record, Row, column
from evertape.model.unit import Freshness, Holding, Standing, Unit

NAME = "vintages"


class _Vintage(Record):
    """What every vintage says about its period, its days and its filing."""

    table = ""
    key = ("cik", "report_date", "period_type", "known_from")
    # Who wants a day's rows of all companies looks them up here; a table's rows are some 300 bytes each.
    indexes = (("period_type", "cik", "report_date", "known_from", "known_to"),)

    cik: int = column("SEC central index key")
    report_date: date = column("last day of the period")
    period_type: str = column('"quarter", "annual" or "ttm" (the twelve months to the end of a quarter)')
    known_from: date = column("first day on which the row was so")
    known_to: date | None = column("day from which it was so no more; null while it stands")
    fiscal_year: int | None = column("the year as the company counts it")
    fiscal_period: str | None = column("Q1, Q2, Q3, Q4 or FY")
    period_start: date | None = column("first day of the period; null on a balance sheet")
    filed_date: date = column("day of the filing that supplied the latest of the values")
    accession_number: str = column("that filing; later ones may have repeated the values")
    form: str = column("that filing's form")
    currency: str = column("unit of the row's money values")
    industry: str | None = column("how the company reports: general, bank, insurer, reit or utility")
    derived: str | None = column("names of the columns that were computed, space between")


IncomeVintage = with_lines(
    _Vintage,
    "IncomeVintage",
    "income",
    "income_vintages",
    "Income statements as known from one day to another.",
)
BalanceVintage = with_lines(
    _Vintage,
    "BalanceVintage",
    "balance",
    "balance_vintages",
    "Balance sheets as known from one day to another.",
)
CashFlowVintage = with_lines(
    _Vintage,
    "CashFlowVintage",
    "cash_flow",
    "cash_flow_vintages",
    "Cash flow statements as known from one day to another.",
)
RECORDS: tuple[type[Record], ...] = (IncomeVintage, BalanceVintage, CashFlowVintage)
STATEMENTS = {"income": IncomeVintage, "balance": BalanceVintage, "cash_flow": CashFlowVintage}


def derive(batches: Sequence[Batch], _now: datetime) -> Sequence[Batch]:
    """Vintages of the companies whose facts are in the batches."""
    rows: dict[str, list[Row]] = {statement: [] for statement in STATEMENTS}
    filed = filed_of(row[1:4] for batch in batches if batch.record is Filing for row in batch.rows)
    codes = sic_codes(batches)
    for batch in batches:
        if batch.record is FactSeries:
            for cik, group in groupby(batch.rows, key=itemgetter(0)):
                for statement, found in vintages(facts_of(group), filed, cik, codes.get(cik)).items():
                    rows[statement] += found
    return [Batch(record=record, rows=rows[name]) for name, record in STATEMENTS.items()]


def due(evidence: Evidence, asked: Asked, _now: datetime) -> Sequence[Standing]:
    """One standing a company: its vintages against the facts that are held of it."""
    facts = evidence.holdings.get("facts", {})
    held = evidence.holdings.get(NAME, {})
    return [_standing(cik, label, facts.get(cik), held.get(cik)) for cik, label in asked.companies.items()]


def _standing(cik: str, label: str, facts: Holding | None, held: Holding | None) -> Standing:
    if facts is None:
        reason = "no facts are held; run: evertape refresh facts"
        return Standing(dataset=NAME, key=cik, label=label, level=Freshness.UNKNOWN, reason=reason)
    made_of = _made_of(facts)
    if held is not None and held.mark == " ".join(made_of):
        return Standing(dataset=NAME, key=cik, label=label, level=Freshness.FRESH, reason=held.note)
    level, reason = (Freshness.MISSING, "never built") if held is None else (Freshness.STALE, _behind(held))
    unit = Unit(NAME, cik)
    return Standing(
        dataset=NAME, key=cik, label=label, level=level, unit=unit, evidence=made_of, reason=reason
    )


def _behind(held: Holding) -> str:
    old = held.mark.split(" ", 1)[0] != xbrl.EXTRACTOR_VERSION
    return "built by another version" if old else "the facts were read again since"


def _made_of(facts: Holding) -> tuple[str, ...]:
    """What the vintages of a company depend on: the extractor, and which reading of its facts."""
    at = facts.checked_at.isoformat()
    return (xbrl.EXTRACTOR_VERSION, at, facts.outcome.value, str(facts.size), *facts.mark.split())


def behind(facts: Mapping[str, Holding], held: Mapping[str, Holding]) -> list[str]:
    """Companies whose facts are held and whose vintages are missing or older than they, by CIK."""
    return [cik for cik in facts if cik not in held or held[cik].mark != " ".join(_made_of(facts[cik]))]


DATASET = Dataset(
    name=NAME,
    doc="every state of every statement row, with the days on which it was known",
    records=RECORDS,
    needs=("facts",),
    due=due,
    derived=Derived(
        parent="facts",
        derive=derive,
        version=xbrl.EXTRACTOR_VERSION,
        reads=(FactSeries, Filing, Company),
    ),
)
