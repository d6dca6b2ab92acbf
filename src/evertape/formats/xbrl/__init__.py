"""SEC companyfacts as values: JSON to facts, facts to bitemporal rows, facts to statements. Pure.

Rules: https://www.sec.gov/search-filings/edgar-application-programming-interfaces and, for the length of
periods, DQC_0006 of the XBRL US Data Quality Committee.
"""

from evertape.formats.xbrl.cells import Cell, Operand
from evertape.formats.xbrl.concepts import EXTRACTOR_VERSION
from evertape.formats.xbrl.decoding import decode
from evertape.formats.xbrl.facts import (
    CompanyFacts,
    Fact,
    Facts,
    FilingSeen,
    FoldedFact,
    MalformedFacts,
    fold,
    is_rounded,
    unfold,
)
from evertape.formats.xbrl.index import Reading
from evertape.formats.xbrl.statements import Statements, standardize, standardize_series

__all__ = [
    "EXTRACTOR_VERSION",
    "Cell",
    "CompanyFacts",
    "Fact",
    "Facts",
    "FilingSeen",
    "FoldedFact",
    "MalformedFacts",
    "Operand",
    "Reading",
    "Statements",
    "decode",
    "fold",
    "is_rounded",
    "standardize",
    "standardize_series",
    "unfold",
]
