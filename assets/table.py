"""One derived table in the lake: made, filled, commented and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from assets.frame import returned
from assets.sql import Check, Derived


class Undocumented(Exception):
    """A table's real columns are not the ones its notes explain."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A verdict: `offenders` rows of `table` break `name`."""

    table: str
    name: str
    about: str
    offenders: int

    @property
    def has_passed(self) -> bool:
        return self.offenders == 0


def build(connection: DuckDBPyConnection, table: Derived, *, is_redefined: bool) -> int:
    """Replace the table's content by what its SQL, or its function, says now; returns its number of rows.

    Rows are deleted and inserted, the table itself stays: create-or-replace would leave its columns and comments in the
    catalog once more with every run, and make every reader load the catalog anew.
    """
    with returned(connection, table):
        if is_redefined or _columns(connection, table.sql) != _present(connection, table.name):
            _create(connection, table)
        else:
            connection.execute(f"delete from {table.name}")
        row = connection.execute(f"insert into {table.name} {table.sql}").fetchone()
    assert row is not None
    return int(row[0])


def define_macro(connection: DuckDBPyConnection, macro: Derived) -> None:
    """Create or replace a table macro."""
    connection.execute(f"create schema if not exists {macro.schema}")
    connection.execute(f"create or replace macro {macro.name}{macro.macro} as table {macro.sql}")


def expectations_hold(connection: DuckDBPyConnection, table: Derived) -> Iterator[Checked]:
    """A verdict for every expectation of a table, in one scan."""
    if not table.expectations:
        return
    offenders = ", ".join(f"count(*) filter (where not coalesce(({rule}), false))" for rule in table.expectations)
    row = connection.execute(f"select {offenders} from {table.name}").fetchone()
    assert row is not None
    for rule, count in zip(table.expectations, row, strict=True):
        yield Checked(table.name, "expectations", rule, count)


def check_rows(connection: DuckDBPyConnection, check: Check) -> Checked:
    """The verdict of a check."""
    row = connection.execute(f"select count(*) from ({check.sql})").fetchone()
    assert row is not None
    return Checked(check.table, check.name, check.about, row[0])


def _create(connection: DuckDBPyConnection, table: Derived) -> None:
    """Make the table empty, with the comments of its notes; refuses when columns and notes do not match."""
    real = [name for name, _ in _columns(connection, table.sql)]
    if set(real) != set(table.columns):
        unsaid, unreal = set(real) - set(table.columns), set(table.columns) - set(real)
        raise Undocumented(
            f"{table.name}: columns without a note {sorted(unsaid)}, notes without a column {sorted(unreal)}."
        )
    connection.execute(f"create schema if not exists {table.schema}")
    connection.execute(f"create or replace table {table.name} as select * from ({table.sql}) limit 0")
    said = {f"table {table.name}": table.about}
    said |= {f'column {table.name}."{name}"': meaning for name, meaning in table.columns.items()}
    connection.execute(";".join(f"comment on {what} is {_quoted(words)}" for what, words in said.items()))


def _columns(connection: DuckDBPyConnection, sql: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(f"describe {sql}").fetchall()]


def _present(connection: DuckDBPyConnection, name: str) -> list[tuple[str, str]]:
    schema, _, table = name.partition(".")
    # literals: at its first parameter DuckDB imports pandas
    return connection.execute(f"""
        select column_name, data_type from duckdb_columns()
        where database_name = 'lake' and schema_name = {_quoted(schema)} and table_name = {_quoted(table)}
        order by column_index""").fetchall()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
