"""Events -> states: the log folded anew, to rebuild what is stored and to find where it differs from the log."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter
from typing import Any
from uuid import UUID

import psycopg
from pydantic import ValidationError
from sqlalchemy import Connection, Row, text

from api.functions import STREAMS
from api.stream import Stream
from warehouse.events.event import Event, Recorded, Ref
from warehouse.events.upcasts import upcast
from warehouse.events.vocabulary import VOCABULARY
from warehouse.log.people import People, claim_key

FETCH_ROWS = 2_000  # events or states in memory at a time


class UnreadableFact(Exception):
    """An event of the log is not what its class says, not even after its upcasts; the message names it."""


@dataclass(frozen=True, slots=True)
class Refolded:
    """What one stream folds to, as jovey.states and jovey.unique_claims are to hold it; `state` is JSON text."""

    ref: Ref
    version: int
    state: str
    owner_id: UUID | None
    status: str
    created_at: datetime
    updated_at: datetime
    claims: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a stream's stored state is not the fold of its events. `path` is like `state.lines.0.quantity`."""

    ref: Ref
    path: str
    stored: Any
    refolded: Any


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found: streams folded, rows of states it wrote or took away, and claims it wrote or took away."""

    streams: int
    states_written: int
    states_removed: int
    claims_written: int
    claims_removed: int


def refold(connection: Connection, stream_id: UUID | None = None) -> Generator[Refolded]:
    """Every stream (or one) folded from its first event, in the order of their ids; one stream in memory at a time.

    Reads what its transaction sees. Raises UnreadableFact.
    """
    query, values = (_EVENTS, {}) if stream_id is None else (_EVENTS_OF_ONE, {"stream_id": stream_id})
    with closing(_streamed(connection, query, **values)) as rows:
        for _, facts in groupby(rows, key=attrgetter("aggregate_id")):
            yield _folded(connection, facts)


def fold_around(connection: Connection, ref: Ref, version: int) -> tuple[str | None, str]:
    """A stream's state as JSON text before and after its event of that version; None before the first.

    Folds from the first event on: about 50,000 events/s. Raises UnreadableFact.
    """
    stream = STREAMS[ref.stream]
    before, state = None, stream.initial
    with closing(_streamed(connection, _EVENTS_UP_TO, stream_id=ref.id, version=version)) as rows:
        for row in rows:
            before = stream.dump(state) if row.version == version > 1 else None
            state = stream.evolve(state, _recorded(row))
    return before, stream.dump(state)


def differences(connection: Connection) -> Iterator[Difference]:
    """Every field in which the stored states and claims differ from the refolded ones, in the order of stream ids.

    A stream that is missing on one side is one difference, with the empty path. Give it a REPEATABLE READ transaction.
    """
    for found in comparisons(connection):
        yield from found


def comparisons(connection: Connection) -> Iterator[Sequence[Difference]]:
    """As differences(), stream by stream: those that are as their log says come too, without any."""
    with (
        closing(_streamed(connection, _STATES)) as stored,
        closing(_streamed(connection, _CLAIMS)) as claimed,
        closing(refold(connection)) as refolded,
    ):
        claims = _Claims(claimed)
        for ref, row, folded in _side_by_side(stored, refolded):
            yield tuple(_compared(ref, row, folded, claims.of(ref.id)))
        for id, held in claims.rest():
            yield (Difference(Ref("unknown", id), "claims", _told(held), []),)


def rebuild(connection: Connection) -> Rebuilt:
    """Make jovey.states and jovey.unique_claims what the log says, in the caller's transaction, as role jovey_owner.

    Commands wait meanwhile (and answer Busy if it takes long); readers see the old states until it commits. Rows that
    are right are left alone. Raises UnreadableFact, and nothing has changed.
    """
    connection.execute(text("lock table jovey.states, jovey.unique_claims in exclusive mode"))
    for statement in _SCRATCH:
        connection.execute(text(statement))
    streams = 0
    with closing(refold(connection)) as folded:
        while batch := list(islice(folded, FETCH_ROWS)):
            streams += len(batch)
            _copy(connection, batch)
    counts = [connection.execute(text(statement)).rowcount for statement in _MERGE]
    return Rebuilt(
        streams, states_removed=counts[0], states_written=counts[1], claims_removed=counts[2], claims_written=counts[3]
    )


def _folded(connection: Connection, facts: Iterable[Row[Any]]) -> Refolded:
    """One stream's events in order of version -> its state. Hidden words stay hidden: they are carried along."""
    stream: Stream[Any] | None = None
    state, first, last, key = None, None, None, (None, None)
    for row in facts:
        recorded = _recorded(row)
        if stream is None:
            stream, first = STREAMS[row.aggregate_type], recorded
            state = stream.initial
        if recorded.version != (last.version + 1 if last else 1):
            raise UnreadableFact(
                f"{row.aggregate_type} {row.aggregate_id} has no event of version {recorded.version - 1}."
            )
        state, last, key = stream.evolve(state, recorded), recorded, (row.key_id, row.wrapped_key)
    assert stream is not None and first is not None and last is not None, "groupby yields no empty group"
    return Refolded(
        ref=first.ref,
        version=last.version,
        state=stream.dump(state),
        owner_id=stream.owner(state),
        status=stream.status(state),
        created_at=first.effective_at,
        updated_at=last.effective_at,
        claims=_claims(connection, stream, state, last.ref.id, key),
    )


