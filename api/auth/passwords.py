"""Passwords: argon2id hashes in jovey.credentials, verified with the same work whether the person is known or not."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from pydantic import StringConstraints
from sqlalchemy import Connection, text

from warehouse.log.people import claim_key

Password = Annotated[str, StringConstraints(min_length=10, max_length=200)]
"""Length is what counts (NIST SP 800-63B §5.1.1.2); the upper bound bounds the work."""

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane; about 25 ms on one core
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hashed(password: str) -> str:
    """The argon2id hash of a password, salted; about 25 ms."""
    return _HASHER.hash(password)


def keep(connection: Connection, person_id: UUID, password_hash: str, at: datetime) -> None:
    """Store a person's password hash in place of an earlier one."""
    connection.execute(_KEEP, {"person_id": person_id, "hash": password_hash, "at": at})


def person_with(connection: Connection, email: str, password: str) -> UUID | None:
    """Whose e-mail address and password these are. One argon2 verification, also for addresses nobody has."""
    key = claim_key(connection, "email", email.strip().lower())
    row = connection.execute(_BY_EMAIL, {"key": key}).one_or_none()
    is_right = _verified(row.password_hash if row else _nobodys_hash(), password)
    return row.person_id if row is not None and is_right else None


def is_password_of(connection: Connection, person_id: UUID, password: str) -> bool:
    """Whether the password is this person's; one argon2 verification."""
    stored = connection.execute(_BY_PERSON, {"person_id": person_id}).scalar_one_or_none()
    return _verified(stored or _nobodys_hash(), password) and stored is not None


def _verified(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False


@cache
def _nobodys_hash() -> str:
    """A hash to verify against when there is no person, so that the answer takes as long."""
    return hashed("nobody has this password")


_KEEP = text("""
    insert into jovey.credentials (person_id, password_hash, changed_at) values (:person_id, :hash, :at)
    on conflict (person_id) do update set password_hash = excluded.password_hash, changed_at = excluded.changed_at""")
_BY_EMAIL = text("""
    select credentials.person_id, credentials.password_hash
      from jovey.unique_claims claim join jovey.credentials on credentials.person_id = claim.aggregate_id
     where claim.scope = 'email' and claim.key = :key""")
_BY_PERSON = text("select password_hash from jovey.credentials where person_id = :person_id")
