"""Events -> states: the log folded anew, stream by stream. parity.py compares it with what is stored, mend.py mends."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Connection

from api.stream import Stream
from api.streams import STREAMS
from warehouse.events.event import Event, Ref
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
    before, state, reader = None, stream.initial, cache(_reader)
    with closing(streamed(connection, "one_stream", _ONE_STREAM, (ref.id, version), _Row)) as rows:
        for row in rows:
            before = stream.dump(state) if row.version == version > 1 else None
            state = stream.evolve(state, _Past(_event(row, reader), ref, row.effective_at, row.created_by))
    return before, stream.dump(state)


class _Row(NamedTuple):
    """A row of _EVENTS; its stream's id in bytes, of which an id is made once a stream."""

    aggregate_id: bytes
    aggregate_type: str
    version: int
    event_type: str
    schema_version: int
    payload: str
    effective_at: datetime
    created_by: str
    position: int


class _Past(NamedTuple):
    """A fact as states see it (Happened): what else stands in its row is not read."""

    event: Event
    ref: Ref
    effective_at: datetime
    created_by: str


_COLUMNS: LiteralString = """
    select uuid_send(aggregate_id), aggregate_type, version, event_type, schema_version, data::text, effective_at,
           created_by, position"""
_EVENTS: LiteralString = f"{_COLUMNS} from jovey.history where aggregate_type <> 'access' and "
_ONE_STREAM: LiteralString = f"""{_COLUMNS}
    from jovey.visible_history where aggregate_id = %s and version <= %s order by version"""


def _refolded(connection: Connection, condition: LiteralString, values: tuple[Any, ...]) -> Generator[Refolded]:
    query = f"{_EVENTS}{condition} order by aggregate_id, version"
    with closing(streamed(connection, "events", query, values, _Row)) as rows:
        streams = groupby(rows, key=attrgetter("aggregate_id"))
        reader = cache(_reader)
        folded = (_folded(facts, reader) for _, facts in streams)
        while batch := list(islice(folded, REVEALED_TOGETHER)):
            yield from _with_claims(connection, batch)


def _folded(facts: Iterable[_Row], reader: _Reader) -> Refolded:
    """One stream's events in order of version -> its state. Hidden words stay hidden: they are carried along."""
    stream: Stream[Any] | None = None
    state, first, last, ref = None, None, None, None
    for row in facts:
        event = _event(row, reader)
        if stream is None or ref is None:
            stream, ref, first = STREAMS[row.aggregate_type], Ref(row.aggregate_type, UUID(bytes=row.aggregate_id)), row
            state = stream.initial
        if row.version != (last.version + 1 if last else 1):
            raise UnreadableFact(
                f"{ref.stream} {ref.id} has no event of version {row.version - 1}; "
                "if it stands in the archive: jovey unpack."
            )
        state, last = stream.evolve(state, _Past(event, ref, row.effective_at, row.created_by)), row
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


def _event(row: _Row, reader: _Reader) -> Event:
    """The stored payload as its class of today."""
    read = reader(row.event_type, row.schema_version, row.aggregate_type)
    if read is None:
        kind = f"{row.event_type} of version {row.schema_version} in a {row.aggregate_type}"
        raise UnreadableFact(f"Event {row.position} is a {kind}, unknown to this code: update it.")
    try:
        return read(row.payload)
    except (KeyError, ValidationError) as error:
        raise UnreadableFact(
            f"Event {row.position} is no {row.event_type} of version {row.schema_version}: {error}"
        ) from error


_Reader = Callable[[str, int, str], Callable[[str], Event] | None]


def _reader(event_type: str, version: int, stream: str) -> Callable[[str], Event] | None:
    """What makes an event of today's class of a payload of such a version; None where no class knows it."""
    event = VOCABULARY.get(event_type)
    if event is None or version > event.schema_version or event.stream != stream:
        return None
    if version == event.schema_version:
        read: Callable[..., Event] = event.__pydantic_validator__.validate_json  # its own method takes twice as long

        def written(payload: str) -> Event:
            try:
                return read(payload, strict=True)  # what our classes wrote passes, and its amounts are cheaper
            except ValidationError:
                return read(payload)

        return written

    def lifted(payload: str) -> Event:
        newest = upcast(event_type, version, json.loads(payload), to=event.schema_version)
        return event.model_validate_json(json.dumps(newest))

    return lifted
