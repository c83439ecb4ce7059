"""Doors of returns: a buyer asks to send goods back; the warehouse approves, receives and inspects them."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from api.auth.enter import Who
from api.fulfillment.commands import ApproveReturn, CloseReturn, InspectReturn, ReceiveReturn, RequestReturn
from api.fulfillment.state import RETURN
from api.fulfillment.views import ReturnView
from api.house import Here
from api.paging import Page, Paged
from api.reading import listed, newest, owned_by, seen, shown
from api.views import routed
from api.writing import Asked, write
from warehouse.ids import derived

ROUTER = routed("/api/v1", "returns")


@ROUTER.get("/returns")
def list_returns(here: Here, by: Who, paging: Paged) -> Page[ReturnView]:
    """Returns, the newest first: buyers their own, staff all."""
    where = [owned_by(by.id)] if by.is_buyer() and by.id else []
    with here.reading(by) as connection:
        return listed(ReturnView, *newest(connection, RETURN, paging, *where), by)


@ROUTER.get("/returns/{return_id}")
def show_return(here: Here, by: Who, response: Response, return_id: UUID) -> ReturnView:
    """One return."""
    with here.reading(by) as connection:
        return shown(ReturnView, seen(connection, RETURN, return_id, by), by, response)


def _requested(asked: Asked) -> RequestReturn:
    return RequestReturn(return_id=derived(asked.id, "return"), **asked.told)


write(
    ROUTER, "POST", "/returns", RequestReturn, ReturnView,
    supplied=["return_id"], build=_requested, status=201,
)  # fmt: skip
write(ROUTER, "POST", "/fulfillment/returns/{return_id}/approve", ApproveReturn, ReturnView)
write(ROUTER, "POST", "/fulfillment/returns/{return_id}/receive", ReceiveReturn, ReturnView)
write(ROUTER, "POST", "/fulfillment/returns/{return_id}/inspect", InspectReturn, ReturnView)
write(ROUTER, "POST", "/fulfillment/returns/{return_id}/close", CloseReturn, ReturnView)
