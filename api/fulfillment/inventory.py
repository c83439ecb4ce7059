"""Doors of stock: what is where, and putting it right."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from api.actor import Actor
from api.auth.enter import Who
from api.fulfillment.commands import AdjustStock, CountStock, ReceiveStock, TransferStock
from api.fulfillment.state import STOCK
from api.fulfillment.views import StockView, stock_view
from api.house import Here
from api.paging import Page, Paged
from api.reading import by_text, state_text
from api.views import routed
from api.writing import Answer, Asked, write
from warehouse.clock import now
from warehouse.ids import derived

ROUTER = routed("/api/v1/fulfillment/inventory", "fulfillment")


@ROUTER.get("")
def list_inventory(
    here: Here,
    by: Who,
    paging: Paged,
    sku: Annotated[str | None, Query(max_length=50)] = None,
    location: Annotated[str | None, Query(max_length=50)] = None,
) -> Page[StockView]:
    """Stock now, in the order of the SKUs."""
    where = [state_text(name) == one for name, one in (("sku", sku), ("location", location)) if one is not None]
    with here.reading(by) as connection:
        rows, following = by_text(connection, STOCK, paging, "sku", *where)
    at = now()
    return Page[StockView](items=tuple(stock_view(row.id, row.version, row.state, at) for row in rows), next=following)


def _as_stock(_: Asked) -> Answer:
    def answer(id: UUID, version: int, stock: Any, _: Actor) -> StockView:
        return stock_view(id, version, stock, now())

    return answer


def _receipt(asked: Asked) -> ReceiveStock:
    return ReceiveStock(source="opening", source_id=asked.id, **asked.told)


def _transfer(asked: Asked) -> TransferStock:
    return TransferStock(transfer_id=derived(asked.id, "transfer"), **asked.told)


write(ROUTER, "POST", "/adjust", AdjustStock, StockView, answer=_as_stock)
write(ROUTER, "POST", "/count", CountStock, StockView, answer=_as_stock)
write(
    ROUTER, "POST", "/receive", ReceiveStock, StockView,
    supplied=["source", "source_id"], build=_receipt, answer=_as_stock, status=201,
)  # fmt: skip
write(
    ROUTER, "POST", "/transfer", TransferStock, StockView, supplied=["transfer_id"], build=_transfer, answer=_as_stock
)
