"""A log and a lake of a test's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest

from assets.facts import Vocabulary
from assets.hot_run import Refreshed, refresh
from assets.sql import Graph, read_graph
from warehouse.events.event import Event
from warehouse.events.vocabulary import VOCABULARY
from warehouse.lake.attach import open_reader
from warehouse.postgres import Database
from warehouse.settings import Settings

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
_INSERT = """
    insert into jovey.events (aggregate_id, id, version, schema_version, event_type, aggregate_type, created_by,
                              effective_at, correlation_id, causation_id, data)
    values (%s, gen_random_uuid(), %s, %s, %s, %s, 'user:test', %s, gen_random_uuid(), gen_random_uuid(), %s)"""


@dataclass
class Works:
    """The log, the lake and the run between them."""

    database: Database
    settings: Settings
    folder: Path
    vocabulary: Vocabulary

    def happens(self, stream: str, *events: Event, version: int | None = None, data: str | None = None) -> None:
        """Facts are appended to a stream in one transaction; `version` and `data` stand in for an older writer's."""
        id = uuid5(UUID(int=0), stream)
        with psycopg.connect(self.database.libpq()) as connection:
            taken = connection.execute("select count(*) from jovey.events where aggregate_id = %s", [id]).fetchone()
            for number, event in enumerate(events, start=taken[0] + 1):
                schema_version = event.schema_version if version is None else version
                payload = data or event.model_dump_json()
                row = (id, number, schema_version, event.type, event.stream, NOW, payload)
                connection.execute(_INSERT, row)

    def writes(self, name: str, sql: str) -> None:
        """A SQL file of the room that derives."""
        schema, _, table = name.partition(".")
        path = self.folder / schema / f"{table}.sql"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(sql)

    @property
    def graph(self) -> Graph:
        return read_graph(self.folder)

    def refresh(self, **changes: Any) -> Refreshed:
        wished = {"graph": self.graph, "vocabulary": self.vocabulary, "now": NOW} | changes
        return refresh(self.database, self.settings, **wished)

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        with open_reader(self.database, self.settings) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short name."""
    folder = Path(tempfile.mkdtemp(prefix="jl-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def works(database: Database, home: Path) -> Works:
    """An empty log, an empty lake, no SQL files, the house's vocabulary."""
    settings = Settings(_env_file=None, home=home)
    return Works(database, settings, home / "sql", Vocabulary(VOCABULARY, {}))
