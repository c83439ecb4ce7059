"""Passwords: argon2id hashes in jovey.credentials, verified with the same work whether the person is known or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
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
# of a password nobody knows, by these same parameters: verified against where there is no person
NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$THsDbyZ7JlPl+VIWIamphA$ldLnxuVYsiIOE82ZCwf87XqHSAo6PWz9FLYQg3nZKi8"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whose an e-mail address is and what their password must hash to; without a person, a hash nothing matches."""

    person_id: UUID | None = None
    password_hash: str = field(default=NOBODYS_HASH, repr=False)

    def are_met_by(self, password: str) -> bool:
        """Whether it is the password. One argon2 verification, about 25 ms, also where there is no person."""
        try:
            _HASHER.verify(self.password_hash, password)
        except VerifyMismatchError:
            return False
        return self.person_id is not None

    @property
    def is_outdated(self) -> bool:
        """Whether the hash was made by other parameters than those of today."""
        return _HASHER.check_needs_rehash(self.password_hash)


def hashed(password: str) -> str:
    """The argon2id hash of a password, salted; about 25 ms."""
    return _HASHER.hash(password)


def keep(connection: Connection, person_id: UUID, password_hash: str, at: datetime) -> None:
    """Store a person's password hash in place of an earlier one."""
    connection.execute(_KEEP, {"person_id": person_id, "hash": password_hash, "at": at})


def keep_rehashed(connection: Connection, known: Credentials, password_hash: str) -> None:
    """The same password by today's parameters, unless it was changed meanwhile."""
    connection.execute(_REHASH, {"person_id": known.person_id, "before": known.password_hash, "hash": password_hash})


def credentials_of(connection: Connection, email: str) -> Credentials:
    """What an e-mail address is known by; nobody's credentials where it is unknown or has no password."""
    key = claim_key(connection, "email", email.strip().lower())
    row = connection.execute(_BY_EMAIL, {"key": key}).one_or_none()
    return Credentials() if row is None else Credentials(row.person_id, row.password_hash)


def person_with(connection: Connection, email: str, password: str) -> UUID | None:
    """Whose e-mail address and password these are. One argon2 verification, also for addresses nobody has."""
    known = credentials_of(connection, email)
    return known.person_id if known.are_met_by(password) else None


def is_password_of(connection: Connection, person_id: UUID, password: str) -> bool:
    """Whether the password is this person's; one argon2 verification."""
    stored = connection.execute(_BY_PERSON, {"person_id": person_id}).scalar_one_or_none()
    return (Credentials() if stored is None else Credentials(person_id, stored)).are_met_by(password)


_KEEP = text("""
    insert into jovey.credentials (person_id, password_hash, changed_at) values (:person_id, :hash, :at)
    on conflict (person_id) do update set password_hash = excluded.password_hash, changed_at = excluded.changed_at""")
_REHASH = text("""
    update jovey.credentials set password_hash = :hash where person_id = :person_id and password_hash = :before""")
_BY_EMAIL = text("""
    select credentials.person_id, credentials.password_hash
      from jovey.unique_claims claim join jovey.credentials on credentials.person_id = claim.aggregate_id
     where claim.scope = 'email' and claim.key = :key""")
_BY_PERSON = text("select password_hash from jovey.credentials where person_id = :person_id")
