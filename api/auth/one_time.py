"""One-time tokens: what a letter's link carries, for one purpose and one e-mail address; only a hash is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from api.auth.tokens import new_opaque_token, opaque_token_hash

Purpose = Literal["password_reset", "email_verification"]
LIFETIME: dict[Purpose, timedelta] = {
    "password_reset": timedelta(minutes=30),
    "email_verification": timedelta(days=3),
}
_PRUNED_MAX = 20


def issue(connection: Connection, purpose: Purpose, person_id: UUID, email_key: str, at: datetime) -> str:
    """A new token for whoever reads the mail of this address (by its keyed hash, as claimed)."""
    token = new_opaque_token()
    kept = {"purpose": purpose, "person_id": person_id, "email_key": email_key}
    times = {"at": at, "until": at + LIFETIME[purpose]}
    connection.execute(_ISSUE, {"hash": opaque_token_hash(token), **kept, **times})
    connection.execute(_PRUNE, {"at": at, "most": _PRUNED_MAX})
    return token


def holder_of(connection: Connection, purpose: Purpose, token: str, at: datetime) -> UUID | None:
    """Whose token it is; None when it is unknown, used or over, or the address is theirs no longer."""
    return _person_id(connection, _HOLDER, purpose, token, at)


def redeem(connection: Connection, purpose: Purpose, token: str, at: datetime) -> UUID | None:
    """As holder_of(), and use it up: of two at once one alone gets an answer."""
    return _person_id(connection, _REDEEM, purpose, token, at)


def withdraw(connection: Connection, person_id: UUID, purpose: Purpose) -> None:
    """Let no token of this purpose work for a person any longer."""
    connection.execute(_WITHDRAW, {"person_id": person_id, "purpose": purpose})


def has_fresh(connection: Connection, purpose: Purpose, person_id: UUID, email_key: str, since: datetime) -> bool:
    """Whether one was issued since an instant, so that asking again and again fills nobody's mailbox."""
    asked = {"purpose": purpose, "person_id": person_id, "email_key": email_key, "since": since}
    return connection.execute(_FRESH, asked).first() is not None


def _person_id(connection: Connection, statement: object, purpose: Purpose, token: str, at: datetime) -> UUID | None:
    named = {"hash": opaque_token_hash(token), "purpose": purpose, "at": at}
    found: UUID | None = connection.execute(statement, named).scalar_one_or_none()  # type: ignore[call-overload]
    return found


_STANDS = """token.token_hash = :hash and token.purpose = :purpose and token.expires_at > :at
       and exists (select from jovey.unique_claims claim where claim.scope = 'email'
                    and claim.key = token.email_key and claim.aggregate_id = token.person_id)"""
_ISSUE = text("""
    insert into jovey.one_time_tokens (token_hash, purpose, person_id, email_key, created_at, expires_at)
    values (:hash, :purpose, :person_id, :email_key, :at, :until)""")
_HOLDER = text(f"select person_id from jovey.one_time_tokens token where {_STANDS}")
_REDEEM = text(f"delete from jovey.one_time_tokens token where {_STANDS} returning person_id")
_WITHDRAW = text("delete from jovey.one_time_tokens where person_id = :person_id and purpose = :purpose")
_FRESH = text("""
    select from jovey.one_time_tokens
     where purpose = :purpose and person_id = :person_id and email_key = :email_key and created_at > :since limit 1""")
_PRUNE = text("""
    delete from jovey.one_time_tokens where token_hash in (
      select token_hash from jovey.one_time_tokens where expires_at <= :at
       order by expires_at limit :most for update skip locked)""")
