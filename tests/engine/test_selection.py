"""Who is meant by what a person types."""

from __future__ import annotations

import pytest

from evertape.datasets.universe import listing_id
from evertape.engine import selection
from evertape.engine.selection import listed, listings_of
from evertape.errors import UserError

LISTINGS = [("NVDA", 1045810), ("AAPL", 320193), ("GOOGL", 1652044), ("GOOG", 1652044), ("BRK-B", 1067983)]
NAMES = {2491: "BALLY TECHNOLOGIES, INC."}


def test_tickers_and_ciks_are_companies_in_the_order_asked() -> None:
    companies = selection.by_symbols(["aapl", "2491", "CIK0001045810", "brk.b"], LISTINGS, NAMES)
    assert list(companies.items()) == [
        ("0000320193", "AAPL"),
        ("0000002491", "BALLY TECHNOLOGIES, INC."),
        ("0001045810", "NVDA"),
        ("0001067983", "BRK-B"),
    ]


def test_two_share_classes_are_one_company() -> None:
    assert selection.by_symbols(["GOOG", "GOOGL"], LISTINGS, NAMES) == {"0001652044": "GOOG"}


def test_an_unknown_ticker_is_answered_with_near_ones() -> None:
    with pytest.raises(UserError, match=r"APPL is no ticker.*AAPL"):
        selection.by_symbols(["APPL"], LISTINGS, NAMES)


def test_of_equally_near_tickers_the_larger_company_comes_first() -> None:
    assert selection.near("APPL", ["NVDA", "AAPL", "APP", "PPL", "SPPL"]) == ["AAPL", "APP", "PPL"]


def test_without_a_ticker_file_a_ticker_cannot_be_looked_up_and_a_cik_can() -> None:
    with pytest.raises(UserError, match="no ticker file"):
        selection.by_symbols(["AAPL"], [], {})
    assert selection.by_symbols(["320193"], [], {}) == {"0000320193": "0000320193"}


@pytest.mark.parametrize("bad", ["0", "00000000000"])
def test_a_number_that_is_no_cik_is_refused(bad: str) -> None:
    with pytest.raises(UserError):
        selection.by_symbols([bad], LISTINGS, NAMES)


def test_an_absent_list_is_said_and_not_taken_for_an_empty_market() -> None:
    with pytest.raises(UserError, match="S&P 500 list is not held"):
        selection.by_scope("sp500", LISTINGS, [])
    with pytest.raises(UserError, match="no scope"):
        selection.by_scope("nasdaq", LISTINGS, [])


def test_the_most_traded_listings_come_first_and_the_others_by_rank() -> None:
    listings = [("AAA", 1), ("BBB", 2), ("CCC", 3), ("CCC-B", 3), ("DDD", 4)]
    traded = {listing_id("CCC-B", 3): 9e6, listing_id("DDD", 4): 1e6}
    told = listings_of([("DDD", 4), ("CCC", 3), ("CCC-B", 3), ("AAA", 1)], listings, traded)
    assert list(told.values()) == ["CCC-B", "DDD", "AAA", "CCC"]
    assert list(told) == ["CCC-B:3", "DDD:4", "AAA:1", "CCC:3"]
    assert list(listings_of([("DDD", 4), ("AAA", 1)], listings).values()) == ["AAA", "DDD"]


def test_a_named_listing_is_meant_alone_and_a_company_by_its_first() -> None:
    listings = [("AAA", 1), ("CCC", 3), ("CCC-B", 3)]
    companies = {"0000000003": "CCC", "0000000001": "AAA"}
    assert list(listed(["ccc.b", "0000000001"], listings, companies)) == ["CCC-B:3", "AAA:1"]
    assert list(listed(["CCC", "CCC-B"], listings, {"0000000003": "CCC"})) == ["CCC:3", "CCC-B:3"]
