"""The catalogue: which tags make a line; larger because it is one readable table of all of them.

To add a tag, add its name to a line, in order of rank. A name is a tag of us-gaap, or of the taxonomy
written before the colon; a leading minus turns its sign. A formula adds and subtracts lines of the same
period; a line marked `?` may be missing, one marked `~` where the company has no tag of it at all.
Formulas are tried in order, once the tags gave nothing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Statement = Literal["income", "balance", "cash_flow", "part"]
Kind = Literal["flow", "instant", "per_share", "average", "shares", "cover"]
Need = Literal["always", "if used", "never"]
"""Whether a formula gives nothing without a term: always, where the company uses one of its tags, never."""
Term: TypeAlias = tuple[int, str, Need]


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A ranked tag of a line; `sign` is -1 where the tag counts the other way."""

    taxonomy: str
    name: str
    sign: int = 1


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a statement, or a part that only formulas use.

    Attributes:
        kind: flow (money over a period, may be subtracted), instant, per_share and average (over a
            period, never subtracted), shares (an instant count), cover (a count on the day of the
            cover page, some weeks after the period).
        formulas: each a tuple of (sign, line, need).
        whole: another of the line's tags that is at least twice as large is the consolidated figure.
        on_sheet: where the company reports quarters, a tag that no quarter has is from a note to the
            annual report, often of a part of the company, and does not count.
    """

    name: str
    statement: Statement
    kind: Kind
    tags: tuple[Tag, ...]
    formulas: tuple[tuple[Term, ...], ...] = ()
    whole: bool = False
    on_sheet: bool = False


FISCAL_YEAR = ("dei", "DocumentFiscalYearFocus", "gYear")
"""Taxonomy, tag and unit of the fiscal year as a filing's cover calls it."""

_TERM = re.compile(r"([+-]?)\s*(\w+)([?~]?)")
_NEEDS: dict[str, Need] = {"": "always", "~": "if used", "?": "never"}


def _tag(text: str) -> Tag:
    sign = -1 if text.startswith("-") else 1
    taxonomy, _, name = text.lstrip("-").rpartition(":")
    return Tag(taxonomy={"": "us-gaap", "ifrs": "ifrs-full"}.get(taxonomy, taxonomy), name=name, sign=sign)


def _line(
    statement: Statement, name: str, kind: Kind, tags: str, *formulas: str, **flags: bool
) -> Line:
    return Line(
        name=name,
        statement=statement,
        kind=kind,
        tags=tuple(_tag(text) for text in tags.split()),
        formulas=tuple(
            tuple((-1 if m[1] == "-" else 1, m[2], _NEEDS[m[3]]) for m in _TERM.finditer(formula))
            for formula in formulas
        ),
        **flags,
    )


