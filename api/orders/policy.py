"""Guards of orders that other functions share. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from api.orders.state import Order
from api.refusals import Refusal


def refuse_unready(order: Order) -> None:
    """An order whose goods may not be touched: held, over, or to be paid before and not paid."""
    if order.lifecycle == "held":
        raise Refusal("order_held", f"Order {order.number} is held: {order.hold_reason} Release it first.")
    if order.lifecycle != "confirmed":
        raise Refusal("order_not_confirmed", f"Order {order.number} is {order.lifecycle}; it must be confirmed first.")
    if not order.is_on_credit and order.net_paid < order.due:
        message = f"Order {order.number} comes to {order.due}, {order.net_paid} is paid; goods leave when it is paid."
        raise Refusal("order_unpaid", message)


def refuse_twice(line_numbers: Iterable[int]) -> None:
    """A line that is named more than once."""
    seen: set[int] = set()
    for line_no in line_numbers:
        if line_no in seen:
            raise Refusal("line_twice", f"Line {line_no} is named twice; name each line once.")
        seen.add(line_no)
