"""`jovey export`: the lake as one plain DuckDB file, for anyone who has nothing but DuckDB."""

from __future__ import annotations

import os
from pathlib import Path

from duckdb import DuckDBPyConnection

from warehouse.lake.attach import open_for_export
from warehouse.postgres import open_database
from warehouse.settings import Settings


class ExportRefused(Exception):
    """The file cannot be written there; the message says why and what to do."""


def export(settings: Settings, file: Path, *, replace: bool = False) -> int:
    """Copy every table of one snapshot of the lake, with its comments, into `file`; how many tables that was.

    Its `facts.cuts` tells as of which event. It appears whole or not at all: written beside itself and renamed.
    Raises ExportRefused, LakeMissing.
    """
    target = file.resolve()
    if target.exists() and not replace:
        raise ExportRefused(f"{file} is there already; name another file, or say --replace.")
    if not target.parent.is_dir():
        raise ExportRefused(f"There is no folder {target.parent}; make it first.")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with open_database(settings) as database, open_for_export(database, settings, draft) as lake:
            copied = _copied(lake)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return copied


def _copied(lake: DuckDBPyConnection) -> int:
    """Copy table by table inside one transaction, which sees one version of the lake throughout."""
    lake.execute("begin")
    tables = lake.execute("""
        select schema_name, table_name, comment from duckdb_tables()
        where database_name = 'lake' order by schema_name, table_name""").fetchall()
    for schema, table, comment in tables:
        name = f'"{schema}"."{table}"'
        lake.execute(f'create schema if not exists export."{schema}"')
        lake.execute(f"create table export.{name} as from lake.{name}")
        _comment(lake, f"table export.{name}", comment)
        columns = lake.execute(
            """
            select column_name, comment from duckdb_columns()
            where database_name = 'lake' and schema_name = ? and table_name = ?""",
            [schema, table],
        ).fetchall()
        for column, words in columns:
            _comment(lake, f'column export.{name}."{column}"', words)
    lake.execute("commit")
    return len(tables)


def _comment(lake: DuckDBPyConnection, what: str, words: str | None) -> None:
    if words:
        quoted = words.replace("'", "''")
        lake.execute(f"comment on {what} is '{quoted}'")
