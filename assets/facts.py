"""The tail of the log into facts.*: every event of a cut, once, as a typed row of its own table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from duckdb import DuckDBPyConnection
from pydantic import ValidationError

from assets.pages import Batch, reading_ahead
from warehouse.events.event import Event
from warehouse.events.upcasts import UPCASTS, Step, upcast
from warehouse.lake.shapes import FactTable, fact_table
from warehouse.log.position import BEGINNING, Snapshot
from warehouse.log.tail import between


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

    Inside the caller's transaction, page by page, so memory does not grow with the cut. From the beginning it reads
    what is unpacked as well: see warehouse.lake.unpack.whole_history.
    """
    counts: dict[str, int] = {}
    highest = 0
    source = "jovey.history" if seen == BEGINNING else "jovey.events"  # what is new was never removed
    with reading_ahead(connection, source, _condition(seen, until, only)) as batches:
        for batch in batches:
            _append(connection, vocabulary, _class(vocabulary, batch), batch)
            counts[batch.event_type] = counts.get(batch.event_type, 0) + batch.rows.num_rows
            highest = max(highest, batch.highest)
    return Loaded(counts, highest)


def _condition(seen: Snapshot, until: Snapshot, only: frozenset[str] | None) -> str:
    condition = between(seen, until)
    if only is None:
        return condition
    listed = ", ".join(f"'{event_type}'" for event_type in sorted(only))
    return f"{condition} and event_type in ({listed})"


def _class(vocabulary: Vocabulary, batch: Batch) -> type[Event]:
    """The batch's class; refuses types and versions that this code is too old for."""
    event = vocabulary.events.get(batch.event_type)
    if event is None or batch.schema_version > event.schema_version:
        raise UnknownFact(
            f"The log holds {batch.event_type} of version {batch.schema_version}, unknown to this code: update it."
        )
    return event


def _append(connection: DuckDBPyConnection, vocabulary: Vocabulary, event: type[Event], batch: Batch) -> None:
    """Insert a batch; what is of an old version, or does not fit at once, is lifted in Python."""
    table, inserted = fact_table(event), 0
    fitting = f"from ({table.shaped('temp.batch')}) where fits"
    is_of_today = batch.schema_version == event.schema_version
    if is_of_today:
        # a stream, read once: of a table DuckDB asks pyarrow's datasets, which bring pandas, a second of a small run
        connection.register("batch", batch.rows.__arrow_c_stream__())
        row = connection.execute(f"insert into facts.{table.name} by name select * exclude (fits) {fitting}").fetchone()
        assert row is not None
        (inserted,) = row
    if inserted < batch.rows.num_rows:
        connection.register("batch", batch.rows)
        others = f"where position not in (select position {fitting})" if is_of_today else ""
        sql = f"select position, schema_version, data from temp.batch {others}"
        _append_lifted(connection, vocabulary, event, connection.execute(sql).fetchall())
    connection.unregister("batch")


def _append_lifted(
    connection: DuckDBPyConnection, vocabulary: Vocabulary, event: type[Event], misfits: list[tuple[int, int, str]]
) -> None:
    table = fact_table(event)
    positions = [position for position, _, _ in misfits]
    payloads = [_lifted(vocabulary, event, *misfit) for misfit in misfits]
    connection.register("lift", pl.DataFrame({"position": positions, "data": payloads}).to_arrow())
    connection.execute("""
        create or replace temp table lifted as
        select batch.* replace (lift.data as data) from temp.batch as batch join lift using (position)""")
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
