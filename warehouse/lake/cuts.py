"""The lake's own account of itself: how far it has read the log, for which day, and by which definitions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import duckdb
from duckdb import DuckDBPyConnection

from warehouse.log.position import Snapshot
from warehouse.log.tail import Cut

CONSUMER = "lake"
OWN_ACCOUNT = frozenset({"facts.cuts", "facts.definitions"})
"""The lake's tables about itself: written by each run, derived from nothing."""


@dataclass(frozen=True, slots=True)
class Account:
    """What facts.cuts says: the tables are the fold of the events of `cut`, on the day `today`, at `taken_at`."""

    cut: Cut
    position: int
    events: int
    taken_at: datetime
    today: date
    vocabulary: str


def create(connection: DuckDBPyConnection) -> None:
    """Make schema facts with its two tables of account, where they are missing."""
    connection.execute("create schema if not exists facts")
    connection.execute("""
        create table if not exists facts.cuts (
          consumer varchar, snapshot varchar, timeline_id integer, system_identifier bigint,
          position bigint, events bigint, taken_at timestamptz, today date, vocabulary varchar)""")
    connection.execute("create table if not exists facts.definitions (name varchar, digest varchar)")


def account(connection: DuckDBPyConnection) -> Account | None:
    """How far the lake has read; None before its first load, or when the first was killed on its way."""
    try:
        row = connection.execute(f"""
            select snapshot, timeline_id, system_identifier, position, events, epoch_us(taken_at), today, vocabulary
            from lake.facts.cuts where consumer = '{CONSUMER}'""").fetchone()
    except duckdb.CatalogException:
        return None
    if row is None:
        return None
    snapshot, timeline_id, system_identifier, position, events, microseconds, today, vocabulary = row
    cut = Cut(Snapshot.parse(snapshot), timeline_id, system_identifier)
    return Account(cut, position, events, _instant(microseconds), today, vocabulary)


def store(connection: DuckDBPyConnection, account: Account) -> None:
    """Write the account down, in the transaction of what it speaks of."""
    cut = account.cut
    connection.execute(f"delete from facts.cuts where consumer = '{CONSUMER}'")
    # literals: at its first parameter DuckDB imports pandas, which takes longer than a small run
    connection.execute(f"""
        insert into facts.cuts values (
          '{CONSUMER}', '{cut.snapshot}', {cut.timeline_id}, {cut.system_identifier}, {account.position},
          {account.events}, timestamptz '{account.taken_at.isoformat()}', date '{account.today}',
          '{account.vocabulary}')""")


def definitions(connection: DuckDBPyConnection) -> dict[str, str]:
    """Table or macro -> digest of the SQL it was built by."""
    return dict(connection.execute("select name, digest from facts.definitions").fetchall())


def store_definitions(connection: DuckDBPyConnection, digests: dict[str, str]) -> None:
    """Replace what definitions() answers."""
    connection.execute("delete from facts.definitions")
    if digests:
        rows = ", ".join(f"('{name}', '{digest}')" for name, digest in digests.items())
        connection.execute(f"insert into facts.definitions values {rows}")


def _instant(microseconds: int) -> datetime:
    """An instant from DuckDB without its own conversion, which wants pytz."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
