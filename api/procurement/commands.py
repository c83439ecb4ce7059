"""What may be asked of suppliers and purchase orders."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field, StringConstraints

from api.category.commands import Reason, Sku
from api.command import Command
from api.customers.commands import Email, Name, Phone
from api.fulfillment.commands import Location, Pieces
from warehouse.events.customers import PaymentTerms
from warehouse.events.event import NonNegativeUnitPrice


class _SupplierCommand(Command):
    stream: ClassVar[str] = "supplier"
    key: ClassVar[str] = "supplier_id"

    supplier_id: UUID


class _SupplierProfile(_SupplierCommand):
    name: Name
    country: Annotated[str, StringConstraints(max_length=100)] | None = None
    contact_email: Email | None = None
    contact_phone: Phone | None = None
    payment_terms: PaymentTerms = "net_30"
    lead_time_days: int | None = Field(None, ge=0, le=1_000)
    quality_rating: Decimal | None = Field(None, ge=0, le=5, decimal_places=2)
    notes: Annotated[str, StringConstraints(max_length=2_000)] = ""


class CreateSupplier(_SupplierProfile):
    """Take a supplier on."""


class UpdateSupplier(_SupplierProfile):
    """Write what is known of a supplier anew."""


class DeactivateSupplier(_SupplierCommand):
    """Order nothing more from a supplier."""

    reason: Reason


class _PurchaseOrderCommand(Command):
    stream: ClassVar[str] = "purchase_order"
    key: ClassVar[str] = "purchase_order_id"

    purchase_order_id: UUID


class PurchasedLine(Command):
    """A line to order from a supplier."""

    sku: Sku
    quantity: Pieces
    unit_cost: NonNegativeUnitPrice


class CreatePurchaseOrder(_PurchaseOrderCommand):
    """Draft an order to a supplier."""

    supplier_id: UUID
    lines: Annotated[tuple[PurchasedLine, ...], Field(min_length=1, max_length=2_000)]
    location: Location = "main"
    expected_on: date | None = None
    notes: Annotated[str, StringConstraints(max_length=2_000)] = ""


class ApprovePurchaseOrder(_PurchaseOrderCommand):
    """Approve it; nobody approves their own."""

    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class SendPurchaseOrder(_PurchaseOrderCommand):
    """Send it to the supplier; above the threshold it must have been approved."""


class ConfirmPurchaseOrder(_PurchaseOrderCommand):
    """The supplier promises a day."""

    expected_on: date
    supplier_reference: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] | None = None


class ReceivedLine(Command):
    """So many pieces of a line that arrived."""

    line_no: int
    quantity: Pieces


class ReceivePurchaseOrder(_PurchaseOrderCommand):
    """Goods arrived: the given lines, or everything open when none are given."""

    receipt_id: UUID
    lines: tuple[ReceivedLine, ...] | None = None
    delivery_note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] | None = None


class ShortClosePurchaseOrder(_PurchaseOrderCommand):
    """Give up the open rest."""

    reason: Reason


class CancelPurchaseOrder(_PurchaseOrderCommand):
    """Call it off before anything arrived."""

    reason: Reason
