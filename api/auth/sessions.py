"""Sessions: sign-ins that open, refresh and end. Refresh tokens rotate; one that comes again ends its session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from api.actor import Actor
from api.auth.tokens import Claims, new_refresh_token, refresh_token_hash
from api.customers.state import CUSTOMER, STAFF_MEMBER, Customer, StaffMember
from warehouse.ids import new_id
from warehouse.log.people import People

SESSION_LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session with the refresh token that prolongs it; the token is not stored, only its hash."""

    claims: Claims
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who a session belongs to: the actor rules see, and the state they are known by."""

    actor: Actor
    state: Customer | StaffMember


def open_session(
    connection: Connection, person_id: UUID, at: datetime, lifetime: timedelta = SESSION_LIFETIME
) -> Opened:
    """Begin a sign-in."""
    claims = Claims(person_id, new_id(at))
    times = {"at": at, "until": at + lifetime}
    connection.execute(_OPEN, {"id": claims.session_id, "person_id": person_id, **times})
    return Opened(claims, _issue(connection, claims.session_id, at))


def refreshed(connection: Connection, refresh_token: str, at: datetime) -> Opened | None:
    """Exchange a refresh token for the next; None when it is unknown, over or used. A used one revokes its session."""
    token_hash = refresh_token_hash(refresh_token)
    row = connection.execute(_USE, {"hash": token_hash, "at": at}).one_or_none()
    if row is None:
        connection.execute(_REVOKE_REUSED, {"hash": token_hash, "at": at})
        return None
    return Opened(Claims(row.person_id, row.session_id), _issue(connection, row.session_id, at))


def revoke(connection: Connection, session_id: UUID, at: datetime) -> None:
    """End a session: its access and refresh tokens stop working at once."""
    connection.execute(_REVOKE, {"id": session_id, "at": at})


def revoke_all(connection: Connection, person_id: UUID, at: datetime, because: str = "password_changed") -> None:
    """End every session of a person, as after a change of password."""
    connection.execute(_REVOKE_ALL, {"person_id": person_id, "at": at, "because": because})


def person_behind(connection: Connection, claims: Claims, at: datetime) -> Person | None:
    """Who the session belongs to, as they stand now; None when it ended, or the person may no longer sign in."""
    named = {"session_id": claims.session_id, "person_id": claims.person_id, "at": at}
    row = connection.execute(_BEHIND, named).one_or_none()
    return _person(connection, row) if row is not None else None


def person_of(connection: Connection, person_id: UUID) -> Person | None:
    """A person who may sign in, as they stand now."""
    row = connection.execute(_PERSON, {"person_id": person_id}).one_or_none()
    return _person(connection, row) if row is not None else None


def _person(connection: Connection, row: Any) -> Person | None:
    people = People(connection)
    if row.key_id is not None:
        people.met(row.key_id, row.aggregate_id, row.wrapped_key)
    (state,) = people.reveal([row.state])
    if row.aggregate_type == STAFF_MEMBER.name:
        member = STAFF_MEMBER.parse(state)
        actor = Actor("staff", row.aggregate_id, member.name, frozenset(member.function_access))
        return Person(actor, member) if member.is_active else None
    customer = CUSTOMER.parse(state)
    return None if customer.is_erased else Person(Actor(customer.user_type, row.aggregate_id, customer.name), customer)


def _issue(connection: Connection, session_id: UUID, at: datetime) -> str:
    token = new_refresh_token()
    connection.execute(_ISSUE, {"hash": refresh_token_hash(token), "session_id": session_id, "at": at})
    return token


_OPEN = text("""
    insert into jovey.sessions (id, person_id, created_at, expires_at) values (:id, :person_id, :at, :until)""")
_ISSUE = text("""
    insert into jovey.refresh_tokens (token_hash, session_id, issued_at) values (:hash, :session_id, :at)""")
_USE = text("""
    update jovey.refresh_tokens token set used_at = :at from jovey.sessions session
     where token.token_hash = :hash and token.used_at is null
       and session.id = token.session_id and session.revoked_at is null and session.expires_at > :at
    returning session.id as session_id, session.person_id""")
_REVOKE_REUSED = text("""
    update jovey.sessions session set revoked_at = :at, revoked_because = 'refresh_token_reused'
      from jovey.refresh_tokens token
     where token.token_hash = :hash and token.used_at is not null
       and session.id = token.session_id and session.revoked_at is null""")
_REVOKE = text("""
    update jovey.sessions set revoked_at = :at, revoked_because = 'signed_out' where id = :id and revoked_at is null""")
_REVOKE_ALL = text("""
    update jovey.sessions set revoked_at = :at, revoked_because = :because
     where person_id = :person_id and revoked_at is null""")
_BEHIND = text("""
    select person.aggregate_id, person.aggregate_type, person.state::text as state, key.key_id, key.wrapped_key
      from jovey.sessions session cross join lateral jovey.peek(array[session.person_id]) person
      left join jovey.person_keys key on key.person_id = session.person_id
     where session.id = :session_id and session.person_id = :person_id
       and session.revoked_at is null and session.expires_at > :at""")
_PERSON = text("""
    select person.aggregate_id, person.aggregate_type, person.state::text as state, key.key_id, key.wrapped_key
      from jovey.peek(array[cast(:person_id as uuid)]) person
      left join jovey.person_keys key on key.person_id = person.aggregate_id
     where person.aggregate_type in ('customer', 'staff_member')""")
