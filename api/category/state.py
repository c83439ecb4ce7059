"""What the streams of the catalog fold to: products, price lists and the market as last seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, assert_never
from uuid import UUID

from api.replace import replace
from api.stream import Stream
from warehouse.events.category import (
    CompetitorPriceObserved,
    DealerTier,
    PriceListAssigned,
    PriceListCreated,
    PriceListLineRemoved,
    PriceListLineSet,
    ProductCategory,
    ProductCostUpdated,
    ProductCreated,
    ProductDeactivated,
    ProductDescribed,
    ProductMediaAttached,
    ProductPriceUpdated,
    ProductReactivated,
    Specifications,
)
from warehouse.events.event import Happened
from warehouse.money import ZERO

PRICE_MEMORY = timedelta(days=30)  # as far back as the limit on price changes looks

ProductEvent = (
    ProductCreated
    | ProductDescribed
    | ProductPriceUpdated
    | ProductCostUpdated
    | ProductMediaAttached
    | ProductDeactivated
    | ProductReactivated
)
PriceListEvent = PriceListCreated | PriceListLineSet | PriceListLineRemoved | PriceListAssigned


@dataclass(frozen=True)
class PriceChange:
    """A change of a list price; an overridden one is a fresh start for the limits on changes."""

    at: datetime
    old: Decimal
    new: Decimal
    is_overridden: bool = False


@dataclass(frozen=True)
class Document:
    """A data sheet, a manual, a certificate."""

    title: str
    url: str


@dataclass(frozen=True)
class Product:
    """What the company sells. `images` are addresses; `price_changes` are those of the 30 days before the last one."""

    sku: str = ""
    name: str = ""
    description: str = ""
    category: ProductCategory = "accessory"
    specifications: Specifications = field(default_factory=Specifications)
    base_price: Decimal = ZERO
    cost: Decimal | None = None
    currency: str = ""
    pack_quantity: int = 1
    is_active: bool = False
    images: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    price_changes: tuple[PriceChange, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether it was ever put into the catalog."""
        return self.sku != ""


@dataclass(frozen=True)
class PriceListLine:
    """A unit price or a discount rate, from a quantity on, between two days (both included)."""

    scope: Literal["product", "category", "all"]
    sku: str | None
    category: ProductCategory | None
    minimum_quantity: int
    unit_price: Decimal | None
    discount_rate: Decimal | None
    valid_from: date
    valid_until: date | None

    @property
    def key(self) -> tuple[str, str | None, str | None, int, date]:
        """What a line is known by: a line set under the same key replaces it."""
        return self.scope, self.sku, self.category, self.minimum_quantity, self.valid_from


@dataclass(frozen=True)
class PriceList:
    """The prices of a dealer tier or of one dealer."""

    name: str = ""
    currency: str = ""
    tier: DealerTier | None = None
    customer_id: UUID | None = None
    lines: tuple[PriceListLine, ...] = ()


@dataclass(frozen=True)
class Observation:
    """What one competitor asked on a day."""

    competitor: str
    price: Decimal
    currency: str
    url: str | None
    observed_on: date


@dataclass(frozen=True)
class Market:
    """What competitors ask for products comparable to one of ours: the latest observation of each, by name."""

    sku: str = ""
    observations: tuple[Observation, ...] = ()


def evolve_product(product: Product, recorded: Happened[ProductEvent]) -> Product:
    """The product after one more fact."""
    match recorded.event:
        case ProductCreated() as created:
            return Product(
                sku=created.sku,
                name=created.name,
                description=created.description,
                category=created.category,
                specifications=created.specifications,
                base_price=created.base_price,
                cost=created.cost,
                currency=created.currency,
                pack_quantity=created.pack_quantity,
                is_active=True,
            )
        case ProductDescribed() as described:
            return replace(
                product,
                name=described.name,
                description=described.description,
                category=described.category,
                specifications=described.specifications,
            )
        case ProductPriceUpdated() as updated:
            change = PriceChange(recorded.effective_at, updated.old_price, updated.new_price, updated.is_overridden)
            kept = tuple(one for one in product.price_changes if one.at > change.at - PRICE_MEMORY)
            return replace(product, base_price=updated.new_price, price_changes=(*kept, change))
        case ProductCostUpdated(new_cost=cost):
            return replace(product, cost=cost)
        case ProductMediaAttached(kind="image", url=url):
            return replace(product, images=(*product.images, url))
        case ProductMediaAttached(url=url, title=title):
            return replace(product, documents=(*product.documents, Document(title, url)))
        case ProductDeactivated():
            return replace(product, is_active=False)
        case ProductReactivated():
            return replace(product, is_active=True)
        case never:
            assert_never(never)


def evolve_price_list(prices: PriceList, recorded: Happened[PriceListEvent]) -> PriceList:
    """The price list after one more fact."""
    match recorded.event:
        case PriceListCreated(name=name, currency=currency):
            return PriceList(name, currency)
        case PriceListAssigned(tier=tier, customer_id=customer_id):
            return replace(prices, tier=tier, customer_id=customer_id)
        case PriceListLineSet() as fact:
            line = PriceListLine(**dict(fact))
            return replace(prices, lines=(*(one for one in prices.lines if one.key != line.key), line))
        case PriceListLineRemoved() as fact:
            key = (fact.scope, fact.sku, fact.category, fact.minimum_quantity, fact.valid_from)
            return replace(prices, lines=tuple(one for one in prices.lines if one.key != key))
        case never:
            assert_never(never)


def evolve_market(market: Market, recorded: Happened[CompetitorPriceObserved]) -> Market:
    """The market after one more observation; one that is older than what is known of the competitor changes nothing."""
    seen = recorded.event
    known = {one.competitor: one for one in market.observations}
    if seen.competitor in known and known[seen.competitor].observed_on > seen.observed_on:
        return market
    known[seen.competitor] = Observation(seen.competitor, seen.price, seen.currency, seen.url, seen.observed_on)
    return Market(seen.sku, tuple(known[name] for name in sorted(known)))


PRODUCT: Stream[Product] = Stream(
    name="product",
    initial=Product(),
    evolve=evolve_product,
    status=lambda product: "active" if product.is_active else "inactive",
)
PRICE_LIST: Stream[PriceList] = Stream(
    name="price_list",
    initial=PriceList(),
    evolve=evolve_price_list,
    status=lambda prices: prices.tier or "dealer",
    owner=lambda prices: prices.customer_id,
)
MARKET: Stream[Market] = Stream(name="market", initial=Market(), evolve=evolve_market, status=lambda _: "observed")
