"""Reading the log from where a reader stopped, skipping nothing: the durable snapshot cut of reference eventstore §5.3.

A reader keeps a Cut with what it has read, in its own transaction. The next batch is what the new cut holds and the old
one does not, so an event that commits late is never skipped and none comes twice. Record: docs/decisions/0004.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from sqlalchemy import Connection, Engine, text

from warehouse.log.position import BEGINNING, Snapshot


class SourceRewound(Exception):
    """The log is not the one this reader has read from; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How far a reader has read, and of which history of which server."""

    snapshot: Snapshot
    timeline_id: int
    system_identifier: int


def head(engine: Engine) -> Snapshot:
    """The log's present cut, for looking whether there is anything to read; not durable, so never to be stored."""
    with engine.connect() as connection:
        _refuse_standby(connection)
        return _present(connection)


def is_behind(engine: Engine, seen: Snapshot) -> bool:
    """The log holds an event that is not in `seen`. One index probe, whatever the log's size."""
    with engine.connect() as connection:
        now = _present(connection)
        probe = text(
            f"select exists (select from jovey.events where {between(seen, now)})"
        )  # literal bounds: see between()
        return bool(connection.execute(probe).scalar_one())


def take_cut(engine: Engine, consumer: str, since: Cut | None) -> Cut:
    """A new cut that no crash of the server can take back, to be read with between(since, it).

    The row in jovey.tail_cuts is the durability barrier: its synchronous commit flushes the commit or abort record of
    every transaction the snapshot calls finished, so none of their ids can be given out again after a crash.
    Raises SourceRewound when the server is a standby, another server, or a history before `since`.
    """
    with engine.connect() as connection:
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        _refuse_standby(autocommit)
        _refuse_unreached(autocommit)
        cut = Cut(_present(autocommit), *_history(autocommit))
        if since is not None:
            _refuse_rewound(since, cut)
    with engine.begin() as connection:
        connection.execute(_DURABLY)
        connection.execute(_REMEMBER, _row(consumer, cut))
    return cut


def refuse_lost(engine: Engine, position: int) -> None:
    """Raise SourceRewound when the log lacks an event that a reader has read: an older dump was restored.

    One that was removed into the archive is not lacking.
    """
    with engine.connect() as connection:
        is_there = connection.execute(_IS_THERE, {"position": position}).scalar_one()
    if not is_there:
        raise SourceRewound(
            f"The log lacks event {position}, which the lake has read: an older backup was restored; "
            "rebuild the lake from this log (jovey rebuild)."
        )


def between(seen: Snapshot, until: Snapshot) -> str:
    """The SQL condition on jovey.events for what `until` holds and `seen` does not.

    Bounds are literals, not parameters: the planner uses the index on transaction_id only when it sees the values.
    """
    visible = f"pg_visible_in_snapshot(transaction_id, '{until}'::pg_snapshot)"
    new = f"transaction_id >= '{seen.xmax}'::xid8 and transaction_id < '{until.xmax}'::xid8"
    if not seen.in_flight:
        return f"{new} and {visible}"
    late = ", ".join(f"'{xid}'" for xid in seen.in_flight)
    return f"({new} or transaction_id = any (array[{late}]::xid8[])) and {visible}"


def seen_by(since: Cut | None) -> Snapshot:
    """The snapshot to read from: the beginning for a reader that has read nothing."""
    return BEGINNING if since is None else since.snapshot


_SNAPSHOT: LiteralString = "select pg_current_snapshot()::text"
_IS_THERE = text("""
    select exists (select from jovey.events where position = :position)
        or exists (select from jovey.removals where highest_position >= :position)""")
_UNREACHED = text("""
    select exists (select from jovey.events where transaction_id >= pg_snapshot_xmax(pg_current_snapshot()))""")
_DURABLY = text("set local synchronous_commit = on")
_REMEMBER = text("""
    insert into jovey.tail_cuts (consumer, snapshot, timeline_id, system_identifier, taken_at)
    values (:consumer, cast(:snapshot as pg_snapshot), :timeline_id, :system_identifier, clock_timestamp())
    on conflict (consumer) do update set
      snapshot = excluded.snapshot, timeline_id = excluded.timeline_id,
      system_identifier = excluded.system_identifier, taken_at = excluded.taken_at""")


def _present(connection: Connection) -> Snapshot:
    return Snapshot.parse(connection.execute(text(_SNAPSHOT)).scalar_one())


def _history(connection: Connection) -> tuple[int, int]:
    """The server's timeline (grows at every failover and point-in-time recovery) and identity."""
    # The WAL file's name begins with the timeline; pg_control_checkpoint() would lag until the next checkpoint.
    row = connection.execute(
        text("""
        select ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as timeline_id,
               system_identifier from pg_control_system()""")
    ).one()
    return row.timeline_id, row.system_identifier


def _refuse_standby(connection: Connection) -> None:
    if connection.execute(text("select pg_is_in_recovery()")).scalar_one():
        raise SourceRewound(
            "This server is a standby, where running transactions look finished: read the log from the primary."
        )


def _refuse_unreached(connection: Connection) -> None:
    """Events of transactions that the server has not come to would be in no cut: they would be skipped for ever."""
    if connection.execute(_UNREACHED).scalar_one():
        raise SourceRewound(
            "The log holds transactions that this server has not come to: it was restored from another server's dump; "
            "jovey rebuild lets the server come to them and makes the lake anew."
        )


def _refuse_rewound(since: Cut, cut: Cut) -> None:
    if cut.system_identifier != since.system_identifier:
        raise SourceRewound(
            f"The lake was read from server {since.system_identifier}, this one is {cut.system_identifier}: "
            "rebuild the lake from this log (jovey rebuild)."
        )
    if cut.timeline_id != since.timeline_id or cut.snapshot.xmax < since.snapshot.xmax:
        raise SourceRewound(
            f"The log was restored or failed over (timeline {since.timeline_id} to {cut.timeline_id}, "
            f"transaction {since.snapshot.xmax} to {cut.snapshot.xmax}); events the lake has seen may be gone: "
            "rebuild the lake from this log (jovey rebuild)."
        )


def _row(consumer: str, cut: Cut) -> dict[str, object]:
    return {
        "consumer": consumer,
        "snapshot": str(cut.snapshot),
        "timeline_id": cut.timeline_id,
        "system_identifier": cut.system_identifier,
    }
