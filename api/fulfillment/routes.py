"""Doors of the warehouse: what is to be shipped, and each order's way through picking, packing, shipping, delivery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Query
from sqlalchemy import Connection

from api.auth.enter import Who
from api.command import Command
from api.fulfillment.commands import (
    CancelShipment,
    CreateShipment,
    DeliverShipment,
    PackShipment,
    PickShipment,
    ShipShipment,
)
from api.fulfillment.state import SHIPMENT, Shipment
from api.fulfillment.views import ShipmentView, ToFulfill
from api.house import Here
from api.orders.state import ORDER
from api.orders.views import OrderView
from api.paging import Page, Paged
from api.reading import Row, all_of, find, listed, newest, owned_by, seen, state_text, with_status
from api.refusals import Refusal, not_found
from api.views import routed
from api.writing import Asked, write
from warehouse.ids import derived

ROUTER = routed("/api/v1/fulfillment", "fulfillment")


@ROUTER.get("/orders")
def list_orders_to_fulfill(here: Here, by: Who, paging: Paged) -> Page[OrderView]:
    """Orders that may be picked: paid for or on credit, and not yet delivered whole; the newest first."""
    with here.reading(by) as connection:
        return listed(OrderView, *newest(connection, ORDER, paging, *with_status("confirmed")), by)


@ROUTER.get("/orders/{order_id}")
def show_order_to_fulfill(here: Here, by: Who, order_id: UUID) -> ToFulfill:
    """One order with its shipments."""
    with here.reading(by) as connection:
        row = seen(connection, ORDER, order_id, by)
        found = _shipments(connection, order_id)
    shipments = tuple(ShipmentView.of(one.id, one.version, one.state, by) for one in found)
    return ToFulfill(order=OrderView.of(row.id, row.version, row.state, by), shipments=shipments)


@ROUTER.get("/shipments")
def list_shipments(
    here: Here,
    by: Who,
    paging: Paged,
    status: Annotated[str | None, Query(pattern="^(created|picked|packed|shipped|delivered|cancelled)$")] = None,
) -> Page[ShipmentView]:
    """Shipments, the newest first."""
    with here.reading(by) as connection:
        return listed(ShipmentView, *newest(connection, SHIPMENT, paging, *with_status(status)), by)


def _pick(asked: Asked) -> Sequence[Command]:
    """The order's planned shipment, or a new one of what is ready."""
    order_id, lines = asked.told["order_id"], asked.told["lines"]
    with asked.here.reading(asked.by) as connection:
        planned = [one.id for one in _shipments(connection, order_id) if one.state.status == "created"]
    if planned and lines is None:
        return [PickShipment(shipment_id=planned[0])]
    shipment_id = derived(asked.id, "shipment")
    plan = CreateShipment(shipment_id=shipment_id, order_id=order_id, lines=lines)
    return [plan, PickShipment(shipment_id=shipment_id)]


def _shipment_in(asked: Asked, *statuses: str) -> UUID:
    """The shipment meant: the one named, else the order's oldest one that stands there."""
    order_id, named = asked.told["order_id"], asked.told.get("shipment_id")
    with asked.here.reading(asked.by) as connection:
        found = _shipments(connection, order_id)
        if not found and find(connection, ORDER, order_id) is None:
            raise not_found("order", order_id)
    if named is not None:
        if named not in {one.id for one in found}:
            raise not_found("shipment", named)
        return UUID(str(named))
    waiting = [one.id for one in found if one.state.status in statuses]
    if not waiting:
        raise Refusal("no_shipment_waiting", f"The order has no shipment that is {' or '.join(statuses)}.")
    return waiting[0]


def _shipments(connection: Connection, order_id: UUID) -> Sequence[Row[Shipment]]:
    """An order's shipments, the oldest first."""
    order = find(connection, ORDER, order_id)
    if order is None or order.owner_id is None:
        return []
    return all_of(connection, SHIPMENT, owned_by(order.owner_id), state_text("order_id") == str(order_id))


def _step(path: str, command: type[Command], *statuses: str) -> None:
    """A door that moves an order's shipment one step on; the body may name which shipment."""

    def build(asked: Asked) -> Command:
        told = {name: one for name, one in asked.told.items() if name not in {"order_id", "shipment_id"}}
        return command.model_validate({"shipment_id": _shipment_in(asked, *statuses), **told})

    write(
        ROUTER, "POST", path, command, ShipmentView,
        supplied=["order_id"], optional=["shipment_id"], build=build, looks_up=True,
    )  # fmt: skip


write(
    ROUTER, "POST", "/orders/{order_id}/pick", CreateShipment, ShipmentView,
    supplied=["shipment_id"], build=_pick, looks_up=True,
)  # fmt: skip
_step("/orders/{order_id}/pack", PackShipment, "picked")
_step("/orders/{order_id}/ship", ShipShipment, "packed")
_step("/orders/{order_id}/deliver", DeliverShipment, "shipped")
_step("/orders/{order_id}/cancel-shipment", CancelShipment, "created", "picked")
