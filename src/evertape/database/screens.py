"""All companies on one day: the latest period of each, as it was known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple, Protocol

from evertape.database.choosing import day_of
from evertape.database.survey import Survey
from evertape.datasets import vintages
from evertape.datasets.facts import key_of
from evertape.datasets.statements import NO_TWELVE_MONTHS
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


def known_on(
    db: Held, day: date | str, lines: str | Sequence[str], *, period: str = "annual"
) -> pd.DataFrame:
    """One row a company: the latest period known at the end of a day, with lines of its statements.

    A company is there if any of the lines' statements was known, whatever their order. The statement of the
    first line (of the first flow, for "ttm") says which period is the latest, and its filing is the row's;
    where a company has none of it, the next line's does. Lines of other statements are of the same report
    date, null where not known. Twelve months take the balance sheet of the day they end on. `behind` marks
    a company whose facts were read again since its vintages were built; `attrs["note"]` counts them, and
    those without vintages.

    Args:
        day: a date, or a text such as 2024-06-29.
        lines: one column, or several, of any of the three statements.
        period: "annual", "quarter" or "ttm".

    Raises:
        UserError: no vintages are held, a line or period does not exist, or the day is no date.
    """
    import pandas as pd

    if period not in PERIOD_TYPES:
        raise UserError(f"{period} is no period; choose one of {', '.join(PERIOD_TYPES)}")
    named = [lines] if isinstance(lines, str) else list(lines)
    wanted = _by_statement(named, period)
    on = day_of(day)
    held = db.store.holdings(vintages.NAME)
    if not held:
        raise UserError("no vintages are held, which days are looked up in; run: evertape refresh vintages")
    names, rows = db.store.sql(query(wanted, named, period), (on.isoformat(),))
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
        raise UserError(f"{NO_TWELVE_MONTHS}, or add a line of another statement")
    return dict(sorted(found.items(), key=lambda item: item[0] == _MOMENTARY))


def query(wanted: Mapping[str, Sequence[str]], lines: Sequence[str], period: str) -> str:
    """SQL for the lines of statements; its parameter ?1 is the day. All names in it are the catalogue's."""
    sources = [_Source(statement, one) for statement in wanted for one in _types(statement, period)]
    columns = ["latest.cik", "latest.report_date"]
    columns += [_first_told(sources, name) for name in LEAD[2:]]
    for line in dict.fromkeys(lines):
        columns.append(_first_told([s for s in sources if line in wanted[s.statement]], line))
    columns += [_first_told(sources, name) for name in FILING]
    # Of several MAX or MIN the columns beside them would be of any row: one to each step.
    latest = " UNION ALL ".join(
        f"SELECT cik, MAX(report_date) AS report_date, {rank} AS rank FROM {_TABLES[s.statement]} AS v "  # noqa: S608
        f"WHERE {_stood('v', s.period)} GROUP BY cik"
        for rank, s in enumerate(sources)
    )
    joins = " ".join(
        f"LEFT JOIN {_TABLES[s.statement]} AS {s.alias} ON {s.alias}.cik = latest.cik "
        f"AND {s.alias}.report_date = latest.report_date AND {_stood(s.alias, s.period)}"
        for s in sources
    )
    return (
        f"WITH latest AS (SELECT cik, report_date, MIN(rank) FROM ({latest}) GROUP BY cik) "  # noqa: S608
        f"SELECT {', '.join(columns)} FROM latest {joins} ORDER BY latest.cik"
    )


class _Source(NamedTuple):
    """Rows of a statement and period type that lines are taken from."""

    statement: str
    period: str

    @property
    def alias(self) -> str:
        return f"{self.statement}_{self.period}"


def _types(statement: str, period: str) -> tuple[str, ...]:
    # A balance sheet is of a day: twelve months take that of their last quarter, or of the year.
    return ("quarter", "annual") if (statement, period) == (_MOMENTARY, "ttm") else (period,)


def _first_told(sources: Sequence[_Source], name: str) -> str:
    """A column of the first source that tells it, under its own name."""
    found = ", ".join(f"{source.alias}.{name}" for source in sources)
    return f"{found if len(sources) == 1 else f'COALESCE({found})'} AS {name}"


def _stood(alias: str, period: str) -> str:
    days = f"{alias}.known_from <= ?1 AND ({alias}.known_to IS NULL OR {alias}.known_to > ?1)"
    return f"{alias}.period_type = '{period}' AND {days}"
