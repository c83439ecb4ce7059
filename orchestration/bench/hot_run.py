"""The hot run, again and again: seconds, Dagster's event rows, Postgres tables and attach time have to stay flat.

Sixty stub tables over twelve event types; each run brings twenty events of one type and so touches five tables.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import mean, median

import dagster as dg
import psycopg
from sqlalchemy import Engine

from assets.lake import Lake
from assets.sql import read_graph
from orchestration.bench.figure import Figure, at_most
from orchestration.dagster_home import dagster_home
from orchestration.definitions import build_defs
from orchestration.sensors import HOT_RUN
from warehouse import clock
from warehouse.events.event import Recorded, Ref
from warehouse.events.vocabulary import VOCABULARY
from warehouse.ids import new_id
from warehouse.lake.attach import open_reader, open_writer
from warehouse.lake.keep import keep
from warehouse.log.append import append
from warehouse.log.migrate import migrate
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings

RUNS, TABLES, EVENTS_A_RUN, KEEP_EVERY, EDGE = 200, 60, 20, 50, 20
_TYPES = tuple(name for name, event in VOCABULARY.items() if set(event.model_fields) == {"reason"})[:12]
_STUB = """\
-- about: One row per stream that {event} happened to.
-- column: stream_id | The stream.
-- column: events_count | How often it happened, events.
-- column: last_position | The newest of them.
-- expect: events_count > 0
select aggregate_id as stream_id, count(*) as events_count, max(position) as last_position
from facts.{table} group by all
"""


@dataclass(frozen=True, slots=True)
class Round:
    """What one run cost."""

    seconds: float
    event_rows: int
    attach_seconds: float
    read_seconds: float


def rows(runs: int = RUNS) -> list[Figure]:
    """The figures of `runs` runs on a cluster of their own; about half a second a run."""
    with tempfile.TemporaryDirectory(prefix="jovey-") as folder:
        own = {"home": folder, "DATABASE_URL": None, "lake_path": None}  # never the operator's own
        settings = Settings.model_validate(own)
        _write_stubs(Path(folder) / "stubs")
        with open_database(settings) as database:
            migrate(database)
            environment = dagster_home(settings, database)
            with _instance(environment) as instance:
                return _figures(list(_rounds(database, settings, instance, runs)), database, settings)


def _rounds(database: Database, settings: Settings, instance: dg.DagsterInstance, runs: int) -> Iterator[Round]:
    lake = Lake(settings, read_graph(settings.home / "stubs"))
    job = build_defs(lake=lake).resolve_job_def(HOT_RUN)
    engine = database.engine("jovey_append")
    job.execute_in_process(instance=instance)  # the first run makes every table
    for number in range(runs):
        _append(engine, _TYPES[number % len(_TYPES)])
        before = _event_rows(database)
        started = time.perf_counter()
        assert job.execute_in_process(instance=instance).success
        seconds = time.perf_counter() - started
        yield Round(seconds, _event_rows(database) - before, _attach_seconds(database, settings), _read(lake, database))
        if number % KEEP_EVERY == KEEP_EVERY - 1:
            keep(database, settings, time_travel=timedelta(0), grace=timedelta(0))
    engine.dispose()


def _figures(rounds: list[Round], database: Database, settings: Settings) -> list[Figure]:
    first, last = rounds[:EDGE], rounds[-EDGE:]
    flat = [
        ("run", "s", [r.seconds for r in first], [r.seconds for r in last]),
        ("attach to write", "s", [r.attach_seconds for r in first], [r.attach_seconds for r in last]),
        ("attach and read a table", "s", [r.read_seconds for r in first], [r.read_seconds for r in last]),
    ]
    figures = []
    for name, unit, early, late in flat:
        figures.append(Figure(f"{name}, first {EDGE}, median", median(early), unit))
        figures.append(at_most(f"{name}, last {EDGE}, median", median(late), unit, 1.25 * median(early)))
    files = sum(1 for _ in Path(settings.lake_folder).rglob("*.parquet"))
    return [
        *figures,
        at_most("Dagster event rows a run", mean(r.event_rows for r in rounds), "rows", 25),
        at_most("tables of the lake's catalog in Postgres", _catalog_tables(database), "tables", 28),
        at_most("files after the last keep", files, "files", 2 * TABLES + 2 * len(_TYPES)),
    ]


def _write_stubs(folder: Path) -> None:
    for number in range(TABLES):
        event = _TYPES[number % len(_TYPES)]
        path = folder / "stubs" / f"table_{number:02}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_STUB.format(event=event, table=VOCABULARY[event].table()))


def _append(engine: Engine, event_type: str) -> None:
    event, now = VOCABULARY[event_type], clock.now()
    fact = event.model_validate({"reason": "bench"})
    events = []
    for _ in range(EVENTS_A_RUN):
        command = new_id(now)
        ref = Ref(event.stream, new_id(now))
        events.append(Recorded(fact, new_id(now), ref, 1, now, "user:bench", command, command))
    with engine.begin() as connection:
        append(connection, events)


def _event_rows(database: Database) -> int:
    with psycopg.connect(database.sibling(f"{database.name}_dagster").libpq()) as connection:
        row = connection.execute("select count(*) from event_logs").fetchone()
    assert row is not None
    return int(row[0])


def _catalog_tables(database: Database) -> int:
    with psycopg.connect(database.libpq()) as connection:
        row = connection.execute("select count(*) from pg_tables where schemaname = 'lake'").fetchone()
    assert row is not None
    return int(row[0])


def _attach_seconds(database: Database, settings: Settings) -> float:
    started = time.perf_counter()
    with open_writer(database, settings):
        return time.perf_counter() - started


def _read(lake: Lake, database: Database) -> float:
    started = time.perf_counter()
    with open_reader(database, lake.settings) as connection:
        connection.execute(f"select sum(events_count) from {lake.graph.tables[0].name}").fetchone()
    return time.perf_counter() - started


@contextmanager
def _instance(environment: Mapping[str, str]) -> Iterator[dg.DagsterInstance]:
    """Dagster's own storage, as `jovey up` has it; its settings name the database by an environment variable."""
    import os

    before = dict(os.environ)  # noqa: TID251  handed on, not read
    os.environ.update(environment)  # noqa: TID251
    try:
        with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
            yield instance
    finally:
        os.environ.clear()  # noqa: TID251
        os.environ.update(before)  # noqa: TID251
