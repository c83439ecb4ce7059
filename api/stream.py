"""Stream: what the shell must know of one kind of stream to fold, store and list it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import TypeAdapter

from warehouse.events.event import Happened, Ref

S = TypeVar("S")


@dataclass(frozen=True)
class Stream(Generic[S]):
    """One kind of stream. `evolve` is the fold's step; the other functions say what a stored state is found by.

    `initial` is the state of a stream that does not exist. `owner` is the customer a row belongs to (for row-level
    security), `status` one word for lists, `claims` the (scope, key) pairs that no other stream may hold; where
    `has_personal_claims`, a keyed hash stands for the key, and `claims` hands it on as the state has it, hidden or not.
    A fold only carries personal texts along: they come hidden.
    """

    name: str
    initial: S
    evolve: Callable[[S, Happened[Any]], S]
    status: Callable[[S], str]
    owner: Callable[[S], UUID | None] = lambda _: None
    claims: Callable[[S], Iterable[tuple[str, str]]] = lambda _: ()
    has_personal_claims: bool = False

    @cached_property
    def _adapter(self) -> TypeAdapter[S]:
        return TypeAdapter(type(self.initial))

    def parse(self, state: str) -> S:
        """The state from its stored JSON."""
        return self._adapter.validate_json(state)

    def dump(self, state: S) -> str:
        """The state as JSON, as stored."""
        return self._adapter.dump_json(state).decode()

    def ref(self, id: UUID) -> Ref:
        """The address of one stream of this kind."""
        return Ref(self.name, id)
