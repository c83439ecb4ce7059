"""The door through which staff hear every event as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request
from starlette.responses import Response

from api.access import LOG
from api.auth.enter import Who
from api.event_stream import (
    RESPONSES,
    EventStream,
    From,
    LastEventId,
    may_still_listen,
    place_of,
    refuse_full,
)
from api.events.routes import event_view
from api.house import Here
from api.live import (
    HEARTBEAT_SECONDS,
    STILL_HERE,
    Batch,
    Listener,
    Place,
    greeting,
    hears_everything,
    message,
)
from api.refusals import Refusal
from api.views import routed

ROUTER = routed("/api/v1/events", "events")


@ROUTER.get("/stream", response_class=Response, responses=RESPONSES)
def stream_events(
    request: Request, here: Here, by: Who, last_event_id: LastEventId = None, since: From = None
) -> Response:
    """Every event as it happens, each exactly once and in order, as `event: event` with the data of an event's door.

    Without a position the stream begins now. It ends when the session does; a reader who falls behind is let go, and
    comes back with the last `id:` they heard.
    """
    live = here.live
    refuse_full(live)
    if not hears_everything(here.engine, by):
        raise Refusal("not_allowed", "The whole log is for the events desk only.", kind="forbidden")
    heard = place_of(last_event_id or since, live)
    may_stay = may_still_listen(getattr(request.state, "claims", None), LOG, here)

    async def frames(listener: Listener) -> AsyncIterator[str]:
        yield greeting(heard or Place(listener.since))
        if heard is not None:
            async for batch in live.pages(heard, listener.since):
                yield _told(batch)
        while True:
            following = await listener.next(HEARTBEAT_SECONDS)
            if following is None and not await asyncio.to_thread(may_stay):
                return
            yield STILL_HERE if following is None else _told(following)

    return EventStream(live, frames)


def _told(batch: Batch) -> str:
    return "".join(message("event", event_view(row).model_dump_json(), place) for place, row in batch.events)
