"""What follows in other streams from what happens to goods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from api.command import Command
from api.decider import React
from api.fulfillment.commands import AcceptTransfer, QuarantineStock, ReceiveStock, ShipStock
from api.fulfillment.state import RETURN, SHIPMENT
from api.given import Given
from api.orders.commands import (
    RecordDelivery,
    RecordPicking,
    RecordReturn,
    RecordReturnRequest,
    RecordShipment,
    RecordShipmentCancellation,
    RecordShipmentPlan,
)
from api.receivables.commands import CreditedLine, IssueCreditNote
from warehouse.events.event import Event, Recorded
from warehouse.events.fulfillment import (
    InspectedLine,
    InventoryTransferredOut,
    ReturnClosed,
    ReturnInspected,
    ReturnLine,
    ReturnRequested,
    ShipmentCancelled,
    ShipmentCreated,
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


def record_plan(recorded: Recorded[ShipmentCreated], given: Given) -> Iterator[Command]:
    """The order knows which of its pieces a shipment is to take."""
    planned = recorded.event
    yield RecordShipmentPlan(order_id=planned.order_id, shipment_id=recorded.ref.id, lines=_quantities(planned.lines))


def record_cancellation(recorded: Recorded[ShipmentCancelled], given: Given) -> Iterator[Command]:
    """The order's pieces can be planned anew."""
    order_id = given.state(SHIPMENT, recorded.ref.id).order_id
    assert order_id is not None
    yield RecordShipmentCancellation(order_id=order_id, shipment_id=recorded.ref.id)


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


def record_request(recorded: Recorded[ReturnRequested], given: Given) -> Iterator[Command]:
    """The order knows which of its pieces are on their way back."""
    asked = recorded.event
    yield RecordReturnRequest(order_id=asked.order_id, return_id=recorded.ref.id, lines=_quantities(asked.lines))


def record_end(recorded: Recorded[ReturnClosed], given: Given) -> Iterator[Command]:
    """The order's pieces stay with the buyer."""
    order_id = given.state(RETURN, recorded.ref.id).order_id
    assert order_id is not None
    yield RecordReturn(order_id=order_id, return_id=recorded.ref.id, lines=())


def settle_return(recorded: Recorded[ReturnInspected], given: Given) -> Iterator[Command]:
    """Pieces that stay go on the shelf or into quarantine; those taken back are credited, and paid out if so found."""
    found = recorded.event
    for line in found.lines:
        if line.outcome not in ("reject", "repair"):
            yield _put_away(line, recorded)
    credited = [line for line in found.lines if line.outcome in ("return", "refund")]
    if credited:
        yield IssueCreditNote(
            customer_id=found.customer_id,
            credit_note_id=derived(recorded.ref.id, "credit_note"),
            order_id=found.order_id,
            return_id=recorded.ref.id,
            lines=tuple(
                CreditedLine(line_no=line.line_no, quantity=line.quantity, is_refunded=line.outcome == "refund")
                for line in credited
            ),
            reason="returned goods",
            refund_by="bank_transfer" if any(line.outcome == "refund" for line in credited) else None,
        )
    yield RecordReturn(order_id=found.order_id, return_id=recorded.ref.id, lines=_quantities(credited))


def _put_away(line: InspectedLine, recorded: Recorded[ReturnInspected]) -> Command:
    location, source_id = recorded.event.location, recorded.ref.id
    if line.is_saleable:
        return ReceiveStock(
            sku=line.sku, location=location, quantity=line.quantity, source="return", source_id=source_id
        )
    return QuarantineStock(
        sku=line.sku, location=location, quantity=line.quantity, reason="returned goods", source_id=source_id
    )


def _quantities(lines: Iterable[ShipmentLine | ReturnLine | InspectedLine]) -> tuple[LineQuantity, ...]:
    return tuple(LineQuantity(line_no=line.line_no, quantity=line.quantity) for line in lines)


REACTIONS: dict[type[Event], React] = {
    InventoryTransferredOut: take_in,
    ShipmentCreated: record_plan,
    ShipmentCancelled: record_cancellation,
    ShipmentPicked: record_picking,
    ShipmentShipped: move_out,
    ShipmentDelivered: record_delivery,
    ReturnRequested: record_request,
    ReturnClosed: record_end,
    ReturnInspected: settle_return,
}
