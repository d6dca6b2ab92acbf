"""Quality measured on the rows a home holds: rates, fill and findings. Pure, and nothing is changed.

A check takes one company and answers with counts and doubts; `judge` runs them all.
"""

from evertape.engine.quality.company import FACT_COLUMNS, FLOW_TAGS, Company, company_of, key_of
from evertape.engine.quality.judgement import CHECKS, Judgement, carried, judge
from evertape.engine.quality.report import Count, Fill, Report, Tally, by_check, report_of

__all__ = [
    "CHECKS",
    "FACT_COLUMNS",
    "FLOW_TAGS",
    "Company",
    "Count",
    "Fill",
    "Judgement",
    "Report",
    "Tally",
    "by_check",
    "carried",
    "company_of",
    "judge",
    "key_of",
    "report_of",
]
