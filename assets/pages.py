"""The log page by page, as Arrow, in batches of one class; the next page is read while this one is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection

PAGE_ROWS = 122_880
"""A row group of DuckDB's, some 60 MB; three are at work at a time. Large events are few among many small ones."""
BATCH_BYTES_MIN = 8 * 1024 * 1024
"""A batch is a file, and writing one takes 5 ms whatever is in it: smaller ones wait for more of their class."""
WAITING_BYTES_MAX = 256 * 1024 * 1024
"""When so much waits, all of it is written."""
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
class Batch:
    """Events of one class in one of its versions, by position; `rows` has the log's columns, `data` as JSON text."""

    event_type: str
    schema_version: int
    rows: pa.Table

    @property
    def highest(self) -> int:
        """The greatest position in it."""
        return int(pc.max(self.rows["position"]).as_py())


@contextmanager
def reading_ahead(connection: DuckDBPyConnection, source: str, condition: str) -> Iterator[Iterator[Batch]]:
    """The events of the attached log's `source` where `condition` holds, in batches; a thread reads the next page.

    Meanwhile DuckDB has no threads but its callers': its own would wait for each other by spinning, on the processor
    that PostgreSQL needs to write the page. After an error the connection keeps that setting and is to be closed.
    """
    asked = ", ".join(f"current_setting('{name}')" for name in _SETTINGS)
    before = connection.execute(f"select {asked}").fetchone()
    assert before is not None
    _set(connection, _SETTINGS)
    with connection.cursor() as cursor, ThreadPoolExecutor(1, "pages") as reader:
        yield _gathered(_ahead(reader, _pages(cursor, source, condition)))
    _set(connection, dict(zip(_SETTINGS, before, strict=True)))


def _set(connection: DuckDBPyConnection, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        connection.execute(f"set {name} = {value}")


@dataclass(slots=True)
class _Waiting:
    """What there is of a class so far, and its size: Arrow takes long to say it each time."""

    parts: list[pa.Table] = field(default_factory=list)
    bytes: int = 0

    def add(self, rows: pa.Table) -> None:
        self.parts.append(rows)
        self.bytes += rows.nbytes


def _gathered(pages: Iterator[pa.Table]) -> Iterator[Batch]:
    """The pages' batches; small ones are put together."""
    waiting: defaultdict[tuple[str, int], _Waiting] = defaultdict(_Waiting)
    for page in pages:
        for kind, rows in _by_class(page):
            waiting[kind].add(rows)
            if waiting[kind].bytes >= BATCH_BYTES_MIN:
                yield Batch(*kind, pa.concat_tables(waiting.pop(kind).parts))
        if sum(one.bytes for one in waiting.values()) >= WAITING_BYTES_MAX:
            yield from _all(waiting)
            waiting.clear()
    yield from _all(waiting)


def _all(waiting: Mapping[tuple[str, int], _Waiting]) -> Iterator[Batch]:
    for kind, one in waiting.items():
        yield Batch(*kind, pa.concat_tables(one.parts))


def _by_class(page: pa.Table) -> Iterator[tuple[tuple[str, int], pa.Table]]:
    """The page's rows of each class and version, copied, so that what waits keeps no page."""
    kinds = pl.DataFrame(page.select(["event_type", "schema_version"])).with_row_index("row")
    classes = kinds.group_by("event_type", "schema_version", maintain_order=True).agg("row")
    for event_type, schema_version, rows in zip(*classes.get_columns(), strict=True):
        yield (event_type, schema_version), page.take(rows.to_arrow())


def _ahead(reader: ThreadPoolExecutor, pages: Iterator[pa.Table]) -> Iterator[pa.Table]:
    coming = reader.submit(next, pages, None)
    while (page := coming.result()) is not None:
        coming = reader.submit(next, pages, None)
        yield page


def _pages(cursor: DuckDBPyConnection, source: str, condition: str) -> Iterator[pa.Table]:
    """The log's rows by position, some after others, as PostgreSQL sends them."""
    query = f"select {_COLUMNS} from {source} where {condition} order by position"
    sent = cursor.execute(f"from postgres_query('log', $query${query}$query$)").to_arrow_reader(PAGE_ROWS)
    yield from (pa.Table.from_batches([page]) for page in sent)
