"""Doors of the catalog: products, their prices and price lists, and the market around them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field

from api.auth.enter import Who
from api.category.commands import (
    AttachMedia,
    ChangeCost,
    ChangePrice,
    CreatePriceList,
    CreateProduct,
    DeactivateProduct,
    DescribeProduct,
    ObserveCompetitorPrice,
    ReactivateProduct,
    RemovePriceListLine,
    SetPriceListLine,
    dealer_price_list_id,
    tier_price_list_id,
)
from api.category.policy import margin_floor, month_range, step_range
from api.category.state import MARKET, PRICE_LIST, PRODUCT, Product
from api.category.views import MarketView, PriceListView, ProductView
from api.house import Here
from api.paging import Page, Paged
from api.reading import by_text, find, listed, newest, seen, shown, state_text, with_status
from api.refusals import not_found
from api.rules import Rules
from api.views import routed
from api.writing import Asked, write
from warehouse.clock import now
from warehouse.events.category import ProductCategory

ROUTER = routed("/api/v1/category", "category")
Words = Annotated[str | None, Query(max_length=100, description="Part of the name or the SKU.")]


@ROUTER.get("/products")
def list_products(
    here: Here,
    by: Who,
    paging: Paged,
    category: ProductCategory | None = None,
    search: Words = None,
    active: Annotated[bool | None, Query(description="For staff; buyers see what is on sale.")] = None,
) -> Page[ProductView]:
    """Products in the order of their SKUs."""
    wanted = active if by.kind == "staff" else True
    where = [*with_status(None if wanted is None else "active" if wanted else "inactive")]
    if category is not None:
        where.append(state_text("category") == category)
    if search:
        fields = (state_text("name"), state_text("sku"))
        where.append(fields[0].icontains(search, autoescape=True) | fields[1].icontains(search, autoescape=True))
    with here.reading(by) as connection:
        return listed(ProductView, *by_text(connection, PRODUCT, paging, "sku", *where), by)


@ROUTER.get("/products/{product_id}")
def show_product(here: Here, by: Who, response: Response, product_id: UUID) -> ProductView:
    """One product."""
    with here.reading(by) as connection:
        row = find(connection, PRODUCT, product_id)
    if row is None or (by.kind != "staff" and not row.state.is_active):
        raise not_found("product", product_id)
    return shown(ProductView, row, by, response)


class PriceRoom(BaseModel):
    """Where a product's price may go now: above cost and margin, within a step, within the month's range."""

    id: UUID
    sku: str
    base_price: Decimal
    cost: Decimal | None
    lowest_price: Decimal = Field(description="Cost and minimum margin, in whole cents.")
    step_low: Decimal
    step_high: Decimal | None
    month_low: Decimal
    month_high: Decimal | None


@ROUTER.get("/pricing-strategy")
def show_pricing_strategy(here: Here, by: Who, paging: Paged) -> Page[PriceRoom]:
    """How far each product's price may move, by the rules that guard it."""
    with here.reading(by) as connection:
        rows, following = by_text(connection, PRODUCT, paging, "sku", *with_status("active"))
    return Page[PriceRoom](items=tuple(_room(row.id, row.state, here.rules) for row in rows), next=following)


def _room(id: UUID, product: Product, rules: Rules) -> PriceRoom:
    step = step_range(product, rules.price_step_rate)
    month = month_range(product, now(), rules.price_month_rate)
    return PriceRoom(
        id=id,
        sku=product.sku,
        base_price=product.base_price,
        cost=product.cost,
        lowest_price=margin_floor(product.cost, rules.minimum_margin_rate),
        step_low=step.low,
        step_high=step.high,
        month_low=month.low,
        month_high=month.high,
    )


@ROUTER.get("/price-lists")
def list_price_lists(here: Here, by: Who, paging: Paged) -> Page[PriceListView]:
    """Price lists of tiers and of single dealers, the newest first."""
    with here.reading(by) as connection:
        return listed(PriceListView, *newest(connection, PRICE_LIST, paging), by)


@ROUTER.get("/price-lists/{price_list_id}")
def show_price_list(here: Here, by: Who, response: Response, price_list_id: UUID) -> PriceListView:
    """One price list with its lines."""
    with here.reading(by) as connection:
        return shown(PriceListView, seen(connection, PRICE_LIST, price_list_id, by), by, response)


@ROUTER.get("/market-intelligence")
def show_market(here: Here, by: Who, paging: Paged) -> Page[MarketView]:
    """What competitors ask, product by product."""
    with here.reading(by) as connection:
        return listed(MarketView, *by_text(connection, MARKET, paging, "sku"), by)


def _price_list(asked: Asked) -> CreatePriceList:
    """A price list's id follows from whom it is for."""
    tier, customer_id = asked.told["tier"], asked.told["customer_id"]
    id = asked.id if customer_id is None else dealer_price_list_id(customer_id)
    return CreatePriceList(price_list_id=tier_price_list_id(tier) if tier else id, **asked.told)


write(ROUTER, "POST", "/products", CreateProduct, ProductView, status=201)
write(ROUTER, "PUT", "/products/{product_id}", DescribeProduct, ProductView)
write(
    ROUTER, "DELETE", "/products/{product_id}", DeactivateProduct, ProductView,
    defaults={"reason": "taken out of the catalog"},
)  # fmt: skip
write(ROUTER, "POST", "/products/{product_id}/reactivate", ReactivateProduct, ProductView)
write(ROUTER, "POST", "/products/{product_id}/media", AttachMedia, ProductView)
write(ROUTER, "POST", "/products/{product_id}/cost", ChangeCost, ProductView)
write(ROUTER, "POST", "/pricing/update", ChangePrice, ProductView)
write(
    ROUTER, "POST", "/price-lists", CreatePriceList, PriceListView,
    supplied=["price_list_id"], build=_price_list, status=201,
)  # fmt: skip
write(ROUTER, "POST", "/price-lists/{price_list_id}/lines", SetPriceListLine, PriceListView)
write(ROUTER, "DELETE", "/price-lists/{price_list_id}/lines", RemovePriceListLine, PriceListView)
write(ROUTER, "POST", "/market-intelligence", ObserveCompetitorPrice, MarketView, status=201)
