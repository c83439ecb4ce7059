"""The lake as screens read it: every question once per version of the lake, by the rights of who asks."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any

import duckdb
import polars as pl

from warehouse.lake.attach import LakeMissing
from warehouse.lake.read import Answer, AsOf, Reader

LOOK_SECONDS = 2.0  # how long a look at the lake's version holds
ANSWERS_MAX = 256
_READS: Mapping[str, frozenset[str]] = {
    "category": frozenset({"fulfillment", "forecasting", "agents"}),
    "customers": frozenset({"orders"}),
    "fulfillment": frozenset({"category", "forecasting", "orders", "procurement"}),
    "procurement": frozenset({"agents", "category", "forecasting", "fulfillment"}),
    "receivables": frozenset({"orders"}),
}
"""Whose tables a function's screens read beside its own; what they show of them is what the API's doors would."""


class NotThere(Exception):
    """There is nothing to read yet; the message says what would make it."""


class NotDerived(NotThere):
    """The lake is there, but not this table."""


def readable(functions: frozenset[str]) -> frozenset[str]:
    """Whose tables somebody who works in these functions may read."""
    return functions.union(*(_READS.get(one, frozenset()) for one in functions))


class Lake:
    """A reader that remembers; safe from many threads. Two who ask the same at once are answered by one query."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._lock = reader, Lock()
        self._looked_at = 0.0
        self._as_of: AsOf | None = None
        self._answers: OrderedDict[tuple[Any, ...], Answer] = OrderedDict()

    def as_of(self) -> AsOf:
        """Where the lake stands, at most two seconds old. Raises NotThere."""
        with self._lock:
            if self._as_of is None or time.monotonic() - self._looked_at >= LOOK_SECONDS:
                try:
                    self._as_of = self._reader.as_of()
                except LakeMissing as error:
                    raise NotThere(_EMPTY) from error
                self._looked_at = time.monotonic()
            return self._as_of

    def ask(self, sql: str, parameters: Mapping[str, Any], functions: frozenset[str]) -> Answer:
        """The rows of a SELECT over what these functions may read. Raises NotThere, NotYours and DuckDB's errors."""
        version = self.as_of().version
        name = (sql, tuple(sorted(parameters.items())), functions)
        with self._lock:
            known = self._answers.get((version, *name))
            if known is not None:
                self._answers.move_to_end((version, *name))
                return known
            answer = self._asked(sql, parameters, functions)
            self._answers[answer.as_of.version, *name] = answer
            while len(self._answers) > ANSWERS_MAX:
                self._answers.popitem(last=False)
            return answer

    def _asked(self, sql: str, parameters: Mapping[str, Any], functions: frozenset[str]) -> Answer:
        try:
            answer = self._reader.query(sql, parameters, functions=functions)
        except LakeMissing as error:
            raise NotThere(_EMPTY) from error
        except duckdb.CatalogException as error:
            raise NotDerived(_UNDERIVED) from error
        return Answer(_plain(answer.frame), answer.as_of)


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Decimals as floats, for charts and tables in a browser; sums that must be exact are made in SQL."""
    return frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64))


_EMPTY = "The figures are made a few seconds after the house starts. Reload this page in a moment."
_UNDERIVED = (
    "These figures have not been made yet: they appear after the next run of the graph, at night at the latest."
)
