"""Fits the lake's facts tables to the event classes: new ones are made, grown ones altered, changed ones made anew."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from warehouse.lake.shapes import FactTable


def fit(connection: DuckDBPyConnection, tables: Iterable[FactTable]) -> list[FactTable]:
    """Bring schema facts to the shapes given; returns the tables that stand empty and are to be filled from the log.

    Only optional columns that came to a class are added in place: their old rows rightly say null. Any other change
    (a column gone, retyped, required, a part changed) makes the table anew, so that upcasts speak for the old rows.
    """
    tables = list(tables)
    present = _present(connection)
    canonical = _canonical(connection, tables)
    steps: list[str] = []
    empty = []
    for table in tables:
        wanted = {name: canonical[kind] for name, kind in table.columns.items()}
        found = present.get(table.name)
        if found == wanted:
            continue
        if found is not None and _only_grows(table, found, wanted):
            steps += (step for c in table.payload if c.name not in found for step in table.added(c))
            continue
        steps += (f"drop table if exists facts.{table.name}", *table.ddl())
        empty.append(table)
    connection.execute(";".join(steps))  # two thousand for a new lake: one by one they take half as long again
    return empty


def _only_grows(table: FactTable, found: dict[str, str], wanted: dict[str, str]) -> bool:
    added = {column.name: column.is_optional for column in table.payload if column.name not in found}
    same = all(wanted.get(name) == kind for name, kind in found.items())
    return same and all(added.values())


def _present(connection: DuckDBPyConnection) -> dict[str, dict[str, str]]:
    rows = connection.execute("""
        select table_name, column_name, data_type from duckdb_columns()
        where database_name = 'lake' and schema_name = 'facts'""").fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def _canonical(connection: DuckDBPyConnection, tables: list[FactTable]) -> dict[str, str]:
    """Our spelling of a type -> DuckDB's own."""
    kinds = sorted({kind for table in tables for kind in table.columns.values()})
    asked = ", ".join(f"typeof(null::{kind})" for kind in kinds)
    row = connection.execute(f"select {asked}").fetchone()
    assert row is not None
    return dict(zip(kinds, row, strict=True))
