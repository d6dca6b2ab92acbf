"""Many companies together: sums, fill, the worst first, and since when a finding stands."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from evertape.datasets.quality import SEVERITIES
from evertape.datasets.statements import BalanceSheet
from evertape.engine.quality import Company, Report, by_check, carried, company_of, judge, key_of, report_of
from evertape.engine.quality.company import MEASURES
from evertape.engine.quality.report import Measured
from evertape.model.records import table_of
from tests.engine.quality.made import NOW, M, company, found, income, quarters, sheet

SPANS = quarters(5)


def report(*companies: Company) -> Report:
    measured = Measured(scope="held", now=NOW, labels={f"{c.cik:010d}": c.label for c in companies})
    return report_of([judge(c, NOW) for c in companies], measured)


def test_fill_is_the_share_of_rows_with_a_value() -> None:
    rows = [sheet(end, goodwill=M if n < 2 else None) for n, (_, end) in enumerate(SPANS)]
    fill = {(f.period_type, f.column): f for f in report(company(*rows)).fill}
    goodwill = fill["quarter", "goodwill"]
    assert (goodwill.rows, goodwill.filled, goodwill.share) == (5, 2, 0.4)
    assert fill["quarter", "inventory"].share == 0.0
    assert fill["quarter", "total_assets"].share == 1.0
    assert goodwill.industry == "unclassified"


def test_a_rows_own_industry_comes_before_the_index_lists() -> None:
    names = table_of(BalanceSheet).names
    stored = [tuple(sheet(end).get(name) for name in names) for _, end in SPANS]
    made = company_of((1, "MADE", "Energy"), {BalanceSheet: stored}, [], {})
    assert made.industry == "Energy"
    assert {f.industry for f in report(made).fill} == {"Energy"}


def test_tallies_of_companies_and_columns_add_up() -> None:
    one, other = company(income(*SPANS[0])), company(income(*SPANS[0], gross_profit=30 * M))
    (tally,) = (t for t in report(one, other).tallies if t.check == "gross_profit")
    assert (tally.judged, tally.exact, tally.close) == (2, 1, 1)
    told = report(one, other)
    for name in MEASURES:
        assert sum(getattr(t, name) for t in by_check(told.tallies)) == sum(
            getattr(t, name) for t in told.tallies
        )


def test_hard_findings_come_first_and_decide_the_exit_code() -> None:
    soft = company(income(*SPANS[0], gross_profit=30 * M))
    hard = company(sheet(SPANS[0][1], total_assets=-M, total_liabilities=None))
    assert report(soft).exit_code == 0
    told = report(soft, hard)
    assert told.exit_code == 1
    severities = [SEVERITIES.index(f.severity) for f in told.findings]
    assert severities == sorted(severities)
    assert sum(c.findings for c in told.counts) == len(told.findings)


def test_a_finding_that_stands_keeps_the_day_it_was_found() -> None:
    new = found(company(income(*SPANS[0], gross_profit=30 * M)), "gross_profit")
    before = NOW - timedelta(days=9)
    kept = carried(new, {key_of(new[0]): before})
    assert kept == [dataclasses.replace(new[0], found_at=before)]
    assert carried(new, {}) == new


def test_no_two_findings_of_a_company_share_a_key() -> None:
    rows = [sheet(end, total_assets=-M, goodwill=-M, shares_outstanding=-5.0) for _, end in SPANS]
    told = judge(company(*rows), NOW).findings
    keys = [key_of(finding) for finding in told]
    assert len(set(keys)) == len(keys) > 10
