"""Outsiders: who somebody known to an outside issuer is here: by a stored link alone, or a new consumer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from api.actor import Actor
from api.auth.audit import record
from api.auth.outside import OutsideClaims
from api.auth.sessions import Person, person_of
from api.customers.commands import Email, Name, RegisterCustomer, VerifyEmail
from api.handle import Request, handle_all
from api.house import House
from api.refusals import Refusal
from warehouse.clock import now
from warehouse.events.identity import OutsideSubjectLinked
from warehouse.ids import new_id
from warehouse.log.people import master_of

_ANONYMOUS = Actor("anonymous")
_NAME: TypeAdapter[str] = TypeAdapter(Name)
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)


def person_behind_outside(here: House, claims: OutsideClaims) -> Person | None:
    """Whom an outside token stands for; at its first coming a new consumer is made, once however many come at once.

    None when the person may not sign in, or signed out everywhere after the token was given.
    """
    for _ in range(2):  # registered by us, or by whoever was faster
        with here.engine.connect() as connection:
            row = connection.execute(_LINK, _named(connection, claims.issuer, claims.subject)).one_or_none()
            if row is not None:
                is_over = row.refused_before is not None and claims.issued_at < row.refused_before
                return None if is_over else person_of(connection, row.person_id)
        _register(here, claims)
    raise AssertionError("a subject that was registered has a link")


def link(
    connection: Connection,
    person_id: UUID,
    issuer: str,
    subject: str,
    at: datetime,
    by: Actor,
    means: Literal["first_token", "command_line"],
) -> None:
    """Let tokens of this subject stand for a person; IntegrityError when they stand for somebody already."""
    connection.execute(_KEEP, {**_named(connection, issuer, subject), "person_id": person_id, "at": at})
    record(connection, OutsideSubjectLinked(person_id=person_id, issuer=issuer, means=means), by, at)


def _register(here: House, claims: OutsideClaims) -> None:
    """A new consumer; with the e-mail address their issuer vouches for, unless somebody here has it."""
    email = _fit(_EMAIL, claims.email)
    try:
        _register_as(here, claims, email)
    except IntegrityError:
        return  # somebody was faster: their link stands, and nothing of ours does
    except Refusal as refusal:
        if refusal.code != "email_taken":
            raise
        try:
            _register_as(here, claims, None)
        except IntegrityError:
            return


def _register_as(here: House, claims: OutsideClaims, email: str | None) -> None:
    at = now()
    customer_id = new_id(at)
    name = _fit(_NAME, claims.name) or (email or "").partition("@")[0] or "Customer"
    wishes = [RegisterCustomer(customer_id=customer_id, name=name, email=email)]
    proofs = [VerifyEmail(customer_id=customer_id)] if email else []
    handle_all(
        here.engine,
        [Request(wish, new_id(at), _ANONYMOUS, at) for wish in (*wishes, *proofs)],
        here.rules,
        beside=lambda connection: link(
            connection, customer_id, claims.issuer, claims.subject, at, _ANONYMOUS, "first_token"
        ),
    )


def _fit(kind: TypeAdapter[str], said: str | None) -> str | None:
    try:
        return kind.validate_python(said) if said else None
    except ValidationError:
        return None


def _named(connection: Connection, issuer: str, subject: str) -> dict[str, object]:
    return {"issuer": issuer, "key": master_of(connection).fingerprint(f"subject of {issuer}", subject.encode())}


_LINK = text("""
    select person_id, refused_before from jovey.outside_subjects where issuer = :issuer and subject_key = :key""")
_KEEP = text("""
    insert into jovey.outside_subjects (issuer, subject_key, person_id, linked_at)
    values (:issuer, :key, :person_id, :at)""")
