"""How far each reader of the log is behind it, for the operator to see."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from warehouse.log.position import Snapshot
from warehouse.log.tail import between

EVENTS_MAX = 100_000  # more are told as this many


@dataclass(frozen=True, slots=True)
class Lag:
    """A reader's distance: events not in its last cut, and how long the oldest of them has waited."""

    consumer: str
    events: int
    seconds: float


def lags(connection: Connection) -> list[Lag]:
    """Every reader that keeps a place in jovey.tail_cuts, by name. One index range each, EVENTS_MAX at most."""
    now = Snapshot.parse(connection.execute(text("select pg_current_snapshot()::text")).scalar_one())
    readers = connection.execute(text("select consumer, snapshot::text from jovey.tail_cuts order by consumer")).all()
    return [_lag(connection, row.consumer, Snapshot.parse(row.snapshot), now) for row in readers]


def _lag(connection: Connection, consumer: str, seen: Snapshot, now: Snapshot) -> Lag:
    unread = (
        f"select created_at from jovey.events where {between(seen, now)} order by transaction_id limit {EVENTS_MAX}"
    )
    asked = text(f"""
        select count(*) as events, coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0) as seconds
        from ({unread}) as unread""")
    row = connection.execute(asked).one()
    return Lag(consumer, row.events, float(row.seconds))
