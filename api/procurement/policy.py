"""Figures of buying: what a line and an order cost, and how much may arrive."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from uuid import UUID

from warehouse.ids import short_code
from warehouse.money import ZERO, rounded


def line_total(quantity: int, unit_cost: Decimal) -> Decimal:
    """What a line costs, rounded once."""
    return rounded(quantity * unit_cost)


def order_total(line_totals: Iterable[Decimal]) -> Decimal:
    """What an order costs."""
    return sum(line_totals, ZERO)


def receivable_quantity(quantity: int, received_quantity: int, over_receipt_rate: Decimal) -> int:
    """How many more pieces of a line may arrive, the tolerance included, whole pieces only."""
    return max(0, int(quantity * (1 + over_receipt_rate)) - received_quantity)


def purchase_order_number(purchase_order_id: UUID, on: date) -> str:
    """`PO-261122-7K3M9QZ2`: the day it was drafted and eight letters of its id."""
    return f"PO-{on:%y%m%d}-{short_code(purchase_order_id)}"
