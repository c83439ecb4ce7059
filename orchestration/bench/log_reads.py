"""The log when it is long: a million events made of a small company's, what appends, cuts, loads and refolds take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from statistics import median, quantiles
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, Engine

from api.rules import Rules
from assets.hot_run import Refreshed, refresh
from assets.sql import Graph
from orchestration.bench.log_client import stream
from orchestration.bench.served import Bench
from orchestration.demo.plan import Plan
from orchestration.demo.story import found
from orchestration.demo.tell import tell
from orchestration.folding import each, fold_share, frozen, scene, shares
from orchestration.rebuild import states
from warehouse import clock
from warehouse.log.append import append
from warehouse.log.tail import Cut, is_behind, take_cut
from warehouse.postgres import Database

T = TypeVar("T")
DAYS = 60  # of the small company
_APPENDS, _CUTS, _ROUNDS = 1_000, 200, 7
_COPIED = (
    "created_at, effective_at, version, schema_version, event_type, aggregate_type, created_by, subject_id, "
    "correlation_id, causation_id, data, metadata"
)
_COPY = f"""\
insert into jovey.events (aggregate_id, id, {_COPIED})
select md5(aggregate_id::text || %(copy)s)::uuid, md5(id::text || %(copy)s)::uuid, {_COPIED}
from bench_story order by position"""


@dataclass(frozen=True, slots=True)
class Pace:
    """What short deeds take, ms: of a hundred all but five append faster, cuts are medians."""

    append_p95: float
    cut: float
    probe: float


@dataclass(frozen=True, slots=True)
class Paces:
    """Rounds of a short log and of a long one, in turns."""

    short: tuple[Pace, ...]
    long: tuple[Pace, ...]

    def compared(self, what: Callable[[Pace], float]) -> tuple[float, float, float]:
        """The short log's median, the long one's, and the median of what each round's two had to each other."""
        pairs = [(what(short), what(long)) for short, long in zip(self.short, self.long, strict=True)]
        return (
            median(short for short, _ in pairs),
            median(long for _, long in pairs),
            median(long / short for short, long in pairs),
        )


def paces(short: Database, long: Database) -> Paces:
    """The disk has slow moments, so the two take turns at each deed; nothing else may run."""
    with _visiting(short) as one, _visiting(long) as other:
        rounds = [_round(one, other) for _ in range(_ROUNDS)]
    return Paces(*zip(*rounds, strict=True))


def tell_story(bench: Bench) -> int:
    """A small company's first two months through the real commands; the number of its events."""
    today = clock.calendar_date(clock.now(), "UTC")
    tell(bench.engine, *found(Plan(1, today - timedelta(days=1), DAYS)), Rules(), lambda: None)
    return _count(bench.database)


def multiply(database: Database, wanted: int) -> int:
    """Copy the story's streams under other ids, a transaction a copy, until there are `wanted` events."""
    with psycopg.connect(database.libpq(), autocommit=True) as connection:
        connection.execute("create table bench_story as select * from jovey.events")
        copy = 0
        while _count(database) < wanted:
            copy += 1
            connection.execute(_COPY, {"copy": f"-{copy}"})
        connection.execute("drop table bench_story")
        connection.execute("vacuum analyze jovey.events")
        connection.execute("checkpoint")
    return _count(database)


def found_lake(bench: Bench) -> float:
    """Seconds to make the lake's catalog and its empty tables with their comments, as `jovey up` does once."""
    return _timed(partial(_refresh, bench))[0]


def load_rate(bench: Bench) -> float:
    """Events a second from the whole log into a founded lake's facts, opening it and committing included."""
    seconds, found = _timed(partial(_refresh, bench))
    return found.loaded / seconds


def rebuild_rate(bench: Bench, events: int) -> float:
    """Events a second of `jovey rebuild`'s states in one process, with comparing and writing what differs."""
    seconds, _ = _timed(lambda: states(bench.database, bench.settings, workers=1))
    return events / seconds


def refold_rate(bench: Bench, workers: int) -> float:
    """Events a second that so many processes fold into states, starting them and planning included."""
    seconds, _ = _timed(lambda: _refold_all(bench, workers))
    return _count(bench.database) / seconds


def bytes_an_event(database: Database) -> float:
    """Heap, indexes and TOAST of the log."""
    with psycopg.connect(database.libpq()) as connection:
        row = connection.execute("select pg_total_relation_size('jovey.events')").fetchone()
    assert row is not None
    return float(row[0]) / _count(database)


def _refresh(bench: Bench) -> Refreshed:
    """The facts alone."""
    return refresh(bench.database, bench.settings, graph=Graph((), ()))


def _refold_all(bench: Bench, workers: int) -> None:
    engine = bench.database.engine("jovey_read", pool_size=1, statement_timeout_s=0)
    with frozen(engine) as seen:
        deque(each(fold_share, scene(seen, bench.database, bench.settings), shares(seen), workers), maxlen=0)
    engine.dispose()


@dataclass(frozen=True, slots=True)
class _Visit:
    """A log's connections, open between rounds; each deed says how many ms it took."""

    writer: Connection
    tail: Engine

    def append(self) -> float:
        return _milliseconds(partial(append, self.writer, stream(1)))

    def take_cut(self, since: Cut) -> float:
        return _milliseconds(partial(take_cut, self.tail, "bench", since))

    def probe(self, since: Cut) -> float:
        return _milliseconds(partial(is_behind, self.tail, since.snapshot))


@contextmanager
def _visiting(database: Database) -> Iterator[_Visit]:
    writer, tail = database.engine("jovey_append", pool_size=1), database.engine("jovey_tail", pool_size=1)
    try:
        with writer.connect() as connection:
            yield _Visit(connection.execution_options(isolation_level="AUTOCOMMIT"), tail)
    finally:
        writer.dispose()
        tail.dispose()


def _round(*visits: _Visit) -> tuple[Pace, ...]:
    appends = _in_turns(_APPENDS, [visit.append for visit in visits])
    now = [take_cut(visit.tail, "bench", None) for visit in visits]
    cuts = _in_turns(_CUTS, [partial(visit.take_cut, cut) for visit, cut in zip(visits, now, strict=True)])
    probes = _in_turns(_CUTS, [partial(visit.probe, cut) for visit, cut in zip(visits, now, strict=True)])
    return tuple(
        Pace(quantiles(append, n=20)[18], median(cut), median(probe))
        for append, cut, probe in zip(appends, cuts, probes, strict=True)
    )


def _in_turns(times: int, deeds: Sequence[Callable[[], float]]) -> list[tuple[float, ...]]:
    """What each deed said, so many times."""
    return list(zip(*([deed() for deed in deeds] for _ in range(times)), strict=True))


def _milliseconds(deed: Callable[[], object]) -> float:
    return _timed(deed)[0] * 1000


def _timed(deed: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    answer = deed()
    return time.perf_counter() - began, answer


def _count(database: Database) -> int:
    with psycopg.connect(database.libpq()) as connection:
        row = connection.execute("select count(*) from jovey.events").fetchone()
    assert row is not None
    return int(row[0])
