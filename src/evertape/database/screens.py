"""All companies on one day: the latest period of each, as it was known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

from evertape.database.survey import Survey
from evertape.datasets import vintages
from evertape.datasets.facts import key_of
from evertape.errors import UserError
from evertape.formats.xbrl.concepts import COLUMNS
from evertape.formats.xbrl.statements import PERIOD_TYPES
from evertape.model.records import table_of
from evertape.model.store import Store

if TYPE_CHECKING:
    import pandas as pd

LEAD = ("cik", "report_date", "fiscal_year", "fiscal_period", "currency")
FILING = ("filed_date", "accession_number", "form")
_MOMENTARY = "balance"
_TABLES = {statement: table_of(record).name for statement, record in vintages.STATEMENTS.items()}


class Held(Protocol):
    """What is asked: the facade."""

    store: Store
    survey: Survey


def known_on(db: Held, day: date | str, lines: Sequence[str], *, period: str = "annual") -> pd.DataFrame:
    """One row a company: the latest period known at the end of a day, with lines of its statements.

    The statement of the first line (of the first flow, for "ttm") says which period is the latest, and its
    filing is the row's; lines of other statements are of the same report date, null where not known.
    Twelve months take the balance sheet of the day they end on. `behind` marks a company whose facts were
    read again since its vintages were built; `attrs["note"]` counts them, and those without vintages.

    Args:
        lines: columns of any of the three statements.
        period: "annual", "quarter" or "ttm".

    Raises:
        UserError: no vintages are held, or a line or period does not exist.
    """
    import pandas as pd

    if period not in PERIOD_TYPES:
        raise UserError(f"{period} is no period; choose one of {', '.join(PERIOD_TYPES)}")
    wanted = _by_statement(lines, period)
    held = db.store.holdings(vintages.NAME)
    if not held:
        raise UserError("no vintages are held, which days are looked up in; run: evertape refresh vintages")
    on = date.fromisoformat(day) if isinstance(day, str) else day
    names, rows = db.store.sql(query(wanted, lines, period), (on.isoformat(),))
    frame = pd.DataFrame(rows, columns=list(names))
    labels = db.survey.held(on).companies
    behind = vintages.behind(db.store.holdings("facts"), held)
    keys = [key_of(cik) for cik in frame["cik"]]
    frame.insert(0, "symbol", [labels.get(key, key) for key in keys])
    frame["behind"] = [key in behind for key in keys]
    if behind:
        missing = sum(cik not in held for cik in behind)
        frame.attrs["note"] = (
            f"{len(behind)} companies are behind their facts, {missing} of them without any vintages; "
            "run: evertape refresh vintages"
        )
    return frame


def _by_statement(lines: Sequence[str], period: str) -> Mapping[str, list[str]]:
    """Lines by statement; the first one's statement first, which says what the latest period is."""
    found: dict[str, list[str]] = {}
    for line in dict.fromkeys(lines):
        statement = next((name for name, columns in COLUMNS.items() if line in columns), None)
        if statement is None:
            raise UserError(
                f"{line} is no line of a statement; see the columns of: evertape statements --json"
            )
        found.setdefault(statement, []).append(line)
    if not found:
        raise UserError("no line is named; name one or more, such as revenue")
    if period != "ttm":
        return found
    if list(found) == [_MOMENTARY]:
        raise UserError("a balance sheet has no twelve months; choose annual or quarter, or add a flow")
    return dict(sorted(found.items(), key=lambda item: item[0] == _MOMENTARY))


def query(wanted: Mapping[str, Sequence[str]], lines: Sequence[str], period: str) -> str:
    """SQL for the lines of statements; its parameter ?1 is the day. All names in it are the catalogue's."""
    first, *others = wanted
    expressions = {line: f"{first}.{line}" for line in wanted[first]}
    joins = []
    for statement in others:
        # A balance sheet is of a day: twelve months take that of their last quarter, or of the year.
        types = ("quarter", "annual") if (statement, period) == (_MOMENTARY, "ttm") else (period,)
        for one in types:
            alias = f"{statement}_{one}"
            joins.append(
                f"LEFT JOIN {_TABLES[statement]} AS {alias} ON {alias}.cik = {first}.cik "
                f"AND {alias}.report_date = {first}.report_date AND {_stood(alias, one)}"
            )
        for line in wanted[statement]:
            found = [f"{statement}_{one}.{line}" for one in types]
            expressions[line] = found[0] if len(found) == 1 else f"COALESCE({', '.join(found)})"
    columns = [f"{first}.{name}" for name in LEAD]
    columns += [f"{expressions[line]} AS {line}" for line in dict.fromkeys(lines)]
    columns += [f"{first}.{name}" for name in FILING]
    return (
        f"WITH latest AS (SELECT cik, MAX(report_date) AS report_date FROM {_TABLES[first]} AS v "  # noqa: S608
        f"WHERE {_stood('v', period)} GROUP BY cik) "
        f"SELECT {', '.join(columns)} FROM latest JOIN {_TABLES[first]} AS {first} "
        f"ON {first}.cik = latest.cik AND {first}.report_date = latest.report_date "
        f"AND {_stood(first, period)} {' '.join(joins)} ORDER BY {first}.cik"
    )


def _stood(alias: str, period: str) -> str:
    days = f"{alias}.known_from <= ?1 AND ({alias}.known_to IS NULL OR {alias}.known_to > ?1)"
    return f"{alias}.period_type = '{period}' AND {days}"
