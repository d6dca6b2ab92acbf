"""Amounts as a person reads them: separators, no exponent, and no digit that is only the machine's. Pure."""

from __future__ import annotations

from decimal import Decimal

_SMALL = 0.1
"""Below it two decimals say too little of an amount a share."""


def exact(value: float) -> str:
    """An amount as filed, to its last digit: 85,777,000,000 or 1.4."""
    return f"{_filed(value):,f}"


def summed(value: float) -> str:
    """An amount that may have been added up, in the digits that adding leaves true."""
    # Fifteen digits are what a double keeps of any decimal; what is behind them came of adding.
    return exact(value) if float(value).is_integer() else exact(float(f"{value:.15g}"))


def change(was: float, now: float) -> str:
    """What is between two amounts, with its sign, in the digits that they show."""
    return f"{_filed(now) - _filed(was):+,f}"


def short(value: float) -> str:
    """A price or a greek: 1,234.5678 or 0.00001234; zeros at the end are left out."""
    rounded = f"{value:.4f}" if abs(value) >= _SMALL else f"{value:.4g}"
    return exact(float(rounded))


def share(value: float) -> str:
    """A ratio, a percentage or an amount a share: 1,234.50 or 0.0575."""
    return f"{value:,.4f}" if 0 < abs(value) < _SMALL else f"{value:,.2f}"


def millions(value: float) -> str:
    """Money or shares in millions: 416,161 or 12.34."""
    size = value / 1e6
    return f"{size:,.0f}" if abs(size) >= 100 or size == 0 else f"{size:,.2f}"


def _filed(value: float) -> Decimal:
    return Decimal(repr(float(value)).removesuffix(".0")) if value else Decimal(0)
