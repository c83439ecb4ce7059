"""Empties the lake and mends its catalog's place, so that a run derives everything from the log's beginning."""

from __future__ import annotations

from duckdb import DuckDBPyConnection
from sqlalchemy import text

from warehouse.postgres import Database


def empty(connection: DuckDBPyConnection) -> None:
    """Drop every table and macro, in the caller's transaction: until it commits, readers see the lake as it was."""
    tables = connection.execute("select schema_name, table_name from duckdb_tables() where database_name = 'lake'")
    for schema, table in tables.fetchall():
        connection.execute(f'drop table lake."{schema}"."{table}"')
    macros = connection.execute("""
        select distinct schema_name, function_name from duckdb_functions()
        where database_name = 'lake' and function_type = 'table_macro'""")
    for schema, macro in macros.fetchall():
        connection.execute(f'drop macro table lake."{schema}"."{macro}"')


def restore_catalog(database: Database) -> None:
    """Make the schema of the lake's catalog again where somebody dropped it, as the migration made it."""
    engine = database.engine(pool_size=1)
    try:
        with engine.begin() as connection:
            for statement in _SCHEMA:
                connection.execute(text(statement))
    finally:
        engine.dispose()


_SCHEMA = (
    "create schema if not exists lake authorization jovey_lake",
    "grant usage on schema lake to jovey_lake_read",
    "alter default privileges for role jovey_lake in schema lake grant select on tables to jovey_lake_read",
)
