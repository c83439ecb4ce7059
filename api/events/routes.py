"""Doors of the log: event by event, with what caused what, and how the stream stood before and after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import Connection, Row, select

from api.actor import Actor
from api.auth.enter import Who
from api.events.archived import EventPage, archived_events, archived_of, event_missing
from api.events.filters import Filters, address, newest
from api.events.sight import types_seen
from api.events.views import EventDetail, event_view
from api.house import Here
from api.paging import Paged
from api.refold import fold_around
from api.streams import STREAMS
from api.views import routed
from warehouse.events.event import Ref
from warehouse.log.people import People
from warehouse.log.tables import history

ROUTER = routed("/api/v1/events", "events")
CAUSES_MAX = 50  # a chain is as long as its reactions are deep: about five
EFFECTS_MAX = 200  # a 2,000-line order has thousands; the list of events has them all, by correlation_id
CHAIN_MAX = 5_000  # events of one command that are looked through for effects
FOLDED_MAX = 20_000  # events of a stream that a request folds: less than half a second
_PEOPLE = "customers"


@ROUTER.get("")
def list_events(here: Here, by: Who, paging: Paged, filters: Annotated[Filters, Query()]) -> EventPage:
    """Events of the functions the caller works in, the newest first."""
    with here.reading(by) as connection:
        rows = connection.execute(newest(filters, by, paging)).all()
        archived = archived_events(connection)
    shown, following = paging.page(rows, lambda row: address(filters, row))
    return EventPage(items=tuple(map(event_view, shown)), next=following, archived_events=archived)


@ROUTER.get("/{event_id}")
def show_event(here: Here, by: Who, event_id: UUID) -> EventDetail:
    """One event: what led to it, what followed from it, and its stream before and after."""
    with here.reading(by) as connection:
        row = _event(connection, event_id)
        if row is None or not _is_seen(row, by):
            raise event_missing(connection, event_id)
        causes, effects = _causes(connection, row), _effects(connection, row)
        archived = archived_of(connection, row.aggregate_id)
        is_refolded = not archived and row.version <= FOLDED_MAX and row.aggregate_type in STREAMS
        ref = Ref(row.aggregate_type, row.aggregate_id)
        states = fold_around(connection, ref, row.version) if is_refolded else (None, None)
        documents = [json.dumps(row.data), *(one for one in states if one is not None)]
        people = People(connection)
        data, *told = people.reveal(documents) if by.works_in(_PEOPLE) else people.blank(documents)
    before, after = [None] * (2 - len(told)) + [json.loads(one) for one in told]
    return EventDetail(
        **event_view(row).model_dump(exclude={"data"}),
        data=json.loads(data),
        causes=tuple(event_view(one) for one in causes if _is_seen(one, by)),
        effects=tuple(event_view(one) for one in effects if _is_seen(one, by)),
        before=before,
        after=after,
        is_refolded=is_refolded,
        archived_events=archived,
    )


def _is_seen(row: Row[Any], by: Actor) -> bool:
    types = types_seen(by)
    return types is None or row.event_type in types


def _event(connection: Connection, id: UUID) -> Row[Any] | None:
    return connection.execute(select(history).where(history.c.id == id)).one_or_none()


def _causes(connection: Connection, row: Row[Any]) -> Sequence[Row[Any]]:
    """What led to an event, the nearest first."""
    found: list[Row[Any]] = []
    cause = _event(connection, row.causation_id)
    while cause is not None and len(found) < CAUSES_MAX:
        found.append(cause)
        cause = _event(connection, cause.causation_id)
    return found


def _effects(connection: Connection, row: Row[Any]) -> Sequence[Row[Any]]:
    """What an event caused, directly or through others, in order: effects are of its command, and come after it."""
    own = (history.c.correlation_id == row.correlation_id) & (history.c.position > row.position)
    wanted = select(history.c.id, history.c.causation_id).where(own).order_by(history.c.position).limit(CHAIN_MAX)
    caused, ids = {row.id}, []
    for one in connection.execute(wanted):
        if one.causation_id in caused:
            caused.add(one.id)
            ids.append(one.id)
    chosen = select(history).where(history.c.id.in_(ids[:EFFECTS_MAX])).order_by(history.c.position)
    return connection.execute(chosen).all()
