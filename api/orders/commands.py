"""What may be asked of an order. Those that begin with Record come by reaction from other streams."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.category.commands import Reason, Sku
from api.command import Command
from warehouse.events.customers import Address
from warehouse.events.event import Amount, Share, UnitPrice
from warehouse.events.orders import LineKind, LineQuantity

LINES_MAX = 2_000
Location = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]


class _OrderCommand(Command):
    stream: ClassVar[str] = "order"
    key: ClassVar[str] = "order_id"

    order_id: UUID


class OrderedLine(Command):
    """A line as the buyer asks for it. Agreed prices, tax rates, charges and discounts are for staff and imports."""

    kind: LineKind = "product"
    sku: Sku
    quantity: int = Field(ge=1, le=1_000_000)
    description: Annotated[str, StringConstraints(max_length=500)] | None = None
    agreed_unit_price: UnitPrice | None = Field(None, description="Instead of the price list's; negative on discounts.")
    agreed_tax_rate: Share | None = None
    reference: Annotated[str, StringConstraints(max_length=100)] | None = None


class PlaceOrder(_OrderCommand):
    """Order goods: all lines or none, unless `backorder` lets lines wait for stock (dealers, staff)."""

    customer_id: UUID
    channel: Literal["storefront", "api", "bulk", "staff", "import"] = "api"
    lines: Annotated[tuple[OrderedLine, ...], Field(min_length=1, max_length=LINES_MAX)]
    location: Location = "main"
    shipping_address: Address | None = None
    backorder: bool = False
    reference: Annotated[str, StringConstraints(max_length=100)] | None = None
    notes: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class HoldOrder(_OrderCommand):
    """Stop what is still open of an order: nothing of it is picked, packed or shipped until it is released."""

    reason: Reason


class ReleaseOrder(_OrderCommand):
    """Let a held order go on. Over the credit limit it needs the right in receivables."""

    reason: Reason


class CancelOrder(_OrderCommand):
    """Call an order off: the buyer until picking starts, staff until anything is packed."""

    reason: Reason


class ExpireOrder(_OrderCommand):
    """Record that an unpaid order has lapsed."""


class ShortCloseLine(_OrderCommand):
    """Give up the open rest of a line, as far as no shipment under way is to take it."""

    line_no: int
    reason: Reason


class RecordShipmentPlan(_OrderCommand):
    """A shipment of the order was planned."""

    shipment_id: UUID
    lines: tuple[LineQuantity, ...]


class RecordShipmentCancellation(_OrderCommand):
    """A planned shipment of the order was called off."""

    shipment_id: UUID


class RecordPicking(_OrderCommand):
    """A shipment of the order is being picked: the buyer can no longer cancel."""

    shipment_id: UUID


class RecordShipment(_OrderCommand):
    """Lines left in a shipment."""

    shipment_id: UUID
    lines: tuple[LineQuantity, ...]


class RecordDelivery(_OrderCommand):
    """Lines of a shipment arrived."""

    shipment_id: UUID
    lines: tuple[LineQuantity, ...]


class RecordReturnRequest(_OrderCommand):
    """The buyer wants to send pieces back."""

    return_id: UUID
    lines: tuple[LineQuantity, ...]


class RecordReturn(_OrderCommand):
    """A return came to its end: these lines were taken back, if any."""

    return_id: UUID
    lines: tuple[LineQuantity, ...]


class RecordCredit(_OrderCommand):
    """Credit was given on the order's invoices."""

    credit_note_id: UUID
    amount: Amount


class RecordPayment(_OrderCommand):
    """Money was put against the order (negative: taken back, or given back to the buyer when `is_refund`)."""

    payment_id: UUID
    amount: Amount
    is_refund: bool = False
