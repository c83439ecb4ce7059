"""Views: what callers see of a stream, declared field by field; what is for staff alone stays away from buyers."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from api.actor import Actor


class StaffOnly:
    """Marks a field of a view that buyers never see: it is left out of what they get, not emptied."""


class Shown(BaseModel):
    """A part of a view: an address, a line."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class View(Shown):
    """What a caller sees of a stream: the fields of its state that bear the same names as the view's."""

    id: UUID
    version: int = Field(description="Grows with every change; it is the ETag, and `If-Match` takes it.")

    @classmethod
    def of(cls, id: UUID, version: int, state: Any, by: Actor) -> Self:
        """The view of a state for this caller."""
        hidden = set() if by.kind in {"staff", "agent", "system"} else cls.staff_only()
        named = cls.model_fields.keys() - hidden - {"id", "version"}
        return cls(id=id, version=version, **{name: getattr(state, name) for name in named})

    @classmethod
    def staff_only(cls) -> set[str]:
        """The fields that buyers never see; each has a default, so that it can be left out."""
        return {
            name
            for name, field in cls.model_fields.items()
            if any(isinstance(mark, StaffOnly) for mark in field.metadata)
        }


class _SparseRoute(APIRoute):
    """A route that leaves out what a view left unset."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options | {"response_model_exclude_unset": True})


def routed(prefix: str, function: str) -> APIRouter:
    """The router of a function's doors."""
    return APIRouter(prefix=prefix, tags=[function], route_class=_SparseRoute)
