"""The door through which a buyer, or staff, sees an order move as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

from starlette.responses import Response

from api.actor import Actor
from api.auth.enter import Session, Who
from api.auth.standing import admitted
from api.auth.tokens import Claims
from api.event_stream import RESPONSES, EventStream, refuse_full
from api.house import Here, House
from api.live import HEARTBEAT_SECONDS, Interest, Listener, Place, greeting, message, still_here
from api.orders.state import ORDER, Order
from api.orders.views import OrderView
from api.reading import Row, seen
from api.views import routed
from warehouse.clock import now

ROUTER = routed("/api/v1/orders", "orders")


@ROUTER.get("/{order_id}/stream", response_class=Response, responses=RESPONSES)
def stream_order(here: Here, by: Who, session: Session, order_id: UUID) -> Response:
    """The order now and again whenever it changes, as `event: order` with the data of the order's door.

    It ends when the session does or the caller's account changes; whoever comes back is told how the order stands.
    """

    def told(row: Row[Order]) -> str:
        return OrderView.of(row.id, row.version, row.state, by).model_dump_json(exclude_unset=True)

    return order_stream(here, by, session, order_id, told)


def order_stream(
    here: House,
    by: Actor,
    claims: Claims,
    order_id: UUID,
    told: Callable[[Row[Order]], str],
    event: str | None = "order",
) -> EventStream:
    """A stream of an order's states, each as `told` puts it; raises Refusal when the order is not the caller's."""
    refuse_full(here.live)
    admission = admitted(here.engine, claims, by, now())
    with here.reading(by) as connection:
        seen(connection, ORDER, order_id, by)
    order, interest = _look(here, by, order_id, told), Interest(about=order_id)

    async def frames(listener: Listener) -> AsyncIterator[bytes]:
        place = Place(listener.since)
        yield greeting(place)
        shown, words = await asyncio.to_thread(order)
        yield message(event, words, place).encode()
        while True:
            following = await listener.next(HEARTBEAT_SECONDS)
            if following is None:
                yield still_here(listener.place)
                continue
            version, words = await asyncio.to_thread(order)
            if version > shown:
                yield message(event, words, following.of(interest)[-1][0]).encode()
                shown = version

    return EventStream(here.live, frames, interest, admission)


def _look(here: House, by: Actor, order_id: UUID, told: Callable[[Row[Order]], str]) -> Callable[[], tuple[int, str]]:
    """A question to ask again and again: the order's version, and how it is told."""

    def look() -> tuple[int, str]:
        with here.reading(by) as connection:
            row = seen(connection, ORDER, order_id, by)
        return row.version, told(row)

    return look
