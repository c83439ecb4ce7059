"""What callers see of stock, shipments and returns."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.fulfillment.state import Stock
from api.orders.views import OrderView
from api.views import Shown, View
from warehouse.events.fulfillment import ReturnOutcome


class StockView(View):
    """One product at one location, at this moment."""

    product_id: UUID
    sku: str
    location: str
    on_hand: int
    reserved: int
    available: int = Field(description="May be promised; negative while backorders wait.")
    quarantined: int = Field(description="Not saleable, and not part of what is on hand.")
    unit_cost: Decimal | None = Field(description="Moving average.")


class ShipmentLineView(Shown):
    """So many pieces of an order's line."""

    line_no: int
    sku: str
    quantity: int


class ShipmentView(View):
    """One shipment of one order."""

    order_id: UUID
    customer_id: UUID
    location: str
    status: Literal["created", "picked", "packed", "shipped", "delivered", "cancelled"]
    lines: tuple[ShipmentLineView, ...]
    packages: int
    carrier: str | None
    tracking_number: str | None


class ToFulfill(Shown):
    """An order and its shipments, as the warehouse sees it."""

    order: OrderView
    shipments: tuple[ShipmentView, ...]


class ReturnLineView(Shown):
    """So many pieces of an order's line that the buyer sends back."""

    line_no: int
    sku: str
    quantity: int
    reason: str


class FindingView(Shown):
    """What inspection found."""

    line_no: int
    sku: str
    quantity: int
    outcome: ReturnOutcome
    is_saleable: bool


class ReturnView(View):
    """Goods on their way back."""

    order_id: UUID
    customer_id: UUID
    location: str
    status: Literal["requested", "approved", "received", "inspected", "closed"]
    lines: tuple[ReturnLineView, ...]
    findings: tuple[FindingView, ...]


def stock_view(id: UUID, version: int, stock: Stock, at: datetime) -> StockView:
    """A stock at an instant: reservations lapse by comparing times."""
    assert stock.product_id is not None
    return StockView(
        id=id,
        version=version,
        product_id=stock.product_id,
        sku=stock.sku,
        location=stock.location,
        on_hand=stock.on_hand,
        reserved=stock.reserved(at),
        available=stock.available(at),
        quarantined=stock.quarantined,
        unit_cost=stock.unit_cost,
    )
