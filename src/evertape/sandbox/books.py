"""A company's true figures, quarter by quarter: what its filings report, before any of their quirks.

Amounts are whole units of the currency. Expenses and payments are positive. For each quarter
assets = liabilities + equity, gross profit = revenue - cost, and the three sections of the cash flow sum
to the change in cash; quarters sum to years.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from evertape.sandbox.profile import Profile

FLOWS = (
    "revenue",
    "cost_of_revenue",
    "gross_profit",
    "research_and_development",
    "selling_general_administrative",
    "operating_income",
    "interest_expense",
    "pretax_income",
    "income_tax",
    "net_income",
    "operating_cash_flow",
    "investing_cash_flow",
    "financing_cash_flow",
    "capital_expenditures",
    "depreciation_amortization",
    "dividends_paid",
    "share_repurchases",
    "stock_compensation",
    "net_cash_flow",
)
INSTANTS = (
    "total_assets",
    "current_assets",
    "total_liabilities",
    "current_liabilities",
    "total_equity",
    "cash_and_equivalents",
    "short_term_investments",
    "receivables",
    "inventory",
    "property_plant_equipment",
    "goodwill",
    "short_term_debt",
    "long_term_debt",
    "total_debt",
    "retained_earnings",
    "shares_outstanding",
)


@dataclass(frozen=True, kw_only=True)
class Books:
    """Figures by line. Flows are running sums with a leading 0, so that a span is one subtraction."""

    flows: Mapping[str, Sequence[int]]
    instants: Mapping[str, Sequence[int]]
    basic: Sequence[int]
    diluted: Sequence[int]

    def flow(self, line: str, first: int, last: int) -> int:
        """The sum of a flow over the quarters `first` to `last`, both included."""
        sums = self.flows[line]
        return sums[last + 1] - sums[first]

    def shares(self, line: str, first: int, last: int) -> int:
        """The average share count over a span, in shares."""
        counts = self.basic if line == "shares_basic" else self.diluted
        return sum(counts[first : last + 1]) // (last + 1 - first)

    def per_share(self, line: str, first: int, last: int) -> float:
        """Net income over average shares, to the cent."""
        counts = "shares_basic" if line == "eps_basic" else "shares_diluted"
        return round(self.flow("net_income", first, last) / self.shares(counts, first, last), 2)


@dataclass
class _State:
    """The balance sheet as it moves on, in units of the statement's rounding."""

    cash: int
    investments: int
    receivables: int
    inventory: int
    plant: int
    payables: int
    short_debt: int
    long_debt: int
    retained: int
    paid_in: int
    goodwill: int
    other_current: int
    other_assets: int
    other_current_liabilities: int
    other_liabilities: int


def books_of(profile: Profile, quarters: int) -> Books:
    """The first `quarters` quarters of a company. More quarters leave the earlier ones as they are."""
    draw = profile.random("books")
    size = _first_revenue(profile, draw)
    shape = _shape(profile, draw)
    state = _opening(size, shape, draw)
    flows: dict[str, list[int]] = {line: [] for line in FLOWS}
    instants: dict[str, list[int]] = {line: [] for line in INSTANTS}
    shares = max(2_000, int(size * profile.unit / draw.uniform(4, 40) / 1000)) * 1000
    basic: list[int] = []
    diluted: list[int] = []
    for number in range(quarters):
        size *= 1 + shape.growth + draw.gauss(0, 0.015)
        flow = _income(size * (1 + shape.season[number % 4]), shape, state, draw, number)
        flow.update(_move_cash(flow, state, shape, draw))
        shares = int(shares * (1 + draw.uniform(-0.008, 0.006)) / 1000) * 1000
        basic.append(shares + draw.randrange(1000))
        diluted.append(basic[-1] + int(shares * 0.012 / 1000) * 1000)
        for line in FLOWS:
            flows[line].append(flow[line] * profile.unit)
        for line, value in _balance(state).items():
            instants[line].append(value * profile.unit)
        instants["shares_outstanding"].append(shares)
    sums = {line: list(accumulate(values, initial=0)) for line, values in flows.items()}
    return Books(flows=sums, instants=instants, basic=basic, diluted=diluted)


def _first_revenue(profile: Profile, draw: random.Random) -> float:
    dollars = 10 ** draw.uniform(8.0, 9.8)
    return max(dollars, 400 * profile.unit) / profile.unit


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """The shares of revenue and rates that stay with a company."""

    startup: bool
    growth: float
    season: tuple[float, float, float, float]
    cost: float
    research: float
    overhead: float
    tax: float
    dividend: float
    buyback: float
    capex: float


def _shape(profile: Profile, draw: random.Random) -> _Shape:
    swing = draw.uniform(0.0, 0.12)
    return _Shape(
        startup=profile.kind == "startup",
        growth=draw.uniform(-0.004, 0.03),
        season=(-swing / 2, -swing / 4, 0.0, swing),
        cost=draw.uniform(0.35, 0.7),
        research=draw.uniform(0.02, 0.14),
        overhead=draw.uniform(0.06, 0.18),
        tax=draw.uniform(0.15, 0.26),
        dividend=draw.choice((0.0, 0.2, 0.3)),
        buyback=draw.choice((0.1, 0.25, 0.4)),
        capex=draw.uniform(0.03, 0.09),
    )