_PARTS = (
    _line("part", "profit_with_minority", "flow", "ProfitLoss ifrs:ProfitLoss"),
    _line(
        "part",
        "minority_income",
        "flow",
        "NetIncomeLossAttributableToNoncontrollingInterest ifrs:ProfitLossAttributableToNoncontrollingInterests",
    ),
    _line(
        "part",
        "liabilities_and_equity",
        "instant",
        "LiabilitiesAndStockholdersEquity ifrs:EquityAndLiabilities",
    ),
    _line(
        "part",
        "equity_with_minority",
        "instant",
        "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest ifrs:Equity",
    ),
    _line("part", "minority_interest", "instant", "MinorityInterest ifrs:NoncontrollingInterests"),
    _line(
        "part",
        "temporary_equity",
        "instant",
        """
        TemporaryEquityCarryingAmountIncludingPortionAttributableToNoncontrollingInterests
        TemporaryEquityCarryingAmount
        TemporaryEquityCarryingAmountAttributableToParent
        RedeemableNoncontrollingInterestEquityCarryingAmount
        TemporaryEquityValueExcludingAdditionalPaidInCapital
        """,
    ),
    _line(
        "part",
        "short_term_borrowings",
        "instant",
        """
        ShortTermBorrowings
        CommercialPaper
        ShortTermBankLoansAndNotesPayable
        NotesPayableCurrent
        LoansPayableCurrent
        OtherShortTermBorrowings
        ifrs:ShorttermBorrowings
        """,
    ),
    _line(
        "part",
        "current_part_of_long_term_debt",
        "instant",
        """
        LongTermDebtAndCapitalLeaseObligationsCurrent
        LongTermDebtCurrent
        ConvertibleNotesPayableCurrent
        ConvertibleDebtCurrent
        SeniorNotesCurrent
        ifrs:CurrentPortionOfLongtermBorrowings
        ifrs:CurrentBondsIssuedAndCurrentPortionOfNoncurrentBondsIssued
        """,
    ),
    _line("part", "long_term_debt_with_current", "instant", "LongTermDebt", on_sheet=True),
    _line("part", "bonds_noncurrent", "instant", "ifrs:NoncurrentPortionOfNoncurrentBondsIssued"),
    _line(
        "part",
        "loans_noncurrent",
        "instant",
        "ifrs:NoncurrentPortionOfNoncurrentLoansReceived ifrs:LongtermBorrowings",
    ),
    _line(
        "part",
        "selling_expense",
        "flow",
        "SellingAndMarketingExpense ifrs:SellingExpense ifrs:SalesAndMarketingExpense ifrs:DistributionCosts",
    ),
    _line(
        "part",
        "administrative_expense",
        "flow",
        "GeneralAndAdministrativeExpense ifrs:GeneralAndAdministrativeExpense ifrs:AdministrativeExpense",
    ),
    _line("part", "property_before_depreciation", "instant", "PropertyPlantAndEquipmentGross"),
    _line(
        "part",
        "accumulated_depreciation",
        "instant",
        "AccumulatedDepreciationDepletionAndAmortizationPropertyPlantAndEquipment",
    ),
    _line("part", "cover_shares", "cover", "dei:EntityCommonStockSharesOutstanding"),
)

_INCOME = (
    _line(
        "income",
        "revenue",
        "flow",
        """
        Revenues
        RevenueFromContractWithCustomerExcludingAssessedTax
        RevenueFromContractWithCustomerIncludingAssessedTax
        SalesRevenueNet
        RevenuesNetOfInterestExpense
        RegulatedAndUnregulatedOperatingRevenue
        RealEstateRevenueNet
        HealthCareOrganizationRevenue
        ElectricUtilityRevenue
        OilAndGasRevenue
        RevenueMineralSales
        SalesRevenueGoodsNet
        SalesRevenueServicesNet
        ifrs:Revenue
        ifrs:RevenueFromContractsWithCustomers
        """,
        "cost_of_revenue + gross_profit",
        whole=True,
    ),
    _line(
        "income",
        "cost_of_revenue",
        "flow",
        """
        CostOfRevenue
        CostOfGoodsAndServicesSold
        CostOfGoodsSold
        CostOfServices
        ifrs:CostOfSales
        """,
        "revenue - gross_profit",
        whole=True,
    ),
    _line("income", "gross_profit", "flow", "GrossProfit ifrs:GrossProfit", "revenue - cost_of_revenue"),
    _line(
        "income",
        "research_and_development",
        "flow",
        """
        ResearchAndDevelopmentExpense
        ResearchAndDevelopmentExpenseExcludingAcquiredInProcessCost
        ResearchAndDevelopmentExpenseSoftwareExcludingAcquiredInProcessCost
        ifrs:ResearchAndDevelopmentExpense
        """,
    ),
    _line(
        "income",
        "selling_general_administrative",
        "flow",
        "SellingGeneralAndAdministrativeExpense ifrs:SellingGeneralAndAdministrativeExpense",
        "selling_expense~ + administrative_expense",
    ),
    _line("income", "operating_income", "flow", "OperatingIncomeLoss ifrs:ProfitLossFromOperatingActivities"),
    _line(
        "income",
        "interest_expense",
        "flow",
        """
        InterestExpense
        InterestExpenseNonoperating
        InterestAndDebtExpense
        InterestExpenseDebt
        ifrs:InterestExpense
        ifrs:FinanceCosts
        """,
    ),
    _line(
        "income",
        "pretax_income",
        "flow",
        """
        IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest
        IncomeLossFromContinuingOperationsBeforeIncomeTaxesMinorityInterestAndIncomeLossFromEquityMethodInvestments
        IncomeLossFromContinuingOperationsBeforeIncomeTaxes
        IncomeLossIncludingPortionAttributableToNoncontrollingInterestBeforeIncomeTaxes
        IncomeLossAttributableToParent
        ifrs:ProfitLossBeforeTax
        """,
    ),
    _line(
        "income",
        "income_tax",
        "flow",
        "IncomeTaxExpenseBenefit IncomeTaxExpenseBenefitContinuingOperations ifrs:IncomeTaxExpenseContinuingOperations",
    ),
    _line(
        "income",
        "net_income",
        "flow",
        """
        NetIncomeLoss
        ifrs:ProfitLossAttributableToOwnersOfParent
        """,
        "profit_with_minority - minority_income?",
        "income_available_to_common",
    ),
    _line(
        "income",
        "eps_basic",
        "per_share",
        "EarningsPerShareBasic EarningsPerShareBasicAndDiluted ifrs:BasicEarningsLossPerShare",
    ),
    _line(
        "income",
        "eps_diluted",
        "per_share",
        "EarningsPerShareDiluted EarningsPerShareBasicAndDiluted ifrs:DilutedEarningsLossPerShare",
    ),
    _line(
        "income",
        "shares_basic",
        "average",
        """
        WeightedAverageNumberOfSharesOutstandingBasic
        WeightedAverageNumberOfShareOutstandingBasicAndDiluted
        ifrs:WeightedAverageShares
        """,
    ),
    _line(
        "income",
        "shares_diluted",
        "average",
        """
        WeightedAverageNumberOfDilutedSharesOutstanding
        WeightedAverageNumberOfShareOutstandingBasicAndDiluted
        ifrs:AdjustedWeightedAverageShares
        """,
    ),
)

