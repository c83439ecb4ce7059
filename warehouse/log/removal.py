"""Removals: which seals' events left jovey.events for the archive, and the one door through which they leave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from warehouse.log.seal import Seal
from warehouse.postgres import Database, released

BUSY = "Another process removes events, unpacks them, or reads them: wait until it is done."
_RETENTION_LOCK = 4_801_012  # any number that nothing else locks in this database


class RetentionBusy(Exception):
    """Another process removes events, unpacks them, or reads what is unpacked."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What left with one seal: `removed` events, its own and what earlier ones had left; `kept` of its own stay."""

    number: int
    removed: int
    kept: int
    file: str
    sha256: bytes
    removed_by: str
    removed_at: datetime


def stored_removals(connection: Connection) -> list[Removal]:
    """Every removal, first seal first. None in a log that is not migrated yet, or has lost the table."""
    if connection.execute(text("select to_regclass('jovey.removals') is null")).scalar_one():
        return []
    return [_removal(row) for row in connection.execute(_REMOVALS)]


def archived_events(connection: Connection) -> int:
    """How many events stand in the archive alone, neither in the table nor unpacked."""
    return int(connection.execute(text("select jovey.archived_events()")).scalar_one())


def guard(connection: Connection) -> None:
    """Make the log refuse versions that were written before, ahead of a removal; in a transaction of its own."""
    connection.execute(text("select jovey.guard()"))


def retire_seal(connection: Connection, seal: Seal, before: datetime, file: str, sha256: bytes) -> Removal:
    """Remove one seal's events in the owner's transaction, and record it. The database refuses what may not leave."""
    values = {"number": seal.number, "before": before, "file": file, "sha256": sha256}
    connection.execute(_RETIRE, values)
    return _removal(connection.execute(_ONE, {"number": seal.number}).one())


@contextmanager
def alone(database: Database) -> Iterator[psycopg.Connection]:
    """Nobody else removes, unpacks or reads what is unpacked; PostgreSQL frees the place. Raises RetentionBusy."""
    with psycopg.connect(database.libpq("jovey_owner"), autocommit=True) as connection:
        if not lock(connection):
            raise RetentionBusy(BUSY)
        with released(connection):
            yield connection


def lock(connection: psycopg.Connection) -> bool:
    """Whether the session is alone with what is unpacked now."""
    return connection.execute("select pg_try_advisory_lock(%s)", [_RETENTION_LOCK]).fetchone() == (True,)


def share(connection: psycopg.Connection) -> None:
    """Be one of several who read what is unpacked; waits while somebody is alone with it."""
    connection.execute("select pg_advisory_lock_shared(%s)", [_RETENTION_LOCK])


def unlock(connection: psycopg.Connection, *, alone: bool = False) -> None:
    """Let go: of being alone, or of everything."""
    connection.execute(
        "select pg_advisory_unlock(%s)" if alone else "select pg_advisory_unlock_all()",
        [_RETENTION_LOCK] if alone else None,
    )


_COLUMNS = "number, events_removed, events_kept, file, file_sha256, removed_by, removed_at"
_REMOVALS = text(f"select {_COLUMNS} from jovey.removals order by number")
_ONE = text(f"select {_COLUMNS} from jovey.removals where number = :number")
_RETIRE = text("select removed, kept from jovey.retire_seal(:number, :before, :file, :sha256)")


def _removal(row: Any) -> Removal:
    number, removed, kept, file, sha256, removed_by, removed_at = row
    return Removal(number, removed, kept, file, bytes(sha256), removed_by, removed_at)
