"""Derives everything once more beside the lake, from the events the lake has read, and compares row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from duckdb import DuckDBPyConnection

from assets.facts import Vocabulary, known, load
from assets.hot_run import house_graph, set_variables, variables
from assets.sql import Graph
from assets.table import build, define_macro
from warehouse.lake import cuts
from warehouse.lake.attach import LakeMissing, open_beside
from warehouse.lake.catalog import columns, without_rows
from warehouse.lake.cuts import OWN_ACCOUNT, Account
from warehouse.log.position import BEGINNING
from warehouse.postgres import Database
from warehouse.settings import Settings

Row = Mapping[str, Any]
_Columns = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A table that is not what the log says: rows that should be in it, rows that should not, and one of each."""

    table: str
    reason: str
    is_misshapen: bool = False
    missing: int = 0
    surplus: int = 0
    expected: Row = field(default_factory=dict)
    found: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared: tables and their rows, of the events up to the lake's own position."""

    tables: int
    rows: int
    events: int
    mismatches: tuple[Mismatch, ...]


def prove(
    database: Database, settings: Settings, *, graph: Graph | None = None, vocabulary: Vocabulary | None = None
) -> Proof:
    """Compare every table of the lake with what the log says it should hold, whatever is written meanwhile.

    Costs about what a rebuild of the lake costs, on the side. Raises LakeMissing, UnknownFact, MisfitFact.
    """
    graph, vocabulary = graph or house_graph(), vocabulary or known()
    with open_beside(database, settings) as connection:
        connection.execute("begin")  # one snapshot of the lake for all that follows
        account = cuts.account(connection)
        if account is None:
            raise LakeMissing("The lake is empty: no run has written it yet (jovey up, or a run of the graph).")
        _derive(connection, settings, graph, vocabulary, account)
        return _compared(connection, account)


def _derive(
    connection: DuckDBPyConnection, settings: Settings, graph: Graph, vocabulary: Vocabulary, account: Account
) -> None:
    """Fill the database beside with facts and tables, as of the lake's own account of itself."""
    connection.execute("create schema facts")
    for table in vocabulary.tables():
        connection.execute(next(table.ddl()))  # without its comments
    load(connection, vocabulary, BEGINNING, account.cut.snapshot)
    set_variables(connection, account.taken_at, account.today, variables(settings))
    made = _columns(connection, "lake")
    for one in graph.derived:
        if one.is_nightly and one.name in made:  # true of the night it was made in: taken as it is, for what needs it
            connection.execute(f"create schema if not exists {one.schema}")
            connection.execute(f"create table {one.name} as from lake.{one.name}")
        elif one.macro is None:
            build(connection, one)
        else:
            define_macro(connection, one)


def _compared(connection: DuckDBPyConnection, account: Account) -> Proof:
    wanted, present = _columns(connection, "beside"), _columns(connection, "lake")
    same = {table: columns for table, columns in wanted.items() if present.get(table) == columns}
    empty = without_rows(connection, same)
    filled = {table: columns for table, columns in same.items() if table not in empty}
    derived = _sums(connection, "beside", wanted)
    stored = dict.fromkeys(same, (0, 0)) | _sums(connection, "lake", filled)
    events = sum(count for table, (count, _) in derived.items() if table.startswith("facts."))
    mismatches = [_misshapen(table, present, derived[table]) for table in wanted.keys() - same.keys()]
    mismatches += [_differing(connection, table, same[table]) for table in same if derived[table] != stored[table]]
    mismatches += [Mismatch(table, "no code makes it") for table in present.keys() - wanted.keys() - OWN_ACCOUNT]
    if events != account.events:
        mismatches.append(Mismatch("facts.cuts", f"it counts {account.events} events, the log {events}"))
    rows = sum(count for count, _ in derived.values())
    return Proof(len(wanted), rows, events, tuple(sorted(mismatches, key=lambda one: one.table)))


def _sums(connection: DuckDBPyConnection, database: str, tables: Mapping[str, _Columns]) -> dict[str, tuple[int, int]]:
    """Number of rows, and the sum of the rows' hashes, of every table, in one statement: the catalog is read once."""
    sums = " union all ".join(
        f"select '{table}', count(*), coalesce(sum(hash({_listed(columns)})), 0) from {database}.{table}"
        for table, columns in tables.items()
    )
    return {table: (count, total) for table, count, total in connection.execute(sums).fetchall()} if sums else {}


def _misshapen(table: str, present: Mapping[str, _Columns], derived: tuple[int, int]) -> Mismatch:
    reason = "its columns are not those of the code" if table in present else "it is not in the lake"
    return Mismatch(table, reason, is_misshapen=True, missing=derived[0])


def _differing(connection: DuckDBPyConnection, table: str, columns: _Columns) -> Mismatch:
    """Which rows a table lacks and which it should not have."""
    derived, stored = (f"select {_listed(columns)} from {database}.{table}" for database in ("beside", "lake"))
    missing, surplus = f"({derived} except all {stored})", f"({stored} except all {derived})"
    return Mismatch(
        table,
        "its rows are not what the log says",
        missing=_count(connection, missing),
        surplus=_count(connection, surplus),
        expected=_first(connection, missing),
        found=_first(connection, surplus),
    )


def _listed(columns: _Columns) -> str:
    return ", ".join(f'"{name}"' for name, _ in columns)


def _columns(connection: DuckDBPyConnection, database: str) -> dict[str, _Columns]:
    """Table -> its columns with their types, by name: a column that came later stands last in the lake."""
    return {table: tuple(sorted(own)) for table, own in columns(connection, database).items()}


def _count(connection: DuckDBPyConnection, rows: str) -> int:
    row = connection.execute(f"select count(*) from {rows}").fetchone()
    assert row is not None
    return int(row[0])


def _first(connection: DuckDBPyConnection, rows: str) -> Row:
    """The first of some rows by all their columns, as text, or nothing."""
    found = connection.execute(f"select columns(*)::varchar from {rows} order by all limit 1")
    names = [column[0] for column in found.description or ()]
    row = found.fetchone()
    return {} if row is None else dict(zip(names, row, strict=True))
