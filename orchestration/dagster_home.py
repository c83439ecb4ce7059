"""Where Dagster keeps its own memory: a folder with its settings, and a database beside the log's."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg import sql

from orchestration.programs import program
from warehouse.postgres import Database, DatabaseUnavailable
from warehouse.settings import Settings

_TEMPLATE = Path(__file__).parents[1] / "dagster.yaml"
_MIGRATE_SECONDS_MAX = 120


def dagster_home(settings: Settings, database: Database) -> dict[str, str]:
    """Make Dagster's folder, database and tables, and return the environment in which its programs find them.

    The first time, and after an update of Dagster, it takes some 5 s; otherwise one query.
    """
    folder = (settings.home / "dagster").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_TEMPLATE, folder / "dagster.yaml")
    memory = database.sibling(f"{database.name}_dagster")
    memory.create_missing()
    environment = {"DAGSTER_HOME": str(folder), "JOVEY_DAGSTER_URL": memory.dagster_url()}
    if _made_by(memory) != version("dagster"):
        _migrate(memory, environment)
    return environment


def _made_by(memory: Database) -> str | None:
    """The version of Dagster that last shaped the tables; we note it as the database's comment."""
    with psycopg.connect(memory.libpq()) as connection:
        asked = "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
        (comment,) = connection.execute(asked).fetchone() or (None,)
    return comment.removeprefix("dagster ") if comment else None


def _migrate(memory: Database, environment: dict[str, str]) -> None:
    """Shape the tables once, before several programs of Dagster would race to do it."""
    command = [program("dagster"), "instance", "migrate"]
    done = subprocess.run(
        command,
        env={**os.environ, **environment},  # noqa: TID251 - handed on, not read
        capture_output=True,
        text=True,
        timeout=_MIGRATE_SECONDS_MAX,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise DatabaseUnavailable(f"Dagster cannot make its tables in {memory.name}: {' '.join(said)}")
    with psycopg.connect(memory.libpq(), autocommit=True) as connection:
        note = sql.SQL("comment on database {} is {}")
        connection.execute(note.format(sql.Identifier(memory.name), f"dagster {version('dagster')}"))
