"""What staff see of suppliers and purchase orders."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from pydantic import Field

from api.procurement.state import PurchaseOrderStatus
from api.views import Shown, View
from warehouse.events.customers import PaymentTerms


class SupplierView(View):
    """Whom the company buys from; `lead_time_days` as promised."""

    name: str
    country: str | None
    contact_email: str | None
    contact_phone: str | None
    payment_terms: PaymentTerms
    lead_time_days: int | None
    quality_rating: Decimal | None
    notes: str
    is_active: bool


class PurchaseLineView(Shown):
    """A line of a purchase order and how much of it arrived."""

    line_no: int
    product_id: UUID
    sku: str
    quantity: int
    unit_cost: Decimal
    received_quantity: int
    open_quantity: int


class PurchaseOrderView(View):
    """An order to a supplier."""

    number: str = Field(examples=["PO-261122-7K3M9QXA"])
    supplier_id: UUID
    status: PurchaseOrderStatus
    currency: str
    lines: tuple[PurchaseLineView, ...]
    total_cost: Decimal
    location: str
    expected_on: date | None
    supplier_reference: str | None
    needs_approval: bool
    created_by: str = Field(description="Who drafted it, and so may not approve it.")
    receipts: tuple[UUID, ...]
