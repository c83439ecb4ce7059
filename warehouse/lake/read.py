"""The one read door of the lake: a SELECT, the functions its reader may see, a frame, and as of which event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from types import TracebackType
from typing import Any, Self

import polars as pl
from duckdb import DuckDBPyConnection

from warehouse.events.vocabulary import VOCABULARY, function_of
from warehouse.lake import cuts
from warehouse.lake.attach import LakeMissing, open_reader
from warehouse.lake.cuts import Account
from warehouse.lake.statement import BUILT_IN, parse
from warehouse.log.position import Position, encode, is_reached
from warehouse.postgres import Database
from warehouse.settings import Settings

EVERYTHING = frozenset({"events"})
"""The database manager's function: whoever has it reads every schema."""

_ROW_MAKERS = frozenset({"range", "generate_series", "unnest"})  # table functions that read nothing


class NotYours(Exception):
    """The query reaches for something outside the reader's functions."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """What an answer is true of: the lake's position token, the number of its newest event and when it was taken."""

    position: str
    event_number: int
    at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A frame, and as of what."""

    frame: pl.DataFrame
    as_of: AsOf


class Reader:
    """A process's connection to the lake: safe from many threads, every query sees one consistent snapshot."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        self._stack, self._lock = ExitStack(), Lock()
        self._connection: DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back; the next query opens another."""
        with self._lock:
            self._connection = None
            self._stack.close()

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] | Mapping[str, Any] = (),
        *,
        functions: frozenset[str],
        version: int | None = None,
    ) -> Answer:
        """Run one SELECT over the tables of these functions, now or at a version that an AsOf named.

        `?` or `$name` stand for the parameters. Raises NotYours, NotASelect, LakeMissing and DuckDB's own errors.
        """
        refuse_foreign(sql, functions)
        with self._snapshot(version) as cursor:
            return Answer(cursor.sql(sql, params=parameters or None).pl(), _as_of(cursor))

    def as_of(self) -> AsOf:
        """Where the lake stands now. Raises LakeMissing."""
        with self._snapshot(None) as cursor:
            return _as_of(cursor)

    def has_reached(self, position: Position) -> bool:
        """The lake shows everything up to the position: what a read with `X-Jovey-At-Least` asks. Without lake, no."""
        try:
            with self._snapshot(None) as cursor:
                return is_reached(position, _account(cursor).cut.snapshot)
        except LakeMissing:
            return False

    @contextmanager
    def _snapshot(self, version: int | None) -> Iterator[DuckDBPyConnection]:
        """A cursor inside a read transaction: all its queries see the same version of the lake."""
        if version is not None:
            with open_reader(self._database, self._settings, version=version) as connection:
                yield connection
            return
        cursor = self._shared().cursor()
        try:
            cursor.execute("use lake")
            cursor.execute("begin")
            yield cursor
            cursor.execute("rollback")
        finally:
            cursor.close()

    def _shared(self) -> DuckDBPyConnection:
        with self._lock:
            if self._connection is None:
                self._connection = self._stack.enter_context(open_reader(self._database, self._settings))
            return self._connection


def refuse_foreign(sql: str, functions: frozenset[str]) -> None:
    """Raise NotYours unless every table and macro of the SELECT belongs to these functions."""
    statement = parse(sql)
    tables = {(schema, name) for schema, name in statement.tables if (schema, name) != ("", "")}
    macros = {(schema, name) for schema, name in statement.functions if schema not in BUILT_IN}
    calls = {(schema, name) for schema, name in statement.table_functions if schema or name not in _ROW_MAKERS}
    for schema, name in sorted(tables | macros | calls):
        if not _belongs(schema, name, functions):
            raise NotYours(f"{schema + '.' if schema else ''}{name} is not a table of {', '.join(sorted(functions))}.")
    if statement.catalogs - {"lake"}:
        raise NotYours(f"{', '.join(sorted(statement.catalogs))} is outside the lake.")


_FACT_FUNCTION = {event.table(): function_of(event) for event in VOCABULARY.values()}


def _belongs(schema: str, name: str, functions: frozenset[str]) -> bool:
    if schema in BUILT_IN or schema in {"information_schema", "pg_catalog"}:
        return False
    if functions & EVERYTHING:
        return True
    return (_FACT_FUNCTION.get(name) if schema == "facts" else schema) in functions


def _account(connection: DuckDBPyConnection) -> Account:
    account = cuts.account(connection)
    if account is None:
        raise LakeMissing("The lake is empty: no run has written it yet (jovey up, or a run of the graph).")
    return account


def _as_of(connection: DuckDBPyConnection) -> AsOf:
    account = _account(connection)
    row = connection.execute("select id from lake.current_snapshot()").fetchone()
    assert row is not None
    return AsOf(encode(account.cut.snapshot), account.position, account.taken_at, row[0])