def _claims(
    connection: Connection, stream: Stream[Any], state: Any, id: UUID, key: tuple[UUID | None, bytes | None]
) -> frozenset[tuple[str, str]]:
    """The natural keys a state holds; of people, whose states hide them, their keyed hashes."""
    if not stream.has_personal_claims:
        return frozenset(stream.claims(state))
    people = People(connection)
    key_id, wrapped = key
    if key_id is not None and wrapped is not None:
        people.met(key_id, id, wrapped)
    shown = stream.parse(*people.reveal([stream.dump(state)]))
    return frozenset((scope, claim_key(connection, scope, one)) for scope, one in stream.claims(shown))


def _recorded(row: Row[Any]) -> Recorded[Any]:
    return Recorded(
        event=_event(row),
        id=row.id,
        ref=Ref(row.aggregate_type, row.aggregate_id),
        version=row.version,
        effective_at=row.effective_at,
        created_by=row.created_by,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        subject_id=row.subject_id,
        created_at=row.created_at,
        position=row.position,
    )


def _event(row: Row[Any]) -> Event:
    """The stored payload as its class of today."""
    event = VOCABULARY.get(row.event_type)
    if event is None or row.schema_version > event.schema_version or event.stream != row.aggregate_type:
        kind = f"{row.event_type} of version {row.schema_version} in a {row.aggregate_type}"
        raise UnreadableFact(f"Event {row.position} is a {kind}, unknown to this code: update it.")
    try:
        if row.schema_version == event.schema_version:
            return event.model_validate_json(row.payload)
        lifted = upcast(event.type, row.schema_version, json.loads(row.payload), to=event.schema_version)
        return event.model_validate_json(json.dumps(lifted))
    except (KeyError, ValidationError) as error:
        raise UnreadableFact(
            f"Event {row.position} is no {event.type} of version {row.schema_version}: {error}"
        ) from error


def _streamed(connection: Connection, query: str, **values: Any) -> Generator[Row[Any]]:
    """Rows through a cursor of the server, so that memory does not grow with the table; close it when done."""
    with connection.execute(text(query), values, execution_options={"yield_per": FETCH_ROWS}) as rows:
        yield from rows


def _side_by_side(
    stored: Iterator[Row[Any]], refolded: Iterator[Refolded]
) -> Iterator[tuple[Ref, Row[Any] | None, Refolded | None]]:
    """Pairs of the two, both in the order of stream ids; None where one side lacks the stream."""
    row, folded = next(stored, None), next(refolded, None)
    while row is not None or folded is not None:
        if row is not None and (folded is None or row.aggregate_id < folded.ref.id):
            yield Ref(row.aggregate_type, row.aggregate_id), row, None
            row = next(stored, None)
        elif folded is not None and (row is None or folded.ref.id < row.aggregate_id):
            yield folded.ref, None, folded
            folded = next(refolded, None)
        else:
            assert row is not None and folded is not None, "the ids are equal"
            yield folded.ref, row, folded
            row, folded = next(stored, None), next(refolded, None)


def _compared(
    ref: Ref, row: Row[Any] | None, folded: Refolded | None, claims: frozenset[tuple[str, str]]
) -> Iterator[Difference]:
    if row is None or folded is None:
        yield Difference(ref, "", row and json.loads(row.state), folded and json.loads(folded.state))
        return
    stored = {"state": json.loads(row.state), "claims": _told(claims), "stream": row.aggregate_type}
    wanted = {"state": json.loads(folded.state), "claims": _told(folded.claims), "stream": ref.stream}
    for name in ("version", "owner_id", "status", "created_at", "updated_at"):
        stored[name], wanted[name] = getattr(row, name), getattr(folded, name)
    for path, left, right in _unequal("", stored, wanted):
        yield Difference(ref, path, left, right)


def _told(claims: Iterable[tuple[str, str]]) -> list[str]:
    return sorted(f"{scope} {key}" for scope, key in claims)


