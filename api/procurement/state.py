"""What the streams of buying fold to: suppliers and orders to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, assert_never
from uuid import UUID

from api.replace import replace
from api.stream import Stream
from warehouse.events.customers import PaymentTerms
from warehouse.events.event import Happened
from warehouse.events.procurement import (
    PurchaseOrderApproved,
    PurchaseOrderCancelled,
    PurchaseOrderConfirmed,
    PurchaseOrderCreated,
    PurchaseOrderReceived,
    PurchaseOrderSent,
    PurchaseOrderShortClosed,
    SupplierCreated,
    SupplierDeactivated,
    SupplierUpdated,
)
from warehouse.money import ZERO

SupplierEvent = SupplierCreated | SupplierUpdated | SupplierDeactivated
PurchaseOrderEvent = (
    PurchaseOrderCreated
    | PurchaseOrderApproved
    | PurchaseOrderSent
    | PurchaseOrderConfirmed
    | PurchaseOrderReceived
    | PurchaseOrderShortClosed
    | PurchaseOrderCancelled
)
PurchaseOrderStatus = Literal[
    "draft", "approved", "sent", "confirmed", "partially_received", "received", "short_closed", "cancelled"
]


@dataclass(frozen=True)
class Supplier:
    """Whom the company buys from; `lead_time_days` as promised."""

    name: str = ""
    country: str | None = None
    contact_email: str | None = None
    contact_phone: str | None = None
    payment_terms: PaymentTerms = "net_30"
    lead_time_days: int | None = None
    quality_rating: Decimal | None = None
    notes: str = ""
    is_active: bool = False


@dataclass(frozen=True)
class PurchaseLine:
    """A line of a purchase order and how much of it arrived."""

    line_no: int
    product_id: UUID
    sku: str
    quantity: int
    unit_cost: Decimal
    received_quantity: int = 0

    @property
    def open_quantity(self) -> int:
        """What is still to come; 0 after an over-receipt."""
        return max(0, self.quantity - self.received_quantity)


@dataclass(frozen=True)
class PurchaseOrder:
    """An order to a supplier; `created_by` is the signature of who drafted it."""

    number: str = ""
    supplier_id: UUID | None = None
    currency: str = ""
    lines: tuple[PurchaseLine, ...] = ()
    total_cost: Decimal = ZERO
    location: str = ""
    expected_on: date | None = None
    supplier_reference: str | None = None
    status: PurchaseOrderStatus = "draft"
    needs_approval: bool = False
    created_by: str = ""
    receipts: tuple[UUID, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether goods are awaited."""
        return self.status in {"sent", "confirmed", "partially_received"}


def evolve_supplier(supplier: Supplier, recorded: Happened[SupplierEvent]) -> Supplier:
    """The supplier after one more fact."""
    match recorded.event:
        case SupplierCreated() as fact:
            return Supplier(**dict(fact), is_active=True)
        case SupplierUpdated() as fact:
            return replace(supplier, **dict(fact))
        case SupplierDeactivated():
            return replace(supplier, is_active=False)
        case never:
            assert_never(never)


def evolve_purchase_order(order: PurchaseOrder, recorded: Happened[PurchaseOrderEvent]) -> PurchaseOrder:
    """The purchase order after one more fact."""
    match recorded.event:
        case PurchaseOrderCreated() as fact:
            return PurchaseOrder(
                number=fact.number,
                supplier_id=fact.supplier_id,
                currency=fact.currency,
                lines=tuple(
                    PurchaseLine(line.line_no, line.product_id, line.sku, line.quantity, line.unit_cost)
                    for line in fact.lines
                ),
                total_cost=fact.total_cost,
                location=fact.location,
                expected_on=fact.expected_on,
                needs_approval=fact.needs_approval,
                created_by=recorded.created_by,
            )
        case PurchaseOrderApproved():
            return replace(order, status="approved")
        case PurchaseOrderSent():
            return replace(order, status="sent")
        case PurchaseOrderConfirmed(expected_on=day, supplier_reference=reference):
            status = order.status if order.status == "partially_received" else "confirmed"
            reference = reference or order.supplier_reference
            return replace(order, status=status, expected_on=day, supplier_reference=reference)
        case PurchaseOrderReceived() as fact:
            return _received(order, fact)
        case PurchaseOrderShortClosed():
            return replace(order, status="short_closed")
        case PurchaseOrderCancelled():
            return replace(order, status="cancelled")
        case never:
            assert_never(never)


def _received(order: PurchaseOrder, fact: PurchaseOrderReceived) -> PurchaseOrder:
    arrived = {line.line_no: line.quantity for line in fact.lines}
    return replace(
        order,
        status="received" if fact.is_complete else "partially_received",
        lines=tuple(
            replace(line, received_quantity=line.received_quantity + arrived.get(line.line_no, 0))
            for line in order.lines
        ),
        receipts=(*order.receipts, fact.receipt_id),
    )


def _purchase_order_claims(order: PurchaseOrder) -> Iterable[tuple[str, str]]:
    """Its number, and the supplier's own reference once for each supplier."""
    if order.number:
        yield "purchase_order_number", order.number
    if order.supplier_reference:
        yield "supplier_reference", f"{order.supplier_id} {order.supplier_reference}"


SUPPLIER: Stream[Supplier] = Stream(
    name="supplier",
    initial=Supplier(),
    evolve=evolve_supplier,
    status=lambda supplier: "active" if supplier.is_active else "inactive",
)
PURCHASE_ORDER: Stream[PurchaseOrder] = Stream(
    name="purchase_order",
    initial=PurchaseOrder(),
    evolve=evolve_purchase_order,
    status=lambda order: order.status,
    claims=_purchase_order_claims,
)
