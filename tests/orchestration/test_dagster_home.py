"""Dagster's memory: made once, in a database of its own, before several programs race for it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from orchestration import dagster_home as module
from orchestration.dagster_home import dagster_home
from warehouse.postgres import Database, DatabaseUnavailable
from warehouse.settings import Settings


@pytest.fixture
def memory(server: Database, database: Database) -> Iterator[Database]:
    """The database that Dagster makes beside the log's."""
    memory = database.sibling(f"{database.name}_dagster")
    yield memory
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(memory.name)))


def test_dagster_finds_its_settings_and_its_tables(home: Path, database: Database, memory: Database):
    environment = dagster_home(Settings(_env_file=None, home=home), database)
    assert environment["DAGSTER_HOME"] == str(home / "dagster")
    assert environment["JOVEY_DAGSTER_URL"].startswith("postgresql+psycopg2://")
    with psycopg.connect(memory.libpq()) as connection:
        assert connection.execute("select count(*) from runs").fetchone() == (0,)
    assert module._made_by(memory) == version("dagster")


def test_tables_of_this_version_are_left_as_they_are(
    home: Path, database: Database, memory: Database, monkeypatch: pytest.MonkeyPatch
):
    memory.create_missing()
    with psycopg.connect(memory.libpq(), autocommit=True) as connection:
        note = sql.SQL("comment on database {} is {}")
        connection.execute(note.format(sql.Identifier(memory.name), f"dagster {version('dagster')}"))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("there was nothing to migrate"))
    dagster_home(Settings(_env_file=None, home=home), database)


def test_a_migration_that_fails_is_told_in_dagsters_last_words(
    home: Path, database: Database, memory: Database, monkeypatch: pytest.MonkeyPatch
):
    broken = home / "broken.yaml"
    broken.write_text("storage: {postgres: {postgres_url: {env: NOBODY_SET_THIS}}}\n")
    monkeypatch.setattr(module, "_TEMPLATE", broken)
    with pytest.raises(DatabaseUnavailable, match=f"Dagster cannot make its tables in {memory.name}: ."):
        dagster_home(Settings(_env_file=None, home=home), database)
