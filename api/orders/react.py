"""What follows in other streams from what happens to an order: stock, shipments and credit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.command import Command
from api.decider import React
from api.fulfillment.commands import CancelShipment, ConfirmReservation, ReleaseStock, ReserveStock
from api.given import Given
from api.orders.state import ORDER, Order
from api.receivables.commands import CommitCredit, ReleaseCredit
from warehouse.events.event import Event, Recorded
from warehouse.events.orders import OrderCancelled, OrderConfirmed, OrderExpired, OrderLineShortClosed, OrderPlaced


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
    if order.is_on_credit:
        assert order.customer_id is not None
        yield CommitCredit(customer_id=order.customer_id, order_id=recorded.ref.id, amount=order.due)
    elif order.expires_at is not None:
        for sku in order.demand():
            yield ConfirmReservation(sku=sku, location=order.location, order_id=recorded.ref.id)


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
    if order.is_on_credit:
        assert order.customer_id is not None
        yield ReleaseCredit(
            customer_id=order.customer_id,
            order_id=recorded.ref.id,
            amount=order.due,
            cause="cancelled" if is_cancelled else "expired",
        )
    for shipment_id in order.picking:
        yield CancelShipment(shipment_id=shipment_id, reason="order cancelled")


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
    if order.is_on_credit:
        assert order.customer_id is not None
        _, _, amount = line.amounts(line.quantity, line.quantity - event.quantity)
        yield ReleaseCredit(
            customer_id=order.customer_id, order_id=recorded.ref.id, amount=amount, cause="short_closed"
        )


def _order(recorded: Recorded[Any], given: Given) -> Order:
    return given.state(ORDER, recorded.ref.id)


REACTIONS: dict[type[Event], React] = {
    OrderPlaced: reserve_stock,
    OrderConfirmed: commit,
    OrderCancelled: free_all,
    OrderExpired: free_all,
    OrderLineShortClosed: free_line,
}
