"""Pages of a buyer's orders: the list, and each order with its story, live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from api.fulfillment.state import SHIPMENT
from api.house import Here, House
from api.orders.commands import CancelOrder
from api.orders.live import order_stream
from api.orders.state import ORDER, Order
from api.pages.account import do
from api.pages.order_story import is_cancellable, is_final, standing_of, story_of
from api.pages.render import page, templates
from api.pages.visitor import Form, Visit, Visitor, to
from api.paging import Paging
from api.reading import Row, found_among, newest, owned_by, seen
from api.receivables.invoices import invoices_of
from api.receivables.paying import pay_address
from api.refusals import Refusal, not_found
from warehouse.clock import now
from warehouse.ids import derived
from warehouse.log.tables import unique_claims

ROUTER = APIRouter()
PAGE_SIZE = 20
Cursor = Annotated[str | None, Query(max_length=1_000)]


@ROUTER.get("/orders")
def list_orders(request: Request, here: Here, who: Visit, cursor: Cursor = None) -> Response:
    """The buyer's orders, the newest first."""
    whose = owned_by(who.customer_id)
    with here.reading(who.by) as connection:
        rows, following = newest(connection, ORDER, Paging(request, PAGE_SIZE, cursor), whose)
    at = now()
    orders = [(row.state, standing_of(row.state, at)) for row in rows]
    return page(request, "orders/orders.html", orders=orders, following=following, is_first=cursor is None)


@ROUTER.get("/orders/{reference}")
def show_order(request: Request, here: Here, who: Visit, reference: str) -> Response:
    """One order: where it is, its story, its lines, its invoices."""
    with here.reading(who.by) as connection:
        row = _order(connection, who, reference)
        told = _told(connection, here, row)
    return page(request, "orders/order.html", **told)


@ROUTER.get("/orders/{reference}/stream")
def stream_order(here: Here, who: Visit, reference: str) -> Response:
    """The part of the order's page that moves, sent again whenever it does."""
    with here.reading(who.by) as connection:
        order_id = _order(connection, who, reference).id
    template = templates(here.settings.time_zone).get_template("orders/order_now.html")

    def told(row: Row[Order]) -> str:
        with here.reading(who.by) as connection:
            return template.render(_told(connection, here, row))

    assert who.claims is not None, "the order was found, so it is theirs"
    return order_stream(here, who.by, who.claims, order_id, told, event=None)


@ROUTER.get("/orders/{reference}/pay")
def go_to_payment(here: Here, who: Visit, reference: str) -> Response:
    """To where the rest of the order is paid."""
    with here.reading(who.by) as connection:
        order = _order(connection, who, reference).state
    address = pay_address(here, order, now())
    if address is None:
        who.tell("note", "Nothing is to be paid for this order here.")
    return to(address or f"/orders/{order.number}")


@ROUTER.post("/orders/{reference}/cancel")
def cancel(here: Here, who: Visit, fields: Form, reference: str) -> Response:  # noqa: ARG001 - the form's proof is enough
    """Call the order off, while that is allowed."""
    with here.reading(who.by) as connection:
        row = _order(connection, who, reference)
    try:
        do(here, who, CancelOrder(order_id=row.id, reason="cancelled by the buyer"))
    except Refusal as refusal:
        who.tell("bad", refusal.message)
    else:
        who.tell("good", f"Order {row.state.number} is cancelled.")
    return to(f"/orders/{row.state.number}")


def _order(connection: Connection, who: Visitor, reference: str) -> Row[Order]:
    """The buyer's order of that number or id; raises Refusal for anybody else's."""
    customer_id = who.customer_id
    try:
        order_id: UUID | None = UUID(reference)
    except ValueError:
        claims = unique_claims.c
        named = select(claims.aggregate_id).where(claims.scope == "order_number", claims.key == reference.upper())
        order_id = connection.execute(named).scalar_one_or_none()
    if order_id is None:
        raise not_found("order", reference)
    row = seen(connection, ORDER, order_id, who.by)
    if row.owner_id != customer_id:
        raise not_found("order", reference)
    return row


def _told(connection: Connection, here: House, row: Row[Order]) -> Mapping[str, Any]:
    """Everything that is told of an order."""
    order, at = row.state, now()
    shipments = found_among(connection, SHIPMENT, [*order.shipments, *(one.shipment_id for one in order.planned)])
    return {
        "order": order,
        "standing": standing_of(order, at),
        "story": story_of(connection, row.id, order.currency),
        "shipments": [one.state for one in shipments.values() if one.state.status in {"shipped", "delivered"}],
        "invoices": invoices_of(connection, [derived(id, "invoice") for id in order.shipments]),
        "is_cancellable": is_cancellable(order, at),
        "is_final": is_final(order),
        "can_pay": pay_address(here, order, at) is not None,
        "takes_cards": here.settings.takes_test_payments,
        "currency": order.currency,
    }