def _unequal(path: str, left: Any, right: Any) -> Iterator[tuple[str, Any, Any]]:
    """The innermost places where two JSON values differ."""
    if left == right:
        return
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            yield from _unequal(f"{path}.{name}" if path else name, left.get(name), right.get(name))
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for place, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from _unequal(f"{path}.{place}", one, other)
    else:
        yield path, left, right


class _Claims:
    """The stored claims, read along with the states: both in the order of stream ids."""

    def __init__(self, rows: Iterator[Row[Any]]) -> None:
        self._groups = (
            (id, frozenset((row.scope, row.key) for row in held))
            for id, held in groupby(rows, key=attrgetter("aggregate_id"))
        )
        self._next = next(self._groups, None)
        self._passed: list[tuple[UUID, frozenset[tuple[str, str]]]] = []

    def of(self, id: UUID) -> frozenset[tuple[str, str]]:
        """The claims of a stream; ask in the order of ids."""
        while self._next is not None and self._next[0] < id:
            self._passed.append(self._next)
            self._next = next(self._groups, None)
        if self._next is None or self._next[0] != id:
            return frozenset()
        held = self._next[1]
        self._next = next(self._groups, None)
        return held

    def rest(self) -> Iterator[tuple[UUID, frozenset[tuple[str, str]]]]:
        """Claims of streams that nobody asked for."""
        yield from self._passed
        while self._next is not None:
            yield self._next
            self._next = next(self._groups, None)


def _copy(connection: Connection, batch: Iterable[Refolded]) -> None:
    """Put refolded streams into the scratch tables."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor:
        with cursor.copy(f"copy refolded ({_COLUMNS}) from stdin") as copy:
            for one in batch:
                copy.write_row(
                    (
                        one.ref.id,
                        one.ref.stream,
                        one.version,
                        one.state,
                        one.owner_id,
                        one.status,
                        one.created_at,
                        one.updated_at,
                    )
                )
        with cursor.copy("copy reclaimed (scope, key, aggregate_id) from stdin") as copy:
            for one in batch:
                for scope, key in one.claims:
                    copy.write_row((scope, key, one.ref.id))


_COLUMNS = "aggregate_id, aggregate_type, version, state, owner_id, status, created_at, updated_at"
_EVENT = (
    "position, aggregate_id, id, created_at, effective_at, version, schema_version, event_type, aggregate_type, "
    "created_by, subject_id, correlation_id, causation_id, data::text as payload, key_id, wrapped_key"
)
_LOG = (
    "jovey.events left join (select key_id, person_id, wrapped_key from jovey.person_keys) as known"
    " on person_id = aggregate_id"
)
_EVENTS = f"select {_EVENT} from {_LOG} order by aggregate_id, version"
_EVENTS_OF_ONE = f"select {_EVENT} from {_LOG} where aggregate_id = :stream_id order by version"
_EVENTS_UP_TO = f"select {_EVENT} from {_LOG} where aggregate_id = :stream_id and version <= :version order by version"
_STATES = f"select {_COLUMNS.replace('state,', 'state::text as state,')} from jovey.states order by aggregate_id"
_CLAIMS = "select aggregate_id, scope, key from jovey.unique_claims order by aggregate_id, scope, key"
_SCRATCH = (
    "create temp table refolded (like jovey.states) on commit drop",
    "create temp table reclaimed (like jovey.unique_claims) on commit drop",
)
_MERGE = (
    "delete from jovey.states s where not exists (select from refolded r where r.aggregate_id = s.aggregate_id)",
    f"""insert into jovey.states as s ({_COLUMNS}) select {_COLUMNS} from refolded
        on conflict (aggregate_id) do update set ({_COLUMNS.removeprefix("aggregate_id, ")}) =
          ({", ".join(f"excluded.{name}" for name in _COLUMNS.removeprefix("aggregate_id, ").split(", "))})
        where (s.aggregate_type, s.version, s.state, s.owner_id, s.status, s.created_at, s.updated_at) is distinct from
          (excluded.aggregate_type, excluded.version, excluded.state, excluded.owner_id, excluded.status,
           excluded.created_at, excluded.updated_at)""",
    """delete from jovey.unique_claims c where not exists (
        select from reclaimed r where (r.scope, r.key, r.aggregate_id) = (c.scope, c.key, c.aggregate_id))""",
    # two holders of one key are no state to rebuild: let the key's constraint say so
    """insert into jovey.unique_claims select * from reclaimed r where not exists (
        select from jovey.unique_claims c where (r.scope, r.key, r.aggregate_id) = (c.scope, c.key, c.aggregate_id))""",
)
