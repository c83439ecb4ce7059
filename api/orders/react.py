"""What follows in other streams from what happens to an order: stock, shipments and credit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

from api.command import Command
from api.decider import React
from api.fulfillment.commands import CancelShipment, ConfirmReservation, ReleaseStock, ReserveStock
from api.given import Given
from api.orders.state import ORDER, Order
from api.receivables.commands import CommitCredit, ReleaseCredit
from warehouse.events.event import Event, Recorded
from warehouse.events.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderLineShortClosed,
    OrderPaymentApplied,
    OrderPlaced,
)


def reserve_stock(recorded: Recorded[OrderPlaced], given: Given) -> Iterator[Command]:
    """An order placed sets its pieces aside."""
    order = _order(recorded, given)
    for sku, quantity in order.demand().items():
        yield ReserveStock(
            sku=sku,
            location=order.location,
            order_id=recorded.ref.id,
            quantity=quantity,
            backorder=order.backorder,
            expires_at=order.expires_at,
        )


def commit(recorded: Recorded[OrderConfirmed], given: Given) -> Iterator[Command]:
    """An order confirmed on terms takes up credit; one that was paid in time keeps its pieces for good."""
    order = _order(recorded, given)
    if not order.is_on_credit:
        yield from _keep_pieces(order, recorded)
    elif order.uninvoiced > 0:
        assert order.customer_id is not None
        yield CommitCredit(customer_id=order.customer_id, order_id=recorded.ref.id, amount=order.uninvoiced)


def keep_while_held(recorded: Recorded[OrderPaymentApplied], given: Given) -> Iterator[Command]:
    """An order paid in time while it is held keeps its pieces for good; release confirms it."""
    order = _order(recorded, given)
    if order.lifecycle == "held" and not order.is_on_credit and order.net_paid >= order.due:
        yield from _keep_pieces(order, recorded)


def free_all(recorded: Recorded[OrderCancelled] | Recorded[OrderExpired], given: Given) -> Iterator[Command]:
    """An order called off or lapsed frees its pieces, its credit and the shipments being picked."""
    order = _order(recorded, given)
    is_cancelled = isinstance(recorded.event, OrderCancelled)
    for sku, quantity in order.demand().items():
        yield ReleaseStock(
            sku=sku,
            location=order.location,
            order_id=recorded.ref.id,
            quantity=quantity,
            reason="order cancelled" if is_cancelled else "order expired",
        )
    cause: Literal["cancelled", "expired"] = "cancelled" if is_cancelled else "expired"
    yield from _free_credit(order, recorded, order.uninvoiced, cause)
    for planned in order.planned:
        yield CancelShipment(shipment_id=planned.shipment_id, reason="order cancelled")


def free_line(recorded: Recorded[OrderLineShortClosed], given: Given) -> Iterator[Command]:
    """A line cut short frees the pieces and the credit of its rest."""
    order, event = _order(recorded, given), recorded.event
    line = order.line(event.line_no)
    assert line is not None
    if line.kind == "product":
        yield ReleaseStock(
            sku=line.sku,
            location=order.location,
            order_id=recorded.ref.id,
            quantity=event.quantity,
            reason="line short-closed",
        )
    _, _, amount = line.amounts(line.expected + event.quantity, line.expected)
    yield from _free_credit(order, recorded, amount, "short_closed")


def _keep_pieces(order: Order, recorded: Recorded[Any]) -> Iterator[Command]:
    if order.expires_at is not None:
        for sku in order.demand():
            yield ConfirmReservation(sku=sku, location=order.location, order_id=recorded.ref.id)


def _free_credit(
    order: Order, recorded: Recorded[Any], amount: Decimal, cause: Literal["cancelled", "expired", "short_closed"]
) -> Iterator[Command]:
    if order.is_on_credit and amount > 0:
        assert order.customer_id is not None
        yield ReleaseCredit(customer_id=order.customer_id, order_id=recorded.ref.id, amount=amount, cause=cause)


def _order(recorded: Recorded[Any], given: Given) -> Order:
    return given.state(ORDER, recorded.ref.id)


REACTIONS: dict[type[Event], React] = {
    OrderPlaced: reserve_stock,
    OrderConfirmed: commit,
    OrderPaymentApplied: keep_while_held,
    OrderCancelled: free_all,
    OrderExpired: free_all,
    OrderLineShortClosed: free_line,
}
