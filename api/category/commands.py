"""What may be asked of the catalog, its price lists and the view of the market."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.command import Command
from warehouse.events.category import DealerTier, ProductCategory, Specifications
from warehouse.events.event import NonNegativeAmount, NonNegativeUnitPrice, Share
from warehouse.ids import named

Sku = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=r"^[\w .\-/&+#]+$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Price = NonNegativeAmount


def product_id(sku: str) -> UUID:
    """A product's id is a function of its SKU."""
    return named("product", sku)


def tier_price_list_id(tier: DealerTier) -> UUID:
    """The id of the price list of a dealer tier."""
    return named("price_list", "tier", tier)


def dealer_price_list_id(customer_id: UUID) -> UUID:
    """The id of one dealer's own price list."""
    return named("price_list", "dealer", str(customer_id))


class _ProductCommand(Command):
    stream: ClassVar[str] = "product"
    key: ClassVar[str] = "product_id"


class CreateProduct(Command):
    """Put a product into the catalog."""

    stream: ClassVar[str] = "product"
    key: ClassVar[str] = "product_id"

    sku: Sku
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
    description: Annotated[str, StringConstraints(max_length=10_000)] = ""
    category: ProductCategory
    specifications: Specifications = Specifications()
    base_price: Price
    cost: Price | None = None
    pack_quantity: int = Field(1, ge=1, le=10_000)

    @property
    def product_id(self) -> UUID:
        """The product the SKU stands for."""
        return product_id(self.sku)


class DescribeProduct(_ProductCommand):
    """Write a product's words and specifications anew."""

    product_id: UUID
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
    description: Annotated[str, StringConstraints(max_length=10_000)] = ""
    category: ProductCategory
    specifications: Specifications = Specifications()


class ChangePrice(_ProductCommand):
    """Change a product's list price; `override` steps over the limits on changes, for those with the right."""

    product_id: UUID
    new_price: Price
    reason: Reason
    override: bool = False


class ChangeCost(_ProductCommand):
    """Change what a piece costs the company."""

    product_id: UUID
    new_cost: Price
    reason: Reason


class AttachMedia(_ProductCommand):
    """Attach a picture or a document to a product."""

    product_id: UUID
    kind: Literal["image", "document"]
    url: Annotated[str, StringConstraints(max_length=500, pattern=r"^(/|https://)\S+$")]
    title: Annotated[str, StringConstraints(max_length=255)]


class DeactivateProduct(_ProductCommand):
    """Take a product out of the catalog."""

    product_id: UUID
    reason: Reason


class ReactivateProduct(_ProductCommand):
    """Bring a product back."""

    product_id: UUID


class CreatePriceList(Command):
    """Open a price list for a dealer tier or for one dealer; exactly one of the two."""

    stream: ClassVar[str] = "price_list"
    key: ClassVar[str] = "price_list_id"

    price_list_id: UUID
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
    tier: DealerTier | None = None
    customer_id: UUID | None = None


class SetPriceListLine(Command):
    """Set a line of a price list: a unit price or a discount rate, for a product, a category or everything."""

    stream: ClassVar[str] = "price_list"
    key: ClassVar[str] = "price_list_id"

    price_list_id: UUID
    scope: Literal["product", "category", "all"]
    sku: Sku | None = None
    category: ProductCategory | None = None
    minimum_quantity: int = Field(1, ge=1)
    unit_price: NonNegativeUnitPrice | None = None
    discount_rate: Share | None = None
    valid_from: date
    valid_until: date | None = None


class RemovePriceListLine(Command):
    """Take a line out of a price list."""

    stream: ClassVar[str] = "price_list"
    key: ClassVar[str] = "price_list_id"

    price_list_id: UUID
    scope: Literal["product", "category", "all"]
    sku: Sku | None = None
    category: ProductCategory | None = None
    minimum_quantity: int = Field(1, ge=1)
    valid_from: date


class ObserveCompetitorPrice(Command):
    """Record what a competitor asks for a comparable product."""

    stream: ClassVar[str] = "market"
    key: ClassVar[str] = "market_id"

    sku: Sku
    competitor: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    price: Price
    url: Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://\S+$")] | None = None
    observed_on: date

    @property
    def market_id(self) -> UUID:
        """The market of the product the SKU stands for."""
        return named("market", self.sku)
