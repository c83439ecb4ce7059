"""Sessions: sign-ins that open, refresh and end. Refresh tokens rotate; one that comes again ends its session."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from api.actor import Actor
from api.auth.tokens import Claims, new_opaque_token, opaque_token_hash
from api.customers.state import CUSTOMER, STAFF_MEMBER, Customer, StaffMember
from warehouse.ids import new_id
from warehouse.log.people import People

SESSION_LIFETIME = timedelta(days=30)
_USE_NOTED_EVERY = timedelta(minutes=5)  # not at each request: a look should not become a write


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
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session as its person sees it in a list."""

    id: UUID
    device: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


def open_session(
    connection: Connection, person_id: UUID, at: datetime, lifetime: timedelta = SESSION_LIFETIME, device: str = ""
) -> Opened:
    """Begin a sign-in."""
    claims = Claims(person_id, new_id(at))
    times = {"at": at, "until": at + lifetime}
    connection.execute(_OPEN, {"id": claims.session_id, "person_id": person_id, "device": device, **times})
    return Opened(claims, _issue(connection, claims.session_id, at))


def refreshed(connection: Connection, refresh_token: str, at: datetime) -> Opened | Claims | None:
    """Exchange a refresh token for the next; None when it is unknown or over.

    One that was used before ends its session; the answer is whose.
    """
    token_hash = opaque_token_hash(refresh_token)
    row = connection.execute(_USE, {"hash": token_hash, "at": at}).one_or_none()
    if row is None:
        reused = connection.execute(_REVOKE_REUSED, {"hash": token_hash, "at": at}).one_or_none()
        return None if reused is None else Claims(reused.person_id, reused.session_id)
    connection.execute(_TOUCH, {"id": row.session_id, "at": at})
    return Opened(Claims(row.person_id, row.session_id), _issue(connection, row.session_id, at))


def revoke(connection: Connection, session_id: UUID, at: datetime) -> None:
    """End a session: its access and refresh tokens stop working at once."""
    connection.execute(_REVOKE, {"id": session_id, "at": at})


def revoke_own(connection: Connection, person_id: UUID, session_id: UUID, at: datetime) -> bool:
    """End a session if it is this person's; whether one ended."""
    return connection.execute(_REVOKE_OWN, {"id": session_id, "person_id": person_id, "at": at}).rowcount > 0


def revoke_all(connection: Connection, person_id: UUID, at: datetime, because: str = "password_changed") -> None:
    """End every session of a person, as after a change of password; outside tokens given before are over too."""
    connection.execute(_REVOKE_ALL, {"person_id": person_id, "at": at, "because": because})
    connection.execute(_REFUSE_OUTSIDE, {"person_id": person_id, "at": at})


def sessions_of(connection: Connection, person_id: UUID, at: datetime) -> list[SignIn]:
    """The sessions of a person that still stand, the last used first; at most a hundred."""
    rows = connection.execute(_STANDING, {"person_id": person_id, "at": at})
    return [SignIn(row.id, row.device, row.created_at, row.used_at, row.expires_at) for row in rows]


def note_use(connection: Connection, person: Person, claims: Claims, at: datetime) -> None:
    """Remember that a session was used just now; to a few minutes."""
    if person.last_used_at is None or at - person.last_used_at >= _USE_NOTED_EVERY:
        connection.execute(_TOUCH, {"id": claims.session_id, "at": at})


def person_behind(connection: Connection, claims: Claims, at: datetime) -> Person | None:
    """Who the session belongs to, as they stand now; None when it ended, or the person may no longer sign in."""
    named = {"session_id": claims.session_id, "person_id": claims.person_id, "at": at}
    row = connection.execute(_BEHIND, named).one_or_none()
    person = None if row is None else _person(connection, row)
    return None if row is None or person is None else replace(person, last_used_at=row.last_used_at)


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
    token = new_opaque_token()
    connection.execute(_ISSUE, {"hash": opaque_token_hash(token), "session_id": session_id, "at": at})
    return token


_OPEN = text("""
    insert into jovey.sessions (id, person_id, created_at, expires_at, device, last_used_at)
    values (:id, :person_id, :at, :until, :device, :at)""")
_TOUCH = text("update jovey.sessions set last_used_at = :at where id = :id and last_used_at is distinct from :at")
_STANDING = text("""
    select id, device, created_at, coalesce(last_used_at, created_at) as used_at, expires_at from jovey.sessions
     where person_id = :person_id and revoked_at is null and expires_at > :at
     order by used_at desc, id desc limit 100""")
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
       and session.id = token.session_id and session.revoked_at is null
    returning session.id as session_id, session.person_id""")
_REVOKE = text("""
    update jovey.sessions set revoked_at = :at, revoked_because = 'signed_out' where id = :id and revoked_at is null""")
_REVOKE_OWN = text("""
    update jovey.sessions set revoked_at = :at, revoked_because = 'signed_out'
     where id = :id and person_id = :person_id and revoked_at is null and expires_at > :at""")
_REVOKE_ALL = text("""
    update jovey.sessions set revoked_at = :at, revoked_because = :because
     where person_id = :person_id and revoked_at is null""")
_REFUSE_OUTSIDE = text("update jovey.outside_subjects set refused_before = :at where person_id = :person_id")
_BEHIND = text("""
    select person.aggregate_id, person.aggregate_type, person.state::text as state, key.key_id, key.wrapped_key,
           session.last_used_at
      from jovey.sessions session cross join lateral jovey.peek(array[session.person_id]) person
      left join jovey.person_keys key on key.person_id = session.person_id
     where session.id = :session_id and session.person_id = :person_id
       and session.revoked_at is null and session.expires_at > :at""")
_PERSON = text("""
    select person.aggregate_id, person.aggregate_type, person.state::text as state, key.key_id, key.wrapped_key
      from jovey.peek(array[cast(:person_id as uuid)]) person
      left join jovey.person_keys key on key.person_id = person.aggregate_id
     where person.aggregate_type in ('customer', 'staff_member')""")
