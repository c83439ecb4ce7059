"""Money: Decimal amounts, rounded half away from zero, once per line."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def rounded(amount: Decimal) -> Decimal:
    """The amount in whole cents, half away from zero (Python's ROUND_HALF_UP rounds the magnitude)."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def net_and_tax(gross: Decimal, tax_rate: Decimal) -> tuple[Decimal, Decimal]:
    """Split a tax-inclusive amount; gross is the truth, so net + tax == gross always."""
    net = rounded(gross / (1 + tax_rate))
    return net, gross - net