_BALANCE = (
    _line("balance", "total_assets", "instant", "Assets ifrs:Assets", "liabilities_and_equity"),
    _line("balance", "current_assets", "instant", "AssetsCurrent ifrs:CurrentAssets"),
    _line(
        "balance",
        "total_equity",
        "instant",
        "StockholdersEquity ifrs:EquityAttributableToOwnersOfParent",
        "equity_with_minority - minority_interest?",
    ),
    _line(
        "balance",
        "total_liabilities",
        "instant",
        "Liabilities ifrs:Liabilities",
        "liabilities_and_equity - equity_with_minority - temporary_equity?",
        "liabilities_and_equity - total_equity - minority_interest? - temporary_equity?",
    ),
    _line("balance", "current_liabilities", "instant", "LiabilitiesCurrent ifrs:CurrentLiabilities"),
    _line(
        "balance",
        "cash_and_equivalents",
        "instant",
        """
        CashAndCashEquivalentsAtCarryingValue
        CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents
        Cash
        ifrs:CashAndCashEquivalents
        """,
    ),
    _line(
        "balance",
        "short_term_investments",
        "instant",
        """
        ShortTermInvestments
        MarketableSecuritiesCurrent
        AvailableForSaleSecuritiesCurrent
        AvailableForSaleSecuritiesDebtSecuritiesCurrent
        DebtSecuritiesAvailableForSaleExcludingAccruedInterestCurrent
        OtherShortTermInvestments
        ifrs:CurrentInvestments
        ifrs:ShorttermInvestments
        """,
    ),
    _line(
        "balance",
        "receivables",
        "instant",
        """
        ReceivablesNetCurrent
        AccountsReceivableNetCurrent
        AccountsNotesAndLoansReceivableNetCurrent
        ifrs:TradeAndOtherCurrentReceivables
        ifrs:CurrentTradeReceivables
        """,
    ),
    _line(
        "balance",
        "inventory",
        "instant",
        "InventoryNet RetailRelatedInventoryMerchandise ifrs:Inventories ifrs:InventoriesTotal",
        "energy_inventory + supplies_inventory",
    ),
    _line(
        "balance",
        "property_plant_equipment",
        "instant",
        """
        PropertyPlantAndEquipmentNet
        PropertyPlantAndEquipmentAndFinanceLeaseRightOfUseAssetAfterAccumulatedDepreciationAndAmortization
        ifrs:PropertyPlantAndEquipment
        """,
        "property_before_depreciation - accumulated_depreciation",
    ),
    _line("balance", "goodwill", "instant", "Goodwill ifrs:Goodwill"),
    _line(
        "balance",
        "short_term_debt",
        "instant",
        "DebtCurrent ifrs:CurrentBorrowings",
        "short_term_borrowings? + current_part_of_long_term_debt?",
    ),
    _line(
        "balance",
        "long_term_debt",
        "instant",
        """
        LongTermDebtAndCapitalLeaseObligations
        LongTermDebtNoncurrent
        ConvertibleLongTermNotesPayable
        ConvertibleDebtNoncurrent
        SeniorLongTermNotes
        LongTermNotesPayable
        ifrs:NoncurrentBorrowings
        """,
        "long_term_debt_with_current - current_part_of_long_term_debt?",
        "bonds_noncurrent? + loans_noncurrent?",
        on_sheet=True,
    ),
    _line(
        "balance",
        "total_debt",
        "instant",
        "",
        "long_term_debt~ + short_term_debt?",
    ),
    _line(
        "balance", "retained_earnings", "instant", "RetainedEarningsAccumulatedDeficit ifrs:RetainedEarnings"
    ),
    _line(
        "balance",
        "shares_outstanding",
        "shares",
        "CommonStockSharesOutstanding ifrs:NumberOfSharesOutstanding",
        "cover_shares",
    ),
)

