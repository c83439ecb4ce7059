"""Keeps the lake small: merges the runs' many small files, forgets old snapshots, removes what nobody sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from duckdb import DuckDBPyConnection

from warehouse.lake.attach import open_writer, writing
from warehouse.postgres import Database
from warehouse.settings import Settings

TIME_TRAVEL_DAYS = 7
_READER_GRACE = timedelta(hours=1)  # the longest query that may still be reading a file no snapshot names any more


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done: snapshots forgotten, files removed from the folder, and files that stay."""

    snapshots_expired: int
    files_removed: int
    files_left: int


def keep(
    database: Database,
    settings: Settings,
    *,
    time_travel: timedelta = timedelta(days=TIME_TRAVEL_DAYS),
    grace: timedelta = _READER_GRACE,
) -> Kept:
    """Compact and expire. Reads of the last `time_travel` stay possible; readers at work are not disturbed."""
    with writing(database), open_writer(database, settings) as connection:
        connection.execute("call ducklake_merge_adjacent_files('lake')")
        expired = _count(connection, f"ducklake_expire_snapshots('lake', older_than => {_before(time_travel)})")
        removed = _count(connection, f"ducklake_cleanup_old_files('lake', older_than => {_before(grace)})")
        orphans = _before(max(grace, _READER_GRACE))  # a killed writer's files; a running one's are younger
        removed += _count(connection, f"ducklake_delete_orphaned_files('lake', older_than => {orphans})")
        return Kept(expired, removed, _files(connection))


def _before(age: timedelta) -> str:
    return f"now() - to_seconds({age.total_seconds()})"


def _count(connection: DuckDBPyConnection, call: str) -> int:
    # counted here: under a count(*) DuckLake lists the files and deletes none
    return len(connection.execute(f"call {call}").fetchall())


def _files(connection: DuckDBPyConnection) -> int:
    row = connection.execute("select sum(file_count) from ducklake_table_info('lake')").fetchone()
    assert row is not None
    return int(row[0] or 0)
