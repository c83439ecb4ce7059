"""Events -> states: the log folded anew, stream by stream. parity.py compares it with what is stored, mend.py mends."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Connection

from api.functions import STREAMS
from api.stream import Stream
from warehouse.events.event import Event, Recorded, Ref
from warehouse.events.upcasts import upcast
from warehouse.events.vocabulary import VOCABULARY
from warehouse.log.people import People, claim_key
from warehouse.log.rows import streamed

REVEALED_TOGETHER = 500  # streams whose people are looked up by one query

Claims = frozenset[tuple[str, str]]
"""The (scope, key) pairs that one stream holds."""


class UnreadableFact(Exception):
    """An event of the log is not what its class says, not even after its upcasts; the message names it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The streams whose ids lie from `first` to `last`, both included."""

    first: UUID
    last: UUID


EVERYTHING = Span(UUID(int=0), UUID(int=2**128 - 1))


class Refolded(NamedTuple):
    """What one stream folds to, as jovey.states and jovey.unique_claims are to hold it; `state` is JSON text.

    Until _with_claims() the claims of people are as their state has them.
    """

    ref: Ref
    version: int
    state: str
    owner_id: UUID | None
    status: str
    created_at: datetime
    updated_at: datetime
    claims: Claims


def refold(connection: Connection, span: Span = EVERYTHING) -> Generator[Refolded]:
    """Every stream of a span folded from its first event, in the order of ids; some hundred in memory at a time.

    Streams `access` fold to nothing and are left out. Reads what its transaction sees. Raises UnreadableFact.
    """
    return _refolded(connection, "aggregate_id between %s and %s", (span.first, span.last))


def refold_some(connection: Connection, ids: Collection[UUID]) -> Generator[Refolded]:
    """The given streams, as refold() does; those without an event are left out."""
    return _refolded(connection, "aggregate_id = any(%s)", (list(ids),))


def fold_around(connection: Connection, ref: Ref, version: int) -> tuple[str | None, str]:
    """A stream's state as JSON text before and after its event of that version; None before the first.

    On behalf of whoever the connection reads for, who sees the stream whole. Folds from the first event on: some
    20,000 events/s. Raises UnreadableFact.
    """
    stream = STREAMS[ref.stream]
    before, state = None, stream.initial
    with closing(streamed(connection, "one_stream", _ONE_STREAM, (ref.id, version), _Row)) as rows:
        for row in rows:
            before = stream.dump(state) if row.version == version > 1 else None
            state = stream.evolve(state, _recorded(_event(row), ref, row))
    return before, stream.dump(state)


class _Row(NamedTuple):
    """A row of _EVENTS."""

    aggregate_id: UUID
    aggregate_type: str
    version: int
    event_type: str
    schema_version: int
    payload: str
    id: UUID
    effective_at: datetime
    created_by: str
    correlation_id: UUID
    causation_id: UUID
    subject_id: UUID | None
    position: int


_COLUMNS: LiteralString = """
    select aggregate_id, aggregate_type, version, event_type, schema_version, data::text, id, effective_at, created_by,
           correlation_id, causation_id, subject_id, position"""
_EVENTS: LiteralString = f"{_COLUMNS} from jovey.history where aggregate_type <> 'access' and "
_ONE_STREAM: LiteralString = f"""{_COLUMNS}
    from jovey.visible_history where aggregate_id = %s and version <= %s order by version"""


def _refolded(connection: Connection, condition: LiteralString, values: tuple[Any, ...]) -> Generator[Refolded]:
    query = f"{_EVENTS}{condition} order by aggregate_id, version"
    with closing(streamed(connection, "events", query, values, _Row)) as rows:
        streams = groupby(rows, key=attrgetter("aggregate_id.int"))  # a UUID would compare itself in Python
        folded = (_folded(facts) for _, facts in streams)
        while batch := list(islice(folded, REVEALED_TOGETHER)):
            yield from _with_claims(connection, batch)


def _folded(facts: Iterable[_Row]) -> Refolded:
    """One stream's events in order of version -> its state. Hidden words stay hidden: they are carried along."""
    stream: Stream[Any] | None = None
    state, first, last, ref = None, None, None, None
    for row in facts:
        event = _event(row)
        if stream is None or ref is None:
            stream, ref, first = STREAMS[row.aggregate_type], Ref(row.aggregate_type, row.aggregate_id), row
            state = stream.initial
        if row.version != (last.version + 1 if last else 1):
            raise UnreadableFact(
                f"{row.aggregate_type} {row.aggregate_id} has no event of version {row.version - 1}; "
                "if it stands in the archive: jovey unpack."
            )
        state, last = stream.evolve(state, _recorded(event, ref, row)), row
    assert stream is not None and ref is not None and first is not None and last is not None, "no group is empty"
    return Refolded(
        ref=ref,
        version=last.version,
        state=stream.dump(state),
        owner_id=stream.owner(state),
        status=stream.status(state),
        created_at=first.effective_at,
        updated_at=last.effective_at,
        claims=frozenset(stream.claims(state)),
    )


def _with_claims(connection: Connection, batch: list[Refolded]) -> Iterator[Refolded]:
    """The streams with their natural keys; of people, whose states hide them, keyed hashes of what they say."""
    hidden = [sorted(one.claims) for one in batch if STREAMS[one.ref.stream].has_personal_claims]
    shown = iter(json.loads(People(connection).reveal([json.dumps(hidden)])[0]) if hidden else ())
    for one in batch:
        if STREAMS[one.ref.stream].has_personal_claims:
            held = frozenset((scope, claim_key(connection, scope, key)) for scope, key in next(shown))
            yield one._replace(claims=held)
        else:
            yield one


def _recorded(event: Event, ref: Ref, row: _Row) -> Recorded[Any]:
    return Recorded(
        event,
        row.id,
        ref,
        row.version,
        row.effective_at,
        row.created_by,
        row.correlation_id,
        row.causation_id,
        row.subject_id,
    )


def _event(row: _Row) -> Event:
    """The stored payload as its class of today."""
    event = VOCABULARY.get(row.event_type)
    if event is None or row.schema_version > event.schema_version or event.stream != row.aggregate_type:
        kind = f"{row.event_type} of version {row.schema_version} in a {row.aggregate_type}"
        raise UnreadableFact(f"Event {row.position} is a {kind}, unknown to this code: update it.")
    try:
        if row.schema_version == event.schema_version:
            read: Event = event.__pydantic_validator__.validate_json(row.payload)  # its own method takes twice as long
            return read
        lifted = upcast(event.type, row.schema_version, json.loads(row.payload), to=event.schema_version)
        return event.model_validate_json(json.dumps(lifted))
    except (KeyError, ValidationError) as error:
        raise UnreadableFact(
            f"Event {row.position} is no {event.type} of version {row.schema_version}: {error}"
        ) from error
