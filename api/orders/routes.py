"""Doors of orders: place, list, show, cancel; for staff also hold, release and give up a rest."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from fastapi.exceptions import RequestValidationError

from api.auth.enter import Who
from api.house import Here
from api.orders.commands import CancelOrder, HoldOrder, PlaceOrder, ReleaseOrder, ShortCloseLine
from api.orders.state import ORDER, Lifecycle
from api.orders.views import OrderView
from api.paging import Page, Paged
from api.reading import listed, newest, owned_by, seen, shown, with_status
from api.views import routed
from api.writing import Asked, write
from warehouse.ids import derived

ROUTER = routed("/api/v1/orders", "orders")


@ROUTER.get("")
def list_orders(
    here: Here,
    by: Who,
    paging: Paged,
    lifecycle: Lifecycle | None = None,
    customer_id: Annotated[UUID | None, Query(description="For staff; buyers see their own.")] = None,
) -> Page[OrderView]:
    """Orders, the newest first: buyers their own, staff all."""
    whose = by.id if by.is_buyer() else customer_id
    where = [*with_status(lifecycle), *([] if whose is None else [owned_by(whose)])]
    with here.reading(by) as connection:
        return listed(OrderView, *newest(connection, ORDER, paging, *where), by)


@ROUTER.get("/{order_id}")
def show_order(here: Here, by: Who, response: Response, order_id: UUID) -> OrderView:
    """One order with its lines."""
    with here.reading(by) as connection:
        return shown(OrderView, seen(connection, ORDER, order_id, by), by, response)


def place(asked: Asked) -> PlaceOrder:
    """Buyers order for themselves, staff for the customer they name."""
    told = dict(asked.told)
    customer_id = told.pop("customer_id")
    if customer_id is None and not asked.by.is_buyer():
        missing = {"type": "missing", "loc": ("body", "customer_id"), "msg": "Staff name the customer who orders"}
        raise RequestValidationError([missing])
    return PlaceOrder(
        order_id=derived(asked.id, "order"),
        customer_id=customer_id or asked.customer_id,
        channel="api" if asked.by.is_buyer() else "staff",
        **told,
    )


write(
    ROUTER, "POST", "", PlaceOrder, OrderView,
    supplied=["order_id", "channel"], optional=["customer_id"], build=place, status=201,
)  # fmt: skip
write(ROUTER, "PUT", "/{order_id}/cancel", CancelOrder, OrderView, defaults={"reason": "cancelled by the buyer"})
write(ROUTER, "POST", "/{order_id}/hold", HoldOrder, OrderView)
write(ROUTER, "POST", "/{order_id}/release", ReleaseOrder, OrderView)
write(ROUTER, "POST", "/{order_id}/short-close", ShortCloseLine, OrderView)
