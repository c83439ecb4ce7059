"""What follows in other streams from what happens to goods."""

from __future__ import annotations

from collections.abc import Iterator

from api.command import Command
from api.decider import React
from api.fulfillment.commands import AcceptTransfer, QuarantineStock, ReceiveStock, ShipStock
from api.fulfillment.state import SHIPMENT
from api.given import Given
from api.orders.commands import RecordDelivery, RecordPicking, RecordReturn, RecordShipment
from api.receivables.commands import CreditedLine, IssueCreditNote
from warehouse.events.event import Event, Recorded
from warehouse.events.fulfillment import (
    InventoryTransferredOut,
    ReturnInspected,
    ShipmentDelivered,
    ShipmentLine,
    ShipmentPicked,
    ShipmentShipped,
)
from warehouse.events.orders import LineQuantity
from warehouse.ids import derived


def take_in(recorded: Recorded[InventoryTransferredOut], given: Given) -> Iterator[Command]:
    """Pieces sent to another location arrive there."""
    sent = recorded.event
    yield AcceptTransfer(
        sku=sent.sku,
        location=sent.to_location,
        from_location=sent.location,
        transfer_id=sent.transfer_id,
        quantity=sent.quantity,
        unit_cost=sent.unit_cost,
    )


def record_picking(recorded: Recorded[ShipmentPicked], given: Given) -> Iterator[Command]:
    """The order knows that its goods are being picked."""
    order_id = given.state(SHIPMENT, recorded.ref.id).order_id
    assert order_id is not None
    yield RecordPicking(order_id=order_id, shipment_id=recorded.ref.id)


def move_out(recorded: Recorded[ShipmentShipped], given: Given) -> Iterator[Command]:
    """Pieces leave the stock; the order's lines count as shipped (and are invoiced thereupon)."""
    shipped = recorded.event
    pieces: dict[str, int] = {}
    for line in shipped.lines:
        pieces[line.sku] = pieces.get(line.sku, 0) + line.quantity
    for sku, quantity in pieces.items():
        yield ShipStock(
            sku=sku,
            location=shipped.location,
            order_id=shipped.order_id,
            shipment_id=recorded.ref.id,
            quantity=quantity,
        )
    yield RecordShipment(order_id=shipped.order_id, shipment_id=recorded.ref.id, lines=_quantities(shipped.lines))


def record_delivery(recorded: Recorded[ShipmentDelivered], given: Given) -> Iterator[Command]:
    """The order's lines count as delivered."""
    event = recorded.event
    yield RecordDelivery(order_id=event.order_id, shipment_id=recorded.ref.id, lines=_quantities(event.lines))


def settle_return(recorded: Recorded[ReturnInspected], given: Given) -> Iterator[Command]:
    """Returned pieces go on the shelf or into quarantine; those taken back are credited, and refunded where so found."""
    found = recorded.event
    kept = [line for line in found.lines if line.outcome != "reject"]
    for line in kept:
        if line.is_saleable:
            yield ReceiveStock(
                sku=line.sku,
                location=found.location,
                quantity=line.quantity,
                source="return",
                source_id=recorded.ref.id,
            )
        else:
            yield QuarantineStock(
                sku=line.sku,
                location=found.location,
                quantity=line.quantity,
                reason="returned goods",
                source_id=recorded.ref.id,
            )
    credited = [line for line in kept if line.outcome in ("return", "refund")]
    if credited:
        yield IssueCreditNote(
            customer_id=found.customer_id,
            credit_note_id=derived(recorded.ref.id, "credit_note"),
            order_id=found.order_id,
            return_id=recorded.ref.id,
            lines=tuple(CreditedLine(line_no=line.line_no, quantity=line.quantity) for line in credited),
            reason="returned goods",
            refund_by="bank_transfer" if any(line.outcome == "refund" for line in credited) else None,
        )
        lines = tuple(LineQuantity(line_no=line.line_no, quantity=line.quantity) for line in credited)
        yield RecordReturn(order_id=found.order_id, return_id=recorded.ref.id, lines=lines)


def _quantities(lines: tuple[ShipmentLine, ...]) -> tuple[LineQuantity, ...]:
    return tuple(LineQuantity(line_no=line.line_no, quantity=line.quantity) for line in lines)


REACTIONS: dict[type[Event], React] = {
    InventoryTransferredOut: take_in,
    ShipmentPicked: record_picking,
    ShipmentShipped: move_out,
    ShipmentDelivered: record_delivery,
    ReturnInspected: settle_return,
}