_CASH_FLOW = (
    _line(
        "cash_flow",
        "operating_cash_flow",
        "flow",
        """
        NetCashProvidedByUsedInOperatingActivities
        NetCashProvidedByUsedInOperatingActivitiesContinuingOperations
        ifrs:CashFlowsFromUsedInOperatingActivities
        """,
    ),
    _line(
        "cash_flow",
        "investing_cash_flow",
        "flow",
        """
        NetCashProvidedByUsedInInvestingActivities
        NetCashProvidedByUsedInInvestingActivitiesContinuingOperations
        ifrs:CashFlowsFromUsedInInvestingActivities
        """,
    ),
    _line(
        "cash_flow",
        "financing_cash_flow",
        "flow",
        """
        NetCashProvidedByUsedInFinancingActivities
        NetCashProvidedByUsedInFinancingActivitiesContinuingOperations
        ifrs:CashFlowsFromUsedInFinancingActivities
        """,
    ),
    _line(
        "cash_flow",
        "capital_expenditures",
        "flow",
        """
        PaymentsToAcquirePropertyPlantAndEquipment
        PaymentsToAcquireProductiveAssets
        PaymentsForCapitalImprovements
        ifrs:PurchaseOfPropertyPlantAndEquipmentClassifiedAsInvestingActivities
        """,
    ),
    _line(
        "cash_flow",
        "depreciation_expense",
        "flow",
        "Depreciation DepreciationNonproduction ifrs:DepreciationExpense ifrs:DepreciationPropertyPlantAndEquipment",
    ),
    _line(
        "cash_flow",
        "amortization_expense",
        "flow",
        """
        AmortizationOfIntangibleAssets
        FiniteLivedIntangibleAssetsAmortizationExpense
        AdjustmentForAmortization
        ifrs:AmortisationExpense
        ifrs:AmortisationIntangibleAssetsOtherThanGoodwill
        """,
    ),
    _line(
        "cash_flow",
        "depreciation_amortization",
        "flow",
        """
        DepreciationDepletionAndAmortization
        DepreciationAmortizationAndAccretionNet
        DepreciationAndAmortization
        ifrs:AdjustmentsForDepreciationAndAmortisationExpense
        ifrs:DepreciationAndAmortisationExpense
        """,
        "other_depreciation_amortization + amortization_expense?",
        "depreciation_expense + amortization_expense",
    ),
    _line(
        "cash_flow",
        "dividends_paid",
        "flow",
        """
        PaymentsOfDividends
        PaymentsOfDividendsCommonStock
        PaymentsOfOrdinaryDividends
        ifrs:DividendsPaidClassifiedAsFinancingActivities
        ifrs:DividendsPaid
        """,
    ),
    _line(
        "cash_flow",
        "share_repurchases",
        "flow",
        """
        PaymentsForRepurchaseOfCommonStock
        PaymentsForRepurchaseOfEquity
        ifrs:PaymentsToAcquireOrRedeemEntitysShares
        """,
    ),
    _line(
        "cash_flow",
        "stock_compensation",
        "flow",
        """
        ShareBasedCompensation
        AllocatedShareBasedCompensationExpense
        ifrs:AdjustmentsForSharebasedPayments
        """,
    ),
    _line(
        "cash_flow",
        "net_cash_flow",
        "flow",
        """
        CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalentsPeriodIncreaseDecreaseIncludingExchangeRateEffect
        CashAndCashEquivalentsPeriodIncreaseDecrease
        CashPeriodIncreaseDecrease
        ifrs:IncreaseDecreaseInCashAndCashEquivalents
        """,
        "cash_change_before_exchange + exchange_effect",
    ),
)

