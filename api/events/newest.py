"""Door of everyone who reads figures: how far the log has come, so that they know how far behind the figures are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import text

from api.auth.enter import Who
from api.house import Here
from api.views import routed

ROUTER = routed("/api/v1/events", "events")


class Newest(BaseModel):
    """The head of the log, seen from an event."""

    event_number: int = Field(description="Number of the newest event; 0 in an empty log.")
    events_after: int = Field(
        description="How many came after the one asked about; 1,000 stands for that many or more."
    )
    waiting_since: datetime | None = Field(description="When the first of them was recorded; null without one.")


_COUNTED_MAX = 1_000
_NEWEST = text("select events, since, newest from jovey.newest_event(:after, :most)")


@ROUTER.get("/newest")
def show_newest(
    here: Here, by: Who, after: Annotated[int, Query(ge=0, lt=1 << 63, description="An event's number.")] = 0
) -> Newest:
    """How many events came after one, and since when the first of them waits to be seen."""
    with here.reading(by) as connection:
        row = connection.execute(_NEWEST, {"after": after, "most": _COUNTED_MAX}).one()
    return Newest(event_number=row.newest or 0, events_after=row.events, waiting_since=row.since)
