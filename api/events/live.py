"""The door through which staff hear events as they happen, each those of the functions they work in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import Row
from starlette.responses import Response

from api.auth.enter import Session, Who
from api.auth.standing import admitted
from api.event_stream import RESPONSES, EventStream, From, LastEventId, place_of, refuse_full
from api.events.sight import types_seen
from api.events.views import event_view
from api.house import Here
from api.live import HEARTBEAT_SECONDS, Interest, Listener, Place, Told, greeting, message, still_here
from api.views import routed
from warehouse.clock import now

ROUTER = routed("/api/v1/events", "events")


@ROUTER.get("/stream", response_class=Response, responses=RESPONSES)
def stream_events(
    here: Here, by: Who, session: Session, last_event_id: LastEventId = None, since: From = None
) -> Response:
    """The events of the functions the caller works in as they happen, each exactly once and in order.

    They come as `event: event` with the data of an event's door; who works in `events` hears all. Without a position
    the stream begins now. It ends when the session does or the caller's rights change; a reader who falls behind is let
    go. Whoever comes back with the last `id:` they heard goes on after it.
    """
    live = here.live
    refuse_full(live)
    heard = place_of(last_event_id or since, live)
    admission = admitted(here.engine, session, by, now())
    interest = Interest(types=types_seen(by))

    async def frames(listener: Listener) -> AsyncIterator[bytes]:
        yield greeting(heard or Place(listener.since))
        if heard is not None:
            async for batch in live.pages(heard, listener.since):
                yield batch.frame(interest, _told)
        while True:
            following = await listener.next(HEARTBEAT_SECONDS)
            yield still_here(listener.place) if following is None else following.frame(interest, _told)

    return EventStream(live, frames, interest, admission)


def _told(one: Told) -> str:
    place, entry = one
    return message("event", entry.words(_data), place)


def _data(row: Row[Any]) -> str:
    return event_view(row).model_dump_json()