_MORE_PARTS = (
    _line(
        "part",
        "income_available_to_common",
        "flow",
        """
        NetIncomeLossAvailableToCommonStockholdersBasic
        NetIncomeLossAvailableToCommonStockholdersDiluted
        """,
    ),
    _line("part", "other_depreciation_amortization", "flow", "OtherDepreciationAndAmortization"),
    _line(
        "part",
        "cash_change_before_exchange",
        "flow",
        "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalentsPeriodIncreaseDecreaseExcludingExchangeRateEffect "
        "CashAndCashEquivalentsPeriodIncreaseDecreaseExcludingExchangeRateEffect",
    ),
    _line(
        "part",
        "exchange_effect",
        "flow",
        """
        EffectOfExchangeRateOnCashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents
        EffectOfExchangeRateOnCashAndCashEquivalents
        """,
    ),
    _line("part", "energy_inventory", "instant", "EnergyRelatedInventory"),
    _line("part", "supplies_inventory", "instant", "InventoryPartsAndComponentsNetOfReserves"),
)

LINES: tuple[Line, ...] = (*_PARTS, *_MORE_PARTS, *_INCOME, *_BALANCE, *_CASH_FLOW)

COLUMNS: dict[str, tuple[str, ...]] = {
    statement: tuple(line.name for line in LINES if line.statement == statement)
    for statement in ("income", "balance", "cash_flow")
}

ANCHORS: dict[str, tuple[str, ...]] = {
    "income": ("revenue", "net_income", "pretax_income"),
    "balance": ("liabilities_and_equity", "total_liabilities"),
    "cash_flow": ("operating_cash_flow", "investing_cash_flow", "financing_cash_flow"),
}
"""Lines of which a statement has at least one; without, a period is a stray comparative."""


def _tags() -> dict[str, frozenset[str]]:
    wanted: dict[str, set[str]] = {FISCAL_YEAR[0]: {FISCAL_YEAR[1]}}
    for line in LINES:
        for tag in line.tags:
            wanted.setdefault(tag.taxonomy, set()).add(tag.name)
    return {taxonomy: frozenset(names) for taxonomy, names in wanted.items()}


TAGS: dict[str, frozenset[str]] = _tags()
"""The catalogue's tags by taxonomy: what is decoded and kept."""

ANCHOR_TAGS = frozenset(
    tag.name
    for line in LINES
    if line.name in {"profit_with_minority", *ANCHORS["income"], *ANCHORS["cash_flow"]}
    for tag in line.tags
)
"""Flows that every periodic filing has for its own period."""

_CODE = 2

EXTRACTOR_VERSION: str = f"{_CODE}.{hashlib.sha256(repr(LINES).encode()).hexdigest()[:10]}"
"""Changes with the catalogue, and with the number before the dot: the rules in code."""