def _opening(size: float, shape: _Shape, draw: random.Random) -> _State:
    def part(low: float, high: float) -> int:
        return int(size * draw.uniform(low, high)) + 1

    state = _State(
        cash=part(0.6, 1.5),
        investments=part(0.2, 1.0),
        receivables=part(0.4, 0.7),
        inventory=part(0.2, 0.5),
        plant=part(1.0, 2.5),
        payables=part(0.2, 0.5),
        short_debt=part(0.05, 0.2),
        long_debt=part(0.5, 1.5),
        retained=part(0.4, 1.2),
        paid_in=0,
        goodwill=part(0.3, 1.0),
        other_current=part(0.1, 0.2),
        other_assets=part(0.2, 0.6),
        other_current_liabilities=part(0.2, 0.5),
        other_liabilities=part(0.2, 0.4),
    )
    if shape.startup:
        state.retained = -part(2.0, 4.0)
    owed = state.payables + state.short_debt + state.long_debt
    owed += state.other_current_liabilities + state.other_liabilities
    state.paid_in = _assets(state) - owed - state.retained
    return state


def _assets(state: _State) -> int:
    current = state.cash + state.investments + state.receivables + state.inventory + state.other_current
    return current + state.plant + state.goodwill + state.other_assets


def _income(size: float, shape: _Shape, state: _State, draw: random.Random, number: int) -> dict[str, int]:
    revenue = int(size)
    if shape.startup:
        revenue = 0 if number < 12 else int(size * 0.05)
    cost = int(revenue * (shape.cost + draw.gauss(0, 0.01)))
    research = int(size * shape.research * (6 if shape.startup else 1) * draw.uniform(0.95, 1.05))
    overhead = int(size * shape.overhead * draw.uniform(0.95, 1.05))
    operating = revenue - cost - research - overhead
    interest = int((state.short_debt + state.long_debt) * draw.uniform(0.008, 0.014)) + 1
    pretax = operating - interest + int(size * draw.uniform(-0.01, 0.02))
    tax = int(pretax * shape.tax) if pretax > 0 else 0
    return {
        "revenue": revenue,
        "cost_of_revenue": cost,
        "gross_profit": revenue - cost,
        "research_and_development": research,
        "selling_general_administrative": overhead,
        "operating_income": operating,
        "interest_expense": interest,
        "pretax_income": pretax,
        "income_tax": tax,
        "net_income": pretax - tax,
    }


def _move_cash(flow: Mapping[str, int], state: _State, shape: _Shape, draw: random.Random) -> dict[str, int]:
    size = max(flow["revenue"], flow["research_and_development"], 100)
    income = flow["net_income"]
    receivables = int(size * draw.uniform(-0.03, 0.05))
    inventory = int(size * draw.uniform(-0.02, 0.03))
    payables = int(size * draw.uniform(-0.02, 0.04))
    depreciation = int(state.plant * draw.uniform(0.025, 0.04))
    compensation = int(size * draw.uniform(0.01, 0.03)) + 1
    spending = int(size * shape.capex * draw.uniform(0.6, 1.4)) + 1
    purchases = max(int(size * draw.uniform(-0.05, 0.06)), -state.investments // 2)
    dividends = int(max(income, 0) * shape.dividend)
    buybacks = int(max(income, 0) * shape.buyback * draw.uniform(0.5, 1.5))
    operating = income + depreciation + compensation - receivables - inventory + payables
    investing = -spending - purchases
    borrowed = -int(state.long_debt * draw.uniform(-0.03, 0.05))
    floor = int(size * 0.3)
    # New debt is what keeps cash above its floor.
    borrowed += max(0, floor - (state.cash + operating + investing + borrowed - dividends - buybacks))
    shifted = int(state.long_debt * draw.uniform(-0.01, 0.012))
    financing = borrowed - dividends - buybacks
    state.cash += operating + investing + financing
    state.receivables += receivables
    state.inventory += inventory
    state.payables += payables
    state.plant += spending - depreciation
    state.investments += purchases
    state.short_debt = max(state.short_debt + shifted, 1)
    state.long_debt += borrowed
    state.retained += income - dividends
    state.paid_in += compensation - buybacks
    _settle(state)
    return {
        "operating_cash_flow": operating,
        "investing_cash_flow": investing,
        "financing_cash_flow": financing,
        "capital_expenditures": spending,
        "depreciation_amortization": depreciation,
        "dividends_paid": dividends,
        "share_repurchases": buybacks,
        "stock_compensation": compensation,
        "net_cash_flow": operating + investing + financing,
    }


def _settle(state: _State) -> None:
    """Let the long-term debt carry what was shifted to or from the short-term debt."""
    owed = state.payables + state.short_debt + state.other_current_liabilities + state.other_liabilities
    state.long_debt = _assets(state) - owed - state.retained - state.paid_in


def _balance(state: _State) -> dict[str, int]:
    current = state.cash + state.investments + state.receivables + state.inventory + state.other_current
    current_owed = state.payables + state.short_debt + state.other_current_liabilities
    return {
        "total_assets": _assets(state),
        "current_assets": current,
        "total_liabilities": current_owed + state.long_debt + state.other_liabilities,
        "current_liabilities": current_owed,
        "total_equity": state.retained + state.paid_in,
        "cash_and_equivalents": state.cash,
        "short_term_investments": state.investments,
        "receivables": state.receivables,
        "inventory": state.inventory,
        "property_plant_equipment": state.plant,
        "goodwill": state.goodwill,
        "short_term_debt": state.short_debt,
        "long_term_debt": state.long_debt,
        "total_debt": state.short_debt + state.long_debt,
        "retained_earnings": state.retained,
    }
