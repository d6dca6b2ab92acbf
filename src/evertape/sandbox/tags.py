"""Which tags a generated company reports its lines under."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evertape.sandbox.books import Books
from evertape.sandbox.profile import Profile

Span = tuple[str, int, int]
_EVER = 9999
_RFC = "RevenueFromContractWithCustomerExcludingAssessedTax"
_US_INCOME = {
    "cost_of_revenue": "CostOfRevenue",
    "gross_profit": "GrossProfit",
    "research_and_development": "ResearchAndDevelopmentExpense",
    "selling_general_administrative": "SellingGeneralAndAdministrativeExpense",
    "operating_income": "OperatingIncomeLoss",
    "interest_expense": "InterestExpense",
    "pretax_income": (
        "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest"
    ),
    "income_tax": "IncomeTaxExpenseBenefit",
    "net_income": "NetIncomeLoss",
    "eps_basic": "EarningsPerShareBasic",
    "eps_diluted": "EarningsPerShareDiluted",
    "shares_basic": "WeightedAverageNumberOfSharesOutstandingBasic",
    "shares_diluted": "WeightedAverageNumberOfDilutedSharesOutstanding",
}
_US_CASH = {
    "operating_cash_flow": "NetCashProvidedByUsedInOperatingActivities",
    "investing_cash_flow": "NetCashProvidedByUsedInInvestingActivities",
    "financing_cash_flow": "NetCashProvidedByUsedInFinancingActivities",
    "capital_expenditures": "PaymentsToAcquirePropertyPlantAndEquipment",
    "depreciation_amortization": "DepreciationDepletionAndAmortization",
    "dividends_paid": "PaymentsOfDividends",
    "share_repurchases": "PaymentsForRepurchaseOfCommonStock",
    "stock_compensation": "ShareBasedCompensation",
}
_US_BALANCE = {
    "total_assets": "Assets",
    "current_assets": "AssetsCurrent",
    "total_liabilities": "Liabilities",
    "current_liabilities": "LiabilitiesCurrent",
    "total_equity": "StockholdersEquity",
    "cash_and_equivalents": "CashAndCashEquivalentsAtCarryingValue",
    "receivables": "AccountsReceivableNetCurrent",
    "inventory": "InventoryNet",
    "property_plant_equipment": "PropertyPlantAndEquipmentNet",
    "goodwill": "Goodwill",
    "retained_earnings": "RetainedEarningsAccumulatedDeficit",
    "shares_outstanding": "CommonStockSharesOutstanding",
}
_IFRS_INCOME = {
    "revenue": "Revenue",
    "cost_of_revenue": "CostOfSales",
    "gross_profit": "GrossProfit",
    "research_and_development": "ResearchAndDevelopmentExpense",
    "selling_general_administrative": "SellingGeneralAndAdministrativeExpense",
    "operating_income": "ProfitLossFromOperatingActivities",
    "interest_expense": "FinanceCosts",
    "pretax_income": "ProfitLossBeforeTax",
    "income_tax": "IncomeTaxExpenseContinuingOperations",
    "net_income": "ProfitLoss",
    "eps_basic": "BasicEarningsLossPerShare",
    "eps_diluted": "DilutedEarningsLossPerShare",
    "shares_basic": "WeightedAverageShares",
    "shares_diluted": "AdjustedWeightedAverageShares",
}
_IFRS_CASH = {
    "operating_cash_flow": "CashFlowsFromUsedInOperatingActivities",
    "investing_cash_flow": "CashFlowsFromUsedInInvestingActivities",
    "financing_cash_flow": "CashFlowsFromUsedInFinancingActivities",
    "capital_expenditures": "PurchaseOfPropertyPlantAndEquipmentClassifiedAsInvestingActivities",
    "depreciation_amortization": "DepreciationAndAmortisationExpense",
    "dividends_paid": "DividendsPaidClassifiedAsFinancingActivities",
    "share_repurchases": "PaymentsToAcquireOrRedeemEntitysShares",
    "stock_compensation": "AdjustmentsForSharebasedPayments",
    "net_cash_flow": "IncreaseDecreaseInCashAndCashEquivalents",
}
_IFRS_BALANCE = {
    "total_assets": "Assets",
    "current_assets": "CurrentAssets",
    "total_liabilities": "Liabilities",
    "current_liabilities": "CurrentLiabilities",
    "total_equity": "Equity",
    "cash_and_equivalents": "CashAndCashEquivalents",
    "receivables": "CurrentTradeReceivables",
    "inventory": "Inventories",
    "property_plant_equipment": "PropertyPlantAndEquipment",
    "goodwill": "Goodwill",
    "short_term_debt": "ShorttermBorrowings",
    "long_term_debt": "LongtermBorrowings",
    "retained_earnings": "RetainedEarnings",
    "shares_outstanding": "NumberOfSharesOutstanding",
}
_NOT_REPORTED = {
    "bank": {
        "cost_of_revenue",
        "gross_profit",
        "research_and_development",
        "selling_general_administrative",
        "operating_income",
        "current_assets",
        "current_liabilities",
        "short_term_investments",
        "receivables",
        "inventory",
    },
    "insurer": {
        "cost_of_revenue",
        "gross_profit",
        "research_and_development",
        "selling_general_administrative",
        "operating_income",
        "current_assets",
        "current_liabilities",
        "short_term_investments",
        "receivables",
        "inventory",
        "capital_expenditures",
    },
}
MOVED_IN = 2019
"""First fiscal year that a company which moved to ifrs-full reports under it."""


@dataclass(frozen=True, slots=True)
class Series:
    """A line under a tag, in filings of the fiscal years `first` to `last`.

    `statement` is income, cash, balance or cover; it decides which periods a filing repeats.
    """

    line: str
    tag: str
    statement: str
    taxonomy: str = "us-gaap"
    first: int = 0
    last: int = _EVER


def lines_not_reported(profile: Profile) -> set[str]:
    """Lines that the company's industry or taxonomy has no figure for."""
    missing = set(_NOT_REPORTED.get(profile.kind, ()))
    if profile.annual_only:
        missing.add("short_term_investments")
    if "zero-and-negative" in profile.traps:
        missing |= {"dividends_paid"}
    return missing


