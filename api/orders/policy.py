"""What other functions must know of an order before they touch its goods. Pure."""

from __future__ import annotations

from api.orders.state import Order
from api.refusals import Refusal


def refuse_unready(order: Order) -> None:
    """An order whose goods may not be touched: unpaid, held or over."""
    if order.lifecycle == "held":
        raise Refusal("order_held", f"Order {order.number} is held: {order.hold_reason}")
    if order.lifecycle != "confirmed":
        raise Refusal("order_not_confirmed", f"Order {order.number} is {order.lifecycle}; it must be confirmed first.")
