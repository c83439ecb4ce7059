"""Unpacking: removed events come back from their proven files for as long as somebody reads from the beginning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import LiteralString

import psycopg
from duckdb import DuckDBPyConnection

from warehouse.lake.archive import COLUMNS, ArchiveRefused, holders, prove
from warehouse.lake.attach import open_files
from warehouse.log.removal import (
    BUSY,
    Removal,
    RetentionBusy,
    alone,
    lock,
    share,
    stored_removals,
    unlock,
)
from warehouse.log.seal import stored_seals
from warehouse.log.seal_key import trusted_keys
from warehouse.postgres import Database, released
from warehouse.settings import Settings

_FETCH_ROWS = 8_192
_READERS_SECONDS_MAX = 5  # who begins to read meanwhile waits as long


@contextmanager
def whole_history(database: Database, settings: Settings) -> Iterator[None]:
    """Within, jovey.history holds every event there ever was; costs one look where none was removed.

    What was not unpacked before is packed again after, unless others still read it. Raises ArchiveRefused, which names
    the file that is missing or was changed, and RetentionBusy.
    """
    with psycopg.connect(database.libpq("jovey_owner"), autocommit=True) as connection:
        if not _any(connection, "removals"):
            yield
            return
        with released(connection):
            has_unpacked = _shared(connection, database, settings)
            try:
                yield
            finally:
                unlock(connection)
                if has_unpacked and lock(connection):
                    with suppress(RetentionBusy):  # somebody reads it: it stays for the next to pack
                        _empty(connection)


def unpack(database: Database, settings: Settings) -> int:
    """Fill jovey.unpacked_events with every removed event, to stay there; how many. Raises as whole_history does."""
    with alone(database) as connection:
        if not _any(connection, "unpacked_events"):
            _fill(connection, database, settings)
        row = connection.execute("select count(*) from jovey.unpacked_events").fetchone()
        assert row is not None
        return int(row[0])


def pack(database: Database) -> None:
    """Empty it; the files have everything. Raises RetentionBusy."""
    with alone(database) as connection:
        _empty(connection)


def empty(database: Database) -> None:
    """As pack(), for who is alone() already."""
    with psycopg.connect(database.libpq("jovey_owner"), autocommit=True) as connection:
        _empty(connection)


def needed_files(folder: Path, removals: Sequence[Removal]) -> Mapping[Path, int]:
    """The files that alone hold removed events, each with its last seal that was removed. Raises ArchiveRefused."""
    found = holders(folder)
    needed: dict[Path, int] = {}
    for one in removals:
        path = next((path for path, (first, last) in found.items() if first <= one.number <= last), None)
        if path is None:
            raise ArchiveRefused(
                f"{one.file} is missing in {folder}: it alone holds the {one.removed:,} events removed with seal "
                f"{one.number} on {one.removed_at:%Y-%m-%d}. Put it back from a copy (sha256 {one.sha256.hex()})."
            )
        needed[path] = one.number
    return needed


def _shared(connection: psycopg.Connection, database: Database, settings: Settings) -> bool:
    """Hold what is unpacked in common with other readers, unpacking it first where nobody had; whether it was us."""
    share(connection)
    if _any(connection, "unpacked_events"):
        return False
    unlock(connection)
    if not lock(connection):
        raise RetentionBusy(BUSY)
    has_unpacked = not _any(connection, "unpacked_events")
    if has_unpacked:
        _fill(connection, database, settings)
    share(connection)  # a session may hold both; no moment passes in which nobody does
    unlock(connection, alone=True)
    return has_unpacked


def _fill(connection: psycopg.Connection, database: Database, settings: Settings) -> None:
    """All removed events in one transaction, from files proven before: whole, or not at all."""
    engine = database.engine("jovey_read", pool_size=1, statement_timeout_s=0)
    try:
        with engine.connect() as reader:
            removals, stored = stored_removals(reader), {one.number: one for one in stored_seals(reader)}
    finally:
        engine.dispose()
    if not removals:
        return
    trusted = trusted_keys(settings)
    with open_files(settings) as files, connection.transaction():
        for path, last in needed_files(settings.archive_folder, removals).items():
            prove(files, path, stored, trusted)
            _copy(files, connection, path, last)
        connection.execute(_DROP_KEPT)
        row = connection.execute("select count(*) from jovey.unpacked_events").fetchone()
        wanted = sum(one.removed for one in removals)
        if row != (wanted,):
            raise ArchiveRefused(
                f"The archive gives {row and row[0]:,} of the {wanted:,} removed events: jovey verify."
            )
    connection.execute("analyze jovey.unpacked_events")


def _copy(files: DuckDBPyConnection, connection: psycopg.Connection, path: Path, last: int) -> None:
    listed = ", ".join(COLUMNS)
    said = ", ".join(f"{name}::varchar" for name in COLUMNS)
    rows = files.execute(f"select {said} from read_parquet(?) where seal_number <= ?", [str(path), last])
    with connection.cursor() as cursor, cursor.copy(f"copy jovey.unpacked_events ({listed}) from stdin") as copy:
        while page := rows.fetchmany(_FETCH_ROWS):
            for row in page:
                copy.write_row(row)


def _any(connection: psycopg.Connection, table: LiteralString) -> bool:
    return connection.execute(f"select exists (select from jovey.{table})").fetchone() == (True,)


def _empty(connection: psycopg.Connection) -> None:
    """Raises RetentionBusy when somebody reads it for longer than a page takes."""
    try:
        with connection.transaction():
            connection.execute(f"set local lock_timeout = '{_READERS_SECONDS_MAX}s'")
            connection.execute("truncate jovey.unpacked_events")
    except psycopg.errors.LockNotAvailable as error:
        raise RetentionBusy(BUSY) from error


_DROP_KEPT = "delete from jovey.unpacked_events u using jovey.events e where e.position = u.position"
