"""Doors of the database manager: the log, event by event, with what caused what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import ColumnElement, Connection, Row, literal, select

from api.auth.enter import Who
from api.house import Here
from api.paging import Page, Paged
from api.refusals import not_found
from api.views import routed
from warehouse.log.tables import events
from warehouse.vault import blanked

ROUTER = routed("/api/v1/events", "events")
CAUSES_MAX = 50  # a chain is as long as its reactions are deep: about five

Name = Annotated[str | None, Query(max_length=100)]


class EventView(BaseModel):
    """A fact and its envelope, as the log holds them; words about people read `hidden`."""

    id: UUID
    event_type: str
    aggregate_type: str
    aggregate_id: UUID
    version: int = Field(description="Its place in its stream.")
    schema_version: int
    effective_at: datetime = Field(description="When it happened in the business.")
    created_at: datetime = Field(description="When the log learned of it.")
    created_by: str
    subject_id: UUID | None
    correlation_id: UUID = Field(description="The command that began the chain.")
    causation_id: UUID = Field(description="The command or event right before.")
    data: Mapping[str, Any]
    metadata: Mapping[str, Any]


class EventDetail(EventView):
    """A fact with the facts that led to it, the nearest first."""

    causes: tuple[EventView, ...]


@ROUTER.get("")
def list_events(
    here: Here,
    by: Who,
    paging: Paged,
    event_type: Name = None,
    aggregate_type: Name = None,
    aggregate_id: UUID | None = None,
    created_by: Name = None,
    correlation_id: UUID | None = None,
    since: Annotated[AwareDatetime | None, Query(description="Recorded at or after this instant.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Recorded before this instant.")] = None,
) -> Page[EventView]:
    """Events, the newest first."""
    equal = {
        events.c.event_type: event_type,
        events.c.aggregate_type: aggregate_type,
        events.c.aggregate_id: aggregate_id,
        events.c.created_by: created_by,
        events.c.correlation_id: correlation_id,
    }
    where: list[ColumnElement[bool]] = [column == one for column, one in equal.items() if one is not None]
    where += [events.c.created_at >= since] if since else []
    where += [events.c.created_at < until] if until else []
    if after := paging.after_number():
        where.append(events.c.position < literal(after[0]))
    wanted = select(events).where(*where).order_by(events.c.position.desc()).limit(paging.limit + 1)
    with here.reading(by) as connection:
        rows = connection.execute(wanted).all()
    shown, following = paging.page(rows, lambda row: (str(row.position), row.id))
    return Page[EventView](items=tuple(map(event_view, shown)), next=following)


@ROUTER.get("/{event_id}")
def show_event(here: Here, by: Who, event_id: UUID) -> EventDetail:
    """One event and what led to it."""
    with here.reading(by) as connection:
        row = _event(connection, event_id)
        if row is None:
            raise not_found("event", event_id)
        causes: list[Row[Any]] = []
        cause = _event(connection, row.causation_id)
        while cause is not None and len(causes) < CAUSES_MAX:
            causes.append(cause)
            cause = _event(connection, cause.causation_id)
    return EventDetail(**_fields(row), causes=tuple(map(event_view, causes)))


def _event(connection: Connection, id: UUID) -> Row[Any] | None:
    return connection.execute(select(events).where(events.c.id == id)).one_or_none()


def event_view(row: Row[Any]) -> EventView:
    """An event as the log holds it."""
    return EventView(**_fields(row))


def _fields(row: Row[Any]) -> dict[str, Any]:
    fields = {name: one for name, one in row._mapping.items() if name in EventView.model_fields}  # noqa: SLF001
    return fields | {"data": json.loads(blanked(json.dumps(row.data)))}
