"""The log page by page, as Arrow: each page's events sorted by class, and the next one read while one is written."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.dataset  # noqa: F401  DuckDB looks for it at each table it is handed, 1 ms when nobody has loaded it
from duckdb import DuckDBPyConnection

PAGE_ROWS_MAX = 122_880
"""A row group of DuckDB's, some 75 MB: writing begins early, and little is left to write when the last one has come."""
PAGE_BYTES_MAX = 128 * 1024 * 1024
"""Where events are large, the next page has fewer of them."""
RUN_ROWS_MIN = PAGE_ROWS_MAX // 10
"""A run is a file, and writing one takes 5 ms whatever is in it: smaller ones wait for more of their class."""
WAITING_BYTES_MAX = 512 * 1024 * 1024
"""So much of the pages may be kept for runs that wait; then all are written."""
_SETTINGS = {
    "threads": "1",
    "arrow_lossless_conversion": "true",  # a UUID as sixteen bytes, not as text
    "arrow_large_buffer_size": "true",  # a page may hold more than 2 GB of text
}
_COLUMNS = (
    "position, id, aggregate_id, version, schema_version, event_type, effective_at, created_at, created_by, "
    "correlation_id, causation_id, subject_id, data::text as data"
)


@dataclass(frozen=True, slots=True)
class Run:
    """Events of one class in one version, in the log's order; `rows` has the log's columns, `data` as text."""

    event_type: str
    version: int
    highest: int
    """Position of the last of them."""
    rows: pa.Table


@contextmanager
def reading_ahead(connection: DuckDBPyConnection, source: str, condition: str) -> Iterator[Iterator[Run]]:
    """The events of the attached log's `source` where `condition` holds, in runs; a thread reads the next page.

    Meanwhile DuckDB has no threads but its callers': its own would wait for each other by spinning, on the processor
    that PostgreSQL needs to write the page.
    """
    for name, value in _SETTINGS.items():
        connection.execute(f"set {name} = {value}")
    with connection.cursor() as cursor, ThreadPoolExecutor(1, "pages") as reader:
        yield _gathered(_ahead(reader, _pages(cursor, source, condition)))
    for name in _SETTINGS:
        connection.execute(f"reset {name}")


def _gathered(pages: Iterator[list[Run]]) -> Iterator[Run]:
    """The pages' runs, small ones of the same class and version put together."""
    waiting: dict[tuple[str, int], list[Run]] = {}
    kept = 0
    for page in pages:
        kept += sum(run.rows.nbytes for run in page)
        for run in page:
            kind = run.event_type, run.version
            waiting.setdefault(kind, []).append(run)
            if sum(one.rows.num_rows for one in waiting[kind]) >= RUN_ROWS_MIN:
                yield _joined(waiting.pop(kind))
        if kept >= WAITING_BYTES_MAX:
            yield from map(_joined, waiting.values())
            waiting, kept = {}, 0
    yield from map(_joined, waiting.values())


def _joined(runs: list[Run]) -> Run:
    last = runs[-1]
    return Run(last.event_type, last.version, last.highest, pa.concat_tables(run.rows for run in runs))


def _ahead(reader: ThreadPoolExecutor, pages: Iterator[list[Run]]) -> Iterator[list[Run]]:
    page = reader.submit(next, pages, None)
    while (runs := page.result()) is not None:
        page = reader.submit(next, pages, None)
        yield runs


def _pages(cursor: DuckDBPyConnection, source: str, condition: str) -> Iterator[list[Run]]:
    last, limit = 0, PAGE_ROWS_MAX
    while True:
        query = f"select {_COLUMNS} from {source} where {condition} and position > {last} order by position limit {limit}"
        rows = cursor.execute(f"""
            from postgres_query('log', $query${query}$query$)
            order by event_type, schema_version, position""").to_arrow_table()
        runs = list(_runs(rows))
        if runs:
            yield runs
        if rows.num_rows < limit:
            return
        last = max(run.highest for run in runs)
        limit = max(1, min(PAGE_ROWS_MAX, PAGE_BYTES_MAX * rows.num_rows // rows.nbytes))


def _runs(rows: pa.Table) -> Iterator[Run]:
    kinds = pl.DataFrame(rows.select(["event_type", "schema_version", "position"]))
    found = kinds.group_by("event_type", "schema_version", maintain_order=True)
    begin = 0
    for event_type, version, count, highest in found.agg(pl.len(), pl.max("position")).iter_rows():
        yield Run(event_type, version, highest, rows.slice(begin, count))
        begin += count
