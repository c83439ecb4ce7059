"""What the lake's catalog says of its tables, and stand-ins for those without rows.

Of an empty table DuckLake 1.5 asks its catalog about each column that a statement names, 5 ms, at each statement anew
(duckdb/ducklake#1313). The lake of a company that began last week is all empty tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from duckdb import DuckDBPyConnection

Columns = Sequence[tuple[str, str]]
"""Names and DuckDB types, in the order of the table."""


def columns(connection: DuckDBPyConnection, database: str = "lake") -> Mapping[str, Columns]:
    """`schema.table` -> its columns, for every table of a database."""
    # a literal: at its first parameter DuckDB imports pandas
    rows = connection.execute(f"""
        select schema_name || '.' || table_name, column_name, data_type from duckdb_columns()
        where database_name = '{database}' order by schema_name, table_name, column_index""").fetchall()
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in rows:
        found.setdefault(table, []).append((column, kind))
    return found


def without_rows(connection: DuckDBPyConnection, tables: Iterable[str]) -> frozenset[str]:
    """Tables of the lake with neither files nor inlined rows; of two with one name, neither unless both are."""
    empty = connection.execute("""
        with inlined as (select table_id from __ducklake_metadata_lake.lake.ducklake_inlined_data_tables)
        select table_name from ducklake_table_info('lake') group by 1
        having sum(file_count) = 0 and not bool_or(table_id in (from inlined))""").fetchall()
    return frozenset(table for table in tables if (table.partition(".")[2],) in empty)


@contextmanager
def standing_in(connection: DuckDBPyConnection, tables: Mapping[str, Columns]) -> Iterator[None]:
    """While inside, statements that read these `schema.table` of the lake find empty tables in memory instead.

    Who makes a table meanwhile says `lake.schema.table`: without it, it would be made in memory, or refused. Once a
    connection: they stay attached as long as the transaction that read them.
    """
    if not tables:
        yield
        return
    schemas = sorted({name.partition(".")[0] for name in tables})
    with connection.cursor() as beside:  # a transaction that has written to the lake can write nowhere else
        beside.execute("attach ':memory:' as vacant")
        for schema in schemas:
            beside.execute(f'create schema vacant."{schema}"')
        for name, own in tables.items():
            listed = ", ".join(f'"{column}" {kind}' for column, kind in own)
            beside.execute(f"create table vacant.{name} ({listed})")
    paths = [f"{database}.{schema}" for schema in schemas for database in ("vacant", "lake")]
    connection.execute(f"set search_path = 'lake.main,{','.join(paths)}'")
    yield
    connection.execute("use lake")  # not after an error: with its transaction the connection is over
