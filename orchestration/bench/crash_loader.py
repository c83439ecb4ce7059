"""A loader that is killed, or whose database is: brings the log into the lake and a plain DuckDB file, without end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from assets.hot_run import refresh
from assets.sql import Graph
from warehouse.lake.commit import CommitUnanswered
from warehouse.log.position import Snapshot
from warehouse.log.tail import Cut, between, seen_by, take_cut
from warehouse.postgres import Database
from warehouse.settings import Settings

CONSUMER = "file"
Take = Callable[[Engine, str, Cut | None], Cut]
_PAUSE_SECONDS = 0.05
_COLUMNS = "position, id::text as id, aggregate_id::text as aggregate_id, version"


def pull(engine: Engine, path: Path, take: Take = take_cut) -> None:
    """Bring a DuckDB file to the log's head: the rows of one cut and the cut itself in one transaction of the file.

    The sink stands outside PostgreSQL, so nothing but the cut's own durability protects it from a crash of the server.
    """
    with duckdb.connect(str(path)) as file:
        file.execute("create table if not exists events (position bigint, id uuid, aggregate_id uuid, version integer)")
        file.execute("create table if not exists cut (snapshot varchar, timeline_id integer, system_identifier bigint)")
        since = stored_cut(file)
        cut = take(engine, CONSUMER, since)
        with engine.connect() as connection:
            condition = between(seen_by(since), cut.snapshot)
            rows = connection.execute(text(f"select {_COLUMNS} from jovey.events where {condition}")).all()
        file.execute("begin")
        if rows:
            columns = zip(*rows, strict=True)
            frame = pl.DataFrame(dict(zip(("position", "id", "aggregate_id", "version"), columns, strict=True)))
            file.register("batch", frame.to_arrow())
            file.execute("insert into events select position, id::uuid, aggregate_id::uuid, version from batch")
        file.execute("delete from cut")
        file.execute("insert into cut values (?, ?, ?)", [str(cut.snapshot), cut.timeline_id, cut.system_identifier])
        file.execute("commit")


def stored_cut(file: duckdb.DuckDBPyConnection) -> Cut | None:
    """How far the file has read the log."""
    row = file.execute("select snapshot, timeline_id, system_identifier from cut").fetchone()
    return None if row is None else Cut(Snapshot.parse(row[0]), row[1], row[2])


def bring(database: Database, settings: Settings) -> None:
    """Bring lake and file to the log's head; of the lake only its facts."""
    refresh(database, settings, graph=Graph((), ()))
    engine = database.engine("jovey_tail", pool_size=1)
    try:
        pull(engine, sink(settings))
    finally:
        engine.dispose()


def sink(settings: Settings) -> Path:
    """The DuckDB file outside PostgreSQL."""
    return settings.home / "sink.duckdb"


def main(server: str, home: str) -> None:
    """Load until killed, or until whoever started this process is gone."""
    settings = Settings.model_validate({"home": home, "DATABASE_URL": None, "lake_path": None})
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            bring(Database.from_url(server), settings)
        except (DBAPIError, psycopg.Error, duckdb.Error, CommitUnanswered) as error:
            print(str(error).splitlines()[0], flush=True)  # noqa: T201 - the database is down: its log is this
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
