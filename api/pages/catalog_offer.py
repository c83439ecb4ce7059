"""Offer: a product as one visitor sees it: their price, with tax and without, and what they may have today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from api.category.policy import PriceBook
from api.category.state import Document, Product
from api.pages.catalog_index import Item
from warehouse.events.category import ProductCategory, Specifications
from warehouse.money import net_and_tax, rounded

LOW_STOCK = 5  # from here down the number of pieces left is what matters
SHOWN_STOCK_MAX = 50  # above it we say "over": exact stocks are nobody else's business
PUMPS: frozenset[ProductCategory] = frozenset({"tank_pump", "pressure_pump", "borewell_pump", "drainage_pump"})


@dataclass(frozen=True, slots=True)
class StockWords:
    """How a stock is told: a kind for the colour, and the words."""

    kind: Literal["good", "low", "bad"]
    words: str


@dataclass(frozen=True, slots=True)
class Offer:
    """`price` is what this visitor goes by: dealers without tax, everybody else with it. Costs are not in here."""

    sku: str
    name: str
    description: str
    category: ProductCategory
    specifications: Specifications
    images: tuple[str, ...]
    documents: tuple[Document, ...]
    pack_quantity: int
    currency: str
    price: Decimal
    price_without_tax: Decimal
    price_with_tax: Decimal
    list_price: Decimal
    available: int

    @property
    def is_pump(self) -> bool:
        """Whether it moves water by itself."""
        return self.category in PUMPS

    @property
    def stock(self) -> StockWords:
        """The stock in words."""
        if self.available <= 0:
            return StockWords("bad", "Out of stock")
        if self.available <= LOW_STOCK:
            return StockWords("low", f"Only {self.available} left")
        many = self.available > SHOWN_STOCK_MAX
        return StockWords("good", f"In stock, {f'over {SHOWN_STOCK_MAX}' if many else self.available}")

    @property
    def is_reduced(self) -> bool:
        """Whether the visitor pays less than the list price."""
        return self.price < self.list_price


def offer_of(item: Item, book: PriceBook, at: datetime, tax_rate: Decimal, *, is_dealer: bool) -> Offer:
    """The offer to somebody with this price book; list prices include tax for consumers and exclude it for dealers."""
    product = item.product
    price = book.quote(product, 1).unit_price
    without, with_tax = _both(price, tax_rate, is_dealer=is_dealer)
    return Offer(
        sku=product.sku,
        name=product.name,
        description=product.description,
        category=product.category,
        specifications=product.specifications,
        images=_own_pictures(product),
        documents=product.documents,
        pack_quantity=product.pack_quantity,
        currency=product.currency,
        price=price,
        price_without_tax=without,
        price_with_tax=with_tax,
        list_price=product.base_price,
        available=item.available(at),
    )


def _both(price: Decimal, tax_rate: Decimal, *, is_dealer: bool) -> tuple[Decimal, Decimal]:
    if is_dealer:
        return price, rounded(price * (1 + tax_rate))
    return net_and_tax(price, tax_rate)[0], price


def _own_pictures(product: Product) -> tuple[str, ...]:
    """Pictures on our own origin; a browser fetches nothing from elsewhere."""
    return tuple(url for url in product.images if url.startswith("/") and not url.startswith("//"))
