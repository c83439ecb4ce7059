"""Decider: a kind of stream, the rules about it, and what they look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from api.command import Command, ReadsOf, reads_nothing
from api.given import Given
from api.stream import Stream
from warehouse.events.event import Event, Recorded

S = TypeVar("S")

React = Callable[[Recorded[Any], Given], Iterable[Command]]
"""A fact and the states after it -> what other streams are asked to do about it; pure, in the same transaction."""


@dataclass(frozen=True)
class Decider(Generic[S]):
    """`decide(state, command, given)` gives the events that follow, none if nothing is to be done, or a Refusal."""

    stream: Stream[S]
    decide: Callable[[S, Any, Given], Sequence[Event]]
    reads: ReadsOf = reads_nothing
