"""EventStream: an answer that goes on as server-sent events until its reader leaves, falls behind, or we stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import Header, HTTPException, Query
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.auth.standing import Admission
from api.live import EVERYTHING, Interest, Listener, Live, Place
from api.refusals import Refusal
from warehouse.log.position import InvalidPosition

FAREWELL_SECONDS_MAX = 1.0  # to say that the stream is over, to a reader who may not read
MEDIA_TYPE = "text/event-stream"
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events. `id:` is opaque; a comment every 15 s says that the stream lives.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}
"""What the OpenAPI document says of a stream."""
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=2_000, description="The last `id:` heard; the stream goes on after it."),
]
From = Annotated[
    str | None,
    Query(alias="from", max_length=2_000, description="The same, for who cannot send headers; `Last-Event-ID` wins."),
]

Frames = Callable[[Listener], AsyncIterator[bytes]]


class EventStream(Response):
    """Server-sent events made by `frames` for a listener of the log, until their admission is over."""

    media_type = MEDIA_TYPE

    def __init__(
        self, live: Live, frames: Frames, interest: Interest = EVERYTHING, admission: Admission | None = None
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._live, self._frames, self._interest, self._admission = live, frames, interest, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI application
        """Send what happens until the reader is gone or let go."""
        async with self._live.listening(self._interest, self._admission) as listener:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            pump = asyncio.ensure_future(self._pump(listener, send))
            others = [asyncio.ensure_future(listener.over.wait()), asyncio.ensure_future(_departure(receive))]
            try:
                await asyncio.wait([pump, *others], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (pump, *others):
                    task.cancel()
                await asyncio.gather(pump, *others, return_exceptions=True)
        if not pump.cancelled() and (failure := pump.exception()) is not None:
            raise failure
        farewell = send({"type": "http.response.body", "body": b"", "more_body": False})
        await asyncio.wait_for(farewell, FAREWELL_SECONDS_MAX)

    async def _pump(self, listener: Listener, send: Send) -> None:
        if listener.over.is_set():  # let go before they began: they have no place that could be told
            return
        async for frame in self._frames(listener):
            await send({"type": "http.response.body", "body": frame, "more_body": True})


def refuse_full(live: Live) -> None:
    """Raise when this process has as many listeners as it takes."""
    if live.is_full:
        raise HTTPException(503, "Too many listen already; come back in a while.", {"Retry-After": "10"})


def place_of(token: str | None, live: Live) -> Place | None:
    """The place a reader says they reached, None without one; raises when the stream cannot go on from there."""
    if token is None:
        return None
    try:
        place = Place.parse(token)
    except InvalidPosition as error:
        wrong = {"type": "invalid_position", "loc": ("query", "from"), "msg": str(error)}
        raise RequestValidationError([wrong]) from error
    if not live.covers(place):
        raise Refusal("position_unknown", "This log has never been at that position; begin the stream anew.")
    if live.is_far_from(place):
        raise Refusal("position_too_far", "Too much happened since that position; read the list of events.")
    return place


async def _departure(receive: Receive) -> None:
    """Until the reader leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
