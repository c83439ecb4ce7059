"""replace() for states: folds take this step for most events, and dataclasses' own would be a third of their time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["replace"]

if TYPE_CHECKING:
    from dataclasses import replace  # which fields there are, and of which types, is known of this one
else:
    S = TypeVar("S")

    def replace(state: S, /, **changes: Any) -> S:
        """A copy of a dataclass without slots, with these fields changed. Raises KeyError for others."""
        fields = state.__dict__
        if not changes.keys() <= fields.keys():
            raise KeyError(*changes.keys() - fields.keys())
        copy = object.__new__(type(state))
        object.__setattr__(copy, "__dict__", fields | changes)  # one copy of a dict, whatever the number of fields
        return copy
