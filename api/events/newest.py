"""Door of everyone who reads figures: how far the log has come, so that they know how far behind the figures are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from api.house import Here
from api.views import routed
from warehouse.log.tables import events

ROUTER = routed("/api/v1/events", "events")


class Newest(BaseModel):
    """The head of the log, seen from an event."""

    event_number: int = Field(description="Number of the newest event; 0 in an empty log.")
    events_after: int = Field(
        description="How many came after the one asked about; 1,000 stands for that many or more."
    )
    waiting_since: datetime | None = Field(description="When the first of them was recorded; null without one.")


_COUNTED_MAX = 1_000


@ROUTER.get("/newest")
def show_newest(
    here: Here, after: Annotated[int, Query(ge=0, lt=1 << 63, description="An event's number.")] = 0
) -> Newest:
    """How many events came after one, and since when the first of them waits to be seen."""
    later = select(events.c.position, events.c.created_at).where(events.c.position > after).order_by(events.c.position)
    some = later.limit(_COUNTED_MAX).subquery()
    with here.engine.connect() as connection:
        count, since = connection.execute(select(func.count(), func.min(some.c.created_at))).one()
        newest = connection.execute(select(func.max(events.c.position))).scalar_one()
    return Newest(event_number=newest or 0, events_after=count, waiting_since=since)
