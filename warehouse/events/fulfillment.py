"""Facts of goods: streams `stock` (one per product and location), `shipment` and `return`."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from warehouse.events.event import Event, Part, UnitPrice

ReturnOutcome = Literal["return", "repair", "replace", "refund", "reject"]


class InventoryReceived(Event):
    """Pieces came in and can be sold."""

    stream: ClassVar[str] = "stock"
    type: ClassVar[str] = "inventory.received"

    product_id: UUID
    sku: str
    location: str
    quantity: int
    unit_cost: UnitPrice | None = Field(None, description="What a piece cost; none keeps the moving average.")
    source: Literal["purchase_order", "production", "return", "opening"]
    source_id: UUID | None = None


class InventoryAdjusted(Event):
    """The books were put right: pieces found (positive), lost or broken (negative)."""

    stream: ClassVar[str] = "stock"
    type: ClassVar[str] = "inventory.adjusted"

    product_id: UUID
    sku: str
    location: str
    quantity: int
    reason: str


class InventoryCounted(Event):
    """Somebody counted the shelf; the difference to the books is the adjustment."""

    stream: ClassVar[str] = "stock"
    type: ClassVar[str] = "inventory.counted"

    product_id: UUID
    sku: str
    location: str
    counted_quantity: int
    difference: int


class InventoryReserved(Event):
    """Pieces were set aside for an order."""

    stream: ClassVar[str] = "stock"
    type: ClassVar[str] = "inventory.reserved"

    product_id: UUID
    sku: str
    location: str
    order_id: UUID
    quantity: int
    expires_at: datetime | None = Field(
        None, description="From this instant the pieces are free again; none never lapses."
    )


class InventoryReservationConfirmed(Event):
    """Pieces set aside for an order no longer lapse: it was paid."""

    stream: ClassVar[str] = "stock"
    type: ClassVar[str] = "inventory.reservation_confirmed"

    product_id: UUID
    sku: str
    location: str
    order_id: UUID


class InventoryReleased(Event):
    """Pieces set aside for an order are free again."""

    stream: ClassVar[str] = "stock"
    type: ClassVar[str] = "inventory.released"

    product_id: UUID
    sku: str
    location: str
    order_id: UUID
    quantity: int
    reason: str


class InventoryShipped(Event):
    """Pieces set aside for an order left the house."""

    stream: ClassVar[str] = "stock"
    type: ClassVar[str] = "inventory.shipped"

    product_id: UUID
    sku: str
    location: str
    order_id: UUID
    shipment_id: UUID
    quantity: int
    unit_cost: UnitPrice | None = Field(None, description="Moving average cost of a piece when it left.")


class InventoryTransferredOut(Event):
    """Pieces left for another location."""

    stream: ClassVar[str] = "stock"
    type: ClassVar[str] = "inventory.transferred_out"

    product_id: UUID
    sku: str
    location: str
    to_location: str
    transfer_id: UUID
    quantity: int
    unit_cost: UnitPrice | None = None


class InventoryTransferredIn(Event):
    """Pieces arrived from another location."""

    stream: ClassVar[str] = "stock"
    type: ClassVar[str] = "inventory.transferred_in"

    product_id: UUID
    sku: str
    location: str
    from_location: str
    transfer_id: UUID
    quantity: int
    unit_cost: UnitPrice | None = None


class InventoryQuarantined(Event):
    """Pieces in the house that may not be sold (damaged, under inspection)."""

    stream: ClassVar[str] = "stock"
    type: ClassVar[str] = "inventory.quarantined"

    product_id: UUID
    sku: str
    location: str
    quantity: int
    reason: str
    source_id: UUID | None = None


class ShipmentLine(Part):
    """So many pieces of an order's line in a shipment."""

    line_no: int
    product_id: UUID
    sku: str
    quantity: int


class ShipmentCreated(Event):
    """A shipment was planned for an order."""

    stream: ClassVar[str] = "shipment"
    type: ClassVar[str] = "shipment.created"
    subject: ClassVar[str | None] = "customer_id"

    order_id: UUID
    customer_id: UUID
    location: str
    lines: tuple[ShipmentLine, ...]


class ShipmentPicked(Event):
    """Its pieces were taken from the shelves."""

    stream: ClassVar[str] = "shipment"
    type: ClassVar[str] = "shipment.picked"


class ShipmentPacked(Event):
    """It stands packed."""

    stream: ClassVar[str] = "shipment"
    type: ClassVar[str] = "shipment.packed"

    packages: int = 1


class ShipmentShipped(Event):
    """The carrier took it; the invoice follows in the same transaction."""

    stream: ClassVar[str] = "shipment"
    type: ClassVar[str] = "shipment.shipped"

    order_id: UUID
    customer_id: UUID
    location: str
    lines: tuple[ShipmentLine, ...]
    carrier: str | None = None
    tracking_number: str | None = None


class ShipmentDelivered(Event):
    """It reached the buyer."""

    stream: ClassVar[str] = "shipment"
    type: ClassVar[str] = "shipment.delivered"

    order_id: UUID
    lines: tuple[ShipmentLine, ...]


class ShipmentCancelled(Event):
    """It was called off before it left; its pieces stay reserved for the order."""

    stream: ClassVar[str] = "shipment"
    type: ClassVar[str] = "shipment.cancelled"

    reason: str


class ReturnLine(Part):
    """So many pieces of an order's line that the buyer sends back."""

    line_no: int
    product_id: UUID
    sku: str
    quantity: int
    reason: str


class InspectedLine(Part):
    """What inspection found: saleable pieces go back on the shelf, the others into quarantine."""

    line_no: int
    product_id: UUID
    sku: str
    quantity: int
    outcome: ReturnOutcome
    is_saleable: bool


class ReturnRequested(Event):
    """A buyer asked to send goods back."""

    stream: ClassVar[str] = "return"
    type: ClassVar[str] = "return.requested"
    subject: ClassVar[str | None] = "customer_id"

    order_id: UUID
    customer_id: UUID
    location: str
    lines: tuple[ReturnLine, ...]


class ReturnApproved(Event):
    """The buyer may send them."""

    stream: ClassVar[str] = "return"
    type: ClassVar[str] = "return.approved"


class ReturnReceived(Event):
    """They arrived."""

    stream: ClassVar[str] = "return"
    type: ClassVar[str] = "return.received"


class ReturnInspected(Event):
    """Each line's outcome was decided; stock and credit note follow in the same transaction."""

    stream: ClassVar[str] = "return"
    type: ClassVar[str] = "return.inspected"

    order_id: UUID
    customer_id: UUID
    location: str
    lines: tuple[InspectedLine, ...]


class ReturnClosed(Event):
    """Nothing is left to do."""

    stream: ClassVar[str] = "return"
    type: ClassVar[str] = "return.closed"

    reason: str
