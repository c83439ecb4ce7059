"""Command, the base of every wish, and Reads, the streams a wish looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from api.stream import Stream
from warehouse.events.event import Ref


class Command(BaseModel):
    """One wish in the imperative. Shape is checked here, sense in `decide`.

    `stream` names the kind of stream it acts on, `key` the field that holds the stream's id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stream: ClassVar[str]
    key: ClassVar[str]

    @property
    def ref(self) -> Ref:
        """The stream it acts on."""
        return Ref(self.stream, getattr(self, self.key))


@dataclass(frozen=True, slots=True)
class Reads:
    """The streams a command declares: `shared` it only looks at, `locked` it or its consequences will write.

    Masters (products, price lists, customers, suppliers) are shared; what moves (stock, accounts, orders) is locked.
    """

    shared: tuple[Ref, ...] = ()
    locked: tuple[Ref, ...] = ()


class Peek(Protocol):
    """Look at a state before anything is locked; should it move meanwhile, the command decides again."""

    def __call__(self, stream: Stream[Any], id: UUID, /) -> Any: ...


ReadsOf = Callable[[Any, Peek], Reads]


def reads_nothing(_command: Command, _peek: Peek) -> Reads:
    """For commands that look at their own stream alone."""
    return Reads()
