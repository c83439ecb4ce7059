"""Reading: states as rows, in lists and one by one, and only those a caller may see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from fastapi import Response
from sqlalchemy import ColumnElement, Connection, Select, Text, cast, literal, select, tuple_

from api.actor import Actor
from api.paging import Page, Paging
from api.refusals import not_found
from api.stream import Stream
from api.views import View
from warehouse.log.people import People
from warehouse.log.tables import states

S = TypeVar("S")
SCAN_ROWS, SCANNED_MAX = 500, 20_000  # 20,000 customers are looked through in under a second
V = TypeVar("V", bound=View)


@dataclass(frozen=True, slots=True)
class Row(Generic[S]):
    """A stored state with the columns it is found by."""

    id: UUID
    version: int
    state: S
    owner_id: UUID | None
    status: str
    created_at: datetime
    updated_at: datetime


def find(connection: Connection, stream: Stream[S], id: UUID) -> Row[S] | None:
    """A stream's state, None when there is none."""
    return found_among(connection, stream, [id]).get(id)


def seen(connection: Connection, stream: Stream[S], id: UUID, by: Actor) -> Row[S]:
    """A stream's state if this caller may see it; somebody else's is not found, just like one that is not there."""
    row = find(connection, stream, id)
    if row is None or (by.is_buyer() and row.owner_id != by.id):
        raise not_found(stream.name.replace("_", " "), id)
    return row


def found_among(connection: Connection, stream: Stream[S], ids: Iterable[UUID]) -> dict[UUID, Row[S]]:
    """The states of those ids that exist."""
    wanted = _STATES.where(states.c.aggregate_id.in_(list(ids)), states.c.aggregate_type == stream.name)
    return {row.id: row for row in _rows(connection, stream, wanted)}


def all_of(connection: Connection, stream: Stream[S], *where: ColumnElement[bool]) -> Sequence[Row[S]]:
    """Every row that fits, the oldest first; for the few that belong to one thing."""
    wanted = _STATES.where(states.c.aggregate_type == stream.name, *where)
    oldest = wanted.order_by(states.c.created_at, states.c.aggregate_id)
    return _rows(connection, stream, oldest)


def newest(
    connection: Connection, stream: Stream[S], paging: Paging, *where: ColumnElement[bool]
) -> tuple[Sequence[Row[S]], str | None]:
    """A page of a kind of stream, the newest first, and the address of the next page."""
    wanted = _newest(stream, paging.after_instant(), *where).limit(paging.limit + 1)
    rows = _rows(connection, stream, wanted)
    return paging.page(rows, _address)


def _address(row: Row[Any]) -> tuple[str, UUID]:
    return row.created_at.isoformat(), row.id


def _newest(stream: Stream[Any], after: tuple[datetime, UUID] | None, *where: ColumnElement[bool]) -> Select[Any]:
    keys = (states.c.created_at, states.c.aggregate_id)
    wanted = _STATES.where(states.c.aggregate_type == stream.name, *where)
    if after:
        wanted = wanted.where(tuple_(*keys) < tuple_(*map(literal, after)))
    return wanted.order_by(*(key.desc() for key in keys))


def matching(
    connection: Connection, stream: Stream[S], paging: Paging, fits: Callable[[S], bool], *where: ColumnElement[bool]
) -> tuple[Sequence[Row[S]], str | None]:
    """As newest(), of the states that fit where the database cannot say, since what is asked about is hidden.

    Looks through SCANNED_MAX states at the most: a page may be short, and yet another one follow.
    """
    found: list[Row[S]] = []
    after = paging.after_instant()
    for _ in range(SCANNED_MAX // SCAN_ROWS):
        rows = _rows(connection, stream, _newest(stream, after, *where).limit(SCAN_ROWS))
        found += [row for row in rows if fits(row.state)]
        if len(found) > paging.limit:
            return paging.page(found, _address)
        if len(rows) < SCAN_ROWS:
            return found, None
        after = rows[-1].created_at, rows[-1].id
    assert after is not None, "there are states to look through"
    return found, paging.address(after[0].isoformat(), after[1])


def by_text(
    connection: Connection, stream: Stream[S], paging: Paging, field: str, *where: ColumnElement[bool]
) -> tuple[Sequence[Row[S]], str | None]:
    """A page of a kind of stream in the order of a text of its state (SKU, name), and the address of the next page."""
    keys = (state_text(field).collate("C"), states.c.aggregate_id)
    wanted = _STATES.where(states.c.aggregate_type == stream.name, *where)
    if after := paging.after_text():
        wanted = wanted.where(tuple_(*keys) > tuple_(*map(literal, after)))
    wanted = wanted.order_by(*keys).limit(paging.limit + 1)
    rows = _rows(connection, stream, wanted)
    return paging.page(rows, lambda row: (str(getattr(row.state, field)), row.id))


def state_text(field: str) -> ColumnElement[str]:
    """A field of the stored state as text, to filter or sort by."""
    text: ColumnElement[str] = states.c.state[field].astext
    return text


def owned_by(customer_id: UUID) -> ColumnElement[bool]:
    """The rows that belong to a customer."""
    return states.c.owner_id == customer_id


def with_status(status: str | None) -> Sequence[ColumnElement[bool]]:
    """The rows of a status, or all of them."""
    return () if status is None else (states.c.status == status,)


def listed(view: type[V], rows: Iterable[Row[Any]], following: str | None, by: Actor) -> Page[V]:
    """A page of views."""
    return Page[view](items=tuple(view.of(row.id, row.version, row.state, by) for row in rows), next=following)  # type: ignore[valid-type]


def shown(view: type[V], row: Row[Any], by: Actor, response: Response) -> V:
    """One view, its version said as the ETag too."""
    response.headers["ETag"] = f'"{row.version}"'
    return view.of(row.id, row.version, row.state, by)


_STATES = select(
    states.c.aggregate_id,
    states.c.version,
    cast(states.c.state, Text).label("state"),
    states.c.owner_id,
    states.c.status,
    states.c.created_at,
    states.c.updated_at,
)


def _rows(connection: Connection, stream: Stream[S], wanted: Select[Any]) -> list[Row[S]]:
    found = connection.execute(wanted).all()
    states_shown = map(stream.parse, People(connection).reveal([row.state for row in found]))
    return [
        Row(row.aggregate_id, row.version, state, row.owner_id, row.status, row.created_at, row.updated_at)
        for row, state in zip(found, states_shown, strict=True)
    ]
