"""load() and append(): the two statements a command makes of the log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from warehouse.events.event import Recorded, Ref

VERSION_CONFLICT, ID_REUSED, ANSWERED_BEFORE, CLAIMED = "JV409", "JV410", "JV411", "JV412"
RETRYABLE = frozenset({VERSION_CONFLICT, ANSWERED_BEFORE, "40001", "40P01", "55P03"})
"""SQLSTATEs after which a command may decide again: conflicts, serialization, deadlock, lock timeout."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stream's folded state as stored, as JSON text; of a person also their key's id, the wrapped key behind it."""

    ref: Ref
    version: int
    state: str
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Folded:
    """The state a stream has after the events being appended; `state` is JSON text."""

    ref: Ref
    version: int
    state: str
    owner_id: UUID | None
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a command was answered, as JSON text; `request_hash` tells a repetition from another request."""

    command_id: UUID
    request_hash: bytes
    response: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A natural key that one stream alone may hold."""

    scope: str
    key: str
    holder_id: UUID


@dataclass(frozen=True, slots=True)
class Appended:
    """`outcome` is `appended`, or `duplicate` when these very events were there already."""

    outcome: str
    first_position: int | None
    last_position: int | None
    transaction_id: int


def load(connection: Connection, *, shared: Iterable[UUID] = (), locked: Iterable[UUID] = ()) -> list[Loaded]:
    """The stored states of the given streams, row-locked until commit; streams that do not exist are left out.

    One round trip. `shared` rows may be read by others meanwhile, `locked` rows may not be loaded by others.
    """
    rows = connection.exec_driver_sql(
        f"select aggregate_id, aggregate_type, version, state::text as state, {_KEY} as key"
        " from jovey.load(%s::uuid[], %s::uuid[])",
        (list(shared), list(locked)),
    )
    return [Loaded(Ref(row.aggregate_type, row.aggregate_id), row.version, row.state, row.key) for row in rows]


def peek(connection: Connection, ids: Iterable[UUID]) -> list[Loaded]:
    """As load(), without a lock: what it says may have changed by the time it is used."""
    rows = connection.exec_driver_sql(
        "select aggregate_id, aggregate_type, version, state::text as state from jovey.peek(%s::uuid[])",
        (list(ids),),
    )
    return [Loaded(Ref(row.aggregate_type, row.aggregate_id), row.version, row.state) for row in rows]


def receipts(connection: Connection, command_ids: Iterable[UUID]) -> dict[UUID, tuple[bytes, Any]]:
    """Request hash and response of those commands that were answered before."""
    rows = connection.exec_driver_sql(
        "select command_id, request_hash, response from jovey.receipts(%s::uuid[])",
        (list(command_ids),),
    )
    return {row.command_id: (bytes(row.request_hash), row.response) for row in rows}


def append(
    connection: Connection,
    events: Sequence[Recorded[Any]],
    *,
    folded: Sequence[Folded] = (),
    answered: Sequence[Receipt] = (),
    claims: Iterable[Claim] = (),
    unclaims: Iterable[Claim] = (),
    expect_any: bool = False,
) -> Appended:
    """Append events of any number of streams in one call, with their states, receipts and claims; all or nothing.

    A stream's first event here carries the version it is expected to take (its stream's version + 1); with `expect_any`
    versions are given out by the database. Raises DBAPIError; `sqlstate(error)` is one of the codes above.
    """
    first: dict[UUID, Recorded[Any]] = {}
    for recorded in events:
        first.setdefault(recorded.ref.id, recorded)
    claims, unclaims = list(claims), list(unclaims)
    row = connection.exec_driver_sql(
        _APPEND,
        (
            *_streams(first.values(), expect_any=expect_any),
            *_facts(events, first),
            *_states(folded),
            [one.command_id for one in answered],
            [one.request_hash for one in answered],
            [one.response for one in answered],
            *_columns(claims),
            *_columns(unclaims),
        ),
    ).one()
    return Appended(row.outcome, row.first_position, row.last_position, row.transaction_id)


def sqlstate(error: DBAPIError) -> str | None:
    """The SQLSTATE behind a SQLAlchemy error."""
    return error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None


def _streams(first: Collection[Recorded[Any]], *, expect_any: bool) -> tuple[list[Any], ...]:
    return (
        [one.ref.id for one in first],
        [one.ref.stream for one in first],
        [None if expect_any else one.version - 1 for one in first],
    )


def _facts(events: Sequence[Recorded[Any]], first: Mapping[UUID, Recorded[Any]]) -> tuple[list[Any], ...]:
    return (
        [one.ref.id for one in events],
        [one.version - first[one.ref.id].version + 1 for one in events],
        [one.id for one in events],
        [one.event.type for one in events],
        [one.event.schema_version for one in events],
        [one.effective_at for one in events],
        [one.created_by for one in events],
        [one.subject_id for one in events],
        [one.correlation_id for one in events],
        [one.causation_id for one in events],
        [one.event.model_dump_json() for one in events],
        ["{}"] * len(events),
    )


def _states(folded: Sequence[Folded]) -> tuple[list[Any], ...]:
    return (
        [one.ref.id for one in folded],
        [one.ref.stream for one in folded],
        [one.version for one in folded],
        [one.state for one in folded],
        [one.owner_id for one in folded],
        [one.status for one in folded],
        [one.at for one in folded],
    )


def _columns(claims: Sequence[Claim]) -> tuple[list[str], list[str], list[UUID]]:
    return [c.scope for c in claims], [c.key for c in claims], [c.holder_id for c in claims]


# a subquery, not a join: only the rows of people pay for it
_KEY = """case when aggregate_type in ('customer', 'staff_member') then
    (select uuid_send(key_id) || wrapped_key from jovey.person_keys where person_id = aggregate_id) end"""

# Arrays travel in binary: as text, every quote in every JSON document would be escaped in Python.
_STREAMS = ("uuid", "varchar", "integer")
_EVENTS = ("uuid", "integer", "uuid", "varchar", "smallint", "timestamptz", "varchar", "uuid", "uuid", "uuid")
_DOCUMENTS = ("jsonb", "jsonb")
_STATES = ("uuid", "varchar", "integer", "jsonb", "uuid", "varchar", "timestamptz")
_RECEIPTS = ("uuid", "bytea", "jsonb")
_CLAIMS = ("varchar", "text", "uuid")


def _placeholder(kind: str) -> str:
    return "%b::text[]::jsonb[]" if kind == "jsonb" else f"%b::{kind}[]"


_APPEND = (
    "select outcome, first_position, last_position, transaction_id::text::bigint as transaction_id from jovey.append("
    + ", ".join(map(_placeholder, (*_STREAMS, *_EVENTS, *_DOCUMENTS, *_STATES, *_RECEIPTS, *_CLAIMS, *_CLAIMS)))
    + ")"
)
