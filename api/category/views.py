"""What callers see of the catalog: buyers the offer, staff also cost and history."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from api.views import Shown, StaffOnly, View
from warehouse.events.category import DealerTier, ProductCategory, Specifications


class DocumentView(Shown):
    """A data sheet, a manual, a certificate."""

    title: str
    url: str


class PriceChangeView(Shown):
    """A change of a list price."""

    at: datetime
    old: Decimal
    new: Decimal
    is_overridden: bool


class ProductView(View):
    """A product of the catalog."""

    sku: str = Field(examples=["JP-100"])
    name: str
    description: str
    category: ProductCategory
    specifications: Specifications
    base_price: Decimal = Field(description="List price per piece, before any dealer's price.", examples=["120.00"])
    currency: str
    pack_quantity: int
    images: tuple[str, ...]
    documents: tuple[DocumentView, ...]
    is_active: bool
    cost: Annotated[Decimal | None, StaffOnly()] = Field(None, description="For staff; absent for buyers.")
    price_changes: Annotated[tuple[PriceChangeView, ...], StaffOnly()] = Field(
        (), description="Of the last 30 days. For staff; absent for buyers."
    )


class PriceListLineView(Shown):
    """A unit price or a discount rate, from a quantity on, between two days (both included)."""

    scope: Literal["product", "category", "all"]
    sku: str | None
    category: ProductCategory | None
    minimum_quantity: int
    unit_price: Decimal | None
    discount_rate: Decimal | None
    valid_from: date
    valid_until: date | None


class PriceListView(View):
    """The prices of a dealer tier or of one dealer."""

    name: str
    currency: str
    tier: DealerTier | None
    customer_id: UUID | None
    lines: tuple[PriceListLineView, ...]


class ObservationView(Shown):
    """What one competitor asked on a day."""

    competitor: str
    price: Decimal
    currency: str
    url: str | None
    observed_on: date


class MarketView(View):
    """What competitors ask for products comparable to one of ours: the latest observation of each."""

    sku: str
    observations: tuple[ObservationView, ...]
