"""Given: everything a rule may know besides its own state and the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from api.actor import Actor
from api.rules import Rules
from api.stream import Stream
from warehouse.clock import calendar_date
from warehouse.events.event import Ref

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Given:
    """Who asks, when it takes effect, the numbers to go by, and the states the command declared that it reads."""

    ref: Ref
    command_id: UUID
    by: Actor
    at: datetime
    rules: Rules
    version: int
    lookup: Callable[[Stream[Any], UUID], Any]

    def state(self, stream: Stream[S], id: UUID) -> S:
        """The state of a declared stream; its initial state when it does not exist."""
        found: S = self.lookup(stream, id)
        return found

    @property
    def exists(self) -> bool:
        """Whether the command's own stream has begun."""
        return self.version > 0

    @property
    def today(self) -> date:
        """The company's calendar date of `at`."""
        return calendar_date(self.at, self.rules.time_zone)
