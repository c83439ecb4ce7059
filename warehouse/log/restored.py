"""A log restored from another server's dump: the server is led past the transactions that its events name.

A cut holds what transactions below its bound have written. A dump carries the events with their transaction ids into a
server that counts from its own number; until it has counted past them, they would be in no cut at all.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from warehouse.postgres import Database

TRANSACTIONS_MAX = 50_000_000  # some ten minutes
_AT_ONCE = 20_000  # transactions between two looks at the clock


class TooFarBehind(Exception):
    """The server would have to count for hours; the message says what to do instead."""


def reach_transactions(database: Database, watch: Callable[[int, int], None] = lambda *_: None) -> int:
    """Use up transaction ids until the log's newest, and every cut of it, is behind; how many were used.

    Raises TooFarBehind.
    """
    with psycopg.connect(database.libpq(synchronous_commit="off"), autocommit=True) as connection:
        missing = in_all = _missing(connection)
        if missing > TRANSACTIONS_MAX:
            raise TooFarBehind(
                f"This server is {missing:,} transactions behind the log it was given. Stop it, set its counter by "
                "pg_resetwal as docs/guides/restore.md says, and run jovey rebuild again."
            )
        while missing > 0:
            connection.execute(_USE_UP.format(count=min(missing, _AT_ONCE)))
            missing = _missing(connection)
            watch(in_all - max(missing, 0), in_all)
    return in_all


def _missing(connection: psycopg.Connection) -> int:
    row = connection.execute(_MISSING).fetchone()
    assert row is not None
    return max(int(row[0]), 0)


# cuts that were sealed or read hold more than the events' own ids: a new event below their bound would be in them
_MISSING = """
    select greatest(
        (select transaction_id::text::bigint + 1 from jovey.events order by transaction_id desc limit 1),
        (select pg_snapshot_xmax(cut_to)::text::bigint from jovey.seals order by number desc limit 1),
        (select max(pg_snapshot_xmax(snapshot)::text::bigint) from jovey.tail_cuts),
        0) - pg_snapshot_xmax(pg_current_snapshot())::text::bigint"""
_USE_UP = """
    do $$ begin
      for n in 1..{count} loop
        perform pg_current_xact_id();
        commit;
      end loop;
    end $$"""
