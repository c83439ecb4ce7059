"""Doors of dealers: apply and see own prices; for staff the list of dealers, their approval and their terms."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import Query

from api.auth.enter import Signed, Who
from api.category.commands import dealer_price_list_id, tier_price_list_id
from api.category.policy import price_book
from api.category.state import PRICE_LIST, PRODUCT
from api.customers.commands import ApplyAsDealer, ApproveDealer, ChangeDealerTerms, RejectDealer, SuspendDealer
from api.customers.state import CUSTOMER, Customer, DealerStatus
from api.customers.views import CustomerView, DealerPriceView
from api.house import Here
from api.paging import Page, Paged
from api.reading import by_text, found_among, listed, newest, state_text, with_status
from api.views import routed
from api.writing import write
from warehouse.clock import calendar_date, now
from warehouse.events.category import DealerTier

ROUTER = routed("/api/v1/dealers", "dealers")


@ROUTER.get("")
def list_dealers(here: Here, by: Who, paging: Paged, dealer_status: DealerStatus | None = None) -> Page[CustomerView]:
    """Dealers and those who applied, the newest first."""
    is_dealer = (
        state_text("dealer_status") != "none" if dealer_status is None else state_text("dealer_status") == dealer_status
    )
    with here.reading(by) as connection:
        return listed(CustomerView, *newest(connection, CUSTOMER, paging, is_dealer), by)


@ROUTER.get("/pricing")
def show_own_prices(
    here: Here,
    by: Who,
    person: Signed,
    paging: Paged,
    quantity: Annotated[int, Query(ge=1, le=1_000_000, description="Pieces on one line.")] = 1,
) -> Page[DealerPriceView]:
    """What each product costs the dealer today, in the order of the SKUs."""
    customer = person.state
    assert isinstance(customer, Customer)
    assert by.id is not None
    with here.reading(by) as connection:
        rows, following = by_text(connection, PRODUCT, paging, "sku", *with_status("active"))
        ids = [dealer_price_list_id(by.id), *map(tier_price_list_id, get_args(DealerTier))]
        lists = [row.state for row in found_among(connection, PRICE_LIST, ids).values()]
    book = price_book(customer, lists, calendar_date(now(), here.rules.time_zone))
    prices = []
    for row in rows:
        quote = book.quote(row.state, quantity)
        prices.append(
            DealerPriceView(
                product_id=row.id,
                sku=row.state.sku,
                name=row.state.name,
                pack_quantity=row.state.pack_quantity,
                base_price=row.state.base_price,
                unit_price=quote.unit_price,
                source=quote.source,
                currency=row.state.currency,
            )
        )
    return Page[DealerPriceView](items=tuple(prices), next=following)


write(
    ROUTER, "POST", "/apply", ApplyAsDealer, CustomerView,
    supplied=["customer_id"], build=lambda asked: ApplyAsDealer(customer_id=asked.customer_id, **asked.told),
)  # fmt: skip
write(ROUTER, "POST", "/{customer_id}/approve", ApproveDealer, CustomerView)
write(ROUTER, "POST", "/{customer_id}/reject", RejectDealer, CustomerView)
write(ROUTER, "PUT", "/{customer_id}/terms", ChangeDealerTerms, CustomerView)
write(ROUTER, "POST", "/{customer_id}/suspend", SuspendDealer, CustomerView)
