"""Money: Decimal amounts, rounded half away from zero, once per line."""

from __future__ import annotations

from collections.abc import Sequence
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


def prorated(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split `total` (whole cents) by weight, largest remainder first; the parts sum to it exactly.

    Equal remainders go to the earlier part. Weights all zero share equally.
    """
    weights = list(weights) if any(weights) else [Decimal(1)] * len(weights)
    cents, whole = int(total / CENT), sum(weights, Decimal(0))
    exact = [cents * weight / whole for weight in weights]
    floors = [int(share // 1) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (floors[i] - exact[i], i))
    for i in by_remainder[: cents - sum(floors)]:
        floors[i] += 1
    return [floor * CENT for floor in floors]
