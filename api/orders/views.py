"""What callers see of orders."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.customers.views import AddressView
from api.orders.state import Fulfillment, Lifecycle, Payment, Status
from api.views import Shown, View
from warehouse.events.customers import PaymentTerms
from warehouse.events.orders import LineKind


class OrderLineView(Shown):
    """One line as agreed, and how many of its pieces went where."""

    line_no: int
    kind: LineKind
    sku: str
    product_id: UUID | None
    description: str
    quantity: int
    unit_price: Decimal
    tax_rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal
    reference: str | None
    shipped: int
    delivered: int
    returned: int
    short_closed: int
    open: int = Field(description="Pieces still to ship.")


class OrderView(View):
    """An order. `status` is one word for all; `lifecycle`, `fulfillment` and `payment` say it exactly."""

    number: str = Field(examples=["SO-261122-7K3M9QXA"])
    customer_id: UUID
    customer_type: Literal["consumer", "dealer"]
    channel: str
    status: Status
    lifecycle: Lifecycle
    fulfillment: Fulfillment
    payment: Payment
    hold_reason: str | None
    currency: str
    prices_include_tax: bool
    lines: tuple[OrderLineView, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    due: Decimal = Field(description="The total less what will not come.")
    paid: Decimal
    refunded: Decimal
    terms: PaymentTerms
    location: str
    shipping_address: AddressView | None
    backorder: bool
    reference: str | None
    notes: str | None
    placed_at: datetime
    expires_at: datetime | None = Field(description="Unpaid by then the order lapses; none on credit or once paid.")
    shipped_at: datetime | None
    delivered_at: datetime | None
    shipments: tuple[UUID, ...]
