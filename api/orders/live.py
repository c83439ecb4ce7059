"""The door through which a buyer, or staff, sees an order move as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from api.access import BUYERS, LEDGER, SALES, SHIPPING
from api.actor import Actor
from api.auth.enter import Who
from api.event_stream import RESPONSES, EventStream, may_still_listen, refuse_full
from api.house import Here, House
from api.live import HEARTBEAT_SECONDS, STILL_HERE, Listener, Place, greeting, message
from api.orders.state import ORDER, Order
from api.orders.views import OrderView
from api.reading import Row, seen
from api.views import routed

ROUTER = routed("/api/v1/orders", "orders")


@ROUTER.get("/{order_id}/stream", response_class=Response, responses=RESPONSES)
def stream_order(request: Request, here: Here, by: Who, order_id: UUID) -> Response:
    """The order now and again whenever it changes, as `event: order` with the data of the order's door."""
    callers = BUYERS | SALES | SHIPPING | LEDGER
    may_stay = may_still_listen(getattr(request.state, "claims", None), callers, here)

    def told(row: Row[Order]) -> str:
        return OrderView.of(row.id, row.version, row.state, by).model_dump_json(exclude_unset=True)

    return order_stream(here, by, order_id, may_stay, told)


def order_stream(
    here: House,
    by: Actor,
    order_id: UUID,
    may_stay: Callable[[], bool],
    told: Callable[[Row[Order]], str],
    event: str | None = "order",
) -> EventStream:
    """A stream of an order's states, each as `told` puts it; raises Refusal when the order is not the caller's."""

    def order() -> tuple[int, str]:
        with here.reading(by) as connection:
            row = seen(connection, ORDER, order_id, by)
        return row.version, told(row)

    async def frames(listener: Listener) -> AsyncIterator[str]:
        place = Place(listener.since)
        yield greeting(place)
        shown, words = await asyncio.to_thread(order)
        yield message(event, words, place)
        while True:
            following = await listener.next(HEARTBEAT_SECONDS)
            if following is None:
                if not await asyncio.to_thread(may_stay):
                    return
                yield STILL_HERE
                continue
            version, words = await asyncio.to_thread(order)
            if version > shown:
                yield message(event, words, following.events[-1][0])
                shown = version

    refuse_full(here.live)
    with here.reading(by) as connection:
        seen(connection, ORDER, order_id, by)
    return EventStream(here.live, frames, order_id)
