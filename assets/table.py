"""One derived table in the lake: made, filled, commented and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from assets.frame import returned
from assets.sql import Check, Derived
from warehouse.lake.catalog import Columns


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


def build(connection: DuckDBPyConnection, table: Derived, present: Columns | None = None) -> int:
    """Replace the table's content by what its SQL, or its function, says now; returns its number of rows.

    `present` are the columns it has; without them, or with others than its SQL makes, it is made anew. Else its rows
    are deleted and inserted and the table itself stays: create-or-replace would leave its columns and comments in the
    catalog once more with every run, and make every reader load the catalog anew.
    """
    with returned(connection, table):
        wanted = _columns(connection, table.sql)
        if present is None or wanted != [*present]:
            _create(connection, table, wanted)
        else:
            connection.execute(f"delete from {table.name}")
        row = connection.execute(f"insert into {table.name} {table.sql}").fetchone()
    assert row is not None
    return int(row[0])


def define_macro(connection: DuckDBPyConnection, macro: Derived) -> None:
    """Create or replace a table macro."""
    place = _place(connection, macro)
    connection.execute(f"create schema if not exists {place.rpartition('.')[0]}")
    connection.execute(f"create or replace macro {place}{macro.macro} as table {macro.sql}")


def expectations_hold(connection: DuckDBPyConnection, table: Derived, *, is_empty: bool = False) -> Iterator[Checked]:
    """A verdict for every expectation of a table, in one scan; of an empty one they are read and not tried."""
    if not table.expectations:
        return
    offenders = ", ".join(f"count(*) filter (where not coalesce(({rule}), false))" for rule in table.expectations)
    asked = f"select {offenders} from {table.name}"
    if is_empty:
        connection.execute(f"describe {asked}")
    row = (0,) * len(table.expectations) if is_empty else connection.execute(asked).fetchone()
    assert row is not None
    for rule, count in zip(table.expectations, row, strict=True):
        yield Checked(table.name, "expectations", rule, count)


def check_rows(connection: DuckDBPyConnection, check: Check) -> Checked:
    """The verdict of a check."""
    row = connection.execute(f"select count(*) from ({check.sql})").fetchone()
    assert row is not None
    return Checked(check.table, check.name, check.about, row[0])


def _create(connection: DuckDBPyConnection, table: Derived, columns: Columns) -> None:
    """Make the table empty, with the comments of its notes; refuses when columns and notes do not match."""
    real = {name for name, _ in columns}
    if real != set(table.columns):
        unsaid, unreal = real - set(table.columns), set(table.columns) - real
        raise Undocumented(
            f"{table.name}: columns without a note {sorted(unsaid)}, notes without a column {sorted(unreal)}."
        )
    place = _place(connection, table)
    connection.execute(f"create schema if not exists {place.rpartition('.')[0]}")
    listed = ", ".join(f'"{name}" {kind}' for name, kind in columns)
    connection.execute(f"create or replace table {place} ({listed})")
    said = {f"table {place}": table.about}
    said |= {f'column {place}."{name}"': meaning for name, meaning in table.columns.items()}
    connection.execute(";".join(f"comment on {what} is {_quoted(words)}" for what, words in said.items()))


def _place(connection: DuckDBPyConnection, one: Derived) -> str:
    """Its name with the database it belongs to, whatever stands before that on the search path."""
    row = connection.execute("select current_database()").fetchone()
    assert row is not None
    return f"{row[0]}.{one.name}"


def _columns(connection: DuckDBPyConnection, sql: str) -> Columns:
    return [(row[0], row[1]) for row in connection.execute(f"describe {sql}").fetchall()]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
