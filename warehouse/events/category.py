"""Facts of the catalog: streams `product`, `price_list` and `market` (one per product: what competitors ask)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from warehouse.events.event import Amount, Event, Part, Rate, UnitPrice

ProductCategory = Literal["tank_pump", "pressure_pump", "borewell_pump", "drainage_pump", "accessory", "spare_part"]
DealerTier = Literal["standard", "premium", "distributor"]


class CurvePoint(Part):
    """One point of a pump's duty curve."""

    flow_m3_h: Decimal
    head_m: Decimal
    power_w: Decimal | None = None


class Specifications(Part):
    """What an engineer asks of a pump; a part or an accessory leaves most of it out."""

    flow_m3_h_max: Decimal | None = None
    head_m_max: Decimal | None = None
    power_w: Decimal | None = None
    phase: Literal["single", "three"] | None = None
    outlet_mm: int | None = None
    suction_lift_m_max: Decimal | None = None
    noise_db: int | None = None
    curve: tuple[CurvePoint, ...] = ()


class ProductCreated(Event):
    """A product entered the catalog."""

    stream: ClassVar[str] = "product"
    type: ClassVar[str] = "product.created"

    sku: str
    name: str
    description: str = ""
    category: ProductCategory
    specifications: Specifications = Specifications()
    base_price: Amount = Field(description="List price per piece, tax as the buyer's kind sees it.")
    cost: Amount | None = Field(None, description="What a piece costs the company; hidden from buyers.")
    currency: str
    pack_quantity: int = Field(1, description="Pieces in a pack; dealers order whole packs.")


class ProductDescribed(Event):
    """A product's words and specifications were written anew."""

    stream: ClassVar[str] = "product"
    type: ClassVar[str] = "product.described"

    name: str
    description: str
    category: ProductCategory
    specifications: Specifications


class ProductPriceUpdated(Event):
    """A product's list price changed."""

    stream: ClassVar[str] = "product"
    type: ClassVar[str] = "product.price_updated"

    old_price: Amount
    new_price: Amount
    reason: str
    is_overridden: bool = Field(description="A person with the right stepped over the limits on price changes.")


class ProductCostUpdated(Event):
    """What a piece costs the company changed."""

    stream: ClassVar[str] = "product"
    type: ClassVar[str] = "product.cost_updated"

    old_cost: Amount | None
    new_cost: Amount
    reason: str


class ProductMediaAttached(Event):
    """A picture or a document was attached to a product."""

    stream: ClassVar[str] = "product"
    type: ClassVar[str] = "product.media_attached"

    kind: Literal["image", "document"]
    url: str
    title: str


class ProductDeactivated(Event):
    """A product left the catalog; what was ordered stays ordered."""

    stream: ClassVar[str] = "product"
    type: ClassVar[str] = "product.deactivated"

    reason: str


class ProductReactivated(Event):
    """A product came back into the catalog."""

    stream: ClassVar[str] = "product"
    type: ClassVar[str] = "product.reactivated"


class PriceListCreated(Event):
    """A price list was opened."""

    stream: ClassVar[str] = "price_list"
    type: ClassVar[str] = "price_list.created"

    name: str
    currency: str


class PriceListLineSet(Event):
    """A line of a price list was set; a line is known by its scope, minimum quantity and first day."""

    stream: ClassVar[str] = "price_list"
    type: ClassVar[str] = "price_list.line_set"

    scope: Literal["product", "category", "all"]
    sku: str | None = None
    category: ProductCategory | None = None
    minimum_quantity: int = Field(1, description="The line holds from this quantity on an order line.")
    unit_price: UnitPrice | None = Field(None, description="Price per piece; either this or a discount rate.")
    discount_rate: Rate | None = Field(None, description="Share off the list price; either this or a unit price.")
    valid_from: date = Field(description="First day, included.")
    valid_until: date | None = Field(None, description="Last day, included; none is open-ended.")


class PriceListLineRemoved(Event):
    """A line of a price list was taken out."""

    stream: ClassVar[str] = "price_list"
    type: ClassVar[str] = "price_list.line_removed"

    scope: Literal["product", "category", "all"]
    sku: str | None = None
    category: ProductCategory | None = None
    minimum_quantity: int
    valid_from: date


class PriceListAssigned(Event):
    """A price list was given to a dealer tier or to one dealer."""

    stream: ClassVar[str] = "price_list"
    type: ClassVar[str] = "price_list.assigned"

    tier: DealerTier | None = None
    customer_id: UUID | None = None


class CompetitorPriceObserved(Event):
    """Somebody saw what a competitor asks for a comparable product."""

    stream: ClassVar[str] = "market"
    type: ClassVar[str] = "competitor_price.observed"

    sku: str
    competitor: str
    price: Amount
    currency: str
    url: str | None = None
    observed_on: date
