"""Door of the database manager: how far each reader of the log is behind it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import text

from api.actor import Actor
from api.auth.enter import Who
from api.house import Here
from api.views import routed
from warehouse.log.position import Snapshot
from warehouse.log.tail import between, head

ROUTER = routed("/api/v1/events", "events")
BEHIND_MAX = 10_000  # events counted of one reader


class ReaderLag(BaseModel):
    """How far a reader is behind the log."""

    reader: str
    looked_at: datetime = Field(description="When it last took a cut.")
    events_behind: int = Field(description=f"{BEHIND_MAX + 1:,} stands for more.")


class Readers(BaseModel):
    """Every reader that keeps a place in the log, by name."""

    items: tuple[ReaderLag, ...]


@ROUTER.get("/readers")
def show_readers(here: Here, by: Who) -> Readers:
    """How far each reader of the log is behind it: the lake, the seals, whoever else keeps a place."""
    return Readers(items=tuple(_lags(here, by)))


def _lags(here: Here, by: Actor) -> Iterator[ReaderLag]:
    present = head(here.engine)
    with here.reading(by) as connection:
        for row in connection.execute(_CUTS).all():
            unseen = between(Snapshot.parse(row.snapshot), present)
            some = f"select from jovey.visible_events where {unseen} limit {BEHIND_MAX + 1}"
            behind = connection.execute(text(f"select count(*) from ({some}) unseen")).scalar_one()
            yield ReaderLag(reader=row.consumer, looked_at=row.taken_at, events_behind=behind)


_CUTS = text("select consumer, snapshot::text as snapshot, taken_at from jovey.tail_cuts order by consumer")
