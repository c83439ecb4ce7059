"""What the desk leaves out because it stands in the archive alone: told with each answer, never left unsaid."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field
from sqlalchemy import Connection, text

from api.events.views import EventView
from api.paging import Page
from api.refusals import Refusal, not_found

HEADER = "X-Jovey-Archived-Events"


class EventPage(Page[EventView]):
    """Some events, the address of the next ones, and how many the log holds elsewhere."""

    archived_events: int = Field(
        description="Old events that stand in the archive alone, of whatever kind; 0 while they are unpacked."
    )


def archived_events(connection: Connection) -> int:
    """How many events stand in the archive alone. A probe and a sum of a row per removed seal."""
    return int(connection.execute(_EVERYWHERE).scalar_one())


def archived_of(connection: Connection, stream_id: UUID) -> int:
    """How many of a stream's first events do. Two probes."""
    return int(connection.execute(_OF_STREAM, {"id": stream_id}).scalar_one())


def event_missing(connection: Connection, event_id: UUID) -> Refusal:
    """The refusal for an event that is not to be seen; it says so where it may stand in the archive."""
    archived = archived_events(connection)
    if not archived:
        return not_found("event", event_id)
    message = f"There is no event {event_id} here; {archived:,} old ones stand in the archive (jovey unpack)."
    return Refusal("event_not_found", message, kind="not_found")


_EVERYWHERE = text("select jovey.archived_events()")
_OF_STREAM = text("select jovey.archived_of(null, array[cast(:id as uuid)])")
