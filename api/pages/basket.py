"""Basket: a cart at today's prices and stock, for whoever looks, with what stands in the way of ordering it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from api.category.commands import dealer_price_list_id, product_id, tier_price_list_id
from api.category.policy import PriceBook, price_book
from api.category.state import PRICE_LIST, PRODUCT, Product
from api.customers.state import Customer
from api.fulfillment.commands import stock_id
from api.fulfillment.state import STOCK
from api.house import House
from api.pages.cart_lines import Cart, CartLine
from api.reading import found_among
from warehouse.clock import calendar_date
from warehouse.money import ZERO, net_and_tax, rounded

LOCATION = "main"  # the warehouse that serves the storefront


@dataclass(frozen=True, slots=True)
class BasketLine:
    """One line as it would be ordered now. `price` is per piece as this buyer goes by it: consumers' holds tax."""

    sku: str
    name: str
    category: str
    quantity: int
    available: int
    price: Decimal
    seen_price: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal
    is_sold: bool

    @property
    def problem(self) -> str | None:
        """Why it cannot be ordered so, in words."""
        if not self.is_sold:
            return "This is no longer sold. Take it out to go on."
        if self.available == 0:
            return "Out of stock today. Take it out to go on."
        if self.quantity > self.available:
            return f"You asked for {self.quantity}, {self.available} can be had today."
        return None

    @property
    def has_new_price(self) -> bool:
        """Whether the price is another one than when it was put in."""
        return self.is_sold and self.price != self.seen_price


@dataclass(frozen=True, slots=True)
class Basket:
    """All lines with their sums."""

    lines: Sequence[BasketLine]
    is_dealer: bool
    currency: str

    @property
    def net(self) -> Decimal:
        """Without tax."""
        return sum((line.net for line in self.lines), ZERO)

    @property
    def tax(self) -> Decimal:
        """The tax."""
        return sum((line.tax for line in self.lines), ZERO)

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return sum((line.gross for line in self.lines), ZERO)

    @property
    def can_be_ordered(self) -> bool:
        """Whether there is something in it, and nothing in the way."""
        return bool(self.lines) and all(line.problem is None for line in self.lines)

    @property
    def seen_prices(self) -> dict[str, Decimal]:
        """The prices it shows, by SKU."""
        return {line.sku: line.price for line in self.lines}


def basket_of(connection: Connection, here: House, cart: Cart, customer: Customer | None, at: datetime) -> Basket:
    """The cart at an instant; three statements, two for an empty one's none."""
    buyer = customer or Customer()
    is_dealer = buyer.user_type == "dealer"
    if not cart.lines:
        return Basket((), is_dealer, here.rules.currency)
    products = found_among(connection, PRODUCT, {product_id(line.sku) for line in cart.lines})
    stocks = found_among(connection, STOCK, {stock_id(line.sku, LOCATION) for line in cart.lines})
    book = _book(connection, here, buyer, at)

    def priced(line: CartLine) -> BasketLine:
        found, stock = products.get(product_id(line.sku)), stocks.get(stock_id(line.sku, LOCATION))
        available = max(0, stock.state.available(at)) if stock else 0
        return _priced(line, found.state if found else None, available, book, here.rules.tax_rate, is_dealer=is_dealer)

    return Basket(tuple(map(priced, cart.lines)), is_dealer, here.rules.currency)


def _priced(
    line: CartLine, product: Product | None, available: int, book: PriceBook, tax_rate: Decimal, *, is_dealer: bool
) -> BasketLine:
    """As the rule of placing an order will price it (api/orders/placing.py)."""
    if product is None or not product.is_active:
        name = product.name if product else line.sku
        return BasketLine(
            line.sku, name, "", line.quantity, 0, line.seen_price, line.seen_price, ZERO, ZERO, ZERO, is_sold=False
        )
    price = book.quote(product, line.quantity).unit_price
    extended = rounded(price * line.quantity)
    if is_dealer:
        net, tax = extended, rounded(extended * tax_rate)
    else:
        net, tax = net_and_tax(extended, tax_rate)
    return BasketLine(
        sku=product.sku,
        name=product.name,
        category=product.category,
        quantity=line.quantity,
        available=available,
        price=price,
        seen_price=line.seen_price,
        net=net,
        tax=tax,
        gross=net + tax,
        is_sold=True,
    )


def _book(connection: Connection, here: House, buyer: Customer, at: datetime) -> PriceBook:
    on = calendar_date(at, here.rules.time_zone)
    if buyer.dealer_status != "approved" or buyer.id is None:
        return price_book(buyer, (), on)
    ids = [dealer_price_list_id(buyer.id), *([tier_price_list_id(buyer.tier)] if buyer.tier else [])]
    return price_book(buyer, [row.state for row in found_among(connection, PRICE_LIST, ids).values()], on)
