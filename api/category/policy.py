"""Prices: what a buyer pays, how low a price may go, and how fast it may move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Literal

from api.category.state import PRICE_MEMORY, PriceList, PriceListLine, Product
from api.customers.state import Customer
from warehouse.money import CENT

_UNIT = Decimal("0.0001")  # unit prices have four places: a cent price less a whole percentage is exact

PriceSource = Literal["own_list", "tier_list", "dealer_discount", "base_price"]
_Shelf = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Quote:
    """A price per piece and where it comes from."""

    unit_price: Decimal
    source: PriceSource


def buyer_price(product: Product, customer: Customer, lists: Iterable[PriceList], quantity: int, on: date) -> Quote:
    """What a buyer pays per piece on a day, for one product; for many, open a price_book once."""
    return price_book(customer, lists, on).quote(product, quantity)


def price_book(customer: Customer, lists: Iterable[PriceList], on: date) -> PriceBook:
    """A buyer's prices on a day. Other people's `lists` do no harm; only approved dealers have a list or a discount."""
    if customer.dealer_status != "approved":
        return PriceBook(Decimal(0), ())
    lists = list(lists)
    own = [one for one in lists if one.customer_id is not None and one.customer_id == customer.id]
    tier = [one for one in lists if one.tier is not None and one.tier == customer.tier]
    return PriceBook(customer.discount_rate, (("own_list", _shelved(own, on)), ("tier_list", _shelved(tier, on))))


@dataclass(frozen=True, slots=True)
class PriceBook:
    """One buyer's prices on one day: own list before tier list, else the list price less the discount."""

    discount_rate: Decimal
    lists: tuple[tuple[PriceSource, Mapping[_Shelf, tuple[PriceListLine, ...]]], ...]

    def quote(self, product: Product, quantity: int) -> Quote:
        """The price per piece when so many are bought on one line.

        Inside a list a product's line goes before its category's before everything's, then the highest minimum quantity
        that is reached, then the latest first day (Odoo's order: reference/commerce.md, 4.1 no. 4).
        """
        for source, shelves in self.lists:
            for shelf in (("product", product.sku), ("category", product.category), ("all", None)):
                for line in shelves.get(shelf, ()):
                    if line.minimum_quantity <= quantity:
                        return Quote(line_price(line, product.base_price), source)
        if self.discount_rate:
            return Quote(discounted(product.base_price, self.discount_rate), "dealer_discount")
        return Quote(product.base_price, "base_price")


def line_price(line: PriceListLine, base_price: Decimal) -> Decimal:
    """What a line of a price list makes of a list price."""
    if line.unit_price is not None:
        return line.unit_price
    assert line.discount_rate is not None, "a line has a unit price or a discount rate"
    return discounted(base_price, line.discount_rate)


def discounted(price: Decimal, rate: Decimal) -> Decimal:
    """A price less a share of it, to four places."""
    return (price * (1 - rate)).quantize(_UNIT, rounding=ROUND_HALF_UP)


def margin_floor(cost: Decimal | None, minimum_margin_rate: Decimal) -> Decimal:
    """The lowest price that keeps the margin over cost, in whole cents; 0 while the cost is not known."""
    if cost is None:
        return Decimal(0)
    return (cost * (1 + minimum_margin_rate)).quantize(CENT, rounding=ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class PriceRange:
    """The prices from `low` to `high`, both included; `high` none is without end."""

    low: Decimal
    high: Decimal | None

    def covers(self, price: Decimal) -> bool:
        """Whether a price lies inside."""
        return self.low <= price and (self.high is None or price <= self.high)


def step_range(product: Product, step_rate: Decimal) -> PriceRange:
    """Where the next price may lie: so far from the present one at the most."""
    return _within(step_rate, [product.base_price])


def month_range(product: Product, at: datetime, month_rate: Decimal) -> PriceRange:
    """Where a price may lie: near every price of the last 30 days, so that small steps do not add up."""
    return _within(month_rate, recent_prices(product, at))


def recent_prices(product: Product, at: datetime) -> list[Decimal]:
    """The list prices in force during the 30 days before an instant; a change by override begins anew."""
    prices = [product.base_price]
    for change in reversed(product.price_changes):
        if change.is_overridden or change.at <= at - PRICE_MEMORY:
            break
        prices.append(change.old)
    return prices


def _within(rate: Decimal, prices: Iterable[Decimal]) -> PriceRange:
    """The range that is within a rate of every price; a price of 0 is none yet and binds nobody."""
    known = [price for price in prices if price]
    if not known:
        return PriceRange(Decimal(0), None)
    low = max((price * (1 - rate)).quantize(CENT, rounding=ROUND_CEILING) for price in known)
    high = min((price * (1 + rate)).quantize(CENT, rounding=ROUND_FLOOR) for price in known)
    return PriceRange(low, high)


def _shelved(lists: Iterable[PriceList], on: date) -> Mapping[_Shelf, tuple[PriceListLine, ...]]:
    """The lines in force on a day by what they are about, the first that fits first."""
    shelves: dict[_Shelf, list[PriceListLine]] = {}
    for prices in lists:
        for line in prices.lines:
            if line.valid_from <= on and (line.valid_until is None or on <= line.valid_until):
                shelves.setdefault((line.scope, line.sku or line.category), []).append(line)
    return {shelf: tuple(sorted(lines, key=_precedence)) for shelf, lines in shelves.items()}


def _precedence(line: PriceListLine) -> tuple[int, int]:
    return -line.minimum_quantity, -line.valid_from.toordinal()
