"""The log page by page, as Arrow, in runs of one class; the next page is read while this one is written."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.dataset  # DuckDB looks for it at each table it is handed, 1 ms when nobody has loaded it
from duckdb import DuckDBPyConnection

PAGE_ROWS_MAX = 122_880
"""A row group of DuckDB's, some 75 MB: little is left to write when the last one has come."""
PAGE_BYTES_MAX = 128 * 1024 * 1024
"""Where events are large, the next page has fewer of them."""
RUN_BYTES_MIN = 8 * 1024 * 1024
"""A run is a file, and writing one takes 5 ms whatever is in it: smaller ones wait for more of their class."""
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
    rows: pa.Table

    @property
    def highest(self) -> int:
        """Position of its last event."""
        return int(self.rows["position"][-1].as_py())


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


def _gathered(pages: Iterator[pa.Table]) -> Iterator[Run]:
    """The pages' runs; small ones are put together."""
    waiting: dict[tuple[str, int], list[pa.Table]] = {}
    for page in pages:
        for kind, rows in _by_class(page):
            waiting.setdefault(kind, []).append(rows)
            if sum(one.nbytes for one in waiting[kind]) >= RUN_BYTES_MIN:
                yield Run(*kind, pa.concat_tables(waiting.pop(kind)))
    for kind, parts in waiting.items():
        yield Run(*kind, pa.concat_tables(parts))


def _by_class(page: pa.Table) -> Iterator[tuple[tuple[str, int], pa.Table]]:
    """The page's rows of each class and version, copied, so that what waits keeps no page."""
    kinds = pl.DataFrame(page.select(["event_type", "schema_version"])).with_row_index("row")
    classes = kinds.group_by("event_type", "schema_version", maintain_order=True).agg("row")
    for event_type, version, rows in zip(*classes.get_columns(), strict=True):
        yield (event_type, version), page.take(rows.to_arrow())


def _ahead(reader: ThreadPoolExecutor, pages: Iterator[pa.Table]) -> Iterator[pa.Table]:
    coming = reader.submit(next, pages, None)
    while (page := coming.result()) is not None:
        coming = reader.submit(next, pages, None)
        yield page


def _pages(cursor: DuckDBPyConnection, source: str, condition: str) -> Iterator[pa.Table]:
    """Some of the log's rows after others, by position; no page is empty. The first is short: all wait for it."""
    last, limit = 0, max(1, PAGE_ROWS_MAX // 4)
    while True:
        page = f"{condition} and position > {last} order by position limit {limit}"
        query = f"select {_COLUMNS} from {source} where {page}"
        rows = cursor.execute(f"from postgres_query('log', $query${query}$query$)").to_arrow_table()
        if rows.num_rows:
            yield rows
        if rows.num_rows < limit:
            return
        last = rows["position"][-1].as_py()
        limit = max(1, min(PAGE_ROWS_MAX, 2 * limit, PAGE_BYTES_MAX * rows.num_rows // rows.nbytes))
