"""Parity: where the stored states and natural keys are not the fold of the log."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from api.refold import EVERYTHING, Claims, Refolded, Span, refold
from warehouse.events.event import Ref
from warehouse.log.rows import streamed


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a stream's stored state is not the fold of its events. `path` is like `state.lines.0.quantity`."""

    ref: Ref
    path: str
    stored: Any
    refolded: Any


@dataclass(frozen=True, slots=True)
class Compared:
    """A stream and where it is not stored as it folds; `refolded` is None when the log has no event of it."""

    ref: Ref
    refolded: Refolded | None
    differences: tuple[Difference, ...]


def compared(connection: Connection, span: Span = EVERYTHING) -> Generator[Compared]:
    """Every stream of a span, in the order of ids: without differences where it is stored as it folds.

    Claims held by no stream at all come last. Give it a REPEATABLE READ transaction. Raises UnreadableFact.
    """
    ends = (span.first, span.last)
    with (
        closing(streamed(connection, "states", _STATES, ends, _State)) as stored,
        closing(streamed(connection, "claims", _CLAIMS, ends, _Claim)) as claimed,
        closing(refold(connection, span)) as refolded,
    ):
        claims = _ClaimsByStream(claimed)
        for ref, row, folded in _side_by_side(stored, refolded):
            yield Compared(ref, folded, tuple(_compared(ref, row, folded, claims.of(ref.id))))
        for id, held in claims.rest():
            ref = Ref("unknown", id)
            yield Compared(ref, None, (Difference(ref, "claims", _told(held), []),))


def unlike(connection: Connection, span: Span = EVERYTHING) -> Generator[Compared]:
    """As compared(), those alone that are not stored as they fold."""
    with closing(compared(connection, span)) as found:
        yield from (one for one in found if one.differences)


def differences(connection: Connection, span: Span = EVERYTHING) -> Generator[Difference]:
    """Every field in which they differ; a stream that is missing on one side is one difference, with the empty path."""
    with closing(unlike(connection, span)) as found:
        for one in found:
            yield from one.differences


class _State(NamedTuple):
    aggregate_id: UUID
    aggregate_type: str
    version: int
    state: str
    owner_id: UUID | None
    status: str
    created_at: datetime
    updated_at: datetime


class _Claim(NamedTuple):
    aggregate_id: UUID
    scope: str
    key: str


_STATES = """
    select aggregate_id, aggregate_type, version, state::text, owner_id, status, created_at, updated_at
    from jovey.states where aggregate_id between %s and %s order by aggregate_id"""
_CLAIMS = """
    select aggregate_id, scope, key from jovey.unique_claims where aggregate_id between %s and %s
    order by aggregate_id, scope, key"""


def _side_by_side(
    stored: Iterator[_State], refolded: Iterator[Refolded]
) -> Iterator[tuple[Ref, _State | None, Refolded | None]]:
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


def _compared(ref: Ref, row: _State | None, folded: Refolded | None, claims: Claims) -> Iterator[Difference]:
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


class _ClaimsByStream:
    """The stored claims, read along with the states: both in the order of stream ids."""

    def __init__(self, rows: Iterator[_Claim]) -> None:
        self._groups = (
            (id, frozenset((row.scope, row.key) for row in held))
            for id, held in groupby(rows, key=attrgetter("aggregate_id"))
        )
        self._next = next(self._groups, None)
        self._passed: list[tuple[UUID, Claims]] = []

    def of(self, id: UUID) -> Claims:
        """The claims of a stream; ask in the order of ids."""
        while self._next is not None and self._next[0] < id:
            self._passed.append(self._next)
            self._next = next(self._groups, None)
        if self._next is None or self._next[0] != id:
            return frozenset()
        held = self._next[1]
        self._next = next(self._groups, None)
        return held

    def rest(self) -> Iterator[tuple[UUID, Claims]]:
        """Claims of streams that nobody asked for."""
        yield from self._passed
        while self._next is not None:
            yield self._next
            self._next = next(self._groups, None)
