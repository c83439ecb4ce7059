"""A lake in memory, filled with hand-made facts: what tests of tables stand on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID, uuid5

import duckdb
import polars as pl
import pytest

from assets.hot_run import house_graph, set_variables, variables
from assets.sql import Derived
from assets.table import Checked, build, check_rows, define_macro, expectations_hold
from warehouse.events.event import Event
from warehouse.events.vocabulary import VOCABULARY
from warehouse.lake.shapes import fact_table
from warehouse.settings import Settings

_SPACE = UUID(int=0)


@dataclass
class SmallLake:
    """Facts go in with `given`, tables come out with `table`; ids may be written as short words."""

    connection: duckdb.DuckDBPyConnection
    today: date = date(2026, 3, 31)
    settings: Settings = field(default_factory=lambda: Settings(_env_file=None))
    _position: int = 0
    _versions: dict[UUID, int] = field(default_factory=dict)
    _events: list[tuple[Any, ...]] = field(default_factory=list)

    @staticmethod
    def id(word: str) -> UUID:
        """The same id for the same word."""
        return uuid5(_SPACE, word)

    def given(self, of: str | UUID, on: date | datetime, *events: Event, command: str | None = None) -> SmallLake:
        """These happened to the stream `of` at noon of a day, or at an instant, by one command."""
        stream = of if isinstance(of, UUID) else self.id(of)
        at = on if isinstance(on, datetime) else datetime.combine(on, time(12), UTC)
        for event in events:
            self._position += 1
            self._versions[stream] = version = self._versions.get(stream, 0) + 1
            cause = self.id(command or f"command {self._position}")
            row = (
                self._position,
                self.id(f"event {self._position}"),
                stream,
                version,
                event.schema_version,
                event.type,
            )
            self._events.append((*row, at, at, "user:test", cause, cause, None, event.model_dump_json()))
        return self

    def table(self, name: str) -> pl.DataFrame:
        """The rows of a house table over the facts given; every expectation it and its sources state has to hold."""
        broken = [checked for checked in self.built(name) if not checked.has_passed]
        assert not broken, broken
        return self.connection.sql(f"from {name}").pl()

    def built(self, *names: str) -> list[Checked]:
        """Make tables with all they read; returns the verdicts of their expectations."""
        self._load()
        now = datetime.combine(self.today, time(18), UTC)
        set_variables(self.connection, now, self.today, variables(self.settings))
        verdicts = []
        for one in self._needed(set(names)):
            if one.macro is None:
                build(self.connection, one)
                verdicts += expectations_hold(self.connection, one)
            else:
                define_macro(self.connection, one)
        return verdicts

    def offenders(self, check: str) -> int:
        """How many rows a house check finds, over tables made before."""
        (found,) = [one for one in house_graph().checks if one.name == check]
        return check_rows(self.connection, found).offenders

    def sql(self, query: str, **parameters: Any) -> pl.DataFrame:
        return self.connection.sql(query, params=parameters or None).pl()

    def _needed(self, names: set[str]) -> list[Derived]:
        """The tables and what they read, sources first."""
        needed = set(names)
        for one in reversed(house_graph().derived):
            if one.name in needed:
                needed |= one.reads
        return [one for one in house_graph().derived if one.name in needed]

    def _load(self) -> None:
        columns = (
            "position, id, aggregate_id, version, schema_version, event_type, effective_at, created_at, created_by"
        )
        columns += ", correlation_id, causation_id, subject_id, data"
        kinds = "bigint, uuid, uuid, integer, smallint, varchar, timestamptz, timestamptz, varchar"
        kinds += ", uuid, uuid, uuid, varchar"
        ddl = ", ".join(map(" ".join, zip(columns.split(", "), kinds.split(", "), strict=True)))
        self.connection.execute(f"create or replace temp table batch ({ddl})")
        if self._events:
            marks = ", ".join("?" for _ in columns.split(", "))
            self.connection.executemany(f"insert into temp.batch values ({marks})", self._events)
        for event_type in {row[5] for row in self._events}:
            table = fact_table(VOCABULARY[event_type])
            mine = f"(from temp.batch where event_type = '{event_type}')"
            select = f"select * exclude (fits) from ({table.shaped(mine)})"
            self.connection.execute(f"insert into facts.{table.name} by name {select}")
        self._events.clear()


@pytest.fixture(scope="session")
def empty_facts() -> Iterator[duckdb.DuckDBPyConnection]:
    """Schema facts without a row; made once, copied by every test."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'; attach ':memory:' as lake; use lake; create schema facts")
        for event in VOCABULARY.values():
            for statement in fact_table(event).ddl():
                if not statement.startswith("comment"):
                    connection.execute(statement)
        yield connection


@pytest.fixture
def small_lake(empty_facts: duckdb.DuckDBPyConnection) -> Iterator[SmallLake]:
    """An empty lake of the house's facts on 31 March 2026."""
    connection = empty_facts.cursor()
    connection.execute("use lake")
    yield SmallLake(connection)
    _emptied(connection)
    connection.close()


def _emptied(connection: duckdb.DuckDBPyConnection) -> None:
    tables = connection.execute(
        "select schema_name, table_name, estimated_size from duckdb_tables() where database_name = 'lake'"
    )
    for schema, table, size in tables.fetchall():
        if schema != "facts":
            connection.execute(f"drop table {schema}.{table}")
        elif size:
            connection.execute(f"delete from facts.{table}")
