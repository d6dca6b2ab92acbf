"""Who a generated company is. All of it follows from the seed and the company's index."""

from __future__ import annotations

import random
from dataclasses import dataclass

from evertape.sandbox.fiscal import Calendar
from evertape.sandbox.traps import traps_of

_FIRST_CIK = 9_000_000_000
_SEEDS = 900
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TRADES = (
    ("Robotics", "Industrials", "Industrial Machinery & Supplies & Components"),
    ("Software", "Information Technology", "Application Software"),
    ("Pharma", "Health Care", "Pharmaceuticals"),
    ("Foods", "Consumer Staples", "Packaged Foods & Meats"),
    ("Energy", "Energy", "Oil & Gas Exploration & Production"),
    ("Materials", "Materials", "Specialty Chemicals"),
    ("Retail", "Consumer Discretionary", "Apparel Retail"),
    ("Networks", "Communication Services", "Integrated Telecommunication Services"),
    ("Instruments", "Information Technology", "Electronic Components"),
    ("Freight", "Industrials", "Cargo Ground Transportation"),
)
_FORMS = ("Inc", "Corp", "Holdings", "Group")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A generated company. `kind` is industrial, bank, insurer or startup.

    `unit` is the rounding of its statements in units of `currency`; `style` picks among equivalent tags.
    """

    index: int
    seed: int
    cik: int
    name: str
    symbols: tuple[str, ...]
    exchange: str
    sector: str
    industry: str
    kind: str
    traps: tuple[str, ...]
    calendar: Calendar
    currency: str
    unit: int
    style: int
    last_year: int | None

    @property
    def trap(self) -> str | None:
        """The main trap, or None for an ordinary company."""
        return self.traps[0] if self.traps else None

    @property
    def annual_only(self) -> bool:
        """True for foreign private issuers, which file no quarters."""
        return bool({"ifrs-annual", "moved-to-ifrs"} & set(self.traps))

    @property
    def has_facts(self) -> bool:
        """False where companyfacts is empty or absent."""
        return not {"empty-facts", "no-companyfacts"} & set(self.traps)

    def random(self, purpose: str) -> random.Random:
        """A generator of its own for each purpose, so that one does not disturb another."""
        return random.Random(f"{self.seed}:{self.index}:{purpose}")


def profile_of(seed: int, index: int) -> Profile:
    """The company with this index, from 0."""
    traps = traps_of(index)
    draw = random.Random(f"{seed}:{index}:profile")
    trade, sector, industry = _TRADES[draw.randrange(len(_TRADES))]
    kind = "industrial"
    if "bank" in traps:
        kind, trade, sector, industry = "bank", "Bank", "Financials", "Regional Banks"
    elif "insurer" in traps:
        kind, trade, sector, industry = "insurer", "Insurance", "Financials", "Multi-line Insurance"
    elif "zero-and-negative" in traps:
        kind, trade, sector, industry = "startup", "Biotech", "Health Care", "Biotechnology"
    symbol = _symbol(seed, index)
    symbols: tuple[str, ...] = (symbol,)
    if "several-tickers" in traps:
        symbols = (f"{symbol}-B", f"{symbol}-A")
    elif "no-ticker" in traps:
        symbols = ()
    return Profile(
        index=index,
        seed=seed,
        cik=_FIRST_CIK + (seed % _SEEDS) * 1_000_000 + index,
        name=f"Generated {index:04d} {trade} {_FORMS[draw.randrange(len(_FORMS))]} (sandbox)",
        symbols=symbols,
        exchange=("Nasdaq", "NYSE")[draw.randrange(2)],
        sector=sector,
        industry=industry,
        kind=kind,
        traps=traps,
        calendar=_calendar(traps, draw),
        currency="TWD" if "ifrs-annual" in traps else "USD",
        unit=1_000 if draw.random() < 0.6 else 1_000_000,
        style=draw.randrange(4),
        last_year=2019 if "dormant" in traps else None,
    )


def _symbol(seed: int, index: int) -> str:
    number = (index + (seed - 1) * 977) % len(_LETTERS) ** 3
    letters = ""
    for _ in range(3):
        number, letter = divmod(number, len(_LETTERS))
        letters = _LETTERS[letter] + letters
    return f"G{letters}"


def _calendar(traps: tuple[str, ...], draw: random.Random) -> Calendar:
    first = draw.randrange(2012, 2018)
    month = draw.choice((12, 12, 12, 12, 6, 9, 3, 1))
    if "year-end-in-january" in traps:
        return Calendar(month=12, first_year=first, weeks="nearest")
    if "53-week-year" in traps:
        return Calendar(month=9, first_year=first, weeks="last")
    if "fiscal-year-change" in traps:
        return Calendar(month=12, first_year=2013, changed_in=2018, changed_to=6)
    if {"facts-lag", "withdrawn-filing", "republished-index"} & set(traps):
        return Calendar(month=draw.choice((11, 8)), first_year=first)
    if {"ifrs-annual", "moved-to-ifrs", "dormant", "bank", "insurer"} & set(traps):
        return Calendar(month=12, first_year=min(first, 2014))
    if {"tag-migration", "stale-tag"} & set(traps):
        first = min(first, 2013)
    return Calendar(month=month, first_year=first)
