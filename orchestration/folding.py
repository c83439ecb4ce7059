"""Folding by all cores: the log in shares of whole streams, worked at by processes that see one snapshot.

What a process imports to work at a share is what this module imports: keep it small.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from api.mend import Rebuilt, rebuild
from api.parity import Difference, differences
from api.refold import EVERYTHING, Span, refold
from warehouse.postgres import Database
from warehouse.settings import Settings

SHARE_EVENTS = 25_000  # about a second's work; what a killed rebuild does again at most
DIFFERENCES_MAX = 100  # more than these are told as their number's lower bound
_ALLOCATED_BEFORE_COLLECTING = 50_000  # Python's own 700 cost a seventh of a fold
_LOCK_SECONDS_MAX = 60  # until the command at work on a wrong stream is done

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Share:
    """Streams that one process folds at a time, and how many events they had when it was planned."""

    span: Span
    events: int


@dataclass(frozen=True, slots=True)
class Scene:
    """What a process needs to see the log as all others see it; made to be handed to other processes."""

    database: Database
    settings: Settings
    snapshot: str

    @contextmanager
    def reading(self, role: str) -> Iterator[Connection]:
        """The common snapshot, read only."""
        engine = self.engine(role)
        try:
            with frozen(engine) as connection:
                connection.exec_driver_sql(f"set transaction snapshot '{self.snapshot}'")
                yield connection
        finally:
            engine.dispose()

    def engine(self, role: str, *, lock_timeout_s: float = 2) -> Engine:
        """One connection in a role, which may take as long as it takes."""
        database = self.database.of(self.settings)
        return database.engine(role, pool_size=1, lock_timeout_s=lock_timeout_s, statement_timeout_s=0)


@contextmanager
def frozen(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one instant and writes nothing."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def scene(connection: Connection, database: Database, settings: Settings) -> Scene:
    """What the connection's transaction sees, for other processes as long as it lasts."""
    snapshot = connection.execute(text("select pg_export_snapshot()")).scalar_one()
    return Scene(replace(database, master_key=None), settings, snapshot)  # settings lead to the key again


def shares(connection: Connection, events_each: int = SHARE_EVENTS) -> list[Share]:
    """The whole log in shares of about so many events, in the order of stream ids; never half a stream."""
    rows = connection.execute(_PLAN, {"each": events_each}).all()
    begins = [EVERYTHING.first, *(row.id for row in rows[1:])]
    ends = [UUID(int=begin.int - 1) for begin in begins[1:]] + [EVERYTHING.last]
    counts = [row.events for row in rows] or [0]
    return [Share(Span(*ends_of), count) for *ends_of, count in zip(begins, ends, counts, strict=True)]


def fold_share(scene: Scene, span: Span) -> int:
    """Fold a share and forget it; the number of its streams."""
    with scene.reading("jovey_read") as connection, closing(refold(connection, span)) as folded:
        return sum(1 for _ in folded)


def compare_share(scene: Scene, span: Span) -> list[Difference]:
    """Where a share's states are not the fold of its events; at most DIFFERENCES_MAX."""
    with scene.reading("jovey_read") as connection, closing(differences(connection, span)) as found:
        return list(islice(found, DIFFERENCES_MAX))


def rebuild_share(scene: Scene, span: Span) -> Rebuilt:
    """Put a share's states right, with what moved since the common snapshot."""
    writers = scene.engine("jovey_owner", lock_timeout_s=_LOCK_SECONDS_MAX)
    try:
        with scene.reading("jovey_owner") as reader:
            return rebuild(reader, writers, span)
    finally:
        writers.dispose()


def processors() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(
    task: Callable[[Scene, Span], T], scene: Scene, shares: Sequence[Share], workers: int
) -> Generator[tuple[Share, T]]:
    """Every share with what the task made of it, as they are done; `task` is a function of a module.

    One worker, or one share, is this process itself. What a task raises is raised here, and the rest left undone.
    """
    if min(workers, len(shares)) <= 1:
        yield from ((share, task(scene, share.span)) for share in shares)
        return
    context = get_context("spawn")  # a fork would share this process's connections
    with ProcessPoolExecutor(min(workers, len(shares)), context, initializer=_begin) as pool:
        running = {pool.submit(task, scene, share.span): share for share in shares}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """A worker ends with its parent, and looks for garbage seldom: a fold makes much that is forgotten at once."""
    gc.freeze()
    gc.set_threshold(_ALLOCATED_BEFORE_COLLECTING)
    parent = parent_process()
    assert parent is not None, "workers have a parent"

    def follow() -> None:
        parent.join()
        os._exit(1)

    Thread(target=follow, daemon=True).start()


# a share's id is its first stream's; a stream belongs to the share in which its first event would be
_PLAN = text("""
    with streams as (
      select aggregate_id as id, count(*) as events, sum(count(*)) over (order by aggregate_id) - count(*) as before
      from jovey.history group by 1)
    select (array_agg(id order by id))[1] as id, sum(events)::bigint as events
    from streams group by div(before, :each) order by 1""")
