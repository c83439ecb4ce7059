"""Makes the tables that a function returns: its inputs are asked in SQL, its answer is read in SQL again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

import polars as pl
from duckdb import DuckDBPyConnection

from assets.sql import RETURNED, Derived


class Misreturned(Exception):
    """A function returned columns that its notes do not explain, or left some out."""


@contextmanager
def returned(connection: DuckDBPyConnection, table: Derived) -> Iterator[None]:
    """While inside, `table.sql` can be read; for a table of plain SQL there is nothing to do."""
    if not table.inputs:
        yield
        return
    frame = _function(table)(*(connection.sql(sql).pl() for sql in table.inputs.values()))
    if odd := set(frame.columns) ^ set(table.columns):
        raise Misreturned(f"{table.name}: returned or explained, and not both: {', '.join(sorted(odd))}.")
    connection.register(RETURNED, frame.to_arrow())
    try:
        yield
    finally:
        connection.unregister(RETURNED)


def _function(table: Derived) -> Callable[..., pl.DataFrame]:
    """What makes it; only now is its module imported."""
    module, name = import_module(f"assets.{table.name}"), table.name.partition(".")[2]
    function: Callable[..., pl.DataFrame] = getattr(module, name)
    return function
