"""Ends a transaction of the lake so that what the catalog names is there, even if nobody hears how it ended."""

from __future__ import annotations

import duckdb
from duckdb import DuckDBPyConnection


class CommitUnanswered(Exception):
    """PostgreSQL refused the lake's commit or did not answer; the next run goes on from what it finds."""


def commit(connection: DuckDBPyConnection) -> None:
    """Commit; the connection's last act, it reaches no file afterwards. Raises CommitUnanswered.

    DuckLake 1.5 takes a lost answer for a refusal and deletes the files that it wrote. When the server had committed,
    and stopped right then, the catalog names files that are gone, and nobody can read the lake any more. So it may not
    touch files while it commits; what was written in vain keep() removes. (Merging deletes nothing of its own.)
    """
    connection.execute("set enable_external_access = false")  # this time for good: DuckDB does not take it back
    try:
        connection.execute("commit")
    except duckdb.Error as error:
        raise CommitUnanswered(
            "PostgreSQL did not confirm the lake's commit: it happened or not. The next run goes on from there."
        ) from error
