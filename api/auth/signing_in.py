"""Signing in with e-mail and password: counted, verified with the same work for everybody, and kept in the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection
from starlette.requests import Request

from api.actor import Actor
from api.auth.audit import record
from api.auth.devices import device_of
from api.auth.lockout import ACCOUNT, ADDRESS, TooManyTries, Try, forgive, give_back, take
from api.auth.passwords import Credentials, credentials_of, hashed, keep_rehashed
from api.auth.sessions import SESSION_LIFETIME, Opened, Person, open_session, person_of, revoke, revoke_all, revoke_own
from api.auth.tokens import Claims
from api.house import House
from warehouse.clock import now
from warehouse.events.identity import PersonSignedIn, PersonSignedOut, SignInLocked

_NOBODY = Actor("anonymous")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who came in, and the session that began."""

    person: Person
    opened: Opened
    lifetime: timedelta


def sign_in(
    here: House,
    request: Request,
    email: str,
    password: str,
    *,
    lifetime_of: Callable[[Person], timedelta] = lambda _: SESSION_LIFETIME,
    instead_of: Claims | None = None,
) -> SignedIn | None:
    """Begin a session in place of an old one; None when e-mail and password do not belong together.

    The work is the same whether anybody has the e-mail address: the same statements, one argon2 verification, during
    which no connection is held. Raises TooManyTries.
    """
    at = now()
    tries, known = _counted(here, request.state.address, email, at)
    if not known.are_met_by(password):
        _record_locks(here, tries, known.person_id, request.state.address, at)
        return None
    new_hash = hashed(password) if known.is_outdated else None
    assert known.person_id is not None, "nobody's credentials are never met"
    with here.engine.begin() as connection:
        person = person_of(connection, known.person_id)
        if person is None:
            return None
        if new_hash is not None:
            keep_rehashed(connection, known, new_hash)
        for one in tries:
            (forgive if one.policy is ACCOUNT else give_back)(connection, one)
        if instead_of is not None:
            revoke(connection, instead_of.session_id, at)
        return begin(connection, person, at, lifetime_of(person), device_of(request.headers.get("user-agent")))


def begin(
    connection: Connection,
    person: Person,
    at: datetime,
    lifetime: timedelta,
    device: str,
    means: Literal["password", "registration"] = "password",
) -> SignedIn:
    """Begin a session, and keep in the log that it began."""
    assert person.actor.id is not None
    opened = open_session(connection, person.actor.id, at, lifetime, device)
    session_id = opened.claims.session_id
    fact = PersonSignedIn(person_id=person.actor.id, session_id=session_id, means=means, device=device)
    record(connection, fact, person.actor, at)
    return SignedIn(person, opened, lifetime)


def end_own_session(here: House, claims: Claims, by: Actor) -> None:
    """Sign out, and keep in the log who did."""
    at = now()
    with here.engine.begin() as connection:
        revoke(connection, claims.session_id, at)
        fact = PersonSignedOut(person_id=claims.person_id, session_id=claims.session_id, reason="signed_out")
        record(connection, fact, by, at)


def end_all_sessions(here: House, person_id: UUID, by: Actor) -> None:
    """Sign out on every device, and keep in the log who did."""
    at = now()
    with here.engine.begin() as connection:
        revoke_all(connection, person_id, at, "signed_out_everywhere")
        fact = PersonSignedOut(person_id=person_id, session_id=None, reason="signed_out_everywhere")
        record(connection, fact, by, at)


def end_other_session(here: House, person_id: UUID, session_id: UUID, by: Actor) -> bool:
    """End a session if it is this person's, and keep it in the log; whether one ended."""
    at = now()
    with here.engine.begin() as connection:
        has_ended = revoke_own(connection, person_id, session_id, at)
        if has_ended:
            record(connection, PersonSignedOut(person_id=person_id, session_id=session_id, reason="signed_out"), by, at)
    return has_ended


def _counted(here: House, address: str, email: str, at: datetime) -> tuple[Sequence[Try], Credentials]:
    """Count the try for the address and for the account, and look up whose it is; raises TooManyTries.

    A try at an account that waits still counts for where it came from.
    """
    too_many: TooManyTries | None = None
    tries: tuple[Try, ...] = ()
    with here.engine.begin() as connection:
        of_address = take(connection, ADDRESS, address, at)
        try:
            tries = of_address, take(connection, ACCOUNT, email.strip().lower(), at)
        except TooManyTries as waits:
            too_many = waits
        known = credentials_of(connection, email)
    if too_many is not None:
        raise too_many
    return tries, known


def _record_locks(here: House, tries: Sequence[Try], person_id: UUID | None, address: str, at: datetime) -> None:
    """One fact for each new time to wait, so that guessing fills the log no faster than it gets on itself."""
    locked = [one for one in tries if one.locked_until is not None]
    if not locked:
        return
    with here.engine.begin() as connection:
        for one in locked:
            is_account = one.policy is ACCOUNT
            assert one.locked_until is not None
            fact = SignInLocked(
                person_id=person_id if is_account else None,
                scope="account" if is_account else "address",
                failures=one.failures,
                locked_until=one.locked_until,
                origin=None if is_account else address,
            )
            record(connection, fact, _NOBODY, at)
