"""The tail of the log into facts.*: every event of a cut, once, as a typed row of its own table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl
from duckdb import DuckDBPyConnection
from pydantic import ValidationError

from warehouse.events.event import Event
from warehouse.events.upcasts import UPCASTS, Step, upcast
from warehouse.lake.shapes import FactTable, fact_table
from warehouse.log.position import BEGINNING, Snapshot
from warehouse.log.tail import between

BATCH_ROWS_MAX = 4 * 122_880
"""Four of DuckDB's row groups, so that two threads have an equal share; about 400 MB in memory, more spills to disk.

Each batch is a file a table, so not fewer.
"""
_COLUMNS = (
    "position, id, aggregate_id, version, schema_version, event_type, effective_at, created_at, created_by, "
    "correlation_id, causation_id, subject_id, data::text as data"
)


class UnknownFact(Exception):
    """The log holds a fact that this code does not know; nothing of the cut was taken."""


class MisfitFact(Exception):
    """A stored payload cannot be read as its class, not even after its upcasts; nothing of the cut was taken."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load brought in: number of events by event type, and the highest position among them."""

    counts: Mapping[str, int]
    position: int

    @property
    def events(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The event classes the lake knows, by stored type, and the steps that lift their old payloads."""

    events: Mapping[str, type[Event]]
    upcasts: Mapping[tuple[str, int], Step]

    def tables(self) -> list[FactTable]:
        return [fact_table(event) for event in self.events.values()]


def known() -> Vocabulary:
    """The house's own vocabulary."""
    from warehouse.events.vocabulary import VOCABULARY

    return Vocabulary(VOCABULARY, UPCASTS)


def load(
    connection: DuckDBPyConnection,
    vocabulary: Vocabulary,
    seen: Snapshot,
    until: Snapshot,
    *,
    only: frozenset[str] | None = None,
) -> Loaded:
    """Append to facts.* what `until` holds and `seen` does not; `only` these event types, all without it.

    Runs inside the caller's transaction, in batches, so memory does not grow with the cut. From the beginning it reads
    what is unpacked as well: see warehouse.lake.unpack.whole_history.
    """
    counts: dict[str, int] = {}
    highest = 0
    source = "jovey.history" if seen == BEGINNING else "jovey.events"  # what is new was never removed
    for position in _batches(connection, vocabulary, source, _condition(seen, until, only)):
        highest = position
        for event_type, count in _counts(connection, vocabulary).items():
            _append(connection, vocabulary, vocabulary.events[event_type], count)
            counts[event_type] = counts.get(event_type, 0) + count
    return Loaded(counts, highest)


def _condition(seen: Snapshot, until: Snapshot, only: frozenset[str] | None) -> str:
    condition = between(seen, until)
    if only is None:
        return condition
    listed = ", ".join(f"'{event_type}'" for event_type in sorted(only))
    return f"{condition} and event_type in ({listed})"


def _batches(connection: DuckDBPyConnection, vocabulary: Vocabulary, source: str, condition: str) -> Iterator[int]:
    """Read the cut page by page into temp.batch; yields each page's highest position.

    There `event_type` is an enum, null where this code does not know it: every class looks through the whole batch for
    its own, and comparing small numbers is a fifth of the time. `stored_type` is its text.
    """
    known_types = ", ".join(f"'{event_type}'" for event_type in vocabulary.events)
    columns = f"* replace (try_cast(event_type as enum ({known_types})) as event_type), event_type as stored_type"
    last, count = 0, BATCH_ROWS_MAX
    while count == BATCH_ROWS_MAX:
        page = f"{condition} and position > {last} order by position limit {BATCH_ROWS_MAX}"
        query = f"select {_COLUMNS} from {source} where {page}"
        rows = f"select {columns} from postgres_query('log', $query${query}$query$)"
        connection.execute(f"create or replace temp table batch as {rows}")
        row = connection.execute("select count(*), max(position) from temp.batch").fetchone()
        assert row is not None
        count, highest = row
        if count:
            last = highest
            yield last


def _counts(connection: DuckDBPyConnection, vocabulary: Vocabulary) -> dict[str, int]:
    """Events in the batch by type; refuses types and versions that this code is too old for."""
    rows = connection.execute("select stored_type, max(schema_version), count(*) from temp.batch group by 1").fetchall()
    for event_type, newest, _ in rows:
        event = vocabulary.events.get(event_type)
        if event is None or newest > event.schema_version:
            raise UnknownFact(f"The log holds {event_type} of version {newest}, unknown to this code: update it.")
    return {event_type: count for event_type, _, count in rows}


def _append(connection: DuckDBPyConnection, vocabulary: Vocabulary, event: type[Event], count: int) -> None:
    """Insert the batch's `count` events of one class; those that do not fit at once are lifted in Python."""
    table = fact_table(event)
    fitting = f"from ({table.shaped('temp.batch')}) where fits"
    row = connection.execute(f"insert into facts.{table.name} by name select * exclude (fits) {fitting}").fetchone()
    if row != (count,):
        misfits = connection.execute(f"""
            select position, schema_version, data from temp.batch where event_type = '{event.type}'
              and position not in (select position {fitting})""").fetchall()
        _append_lifted(connection, vocabulary, event, misfits)


def _append_lifted(
    connection: DuckDBPyConnection, vocabulary: Vocabulary, event: type[Event], misfits: list[tuple[int, int, str]]
) -> None:
    table = fact_table(event)
    positions = [position for position, _, _ in misfits]
    payloads = [_lifted(vocabulary, event, *misfit) for misfit in misfits]
    connection.register("lift", pl.DataFrame({"position": positions, "data": payloads}).to_arrow())
    connection.execute(f"""
        create or replace temp table lifted as
        select batch.* replace (lift.data as data, {event.schema_version} as schema_version)
        from temp.batch as batch join lift using (position)""")
    connection.unregister("lift")
    connection.execute(f"create or replace temp table shaped as {table.shaped('temp.lifted')}")
    row = connection.execute("select min(position) from temp.shaped where not fits").fetchone()
    if row != (None,):
        raise MisfitFact(f"Event {row and row[0]} ({event.type}) does not fit its table in the lake.")
    connection.execute(f"insert into facts.{table.name} by name select * exclude (fits) from temp.shaped")


def _lifted(vocabulary: Vocabulary, event: type[Event], position: int, version: int, payload: str) -> str:
    """The payload as today's class writes it: upcast, validated, defaults filled in."""
    try:
        newest = upcast(event.type, version, json.loads(payload), to=event.schema_version, steps=vocabulary.upcasts)
        return event.model_validate_json(json.dumps(newest)).model_dump_json()
    except (KeyError, ValidationError) as error:
        raise MisfitFact(f"Event {position} ({event.type} v{version}) does not fit its class: {error}") from error