def series_of(profile: Profile) -> list[Series]:
    """Every line and tag that the company's filings carry figures under."""
    if "ifrs-annual" in profile.traps:
        series = _ifrs(0)
    elif "moved-to-ifrs" in profile.traps:
        series = [_until(s, MOVED_IN - 1) for s in _us_gaap(profile)] + _ifrs(MOVED_IN)
    else:
        series = _us_gaap(profile)
    if "no-dei-shares" not in profile.traps:
        series.append(Series("shares_outstanding", "EntityCommonStockSharesOutstanding", "cover", "dei"))
    missing = lines_not_reported(profile)
    return [s for s in series if s.line not in missing]


def _until(series: Series, last: int) -> Series:
    return Series(
        series.line, series.tag, series.statement, series.taxonomy, series.first, min(series.last, last)
    )


def _ifrs(first: int) -> list[Series]:
    sheets = (("income", _IFRS_INCOME), ("cash", _IFRS_CASH), ("balance", _IFRS_BALANCE))
    return [
        Series(line, tag, statement, "ifrs-full", first)
        for statement, lines in sheets
        for line, tag in lines.items()
    ]


def _us_gaap(profile: Profile) -> list[Series]:
    sheets = (("income", _US_INCOME), ("cash", _US_CASH), ("balance", _US_BALANCE))
    series = [Series(line, tag, statement) for statement, lines in sheets for line, tag in lines.items()]
    series += [
        Series("revenue", tag, "income", "us-gaap", first, last) for tag, first, last in _revenue(profile)
    ]
    series += [Series(line, tag, "balance") for line, tag in _debt(profile)]
    investments = ("ShortTermInvestments", "MarketableSecuritiesCurrent")[profile.style % 2]
    series.append(Series("short_term_investments", investments, "balance"))
    series.append(Series("total_assets", "LiabilitiesAndStockholdersEquity", "balance"))
    change = "CashAndCashEquivalentsPeriodIncreaseDecrease"
    series.append(Series("net_cash_flow", change, "cash", "us-gaap", 0, 2017))
    newer = (
        "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents"
        "PeriodIncreaseDecreaseIncludingExchangeRateEffect"
    )
    series.append(Series("net_cash_flow", newer, "cash", "us-gaap", 2018))
    return series


def _revenue(profile: Profile) -> list[Span]:
    if "tag-migration" in profile.traps:
        return [("SalesRevenueNet", 0, 2015), ("Revenues", 2016, 2017), (_RFC, 2018, _EVER)]
    if "stale-tag" in profile.traps:
        return [("SalesRevenueNet", 0, 2017), (_RFC, 2018, 2020), ("Revenues", 2021, _EVER)]
    if "slice-tag" in profile.traps or profile.kind in ("bank", "insurer") or profile.style == 0:
        return [("Revenues", 0, _EVER)]
    return [("SalesRevenueNet", 0, 2017), (_RFC, 2018, _EVER)]


def _debt(profile: Profile) -> list[tuple[str, str]]:
    parts = [("commercial_paper", "CommercialPaper"), ("current_portion", "LongTermDebtCurrent")]
    long = [("long_term_debt", "LongTermDebtNoncurrent")]
    if "debt-in-parts" in profile.traps:
        return parts + long
    if "debt-overlap" in profile.traps:
        totals = [("short_term_debt", "DebtCurrent"), ("long_term_total", "LongTermDebt")]
        return parts + long + totals + [("total_debt", "DebtLongtermAndShorttermCombinedAmount")]
    if profile.kind in ("bank", "insurer"):
        return [("short_term_debt", "ShortTermBorrowings"), ("long_term_debt", "LongTermDebt")]
    tag = ("DebtCurrent", "ShortTermBorrowings", "LongTermDebtCurrent", "LongTermDebtCurrent")[profile.style]
    return [("short_term_debt", tag), *long]


def parts_of_debt(books: Books) -> dict[str, list[int]]:
    """The short-term debt in two disjoint parts, and the long-term debt with its current portion."""
    short, long = books.instants["short_term_debt"], books.instants["long_term_debt"]
    paper = [amount * 2 // 5 for amount in short]
    current = [amount - part for amount, part in zip(short, paper, strict=True)]
    total = [part + rest for part, rest in zip(current, long, strict=True)]
    return {"commercial_paper": paper, "current_portion": current, "long_term_total": total}


def words_of(tag: str) -> str:
    """A tag as words, the way labels read."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", tag)
