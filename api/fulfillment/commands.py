"""What may be asked of stock, shipments and returns."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.category.commands import Reason, Sku, product_id
from api.command import Command
from warehouse.events.event import NonNegativeUnitPrice, UnitPrice
from warehouse.events.fulfillment import ReturnOutcome
from warehouse.events.orders import LineQuantity
from warehouse.ids import named

Location = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
Pieces = Annotated[int, Field(ge=1, le=10_000_000)]


def stock_id(sku: str, location: str) -> UUID:
    """A stock's id is a function of SKU and location."""
    return named("stock", sku, location)


class _StockCommand(Command):
    stream: ClassVar[str] = "stock"
    key: ClassVar[str] = "stock_id"

    sku: Sku
    location: Location = "main"

    @property
    def stock_id(self) -> UUID:
        """The stock of this product at this location."""
        return stock_id(self.sku, self.location)

    @property
    def product_id(self) -> UUID:
        """The product the SKU stands for."""
        return product_id(self.sku)


class ReceiveStock(_StockCommand):
    """Pieces come in and can be sold."""

    quantity: Pieces
    unit_cost: NonNegativeUnitPrice | None = None
    source: Literal["purchase_order", "production", "return", "opening"]
    source_id: UUID | None = None


class AdjustStock(_StockCommand):
    """Put the books right: pieces found (positive) or lost (negative)."""

    quantity: int = Field(ge=-10_000_000, le=10_000_000)
    reason: Reason


class CountStock(_StockCommand):
    """Record what was counted on the shelf."""

    counted_quantity: int = Field(ge=0, le=10_000_000)


class ReserveStock(_StockCommand):
    """Set pieces aside for an order; `backorder` lets the reservation exceed what is there."""

    order_id: UUID
    quantity: Pieces
    backorder: bool = False
    expires_at: datetime | None = None


class ConfirmReservation(_StockCommand):
    """Pieces set aside for an order no longer lapse."""

    order_id: UUID


class ReleaseStock(_StockCommand):
    """Free pieces set aside for an order."""

    order_id: UUID
    quantity: Pieces
    reason: Reason


class ShipStock(_StockCommand):
    """Pieces set aside for an order leave the house."""

    order_id: UUID
    shipment_id: UUID
    quantity: Pieces


class QuarantineStock(_StockCommand):
    """Pieces come in, or are found, that may not be sold."""

    quantity: Pieces
    reason: Reason
    source_id: UUID | None = None


class TransferStock(_StockCommand):
    """Move pieces to another location; they arrive in the same transaction."""

    to_location: Location
    transfer_id: UUID
    quantity: Pieces


class AcceptTransfer(_StockCommand):
    """Take in pieces that another location sent."""

    from_location: Location
    transfer_id: UUID
    quantity: Pieces
    unit_cost: UnitPrice | None = None


class _ShipmentCommand(Command):
    stream: ClassVar[str] = "shipment"
    key: ClassVar[str] = "shipment_id"

    shipment_id: UUID


class CreateShipment(_ShipmentCommand):
    """Plan a shipment of an order: the given lines, or everything open when none are given."""

    order_id: UUID
    lines: tuple[LineQuantity, ...] | None = None


class PickShipment(_ShipmentCommand):
    """Its pieces were taken from the shelves."""


class PackShipment(_ShipmentCommand):
    """It stands packed."""

    packages: int = Field(1, ge=1, le=10_000)


class ShipShipment(_ShipmentCommand):
    """The carrier took it; the invoice follows."""

    carrier: Annotated[str, StringConstraints(max_length=100)] | None = None
    tracking_number: Annotated[str, StringConstraints(max_length=100)] | None = None


class DeliverShipment(_ShipmentCommand):
    """It reached the buyer."""


class CancelShipment(_ShipmentCommand):
    """Call a shipment off before it leaves."""

    reason: Reason


class _ReturnCommand(Command):
    stream: ClassVar[str] = "return"
    key: ClassVar[str] = "return_id"

    return_id: UUID


class RequestedReturnLine(Command):
    """So many pieces of an order's line that the buyer wants to send back, and why."""

    line_no: int
    quantity: Pieces
    reason: Reason


class RequestReturn(_ReturnCommand):
    """Ask to send delivered goods back."""

    order_id: UUID
    lines: Annotated[tuple[RequestedReturnLine, ...], Field(min_length=1, max_length=2_000)]


class ApproveReturn(_ReturnCommand):
    """Let the buyer send them."""


class ReceiveReturn(_ReturnCommand):
    """They arrived."""


class InspectionFinding(Command):
    """What is to become of a line: refund and return give credit, saleable pieces go back on the shelf."""

    line_no: int
    outcome: ReturnOutcome
    is_saleable: bool


class InspectReturn(_ReturnCommand):
    """Decide each line's outcome."""

    findings: Annotated[tuple[InspectionFinding, ...], Field(min_length=1, max_length=2_000)]


class CloseReturn(_ReturnCommand):
    """End a return that goes no further."""

    reason: Reason
