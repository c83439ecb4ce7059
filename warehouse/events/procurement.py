"""Facts of buying: streams `supplier` and `purchase_order`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from warehouse.events.customers import PaymentTerms
from warehouse.events.event import Amount, Event, Part, PersonalText, UnitPrice


class SupplierCreated(Event):
    """A supplier was taken on."""

    stream: ClassVar[str] = "supplier"
    type: ClassVar[str] = "supplier.created"

    name: str
    country: str | None = None
    contact_email: PersonalText | None = None
    contact_phone: PersonalText | None = None
    payment_terms: PaymentTerms = "net_30"
    lead_time_days: int | None = Field(None, description="As promised; the measured one comes from receipts.")
    quality_rating: Decimal | None = Field(None, description="0 to 5.")
    notes: str = ""


class SupplierUpdated(Event):
    """What is known of a supplier was written anew."""

    stream: ClassVar[str] = "supplier"
    type: ClassVar[str] = "supplier.updated"

    name: str
    country: str | None = None
    contact_email: PersonalText | None = None
    contact_phone: PersonalText | None = None
    payment_terms: PaymentTerms
    lead_time_days: int | None = None
    quality_rating: Decimal | None = None
    notes: str = ""


class SupplierDeactivated(Event):
    """Nothing more is ordered from a supplier."""

    stream: ClassVar[str] = "supplier"
    type: ClassVar[str] = "supplier.deactivated"

    reason: str


class PurchaseOrderLine(Part):
    """One line of an order to a supplier."""

    line_no: int
    product_id: UUID
    sku: str
    quantity: int
    unit_cost: UnitPrice
    line_total: Amount


class ReceiptLine(Part):
    """So many pieces of a line that arrived."""

    line_no: int
    product_id: UUID
    sku: str
    quantity: int
    unit_cost: UnitPrice


class PurchaseOrderCreated(Event):
    """An order to a supplier was drafted."""

    stream: ClassVar[str] = "purchase_order"
    type: ClassVar[str] = "purchase_order.created"

    number: str
    supplier_id: UUID
    currency: str
    lines: tuple[PurchaseOrderLine, ...]
    total_cost: Amount
    location: str = Field(description="Where the goods are to arrive.")
    expected_on: date | None = None
    needs_approval: bool = Field(description="Its total is above the threshold.")
    notes: str = ""


class PurchaseOrderApproved(Event):
    """A person other than its author approved it."""

    stream: ClassVar[str] = "purchase_order"
    type: ClassVar[str] = "purchase_order.approved"

    reason: str = ""


class PurchaseOrderSent(Event):
    """It went to the supplier."""

    stream: ClassVar[str] = "purchase_order"
    type: ClassVar[str] = "purchase_order.sent"


class PurchaseOrderConfirmed(Event):
    """The supplier promised a day."""

    stream: ClassVar[str] = "purchase_order"
    type: ClassVar[str] = "purchase_order.confirmed"

    expected_on: date
    supplier_reference: str | None = None


class PurchaseOrderReceived(Event):
    """Goods arrived; the stock follows in the same transaction."""

    stream: ClassVar[str] = "purchase_order"
    type: ClassVar[str] = "purchase_order.received"

    receipt_id: UUID
    lines: tuple[ReceiptLine, ...]
    location: str
    received_on: date
    delivery_note: str | None = None
    is_complete: bool = Field(description="Nothing is open after this receipt.")


class PurchaseOrderShortClosed(Event):
    """The open rest will not come."""

    stream: ClassVar[str] = "purchase_order"
    type: ClassVar[str] = "purchase_order.short_closed"

    reason: str


class PurchaseOrderCancelled(Event):
    """It was called off before anything arrived."""

    stream: ClassVar[str] = "purchase_order"
    type: ClassVar[str] = "purchase_order.cancelled"

    reason: str
