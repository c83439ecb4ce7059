"""The filters of the log: which events are asked for, and which of them the caller may see."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import ColumnElement, Select, literal, select, tuple_

from api.actor import Actor
from api.events.sight import types_seen
from api.paging import Paging
from warehouse.events.vocabulary import VOCABULARY
from warehouse.log.tables import history

Name = Annotated[str, StringConstraints(max_length=100)]


class Filters(BaseModel):
    """Which events; what is left out does not narrow them."""

    model_config = ConfigDict(frozen=True)

    event_type: Name | None = None
    aggregate_type: Name | None = None
    aggregate_id: UUID | None = None
    created_by: Name | None = Field(None, description="Who did it, as in `staff:<id>`.")
    correlation_id: UUID | None = Field(None, description="The command that began the chain.")
    since: AwareDatetime | None = Field(None, description="Recorded at or after this instant.")
    until: AwareDatetime | None = Field(None, description="Recorded before this instant.")

    @property
    def is_timed(self) -> bool:
        """Whether they name a time."""
        return (self.since or self.until) is not None

    def conditions(self, by: Actor) -> list[ColumnElement[bool]]:
        """What an event must be to be shown to this caller."""
        asked = {name: getattr(self, name) for name in _EQUAL}
        found = [history.c[name] == one for name, one in asked.items() if one is not None]
        found += [history.c.created_at >= self.since] if self.since else []
        found += [history.c.created_at < self.until] if self.until else []
        types = types_seen(by)
        if self.aggregate_type is not None:  # a kind of stream is some types of events, and types have an index
            own = frozenset(name for name, event in VOCABULARY.items() if event.stream == self.aggregate_type)
            types = own if types is None else types & own
        return found if types is None else [*found, history.c.event_type.in_(sorted(types))]


_EQUAL = ("event_type", "aggregate_type", "aggregate_id", "created_by", "correlation_id")


def newest(filters: Filters, by: Actor, paging: Paging) -> Select[Any]:
    """A page of events and one more, the newest first; by the time they were recorded where a time was asked for.

    Either order has an index, so that a page costs the same wherever in the log it lies.
    """
    wanted = select(history).where(*filters.conditions(by)).limit(paging.limit + 1)
    if not filters.is_timed:
        if after := paging.after_number():
            wanted = wanted.where(history.c.position < literal(after[0]))
        return wanted.order_by(history.c.position.desc())
    keys = (history.c.created_at, history.c.position)
    if moment := paging.after_instant():
        place = select(history.c.position).where(history.c.id == literal(moment[1])).scalar_subquery()
        wanted = wanted.where(tuple_(*keys) < tuple_(literal(moment[0]), place))
    return wanted.order_by(*(key.desc() for key in keys))


def address(filters: Filters, row: Any) -> tuple[str, UUID]:
    """Where the page after this row begins."""
    return (row.created_at.isoformat() if filters.is_timed else str(row.position)), row.id
