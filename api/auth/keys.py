"""Signing keys: what access tokens are signed with. One signs, retired ones verify until their tokens are over.

They lie in the database, wrapped by the master key, so that all processes agree; replacing one touches no word that is
hidden under the master key.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from warehouse.ids import new_id
from warehouse.log.people import master_of

KEY_BYTES = 32  # RFC 7518 §3.2: as long as the hash of HS256
SESSIONLESS_LIFETIME = timedelta(hours=1)  # no token without a session, such as an agent's, is given for longer
_LOOK_AGAIN_SECONDS = 10.0  # a key that was replaced at once stops verifying everywhere within this time
_UNKNOWN_SECONDS = 1.0  # tokens that name no key of ours cost a look at most this often


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key and the id that tokens name it by."""

    id: UUID
    secret: bytes

    def __repr__(self) -> str:
        """Without the secret."""
        return f"SigningKey({self.id})"


@dataclass(frozen=True, slots=True)
class KeyLife:
    """When a key began to sign, and when it ended to sign and to verify; none: not yet."""

    id: UUID
    created_at: datetime
    retired_at: datetime | None
    verifies_until: datetime | None


def current_key(connection: Connection, at: datetime) -> SigningKey:
    """The key that signs; the first one is made here."""
    row = connection.execute(_CURRENT).one_or_none()
    if row is None:
        _make(connection, at)
        row = connection.execute(_CURRENT).one()  # ours, or that of a process that was faster
    return _unwrapped(connection, row.key_id, row.wrapped_key)


def replace_key(connection: Connection, at: datetime, *, at_once: bool = False) -> tuple[UUID, datetime]:
    """Sign with a new key from now on; its id, and until when earlier keys verify.

    That is until the last session they signed for is over; `at_once` until now, which ends every sign-in.
    """
    until: datetime = connection.execute(_OVER, {"at": at, "sessionless": at + SESSIONLESS_LIFETIME}).scalar_one()
    until = at if at_once else until
    connection.execute(_RETIRE, {"at": at, "until": until})
    return _make(connection, at), until


def list_keys(connection: Connection) -> Sequence[KeyLife]:
    """All keys there ever were, the newest first."""
    rows = connection.execute(_ALL)
    return [KeyLife(row.key_id, row.created_at, row.retired_at, row.verifies_until) for row in rows]


class Keyring:
    """The keys of this process: looked at again now and then, and when a token names one that is not known."""

    def __init__(self, engine: Engine, at: datetime) -> None:
        self._engine, self._lock = engine, Lock()
        with engine.begin() as connection:
            current_key(connection, at)
        self._load()

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        self._look_again(_LOOK_AGAIN_SECONDS)
        return self._current

    def of(self, id: UUID) -> SigningKey | None:
        """The key that tokens name by this id; None when it is not ours, or verifies no longer."""
        self._look_again(_LOOK_AGAIN_SECONDS)
        if id not in self._known:
            self._look_again(_UNKNOWN_SECONDS)
        return self._known.get(id)

    def _look_again(self, older_than_seconds: float) -> None:
        with self._lock:
            if time.monotonic() - self._loaded_at >= older_than_seconds:
                self._load()

    def _load(self) -> None:
        with self._engine.connect() as connection:
            rows = connection.execute(_LIVE).all()
            self._known = {row.key_id: _unwrapped(connection, row.key_id, row.wrapped_key) for row in rows}
        self._current = self._known[next(row.key_id for row in rows if row.retired_at is None)]
        self._loaded_at = time.monotonic()


def _make(connection: Connection, at: datetime) -> UUID:
    id = new_id(at)
    wrapped = master_of(connection).wrap(secrets.token_bytes(KEY_BYTES), id)
    connection.execute(_MAKE, {"id": id, "wrapped": wrapped, "at": at})
    return id


def _unwrapped(connection: Connection, id: UUID, wrapped: bytes) -> SigningKey:
    return SigningKey(id, master_of(connection).unwrap(bytes(wrapped), id))


_CURRENT = text("select key_id, wrapped_key from jovey.signing_keys where retired_at is null")
_LIVE = text("""
    select key_id, wrapped_key, retired_at from jovey.signing_keys
     where retired_at is null or verifies_until > clock_timestamp()""")
_ALL = text("""
    select key_id, created_at, retired_at, verifies_until from jovey.signing_keys order by created_at desc, key_id""")
_MAKE = text("""
    insert into jovey.signing_keys (key_id, wrapped_key, created_at) values (:id, :wrapped, :at)
    on conflict do nothing""")
_OVER = text("""
    select greatest(cast(:sessionless as timestamptz), max(expires_at))
      from jovey.sessions where revoked_at is null""")
_RETIRE = text("""
    update jovey.signing_keys set retired_at = coalesce(retired_at, :at),
           verifies_until = least(coalesce(verifies_until, :until), :until)
     where retired_at is null or verifies_until > :at""")
