"""Audit: what happened at the door, kept in the log in streams of their own that nobody waits for.

How an anonymous flood is kept from growing the log: docs/decisions/0027-identity.md.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection
from starlette.requests import Request

from api.actor import Actor, system
from api.house import House
from api.refusals import Refusal
from warehouse.clock import now
from warehouse.events.event import Event, Recorded, Ref
from warehouse.events.identity import ACCESS, AccessRefused
from warehouse.ids import derived, named, new_id
from warehouse.log.append import append
from warehouse.log.people import People

OPERATOR = system("operator")


def record(connection: Connection, fact: Event, by: Actor, at: datetime, id: UUID | None = None) -> None:
    """Append a fact of identity to its person's stream, or to one of its own when it is about nobody.

    Under the same `id` it is kept once.
    """
    subject_id: UUID | None = getattr(fact, "person_id", None)
    event_id = id or new_id(at)
    stream_id = _stream_of(by if subject_id is None else subject_id, at)
    recorded = Recorded(
        event=fact,
        id=event_id,
        ref=Ref(ACCESS, stream_id),
        version=1,  # the database gives the true one
        effective_at=at,
        created_by=by.signature,
        correlation_id=event_id,
        causation_id=event_id,
        subject_id=subject_id,
    )
    append(connection, [People(connection).hide(recorded)], expect_any=True)


def record_refusal(request: Request, refusal: Refusal) -> None:
    """Keep that somebody known was told they may not; once an hour for each door and reason."""
    by: Actor | None = getattr(request.state, "actor", None)
    if refusal.kind != "forbidden" or by is None or by.kind not in {"consumer", "dealer", "staff", "agent"}:
        return
    here: House = request.app.state.house
    at = now()
    door = f"{request.method} {getattr(request.scope.get('route'), 'path', '?')}"
    once = named("access refused", by.signature, door, refusal.code, at.strftime("%Y-%m-%d %H"))
    with here.engine.begin() as connection:
        record(connection, AccessRefused(person_id=by.id, door=door, code=refusal.code), by, at, once)


def stream_of(by: Actor) -> UUID:
    """The stream of an agent or of the company itself."""
    return named(ACCESS, by.signature)


def _stream_of(whose: UUID | Actor, at: datetime) -> UUID:
    """A person's, an agent's or the company's own stream; of nobody known a new one, which tells nothing of them."""
    match whose:
        case UUID():
            return derived(whose, ACCESS)
        case Actor(kind="agent" | "system"):
            return stream_of(whose)
        case _:
            return new_id(at)
