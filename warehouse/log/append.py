"""load() and append(): the two statements a command makes of the log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
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
    rows = _ask(
        connection,
        f"select aggregate_id, aggregate_type, version, state::text, {_KEY} from jovey.load(%s, %s)",
        [shared, locked],
    )
    return [Loaded(Ref(stream, id), version, state, key) for id, stream, version, state, key in rows]


def peek(connection: Connection, ids: Iterable[UUID]) -> list[Loaded]:
    """As load(), without a lock: what it says may have changed by the time it is used."""
    rows = _ask(connection, "select aggregate_id, aggregate_type, version, state::text from jovey.peek(%s)", [ids])
    return [Loaded(Ref(stream, id), version, state) for id, stream, version, state in rows]


def receipts(connection: Connection, command_ids: Iterable[UUID]) -> dict[UUID, tuple[bytes, Any]]:
    """Request hash and response of those commands that were answered before."""
    rows = _ask(connection, "select command_id, request_hash, response from jovey.receipts(%s)", [command_ids])
    return {command_id: (request_hash, response) for command_id, request_hash, response in rows}


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
    ordinals = [one.version - first.setdefault(one.ref.id, one).version + 1 for one in events]
    told = _streams(first.values(), expect_any=expect_any) | _facts(events, ordinals) | _states(folded)
    told |= _receipts(answered) | _claims("claim", claims) | _claims("unclaim", unclaims)
    ((answer,),) = _ask(connection, _call(*told), told.values())
    outcome, first_position, last_position, transaction_id = answer.strip("()").split(",")
    return Appended(outcome, _number(first_position), _number(last_position), int(transaction_id))


def sqlstate(error: DBAPIError) -> str | None:
    """The SQLSTATE behind a SQLAlchemy error."""
    return error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None


_Arguments = dict[str, list[Any]]
"""Parameters of jovey.append, each an array; what a call does not need is left out."""


def _streams(first: Collection[Recorded[Any]], *, expect_any: bool) -> _Arguments:
    return {
        "streams": [one.ref.id for one in first],
        "stream_types": [one.ref.stream for one in first],
        "expected": [None if expect_any else one.version - 1 for one in first],
    }


def _facts(events: Sequence[Recorded[Any]], ordinals: list[int]) -> _Arguments:
    return {
        "aggregate_ids": [one.ref.id for one in events],
        "ordinals": ordinals,
        "ids": [one.id for one in events],
        "types": [one.event.type for one in events],
        "schema_versions": [one.event.schema_version for one in events],
        "effective": [one.effective_at for one in events],
        "by": [one.created_by for one in events],
        "subjects": [one.subject_id for one in events],
        "correlations": [one.correlation_id for one in events],
        "causations": [one.causation_id for one in events],
        "data": [one.event.model_dump_json() for one in events],
        "metadata": ["{}"] * len(events),
    }


def _states(folded: Sequence[Folded]) -> _Arguments:
    if not folded:
        return {}
    return {
        "state_ids": [one.ref.id for one in folded],
        "state_types": [one.ref.stream for one in folded],
        "state_versions": [one.version for one in folded],
        "states": [one.state for one in folded],
        "owners": [one.owner_id for one in folded],
        "statuses": [one.status for one in folded],
        "state_times": [one.at for one in folded],
    }


def _receipts(answered: Sequence[Receipt]) -> _Arguments:
    if not answered:
        return {}
    return {
        "commands": [one.command_id for one in answered],
        "hashes": [f"\\x{one.request_hash.hex()}" for one in answered],
        "responses": [one.response for one in answered],
    }


def _claims(kind: str, claims: Iterable[Claim]) -> _Arguments:
    held = list(claims)
    if not held:
        return {}
    return {
        f"{kind}_scopes": [one.scope for one in held],
        f"{kind}_keys": [one.key for one in held],
        f"{kind}_ids": [one.holder_id for one in held],
    }


@cache
def _call(*parameters: str) -> str:
    named = ", ".join(f"p_{name} => %s" for name in parameters)
    return f"select jovey.append({named})::text"  # one value: four columns would first be written into a table


def _ask(connection: Connection, question: str, arrays: Iterable[Iterable[Any]]) -> list[tuple[Any, ...]]:
    """The answer's rows, by the driver's own cursor: SQLAlchemy describes each answer anew, for some 100 µs.

    A transaction begins and errors are raised as by SQLAlchemy; a lost connection is not used again.
    """
    if not connection.in_transaction():
        connection.begin()
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        return driver.execute(question, [_array(values) for values in arrays]).fetchall()
    except psycopg.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(question, None, error, psycopg.Error, connection_invalidated=driver.closed) from error


def _array(values: Iterable[Any]) -> str:
    """An array in Postgres's own notation, its type left to the function called: psycopg takes ten times as long."""
    elements = list(values)
    if len(elements) > 1 and elements[0] is elements[-1] and elements.count(elements[0]) == len(elements):
        return "{" + ",".join([_element(elements[0])] * len(elements)) + "}"
    return "{" + ",".join(map(_element, elements)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, UUID):
        return f"{value.int:032x}"
    return str(value)  # numbers and times need no quotes


def _number(text: str) -> int | None:
    return int(text) if text else None


# a subquery, not a join: only the rows of people pay for it
_KEY = """case when aggregate_type in ('customer', 'staff_member') then
    (select uuid_send(key_id) || wrapped_key from jovey.person_keys where person_id = aggregate_id) end"""
