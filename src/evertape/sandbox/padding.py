"""Tags of notes, none a statement line, which make a company's facts as large as real ones are."""

from __future__ import annotations

from functools import cache
from itertools import product

_NOTES = (
    "DeferredTaxAssets",
    "DeferredTaxLiabilities",
    "UnrecognizedTaxBenefits",
    "FiniteLivedIntangibleAssets",
    "DefinedBenefitPlan",
    "OperatingLeaseFuturePayments",
    "DerivativeNotional",
    "ShareBasedArrangement",
    "BusinessCombination",
    "RestructuringReserve",
    "ProductWarranty",
    "ContractWithCustomerBalance",
    "EquitySecuritiesFairValue",
    "AvailableForSaleDebtFairValue",
    "CreditFacility",
    "PurchaseObligation",
)
_PARTS = (
    "AccruedAmount",
    "AdditionsFromAcquisitions",
    "AmortizedOverRemainingTerm",
    "CarryforwardsAbroad",
    "ChargedToReserve",
    "CurrentPeriodIncrease",
    "DueWithinOneYear",
    "DueInYearTwo",
    "DueInYearThree",
    "DueInYearFour",
    "DueAfterYearFive",
    "ExpectedContribution",
    "GrossAmount",
    "ImpairedPortion",
    "NettingAdjustment",
    "ReclassifiedPortion",
    "SettledInCash",
    "TranslationEffect",
    "UnvestedPortion",
    "ValuationAllowance",
)
_STATEMENTS = ("balance", "income", "balance", "cash", "balance")


@cache
def padding_tags() -> tuple[tuple[str, str, int], ...]:
    """(tag, statement whose periods it follows, number) of each."""
    names = [note + part for note, part in product(_NOTES, _PARTS)]
    return tuple(
        (name, _STATEMENTS[number % len(_STATEMENTS)], number) for number, name in enumerate(sorted(names))
    )
