"""What is shown of the log: a fact and its envelope, and how the stream stood before and after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Row

from warehouse.vault import blanked


class EventView(BaseModel):
    """A fact and its envelope, as the log holds them; words about people read `hidden`."""

    id: UUID
    event_type: str
    aggregate_type: str
    aggregate_id: UUID
    version: int = Field(description="Its place in its stream.")
    schema_version: int
    effective_at: datetime = Field(description="When it happened in the business.")
    created_at: datetime = Field(description="When the log learned of it.")
    created_by: str
    subject_id: UUID | None
    correlation_id: UUID = Field(description="The command that began the chain.")
    causation_id: UUID = Field(description="The command or event right before.")
    data: Mapping[str, Any]
    metadata: Mapping[str, Any]


class EventDetail(EventView):
    """A fact with what led to it and what followed, and its stream before and after.

    Words about people are shown to who works in `customers`, to others they read `hidden`; of who was erased, `erased`.
    """

    causes: tuple[EventView, ...] = Field(description="The facts that led to it, the nearest first.")
    effects: tuple[EventView, ...] = Field(description="The facts it caused, directly or through others, in order.")
    before: Mapping[str, Any] | None = Field(description="The stream's state before it; null when it began the stream.")
    after: Mapping[str, Any] | None = Field(description="The stream's state after it.")
    is_refolded: bool = Field(
        description="False where a stream is too long to fold, or begins in the archive: before and after are null."
    )
    archived_events: int = Field(
        description="How many events of its stream stand in the archive alone; causes and effects may be among them."
    )


def event_view(row: Row[Any]) -> EventView:
    """An event as the log holds it."""
    fields = {name: one for name, one in row._mapping.items() if name in EventView.model_fields}  # noqa: SLF001
    return EventView(**fields | {"data": json.loads(blanked(json.dumps(row.data)))})
